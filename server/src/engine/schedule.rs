//! `cron_restart`.

use std::time::Duration;

use app::model::Cause;

use super::terms::Why;
use crate::config::cron;
use crate::process;

/// The longest sleep: a clock that is set meanwhile is noticed by then.
const LONGEST: Duration = Duration::from_secs(30);

/// Calls `restart` whenever the expression is due, for ever. What does not run is not started by it:
/// the machine ignores an automatic restart of what rests.
pub(super) async fn run(expression: String, restart: impl Fn(Why)) {
    let mut last = process::wall_clock();
    while let Some(next) = cron::next_run(&expression, last) {
        loop {
            let now = process::wall_clock();
            // The clock was set back: what is due is counted from the new time.
            if now < last || next <= now {
                break;
            }
            tokio::time::sleep(Duration::from_millis(next.since(now)).min(LONGEST)).await;
        }
        if process::wall_clock() >= next {
            restart(Why { cause: Cause::Cron, actor: None, detail: Some(format!("cron_restart {expression}")) });
        }
        last = process::wall_clock();
    }
}
