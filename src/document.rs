//! A TOML document read so that *every* fault in it is told, not only the first.
//!
//! A [`Section`] hands out its keys one by one and notes which were asked for; what is left over at
//! [`Section::finish`] is an unknown key. A reader that returns `None` has already noted the fault,
//! so callers go on with the next key and throw the result away at the end.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use toml_edit::{Document as TomlDocument, Item, TableLike, Value};

use crate::limits;

/// One thing wrong in a file, with its place and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file as the user named it.
    pub file: String,
    /// 1-based line.
    pub line: usize,
    /// The table, such as `meter 'grid'`.
    pub section: String,
    /// The key; empty when the fault lies with the section as a whole.
    pub key: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if !self.section.is_empty() {
            write!(f, "[{}] ", self.section)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.reason, self.remedy)
    }
}

/// Faults noted before the rest are only counted, so that a hostile file costs no memory.
const NOTED_MAX: usize = limits::FAULTS_MAX * 10;
/// Characters that a fault shows of a key or a reason.
const FAULT_CHARS_MAX: usize = 240;
/// Names that a remedy lists.
const NAMES_LISTED_MAX: usize = 20;

/// All faults of one file, in the order of their lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The first [`limits::FAULTS_MAX`] of them.
    pub list: Vec<Fault>,
    /// How many more there are.
    pub more: usize,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.list {
            writeln!(f, "{fault}")?;
        }
        if self.more > 0 {
            writeln!(f, "... and {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl Faults {
    /// These faults and then those of another file.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.list.extend(other.list);
        let beyond = self.list.len().saturating_sub(limits::FAULTS_MAX);
        self.list.truncate(limits::FAULTS_MAX);
        Self { more: self.more + other.more + beyond, ..self }
    }
}

/// A parsed file and the faults found in it so far.
#[derive(Debug)]
pub struct Document {
    file: String,
    toml: TomlDocument<String>,
    line_ends: Vec<usize>,
    found: RefCell<Faults>,
}

impl Document {
    /// Parses `text`, which the user knows as `file`.
    ///
    /// # Errors
    /// When the file is too large or not TOML; later faults are kept in the document.
    pub fn parse(file: &str, text: &str) -> Result<Self, Faults> {
        let refuse = |line, reason: String, remedy: &str| {
            let (section, key) = (String::new(), String::new());
            let fault =
                Fault { file: file.to_owned(), line, section, key, reason, remedy: remedy.to_owned() };
            Faults { list: vec![fault], more: 0 }
        };
        if text.len() > limits::CONFIG_BYTES_MAX {
            let reason = format!("the file has {} bytes", text.len());
            return Err(refuse(
                1,
                reason,
                &format!("at most {} are read; split it", limits::CONFIG_BYTES_MAX),
            ));
        }
        let line_ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        let toml = TomlDocument::parse(text.to_owned()).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            refuse(
                line_of(&line_ends, at),
                error.message().replace('\n', " "),
                "correct the TOML at this line",
            )
        })?;
        Ok(Self { file: file.to_owned(), toml, line_ends, found: RefCell::default() })
    }

    /// The top level of the file.
    pub fn root(&self) -> Section<'_> {
        let root = self.toml.as_item();
        let table = self.toml.as_table();
        Section {
            document: self,
            table,
            at: root.span().map_or(0, |s| s.start),
            label: String::new(),
            asked: RefCell::default(),
        }
    }

    /// The faults noted so far: `Ok` when there are none.
    ///
    /// # Errors
    /// All faults, sorted by line.
    pub fn verdict(&self) -> Result<(), Faults> {
        let mut faults = self.found.borrow().clone();
        if faults.list.is_empty() {
            return Ok(());
        }
        faults.list.sort_by_key(|fault| fault.line);
        Err(faults.and(Faults::default()))
    }

    fn note(&self, at: usize, section: &str, key: &str, reason: &str, remedy: String) {
        let mut found = self.found.borrow_mut();
        if found.list.len() >= NOTED_MAX {
            found.more += 1;
            return;
        }
        let line = line_of(&self.line_ends, at);
        let (section, key, reason) = (section.to_owned(), printable(key), printable(reason));
        found.list.push(Fault { file: self.file.clone(), line, section, key, reason, remedy });
    }

    fn is_full(&self) -> bool {
        self.found.borrow().list.len() >= NOTED_MAX
    }
}

