//! Modbus: what goes over a wire, and what is made of it.
//!
//! [`plan`] merges registers into few reads, [`mod@line`] asks for them and takes only the answer that
//! fits the question, [`decode`] makes values of the words. [`frame`], [`plan`], [`decode`] and
//! [`health`] are pure; only a [`mod@line`] touches a wire.

pub mod brought;
pub mod counters;
pub mod decode;
mod dial_in;
pub mod exceptions;
pub mod frame;
pub mod health;
pub mod line;
pub mod plan;
pub mod recorder;
pub mod recording;
mod serial_driver;
pub mod timing;
pub mod transport;
pub mod turnaround;
pub mod wire;

mod backoff;
pub mod bisection;
mod busy;
mod half;
mod pause;
