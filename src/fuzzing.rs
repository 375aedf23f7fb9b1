//! Doors for bytes that others wrote: of a network, a wire, a disk or a person. No part of the product.
//!
//! A target takes any bytes at all, runs them through one reader and asserts what must hold of it: that it
//! ends, without a panic, and that what it took reads the same once it is written again. `fuzz/` looks for
//! bytes for which that fails; `tests/it/fuzzing.rs` runs the ones that it has looked at.

mod console;
mod modbus;
mod recording;
mod site;

use crate::{api, slots, store, update};

/// A reader and what must hold of it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As `fuzz/run` calls it.
    pub name: &'static str,
    /// Runs bytes through the reader; panics where something does not hold.
    pub run: fn(&[u8]),
}

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// Every target, by the layer that its bytes come to first.
pub const TARGETS: [Target; 22] = [
    target("request_head", api::fuzzing::request_head),
    target("chunks", api::fuzzing::chunks),
    target("signature", api::fuzzing::signature),
    target("json_guard", api::fuzzing::json_guard),
    target("query_string", api::fuzzing::query_string),
    target("site_file", site::site_file),
    target("site_edit", site::site_edit),
    target("register_map", site::register_map),
    target("console_line", console::console_line),
    target("modbus_rtu", modbus::rtu),
    target("modbus_tcp", modbus::tcp),
    target("modbus_pdu", modbus::pdu),
    target("recording", recording::recording),
    target("store_code", store::fuzzing::code),
    target("store_block", store::fuzzing::block),
    target("store_frame", store::fuzzing::frame),
    target("store_record", store::fuzzing::record),
    target("store_ring", store::fuzzing::ring),
    target("backup", store::fuzzing::backup),
    target("boot_state", slots::fuzzing::boot_state),
    target("update_bundle", update::fuzzing::bundle),
    target("update_manifest", update::fuzzing::manifest),
];

/// The target of this name.
#[must_use]
pub fn target_named(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}

/// Whether what a person is told leaves the cursor of a terminal where it belongs.
fn is_fit_for_a_terminal(told: &str) -> bool {
    told.chars().all(|character| character == '\n' || !character.is_control())
}
