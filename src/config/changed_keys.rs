//! Which keys of a site file changed, by their names alone: values may be secrets.

use std::collections::{BTreeMap, BTreeSet};

use toml_edit::{DocumentMut, Item, TableLike, Value};

/// The names of the keys in which `old` and `new` differ, such as `meter[m-2].unit`, in their order. An entry
/// of a list that only one of them has is told once, as `+meter[m-2]` or `-meter[m-2]`; an entry without an ID
/// is called by its place. A text that is no TOML has no keys.
#[must_use]
pub fn changed_keys(old: &str, new: &str) -> Vec<String> {
    let (old, new) = (Keys::of(old), Keys::of(new));
    let mut changed = BTreeSet::new();
    for name in old.values.keys().chain(new.values.keys()) {
        if old.values.get(name) != new.values.get(name) {
            changed.insert(told(name, &old, &new));
        }
    }
    changed.into_iter().collect()
}

/// So many of the names that they have at most `chars_max` characters, and how many there are besides.
#[must_use]
pub fn listed(names: &[String], chars_max: usize) -> String {
    let fits = |text: &String| text.chars().count() <= chars_max;
    let first = |count: usize| {
        let told = names.iter().take(count).map(String::as_str).collect::<Vec<_>>().join(" ");
        match names.len() - count {
            0 => told,
            left => format!("{told} and {left} more").trim_start().to_owned(),
        }
    };
    // No name is shorter than one character and the blank behind it.
    let most = names.len().min(chars_max / 2 + 1);
    (0..=most).rev().map(first).find(fits).unwrap_or_default()
}

/// A changed key, or the entry that came or went with it.
fn told(name: &str, old: &Keys, new: &Keys) -> String {
    let ends = name.match_indices(']').map(|(at, _)| at + 1);
    let entries: Vec<&str> = ends.filter_map(|end| name.get(..end)).collect();
    let has_come = |entry: &&&str| new.entries.contains(**entry) && !old.entries.contains(**entry);
    let has_gone = |entry: &&&str| old.entries.contains(**entry) && !new.entries.contains(**entry);
    if let Some(entry) = entries.iter().find(has_come) {
        return format!("+{entry}");
    }
    entries.iter().find(has_gone).map_or_else(|| name.to_owned(), |entry| format!("-{entry}"))
}

#[derive(Default)]
struct Keys {
    /// The text of every value by the name of its key.
    values: BTreeMap<String, String>,
    /// The names of the entries of lists.
    entries: BTreeSet<String>,
}

impl Keys {
    fn of(text: &str) -> Self {
        let mut keys = Self::default();
        if let Ok(document) = text.parse::<DocumentMut>() {
            keys.take_table("", document.as_table());
        }
        keys
    }

    fn take_table(&mut self, name: &str, table: &dyn TableLike) {
        for (key, item) in table.iter() {
            let below = if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
            match item {
                Item::None => {}
                Item::Table(table) => self.take_table(&below, table),
                Item::ArrayOfTables(entries) => {
                    for (place, entry) in entries.iter().enumerate() {
                        self.take_entry(&below, place, entry);
                    }
                }
                Item::Value(value) => self.take_value(below, value),
            }
        }
    }

    fn take_entry(&mut self, list: &str, place: usize, entry: &dyn TableLike) {
        let id = entry.get("id").and_then(Item::as_str).map(str::to_owned);
        let mut name = format!("{list}[{}]", id.unwrap_or_else(|| place.to_string()));
        if !self.entries.insert(name.clone()) {
            name = format!("{list}[{place}]");
            self.entries.insert(name.clone());
        }
        self.take_table(&name, entry);
    }

    fn take_value(&mut self, name: String, value: &Value) {
        match value {
            Value::InlineTable(table) => self.take_table(&name, table),
            other => {
                self.values.insert(name, other.clone().decorated("", "").to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"
        [cems]
        id = "C"
        [api]
        listen = "127.0.0.1:8080"
        [[platform]]
        id = "cloud"
        token_sha256 = "0123456789abcdef"
        [[meter]]
        id = "m-1"
        unit = 1
        limits = { registers_max = 40, gap = 3 }
        [[meter]]
        id = "m-2"
        unit = 2
        [[point]]
        id = "PT-1"
        [[point.parameter]]
        id = "P"
        scale = 1
        [[tou]]
        from = "01-01"
        [[tou]]
        from = "07-01"
    "#;

    fn changed(from: &str, to: &str) -> Vec<String> {
        assert!(OLD.contains(from), "{from}");
        changed_keys(OLD, &OLD.replacen(from, to, 1))
    }

    #[test]
    fn a_changed_key_is_told_by_its_name_and_never_by_its_value() {
        for (from, to, names) in [
            ("127.0.0.1:8080", "0.0.0.0:80", ["api.listen"].as_slice()),
            ("0123456789abcdef", "fedcba", &["platform[cloud].token_sha256"]),
            ("gap = 3", "gap = 4", &["meter[m-1].limits.gap"]),
            (
                "scale = 1",
                "scale = 10\nvalid = [0, 1]",
                &["point[PT-1].parameter[P].scale", "point[PT-1].parameter[P].valid"],
            ),
            ("07-01", "08-01", &["tou[1].from"]),
            ("m-2", "m-3", &["+meter[m-3]", "-meter[m-2]"]),
            ("[api]", "# a remark\n[api]", &[]),
            ("unit = 1", "unit =   1  # one", &[]),
        ] {
            assert_eq!(changed(from, to), names, "{from}");
        }
    }

    #[test]
    fn an_entry_that_comes_or_goes_is_told_once_with_all_that_is_in_it() {
        let without = OLD.split("[[point]]").next().unwrap();
        assert_eq!(changed_keys(OLD, without), ["-point[PT-1]", "-tou[0]", "-tou[1]"]);
        assert_eq!(changed_keys(without, OLD), ["+point[PT-1]", "+tou[0]", "+tou[1]"]);
    }

    #[test]
    fn entries_that_only_change_places_are_the_same() {
        let meter = |id: &str| format!("[[meter]]\nid = '{id}'\nunit = 1\n");
        let [one, other] = ["m-1", "m-2"].map(meter);
        assert_eq!(changed_keys(&format!("{one}{other}"), &format!("{other}{one}")), [""; 0]);
        assert_eq!(changed_keys(&format!("{one}{one}"), &one), ["-meter[1]"]);
    }

    #[test]
    fn names_that_find_no_room_are_counted() {
        let names = ["api.listen", "+meter[m-2]", "uplink.host"].map(str::to_owned);
        for (chars_max, text) in [
            (80, "api.listen +meter[m-2] uplink.host"),
            (33, "api.listen +meter[m-2] and 1 more"),
            (22, "api.listen and 2 more"),
            (12, "and 3 more"),
        ] {
            assert_eq!(listed(&names, chars_max), text);
        }
        assert_eq!(listed(&[], 12), "");
    }

    #[test]
    fn a_text_that_is_no_toml_has_no_keys() {
        assert_eq!(changed_keys("a = 1", "a = "), ["a"]);
        assert_eq!(changed_keys("]", "["), [""; 0]);
    }
}
