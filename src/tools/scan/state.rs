//! How far a scan has come and what it found, as a file in which a second call finds it again.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};

use toml_edit::Value;

use super::fit::Fit;
use super::found::{Answers, Found};
use super::sweep::Sweep;
use crate::document::{Document, Section};
use crate::failure::Failure;
use crate::limits::{CONFIG_BYTES_MAX, METER_TEXT_BYTES_MAX, NAME_CHARS_MAX, SCAN_FOUND_MAX};
use crate::model::register::UnitId;

/// What a unit says of itself is kept in so many texts.
pub(super) const SAYS_MAX: usize = 5;
/// Characters of how a line or all units may be written.
const LINE_CHARS_MAX: usize = 4_096;
const REMEDY: &str = "give another file, or delete this one and begin anew";

/// How far a scan has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    /// Questions of the sweep that have been asked.
    pub(super) asked: usize,
    /// What was found, in the order in which it was.
    pub(super) found: Vec<Found>,
}

/// Which sweep a state belongs to, as its file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    line: String,
    settings: String,
    units: String,
}

impl Name {
    /// The name of `sweep` over the line that is written as `line`.
    pub(super) fn of(line: &str, sweep: &Sweep) -> Self {
        Self {
            line: line.to_owned(),
            settings: sweep.settings_text(),
            units: sweep.units().iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        }
    }
}

/// The state that `path` holds of this sweep; a new one where there is no file.
pub(super) fn read(path: &Path, name: &Name, sweep: &Sweep) -> Result<State, Failure> {
    let unreadable = |error: io::Error| Failure::new(format!("{}: {error}; {REMEDY}", path.display()));
    let mut text = String::new();
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(State::default()),
        Err(error) => return Err(unreadable(error)),
        // One byte more than a document may have, so that one that is too large is refused as such.
        Ok(file) => file
            .take(u64::try_from(CONFIG_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1))
            .read_to_string(&mut text)
            .map_err(unreadable)?,
    };
    parse(&path.display().to_string(), &text, name, sweep)
}

