//! The gateway against itself: one module a part.

mod api;
mod config;
mod config_documents;

mod arrows;
mod broker;
mod console;
mod faults;
mod lines;
mod poll;
mod sim;
mod store;
mod uplink;
