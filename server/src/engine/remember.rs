//! Writing down what was asked for, so that it holds after the end of `qd`. What cannot be written is owed, and tried again.

use std::sync::PoisonError;
use std::time::Duration;

use app::model::AppRecord;
use tokio::task::spawn_blocking;

use super::manager::Engine;

/// How long to wait before what is owed is tried again.
const PAUSE: Duration = Duration::from_millis(500);

impl Engine {
    /// Writes down these apps as they are now.
    pub(super) async fn remember(&self, records: Vec<AppRecord>) {
        let _turn = self.0.writing.lock().await;
        let store = self.0.store.clone();
        if let Ok(Err(error)) = spawn_blocking(move || store.put(&records)).await {
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
