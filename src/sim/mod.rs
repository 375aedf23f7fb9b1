//! A simulated factory: meters that answer like real ones, with values that anyone can compute.
//!
//! [`factory`] is the formula (any other site shows a plain [`wave`]); a [`meter`] turns values into
//! registers, a [`mishap`] befalls it, and a [`fleet`] is the meters of one line; a [`bus`] reacts to what it
//! hears, with a [`fault`] where one is due; [`serve`] moves the bytes on a socket, in memory or on a [`pty`],
//! which may have the [`pace`] of a wire. [`run`] starts the lines of any site, [`plant`] the factory,
//! [`replay`](mod@replay) what was recorded of a line. Only `demo`, the command line and the tests use
//! this.

pub mod calendar;
mod curtailment;
pub mod factory;
mod load;
pub mod site;
pub mod wave;

pub mod fleet;
pub mod meter;
pub mod mishap;

pub mod bus;
pub mod fault;
pub mod memory;
pub mod pace;
pub mod pty;
pub mod serve;

pub mod plant;
pub mod replay;
pub mod run;
