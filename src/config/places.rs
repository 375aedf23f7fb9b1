//! Serial ports and TCP endpoints that only one section may use.

use std::collections::BTreeMap;

use crate::document::Section;

/// What is taken already, with the label of the section that has it.
#[derive(Default)]
pub(super) struct Places(BTreeMap<String, String>);

impl Places {
    /// Takes `place` for `section`, or notes a fault at `key` when another has it.
    pub(super) fn take(&mut self, section: &Section<'_>, key: &str, place: String) {
        if let Some(owner) = self.0.get(&place) {
            let reason = format!("{place} is taken by {owner}");
            section.fault(key, reason, "take another here; all meters of one wire belong on one line");
        } else {
            self.0.insert(place, section.label().to_owned());
        }
    }
}
