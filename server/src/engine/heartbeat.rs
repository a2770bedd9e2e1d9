//! Signs of life that apps give by asking for an address of their own.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use app::format::hex;
use app::model::Time;
use sha2::{Digest, Sha256};

use super::manager::Engine;
use crate::process;

/// The variable that tells an app where its sign of life is heard.
pub(super) const VARIABLE: &str = "QD_HEARTBEAT_URL";
/// Of the key, in bytes.
const KEY: usize = 16;

#[derive(Debug)]
pub(super) struct Heartbeats {
    /// What the keys are made of; no app knows it.
    secret: String,
    /// Where this node answers.
    base: OnceLock<String>,
    last: Mutex<HashMap<String, Time>>,
}

impl Heartbeats {
    pub(super) fn new(secret: String) -> Self {
        Self { secret, base: OnceLock::new(), last: Mutex::default() }
    }

    /// What an app alone knows. It is the same for as long as the secret is.
    fn key(&self, name: &str) -> String {
        hex(&Sha256::digest(format!("heartbeat {} {name}", self.secret))[..KEY])
    }
}

impl Engine {
    /// Tells under which address this node answers, such as `http://127.0.0.1:9615`. Apps that are started later are told.
    pub fn answers_at(&self, base: String) {
        // Said once, before anything is started.
        let _ = self.0.shared.heartbeats.base.set(base);
    }

    /// Hears a sign of life. Says whether an app has this key.
    pub fn hear_heartbeat(&self, key: &str) -> bool {
        let apps = self.board().apps();
        let Some(app) = apps.iter().find(|app| self.0.shared.heartbeats.key(&app.name) == key) else { return false };
        let mut last = self.0.shared.heartbeats.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.insert(app.name.clone(), process::wall_clock());
        true
    }

    /// When the last sign of life of an app was heard.
    #[must_use]
    pub fn last_heartbeat(&self, name: &str) -> Option<Time> {
        self.0.shared.heartbeats.last.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }
}

impl super::shared::Shared {
    /// Where an app is heard.
    pub(super) fn heartbeat_url(&self, name: &str) -> Option<String> {
        Some(format!("{}/api/heartbeat/{}", self.heartbeats.base.get()?, self.heartbeats.key(name)))
    }
}
