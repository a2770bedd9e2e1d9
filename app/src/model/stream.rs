//! The messages of the live stream. Named events of `text/event-stream`:
//! `snapshot` ([`Snapshot`]), `health` ([`super::HealthDocument`]), `event` ([`StreamEvent`]), `resync` (no content).

use serde::{Deserialize, Serialize};

use super::{App, Event, HealthDocument, Instance, Node};

/// The first message: how things stand. What comes after it has greater event ids, or may be applied twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Snapshot {
    /// Who answers.
    pub node: Node,
    /// Number of the latest event that is contained.
    pub last_event_id: u64,
    /// Every app.
    pub apps: Vec<App>,
    /// The latest health document.
    pub health: HealthDocument,
}

/// An event, and what it made of what it is about. To apply it, replace the instance (or the app) by what is here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct StreamEvent {
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// The instance after it, for events of an instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<Instance>,
    /// The app after it, without it when deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<App>,
}
