//! Replacing a process while it serves: the new one has to prove itself beside the old one first, and if it does not, the
//! old one goes on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use app::model::{Cause, Event, EventKind, ExecMode, State};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::ask::{Slot, ask};
use super::instance::{Actor, Beginning, Goal, Look, Message, Past, Turn};
use super::manager::Engine;
use super::shared::AppCell;
use super::terms::{Input, Why};
use crate::process::{self, Steered};

/// How long a new process has to stay ready before it counts, at most: a shorter `min_uptime` has to do.
const PROOF: Duration = Duration::from_secs(1);
/// What ends a reload without a fault of anybody.
const STOPPED: &str = "it was stopped meanwhile";
/// How long a queue may take to run dry, and how often in a row it has to be found so. On a busy host, one that serves well may stand still for
/// seconds.
const DRY: Duration = Duration::from_secs(5);
const DRY_LOOKS: u32 = 8;
/// How often it is looked at until then.
const EVERY: Duration = Duration::from_millis(25);

impl Engine {
    /// Replaces the processes of an app, or of one instance, one after the other. The first that fails ends it: what still runs is left as it is.
    ///
    /// # Errors
    /// Why a new process did not take the place of the old one.
    pub(super) async fn reload(&self, name: &str, only: Option<u32>, why: Why) -> Result<(), String> {
        // Who asked may go away in the midst of it.
        let (engine, name) = (self.clone(), name.to_owned());
        let work = async move {
            let turn = engine.apps().get(&name).map(|entry| entry.reloading.clone());
            let _turn = turn.ok_or_else(deleted)?.lock_owned().await;
            for slot in engine.slots(&name).into_iter().filter(|slot| only.is_none_or(|index| slot.index == index)) {
                engine.replace(&name, &slot, &why).await?;
            }
            Ok(())
        };
        self.0.runtime.spawn(work).await.unwrap_or_else(|error| Err(format!("the reload ended by a fault in qd: {error}")))
    }

    /// Replaces the processes of an app, or of one instance, one after the other, unless that is being done already.
    pub(super) fn reload_in_passing(&self, name: &str, only: Option<u32>, why: Why) {
        let turn = self.apps().get(name).map(|entry| entry.reloading.clone());
        let Some(Ok(turn)) = turn.map(tokio::sync::Mutex::try_lock_owned) else { return };
        let (engine, name) = (self.clone(), name.to_owned());
        self.0.runtime.spawn(async move {
            for slot in engine.slots(&name).into_iter().filter(|slot| only.is_none_or(|index| slot.index == index)) {
                // What came of it is an event.
                let _ = engine.replace(&name, &slot, &why).await;
            }
            drop(turn);
        });
    }

    async fn replace(&self, name: &str, old: &Slot, why: &Why) -> Result<(), String> {
        // What an earlier supervisor had on trial has the lock that the next one on trial needs.
        for slot in self.beside(name, old.pm_id) {
            self.retire_beside(name, &slot).await;
        }
        let before = look(old).await?;
        let Some((cell, trial)) = self.begin_trial(name, old, &before)? else {
            return ask(old, Input::Restart(why.clone()), Goal::Up).await;
        };
        let _ = trial.actor.send(Message::Note(Input::Start(why.clone())));
        let mut steered = Steered::default();
        let proven = match prove(&trial, &cell, &before).await {
            Ok(()) => {
                steered = self.lead_away(name, &trial, &before).await;
                self.swap(name, old, &trial, why, &before).await
            }
            Err(failure) => Err(failure),
        };
        // The one that is not needed ends; that it may take its time is known.
        let leaves = if proven.is_ok() { old } else { &trial };
        let input = match &proven {
            Ok(new) => Input::Retire(Why { detail: Some(format!("process {new} took its place")), ..why.clone() }),
            Err(_) => Input::Stop(why.clone()),
        };
        let left = ask(leaves, input, Goal::Down).await;
        drop(steered);
        self.put_away(name, leaves);
        match (proven, left) {
            (Ok(_), left) => left,
            (Err(_), _) if !self.apps().get(name).is_some_and(|entry| entry.wanted) => Err(STOPPED.into()),
            (Err(failure), _) => {
                // Or a crash of the old one would bring it up.
                if cell.give_up_pending() {
                    let record = self.apps().get(name).map(|entry| self.record(entry));
                    self.remember(record.into_iter().collect()).await;
                }
                self.tell_kept(name, old, &failure, why, before.pid);
                Err(format!("the new process did not take the place of the old one, which goes on: {failure}"))
            }
        }
    }

