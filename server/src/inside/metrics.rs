//! What apps count themselves: told over the channel of Node apps as `@pm2/io` does, or read from their `/metrics`.

use std::collections::{BTreeMap, HashMap};

use app::model::App;

use super::Inside;

/// Values by their names.
pub type Metrics = BTreeMap<String, f64>;

/// How many an app may have.
const MOST: usize = 20;
/// How long a name may be, in characters.
const LONGEST_NAME: usize = 64;

/// What was told last.
#[derive(Debug, Default)]
pub(super) struct Told {
    by_process: HashMap<u32, Metrics>,
    by_app: HashMap<String, Metrics>,
}

/// Adds what is told, as long as there is room and it has names that can be shown.
fn put(metrics: &mut Metrics, told: impl IntoIterator<Item = (String, f64)>) {
    for (name, value) in told {
        let is_fit = !name.is_empty() && name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control);
        if is_fit && value.is_finite() && (metrics.len() < MOST || metrics.contains_key(&name)) {
            metrics.insert(name, value);
        }
    }
}

impl Inside {
    /// A process told these of its metrics; what it told before stays.
    pub fn note_metrics(&self, pid: u32, told: impl IntoIterator<Item = (String, f64)>) {
        put(self.heard().told.by_process.entry(pid).or_default(), told);
    }

    /// These were read from an app, in the place of what was read before.
    pub fn set_metrics(&self, app: &str, read: Vec<(String, f64)>) {
        let mut metrics = Metrics::new();
        put(&mut metrics, read);
        let mut heard = self.heard();
        if metrics.is_empty() {
            heard.told.by_app.remove(app);
        } else {
            heard.told.by_app.insert(app.to_owned(), metrics);
        }
    }

    /// A process has ended.
    pub fn forget(&self, pid: u32) {
        self.heard().told.by_process.remove(&pid);
    }

    /// Those of an app: what was read from it, and of what its processes told the mean, as PM2 shows it.
    #[must_use]
    pub fn metrics(&self, app: &App) -> Metrics {
        let heard = self.heard();
        let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        let told = app.instances.iter().filter_map(|one| heard.told.by_process.get(&one.pid?));
        for (name, value) in told.flatten() {
            let sum = sums.entry(name).or_default();
            *sum = (sum.0 + value, sum.1 + 1.0);
        }
        let mut metrics = heard.told.by_app.get(&app.name).cloned().unwrap_or_default();
        put(&mut metrics, sums.into_iter().map(|(name, (sum, count))| (name.to_owned(), sum / count)));
        metrics
    }
}
