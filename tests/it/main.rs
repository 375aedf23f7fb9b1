//! The gateway against itself: one module a part.

mod broker;
mod uplink;
