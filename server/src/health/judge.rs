//! The state of everything in a word (seed specification §8–9, told in `docs/API.md`).

use app::model::{Component, ComponentStatus, HealthStatus};

/// Something critical is down, or there is nothing at all: `DOWN`. Anything else is down: `DEGRADED`. Else `HEALTHY`.
#[must_use]
pub fn judge<'a>(components: impl IntoIterator<Item = &'a Component>) -> HealthStatus {
    let mut status = None;
    for component in components {
        match (component.status, component.critical) {
            (ComponentStatus::Down, true) => return HealthStatus::Down,
            (ComponentStatus::Down, false) => status = Some(HealthStatus::Degraded),
            (ComponentStatus::Live, _) => status = status.or(Some(HealthStatus::Healthy)),
        }
    }
    status.unwrap_or(HealthStatus::Down)
}

#[cfg(test)]
mod tests {
    use app::model::{HealthStatus, State};
    use proptest::prelude::*;

    use super::*;
    use crate::health::document;
    use crate::health::testing::{app, instance};

    fn status(apps: &[(State, bool)]) -> HealthStatus {
        let apps: Vec<_> = apps
            .iter()
            .enumerate()
            .map(|(at, (state, critical))| {
                let number = u32::try_from(at).unwrap();
                app(&format!("app-{at}"), *critical, vec![instance(number, *state)])
            })
            .collect();
        let document = document(&apps, &Default::default(), "host", Default::default(), Default::default());
        assert_eq!(document.status, judge(document.components.values()));
        document.status
    }

    #[test]
    fn rules() {
        use HealthStatus::{Degraded, Down, Healthy};
        use State::{BackingOff, Errored, Online, Starting, Stopped, Stopping, Unkillable};
        for (apps, expected) in [
            (&[][..], Down),
            (&[(Online, false)], Healthy),
            (&[(Online, true), (Online, false)], Healthy),
            (&[(Online, true), (Errored, false)], Degraded),
            (&[(Errored, false), (Online, true)], Degraded),
            (&[(Stopped, false)], Degraded),
            (&[(Stopped, true)], Down),
            (&[(Online, false), (Errored, false), (Errored, true)], Down),
            (&[(Errored, true), (Errored, false), (Online, true)], Down),
            (&[(Online, true), (Starting, true)], Down),
            (&[(Online, true), (Stopping, true)], Down),
            (&[(Online, true), (BackingOff, false)], Degraded),
            (&[(Online, true), (Unkillable, false)], Degraded),
        ] {
            assert_eq!(status(apps), expected, "{apps:?}");
        }
    }

    fn any_state() -> impl Strategy<Value = State> {
        use State::{BackingOff, Errored, Online, Starting, Stopped, Stopping, Unkillable};
        prop::sample::select(vec![Stopped, Starting, Online, Stopping, BackingOff, Errored, Unkillable])
    }

    proptest! {
        #[test]
        fn the_order_of_apps_does_not_matter(mut apps in prop::collection::vec((any_state(), any::<bool>()), 0..6), by in 0_usize..6) {
            let before = status(&apps);
            let by = by.min(apps.len());
            apps.rotate_left(by);
            prop_assert_eq!(status(&apps), before);
        }

        #[test]
        fn counts_match_the_components(
            apps in prop::collection::vec((any::<bool>(), prop::collection::vec((any_state(), 0_u32..9, 0.0_f32..400.0), 0..4)), 0..6),
        ) {
            let apps: Vec<_> = apps.into_iter().enumerate().map(|(at, (critical, instances))| {
                let instances = instances.into_iter().enumerate().map(|(index, (state, restarts, cpu_percent))| {
                    let number = u32::try_from(at * 10 + index).unwrap();
                    app::model::Instance { restarts, cpu_percent, ..instance(number, state) }
                });
                app(&format!("app-{at}"), critical, instances.collect())
            }).collect();
            let document = document(&apps, &Default::default(), "host", Default::default(), Default::default());
            let live: Vec<_> = document.components.values().filter(|one| one.status == ComponentStatus::Live).collect();
            prop_assert_eq!(document.components_live as usize, live.len());
            prop_assert_eq!(document.components_total as usize, apps.len());
            let is_healthy = document.status == HealthStatus::Healthy;
            prop_assert_eq!(is_healthy, !apps.is_empty() && live.len() == apps.len());
            for app in &apps {
                let component = &document.components[&app.name];
                let is_live = component.status == ComponentStatus::Live;
                prop_assert_eq!(is_live, component.instances_live > 0);
                prop_assert_eq!(is_live, component.pid.is_some());
                prop_assert_eq!(is_live, component.cpu_percent.is_some() && component.memory_rss_mb.is_some());
                prop_assert_eq!(is_live, component.uptime_seconds.is_some() && component.start_time.is_some());
                prop_assert!(is_live || component.port.is_none());
                prop_assert_eq!(component.instances_total as usize, app.instances.len());
                prop_assert_eq!(component.restart_count, app.restarts());
            }
        }
    }
}
