//! The gateway against itself: one module a part.

mod arrows;
mod broker;
mod faults;
mod uplink;
mod sim;