/// What a file holds goes to a terminal here: neither endless nor with codes that move its cursor.
fn printable(text: &str) -> String {
    let shown = text.chars().take(FAULT_CHARS_MAX).map(|c| if c.is_control() { '\u{FFFD}' } else { c });
    let mut shown: String = shown.collect();
    if text.chars().nth(FAULT_CHARS_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

fn line_of(line_ends: &[usize], at: usize) -> usize {
    line_ends.partition_point(|end| *end < at) + 1
}

/// One table of a [`Document`].
pub struct Section<'a> {
    document: &'a Document,
    table: &'a dyn TableLike,
    at: usize,
    label: String,
    asked: RefCell<BTreeSet<String>>,
}

impl<'a> Section<'a> {
    /// What faults call this section.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Gives the section a name of its own, such as `meter 'grid'`, once its ID is known.
    pub fn set_label(&mut self, label: String) {
        self.label = label;
    }

    /// The 1-based line that it starts at.
    #[must_use]
    pub fn line(&self) -> usize {
        line_of(&self.document.line_ends, self.at)
    }

    /// Whether the key is there.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Notes a fault at `key`, or at the section when it has no such key.
    pub fn fault(&self, key: &str, reason: impl Into<String>, remedy: impl Into<String>) {
        let at = self.table.get_key_value(key).and_then(|(name, item)| item.span().or_else(|| name.span()));
        let at = at.map_or(self.at, |span| span.start);
        self.document.note(at, &self.label, key, &reason.into(), remedy.into());
    }

    /// Notes that `key` is missing.
    pub fn missing(&self, key: &str, remedy: impl Into<String>) {
        self.fault(key, "is missing", remedy);
    }

    /// Notes a fault at `key`, whose remedy is the nearest of the `known` names or a list of them.
    pub fn unknown_name<'n>(
        &self,
        key: &str,
        reason: impl Into<String>,
        written: &str,
        known: impl Iterator<Item = &'n str> + Clone,
    ) {
        // Looking for the nearest of many names takes long; nobody reads it in a fault only counted.
        let remedy = if self.document.is_full() { String::new() } else { remedy_for_name(written, known) };
        self.fault(key, reason, remedy);
    }

    fn item(&self, key: &str) -> Option<&'a Item> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.table.get(key).filter(|item| !item.is_none())
    }

    fn value(&self, key: &str, expected: &str) -> Option<&'a Value> {
        let item = self.item(key)?;
        let value = item.as_value();
        if value.is_none() {
            self.fault(key, "is a table", format!("give {expected}"));
        }
        value
    }

    fn wrong_type(&self, key: &str, value: &Value, expected: &str) {
        self.fault(key, format!("is {}", an(value.type_name())), format!("give {expected}"));
    }

    /// An optional text of 1 to `chars_max` characters without control characters.
    pub fn text(&self, key: &str, chars_max: usize) -> Option<String> {
        let value = self.value(key, "a text in quotes")?;
        let Some(text) = value.as_str() else {
            self.wrong_type(key, value, "a text in quotes");
            return None;
        };
        let chars = text.chars().count();
        if chars == 0 {
            self.fault(key, "is empty", "give it a value or leave the key out");
        } else if chars > chars_max {
            self.fault(key, format!("has {chars} characters"), format!("at most {chars_max} are allowed"));
        } else if text.chars().any(char::is_control) {
            self.fault(key, "holds a control character", "use printable characters only");
        } else {
            return Some(text.to_owned());
        }
        None
    }

    /// A text that must be there.
    pub fn required_text(&self, key: &str, chars_max: usize, remedy: &str) -> Option<String> {
        if !self.has(key) {
            self.asked.borrow_mut().insert(key.to_owned());
            self.missing(key, remedy);
            return None;
        }
        self.text(key, chars_max)
    }

    /// An optional text of letters, digits and `-_.#`, usable as an ID in a URL or a topic.
    pub fn id(&self, key: &str) -> Option<String> {
        let text = self.text(key, limits::ID_CHARS_MAX)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text.chars().all(allowed) {
            return Some(text);
        }
        self.fault(key, format!("'{text}' is no ID"), "use ASCII letters, digits, '-', '_' and '.'");
        None
    }

    /// An ID that must be there.
    pub fn required_id(&self, key: &str, remedy: &str) -> Option<String> {
        if !self.has(key) {
            self.asked.borrow_mut().insert(key.to_owned());
            self.missing(key, remedy);
            return None;
        }
        self.id(key)
    }

    /// An optional whole number in `range`.
    pub fn integer(&self, key: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let value = self.value(key, &expected)?;
        match value.as_integer() {
            Some(number) if range.contains(&number) => Some(number),
            Some(number) => {
                self.fault(key, format!("{number} is out of range"), format!("give {expected}"));
                None
            }
            None => {
                self.wrong_type(key, value, &expected);
                None
            }
        }
    }

    /// An optional finite number in `range`; whole numbers are taken as well.
    pub fn number(&self, key: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        let value = self.value(key, &expected)?;
        self.number_of(key, value, &range, &expected)
    }

    fn number_of(
        &self,
        key: &str,
        value: &Value,
        range: &RangeInclusive<f64>,
        expected: &str,
    ) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "the range check below rejects what a double cannot hold"
        )]
        let number = value.as_float().or_else(|| value.as_integer().map(|n| n as f64));
        match number {
            Some(number) if range.contains(&number) => Some(number),
            Some(number) => {
                self.fault(key, format!("{number} is out of range"), format!("give {expected}"));
                None
            }
            None => {
                self.wrong_type(key, value, expected);
                None
            }
        }
    }

    /// An optional list of finite numbers in `range`; empty where the key is missing.
    pub fn numbers(&self, key: &str, range: RangeInclusive<f64>, count_max: usize) -> Vec<f64> {
        let expected = format!("numbers from {} to {}", range.start(), range.end());
        let values = self.array(key, count_max, "a list of numbers");
        values.iter().filter_map(|value| self.number_of(key, value, &range, &expected)).collect()
    }

    /// An optional list of texts; empty where the key is missing.
    pub fn texts(&self, key: &str, count_max: usize) -> Vec<String> {
        let values = self.array(key, count_max, "a list of texts");
        let text = |value: &&Value| {
            if value.as_str().is_none() {
                self.wrong_type(key, value, "a list of texts in quotes");
            }
            value.as_str().map(str::to_owned)
        };
        values.iter().filter_map(text).collect()
    }

    /// An optional list of whole numbers in `range`; empty where the key is missing.
    pub fn integers(&self, key: &str, range: RangeInclusive<i64>, count_max: usize) -> Vec<i64> {
        let expected = format!("whole numbers from {} to {}", range.start(), range.end());
        let mut numbers = Vec::new();
        for value in self.array(key, count_max, "a list of whole numbers") {
            match value.as_integer() {
                Some(number) if range.contains(&number) => numbers.push(number),
                _ => {
                    let reason = format!("holds {}", value.to_string().trim());
                    self.fault(key, reason, format!("give {expected}"));
                }
            }
        }
        numbers
    }

    fn array(&self, key: &str, count_max: usize, expected: &str) -> Vec<&'a Value> {
        let Some(value) = self.value(key, expected) else { return Vec::new() };
        let Some(array) = value.as_array() else {
            self.wrong_type(key, value, expected);
            return Vec::new();
        };
        if array.len() > count_max {
            self.fault(
                key,
                format!("has {} entries", array.len()),
                format!("at most {count_max} are allowed"),
            );
        }
        array.iter().take(count_max).collect()
    }

    /// An optional `true` or `false`.
    pub fn flag(&self, key: &str) -> Option<bool> {
        let value = self.value(key, "true or false")?;
        if value.as_bool().is_none() {
            self.wrong_type(key, value, "true or false");
        }
        value.as_bool()
    }

    /// An optional word out of `choices`.
    pub fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key, limits::NAME_CHARS_MAX)?;
        let found = choices.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.fault(key, format!("'{text}' is unknown"), format!("give one of {}", words.join(", ")));
        }
        found
    }

    /// An optional text read by `parse`, whose error says what is wrong and what to write.
    pub fn parsed<T, E: fmt::Display>(&self, key: &str, parse: impl Fn(&str) -> Result<T, E>) -> Option<T> {
        let text = self.text(key, limits::NAME_CHARS_MAX)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(key, format!("'{text}' is refused"), error.to_string());
                None
            }
        }
    }

    /// An optional table, written as `[key]` or inline.
    pub fn section(&self, key: &str) -> Option<Section<'a>> {
        let item = self.item(key)?;
        let Some(table) = item.as_table_like() else {
            self.fault(key, "is not a table", format!("write it as [{key}] with its keys below"));
            return None;
        };
        Some(self.child(key, item.span(), table))
    }

    /// The tables written as `[[key]]`; empty where there are none.
    pub fn sections(&self, key: &str, count_max: usize) -> Vec<Section<'a>> {
        let Some(item) = self.item(key) else { return Vec::new() };
        let Some(tables) = item.as_array_of_tables() else {
            self.fault(
                key,
                "is not a list of tables",
                format!("write each one as [[{key}]] with its keys below"),
            );
            return Vec::new();
        };
        if tables.len() > count_max {
            self.fault(
                key,
                format!("has {} entries", tables.len()),
                format!("at most {count_max} are allowed"),
            );
        }
        tables.iter().take(count_max).map(|table| self.child(key, table.span(), table)).collect()
    }

    /// Whether the key holds a table rather than a plain value.
    #[must_use]
    pub fn is_section(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(Item::is_table_like)
    }

    fn child(
        &self,
        key: &str,
        span: Option<std::ops::Range<usize>>,
        table: &'a dyn TableLike,
    ) -> Section<'a> {
        let label = if self.label.is_empty() { key.to_owned() } else { format!("{} {key}", self.label) };
        let at = span.map_or(self.at, |span| span.start);
        Section { document: self.document, table, at, label, asked: RefCell::default() }
    }

    /// Notes every key that was never asked for, with the nearest known one as the remedy.
    pub fn finish(self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.iter() {
            if asked.contains(key) {
                continue;
            }
            self.unknown_name(key, "is an unknown key", key, asked.iter().map(String::as_str));
        }
    }
}

