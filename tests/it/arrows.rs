//! The house keeps its shape: a module uses only what stands on a lower step, and each outside
//! package has one door.

use std::fs;
use std::path::{Path, PathBuf};

/// The steps of `ARCHITECTURE.md`, lowest first. Modules on one step do not use each other; a
/// submodule named here stands on a step of its own.
const STEPS: [&[&str]; 13] = [
    &["failure", "language", "limits", "packed", "rights", "time"],
    &["document", "model", "slots"],
    &["register_text"],
    &["config", "meters"],
    &["modbus", "health"],
    &["mapping", "counter"],
    &["stats", "sunspec"],
    &["store", "update", "modbus::line", "meters::golden"],
    &["ops"],
    &["poll", "uplink", "api", "console", "sim"],
    &["check"],
    &["gateway", "init"],
    &["demo", "tools", "fuzzing"],
];

/// Outside packages with the one module that may name them.
const DOORS: [(&str, &[&str]); 14] = [
    ("minisign_verify", &["update"]),
    ("tokio_modbus", &["modbus"]),
    ("sled", &["store"]),
    ("rumqttc", &["uplink"]),
    ("tiny_http", &["api"]),
    ("tokio_serial", &["modbus", "console"]),
    ("serial2", &["modbus"]),
    ("serde_json_core", &["api", "sunspec", "uplink", "tools"]),
    ("flate2", &["api", "init", "packed"]),
    ("httparse", &["api"]),
    ("tokio_rustls", &["api"]),
    ("rcgen", &["api"]),
    ("hmac", &["api"]),
    ("sntpc", &["init"]),
];

fn sources() -> Vec<(String, String)> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    let module = |path: &Path| {
        let inner = path.strip_prefix(&root).unwrap().with_extension("");
        let parts: Vec<_> =
            inner.iter().map(|part| part.to_str().unwrap()).filter(|part| *part != "mod").collect();
        parts.join("::")
    };
    paths.iter().map(|path| (module(path), code_of(&fs::read_to_string(path).unwrap()))).collect()
}

/// The text without comments and without the test module, which may use what it likes.
fn code_of(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]").next().unwrap_or_default();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    before_tests.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

/// The step of a module path: that of its longest prefix in [`STEPS`].
fn step(module: &str) -> Option<usize> {
    let mut prefix = module;
    loop {
        if let Some(step) = STEPS.iter().position(|step| step.contains(&prefix)) {
            return Some(step);
        }
        prefix = prefix.rsplit_once("::")?.0;
    }
}

/// Every `crate::...` path in `code`, with grouped imports spread out.
fn uses(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let path: String =
            rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect();
        if let Some(group) = rest[path.len()..].strip_prefix('{') {
            let inside = group.split('}').next().unwrap_or_default();
            found.extend(inside.split(',').map(|name| format!("{path}{}", name.trim())));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_module_stands_on_a_step() {
    for (module, _) in sources() {
        let rootless = matches!(module.as_str(), "lib" | "main" | "cems_init");
        assert!(
            rootless || step(&module).is_some(),
            "{module} has no step: add it to STEPS and ARCHITECTURE.md"
        );
    }
}

#[test]
fn modules_use_only_what_stands_on_a_lower_step() {
    let mut broken = Vec::new();
    for (module, code) in sources() {
        let Some(from) = step(&module) else { continue };
        let family = module.split("::").next().unwrap_or_default();
        for used in uses(&code) {
            let Some(to) = step(&used) else { continue };
            if used.split("::").next() != Some(family) && to >= from {
                broken.push(format!("{module} uses {used}"));
            }
        }
    }
    assert!(broken.is_empty(), "arrows that point sideways or up: {broken:#?}");
}

#[test]
fn every_outside_package_has_one_door() {
    for (module, code) in sources() {
        let family = module.split("::").next().unwrap_or_default();
        for (package, doors) in DOORS {
            let named = code.contains(&format!("{package}::"));
            assert!(!named || doors.contains(&family), "{module} names {package}; its door is {doors:?}");
        }
    }
}

#[test]
fn imports_are_found_alone_and_in_groups() {
    let found = uses(
        "use crate::time::UtcTime;\nuse crate::{limits, model::quality};\nlet x = crate::store::open();",
    );
    assert_eq!(found, ["time::UtcTime", "limits", "model::quality", "store::open"]);
}
