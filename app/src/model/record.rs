//! What is remembered of an app when nothing runs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{AppSpec, Time};

/// An instance that is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceRecord {
    /// Its number within the app.
    pub index: u32,
    /// PM2's `pm_id`.
    pub pm_id: u32,
    /// Restarts so far.
    pub restarts: u32,
}

/// An app that is remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppRecord {
    /// Its name.
    pub name: String,
    /// Its latest definition.
    pub spec: Arc<AppSpec>,
    /// Is it meant to run?
    pub wanted: bool,
    /// When it was first added.
    pub created_at: Time,
    /// Its instances.
    pub instances: Vec<InstanceRecord>,
}
