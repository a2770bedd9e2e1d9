//! Which apps there are: taking up what is remembered, taking definitions, deleting.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use app::model::{AppRecord, AppSpec, Cause, EventKind, InstanceRecord};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use indexmap::IndexSet;

use super::adopt::{Earlier, Survivors};
use super::ask::{self, Slot, ask, request_all};
use super::instance::{Beginning, Goal, Message, Past};
use super::manager::Engine;
use super::remember::Written;
use super::shared::AppCell;
use super::terms::{Input, Why};
use super::view;
use crate::control::{Actor as Asker, Applied, Intake, Refusal};
use crate::process;

/// How long the start of all apps is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of definitions that were handed in, and what has to be waited for.
#[derive(Default)]
struct Changes {
    answers: Vec<(String, Applied)>,
    /// What is to be written down before anything of it is started.
    records: Vec<AppRecord>,
    starts: Vec<(Slot, Input)>,
    coming: Vec<BoxFuture<'static, Result<(), String>>>,
    ending: Vec<BoxFuture<'static, ()>>,
}

impl Engine {
    /// Takes up what is remembered: what runs is taken back, what should run and does not is started, what was stopped stays so.
    pub async fn restore(&self, records: Vec<AppRecord>, earlier: Earlier) {
        let shared = self.0.shared.clone();
        let survivors = if earlier == Earlier::Nothing {
            Survivors::default()
        } else {
            tokio::task::spawn_blocking(move || Survivors::find(&shared, earlier)).await.unwrap_or_default()
        };
        let (mut coming, mut begun) = (Vec::new(), Vec::new());
        for mut record in records {
            self.0.shared.environments.share(Arc::make_mut(&mut record.spec));
            let (wanted, name) = (record.wanted, record.name.clone());
            let slots = self.insert(record, Written::already(), |pm_id, index| survivors.beginning(pm_id, &name, index));
            for (slot, fresh) in slots {
                begun.push(ask::begun(&slot));
                for (other, told) in survivors.beside(slot.pm_id, &name, slot.index) {
                    self.end_beside(&name, &slot, other, told);
                }
                // What runs is left alone, and what rests by its policy or is on its way needs no word.
                if wanted && fresh {
                    let cause = if survivors.rebooted { Cause::HostReboot } else { Cause::Restart };
                    coming.push(ask(&slot, Input::Start(Why::plain(cause)), Goal::Up));
                } else if !wanted {
                    coming.push(ask(&slot, Input::Stop(Why::plain(Cause::Restart)), Goal::Down));
                }
            }
        }
        for stray in survivors.strays() {
            self.node_event(&stray);
        }
        // Who looks at the list from here on sees what runs.
        join_all(begun).await;
        // One that is slow to become ready, or waits for another, is on its way: that has to do.
        let _ = tokio::time::timeout(PATIENCE, join_all(coming)).await;
        self.0.ready.store(true, Ordering::Relaxed);
    }

    /// Takes up apps of a saved list: what is missing is added, what should run is started.
    pub async fn take_up(&self, records: Vec<AppRecord>) {
        let changing = self.0.changing.lock().await;
        if self.stays_open().is_err() {
            return;
        }
        let (mut added, mut starts) = (Vec::new(), Vec::new());
        for mut record in records {
            self.0.shared.environments.share(Arc::make_mut(&mut record.spec));
            let (name, wanted) = (record.name.clone(), record.wanted);
            if self.slots(&name).is_empty() {
                for (one, pm_id) in record.instances.iter_mut().zip(self.free_pm_ids()) {
                    one.pm_id = pm_id;
                }
                self.insert(record.clone(), Written::already(), |_, _| (Beginning::Fresh, None));
                added.push(record);
            }
            if wanted {
                self.board().with_app(&name, |app| app.wanted = true);
                if let Some(entry) = self.apps().get_mut(&name).filter(|entry| !entry.wanted) {
                    entry.wanted = true;
                    added.push(self.record(entry));
                }
                starts.extend(self.slots(&name));
            }
        }
        // First, as in `apply`.
        self.remember(added).await;
        let start = || Input::Start(Why::plain(Cause::Restart));
        let coming: Vec<_> = starts.iter().map(|slot| ask(slot, start(), Goal::Up)).collect();
        drop(changing);
        let _ = tokio::time::timeout(PATIENCE, join_all(coming)).await;
    }

