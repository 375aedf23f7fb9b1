//! Which clause of the standard is served by what and tried by which test: `docs/coverage.md` is drawn
//! from the registry of names and from the tests there are, so that it cannot say what is not so.
//!
//! `UPDATE_GOLDEN=1 cargo test --test it coverage` draws it anew.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cems_gateway::api::wire::operation::Operation;
use cems_gateway::api::wire::registry::{self, Entry, REGISTRY};
use serde_json::Value;

const CLAUSES: &str = include_str!("data/coverage.csv");
/// Tests that a row shows at most.
const TESTS_SHOWN: usize = 4;

const HEAD: &str = "# Coverage\n\n\
    中文：下表列出标准各条款对应的接口名称与测试；名称均为暂定（K 已知、T 推断确凿、S 其他公开来源、I 推测），不代表符合标准。\n\n\
    Drawn by `tests/it/coverage.rs` from the registry of names, the recorded answers and the names of the tests; do not edit it by\n\
    hand. The numbers and titles of the clauses are those of the standard's public contents list, as far as there is one. The names are\n\
    provisional; the letter says how sure each is ([api.md](api.md)). That a clause has a row with tests does not mean conformity.\n\n\
    | Clause | Title | 标题 | Served as | Tried by |\n|---|---|---|---|---|\n";

/// One clause as the list has it.
struct Clause {
    number: &'static str,
    chinese: &'static str,
    english: &'static str,
    names: Vec<&'static str>,
    tests: Vec<&'static str>,
    reason: &'static str,
}

fn clauses() -> Vec<Clause> {
    let lines = CLAUSES.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let cells: Vec<&'static str> = line.split('|').collect();
            let [number, chinese, english, names, tests, reason] = cells[..] else { panic!("{line}") };
            let words = |cell: &'static str| cell.split_whitespace().collect();
            Clause { number, chinese, english, names: words(names), tests: words(tests), reason }
        })
        .collect()
}

/// The clauses that a meaning cites: `(clauses 6.2, 6.11)`.
fn cited(meaning: &str) -> Vec<String> {
    let Some((_, rest)) = meaning.split_once("(clause") else { return Vec::new() };
    // What follows as notes are no clauses.
    let inside = rest.split(')').next().and_then(|inside| inside.split(", note").next()).unwrap_or_default();
    let words = inside.trim_start_matches('s').split([',', ' ']);
    let is_clause = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit() || ('A'..='C').contains(&c));
    words.filter(is_clause).map(str::to_owned).collect()
}

/// What a clause is served as: names that cite it, and those that the list adds.
fn served(clause: &Clause) -> Vec<&'static Entry> {
    let of_list = |entry: &Entry| {
        clause.names.iter().any(|name| match name.strip_suffix('*') {
            Some(start) => entry.name.starts_with(start),
            None => entry.name == *name,
        })
    };
    let cites = |entry: &Entry| cited(entry.meaning).iter().any(|cited| cited == clause.number);
    REGISTRY.iter().filter(|entry| of_list(entry) || cites(entry)).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|of| of == extension) {
            found.push(path);
        }
    }
}

/// A test: its text, and whether it asks the interface.
struct Tried {
    text: String,
    asks: bool,
}

/// Where tests stand that ask the interface, or look at what it is made of.
const ASKING: [&str; 2] = ["src/api", "tests/it/api"];

/// Every test by its name.
fn tests() -> BTreeMap<String, Tried> {
    let mut sources = Vec::new();
    files(&root().join("src"), "rs", &mut sources);
    files(&root().join("tests"), "rs", &mut sources);
    let mut found = BTreeMap::new();
    for path in sources.into_iter().filter(|path| !path.ends_with("coverage.rs")) {
        let asks = ASKING.iter().any(|folder| path.starts_with(root().join(folder)));
        let text = fs::read_to_string(path).unwrap();
        for rest in text.split("#[test]\n").skip(1) {
            let Some((name, rest)) = rest.split_once("fn ").and_then(|(_, rest)| rest.split_once("()"))
            else {
                continue;
            };
            // A test ends where something ends that is as far to the left as itself.
            let ends = ["\n}", "\n    }\n"].into_iter().filter_map(|end| rest.find(end));
            let end = ends.min().unwrap_or(rest.len());
            let text = rest.get(..end).unwrap_or_default().to_owned();
            found.insert(name.to_owned(), Tried { text, asks });
        }
    }
    if let Some(tried) = found.get_mut("every_operation_answers_as_recorded") {
        tried.text = recorded();
    }
    found
}

/// The members of all recorded answers and the operations that were asked for them, in quotes.
fn recorded() -> String {
    let mut answers = Vec::new();
    files(&root().join("tests/it/data/api"), "json", &mut answers);
    let mut words = BTreeSet::new();
    for path in answers {
        let recorded: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        members(&recorded["answer"], &mut words);
        let asked = [&recorded["question"]["operation"], &recorded["question"]["get"]];
        let asked = asked.into_iter().filter_map(Value::as_str);
        words.extend(asked.filter_map(|asked| asked.rsplit('/').next()).map(str::to_owned));
    }
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    quoted.concat()
}

