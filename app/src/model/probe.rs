use serde::{Deserialize, Serialize};

use super::Time;

/// How it is found out whether an app is healthy (`health`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Whoever was seen to listen on its `port` has to go on accepting connections there.
    #[default]
    Automatic,
    /// Not at all.
    Off,
    /// As told.
    Probed(HealthPolicy),
}

/// What is asked, how often, and what is done about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct HealthPolicy {
    /// What is asked.
    pub probe: Probe,
    /// Time between two checks that pass; ms.
    pub interval_ms: u64,
    /// A check that takes longer has failed; ms.
    pub timeout_ms: u64,
    /// Checks that fail in a row before something is done.
    pub retries: u32,
    /// Time between two checks after one that failed; ms.
    pub retry_interval_ms: u64,
    /// Time between two restarts, at least; ms.
    pub cooldown_ms: u64,
    /// How long a new process may fail before its first check that passes; ms.
    pub start_period_ms: u64,
    /// What is done.
    pub remedy: Remedy,
}

impl HealthPolicy {
    /// The defaults (seed 002: three tries, ten seconds apart, a minute between restarts).
    #[must_use]
    pub fn new(probe: Probe) -> Self {
        Self {
            probe,
            interval_ms: 10_000,
            timeout_ms: 5_000,
            retries: 3,
            retry_interval_ms: 10_000,
            cooldown_ms: 60_000,
            start_period_ms: 30_000,
            remedy: Remedy::Restart,
        }
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Probe {
    /// A GET request.
    Http(HttpProbe),
    /// A connection, to `HOST:PORT`, or to the port that the app listens on.
    Tcp(Option<String>),
    /// What a gRPC server says about itself (`grpc.health.v1.Health/Check`).
    Grpc(GrpcProbe),
    /// A line for a shell, which has to end with 0. It runs as the user of the app, in its folder and with its environment.
    Command(String),
    /// A line that the app writes.
    Log(LogProbe),
    /// A sign of life that the app gives.
    Heartbeat(Heartbeat),
}

impl Probe {
    /// Is the port of the app what is asked?
    #[must_use]
    pub fn asks_own_port(&self) -> bool {
        match self {
            Self::Tcp(address) => address.is_none(),
            Self::Http(http) => http.url.starts_with('/'),
            Self::Grpc(grpc) => grpc.address.is_none(),
            Self::Command(_) | Self::Log(_) | Self::Heartbeat(_) => false,
        }
    }
}

/// Which gRPC server is asked, and for what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct GrpcProbe {
    /// `HOST:PORT`; by default the port that the app listens on.
    pub address: Option<String>,
    /// The service that is asked for; the whole server if it is empty.
    pub service: String,
}

/// A line that has to appear again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct LogProbe {
    /// Text that is in it, whatever the case of its letters.
    pub text: String,
    /// The last one may be so old, in ms.
    pub within_ms: u64,
}

/// A sign of life that has to come again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Heartbeat {
    /// A file that is written or touched; without one, the app asks for the address in its variable `QD_HEARTBEAT_URL`.
    pub file: Option<String>,
    /// The last one may be so old, in ms.
    pub within_ms: u64,
}

/// A GET request, and what its answer has to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct HttpProbe {
    /// `http://HOST:PORT/PATH`, the same with `https`, or a path, which is asked for on the port that the app listens on.
    pub url: String,
    /// Status codes that pass, from and to; by default 200 to 399.
    pub status: Vec<(u16, u16)>,
    /// Text that has to be in the first 64 KiB of the body.
    pub body: Option<String>,
    /// Headers that the answer has to have, and text that has to be in each.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// May the certificate of an https address be any, as that of an app on this host often is?
    #[serde(default)]
    pub insecure: bool,
    /// The answer has to be there within this time; ms.
    pub max_latency_ms: Option<u64>,
}

/// What is done about an app that is not healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Remedy {
    /// It is restarted; of several instances one after the other.
    Restart,
    /// It is told, and nothing else.
    Tell,
}

/// What came of the checks of an app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ProbeReport {
    /// What is asked: `GET http://127.0.0.1:5000/api-health`.
    pub what: String,
    /// What is done, in words: `restarts after 3 failed checks in a row, at most once in 1 m`.
    pub policy: String,
    /// Does it count as healthy? Unknown before the first verdict on this process.
    pub healthy: Option<bool>,
    /// Since when it counts as that.
    pub since: Option<Time>,
    /// Checks that failed in a row.
    pub failures: u32,
    /// How long the last check took that passed, in ms.
    pub latency_ms: Option<f64>,
    /// What the last check that passed has told: connections and address of a tunnel.
    #[serde(default)]
    pub detail: Option<String>,
    /// When it was last checked.
    pub checked_at: Option<Time>,
    /// Why the last check failed, as a sentence without its full stop.
    pub message: Option<String>,
}
