//! The time in which a process is being made.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{Actor, Birth, Message};
use crate::engine::terms::Input;

/// How long it may take to load a program before people are told. It takes milliseconds, unless its file system hangs, or the one of
/// the home, where a new app has to be written down first.
const PATIENCE: Duration = Duration::from_secs(5);
const HANGS: &str = "its program has been loading for more than 5 s: does the file system of the script, the interpreter, `cwd` or \
                     the home of qd answer? What you asked for is done as soon as it does";

impl Actor {
    /// Waits until it is made. Breaks off when nobody wants the app any more.
    pub(super) async fn wait_for(&mut self, mut birth: Birth, inbox: &mut mpsc::UnboundedReceiver<Message>) -> ControlFlow<()> {
        let patience = Instant::now() + PATIENCE;
        let mut hangs = false;
        let child = loop {
            tokio::select! {
                biased;
                child = &mut birth.child => break child,
                () = sleep_until(patience), if !hangs => {
                    hangs = true;
                    tracing::warn!(app = %birth.spec.name, "the program of an app has been loading for more than 5 s");
                    self.publish();
                    self.refuse_waiters(HANGS);
                }
                message = inbox.recv(), if hangs => match message {
                    Some(Message::Do { input, done, .. }) => {
                        self.later.push_back(input);
                        let _ = done.send(Err(HANGS.into()));
                    }
                    Some(Message::Note(input)) => self.later.push_back(input),
                    Some(Message::Look(done)) => _ = done.send(self.look()),
                    Some(Message::Turn(turn)) => self.turn(turn),
                    Some(Message::Begun(done)) => _ = done.send(()),
                    // What it has to say, it says once it is there.
                    Some(Message::Notified(_) | Message::Passed(_)) => {}
                    Some(Message::Rules) => self.follow_rules(),
                    Some(Message::End) | None => return ControlFlow::Break(()),
                },
            }
        };
        let born = self.born(birth, child);
        self.step(born.map_or_else(|error| Input::SpawnFailed(error.to_string()), |()| Input::Spawned));
        ControlFlow::Continue(())
    }

    fn refuse_waiters(&mut self, why: &str) {
        for (_, done) in self.waiters.drain(..) {
            // The one who asked may have gone away.
            let _ = done.send(Err(why.to_owned()));
        }
    }
}
