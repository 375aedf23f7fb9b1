//! The meter library: one register map per model, each telling where its facts come from.
//!
//! Maps come built in and from a folder of the site, whose map replaces the built-in one of the same
//! model. Beside each map lie golden frames, worked out apart from this program, that hold the way from
//! bytes to values against change.
//! `docs/meters.md` tells how to write one.

mod folder;
pub mod golden;
pub mod patch;
mod read;
pub mod show;

use std::path::Path;

pub use folder::Golden;
pub use read::read_map;

use crate::document::Faults;
use crate::model::map_library::MapLibrary;
use crate::model::meter::RegisterMap;
use crate::packed::{Packed, packed};

/// A map that is part of the program.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn {
    /// The model.
    pub model: &'static str,
    /// The map as TOML.
    pub map: Packed,
}

/// The golden frames of all maps that are part of the program, by model.
const GOLDEN_FRAMES: Packed = packed!("golden-frames");

macro_rules! built_in {
    ($model:literal) => {
        BuiltIn { model: $model, map: packed!($model, ".toml") }
    };
}

const BUILT_IN: [BuiltIn; 46] = [
    built_in!("abb-b21"),
    built_in!("abb-b23"),
    built_in!("acrel-adw300"),
    built_in!("acrel-ddsy1352"),
    built_in!("acrel-dtsd1352"),
    built_in!("bernecker-mpm3pm"),
    built_in!("bgetech-drt428m"),
    built_in!("bgetech-ws100"),
    built_in!("carlo-gavazzi-em111"),
    built_in!("carlo-gavazzi-em24"),
    built_in!("carlo-gavazzi-em340"),
    built_in!("ccs-wattnode"),
    built_in!("chint-ddsu666"),
    built_in!("chint-dtsu666"),
    built_in!("dzg-dvh4013"),
    built_in!("eastron-sdm120"),
    built_in!("eastron-sdm220"),
    built_in!("eastron-sdm230"),
    built_in!("eastron-sdm54"),
    built_in!("eastron-sdm630"),
    built_in!("eastron-sdm72d-m"),
    built_in!("eastron-sdm72d-m-2"),
    built_in!("eastron-smart-x96-1a"),
    built_in!("eltako-dsz15dzmod"),
    built_in!("finder-7m38"),
    built_in!("hager-ecr380d"),
    built_in!("hiking-dds238"),
    built_in!("inepro-pro380"),
    built_in!("janitza-umg96rm"),
    built_in!("kdk-2puct"),
    built_in!("kostal-ksem"),
    built_in!("lovato-dmg610"),
    built_in!("orno-we-504"),
    built_in!("orno-we-514"),
    built_in!("orno-we-516"),
    built_in!("orno-we-525"),
    built_in!("phoenixcontact-eem-ma370"),
    built_in!("saia-ale3"),
    built_in!("schneider-iem3155"),
    built_in!("schneider-pm3255"),
    built_in!("schneider-pm5100"),
    built_in!("shelly-pro-3em"),
    built_in!("siemens-pac2200"),
    built_in!("socomec-countis-e34"),
    built_in!("wago-879-3000"),
    built_in!("weidmueller-em525"),
];

/// The maps that are part of the program, in the order of their models.
#[must_use]
pub const fn builtin() -> &'static [BuiltIn] {
    &BUILT_IN
}

/// The built-in map of `model`, for tests.
#[cfg(test)]
fn built_in(model: &str) -> BuiltIn {
    *builtin().iter().find(|built_in| built_in.model == model).unwrap()
}

/// The built-in golden frames of `model`, for tests.
#[cfg(test)]
fn golden_frames(model: &str) -> String {
    GOLDEN_FRAMES.texts().into_iter().find(|(known, _)| known == model).unwrap().1
}

impl BuiltIn {
    /// What faults call the map's file.
    fn file(&self) -> String {
        format!("built-in {}.toml", self.model)
    }

    /// The map, read.
    ///
    /// # Errors
    /// Never for a released program; its tests read every one.
    pub fn read(&self) -> Result<RegisterMap, Faults> {
        read_map(&self.file(), &self.map.text())
    }
}

