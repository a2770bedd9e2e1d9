//! Asking for an action, and telling what came of it.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::api::{Answer, ask};
use crate::model::Action;
use crate::route::encode;
use crate::ui::{Act, Ui};

/// How long a success is told; a failure stays until it is dismissed.
const TOLD: Duration = Duration::from_secs(4);

/// Asks for it. That it was taken shows at once, by the `Act` without a result.
pub(crate) fn act(ui: Ui, action: Action, name: String) {
    let busy = ui.acts.with_untracked(|acts| acts.get(&name).is_some_and(|act| act.result.is_none()));
    if busy || !ui.may_control {
        return;
    }
    ui.acts.update(|acts| drop(acts.insert(name.clone(), Act { action, result: None })));
    spawn_local(async move {
        let path = ["/api/control/", action.word(), "/", &encode(&name)].concat();
        let result = ask("POST", &path).await.and_then(|answer| judge(action, &answer));
        let told = result.clone().unwrap_or_else(|words| words);
        ui.said.set([&name, ": ", &told].concat());
        let done = Act { action, result: Some(result) };
        ui.acts.update(|acts| drop(acts.insert(name.clone(), done.clone())));
        if done.result.as_ref().is_some_and(Result::is_ok) {
            set_timeout(
                move || {
                    ui.acts.update(|acts| {
                        if acts.get(&name) == Some(&done) {
                            acts.remove(&name);
                        }
                    });
                },
                TOLD,
            );
        }
    });
}

fn judge(action: Action, answer: &Answer) -> Result<String, String> {
    match (answer.status, &answer.retry_after) {
        (200, _) => {
            let mut word = action.done().to_owned();
            word[..1].make_ascii_uppercase();
            Ok(word + ".")
        }
        (403, _) => Err("Your role may look but not touch. Ask for a token with the role operator.".into()),
        (429, Some(seconds)) => Err(["Too many requests at once. Try again in ", seconds, " s."].concat()),
        _ => Err(answer.problem()),
    }
}