/// Writes the state to `path`, whole or not at all.
pub(super) fn write(path: &Path, name: &Name, state: &State) -> Result<(), Failure> {
    let put = || -> io::Result<()> {
        let new = PathBuf::from(format!("{}.new", path.display()));
        let mut file = File::create(&new)?;
        file.write_all(text(name, state).as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    let remedy = "see that its folder exists and is writable";
    put().map_err(|error| Failure::new(format!("{}: {error}; {remedy}", path.display())))
}

fn text(name: &Name, state: &State) -> String {
    let mut text = String::from(
        "# How far a scan has come. The same command with --state and this file goes on here.\n",
    );
    let Name { line, settings, units } = name;
    for (key, value) in [("line", line), ("settings", settings), ("units", units)] {
        let _ = writeln!(text, "{key} = {}", Value::from(value.as_str()));
    }
    let _ = writeln!(text, "asked = {}", state.asked);
    for found in &state.found {
        text.push_str(&found_text(found));
    }
    text
}

fn found_text(found: &Found) -> String {
    let Answers { values, refusals, damaged, silent, late } = found.answers;
    let mut text = format!(
        "\n[[found]]\nround = {}\nunit = {}\nanswers = [{values}, {refusals}, {damaged}, {silent}, {late}]\n",
        found.round, found.unit
    );
    if let Some(turnaround_ms) = found.turnaround_ms {
        let _ = writeln!(text, "turnaround_ms = {turnaround_ms}");
    }
    if found.is_two {
        text.push_str("two = true\n");
    }
    if !found.says.is_empty() {
        let says: toml_edit::Array = found.says.iter().map(String::as_str).collect();
        let _ = writeln!(text, "says = {says}");
    }
    if let Some(address) = found.sunspec_at {
        let _ = writeln!(text, "sunspec_at = {address}");
    }
    for Fit { model, plausible, asked } in &found.fits {
        let model = Value::from(model.as_str());
        let _ = writeln!(text, "[[found.fit]]\nmodel = {model}\nplausible = {plausible}\nasked = {asked}");
    }
    text
}

fn parse(file: &str, text: &str, name: &Name, sweep: &Sweep) -> Result<State, Failure> {
    let document = Document::parse(file, text).map_err(Failure::config)?;
    let root = document.root();
    same(&root, "line", &name.line);
    same(&root, "settings", &name.settings);
    same(&root, "units", &name.units);
    let asked = integer(&root, "asked", sweep.total());
    let sections = root.sections("found", SCAN_FOUND_MAX);
    let found = sections.into_iter().filter_map(|section| found(section, sweep)).collect();
    root.finish();
    document.verdict().map_err(Failure::config)?;
    Ok(State { asked: asked.unwrap_or_default(), found })
}

/// A state of another sweep would hide units that were never asked.
fn same(root: &Section<'_>, key: &str, expected: &str) {
    match root.text(key, LINE_CHARS_MAX) {
        Some(written) if written == expected => {}
        Some(written) => root.fault(key, format!("is of another scan, '{written}'"), REMEDY),
        None if root.has(key) => {}
        None => root.missing(key, REMEDY),
    }
}

/// A whole number up to `most` that must be there.
fn integer<T: TryFrom<i64>>(section: &Section<'_>, key: &str, most: usize) -> Option<T> {
    if !section.has(key) {
        section.missing(key, REMEDY);
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    section.integer(key, 0..=most).and_then(|number| T::try_from(number).ok())
}

fn found(section: Section<'_>, sweep: &Sweep) -> Option<Found> {
    let round = integer(&section, "round", sweep.rounds().saturating_sub(1));
    let unit = integer(&section, "unit", u8::MAX.into());
    let answers = answers(&section);
    let is_two = section.flag("two").unwrap_or(false);
    let optional = |key, most| section.integer(key, 0..=most);
    let turnaround_ms = optional("turnaround_ms", u32::MAX.into()).and_then(|ms| u32::try_from(ms).ok());
    let sunspec_at = optional("sunspec_at", u16::MAX.into()).and_then(|at| u16::try_from(at).ok());
    let mut says = section.texts("says", SAYS_MAX);
    let too_long =
        says.iter().any(|text| text.len() > METER_TEXT_BYTES_MAX || text.chars().any(char::is_control));
    if too_long {
        section.fault("says", "is no text that a scan writes", REMEDY);
        says.clear();
    }
    let fits = section.sections("fit", NAME_CHARS_MAX).into_iter().filter_map(fit).collect();
    section.finish();
    Some(Found {
        round: round?,
        unit: UnitId(unit?),
        answers: answers?,
        is_two,
        turnaround_ms,
        says,
        sunspec_at,
        fits,
    })
}

fn answers(section: &Section<'_>) -> Option<Answers> {
    let counts = section.integers("answers", 0..=i64::from(u8::MAX), 5);
    let counts: Vec<u8> = counts.into_iter().filter_map(|count| u8::try_from(count).ok()).collect();
    let [values, refusals, damaged, silent, late] = counts[..] else {
        section.fault("answers", "is no list of five counts", REMEDY);
        return None;
    };
    Some(Answers { values, refusals, damaged, silent, late })
}

fn fit(section: Section<'_>) -> Option<Fit> {
    let model = section.required_id("model", REMEDY);
    let (plausible, asked) = (integer(&section, "plausible", 100), integer(&section, "asked", 100));
    section.finish();
    Some(Fit { model: model?, plausible: plausible?, asked: asked? })
}

#[cfg(test)]
mod tests {
    use super::super::sweep::units_of;
    use super::*;
    use crate::model::meter::Link;

    const LINE: &str = "10.0.0.7:502";

    fn sweep(units: &str) -> Sweep {
        let link = Link::Tcp { host: "10.0.0.7".to_owned(), port: 502 };
        Sweep::new(link, false, &[], &[], units_of(units).unwrap()).unwrap()
    }

    fn state() -> State {
        let answers = Answers { values: 5, refusals: 0, damaged: 1, silent: 0, late: 0 };
        let fits = vec![Fit { model: "eastron-sdm630".to_owned(), plausible: 9, asked: 10 }];
        let known = Found {
            is_two: true,
            turnaround_ms: Some(12),
            says: vec!["Acme \"X7\"".to_owned()],
            sunspec_at: Some(40_000),
            fits,
            ..Found::new(0, UnitId(5), answers)
        };
        State { asked: 9, found: vec![known, Found::new(0, UnitId(7), Answers::default())] }
    }

    #[test]
    fn what_was_written_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let (path, sweep) = (dir.path().join("scan.toml"), sweep("1-247"));
        let name = Name::of(LINE, &sweep);
        assert_eq!(read(&path, &name, &sweep), Ok(State::default()));
        write(&path, &name, &state()).unwrap();
        assert_eq!(read(&path, &name, &sweep), Ok(state()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_state_of_another_scan_is_refused_with_a_reason() {
        let written = text(&Name::of(LINE, &sweep("1-247")), &state());
        for (line, units, key) in [("10.0.0.8:502", "1-247", "line"), (LINE, "1-100", "units")] {
            let sweep = sweep(units);
            let refusal = parse("scan.toml", &written, &Name::of(line, &sweep), &sweep).unwrap_err();
            let expected = format!("{key}: is of another scan");
            assert!(refusal.message().contains(&expected), "{}", refusal.message());
        }
    }

    #[test]
    fn a_file_that_no_scan_wrote_is_refused() {
        let sweep = sweep("1-247");
        let name = Name::of(LINE, &sweep);
        let written = text(&name, &state());
        assert!(parse("scan.toml", &written, &name, &sweep).is_ok());
        for (from, to) in [
            ("asked = 9", "asked = 248"),
            ("round = 0", "round = 1"),
            ("unit = 5", "unit = 256"),
            ("answers = [5, 0, 1, 0, 0]", "answers = [5]"),
            ("plausible = 9", "plausible = -1"),
            ("'Acme \"X7\"'", "\"\\u001b[2J\""),
            ("units = ", "unit = "),
        ] {
            let broken = written.replace(from, to);
            assert_ne!(broken, written, "{from}");
            assert!(parse("scan.toml", &broken, &name, &sweep).is_err(), "{to}");
        }
        assert!(parse("scan.toml", &"#".repeat(CONFIG_BYTES_MAX + 1), &name, &sweep).is_err());
    }
}
