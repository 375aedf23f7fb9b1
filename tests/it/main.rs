//! The gateway against itself: one module a part.

mod broker;
mod console;
mod uplink;
