use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where `qd` listens for an app, which inherits the socket (`LISTEN_FDS`, sd_listen_fds(3)).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ListenAddress {
    /// TCP.
    Tcp(SocketAddr),
    /// A stream socket at this absolute path.
    Unix(String),
}

impl FromStr for ListenAddress {
    type Err = String;

    /// Reads `127.0.0.1:8000`, `[::1]:8000`, a port alone for the loopback address, or an absolute path.
    fn from_str(text: &str) -> Result<Self, String> {
        /// Of `sun_path` with the NUL at its end (unix(7)).
        const LONGEST: usize = 107;
        let text = text.trim();
        if text.starts_with('/') {
            if text.len() > LONGEST || text.contains('\0') {
                return Err(format!("{text} is too long for a socket: {LONGEST} bytes at most"));
            }
            return Ok(Self::Unix(text.to_owned()));
        }
        let address = match text.parse::<u16>() {
            Ok(port) => SocketAddr::new(IpAddr::from(Ipv4Addr::LOCALHOST), port),
            Err(_) => text
                .replacen("localhost:", "127.0.0.1:", 1)
                .parse()
                .map_err(|_| format!("{text:?} is no port, no address such as 127.0.0.1:8000, and no absolute path"))?,
        };
        if address.port() == 0 {
            return Err("port 0 means a new one each time, which nobody could know; name one".into());
        }
        Ok(Self::Tcp(address))
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ListenAddress> for String {
    fn from(address: ListenAddress) -> Self {
        address.to_string()
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_and_written() {
        let read = |text: &str| text.parse::<ListenAddress>().map(|address| address.to_string()).ok();
        for (text, address) in [
            ("8000", Some("127.0.0.1:8000")),
            (" localhost:8000", Some("127.0.0.1:8000")),
            ("0.0.0.0:80", Some("0.0.0.0:80")),
            ("[::1]:80", Some("[::1]:80")),
            ("/run/a.sock", Some("/run/a.sock")),
            ("0", None),
            ("70000", None),
            ("example.com:80", None),
            ("run/a.sock", None),
            ("", None),
        ] {
            assert_eq!(read(text).as_deref(), address, "{text}");
        }
        assert_eq!(read(&format!("/{}", "x".repeat(107))), None);
    }
}
