//! The gateway against itself: one module a part.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects by failing"
)]

mod allocations;
mod api;
mod archive;
mod arrows;
mod audit;
mod broker;
mod config;
mod config_documents;
mod console;
mod control;
mod coverage;
mod faults;
mod fleet;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod line_rules;
mod lines;
mod manual;
mod poll;
mod recorder;
mod repair;
mod rights;
mod sim;
mod statistics;
mod store;
mod update;
mod uplink;
