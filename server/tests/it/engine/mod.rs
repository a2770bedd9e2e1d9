//! Real processes under the real binary: what holds whatever dies.

mod adoption;
mod chaos;
mod conditions;
mod life;
mod policy;
mod manager;
mod probes;
mod ready;
mod reload;
mod trees;
mod trouble;
mod upgrade;
