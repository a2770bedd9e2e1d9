//! Real processes under the real binary: what holds whatever dies.

mod adoption;
mod chaos;
mod conditions;
mod examples;
mod life;
mod policy;
mod probes;
mod ready;
mod reload;
mod trees;
mod trouble;
mod upgrade;
