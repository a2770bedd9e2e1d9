//! Asking the actors of an app, and waiting for their answers.

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};

use super::instance::{Goal, Message};
use super::terms::Input;

/// An instance, and how to reach its actor.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) pm_id: u32,
    pub(super) index: u32,
    pub(super) actor: mpsc::UnboundedSender<Message>,
}

/// Asks an actor; the answer comes when the goal is reached or cannot be.
pub(super) fn ask(slot: &Slot, input: Input, goal: Goal) -> impl Future<Output = Result<(), String>> + Send + use<> {
    let (done, answer) = oneshot::channel();
    let sent = slot.actor.send(Message::Do { input, goal, done });
    async move {
        match sent {
            Ok(()) => answer.await.unwrap_or_else(|_| Err("it was deleted meanwhile".into())),
            Err(_) => Err("it was deleted meanwhile".into()),
        }
    }
}

/// Waits until an actor has taken up what there was when it began.
pub(super) fn begun(slot: &Slot) -> impl Future<Output = ()> + Send + use<> {
    let (done, answer) = oneshot::channel();
    let _ = slot.actor.send(Message::Begun(done));
    async move { _ = answer.await }
}

/// Asks several actors and gives what went wrong.
pub(super) async fn request_all(slots: &[Slot], input: &Input, goal: Goal) -> Vec<String> {
    let results = join_all(slots.iter().map(|slot| ask(slot, input.clone(), goal))).await;
    results.into_iter().filter_map(Result::err).collect()
}
