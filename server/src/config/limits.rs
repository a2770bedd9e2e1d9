//! What an app and its processes may use and do: `limits`, `nice`, `umask`, `no_new_privs`.

use app::model::{AppSpec, TreeLimits};
use serde_json::Value;

use super::{
    entry::Entry,
    keys,
    value::{self, limits, number, size},
};

/// The keys of `limits`.
const LIMITS: [&str; 4] = ["memory", "cpu", "pids", "nofile"];

/// Reads the keys of an app that are about this.
pub(super) fn read(entry: &mut Entry, spec: &mut AppSpec) {
    spec.nice = entry.read("nice", limits::nice);
    spec.umask = entry.read("umask", limits::umask);
    spec.no_new_privs = entry.read("no_new_privs", value::switch).unwrap_or(false);
    let Some(Value::Object(written)) = entry.read("limits", value::object) else { return };
    for (key, value) in written.iter().filter(|(_, value)| !value.is_null()) {
        let place = format!("limits.{key}");
        match limit(&mut spec.limits, key, value) {
            Some(Ok(())) => {}
            Some(Err(message)) => entry.error(Some(&place), message),
            None => {
                let hint = keys::nearest(key, LIMITS.into_iter()).map(|near| format!("; is {near} meant?")).unwrap_or_default();
                entry.warn(Some(&place), format!("unknown key, it is ignored{hint}"));
            }
        }
    }
}

/// Takes one key of `limits`. None if it is not one of them.
fn limit(limits: &mut TreeLimits, key: &str, value: &Value) -> Option<value::Read<()>> {
    let read = match key {
        "memory" => size::limit(value).map(|bytes| limits.memory_bytes = bytes),
        "cpu" => limits::cpu(value).map(|percent| limits.cpu_percent = Some(percent)),
        "pids" => number::at_least_one(value).map(|count| limits.pids = Some(count)),
        "nofile" => number::at_least_one(value).map(|count| limits.nofile = Some(count)),
        _ => return None,
    };
    Some(read)
}
