//! One program for every target, so that there is one to link: `FUZZ_TARGET` names the reader that gets the
//! bytes.

#![no_main]

use std::sync::LazyLock;

use cems_gateway::fuzzing::{TARGETS, Target, target_named};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let names = TARGETS.map(|target| target.name).join(", ");
    target_named(&name).unwrap_or_else(|| panic!("FUZZ_TARGET='{name}' is none of {names}"))
});

fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
