//! A TOML document read so that *every* fault in it is told, not only the first.
//!
//! A [`Section`] hands out its keys one by one and notes which were asked for; what is left over at
//! [`Section::finish`] is an unknown key. A reader that returns `None` has already noted the fault,
//! so callers go on with the next key and throw the result away at the end.

mod fault;
mod section;

use std::cell::RefCell;

use toml_edit::{Document as TomlDocument, TomlError};

use crate::limits;

pub use fault::{Fault, Faults};
pub use section::Section;

/// Faults noted before the rest are only counted, so that a hostile file costs no memory.
const NOTED_MAX: usize = limits::FAULTS_MAX * 10;
/// Characters that a fault shows of a key or a reason.
const FAULT_CHARS_MAX: usize = 240;

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
            let reason = format!("the file has more than {} bytes", limits::CONFIG_BYTES_MAX);
            return Err(refuse(1, reason, "make it smaller"));
        }
        let line_ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        let toml = TomlDocument::parse(text.to_owned()).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            refuse(line_of(&line_ends, at), toml_reason(text, &error), "correct the TOML at this line")
        })?;
        Ok(Self { file: file.to_owned(), toml, line_ends, found: RefCell::default() })
    }

    /// The top level of the file.
    pub fn root(&self) -> Section<'_> {
        let at = self.toml.as_item().span().map_or(0, |span| span.start);
        Section::root(self, self.toml.as_table(), at)
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

/// Why `text` is no TOML, in one line; the parser does not say which key it has met before.
pub(crate) fn toml_reason(text: &str, error: &TomlError) -> String {
    let reason = error.message().replace('\n', " ");
    match error.span().and_then(|span| text.get(span)) {
        Some(key) if reason == "duplicate key" => printable(&format!("{reason} '{key}'")),
        _ => reason,
    }
}

fn line_of(line_ends: &[usize], at: usize) -> usize {
    line_ends.partition_point(|end| *end < at) + 1
}

#[cfg(test)]
mod tests {
    use super::section::remedy_for_name;
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

    #[test]
    fn a_key_written_twice_is_named() {
        for (text, line, reason) in [
            ("[m]\nunit = 1\nunit = 2\n", 3, "duplicate key 'unit'"),
            ("[m]\na = 1\n[m]\nb = 1\n", 3, "duplicate key 'm'"),
            ("m = { x = 1, x = 2 }\n", 1, "duplicate key 'x'"),
        ] {
            let fault = &Document::parse("site.toml", text).unwrap_err().list[0];
            assert_eq!((fault.line, fault.reason.as_str()), (line, reason), "{text}");
        }
        let long = "k".repeat(100_000);
        let faults = Document::parse("site.toml", &format!("{long} = 1\n{long} = 2\n")).unwrap_err();
        assert!(faults.list[0].reason.len() < 2 * FAULT_CHARS_MAX);
    }

    #[test]
    fn a_text_beyond_the_limit_is_refused_by_its_size() {
        let faults = Document::parse("map.toml", &"#".repeat(limits::CONFIG_BYTES_MAX + 9)).unwrap_err();
        assert_eq!(
            faults.list[0].to_string(),
            "map.toml:1: the file has more than 1048576 bytes; make it smaller"
        );
    }
}