    /// Puts another process beside the one that runs. None if there is none, or two of them would be in each other's way.
    fn begin_trial(&self, name: &str, old: &Slot, before: &Look) -> Result<Option<(Arc<AppCell>, Slot)>, String> {
        let mut apps = self.apps();
        let entry = apps.get_mut(name).ok_or_else(deleted)?;
        if !entry.wanted || self.0.shared.is_closing() {
            return Err(STOPPED.into());
        }
        let is_worker = entry.cell.latest().exec_mode == ExecMode::Cluster;
        if before.state != State::Online || !(is_worker || entry.cell.sockets.beside(&before.pids)) {
            return Ok(None);
        }
        let cell = entry.cell.clone();
        let actor = Actor::new(self.0.shared.clone(), cell.clone(), old.pm_id, old.index, Past::default()).on_trial();
        let trial = self.run_actor(actor, old.pm_id, old.index, Beginning::Fresh);
        entry.beside.push(trial.clone());
        Ok(Some((cell, trial)))
    }

    /// Leads new connections away from the one that is to leave, if each listens on a socket of its own, and waits until it has accepted what
    /// there was.
    async fn lead_away(&self, name: &str, new: &Slot, before: &Look) -> Steered {
        let new = look(new).await.map(|look| look.pids).unwrap_or_default();
        let mut all = new.clone();
        for slot in self.slots(name) {
            all.extend(look(&slot).await.map(|look| look.pids).unwrap_or_default());
        }
        let steered = process::steer(&new, &before.pids, &all);
        let (begun, mut dry) = (Instant::now(), 0);
        // A connection that was being made is not in the queue yet.
        while steered.is_any() && dry < DRY_LOOKS && begun.elapsed() < DRY {
            sleep(EVERY).await;
            dry = if steered.waiting() == 0 { dry + 1 } else { 0 };
        }
        let waiting = steered.waiting();
        if waiting > 0 {
            tracing::warn!(app = %name, pid = before.pid, waiting, "a process that was replaced did not accept its connections in time; those are lost");
        }
        steered
    }

    /// Makes the new one the instance. Gives its number.
    async fn swap(&self, name: &str, old: &Slot, new: &Slot, why: &Why, before: &Look) -> Result<u32, String> {
        let is_known = self.slots(name).iter().any(|slot| slot.actor.same_channel(&old.actor));
        if !is_known {
            return Err("it is one too many now".into());
        }
        let (left, has_left) = oneshot::channel();
        let _ = old.actor.send(Message::Turn(Turn::Leave(left)));
        let _ = has_left.await;
        let (done, serves) = oneshot::channel();
        let (restarts, instead_of) = (before.restarts + 1, before.pid);
        let _ = new.actor.send(Message::Turn(Turn::Serve { restarts, instead_of, why: why.clone(), done }));
        if !serves.await.unwrap_or(false) {
            let _ = old.actor.send(Message::Turn(Turn::Stay));
            return Err(look(new).await.ok().and_then(|look| look.said).unwrap_or_else(|| "it ended at last".into()));
        }
        self.exchange(name, old, new);
        Ok(look(new).await?.pid.unwrap_or(0))
    }