    /// Takes definitions. New apps are added, and started unless `autostart` is off. Where a person wants them to run, what
    /// does not run is started and what runs with another definition is restarted; a file that was read again changes
    /// what counts from the next start, and what was stopped stays so.
    ///
    /// # Errors
    /// Something could not be started; the others run.
    pub async fn apply(&self, specs: Vec<AppSpec>, intake: Intake, by: &Asker) -> Result<Vec<(String, Applied)>, Refusal> {
        self.stays_open()?;
        let changing = self.0.changing.lock().await;
        let order: IndexSet<String> = specs.iter().map(|spec| spec.name.clone()).collect();
        let (new, known) = self.sort_out(specs);
        let mut changes = Changes::default();
        // It waits for the disk, while the rest is made ready here.
        let written = self.begin_to_remember(new.clone()).await;
        for record in new {
            self.add(record, written.written(), by, &mut changes);
        }
        for spec in known {
            let cell = self.apps().get(&spec.name).map(|entry| entry.cell.clone());
            if let Some(cell) = cell {
                self.change(&cell, spec, intake, by, &mut changes);
            }
        }
        changes.answers.sort_by_cached_key(|(name, _)| order.get_index_of(name));
        written.done().await;
        self.remember(changes.records).await;
        changes.coming.extend(changes.starts.into_iter().map(|(slot, input)| ask(&slot, input, Goal::Up).boxed()));
        drop(changing);
        join_all(changes.ending).await;
        join_all(changes.coming).await;
        Ok(changes.answers)
    }

    /// Definitions of apps that are new, with numbers for their instances, and of those that are known. One that comes twice is
    /// known the second time.
    fn sort_out(&self, specs: Vec<AppSpec>) -> (Vec<AppRecord>, Vec<AppSpec>) {
        let mut free = self.free_pm_ids();
        let mut known_names: HashSet<String> = self.apps().keys().cloned().collect();
        let (mut new, mut known) = (Vec::new(), Vec::new());
        for mut spec in specs {
            self.0.shared.environments.share(&mut spec);
            if known_names.insert(spec.name.clone()) {
                new.push(new_record(spec, &mut free));
            } else {
                known.push(spec);
            }
        }
        (new, known)
    }

    fn add(&self, record: AppRecord, written: Written, by: &Asker, changes: &mut Changes) {
        let (name, wanted) = (record.name.clone(), record.wanted);
        let slots = self.insert(record, written, |_, _| (Beginning::Fresh, None));
        self.app_event(&name, EventKind::Added, by, "added");
        if wanted {
            // All is made ready meanwhile, but the process.
            let start = || Input::Start(Why::plain(Cause::Config));
            changes.coming.extend(slots.iter().map(|(slot, _)| ask(slot, start(), Goal::Up).boxed()));
        }
        changes.answers.push((name, Applied::Added));
    }

    fn change(&self, cell: &Arc<AppCell>, spec: AppSpec, intake: Intake, by: &Asker, changes: &mut Changes) {
        let (name, latest) = (spec.name.clone(), cell.latest());
        // Two shells never have quite the same environment: that alone is no new definition.
        let mut like = AppSpec { inherited_env: latest.inherited_env.clone(), ..spec.clone() };
        let same = like == *latest;
        like.instances = latest.instances;
        // With another definition still to come, there is more to it than a number.
        let rescaled = !same && like == *latest && Arc::ptr_eq(&latest, &cell.running());
        let with_environment = !matches!(intake, Intake::Run { environment: false } | Intake::Later { environment: false });
        let taken = !same || (with_environment && spec.inherited_env != latest.inherited_env);
        if rescaled {
            self.reroute(cell, &spec);
        } else if taken {
            cell.put(spec.clone());
        }
        let run_all = matches!(intake, Intake::Run { .. });
        if !same {
            self.board().with_app(&name, |app| app.changed = !rescaled);
            changes.ending.extend(self.rescale(&name, cell, &spec).into_iter().map(FutureExt::boxed));
            let news = if rescaled {
                format!("is to have {}", app::format::count(spec.instances.max(1).into(), "instance"))
            } else {
                "has a new definition; it counts from the next start".into()
            };
            self.app_event(&name, EventKind::Changed, by, &news);
        }
        if run_all {
            let why = Why::asked_by(by.name.clone());
            let input = if same || rescaled { Input::Start(why) } else { Input::Restart(why) };
            changes.starts.extend(self.slots(&name).into_iter().map(|slot| (slot, input.clone())));
            self.board().with_app(&name, |app| app.wanted = true);
        }
        if let Some(entry) = self.apps().get_mut(&name) {
            let wanted = entry.wanted || run_all;
            let is_news = taken || wanted != entry.wanted;
            entry.wanted = wanted;
            if !same {
                entry.helpers.drain(..).for_each(|helper| helper.abort());
                entry.helpers = self.helpers(&name, &spec);
            }
            if is_news {
                changes.records.push(self.record(entry));
            }
        }
        changes.answers.push((name, if same { Applied::Unchanged } else { Applied::Changed }));
    }

