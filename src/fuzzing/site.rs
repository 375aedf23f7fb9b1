//! Files that a person writes: the site file, edits of it, and register maps.

use std::sync::OnceLock;

use toml_edit::DocumentMut;

use super::is_fit_for_a_terminal;
use crate::check::{ReadPlan, overloads};
use crate::config;
use crate::config::edit::{Edit, apply};
use crate::console::command::{Command, parse};
use crate::document::Faults;
use crate::limits;
use crate::meters::{self, read_map, show};
use crate::model::map_library::MapLibrary;

/// Models that a site file may name here: all of them would take most of the time.
const MODELS: [&str; 4] = ["acrel-adw300", "chint-dtsu666", "eastron-sdm120", "eastron-sdm630"];

fn library() -> &'static MapLibrary {
    static LIBRARY: OnceLock<MapLibrary> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let maps = meters::builtin().iter().filter(|map| MODELS.contains(&map.model));
        maps.filter_map(|map| read_map(map.model, &map.map.text()).ok()).collect()
    })
}

/// A text is a site or has faults, each with a reason and a remedy; of a site a plan can be made.
pub(super) fn site_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match config::read("site.toml", text, |_| Ok(library().clone())) {
        Err(faults) => check_told(&faults, text),
        Ok(site) => {
            assert!(site.lines.len() <= limits::LINES_MAX, "too many lines");
            assert!(site.meters.len() <= limits::METERS_MAX, "too many meters");
            assert!(site.points.len() <= limits::POINTS_MAX, "too many points");
            let _ = overloads(&site);
            let plan = ReadPlan(&site).to_string();
            assert!(is_fit_for_a_terminal(&plan), "a read plan moves the cursor: {plan:?}");
        }
    }
}

/// The first line is an edit as it is typed, the rest the site file. An edit of a line may break the file, any other gives TOML. One that adds cannot
/// be made once more and leaves every line there was; one that removes leaves less.
pub(super) fn site_edit(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some((line, file)) = text.split_once('\n') else { return };
    let Ok(Command::Edit(edit)) = parse(line) else { return };
    let Ok(edited) = apply(file, &edit, library()) else { return };
    if let Edit::Line(_) | Edit::Whole(_) = edit {
        // Whatever stands there then, it is read as any other file.
        assert!(edited.len() <= limits::CONFIG_BYTES_MAX, "an edit makes too much of it");
        return;
    }
    assert!(edited.parse::<DocumentMut>().is_ok(), "an edit breaks the file: {edited}");
    match edit {
        Edit::AddMeter(_) | Edit::AddPoint(_) | Edit::AddPlatform { .. } => {
            assert!(apply(&edited, &edit, library()).is_err(), "an edit can be made twice: {edited}");
            let mut lines = edited.lines();
            let left_out = file.lines().find(|line| !lines.any(|kept| kept == *line));
            assert!(left_out.is_none(), "the edit loses the line {left_out:?} of {file:?}: {edited:?}");
        }
        // Of two of one ID, which no site has, the first goes.
        Edit::RemoveMeter { .. } | Edit::RemovePoint { .. } => {
            assert!(edited.lines().count() < file.lines().count(), "nothing goes: {edited}");
        }
        Edit::Line(_) | Edit::Whole(_) => {}
    }
}

/// A text is a register map or has faults; a map can be shown.
pub(super) fn register_map(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match read_map("map.toml", text) {
        Err(faults) => check_told(&faults, text),
        Ok(map) => {
            assert!((1..=limits::MAP_REGISTERS_MAX).contains(&map.registers.len()), "no number of registers");
            for entry in &map.registers {
                let name = &entry.register.name;
                assert!(map.register(name) == Some(entry), "register '{name}' is not found by its name");
            }
            let shown = show::map(&map);
            assert!(is_fit_for_a_terminal(&shown), "a map moves the cursor: {shown:?}");
        }
    }
}

fn check_told(faults: &Faults, text: &str) {
    assert!(!faults.list.is_empty(), "refused without a reason");
    assert!(faults.list.len() <= limits::FAULTS_MAX, "too many faults are told");
    let lines = text.matches('\n').count() + 1;
    for fault in &faults.list {
        assert!((1..=lines).contains(&fault.line), "there is no such line: {fault}");
        assert!(!fault.reason.is_empty() && !fault.remedy.is_empty(), "no reason or no remedy: {fault:?}");
        assert!(is_fit_for_a_terminal(&fault.to_string()), "a fault moves the cursor: {fault:?}");
    }
}