    fn exchange(&self, name: &str, old: &Slot, new: &Slot) {
        if let Some(entry) = self.apps().get_mut(name) {
            entry.beside.retain(|slot| !slot.actor.same_channel(&new.actor));
            for slot in entry.instances.iter_mut().filter(|slot| slot.actor.same_channel(&old.actor)) {
                entry.beside.push(std::mem::replace(slot, new.clone()));
            }
        }
    }

    /// Ends what an earlier supervisor left beside an instance. Of one whose start was told its end is told too.
    pub(super) fn end_beside(&self, name: &str, of: &Slot, what: Beginning, told: bool) {
        let mut apps = self.apps();
        let Some(entry) = apps.get_mut(name) else { return };
        let actor = Actor::new(self.0.shared.clone(), entry.cell.clone(), of.pm_id, of.index, Past::default());
        let actor = if told { actor.leaving() } else { actor.on_trial() };
        let slot = self.run_actor(actor, of.pm_id, of.index, what);
        entry.beside.push(slot.clone());
        drop(apps);
        let (engine, name) = (self.clone(), name.to_owned());
        self.0.runtime.spawn(async move { engine.retire_beside(&name, &slot).await });
    }

    fn beside(&self, name: &str, pm_id: u32) -> Vec<Slot> {
        let apps = self.apps();
        let beside = apps.get(name).into_iter().flat_map(|entry| &entry.beside);
        beside.filter(|slot| slot.pm_id == pm_id).cloned().collect()
    }

    async fn retire_beside(&self, name: &str, slot: &Slot) {
        let why = Why { detail: Some("another process had taken its place".into()), ..Why::plain(Cause::Restart) };
        let _ = ask(slot, Input::Retire(why), Goal::Down).await;
        self.put_away(name, slot);
    }

    fn put_away(&self, name: &str, slot: &Slot) {
        if let Some(entry) = self.apps().get_mut(name) {
            entry.beside.retain(|other| !other.actor.same_channel(&slot.actor));
        }
        let _ = slot.actor.send(Message::End);
    }

    fn tell_kept(&self, name: &str, old: &Slot, failure: &str, why: &Why, pid: Option<u32>) {
        let message = format!("was not reloaded: {failure}; the old process goes on");
        let mut event = Event::new(process::wall_clock(), EventKind::SpawnFailed, Cause::NotReady, message);
        event.app = Some(name.to_owned());
        event.index = Some(old.index);
        event.actor.clone_from(&why.actor);
        event.pid = pid;
        self.board().tell(event);
    }
}

fn deleted() -> String {
    "it was deleted meanwhile".into()
}

async fn look(slot: &Slot) -> Result<Look, String> {
    let (done, answer) = oneshot::channel();
    let _ = slot.actor.send(Message::Look(done));
    answer.await.map_err(|_| deleted())
}

/// Waits until a new process is ready, listens wherever the old one does, and has stayed so.
async fn prove(trial: &Slot, cell: &AppCell, before: &Look) -> Result<(), String> {
    let spec = cell.latest();
    let needed = process::ports_of(&before.pids);
    let limit = Instant::now() + Duration::from_millis(spec.listen_timeout_ms);
    let proof = PROOF.min(Duration::from_millis(spec.min_uptime_ms));
    let mut ready_since = None;
    loop {
        let now = look(trial).await?;
        match now.state {
            State::Online => {
                let missing: BTreeSet<u16> = needed.difference(&process::ports_of(&now.pids)).copied().collect();
                if missing.is_empty() {
                    if ready_since.get_or_insert_with(Instant::now).elapsed() >= proof {
                        return Ok(());
                    }
                } else if Instant::now() >= limit {
                    let ports: Vec<String> = missing.iter().map(u16::to_string).collect();
                    let limit = super::words::duration(spec.listen_timeout_ms);
                    return Err(format!("it did not listen on port {} within {limit} (listen_timeout)", ports.join(", ")));
                } else {
                    ready_since = None;
                }
            }
            // It has a limit of its own for that.
            State::Starting => {}
            _ => return Err(now.said.unwrap_or_else(|| STOPPED.into())),
        }
        sleep(EVERY).await;
    }
}
