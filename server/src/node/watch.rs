//! Tells those who watch over the node that it works, as long as it does: the service manager, and a monitor on the internet.

use std::time::Duration;

use hyper::Uri;
use tokio::time::{MissedTickBehavior, interval};

use super::Pulse;
use crate::outbound::{self, Trust};
use crate::process::Manager;

/// How long a loop may not move before the monitor is not told that all is well.
pub(super) const STUCK: Duration = Duration::from_secs(30);
/// How long the monitor may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often the loop turns that feeds the watchdog. It also keeps the clock of [`process::monotonic_ms`](crate::process::monotonic_ms) going.
const TURN: Duration = Duration::from_secs(1);

/// Feeds the watchdog of the service manager, if there is one, and says in the log when a loop hangs, for ever. It runs among what answers
/// requests, so that a hang there is noticed as well.
pub async fn feed(manager: Manager, pulse: Pulse) {
    let watchdog = manager.watchdog();
    let patience = watchdog.map_or(STUCK, |limit| limit / 2);
    let mut ticks = every(patience.min(TURN));
    let mut told = None;
    loop {
        ticks.tick().await;
        let result = match pulse.stuck(patience) {
            Some(stuck) => {
                Err(format!("{stuck}; if it does not move soon, qd has to be started again, which leaves the apps alone"))
            }
            None if watchdog.is_none() => Ok(()),
            None => {
                manager.tell("WATCHDOG=1").map_err(|error| format!("the service manager cannot be told that qd works: {error}"))
            }
        };
        report(&mut told, result);
    }
}

/// Asks for the address of a monitor again and again, which raises the alarm when nobody does any more.
pub async fn heartbeat(url: Uri, pause: Duration, pulse: Pulse) {
    let mut ticks = every(pause);
    let mut told = None;
    loop {
        ticks.tick().await;
        let result = match pulse.stuck(STUCK) {
            Some(stuck) => Err(format!("no heartbeat is sent: {stuck}")),
            None => beat(&url).await,
        };
        report(&mut told, result);
    }
}

async fn beat(url: &Uri) -> Result<(), String> {
    let answer = match outbound::get(url, Trust::Roots, PATIENCE).await {
        Ok(200..400) => return Ok(()),
        Ok(status) => format!("answered {status}"),
        Err(why) => why,
    };
    // The path may hold a key.
    Err(format!("the heartbeat to {} failed: {answer}; it is tried again", url.host().unwrap_or("nobody")))
}

fn every(pause: Duration) -> tokio::time::Interval {
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Once when it goes wrong, and once when it is well again.
fn report(told: &mut Option<String>, result: Result<(), String>) {
    match (result, told.take()) {
        (Ok(()), None) => {}
        (Ok(()), Some(_)) => tracing::warn!("qd works again, and so do those who watch over it"),
        (Err(why), before) => {
            if before.is_none() {
                tracing::error!("{why}");
            }
            *told = Some(why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::testing;

    #[tokio::test]
    async fn the_monitor_hears_of_a_node_that_works() {
        let monitor = testing::http("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK").await;
        let url = format!("http://127.0.0.1:{}/ping/key", monitor.port).parse().unwrap();
        let beating = tokio::spawn(heartbeat(url, Duration::from_millis(10), Pulse::default()));
        for _ in 0..2 {
            let heard = monitor.heard().await;
            assert!(heard.starts_with("GET /ping/key HTTP/1.1\r\n"), "{heard}");
        }
        beating.abort();
    }

    #[tokio::test]
    async fn what_the_monitor_refuses_is_told_without_its_path() {
        let monitor = testing::http("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
        let url = format!("http://127.0.0.1:{}/ping/key", monitor.port).parse().unwrap();
        assert_eq!(beat(&url).await, Err("the heartbeat to 127.0.0.1 failed: answered 404; it is tried again".into()));
    }

    #[tokio::test]
    async fn a_node_that_hangs_is_not_fed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = tokio::net::UnixDatagram::bind(&path).unwrap();
        let manager = Manager::told(|name| match name {
            "NOTIFY_SOCKET" => Some(path.clone().into()),
            "WATCHDOG_USEC" => Some("200000".into()),
            _ => None,
        });
        let hears = async || {
            let mut heard = [0; 20];
            let length = tokio::time::timeout(Duration::from_secs(1), socket.recv(&mut heard)).await.ok()?.unwrap();
            Some(String::from_utf8_lossy(&heard[..length]).into_owned())
        };
        let pulse = Pulse::default();
        pulse.engine.turn(Duration::from_hours(1));
        pulse.ticker.turn(Duration::from_hours(1));
        let feeding = tokio::spawn(feed(manager, pulse.clone()));
        for _ in 0..3 {
            assert_eq!(hears().await.as_deref(), Some("WATCHDOG=1"));
        }
        // It says that it will be back at once, and never is.
        pulse.engine.turn(Duration::ZERO);
        while hears().await.is_some() {}
        pulse.engine.turn(Duration::from_hours(1));
        assert_eq!(hears().await.as_deref(), Some("WATCHDOG=1"));
        feeding.abort();
    }

    #[test]
    fn a_failure_is_told_once() {
        let mut told = None;
        report(&mut told, Err("a".into()));
        report(&mut told, Err("b".into()));
        assert_eq!(told, Some("b".into()));
        report(&mut told, Ok(()));
        assert_eq!(told, None);
    }
}
