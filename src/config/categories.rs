//! `[[category]]`: kinds of equipment, which may be parts of one another.

use std::collections::BTreeMap;

use super::entries::{Entry, Ids, entries};
use super::form;
use crate::document::Section;
use crate::limits;
use crate::model::category::{Category, CodeSystem};

const CODE_SYSTEMS: [(&str, CodeSystem); 3] = [
    ("GBZ32500", CodeSystem::GbZ32500),
    ("MOHURD2008", CodeSystem::Mohurd2008),
    ("LOCAL", CodeSystem::Local),
];

/// Characters of a category code.
const CODE_CHARS_MAX: usize = 16;

/// Reads the tables, and the IDs that Points may refer to.
pub(super) fn categories(root: &Section<'_>) -> (Vec<Category>, Ids) {
    let entries = entries(root, "category", limits::CATEGORIES_MAX);
    let ids = Ids::of("category", &entries);
    let categories: Vec<Category> = entries.iter().map(|entry| category(entry, &ids)).collect();
    refuse_cycles(&entries, &categories);
    for entry in entries {
        entry.section.finish();
    }
    (categories, ids)
}

fn category(entry: &Entry<'_>, ids: &Ids) -> Category {
    let section = &entry.section;
    Category {
        id: entry.id.clone().unwrap_or_default(),
        code: section
            .required_text("code", CODE_CHARS_MAX, "give its code in the table that code_system names")
            .unwrap_or_default(),
        code_system: section.choice("code_system", &CODE_SYSTEMS).unwrap_or(CodeSystem::Local),
        name: section
            .required_text("name", limits::NAME_CHARS_MAX, "name the category for people")
            .unwrap_or_default(),
        energy_code: form::energy_code(section, "energy_code"),
        parent_id: ids.reference(section, "parent"),
    }
}

/// Each ring of parents is told once, at the first of its members in the file.
fn refuse_cycles(entries: &[Entry<'_>], categories: &[Category]) {
    let parents: BTreeMap<&str, &str> = categories
        .iter()
        .filter_map(|category| Some((category.id.as_str(), category.parent_id.as_deref()?)))
        .collect();
    let mut told: Vec<&str> = Vec::new();
    for (entry, category) in entries.iter().zip(categories) {
        let ring = ring_through(&category.id, &parents);
        if ring.is_empty() || told.contains(&category.id.as_str()) {
            continue;
        }
        let reason = format!("the category is part of itself: {}", ring.join(" > "));
        entry.section.fault("parent", reason, "take the parent away from one of them");
        told.extend(ring);
    }
}

/// The way from `id` over its parents back to itself; empty when it does not lead back.
fn ring_through<'a>(id: &'a str, parents: &BTreeMap<&'a str, &'a str>) -> Vec<&'a str> {
    let mut way = vec![id];
    let mut at = id;
    while let Some(parent) = parents.get(at) {
        way.push(parent);
        if *parent == id {
            return way;
        }
        if way.len() > parents.len() {
            break;
        }
        at = parent;
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    fn faults_of_parents(parents: &[(&str, &str)]) -> Vec<String> {
        let table = |(id, parent): &(&str, &str)| {
            format!("[[category]]\nid = '{id}'\ncode = '1'\nname = 'n'\nparent = '{parent}'\n")
        };
        let text: String = parents.iter().map(table).collect::<Vec<_>>().concat();
        let document = Document::parse("site.toml", &text).unwrap();
        categories(&document.root());
        let faults = document.verdict().err().unwrap_or_default();
        faults.list.into_iter().map(|fault| format!("{}: {}", fault.section, fault.reason)).collect()
    }

    #[test]
    fn a_ring_of_parents_is_told_once() {
        assert_eq!(
            faults_of_parents(&[("x", "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("own", "own")]),
            [
                "category 'a': the category is part of itself: a > b > c > a",
                "category 'own': the category is part of itself: own > own",
            ]
        );
    }

    #[test]
    fn a_parent_may_stand_after_its_child() {
        assert_eq!(faults_of_parents(&[("a", "b"), ("b", "root"), ("root", "top")]).len(), 1);
        assert_eq!(faults_of_parents(&[("a", "gone")]), ["category 'a': there is no category 'gone'"]);
    }
}
