//! A simulated factory: meters that answer like real ones, with values that anyone can compute.
//!
//! [`factory`] is the formula, [`meter`] turns its values into registers, [`serve`] puts the meters
//! on a wire, and [`fault`] makes the wire misbehave. Nothing outside `demo`, the command line and
//! the tests uses this.

pub mod calendar;
pub mod factory;
mod load;
pub mod site;
pub mod wave;

pub mod fleet;
pub mod meter;

pub mod bus;
pub mod fault;
pub mod memory;
pub mod pty;
pub mod serve;

pub mod run;
