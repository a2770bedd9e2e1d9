//! What an app waits for before it is started.

use std::collections::HashSet;

use app::model::{App, Dependency, Instance, State, Until};

use super::terms::Dependencies;

/// How those stand that are needed.
pub(super) fn stand(needed: &[Dependency], apps: &[App]) -> Dependencies {
    stand_below(&[], needed, apps)
}

/// `above` are those on the way here, which wait themselves: files that were read apart may need each other in a circle.
fn stand_below(above: &[&str], needed: &[Dependency], apps: &[App]) -> Dependencies {
    let mut coming = Vec::new();
    for Dependency { app: name, until } in needed {
        let resting = |why: &str| Dependencies::Resting(format!("waits for {name}, which {why}"));
        let Some(app) = apps.iter().find(|app| app.name == *name) else {
            return resting("is not there; add it, or mend depends_on");
        };
        if app.instances.iter().all(|one| is_so(app, one, *until)) {
            continue;
        }
        match app.state {
            State::Errored => return resting("was given up; mend it and start it"),
            State::BackingOff => return resting("is down and tried again"),
            _ if !app.wanted => return resting("is stopped; start it as well"),
            State::Stopped if app.reason.is_some() && *until == Until::Completed => return resting("failed; start it again"),
            State::Stopped if app.reason.is_some() => return resting("has ended; start it again"),
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

fn is_so(app: &App, one: &Instance, until: Until) -> bool {
    match until {
        Until::Started => one.pid.is_some() && matches!(one.state, State::Starting | State::Online),
        Until::Ready => one.state == State::Online,
        Until::Healthy => {
            // Each of several may have a port of its own.
            let listens = app.env_port.is_none() || one.port == app.env_port || app.instances.len() > 1 && one.port.is_some();
            one.state == State::Online && app.probe.as_ref().map_or(listens, |probe| probe.healthy == Some(true))
        }
        // One that was not started yet has no reason to rest. How it ended is known as long as this node runs.
        Until::Completed => {
            let ended = one.state == State::Stopped && app.wanted && one.reason.is_some();
            ended && one.last_exit.as_ref().is_none_or(|exit| exit.exit_code == Some(0))
        }
    }
}

/// Names of apps in the order in which they are to end: those first that nobody needs, each row at once.
/// `needs` has each app with what it depends on; in a circle, the order is any.
pub(super) fn last_first(needs: &[(String, Vec<String>)]) -> Vec<Vec<&str>> {
    let mut left: Vec<_> = needs.iter().collect();
    let mut rows = Vec::new();
    while !left.is_empty() {
        let needed: HashSet<&String> =
            left.iter().copied().flat_map(|(name, needed)| needed.iter().filter(move |one| *one != name)).collect();
        let (mut row, mut rest): (Vec<_>, Vec<_>) = left.iter().copied().partition(|(name, _)| !needed.contains(name));
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
    use app::model::{AppSpec, Exit, Time};

    fn need(app: &str, until: Until) -> Dependency {
        Dependency { app: app.into(), until }
    }

    fn app(name: &str, wanted: bool, state: State) -> App {
        waiting(name, wanted, state, &[])
    }

    fn waiting(name: &str, wanted: bool, state: State, needs: &[&str]) -> App {
        let spec = AppSpec { name: name.into(), ..AppSpec::default() };
        let mut app = view::new_app(&spec, wanted, Time(0), vec![view::new_instance(0, 0, 0, Time(0))]);
        (app.state, app.instances[0].state) = (state, state);
        app.depends_on = needs.iter().map(|one| need(one, Until::Ready)).collect();
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
        let stand = |needed: &[&str]| stand(&needed.iter().map(|name| need(name, Until::Ready)).collect::<Vec<_>>(), &apps);
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
        let stand = |needed: &str| stand(&[need(needed, Until::Ready)], &apps);
        assert_eq!(stand("api"), Dependencies::Coming("waits for api".into()));
        let lame = "waits for lame, which waits for broken, which was given up; mend it and start it";
        assert_eq!(stand("lame"), Dependencies::Resting(lame.into()));
        let egg = "waits for egg, which waits for hen, which waits for egg, which waits for it in turn; mend depends_on";
        assert_eq!(stand("egg"), Dependencies::Resting(egg.into()));
    }

    #[test]
    fn how_far_it_has_to_be() {
        let mut job = app("job", true, State::Starting);
        let so = |job: &App| {
            [Until::Started, Until::Ready, Until::Healthy, Until::Completed]
                .map(|until| stand(&[need("job", until)], std::slice::from_ref(job)) == Dependencies::Ready)
        };
        assert_eq!(so(&job), [false; 4]);
        job.instances[0].pid = Some(7);
        assert_eq!(so(&job), [true, false, false, false]);
        (job.state, job.instances[0].state, job.env_port) = (State::Online, State::Online, Some(80));
        assert_eq!(so(&job), [true, true, false, false]);
        job.instances[0].port = Some(80);
        assert_eq!(so(&job), [true, true, true, false]);
        (job.state, job.instances[0].state, job.instances[0].pid) = (State::Stopped, State::Stopped, None);
        assert_eq!(so(&job), [false; 4], "it was not started yet");
        job.reason = Some("autorestart is off".into());
        job.instances[0].reason = job.reason.clone();
        assert_eq!(so(&job), [false, false, false, true]);
        let exit = |code| Exit { exit_code: Some(code), ..Exit::default() };
        job.instances[0].last_exit = Some(exit(1));
        let failed = stand(&[need("job", Until::Completed)], std::slice::from_ref(&job));
        assert!(matches!(failed, Dependencies::Resting(why) if why.contains("job, which failed")));
        job.instances[0].last_exit = Some(exit(0));
        assert_eq!(so(&job), [false, false, false, true]);
        job.wanted = false;
        assert_eq!(so(&job), [false; 4], "somebody stopped it");
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
