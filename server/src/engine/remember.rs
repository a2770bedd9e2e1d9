//! Writing down what was asked for, so that it holds after the end of `qd`. What cannot be written is owed, and tried again.

use std::sync::PoisonError;
use std::time::Duration;

use app::model::AppRecord;
use tokio::sync::{MutexGuard, watch};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::manager::Engine;

/// How long to wait before what is owed is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// What is being written down, by another thread.
#[must_use = "it counts once it is written"]
pub(super) struct Writing<'a> {
    engine: &'a Engine,
    _turn: MutexGuard<'a, ()>,
    settled: JoinHandle<Result<(), String>>,
    written: Written,
}

/// Whether something is written down, so that it outlives this process. Whoever asked for it is answered later, when it outlives the host.
#[derive(Clone)]
pub(super) struct Written(Option<watch::Receiver<()>>);

impl Written {
    /// It is already.
    pub(super) fn already() -> Self {
        Self(None)
    }

    /// Waits until it is written, or owed, or nobody is about it any more.
    pub(super) async fn done(mut self) {
        if let Some(under_way) = &mut self.0 {
            // Nothing is ever sent: it ends with the one who writes.
            let _ = under_way.changed().await;
        }
    }
}

impl Writing<'_> {
    /// For those who wait for it as well.
    pub(super) fn written(&self) -> Written {
        self.written.clone()
    }

    /// Waits until it is on the disk, or owed.
    pub(super) async fn done(self) {
        self.engine.look_at(self.settled.await);
    }
}

impl Engine {
    /// Writes down these apps as they are now.
    pub(super) async fn remember(&self, records: Vec<AppRecord>) {
        let _turn = self.0.writing.lock().await;
        if !records.is_empty() {
            let store = self.0.store.clone();
            self.look_at(spawn_blocking(move || store.put(&records)).await);
        }
    }

    /// The same, without waiting for it. Nobody else writes meanwhile.
    pub(super) async fn begin_to_remember(&self, records: Vec<AppRecord>) -> Writing<'_> {
        let turn = self.0.writing.lock().await;
        let store = self.0.store.clone();
        let (under_way, written) = watch::channel(());
        let settled = spawn_blocking(move || {
            if records.is_empty() {
                return Ok(());
            }
            store.note(&records)?;
            drop(under_way);
            store.settle()
        });
        Writing { engine: self, _turn: turn, settled, written: Written(Some(written)) }
    }

    /// To be called by the one whose turn it is to write.
    fn look_at(&self, written: Result<Result<(), String>, JoinError>) {
        if let Ok(Err(error)) = written {
            self.node_event(&format!(
                "what was asked for could not be written down; until it is, it holds only as long as qd runs: {error}"
            ));
            self.owe(None);
        }
    }

    /// Writes down that an app is gone.
    pub(super) async fn forget(&self, name: &str) {
        let _turn = self.0.writing.lock().await;
        let (store, owned) = (self.0.store.clone(), name.to_owned());
        if let Ok(Err(error)) = spawn_blocking(move || store.remove(&owned)).await {
            self.node_event(&format!(
                "{name} was deleted, but that could not be written down; until it is, it may come back with qd: {error}"
            ));
            self.owe(Some(name));
        }
    }

    /// To be called by the one whose turn it is to write.
    fn owe(&self, gone: Option<&str>) {
        let mut owed = self.0.owed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = owed.is_none();
        owed.get_or_insert_default().extend(gone.map(str::to_owned));
        if is_first {
            self.0.runtime.spawn(self.clone().pay());
        }
    }

    async fn pay(self) {
        loop {
            tokio::time::sleep(PAUSE).await;
            let _turn = self.0.writing.lock().await;
            let (store, records) = (self.0.store.clone(), self.records());
            let mut gone = self.0.owed.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default();
            // One that was added again meanwhile is there.
            gone.retain(|name| records.iter().all(|record| record.name != *name));
            let written = spawn_blocking(move || {
                gone.iter().try_for_each(|name| store.remove(name))?;
                store.put(&records)
            });
            if matches!(written.await, Ok(Ok(()))) {
                *self.0.owed.lock().unwrap_or_else(PoisonError::into_inner) = None;
                return self.node_event("what was asked for is written down again");
            }
        }
    }
}
