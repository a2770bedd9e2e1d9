//! `health`: what is asked of an app, and what is done about the answer.

use app::model::{GrpcProbe, Health, HealthPolicy, Heartbeat, HttpProbe, LogProbe, Probe, Remedy, Signs};
use serde_json::{Map, Value};

use super::{Read, duration, number, signs, text, wrong};
use crate::config::keys;

const WANTED: &str =
    "false, a path or an address such as \"/health\", or an object such as { http: \"/health\", interval: \"10s\" }";
/// What is asked; one of them at most.
const PROBES: [&str; 6] = ["http", "tcp", "grpc", "command", "log", "heartbeat"];
const POLICY: [&str; 7] = ["interval", "timeout", "retries", "retry_interval", "cooldown", "start_period", "on_failure"];
/// A line or a sign of life may be so old where nothing was said.
const WITHIN_MS: u64 = 60_000;
const HTTP_KEYS: [&str; 7] = ["url", "path", "status", "body", "headers", "insecure", "max_latency"];

/// What it means, and warnings about keys that mean nothing.
pub(in crate::config) fn health(value: &Value) -> Read<(Health, Signs, Vec<String>)> {
    let mut warnings = Vec::new();
    let mut signs = Signs::default();
    let health = match value {
        Value::Bool(false) => {
            signs = Signs::OFF;
            Health::Off
        }
        Value::Bool(true) => Health::Automatic,
        Value::String(_) => Health::Probed(HealthPolicy::new(Probe::Http(http(value, &mut warnings)?))),
        Value::Object(written) => {
            let policy = policy(written, &mut warnings)?;
            signs = signs::signs(written, policy.cooldown_ms)?;
            // Who speaks of signs alone means the check that everybody has.
            let only_signs = written.keys().all(|key| signs::KEYS.contains(&key.as_str()));
            if only_signs { Health::Automatic } else { Health::Probed(policy) }
        }
        _ => return wrong(value, WANTED),
    };
    Ok((health, signs, warnings))
}

fn policy(written: &Map<String, Value>, warnings: &mut Vec<String>) -> Read<HealthPolicy> {
    let mut told = PROBES.iter().filter(|kind| written.get(**kind).is_some_and(|value| !value.is_null()));
    let kind = told.next();
    if let (Some(one), Some(other)) = (kind, told.next()) {
        return Err(format!("{one} and {other} exclude each other; take one of them"));
    }
    let probe =
        kind.map_or(Ok(Probe::Tcp(None)), |kind| probe(kind, &written[*kind], warnings).map_err(|why| format!("{kind}: {why}")))?;
    let mut policy = HealthPolicy::new(probe);
    for (key, value) in written.iter().filter(|(_, value)| !value.is_null()) {
        let read = match key.as_str() {
            "interval" => duration::positive_ms(value).map(|ms| policy.interval_ms = ms),
            "timeout" => duration::positive_ms(value).map(|ms| policy.timeout_ms = ms),
            "retries" => number::at_least_one(value).map(|count| policy.retries = count),
            "retry_interval" => duration::positive_ms(value).map(|ms| policy.retry_interval_ms = ms),
            "cooldown" => duration::ms(value).map(|ms| policy.cooldown_ms = ms),
            "start_period" => duration::ms(value).map(|ms| policy.start_period_ms = ms),
            "on_failure" => remedy(value).map(|remedy| policy.remedy = remedy),
            key if PROBES.contains(&key) || signs::KEYS.contains(&key) => Ok(()),
            _ => {
                let known: Vec<_> = PROBES.iter().chain(&POLICY).chain(&signs::KEYS).copied().collect();
                warnings.push(unknown(key, &known));
                Ok(())
            }
        };
        read.map_err(|why| format!("{key}: {why}"))?;
    }
    Ok(policy)
}

