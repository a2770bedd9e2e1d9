//! What the checks of each instance have shown, and what that means for its app: it is well as long as one of them is.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use app::model::{EventKind, ProbeReport};

use crate::health::News;

/// Of all apps.
#[derive(Debug, Default)]
pub(super) struct Reports(Mutex<HashMap<String, OfApp>>);

#[derive(Debug, Default)]
struct OfApp {
    instances: BTreeMap<u32, ProbeReport>,
    /// Was it told that the app is not healthy?
    is_told: bool,
}

impl Reports {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, OfApp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the report of an instance, none if it is not checked, and gives that of the app.
    pub(super) fn put(&self, name: &str, index: u32, report: Option<ProbeReport>) -> Option<ProbeReport> {
        let mut all = self.lock();
        let app = all.entry(name.to_owned()).or_default();
        match report {
            Some(report) => _ = app.instances.insert(index, report),
            None => _ = app.instances.remove(&index),
        }
        together(&app.instances)
    }

    /// The report of an instance.
    pub(super) fn of(&self, name: &str, index: u32) -> Option<ProbeReport> {
        self.lock().get(name)?.instances.get(&index).cloned()
    }

    /// How news of an instance are told: as news of the app if they are that.
    pub(super) fn kind(&self, name: &str, news: News) -> EventKind {
        let mut all = self.lock();
        let app = all.entry(name.to_owned()).or_default();
        let is_down = together(&app.instances).is_some_and(|report| report.healthy == Some(false));
        match news {
            News::Failed if is_down => {
                app.is_told = true;
                EventKind::Unhealthy
            }
            News::Failed => EventKind::Warning,
            News::Recovered(_) if std::mem::take(&mut app.is_told) => EventKind::Healthy,
            News::Recovered(_) => EventKind::Cleared,
        }
    }

    /// Forgets the apps that are no more.
    pub(super) fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.lock().retain(|name, _| is_there(name));
    }
}

fn together(instances: &BTreeMap<u32, ProbeReport>) -> Option<ProbeReport> {
    let mut all = instances.iter();
    let first = all.next()?.1;
    if all.next().is_none() {
        return Some(first.clone());
    }
    let any = |healthy| instances.values().find(|one| one.healthy == healthy);
    let stands_for_all = any(Some(true)).or(any(None)).unwrap_or(first);
    let latencies = instances.values().filter_map(|one| one.latency_ms);
    let mut report = ProbeReport { latency_ms: latencies.reduce(f64::max), ..stands_for_all.clone() };
    let worst = instances.iter().filter(|(_, one)| one.message.is_some()).max_by_key(|(_, one)| one.healthy == Some(false));
    if let Some((index, worst)) = worst {
        report.failures = worst.failures;
        report.message = worst.message.as_ref().map(|message| format!("instance {index}: {message}"));
    }
    Some(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(healthy: Option<bool>) -> ProbeReport {
        let failed = healthy == Some(false);
        ProbeReport {
            what: "GET /".into(),
            policy: String::new(),
            healthy,
            since: None,
            failures: u32::from(failed),
            latency_ms: (!failed).then_some(2.0),
            detail: None,
            checked_at: None,
            message: failed.then(|| "answered 500".into()),
        }
    }

    #[test]
    fn one_that_is_well_is_enough() {
        let reports = Reports::default();
        assert_eq!(reports.put("a", 0, Some(report(Some(false)))), Some(report(Some(false))), "alone it is as it is");
        let both = reports.put("a", 1, Some(report(Some(true)))).unwrap();
        assert_eq!((both.healthy, both.failures, both.latency_ms), (Some(true), 1, Some(2.0)));
        assert_eq!(both.message.as_deref(), Some("instance 0: answered 500"));
        assert_eq!(reports.put("a", 1, Some(report(None))).unwrap().healthy, None);
        assert_eq!(reports.put("a", 1, Some(report(Some(false)))).unwrap().healthy, Some(false));
        assert_eq!(reports.of("a", 1), Some(report(Some(false))));
        reports.put("a", 0, None);
        assert_eq!(reports.put("a", 1, None), None);
    }

    #[test]
    fn news_of_the_app_and_of_an_instance() {
        let reports = Reports::default();
        let put = |index, healthy| _ = reports.put("a", index, Some(report(Some(healthy))));
        put(0, true);
        put(1, false);
        assert_eq!(reports.kind("a", News::Failed), EventKind::Warning);
        put(0, false);
        assert_eq!(reports.kind("a", News::Failed), EventKind::Unhealthy);
        put(1, true);
        assert_eq!(reports.kind("a", News::Recovered(1)), EventKind::Healthy);
        put(0, true);
        assert_eq!(reports.kind("a", News::Recovered(1)), EventKind::Cleared);
        reports.retain(|name| name != "a");
        assert_eq!(reports.of("a", 0), None);
    }
}
