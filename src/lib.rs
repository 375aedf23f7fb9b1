//! An energy gateway for one site: prepared for GB/T 35031.5-2025, wire names provisional.
//!
//! The life of one Reading, which is also the order of the modules:
//!
//! 1. `poll` finds a meter due and asks for it;
//! 2. `modbus` merges its registers into few reads, speaks on the line, and takes only the answer
//!    that fits the question;
//! 3. `mapping` makes of the raw words a value in its unit, or a named reason why there is none;
//! 4. `store` makes it durable and keeps the newest of every series at hand;
//! 5. `ops` answers what may be asked; `api` and `console` put the answer into words, `uplink`
//!    sends every reading on, `gateway` starts them all and stops them in order.

// A file of the benches, which call the library by its name, is used in a test of the library too.
#[cfg(test)]
extern crate self as cems_gateway;

pub mod failure;
pub mod language;
pub mod limits;
pub mod packed;
pub mod rights;
pub mod time;

pub mod document;
pub mod model;
pub mod slots;

pub mod register_text;

pub mod config;
pub mod meters;

pub mod health;
pub mod modbus;

pub mod counter;
pub mod mapping;
pub mod stats;
pub mod sunspec;

pub mod store;
pub mod update;

pub mod ops;

pub mod api;
pub mod console;
pub mod poll;
pub mod uplink;

pub mod sim;

pub mod check;
pub mod gateway;

pub mod init;

pub mod demo;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod tools;