fn probe(kind: &str, value: &Value, warnings: &mut Vec<String>) -> Read<Probe> {
    Ok(match (kind, value) {
        ("http", value) => Probe::Http(http(value, warnings)?),
        ("tcp", Value::Bool(true)) => Probe::Tcp(None),
        ("tcp", value) => Probe::Tcp(Some(tcp(value)?)),
        ("grpc", Value::Bool(true)) => Probe::Grpc(GrpcProbe::default()),
        ("grpc", Value::Object(written)) => {
            warnings.extend(strangers(written, &["address", "service"]));
            Probe::Grpc(GrpcProbe {
                address: written.get("address").map(tcp).transpose()?,
                service: written.get("service").map(text::text).transpose()?.unwrap_or_default(),
            })
        }
        ("grpc", value) => Probe::Grpc(GrpcProbe { address: Some(tcp(value)?), service: String::new() }),
        ("command", value) => Probe::Command(text::text(value)?),
        ("log", Value::Object(written)) => {
            warnings.extend(strangers(written, &["line", "within"]));
            let line = written.get("line").ok_or("it has no line")?;
            Probe::Log(LogProbe { text: text::text(line)?, within_ms: within(written.get("within"))? })
        }
        ("log", value) => Probe::Log(LogProbe { text: text::text(value)?, within_ms: WITHIN_MS }),
        (_, Value::Bool(true)) => Probe::Heartbeat(Heartbeat { file: None, within_ms: WITHIN_MS }),
        (_, Value::Object(written)) => {
            warnings.extend(strangers(written, &["file", "within"]));
            let file = written.get("file").map(text::text).transpose()?;
            Probe::Heartbeat(Heartbeat { file, within_ms: within(written.get("within"))? })
        }
        (_, value) => Probe::Heartbeat(Heartbeat { file: None, within_ms: duration::positive_ms(value)? }),
    })
}

