//! Real processes under the real binary: what holds whatever dies.

mod adoption;
mod availability;
mod calm;
mod chaos;
mod conditions;
mod examples;
mod life;
mod manager;
mod policy;
mod probes;
mod ready;
mod reload;
mod trees;
mod trouble;
mod upgrade;
mod watch;
