//! The gateway against itself: one module a part.

mod arrows;
mod faults;
mod broker;
mod uplink;