fn members(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            words.extend(object.keys().cloned());
            object.values().for_each(|member| members(member, words));
        }
        Value::Array(items) => items.iter().for_each(|item| members(item, words)),
        _ => {}
    }
}

/// The tests that ask the interface and in whose text one of the names stands, in quotes or before a query.
fn trying(names: &[&Entry], tests: &BTreeMap<String, Tried>) -> BTreeSet<String> {
    let stands = |text: &str, name: &str| {
        let in_path = name.starts_with("Get") && text.contains(&format!("{name}?"));
        in_path || text.contains(&format!("\"{name}\""))
    };
    let tries = |text: &str| names.iter().any(|entry| stands(text, entry.name));
    tests.iter().filter(|(_, test)| test.asks && tries(&test.text)).map(|(name, _)| name.clone()).collect()
}

fn row(clause: &Clause, tests: &BTreeMap<String, Tried>) -> String {
    let names = served(clause);
    let mut trying = trying(&names, tests);
    for test in &clause.tests {
        assert!(tests.contains_key(*test), "clause {}: there is no test '{test}'", clause.number);
        trying.insert((*test).to_owned());
    }
    for name in clause.names.iter().filter(|name| !name.ends_with('*')) {
        assert!(registry::find(name).is_some(), "clause {}: there is no name '{name}'", clause.number);
    }
    let nothing = names.is_empty() && trying.is_empty();
    assert!(
        !(nothing && clause.reason.is_empty()),
        "clause {} has neither a name nor a test, nor a reason for that",
        clause.number
    );
    assert!(
        names.is_empty() || !trying.is_empty(),
        "clause {}: no test tries {:?}",
        clause.number,
        names.iter().map(|entry| entry.name).collect::<Vec<_>>()
    );
    let served = if nothing { clause.reason.to_owned() } else { shown_names(&names) };
    let Clause { number, chinese, english, .. } = clause;
    format!("| {number} | {english} | {chinese} | {served} | {} |\n", shown_tests(&trying, &clause.tests))
}

fn shown_names(names: &[&Entry]) -> String {
    if names.is_empty() {
        return "no name of its own".to_owned();
    }
    let shown: Vec<String> =
        names.iter().map(|entry| format!("`{}` ({})", entry.name, entry.mark.letter())).collect();
    shown.join(", ")
}

/// Those of the list first, then the others by name.
fn shown_tests(all: &BTreeSet<String>, of_list: &[&str]) -> String {
    let others = all.iter().map(String::as_str).filter(|name| !of_list.contains(name));
    let ordered: Vec<&str> = of_list.iter().copied().chain(others).collect();
    let shown =
        ordered.iter().take(TESTS_SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if ordered.len() > TESTS_SHOWN { format!("{shown} and more") } else { shown }
}

#[test]
fn every_clause_is_served_and_tried_or_says_why_not() {
    let tests = tests();
    assert!(tests.len() > 300, "only {} tests were found", tests.len());
    let rows: String = clauses().iter().map(|clause| row(clause, &tests)).collect();
    let drawn = format!("{HEAD}{rows}");
    let path = root().join("docs/coverage.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, drawn).unwrap();
        return;
    }
    let told = fs::read_to_string(path).unwrap_or_default();
    assert!(told == drawn, "docs/coverage.md is stale; run UPDATE_GOLDEN=1 cargo test --test it coverage");
}

#[test]
fn every_clause_that_a_name_cites_is_in_the_list() {
    let listed: BTreeSet<&str> = clauses().iter().map(|clause| clause.number).collect();
    for entry in REGISTRY {
        for clause in cited(entry.meaning) {
            assert!(listed.contains(clause.as_str()), "'{}' cites {clause}", entry.name);
        }
    }
}

#[test]
fn every_operation_cites_its_clause_and_is_tried() {
    let tests = tests();
    for name in Operation::names() {
        let entry = registry::find(name).unwrap();
        assert!(!cited(entry.meaning).is_empty() || entry.meaning.contains("our own"), "{name}");
        assert!(!trying(&[entry], &tests).is_empty(), "no test asks {name}");
    }
}

#[test]
fn cited_clauses_are_read_out_of_a_meaning() {
    assert_eq!(cited("class Category (clauses 6.2, 6.11) as a list"), ["6.2", "6.11"]);
    assert_eq!(cited("the site (clause 3.1.1, notes 2 and 3)"), ["3.1.1"]);
    assert_eq!(cited("operation: events (clause A.3)"), ["A.3"]);
    assert_eq!(cited("a name for people"), Vec::<String>::new());
}
