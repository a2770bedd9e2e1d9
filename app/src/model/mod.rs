//! What the parts of Quarterdeck and its clients say to each other: plain data, serde only.

mod app;
mod availability;
mod control;
mod daemon;
mod dependency;
mod event;
mod finding;
mod health;
mod history;
mod inside;
mod listen;
mod log;
mod overview;
mod probe;
mod problem;
mod ready;
mod record;
mod spec;
mod stream;
mod time;

pub use app::{App, Exit, Instance, Limits, State};
pub use availability::{Availability, AvailabilitySpan, ErrorBudget, Outage};
pub use control::{Action, ControlAnswer, ControlStatus};
pub use daemon::DaemonFigures;
pub use dependency::{Dependency, Until};
pub use event::{Cause, Event, EventKind};
pub use finding::{Finding, Sign, Signs, Threshold};
pub use health::{
    Component, ComponentStatus, CpuFigures, DiskFigures, HealthDocument, HealthStatus, MemoryFigures, TreeFigures, TreeHold,
    UptimeFigures,
};
pub use history::{AppMetrics, EventList, Figure, FigurePoint, FigureSeries, MetricPoint, Range, SnapshotList};
pub use inside::{EventLoopLag, InsideFigures, ProfileFile, ProfileKind, ProfileList, ProfileOrder, Scrape};
pub use listen::ListenAddress;
pub use log::{LogLine, LogPage, LogStream};
pub use overview::{DayCell, HostTrend, Node, Overview, Trend};
pub use probe::{GrpcProbe, Health, HealthPolicy, Heartbeat, HttpProbe, LogProbe, Probe, ProbeReport, Remedy};
pub use problem::{Problem, ProblemBody};
pub use ready::WaitReady;
pub use record::{AppRecord, InstanceRecord};
pub use spec::{AppSpec, Definition, EnvBlock, ExecMode, Interpreter, LogFile, LogPolicy, Rotation, TreeLimits, Watch};
pub use stream::{Snapshot, StreamEvent};
pub use time::{ParseTimeError, Time};
