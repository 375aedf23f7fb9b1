//! The documents of the site file name every key that the reader accepts, and no other.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};

use cems_gateway::{config, meters};

const DOCUMENTS: [(&str, &str); 2] = [
    ("configuration.md", include_str!("../../docs/configuration.md")),
    ("configuration.zh.md", include_str!("../../docs/configuration.zh.md")),
];

/// Every kind of section, each with a key that no reader knows.
const EVERY_SECTION: &str = r#"
not_a_key_of_any_section = 1
[cems]
not_a_key_of_any_section = 1
[cems.der_installed]
not_a_key_of_any_section = 1
[gateway]
not_a_key_of_any_section = 1
[api]
not_a_key_of_any_section = 1
[api.compat]
not_a_key_of_any_section = 1
[store]
not_a_key_of_any_section = 1
[uplink]
not_a_key_of_any_section = 1
[console]
not_a_key_of_any_section = 1
[[category]]
id = "a"
not_a_key_of_any_section = 1
[[line]]
id = "a"
kind = "rtu"
rs485 = { not_a_key_of_any_section = 1 }
not_a_key_of_any_section = 1
[[line]]
id = "b"
kind = "tcp"
not_a_key_of_any_section = 1
[[line]]
id = "c"
kind = "rtu-over-tcp"
not_a_key_of_any_section = 1
[[line]]
id = "d"
kind = "dial-in"
not_a_key_of_any_section = 1
[[meter]]
id = "a"
not_a_key_of_any_section = 1
[[point]]
id = "a"
not_a_key_of_any_section = 1
[[point.parameter]]
id = "a"
register = { not_a_key_of_any_section = 1 }
writable = { not_a_key_of_any_section = 1 }
not_a_key_of_any_section = 1
[network]
not_a_key_of_any_section = 1
[demand]
not_a_key_of_any_section = 1
[[demand.controllable]]
not_a_key_of_any_section = 1
[[tou]]
not_a_key_of_any_section = 1
[demand_response]
not_a_key_of_any_section = 1
[[demand_response.resource]]
point = "a"
control = { not_a_key_of_any_section = 1 }
not_a_key_of_any_section = 1
[tariff]
not_a_key_of_any_section = 1
[[factor]]
not_a_key_of_any_section = 1
[[platform]]
id = "a"
not_a_key_of_any_section = 1
"#;

type Keys = BTreeMap<String, BTreeSet<String>>;

/// The keys that the reader itself names when it meets one that it does not know.
fn keys_of_the_reader() -> Keys {
    let faults = config::read("every.toml", EVERY_SECTION, meters::library).unwrap_err();
    assert_eq!(faults.more, 0, "all faults are listed");
    let mut keys = Keys::new();
    for fault in faults.list.iter().filter(|fault| fault.key == "not_a_key_of_any_section") {
        let known = fault.remedy.strip_prefix("known here: ").unwrap();
        // `point 'a' parameter 'a' register` is the section `point.parameter.register`.
        let words: Vec<&str> = fault.section.split(' ').filter(|word| !word.starts_with('\'')).collect();
        keys.entry(words.join(".")).or_default().extend(known.split(", ").map(str::to_owned));
    }
    let asked = EVERY_SECTION.matches("not_a_key").count();
    assert_eq!(keys.len(), asked - 3, "four kinds of line make one section, every other is one");
    keys
}

/// The first column of the tables below each heading; the headings themselves at the top level.
fn keys_of(document: &str) -> Keys {
    let mut keys = Keys::from([(String::new(), BTreeSet::new())]);
    let mut section = String::new();
    for line in document.lines() {
        if let Some(heading) = line.strip_prefix("## `") {
            section = section_of_heading(heading);
            let top = section.split('.').next().unwrap_or_default().to_owned();
            keys.entry(String::new()).or_default().insert(top);
            keys.entry(section.clone()).or_default();
        } else if let Some((key, _)) = line.strip_prefix("| `").and_then(|row| row.split_once("` | ")) {
            let is_key = key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            if is_key && line.matches(" | ").count() == 3 {
                keys.entry(section.clone()).or_default().insert(key.to_owned());
            }
        }
    }
    keys
}

/// `[[point.parameter]]` as `point.parameter`.
fn section_of_heading(heading: &str) -> String {
    let name = heading.split('`').next().unwrap_or_default();
    match name.split(' ').next() {
        Some(table @ ("register" | "writable")) => format!("point.parameter.{table}"),
        Some("rs485") => "line.rs485".to_owned(),
        Some("control") => "demand_response.resource.control".to_owned(),
        _ => name.trim_matches(['[', ']']).to_owned(),
    }
}

#[test]
fn both_documents_name_every_key_of_every_section_and_no_other() {
    let of_reader = keys_of_the_reader();
    for (name, document) in DOCUMENTS {
        let of_document = keys_of(document);
        for (section, keys) in &of_reader {
            assert_eq!(of_document.get(section), Some(keys), "{name}: [{section}]");
        }
        assert_eq!(of_document.len(), of_reader.len(), "{name} has sections that the reader has not");
    }
}

#[test]
fn the_examples_in_each_document_make_one_right_site_file() {
    for (name, document) in DOCUMENTS {
        let blocks = document.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let text = blocks.collect::<Vec<_>>().join("\n");
        let site = config::read(name, &text, meters::library);
        let site = site.unwrap_or_else(|faults| panic!("{name}\n{faults}\n{text}"));
        assert!(site.points.len() >= 2 && site.uplink.is_some() && site.console.is_some(), "{name}");
    }
}
