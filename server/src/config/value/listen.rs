//! Where an app listens, and when it counts as ready.

use app::model::{ListenAddress, WaitReady};
use serde_json::Value;

use super::{Read, text, wrong};

/// `listen`: one address or several, which `qd` opens for the app.
pub(in crate::config) fn addresses(value: &Value) -> Read<Vec<ListenAddress>> {
    let mut addresses: Vec<ListenAddress> = Vec::new();
    for text in text::list(value).or_else(|_| wrong(value, "a port, an address such as \"127.0.0.1:8000\", or a list of them"))? {
        let address = text.parse()?;
        if addresses.contains(&address) {
            return Err(format!("{address} is there twice"));
        }
        addresses.push(address);
    }
    Ok(addresses)
}

/// `wait_ready`: a switch as with PM2, or what is waited for.
pub(in crate::config) fn wait_ready(value: &Value) -> Read<WaitReady> {
    serde_json::from_value(value.clone()).or_else(|_| wrong(value, "true, false, \"port\" or \"health\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_or_several() {
        let read =
            |value: Value| addresses(&value).ok().map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
        assert_eq!(read(json!(8000)).as_deref(), Some("127.0.0.1:8000"));
        assert_eq!(read(json!(["0.0.0.0:80", "/run/a.sock"])).as_deref(), Some("0.0.0.0:80 /run/a.sock"));
        for wrong in [json!([80, "80"]), json!("here"), json!(true), json!([[]])] {
            assert_eq!(read(wrong.clone()), None, "{wrong}");
        }
        assert_eq!(wait_ready(&json!("port")), Ok(WaitReady::Port));
        assert!(wait_ready(&json!("soon")).is_err());
    }
}
