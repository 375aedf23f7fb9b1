//! What the ARM binaries are made of, as `deploy/cross-build` writes it beside them and as they tell it
//! themselves to a reader that others wrote.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A package with its version.
type Package = (String, String);

fn in_checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn packages(list: &Value) -> BTreeSet<Package> {
    let text = |package: &Value, member: &str| package[member].as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(|package| (text(package, "name"), text(package, "version"))).collect()
}

/// The bill of materials beside the binary.
fn bill_of(architecture: &str) -> Value {
    let path = in_checkout(&format!("dist/cems-gateway-{architecture}.cdx.json"));
    let text = std::fs::read(&path);
    let text = text.unwrap_or_else(|why| panic!("{}: {why}; run deploy/cross-build", path.display()));
    serde_json::from_slice(&text).unwrap()
}

/// What the binary tells of itself.
fn told_by(architecture: &str) -> BTreeSet<Package> {
    let reader = in_checkout(".cache/cargo/bin/rust-audit-info");
    let binary = in_checkout(&format!("dist/cems-gateway-{architecture}"));
    let output = Command::new(&reader).arg(binary).output();
    let output = output.unwrap_or_else(|why| panic!("{}: {why}; tests/run installs it", reader.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    packages(&told["packages"])
}

fn locked_version(name: &str) -> String {
    let lock = std::fs::read_to_string(in_checkout("Cargo.lock")).unwrap();
    let (_, behind) = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).unwrap();
    behind.split('"').next().unwrap().to_owned()
}

#[test]
fn the_bill_of_materials_names_what_the_binary_is_made_of_and_nothing_else() {
    for architecture in ["armv7", "aarch64"] {
        let bill = bill_of(architecture);
        let product = &bill["metadata"]["component"];
        assert_eq!((&bill["bomFormat"], &product["name"]), (&"CycloneDX".into(), &"cems-gateway".into()));
        let mut listed = packages(&bill["components"]);
        listed.insert(("cems-gateway".to_owned(), product["version"].as_str().unwrap().to_owned()));

        let told = told_by(architecture);
        let only_told: Vec<_> = told.difference(&listed).collect();
        let only_listed: Vec<_> = listed.difference(&told).collect();
        assert!(
            only_told.is_empty() && only_listed.is_empty(),
            "{architecture}: {only_told:?} {only_listed:?}"
        );
        for name in ["rumqttc", "sled", "tiny_http", "tokio-modbus"] {
            assert!(told.contains(&(name.to_owned(), locked_version(name))), "{architecture}: no {name}");
        }
    }
}

#[test]
fn the_bill_of_materials_names_no_part_of_the_tests_and_no_folder_of_a_machine() {
    for architecture in ["armv7", "aarch64"] {
        let bill = bill_of(architecture).to_string();
        for foreign in ["proptest", "store_trial", "path+file", env!("CARGO_MANIFEST_DIR")] {
            assert!(!bill.contains(foreign), "{architecture}: {foreign}");
        }
    }
}
