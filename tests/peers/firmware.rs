//! The ARM binaries that `deploy/cross-build` has made, run under qemu.
//!
//! qemu's user emulation does not know the serial port requests that we use (`TCGETS2`), so the demo reaches
//! its RS-485 bus through a socket there: RTU frames are exercised, the ARM serial driver is not.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::demo;
use crate::harness::gateway::{Gateway, Program};
use crate::harness::ledger::survive_power_cuts;
use crate::harness::random::Random;
use crate::trials;

fn emulated(emulator: &str, architecture: &str) -> Program {
    let binary = format!("{}/dist/cems-gateway-{architecture}", env!("CARGO_MANIFEST_DIR"));
    assert!(Path::new(&binary).exists(), "{binary} is missing; run deploy/cross-build {architecture}");
    vec![emulator.into(), binary.into()]
}

fn armv7() -> Program {
    emulated("qemu-arm-static", "armv7")
}

fn aarch64() -> Program {
    emulated("qemu-aarch64-static", "aarch64")
}

#[test]
fn the_armv7_demo_answers_its_curl_lines_with_the_values_of_the_formula() {
    demo::tell_the_story(armv7());
}

#[test]
fn the_aarch64_demo_answers_its_curl_lines_with_the_values_of_the_formula() {
    demo::tell_the_story(aarch64());
}

/// Trials of each kind on ARM where nobody says otherwise.
const TRIALS: u64 = 50;

/// The program that fills a store, under the emulator.
fn armv7_filler() -> Vec<std::ffi::OsString> {
    let binary = format!("{}/dist/store_trial-armv7", env!("CARGO_MANIFEST_DIR"));
    assert!(Path::new(&binary).exists(), "{binary} is missing; run deploy/cross-build armv7 store_trial");
    vec!["qemu-arm-static".into(), binary.into()]
}

#[test]
fn a_kill_on_armv7_loses_nothing_that_was_acknowledged() {
    trials::kill(&armv7_filler(), TRIALS);
}

#[test]
fn a_power_cut_on_armv7_loses_nothing_that_was_acknowledged() {
    trials::cut_power(&armv7_filler(), TRIALS);
}

#[test]
fn a_full_disk_on_armv7_loses_nothing_that_was_acknowledged() {
    trials::fill_disk(&armv7_filler(), TRIALS);
}

#[test]
fn damage_on_armv7_gives_no_wrong_reading_and_what_it_costs_is_told() {
    trials::damage_files(&armv7_filler(), TRIALS);
}

#[test]
fn kills_lose_no_acknowledged_reading_on_armv7() {
    let dir = TempDir::new().unwrap();
    let mut demo = Gateway::demo(armv7(), dir.path(), &["--history-days", "0"]);

    let found_again = survive_power_cuts(&mut demo, 3, Duration::from_secs(20), &mut Random::new(11));

    assert!(found_again > 100, "only {found_again} readings were acknowledged: too few to say anything");
}
