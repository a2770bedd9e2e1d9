//! What the writer does when everything else is written: sums up hours that are over, and removes what is old. Both a little
//! at a time, with a pause in which it writes what came meanwhile. And after a crash it looks for damage.

use std::time::{Duration, Instant};

use super::{TIDY, Writer};
use crate::history::error::{Error, Trouble};
use crate::history::{now, retention, rollup};

/// How long until it goes on with a chore that is not done.
const PAUSE: Duration = Duration::from_millis(100);

impl Writer {
    /// Does some of what is to be done.
    pub(super) fn chores(&mut self) {
        if self.database.as_mut().is_some_and(|database| std::mem::take(&mut database.was_cut_off)) {
            // Not when it is opened: who starts asks it for the last event, and waits for the answer.
            self.check();
        }
        let is_more = self.roll_up() | self.tidy();
        self.chores_at = Instant::now() + if is_more { PAUSE } else { TIDY };
    }

    /// Sums up hours. Answers whether there may be more of them.
    fn roll_up(&mut self) -> bool {
        // Hours whose minutes are not all in the database would be summed up in part.
        let (Some(database), Some(minute)) = (&mut self.database, self.written) else { return false };
        match rollup::step(&mut database.connection, minute) {
            Ok(is_more) => is_more,
            Err(error) => {
                let error = Error::from(error);
                // There is no hurry: what could not be written is made at the next flush.
                if !matches!(error.trouble(), Trouble::Busy | Trouble::Full) {
                    self.failed(&error);
                }
                false
            }
        }
    }

    fn tidy(&mut self) -> bool {
        let Some(database) = self.database.as_ref().filter(|_| Instant::now() >= self.tidy_at) else { return false };
        self.tidy_at = Instant::now() + TIDY;
        let tidied = retention::tidy(&database.connection, &self.shared.settings, now());
        self.measure();
        match tidied {
            Ok(false) => false,
            Ok(true) => {
                self.tidy_at = Instant::now();
                true
            }
            Err(error) => {
                self.failed(&error.into());
                false
            }
        }
    }
}
