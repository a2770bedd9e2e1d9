//! What counts as trouble, within `health`.

use app::model::{Remedy, Signs, Threshold};
use serde_json::{Map, Value};

use super::health::remedy;
use super::{Read, duration, number, wrong};

pub(super) const KEYS: [&str; 5] = ["cpu", "lag", "files", "silence", "leak"];

/// What a number stands for.
type Measure = fn(&Value) -> Read<u64>;

/// The defaults, and what was told.
pub(super) fn signs(written: &Map<String, Value>, cooldown_ms: u64) -> Read<Signs> {
    let mut signs = Signs { cooldown_ms, ..Signs::default() };
    let percent: Measure = |value| number::at_least_one(&without_percent(value)).map(u64::from);
    let time: Measure = duration::positive_ms;
    let rows: [(&str, &mut Option<Threshold>, Measure); 5] = [
        ("cpu", &mut signs.cpu, percent),
        ("lag", &mut signs.lag, time),
        ("files", &mut signs.files, percent),
        ("silence", &mut signs.silence, time),
        ("leak", &mut signs.leak, |value| number::at_least_one(value).map(u64::from)),
    ];
    for (key, rule, measure) in rows {
        if let Some(value) = written.get(key).filter(|value| !value.is_null()) {
            *rule = threshold(value, *rule, measure).map_err(|why| format!("{key}: {why}"))?;
        }
    }
    Ok(signs)
}

/// `false`, a limit, or an object with what differs from the default.
fn threshold(value: &Value, default: Option<Threshold>, measure: Measure) -> Read<Option<Threshold>> {
    let mut rule = default.unwrap_or(Threshold { above: 0, for_ms: 0, remedy: Remedy::Tell });
    match value {
        Value::Bool(false) => return Ok(None),
        Value::Bool(true) if default.is_some() => {}
        Value::Object(written) => {
            for (key, value) in written {
                let read = match key.as_str() {
                    "above" => measure(value).map(|above| rule.above = above),
                    "for" => duration::positive_ms(value).map(|ms| rule.for_ms = ms),
                    "on_failure" => remedy(value).map(|remedy| rule.remedy = remedy),
                    _ => Err("is not known; there are above, for and on_failure".into()),
                };
                read.map_err(|why| format!("{key}: {why}"))?;
            }
        }
        Value::Number(_) | Value::String(_) => rule.above = measure(value)?,
        _ => return wrong(value, "false, a limit, or an object such as { above: 90, for: \"30s\", on_failure: \"restart\" }"),
    }
    if rule.above == 0 {
        return Err("it needs a limit, as `above`".into());
    }
    Ok(Some(rule))
}

fn without_percent(value: &Value) -> Value {
    let number = value.as_str().and_then(|text| text.trim().strip_suffix('%')?.trim_end().parse::<u64>().ok());
    number.map_or_else(|| value.clone(), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Read<Signs> {
        signs(value.as_object().unwrap(), 60_000)
    }

    #[test]
    fn short_and_long() {
        assert_eq!(read(json!({})), Ok(Signs::default()));
        let signs = read(json!({
            "cpu": "95%", "lag": "2s", "files": false, "silence": {"above": "10m", "on_failure": "restart"},
            "leak": {"for": "20s", "above": 50},
        }));
        let signs = signs.unwrap();
        assert_eq!(signs.cpu, Some(Threshold { above: 95, for_ms: 30_000, remedy: Remedy::Tell }));
        assert_eq!(signs.lag.unwrap().above, 2000);
        assert_eq!(signs.files, None);
        assert_eq!(signs.silence, Some(Threshold { above: 600_000, for_ms: 0, remedy: Remedy::Restart }));
        assert_eq!(signs.leak, Some(Threshold { above: 50, for_ms: 20_000, remedy: Remedy::Tell }));
    }

    #[test]
    fn what_is_wrong() {
        for (value, why) in [
            (json!({"cpu": "much"}), "cpu: "),
            (json!({"cpu": {"over": 3}}), "over: is not known"),
            (json!({"silence": {}}), "as `above`"),
            (json!({"lag": true, "leak": [1]}), "leak: "),
            (json!({"cpu": {"for": 0}}), "for: "),
        ] {
            let told = read(value.clone()).unwrap_err();
            assert!(told.contains(why), "{value}: {told}");
        }
    }
}
