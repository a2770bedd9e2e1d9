//! `hosts`: names by which the node may be called.

use serde_json::Value;

use crate::config::value::{Read, text};

/// Names or addresses, with a port where it is not the default one, as a browser sends them. In lower case.
pub(super) fn read(value: &Value) -> Read<Vec<String>> {
    text::list(value)?.into_iter().map(|host| host_name(&host)).collect()
}

fn host_name(host: &str) -> Read<String> {
    let sound = host.len() <= 260
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']'));
    match sound {
        true => Ok(host.to_ascii_lowercase()),
        false => {
            let shown: String = host.chars().take(60).collect();
            Err(format!("{shown:?} is not a host; write a name such as status.example.org, without https:// and without a path"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hosts() {
        assert_eq!(read(&json!(["A.example.org", "10.0.0.1:9615"])).unwrap(), ["a.example.org", "10.0.0.1:9615"]);
        assert_eq!(read(&json!("one")).unwrap(), ["one"]);
        for bad in
            [json!(["https://x.org"]), json!(["x.org/path"]), json!(["*"]), json!([""]), json!(3.5e300), json!({}), json!(true)]
        {
            assert!(read(&bad).is_err(), "{bad}");
        }
    }
}
