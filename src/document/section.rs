//! One table of a document, read key by key.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use toml_edit::{Item, TableLike, Value};

use super::{Document, line_of};
use crate::limits;

/// Names that a remedy lists.
const NAMES_LISTED_MAX: usize = 20;

/// One table of a [`Document`].
pub struct Section<'a> {
    document: &'a Document,
    table: &'a dyn TableLike,
    at: usize,
    label: String,
    asked: RefCell<BTreeSet<String>>,
}

impl<'a> Section<'a> {
    pub(super) fn root(document: &'a Document, table: &'a dyn TableLike, at: usize) -> Self {
        Self { document, table, at, label: String::new(), asked: RefCell::default() }
    }

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
pub(super) fn remedy_for_name<'n>(written: &str, known: impl Iterator<Item = &'n str> + Clone) -> String {
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
