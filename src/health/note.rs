//! Note: a small file of `name=value` lines in the data folder, for what outlives a run.
//!
//! It is written beside, synced and renamed, so that a power cut leaves the one before or the new one. Names and
//! values hold no line ends; what does not read back is left out.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::config::replace::replace_file;
use crate::limits::HEALTH_FILE_BYTES_MAX;
use crate::rights::FILE_MODE;

/// What a file of lines says, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Note(BTreeMap<String, String>);

impl Note {
    /// The note in `text`.
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        Self(lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The one that lies at `path`; `None` where there is none, or what is there is no text.
    pub(super) fn read(path: &Path) -> Option<Self> {
        read_text(path).map(|text| Self::parse(&text))
    }

    /// Says `value` under `name`, in one line.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        let value = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.0.insert(name.to_owned(), value);
        self
    }

    /// Says nothing under `name` any more.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// What it says under `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The text of it.
    pub(super) fn to_text(&self) -> String {
        self.0.iter().flat_map(|(name, value)| [name, "=", value, "\n"]).collect()
    }

    /// Writes it to `path`, on the medium when this returns.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        replace_file(path, self.to_text().as_bytes(), FILE_MODE)
    }
}

/// A file as text, as far as [`HEALTH_FILE_BYTES_MAX`]; what is no UTF-8 in it is shown as such.
pub(super) fn read_text(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(HEALTH_FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_note_reads_back_and_what_is_no_line_of_one_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("note");
        assert_eq!(Note::read(&path), None);
        let note = Note::default().with("version", "1.2.3").with("message", "two\nlines=2");
        note.write(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "message=two lines=2\nversion=1.2.3\n");
        assert_eq!(Note::read(&path), Some(note));
        let torn = Note::parse("no line\n\nversion=1\nversi");
        assert_eq!((torn.get("version"), torn.get("versi")), (Some("1"), None));
    }

    proptest! {
        #[test]
        fn whatever_is_said_is_one_line_and_reads_back(value in any::<String>()) {
            let note = Note::default().with("a", &value).with("b", "7");
            prop_assert_eq!(Note::parse(&note.to_text()), note);
        }
    }
}
