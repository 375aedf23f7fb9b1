//! The built binary against software that others wrote: one module a story.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by stopping there")]

mod harness;

mod annex_c;
mod bill;
mod board;
mod control;
mod crash;
mod demo;
mod desk;
mod firmware;
mod health;
mod interface;
mod modbus;
mod package;
mod recording;
mod scanners;
mod siege;
mod simulator;
mod sunspec;
mod technician_tools;
mod trials;
mod tshark;
mod update;
mod uplink;
