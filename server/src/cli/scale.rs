//! `qd scale`: more or fewer instances of an app; those that run go on.

use app::model::{AppSpec, State};
use clap::Args;

use super::context::Context;
use super::{Failure, apply, format};

/// Which app, and how many.
#[derive(Args, Clone, Debug)]
pub(super) struct Scale {
    /// Name or id of an app
    #[arg(value_name = "APP")]
    app: String,
    /// How many instances it is to have; +N adds some, -N takes some away
    #[arg(value_name = "NUMBER", allow_hyphen_values = true)]
    number: String,
}

impl Scale {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let apps = context.selected(std::slice::from_ref(&self.app)).await?;
        let [app] = apps.as_slice() else {
            return Err(Failure::Usage(format!("{} means {} apps; name one", format::plain(&self.app), apps.len())));
        };
        let definitions = context.definitions().await?;
        let Some(definition) = definitions.into_iter().find(|definition| definition.app.name == app.name) else {
            return Err(Failure::failed("it was deleted meanwhile"));
        };
        let instances = self.wanted(definition.spec.instances.max(1))?;
        apply::post(context, &[AppSpec { instances, ..definition.spec }]).await?;
        let now = context.selected(std::slice::from_ref(&app.name)).await?;
        let online = now.iter().flat_map(|app| &app.instances).filter(|one| one.state == State::Online).count();
        let name = format::plain(&app.name);
        context.screen.say(&format!("{name}: {online} of {} online", app::format::count(instances.into(), "instance")))
    }

    fn wanted(&self, have: u32) -> Result<u32, Failure> {
        let wrong = || Failure::Usage(format!("{:?} is no number of instances; write 4, +1 or -1", self.number));
        let wanted = match self.number.as_bytes().first() {
            Some(b'+' | b'-') => i64::from(have) + self.number.parse::<i64>().map_err(|_| wrong())?,
            _ => self.number.parse().map_err(|_| wrong())?,
        };
        match u32::try_from(wanted) {
            Ok(wanted @ 1..=1000) => Ok(wanted),
            Ok(0) | Err(_) if wanted < 1 => Err(Failure::Usage("an app has at least one instance; `qd stop` ends it".into())),
            _ => Err(Failure::Usage(format!("{wanted} instances are more than 1000, which is the most"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many() {
        let wanted = |number: &str| Scale { app: "a".into(), number: number.into() }.wanted(3);
        for (number, want) in [("5", 5), ("+2", 5), ("-2", 1), ("1", 1)] {
            assert_eq!(wanted(number).unwrap(), want, "{number}");
        }
        for wrong in ["", "0", "-3", "x", "+", "1001", "+9999999999999999999", "1.5"] {
            assert!(matches!(wanted(wrong), Err(Failure::Usage(_))), "{wrong}");
        }
    }
}