/// `did you mean 'parity'?`, or the names there are.
fn remedy_for_name<'n>(written: &str, known: impl Iterator<Item = &'n str> + Clone) -> String {
    let alike = known.clone().filter(|name| name.len().abs_diff(written.len()) <= 2 * char::MAX.len_utf8());
    let nearest = alike.map(|name| (distance(written, name), name)).min();
    // Two edits turn 'host' into 'port'; who mistypes a word mostly gets its first letter right.
    let begins_alike = |name: &str| name.chars().next() == written.chars().next();
    match nearest {
        Some((0..=1, name)) => return format!("did you mean '{name}'?"),
        Some((2, name)) if begins_alike(name) => return format!("did you mean '{name}'?"),
        _ => {}
    }
    let listed: Vec<&str> = known.clone().take(NAMES_LISTED_MAX).collect();
    match known.count().saturating_sub(listed.len()) {
        _ if listed.is_empty() => "there is none to refer to yet; add it".to_owned(),
        0 => format!("known here: {}", listed.join(", ")),
        more => format!("known here: {} and {more} more", listed.join(", ")),
    }
}

fn an(type_name: &str) -> String {
    let article = if type_name.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {type_name}")
}

/// Edits (insert, remove, replace) between two short keys.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(text: &str, read: impl Fn(&Section<'_>)) -> Vec<String> {
        let document = Document::parse("site.toml", text).unwrap();
        let root = document.root();
        read(&root);
        root.finish();
        match document.verdict() {
            Ok(()) => Vec::new(),
            Err(faults) => faults.list.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn every_fault_of_a_file_is_told_at_once_with_line_section_key_and_remedy() {
        let faults =
            faults_of("[line]\nbaud = 'fast'\nparty = 'even'\n\n[line.extra]\nunit = 300\n", |root| {
                let line = root.section("line").unwrap();
                line.integer("baud", 300..=921_600);
                line.text("parity", 8);
                let extra = line.section("extra").unwrap();
                extra.integer("unit", 1..=247);
                extra.finish();
                line.finish();
            });
        assert_eq!(
            faults,
            [
                "site.toml:2: [line] baud: is a string; give a whole number from 300 to 921600",
                "site.toml:3: [line] party: is an unknown key; did you mean 'parity'?",
                "site.toml:6: [line extra] unit: 300 is out of range; give a whole number from 1 to 247",
            ]
        );
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused() {
        for text in ["ratio = nan", "ratio = inf", "ratio = -inf"] {
            let faults = faults_of(text, |root| assert_eq!(root.number("ratio", 0.0..=1e6), None));
            assert_eq!(faults.len(), 1, "{text}");
        }
        assert!(
            faults_of("ratio = 40", |root| assert_eq!(root.number("ratio", 0.0..=1e6), Some(40.0)))
                .is_empty()
        );
    }

    #[test]
    fn faults_beyond_the_listed_ones_are_counted() {
        let text: String = (0..2_000).map(|n| format!("key{n} = 1")).collect::<Vec<_>>().join("\n");
        let document = Document::parse("site.toml", &text).unwrap();
        document.root().finish();
        let faults = document.verdict().unwrap_err();
        assert_eq!((faults.list.len(), faults.more), (limits::FAULTS_MAX, 2_000 - limits::FAULTS_MAX));
        assert_eq!(faults.list.last().map(|fault| fault.line), Some(limits::FAULTS_MAX));
    }

    #[test]
    fn what_a_fault_shows_of_the_file_is_short_and_printable() {
        let text = format!("\"\\u001b[2J\" = 1\n{} = 2\n", "k".repeat(100_000));
        let document = Document::parse("site.toml", &text).unwrap();
        document.root().finish();
        let faults = document.verdict().unwrap_err();
        assert_eq!(faults.list[0].key, "\u{FFFD}[2J");
        assert_eq!(faults.list[1].key.len(), FAULT_CHARS_MAX + 3);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest_or_with_all() {
        let known = ["grid", "chiller", "fan"];
        for (written, remedy) in [
            ("grit", "did you mean 'grid'?"),
            ("fna", "did you mean 'fan'?"),
            ("man", "did you mean 'fan'?"),
            ("mat", "known here: grid, chiller, fan"),
            ("storage", "known here: grid, chiller, fan"),
        ] {
            assert_eq!(remedy_for_name(written, known.into_iter()), remedy);
        }
        assert_eq!(remedy_for_name("x", [].into_iter()), "there is none to refer to yet; add it");
        let many: Vec<String> = (100..125).map(|n| format!("m{n}")).collect();
        assert!(remedy_for_name("storage", many.iter().map(String::as_str)).ends_with("m119 and 5 more"));
    }

    #[test]
    fn a_file_that_is_no_toml_names_the_line() {
        let faults = Document::parse("site.toml", "[a]\nb = \n").unwrap_err();
        assert_eq!(faults.list[0].line, 2);
    }
}