    /// Numbers that no instance has, from above the greatest, as PM2 counts.
    fn free_pm_ids(&self) -> impl Iterator<Item = u32> + use<> {
        let next = self.apps().values().flat_map(|entry| &entry.instances).map(|slot| slot.pm_id + 1).max().unwrap_or(0);
        next..
    }

    /// Adds or ends instances, so that there are as many as a new definition says. Gives what has to be waited for.
    fn rescale(&self, name: &str, cell: &Arc<AppCell>, spec: &AppSpec) -> Vec<impl Future<Output = ()> + use<>> {
        let (have, want) = (self.slots(name), spec.instances.max(1));
        let now = process::wall_clock();
        for (index, pm_id) in (u32::try_from(have.len()).unwrap_or(u32::MAX)..want).zip(self.free_pm_ids()) {
            self.board().with_app(name, |app| app.instances.push(view::new_instance(pm_id, index, 0, now)));
            let slot = self.start_actor(cell, pm_id, index, Past::default(), Beginning::Fresh);
            if let Some(entry) = self.apps().get_mut(name) {
                entry.instances.push(slot);
            }
        }
        for slot in &have {
            let _ = slot.actor.send(Message::Rules);
        }
        let surplus: Vec<Slot> = have.into_iter().filter(|slot| slot.index >= want).collect();
        if let Some(entry) = self.apps().get_mut(name) {
            entry.instances.retain(|slot| slot.index < want);
        }
        let (engine, spec, name) = (self.clone(), cell.running(), name.to_owned());
        surplus
            .into_iter()
            .map(move |slot| {
                let (engine, spec, name) = (engine.clone(), spec.clone(), name.clone());
                async move {
                    let _ = ask(&slot, Input::Stop(Why::plain(Cause::Config)), Goal::Down).await;
                    engine.retire(&slot, &spec);
                    engine.board().with_app(&name, |app| app.instances.retain(|one| one.pm_id != slot.pm_id));
                }
            })
            .collect()
    }

    /// Takes a definition that differs in the number of instances alone for those that run too. The first of one has its log
    /// under another name than the first of several: what they write goes there from now on.
    fn reroute(&self, cell: &Arc<AppCell>, spec: &AppSpec) {
        cell.put(spec.clone());
        let spec = cell.take_for_start();
        for slot in self.slots(&spec.name).iter().filter(|slot| slot.index < spec.instances.max(1)) {
            if let Err(error) = self.0.shared.logs.attach(&spec, slot.index) {
                tracing::warn!(app = %spec.name, %error, "failed to move the log of an instance to its new name");
            }
        }
    }

    fn retire(&self, slot: &Slot, spec: &AppSpec) {
        let _ = slot.actor.send(Message::End);
        self.0.shared.logs.detach(spec, slot.index);
        self.0.shared.forget_identity(slot.pm_id);
    }

    /// Stops an app and forgets it.
    ///
    /// # Errors
    /// Unknown app; it would not stop.
    pub async fn delete(&self, name: &str, by: &Asker) -> Result<(), Refusal> {
        let _changing = self.0.changing.lock().await;
        self.known(name)?;
        self.want(name, false).await;
        let why = Why::asked_by(by.name.clone());
        if let Some(failure) = request_all(&self.all_slots(name), &Input::Stop(why), Goal::Down).await.first() {
            return Err(Refusal::Failed(format!("{name} could not be deleted, because it does not stop: {failure}")));
        }
        let gone = self.apps().shift_remove(name);
        if let Some(entry) = gone {
            entry.helpers.iter().for_each(tokio::task::JoinHandle::abort);
            let spec = entry.cell.running();
            for slot in &entry.instances {
                self.retire(slot, &spec);
            }
            for slot in &entry.beside {
                let _ = slot.actor.send(Message::End);
            }
        }
        self.board().remove_app(name);
        self.app_event(name, EventKind::Deleted, by, "deleted");
        self.forget(name).await;
        Ok(())
    }
}

fn new_record(spec: AppSpec, free: &mut impl Iterator<Item = u32>) -> AppRecord {
    let instances = (0..spec.instances.max(1)).zip(free).map(|(index, pm_id)| InstanceRecord { index, pm_id, restarts: 0 });
    AppRecord {
        name: spec.name.clone(),
        wanted: spec.autostart,
        created_at: process::wall_clock(),
        instances: instances.collect(),
        spec: Arc::new(spec),
    }
}
