//! `listen`: an address and a port.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;

use crate::config::value::Read;

/// Reads `127.0.0.1:9615`, `[::1]:9615`, `localhost:9615`; as it is written in a file, in `QD_LISTEN` and after `--listen`.
///
/// # Errors
/// It is none; the text says what would be.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    // A name is not looked up: where we listen must not hang on a name server.
    let local = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    local.map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).ok_or_else(|| {
        let shown: String = text.chars().take(60).collect();
        format!("{shown:?} is not an address; write an IP address and a port, such as 127.0.0.1:9615 or [::1]:9615")
    })
}

pub(super) fn read(value: &Value) -> Read<SocketAddr> {
    match value {
        Value::String(text) => address(text),
        other => address(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn addresses() {
        for (text, want) in [
            ("127.0.0.1:9615", Some("127.0.0.1:9615")),
            ("[::1]:0", Some("[::1]:0")),
            ("localhost:80", Some("127.0.0.1:80")),
            ("localhost", None),
            (":80", None),
            ("9615", None),
            ("example.org:80", None),
            ("127.0.0.1:70000", None),
            ("", None),
        ] {
            assert_eq!(address(text).ok().map(|address| address.to_string()).as_deref(), want, "{text}");
        }
        assert!(read(&json!(9615)).unwrap_err().contains("9615"));
    }
}
