//! The service manager that runs us, such as systemd: what it is told (sd_notify(3)), and how often it wants to hear of us
//! (`sd_watchdog_enabled(3)`).

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The variables by which it speaks to us. They are about us alone: an app that had them would speak in our name.
pub(super) const MANAGER_VARIABLES: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// Where the manager hears us, if there is one.
#[derive(Clone, Debug, Default)]
pub struct Manager {
    address: Option<SocketAddr>,
    /// The manager ends us when it hears nothing for this long.
    watchdog: Option<Duration>,
}

impl Manager {
    /// What our environment says of it. The variables stay there, for the program that takes our place.
    #[must_use]
    pub fn of_environment() -> Self {
        Self::told(|name| std::env::var_os(name))
    }

    pub(crate) fn told(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name| variable(name).and_then(|value| value.into_string().ok());
        let address = variable("NOTIFY_SOCKET").and_then(|path| match path.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
            _ => SocketAddr::from_pathname(&path).ok(),
        });
        // It may be meant for a program that started us and left its environment to us.
        let is_ours = text("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let watchdog = text("WATCHDOG_USEC").filter(|_| is_ours).and_then(|usec| usec.parse().ok()).filter(|usec| *usec > 0);
        Self { address, watchdog: watchdog.map(Duration::from_micros) }
    }

    /// How long it waits to hear `WATCHDOG=1` before it ends us; none if it does not.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog.filter(|_| self.address.is_some())
    }

    /// Tells it something, such as `READY=1`. Nobody may be there to hear it.
    ///
    /// # Errors
    /// The manager is there, and cannot be told.
    pub fn tell(&self, what: &str) -> io::Result<()> {
        let Some(address) = &self.address else { return Ok(()) };
        let socket = UnixDatagram::unbound()?;
        // A manager that reads nothing is to hold up nobody.
        socket.set_nonblocking(true)?;
        socket.send_to_addr(what.as_bytes(), address).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pairs: &[(&str, &str)]) -> Manager {
        Manager::told(|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into()))
    }

    #[test]
    fn without_a_manager_nobody_is_told() {
        let manager = told(&[("WATCHDOG_USEC", "1000000")]);
        assert_eq!(manager.watchdog(), None);
        manager.tell("READY=1").unwrap();
    }

    #[test]
    fn a_name_and_a_path_are_heard() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("quarterdeck-test-{}", std::process::id());
        let listeners = [
            (path.to_str().unwrap().to_owned(), UnixDatagram::bind(&path).unwrap()),
            (format!("@{name}"), UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap()),
        ];
        for (address, listener) in listeners {
            told(&[("NOTIFY_SOCKET", &address)]).tell("READY=1").unwrap();
            let mut heard = [0; 20];
            let length = listener.recv(&mut heard).unwrap();
            assert_eq!(&heard[..length], b"READY=1");
        }
        assert!(told(&[("NOTIFY_SOCKET", "/nowhere/at/all")]).tell("READY=1").is_err());
    }

    #[test]
    fn the_watchdog_of_somebody_else_is_not_ours() {
        let every = |pid: &str, usec| told(&[("NOTIFY_SOCKET", "@x"), ("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)]).watchdog();
        let own = std::process::id().to_string();
        assert_eq!(every(&own, "30000000"), Some(Duration::from_secs(30)));
        assert_eq!(every("1", "30000000"), None);
        assert_eq!([every(&own, "0"), every(&own, "soon")], [None, None]);
    }
}
