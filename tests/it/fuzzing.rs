//! What `fuzz/` has looked at holds in every run of the tests: its seeds, and the bytes that it once found.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use cems_gateway::fuzzing::{TARGETS, Target, target_named};

/// Bytes of one file: seeds are small, so that a fuzzer gets through them.
const FILE_BYTES_MAX: usize = 8 * 1_024;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Runs every file of the target that lies in `folder`; gives how many there are.
fn run_all(target: Target, folder: &Path) -> usize {
    let names = names_in(folder);
    for name in &names {
        let bytes = fs::read(folder.join(name)).unwrap();
        assert!(bytes.len() <= FILE_BYTES_MAX, "{}/{name} is large", folder.display());
        assert!(catch_unwind(|| (target.run)(&bytes)).is_ok(), "{}/{name} fails", folder.display());
    }
    names.len()
}

#[test]
fn every_target_holds_for_its_seeds_and_for_what_was_once_found() {
    for target in TARGETS {
        let seeds = run_all(target, &folder("seeds").join(target.name));
        assert!(seeds > 0, "{} has no seeds in fuzz/seeds", target.name);
        run_all(target, &folder("found").join(target.name));
    }
}

#[test]
fn no_seed_belongs_to_a_target_that_is_not_there() {
    for kind in ["seeds", "found"] {
        for name in names_in(&folder(kind)) {
            assert!(target_named(&name).is_some(), "fuzz/{kind}/{name} belongs to no target");
        }
    }
    let names: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names.len(), TARGETS.len(), "two targets have one name");
}
