//! Lists of tables that have an ID each, and the references to those IDs.

use std::collections::BTreeMap;

use crate::document::Section;

/// One `[[table]]` of a list, labelled with its ID.
pub(super) struct Entry<'a> {
    /// `None` when the ID is missing or faulty, which is noted.
    pub id: Option<String>,
    /// The table, in which `id` has been read.
    pub section: Section<'a>,
}

/// Reads all tables written as `[[key]]` and refuses an ID that comes twice.
pub(super) fn entries<'a>(parent: &Section<'a>, key: &str, count_max: usize) -> Vec<Entry<'a>> {
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    let mut list = Vec::new();
    for (index, mut section) in parent.sections(key, count_max).into_iter().enumerate() {
        let kind = section.label().to_owned();
        section.set_label(format!("{kind} number {}", index + 1));
        let id = section.required_id("id", format!("give the {key} a short ID of its own").as_str());
        if let Some(id) = &id {
            section.set_label(format!("{kind} '{id}'"));
            if let Some(line) = lines.get(id) {
                let reason = format!("'{id}' is the ID of the {key} at line {line} as well");
                section.fault("id", reason, format!("give each {key} an ID of its own"));
            } else {
                lines.insert(id.clone(), section.line());
            }
        }
        list.push(Entry { id, section });
    }
    list
}

/// The IDs of a list, those of faulty entries too, so that a reference to one is no second fault.
pub(super) struct Ids {
    kind: &'static str,
    list: Vec<String>,
}

impl Ids {
    /// The IDs of `entries`, which a person calls `kind`.
    pub(super) fn of(kind: &'static str, entries: &[Entry<'_>]) -> Self {
        Self { kind, list: entries.iter().filter_map(|entry| entry.id.clone()).collect() }
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> + Clone {
        self.list.iter().map(String::as_str)
    }

    /// An optional reference to one of the IDs.
    pub(super) fn reference(&self, section: &Section<'_>, key: &str) -> Option<String> {
        let written = section.id(key)?;
        if self.list.contains(&written) {
            return Some(written);
        }
        let reason = format!("there is no {} '{written}'", self.kind);
        section.unknown_name(key, reason, &written, self.list.iter().map(String::as_str));
        None
    }

    /// A reference that must be there.
    pub(super) fn required_reference(&self, section: &Section<'_>, key: &str) -> Option<String> {
        let reference = self.reference(section, key);
        if !section.has(key) {
            section.missing(key, format!("give the ID of a {}", self.kind));
        }
        reference
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    #[test]
    fn an_id_that_comes_twice_is_told_with_the_line_of_the_first() {
        let text = "[[meter]]\nid = 'a'\n[[meter]]\nid = 'b'\n[[meter]]\nid = 'a'\n[[meter]]\n";
        let document = Document::parse("site.toml", text).unwrap();
        let ids = entries(&document.root(), "meter", 9).into_iter().map(|entry| entry.id);
        let ids: Vec<Option<String>> = ids.collect();
        assert_eq!(ids, [Some("a".into()), Some("b".into()), Some("a".into()), None]);
        assert_eq!(
            document.verdict().unwrap_err().to_string(),
            "site.toml:6: [meter 'a'] id: 'a' is the ID of the meter at line 1 as well; \
             give each meter an ID of its own\n\
             site.toml:7: [meter number 4] id: is missing; give the meter a short ID of its own\n"
        );
    }

    #[test]
    fn a_reference_to_nothing_is_answered_with_what_there_is() {
        let text = "of = 'gird'\n[[meter]]\nid = 'grid'\n";
        let document = Document::parse("site.toml", text).unwrap();
        let root = document.root();
        let ids = Ids::of("meter", &entries(&root, "meter", 9));
        assert_eq!(ids.reference(&root, "of"), None);
        assert_eq!(
            document.verdict().unwrap_err().to_string(),
            "site.toml:1: of: there is no meter 'gird'; did you mean 'grid'?\n"
        );
    }
}
