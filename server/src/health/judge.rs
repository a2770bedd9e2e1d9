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
