//! The rules of `docs/line.md` are held by the tests that it names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const RULES: &str = include_str!("../../docs/line.md");

/// Every function of a test in a folder and those below it.
fn tests_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_in(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                if let Some((_, rest)) = line.split_once("fn ") {
                    let name = rest.split('(').next().unwrap_or_default();
                    if std::mem::take(&mut is_test) {
                        found.insert(name.to_owned());
                    }
                }
            }
        }
    }
}

#[test]
fn every_rule_of_the_line_names_tests_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::new();
    tests_in(&root.join("src"), &mut tests);
    tests_in(&root.join("tests/it"), &mut tests);
    let rules: Vec<&str> =
        RULES.lines().filter(|line| line.starts_with("| ") && line.contains(". ")).collect();
    assert_eq!(rules.len(), 16);
    for (number, rule) in (1..).zip(rules) {
        assert!(rule.starts_with(&format!("| {number}. ")), "{rule}");
        let named = rule.rsplit_once(" | ").unwrap().1;
        let named: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{rule}");
        for name in named {
            assert!(tests.contains(name), "rule {number}: there is no test {name}");
        }
    }
}
