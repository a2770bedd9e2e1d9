//! How much of the time an app was there when it was wanted.

use serde::{Deserialize, Serialize};

use super::{Cause, Time};

/// A time in which an app was wanted and not there: it had ended by itself, waited for its next start, was given up, or failed its checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Outage {
    /// Since when it was down.
    pub from: Time,
    /// Until when; null while it is.
    pub to: Option<Time>,
    /// Why it came down.
    pub cause: Cause,
    /// The same in the words of the event.
    pub message: String,
}

/// How available an app was in the time up to now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct AvailabilitySpan {
    /// How far it goes back, in hours: 24, 168, 720.
    pub hours: u32,
    /// How long the app was known and wanted in it, in ms: stops and restarts that were asked for are left out.
    pub wanted_ms: u64,
    /// How long it was down of that, in ms.
    pub down_ms: u64,
    /// Percent of the time in which it was wanted that it was there; null if it never was wanted.
    pub percent: Option<f64>,
}

/// What is left of the time that an app may be down in 30 days.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ErrorBudget {
    /// `availability_target`, in percent.
    pub target_percent: f64,
    /// How long it may be down in 30 days, in ms.
    pub allowed_ms: u64,
    /// How much of that is left, in ms; 0 when it is used up.
    pub left_ms: u64,
}

/// The availability of an app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Availability {
    /// The app.
    pub app: String,
    /// Since when it is known; null if nothing is yet.
    pub since: Option<Time>,
    /// The last 24 hours, 7 days and 30 days.
    pub spans: Vec<AvailabilitySpan>,
    /// What it is measured against; null without a target.
    pub budget: Option<ErrorBudget>,
    /// The latest outages, newest first.
    pub outages: Vec<Outage>,
}