/// All maps by model: the built-in ones, replaced and joined by those of the folder `overrides`.
///
/// # Errors
/// All faults of all files of the folder, each with its file; also when two of them hold one model.
pub fn library(overrides: Option<&Path>) -> Result<MapLibrary, Faults> {
    let mut library = MapLibrary::new();
    for built_in in builtin() {
        library.insert_unread(built_in.model.to_owned(), || built_in.read().ok());
    }
    if let Some(folder) = overrides {
        library.extend(folder::maps(folder)?);
    }
    Ok(library)
}

/// The golden frames of every model that has some: the folder's own before the built-in ones.
///
/// # Errors
/// When a file of the folder cannot be read.
pub fn goldens(overrides: Option<&Path>) -> Result<Vec<Golden>, Faults> {
    let mut goldens = match overrides {
        Some(folder) => folder::goldens(folder)?,
        None => Vec::new(),
    };
    for (model, text) in GOLDEN_FRAMES.texts() {
        if !goldens.iter().any(|golden| golden.model == model) {
            let file = format!("built-in {model}.golden.toml");
            goldens.push(Golden { model, file, text });
        }
    }
    goldens.sort_by(|left, right| left.model.cmp(&right.model));
    Ok(goldens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_map_reads_without_fault_and_calls_itself_by_its_file_name() {
        for built_in in builtin() {
            let map = built_in.read().unwrap_or_else(|faults| panic!("{faults}"));
            assert_eq!(map.model, built_in.model);
        }
    }

    #[test]
    fn every_built_in_map_has_golden_frames_and_nothing_else_has() {
        let models = builtin().iter().map(|built_in| built_in.model);
        assert!(GOLDEN_FRAMES.texts().iter().map(|(model, _)| model.as_str()).eq(models));
    }

    /// A site may change a meter without renaming its parameters. A meter of one direction counts a
    /// total, and one without a sign tells import and export apart.
    #[test]
    fn the_maps_share_the_names_that_a_site_needs_most() {
        for map in library(None).unwrap().maps() {
            let model = &map.model;
            for names in [["energy_import", "energy_total"], ["power", "power_import"]] {
                let has_one = names.iter().any(|name| map.register(name).is_some());
                assert!(has_one, "{model} has none of {names:?}");
            }
            let tells_no_phases = model == "eastron-sdm72d-m";
            for name in ["voltage_a", "current_a"] {
                assert!(map.register(name).is_some() != tells_no_phases, "{model}: {name}");
            }
        }
    }

    /// Nobody has read the documents of most; what a map says of a value must name its source.
    #[test]
    fn every_map_is_told_in_the_documentation_and_names_where_each_address_comes_from() {
        let page = include_str!("../../docs/meters.md");
        for map in library(None).unwrap().maps() {
            let model = &map.model;
            assert!(page.contains(&format!("| `{model}` |")), "{model} is not in docs/meters.md");
            for entry in &map.registers {
                assert!(entry.page.contains(|letter: char| letter.is_alphabetic()), "{model}: {entry:?}");
            }
        }
        let models: Vec<_> = builtin().iter().map(|built_in| built_in.model).collect();
        assert!(models.is_sorted(), "{models:?}");
    }

    #[test]
    fn one_name_has_one_unit_and_one_reading_type_in_all_maps() {
        let library = library(None).unwrap();
        let entries = || library.maps().flat_map(|map| &map.registers);
        for left in entries() {
            for right in entries().filter(|right| right.register.name == left.register.name) {
                let name = &left.register.name;
                assert_eq!((&left.unit, left.reading_type), (&right.unit, right.reading_type), "{name}");
                assert_eq!((&left.title, left.ratio), (&right.title, right.ratio), "{name}");
            }
        }
    }

    #[test]
    fn no_two_registers_of_a_map_lie_over_each_other() {
        for map in library(None).unwrap().maps() {
            let model = &map.model;
            let mut spans: Vec<_> = map.registers.iter().map(|entry| entry.register.span()).collect();
            spans.sort();
            for pair in spans.windows(2) {
                assert!(pair[0].end() <= u32::from(pair[1].start), "{model}: {pair:?}");
            }
        }
    }
}