fn strangers(written: &Map<String, Value>, known: &[&'static str]) -> Vec<String> {
    written.keys().filter(|key| !known.contains(&key.as_str())).map(|key| unknown(key, known)).collect()
}

fn within(value: Option<&Value>) -> Read<u64> {
    value.map_or(Ok(WITHIN_MS), |value| duration::positive_ms(value).map_err(|why| format!("within: {why}")))
}

fn unknown(key: &str, known: &[&'static str]) -> String {
    let hint = keys::nearest(key, known.iter().copied()).map(|near| format!("; is {near} meant?")).unwrap_or_default();
    format!("{key} is not known, it is ignored{hint}")
}

pub(super) fn remedy(value: &Value) -> Read<Remedy> {
    serde_json::from_value(value.clone()).or_else(|_| wrong(value, "\"restart\" or \"tell\""))
}

fn tcp(value: &Value) -> Read<String> {
    let text = text::text(value)?;
    let port = text.rsplit_once(':').map_or(text.as_str(), |(_, port)| port);
    match port.parse::<u16>() {
        Ok(port) if port > 0 => Ok(if text.contains(':') { text } else { format!("127.0.0.1:{port}") }),
        _ => wrong(value, "a port, or HOST:PORT"),
    }
}

fn http(value: &Value, warnings: &mut Vec<String>) -> Read<HttpProbe> {
    let mut probe = HttpProbe {
        url: String::new(),
        status: vec![(200, 399)],
        body: None,
        headers: Vec::new(),
        insecure: false,
        max_latency_ms: None,
    };
    let Value::Object(written) = value else {
        probe.url = url(value)?;
        return Ok(probe);
    };
    let place = written.get("url").or(written.get("path"));
    probe.url = place.map_or_else(|| Err("it has neither url nor path".into()), url)?;
    if let Some(status) = written.get("status") {
        probe.status = codes(status)?;
    }
    probe.body = written.get("body").map(text::text).transpose()?;
    if let Some(headers) = written.get("headers") {
        let Value::Object(headers) = headers else { return wrong(headers, "an object such as { \"x-ready\": \"yes\" }") };
        for (name, value) in headers {
            name.parse::<hyper::header::HeaderName>().map_err(|_| format!("headers: {name:?} is no name of a header"))?;
            probe.headers.push((name.clone(), text::text(value)?));
        }
    }
    probe.insecure = written.get("insecure").map(crate::config::value::switch).transpose()?.unwrap_or(false);
    probe.max_latency_ms = written.get("max_latency").map(duration::positive_ms).transpose()?;
    warnings.extend(strangers(written, &HTTP_KEYS));
    Ok(probe)
}

/// An address that can be asked: `http://`, `https://` or a path.
pub(super) fn url(value: &Value) -> Read<String> {
    let text = text::text(value)?;
    let absolute = if text.starts_with('/') { format!("http://localhost{text}") } else { text.clone() };
    match absolute.parse::<hyper::Uri>() {
        Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() => Ok(text),
        _ => wrong(value, "a path such as /health, or an address such as http://127.0.0.1:5000/health"),
    }
}

/// `200`, `"2xx"`, `"200-299"`, or a list of these.
fn codes(value: &Value) -> Read<Vec<(u16, u16)>> {
    let range = |text: &String| {
        let ends = match text.split_once('-') {
            Some((from, to)) => (from.trim().parse().ok()?, to.trim().parse().ok()?),
            None if text.len() == 3 && text.ends_with("xx") => {
                let hundreds: u16 = text[..1].parse().ok()?;
                (hundreds * 100, hundreds * 100 + 99)
            }
            None => text.parse().ok().map(|code: u16| (code, code))?,
        };
        (100 <= ends.0 && ends.0 <= ends.1 && ends.1 <= 999).then_some(ends)
    };
    let read = text::list(value).ok().and_then(|list| list.iter().map(range).collect::<Option<Vec<_>>>());
    match read {
        Some(codes) if !codes.is_empty() => Ok(codes),
        _ => wrong(value, "a status such as 200, \"2xx\" or \"200-299\", or a list of them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn probed(value: Value) -> HealthPolicy {
        match health(&value).unwrap_or_else(|why| panic!("{value}: {why}")) {
            (Health::Probed(policy), _, warnings) if warnings.is_empty() => policy,
            other => panic!("{value}: {other:?}"),
        }
    }

    #[test]
    fn short_and_long() {
        assert_eq!(health(&json!(false)).unwrap().0, Health::Off);
        assert_eq!(health(&json!(true)).unwrap().0, Health::Automatic);
        assert_eq!(probed(json!("/api-health")), probed(json!({"http": {"path": "/api-health"}})));
        let policy = probed(json!({
            "http": {"url": "http://127.0.0.1:5000/h", "status": ["2xx", 304, "400-404"], "body": "ok", "max_latency": "2s"},
            "interval": "30s", "timeout": 500, "retries": 5, "retry_interval": "1s", "cooldown": 0, "start_period": "1m",
            "on_failure": "tell",
        }));
        let Probe::Http(http) = &policy.probe else { panic!("{policy:?}") };
        assert_eq!(http.status, [(200, 299), (304, 304), (400, 404)]);
        assert_eq!((http.body.as_deref(), http.max_latency_ms), (Some("ok"), Some(2000)));
        let times = (policy.interval_ms, policy.timeout_ms, policy.retry_interval_ms, policy.cooldown_ms, policy.start_period_ms);
        assert_eq!((times, policy.retries, policy.remedy), ((30_000, 500, 1000, 0, 60_000), 5, Remedy::Tell));
        assert_eq!(probed(json!({"tcp": 80})).probe, Probe::Tcp(Some("127.0.0.1:80".into())));
        assert_eq!(probed(json!({"interval": 5000})).probe, Probe::Tcp(None));
        let grpc = GrpcProbe { address: Some("127.0.0.1:50051".into()), service: "up".into() };
        assert_eq!(probed(json!({"grpc": {"address": 50051, "service": "up"}})).probe, Probe::Grpc(grpc));
        assert_eq!(probed(json!({"command": "test -e up"})).probe, Probe::Command("test -e up".into()));
        let log = LogProbe { text: "tick".into(), within_ms: 300_000 };
        assert_eq!(probed(json!({"log": {"line": "tick", "within": "5m"}})).probe, Probe::Log(log));
        let beat = |file: Option<&str>, within_ms| Probe::Heartbeat(Heartbeat { file: file.map(Into::into), within_ms });
        assert_eq!(probed(json!({"heartbeat": "90s"})).probe, beat(None, 90_000));
        assert_eq!(probed(json!({"heartbeat": {"file": "alive"}})).probe, beat(Some("alive"), 60_000));
        let (health, signs, _) = health(&json!({"cpu": 95})).unwrap();
        assert_eq!((health, signs.cpu.unwrap().above), (Health::Automatic, 95));
    }

    #[test]
    fn what_is_wrong() {
        for (value, why) in [
            (json!(3), "is not false, a path"),
            (json!("ftp://a/b"), "a path such as"),
            (json!("health"), "a path such as"),
            (json!({"http": "/", "tcp": 80}), "exclude"),
            (json!({"http": {}}), "neither url nor path"),
            (json!({"http": {"path": "/", "status": "9xx9"}}), "a status"),
            (json!({"tcp": "0"}), "a port"),
            (json!({"interval": 0}), "interval"),
            (json!({"retries": 0}), "retries"),
            (json!({"command": " "}), "command: "),
            (json!({"log": {"within": "1m"}}), "it has no line"),
            (json!({"http": {"path": "/", "headers": {"a b": "c"}}}), "no name of a header"),
            (json!({"on_failure": "pray"}), "restart"),
        ] {
            let told = health(&value).unwrap_err();
            assert!(told.contains(why), "{value}: {told}");
        }
        let (.., warnings) = health(&json!({"intervall": 5})).unwrap();
        assert!(warnings[0].contains("is interval meant?"), "{warnings:?}");
    }
}
