//! The gateway against itself: one module a part.
mod config;
mod config_documents;

mod arrows;
mod broker;
mod faults;
mod poll;
mod sim;
mod uplink;
mod store;
mod lines;
