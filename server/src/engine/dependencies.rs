//! What an app waits for before it is started.

use app::model::{App, State};

use super::terms::Dependencies;

/// How those stand that are needed. An app is ready when each of its instances runs.
pub(super) fn stand(needed: &[String], apps: &[App]) -> Dependencies {
    stand_below(&[], needed, apps)
}

/// `above` are those on the way here, which wait themselves: files that were read apart may need each other in a circle.
fn stand_below(above: &[&str], needed: &[String], apps: &[App]) -> Dependencies {
    let mut coming = Vec::new();
    for name in needed {
        let resting = |why: &str| Dependencies::Resting(format!("waits for {name}, which {why}"));
        let Some(app) = apps.iter().find(|app| app.name == *name) else {
            return resting("is not there; add it, or mend depends_on");
        };
        if app.instances.iter().all(|one| one.state == State::Online) {
            continue;
        }
        match app.state {
            State::Errored => return resting("was given up; mend it and start it"),
            State::BackingOff => return resting("is down and tried again"),
            _ if !app.wanted => return resting("is stopped; start it as well"),
            _ if above.contains(&name.as_str()) => return resting("waits for it in turn; mend depends_on"),
            State::Starting => match stand_below(&[above, &[name.as_str()]].concat(), &app.depends_on, apps) {
                Dependencies::Resting(why) => return resting(&why),
                Dependencies::Ready | Dependencies::Coming(_) => coming.push(name.as_str()),
            },
            _ => coming.push(name.as_str()),
        }
    }
    if coming.is_empty() { Dependencies::Ready } else { Dependencies::Coming(format!("waits for {}", coming.join(", "))) }
}

/// Names of apps in the order in which they are to end: those first that nobody needs, each row at once.
/// `needs` has each app with what it depends on; in a circle, the order is any.
pub(super) fn last_first(needs: &[(String, Vec<String>)]) -> Vec<Vec<&str>> {
    let mut left: Vec<_> = needs.iter().collect();
    let mut rows = Vec::new();
    while !left.is_empty() {
        let is_needed = |name: &str| left.iter().any(|(other, needed)| other != name && needed.iter().any(|one| one == name));
        let (mut row, mut rest): (Vec<_>, Vec<_>) = left.iter().copied().partition(|(name, _)| !is_needed(name));
        if row.is_empty() {
            std::mem::swap(&mut row, &mut rest);
        }
        rows.push(row.into_iter().map(|(name, _)| name.as_str()).collect());
        left = rest;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::view;
    use app::model::{AppSpec, Time};

    fn app(name: &str, wanted: bool, state: State) -> App {
        waiting(name, wanted, state, &[])
    }

    fn waiting(name: &str, wanted: bool, state: State, needs: &[&str]) -> App {
        let spec = AppSpec { name: name.into(), ..AppSpec::default() };
        let mut app = view::new_app(&spec, wanted, Time(0), vec![view::new_instance(0, 0, 0, Time(0))]);
        (app.state, app.instances[0].state) = (state, state);
        app.depends_on = needs.iter().map(|one| (*one).to_owned()).collect();
        app
    }

    #[test]
    fn ready_coming_or_resting() {
        let apps = [
            app("db", true, State::Online),
            app("cache", true, State::Starting),
            app("queue", true, State::Stopping),
            app("down", true, State::BackingOff),
            app("off", false, State::Stopped),
            app("broken", true, State::Errored),
        ];
        let stand = |needed: &[&str]| stand(&needed.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), &apps);
        assert_eq!(stand(&["db"]), Dependencies::Ready);
        assert_eq!(stand(&["db", "cache", "queue"]), Dependencies::Coming("waits for cache, queue".into()));
        for resting in ["off", "down", "broken", "gone"] {
            assert!(matches!(stand(&["cache", resting]), Dependencies::Resting(why) if why.contains(resting)));
        }
    }

    #[test]
    fn what_is_needed_may_wait_itself() {
        let apps = [
            app("db", true, State::Starting),
            waiting("api", true, State::Starting, &["db"]),
            app("broken", true, State::Errored),
            waiting("lame", true, State::Starting, &["broken"]),
            waiting("hen", true, State::Starting, &["egg"]),
            waiting("egg", true, State::Starting, &["hen"]),
        ];
        let stand = |needed: &str| stand(&[needed.to_owned()], &apps);
        assert_eq!(stand("api"), Dependencies::Coming("waits for api".into()));
        let lame = "waits for lame, which waits for broken, which was given up; mend it and start it";
        assert_eq!(stand("lame"), Dependencies::Resting(lame.into()));
        let egg = "waits for egg, which waits for hen, which waits for egg, which waits for it in turn; mend depends_on";
        assert_eq!(stand("egg"), Dependencies::Resting(egg.into()));
    }

    #[test]
    fn an_end_in_order() {
        let needs = |pairs: &[(&str, &[&str])]| -> Vec<(String, Vec<String>)> {
            pairs
                .iter()
                .map(|(name, needed)| ((*name).to_owned(), needed.iter().map(|one| (*one).to_owned()).collect()))
                .collect()
        };
        let apps = needs(&[("db", &[]), ("web", &["api", "db"]), ("api", &["db", "gone"]), ("alone", &[])]);
        assert_eq!(last_first(&apps), [vec!["web", "alone"], vec!["api"], vec!["db"]]);
        let circle = needs(&[("a", &["b"]), ("b", &["a"]), ("c", &["a"])]);
        assert_eq!(last_first(&circle), [vec!["c"], vec!["a", "b"]]);
        assert!(last_first(&[]).is_empty());
    }
}
