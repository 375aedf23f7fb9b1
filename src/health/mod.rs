//! How the gateway and its machine are: whether every part of it moves, how the runs before ended, and what
//! the machine says of itself.
//!
//! ```text
//! polling, store, interface   Beat -> Sign -> Watch -> what stands still
//! a panic, a start, a stop    files of the data folder -> how the last run ended
//! /sys, /proc                 Places -> temperature, memory, disk, flash
//! ```
//!
//! Nothing here knows the parts themselves: `gateway` brings their signs and tells whoever supervises it.

mod addresses;
mod beat;
pub mod checkup;
pub mod last_panic;
pub mod last_run;
pub mod machine;
mod note;
pub mod notify;
pub mod reports;
mod rounds;
pub mod watch;

pub use beat::Beat;
pub use rounds::Rounds;
