//! Wire: every name and code of the application-side interface, and nowhere else.
//!
//! The full text of GB/T 35031.5-2025 is not public. Nearly all names here are therefore
//! provisional; `registry` says of each how sure we are. When the text is had, this folder is what
//! changes.

pub mod answer;
pub mod claim;
pub mod code;
pub mod compat;
pub mod demand;
pub mod example;
pub mod figures;
pub(super) mod json_stream;
pub mod names;
pub mod openapi;
pub mod operation;
mod order;
pub mod question;
pub mod registry;
pub mod request;
pub mod response;
pub mod site;
pub mod statistic;
pub mod table;
pub mod update;
pub mod word;

use std::fmt;

use serde::{Serialize, Serializer};

/// Anything that is written as the text it shows to people: times, reading types, intervals.
#[derive(Clone, Copy, Debug)]
pub struct Shown<T>(pub T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// The head of an object whose members follow one by one.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Empty {}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::registry;

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(sources(&path));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
        found
    }

    fn source_root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
    }

    /// The code of a file, without its tests.
    fn code(path: &Path) -> String {
        let text = fs::read_to_string(path).unwrap();
        text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
    }

    /// What stands in quotes after `marker`.
    fn quoted_after<'t>(text: &'t str, marker: &str) -> Vec<&'t str> {
        text.split(marker).skip(1).filter_map(|rest| rest.split('"').nth(1)).collect()
    }

    #[test]
    fn every_written_or_read_name_is_in_the_registry() {
        let wire = source_root().join("api/wire");
        let mut checked = 0;
        // What draws the document has texts of its own; it takes its names from the registry.
        let drawing = wire.join("openapi");
        for path in sources(&wire).into_iter().filter(|path| !path.starts_with(&drawing)) {
            let text = code(&path);
            let mut names = quoted_after(&text, "rename = ");
            names.extend(quoted_after(&text, ": &str = "));
            for name in names.into_iter().filter(|name| *name != registry::REVISION) {
                assert!(registry::find(name).is_some(), "'{name}' of {} is unknown", path.display());
                checked += 1;
            }
            assert!(!text.contains("rename_all"), "{} hides names", path.display());
        }
        for name in super::operation::Operation::names() {
            assert!(registry::find(name).is_some(), "the operation '{name}' is unknown");
        }
        assert!(checked > 60, "only {checked} names were found");
    }

    #[test]
    fn every_member_is_renamed_explicitly() {
        let wire = source_root().join("api/wire");
        for path in sources(&wire) {
            let text = code(&path);
            let mut derived = false;
            let mut renamed = false;
            for line in text.lines().map(str::trim) {
                derived = (derived || line.contains("derive(") && line.contains("erialize")) && line != "}";
                renamed |= line.contains("rename = ");
                let member = line.strip_prefix("pub ").and_then(|rest| rest.split_once(": "));
                if derived && member.is_some_and(|(name, _)| !name.contains(' ')) {
                    assert!(renamed, "{}: '{line}' has no wire name", path.display());
                    renamed = false;
                }
            }
        }
    }

    #[test]
    fn every_member_of_every_question_is_in_the_registry() {
        let mut checked = 0;
        for operation in super::operation::Operation::all() {
            for (name, _) in super::request::members_of(operation.subject) {
                assert!(registry::find(name).is_some(), "'{name}' of {} is unknown", operation.name());
                checked += 1;
            }
        }
        assert!(checked > 60, "only {checked} members were found");
    }

    /// Operations and paths stand in longer texts as well, such as a line to try; they are put together
    /// from this folder.
    #[test]
    fn no_operation_and_no_path_stands_outside_this_folder() {
        let operations = super::operation::Operation::names();
        let paths = [super::names::PATH_HEALTH, super::names::PATH_OPENAPI, super::names::PATH_METRICS];
        let telling = operations.into_iter().filter(|name| name.starts_with("Get")).chain(paths);
        let words: Vec<&str> = telling.chain(["/cems/"]).collect();
        for path in
            sources(&source_root()).iter().filter(|path| !path.starts_with(source_root().join("api/wire")))
        {
            let text = code(path);
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in lines {
                let word = words.iter().find(|word| line.contains(**word));
                assert_eq!(word, None, "{}: {line}", path.display());
            }
        }
    }

    /// In what serves the interface even a plain word is a name of the wire.
    #[test]
    fn no_wire_name_at_all_stands_in_what_serves_the_interface() {
        let api = source_root().join("api");
        for path in sources(&api).iter().filter(|path| !path.starts_with(api.join("wire"))) {
            let text = code(path);
            for entry in registry::REGISTRY {
                let stands = text.contains(&format!("\"{}\"", entry.name));
                assert!(!stands, "'{}' stands in {}", entry.name, path.display());
            }
        }
    }

    /// The uplink's payload is not this interface; it calls a reading's members by the same names so
    /// that one platform can read both.
    #[test]
    fn no_wire_name_stands_outside_this_folder_and_the_uplinks_payload() {
        // Names that are also plain words of English or of HTTP are told apart by their capitals.
        let telling = |name: &str| name.chars().skip(1).any(|c| c.is_ascii_uppercase());
        let names: Vec<&str> =
            registry::REGISTRY.iter().map(|entry| entry.name).filter(|name| telling(name)).collect();
        assert!(names.len() > 40);
        // What is pushed over MQTT is a wire of its own, which names its members itself.
        let wires = ["api/wire", "uplink/payload.rs"].map(|wire| source_root().join(wire));
        for path in sources(&source_root()) {
            if wires.iter().any(|wire| path.starts_with(wire)) {
                continue;
            }
            let text = code(&path);
            for name in &names {
                assert!(!text.contains(&format!("\"{name}\"")), "'{name}' stands in {}", path.display());
            }
        }
    }
}
