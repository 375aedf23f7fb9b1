//! What points are called in a register map: by the shared names where they mean the same, so that a site
//! may put a SunSpec device in the place of another meter without renaming anything.

use crate::meters;
use crate::model::map_library::MapLibrary;
use crate::model::reading_type::ReadingType;

/// What a register of a map says of a point beside where it lies.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Meaning {
    /// The shared name; `None` where there is none for it.
    pub name: Option<String>,
    /// What it is, for people.
    pub title: Option<String>,
    /// The unit in the map.
    pub unit: String,
    /// The power of ten from the unit of the model to that of the map.
    pub power: i16,
    /// What it measures.
    pub reading_type: ReadingType,
}

/// Models that name the same things alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// Inverters, 101 to 113: power is what they give.
    Inverter,
    /// Meters, 201 to 214.
    Meter,
    /// Distributed energy resources, 701: power is what they give.
    Resource,
}

/// Shared names of points. `#` stands for the phase: A, B, C of a point or 1, 2, 3; a, b, c of a name.
const SHARED: [(Family, &str, &str); 48] = [
    (Family::Inverter, "W", "power_export"),
    (Family::Inverter, "WH", "energy_export"),
    (Family::Inverter, "VA", "apparent_power"),
    (Family::Inverter, "PF", "power_factor"),
    (Family::Inverter, "Hz", "frequency"),
    (Family::Inverter, "PhVph#", "voltage_#"),
    (Family::Inverter, "PPVphAB", "voltage_ab"),
    (Family::Inverter, "PPVphBC", "voltage_bc"),
    (Family::Inverter, "PPVphCA", "voltage_ca"),
    (Family::Inverter, "Aph#", "current_#"),
    (Family::Meter, "W", "power"),
    (Family::Meter, "Wph#", "power_#"),
    (Family::Meter, "VA", "apparent_power"),
    (Family::Meter, "VAph#", "apparent_power_#"),
    (Family::Meter, "VAR", "reactive_power"),
    (Family::Meter, "VARph#", "reactive_power_#"),
    (Family::Meter, "PF", "power_factor"),
    (Family::Meter, "PFph#", "power_factor_#"),
    (Family::Meter, "Hz", "frequency"),
    (Family::Meter, "PhVph#", "voltage_#"),
    (Family::Meter, "PhVphAB", "voltage_ab"),
    (Family::Meter, "PhVphBC", "voltage_bc"),
    (Family::Meter, "PhVphCA", "voltage_ca"),
    (Family::Meter, "PPVphAB", "voltage_ab"),
    (Family::Meter, "PPVphBC", "voltage_bc"),
    (Family::Meter, "PPVphCA", "voltage_ca"),
    (Family::Meter, "Aph#", "current_#"),
    (Family::Meter, "TotWhImp", "energy_import"),
    (Family::Meter, "TotWhImpPh#", "energy_import_#"),
    (Family::Meter, "TotWhExp", "energy_export"),
    (Family::Meter, "TotWhExpPh#", "energy_export_#"),
    (Family::Meter, "TotVArhImpQ1", "reactive_energy_q1"),
    (Family::Meter, "TotVArhImpQ2", "reactive_energy_q2"),
    (Family::Meter, "TotVArhExpQ3", "reactive_energy_q3"),
    (Family::Meter, "TotVArhExpQ4", "reactive_energy_q4"),
    (Family::Resource, "W", "power_export"),
    (Family::Resource, "WL#", "power_export_#"),
    (Family::Resource, "TotWhInj", "energy_export"),
    (Family::Resource, "TotWhAbs", "energy_import"),
    (Family::Resource, "TotWhInjL#", "energy_export_#"),
    (Family::Resource, "TotWhAbsL#", "energy_import_#"),
    (Family::Resource, "VA", "apparent_power"),
    (Family::Resource, "Hz", "frequency"),
    (Family::Resource, "VL#", "voltage_#"),
    (Family::Resource, "VL1L2", "voltage_ab"),
    (Family::Resource, "VL2L3", "voltage_bc"),
    (Family::Resource, "VL3L1", "voltage_ca"),
    (Family::Resource, "AL#", "current_#"),
];

/// The phases of point names and of shared ones, and what IEC 61968-9 calls them.
const PHASES: [(char, char, char, i16); 3] = [('A', '1', 'a', 128), ('B', '2', 'b', 64), ('C', '3', 'c', 32)];

/// Measured at this instant, of electricity, in no direction.
const AT_THIS_INSTANT: [i16; 18] = [0, 0, 0, 12, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// Measurement kind 12.
const ENERGY: i16 = 12;
/// Accumulation 1 `bulkQuantity`: a register.
const CUMULATIVE: i16 = 1;
const ACCUMULATION: usize = 3;
const FLOW: usize = 4;
const COMMODITY: usize = 5;
const KIND: usize = 6;
const PHASE: usize = 14;
const MULTIPLIER: usize = 15;
const UNIT: usize = 16;

/// Units of points: theirs, ours, the measurement kind and the unit of IEC 61968-9.
const UNITS: [(&str, &str, i16, i16); 14] = [
    ("W", "W", 37, 38),
    ("VA", "VA", 37, 61),
    ("var", "var", 37, 63),
    ("Var", "var", 37, 63),
    ("Wh", "Wh", 12, 72),
    ("WH", "Wh", 12, 72),
    ("VAh", "VAh", 12, 71),
    ("varh", "varh", 12, 73),
    ("Varh", "varh", 12, 73),
    ("V", "V", 54, 29),
    ("A", "A", 4, 5),
    ("Hz", "Hz", 15, 33),
    ("C", "degC", 46, 23),
    ("PF", "1", 38, 65),
];

/// What the map says of the points of models.
pub(super) struct Naming {
    library: MapLibrary,
}

impl Naming {
    /// By the names of the built-in maps.
    pub(super) fn new() -> Self {
        // The built-in maps of a released program read without fault; without them there are no shared names.
        Self { library: meters::library(None).unwrap_or_default() }
    }

    /// What the point of this path, in this unit, means in that model.
    pub(super) fn meaning(&self, model_id: u16, path: &str, unit: &str, grows: bool) -> Meaning {
        self.shared(model_id, path, unit).unwrap_or_else(|| by_unit(unit, grows))
    }

    fn shared(&self, model_id: u16, path: &str, unit: &str) -> Option<Meaning> {
        let name = shared_name(family(model_id)?, path)?;
        let mut maps = self.library.maps();
        if let Some(known) = maps.find_map(|map| map.register(&name)) {
            let power = power_between(unit, &known.unit)?;
            let title = Some(known.title.clone());
            let (unit, reading_type) = (known.unit.clone(), known.reading_type);
            return Some(Meaning { name: Some(name), title, unit, power, reading_type });
        }
        let power = power_between(unit, "kW")?;
        let reading_type = power_given(&name);
        Some(Meaning { name: Some(name), title: None, unit: "kW".to_owned(), power, reading_type })
    }
}

fn family(model_id: u16) -> Option<Family> {
    match model_id {
        101..=113 => Some(Family::Inverter),
        201..=214 => Some(Family::Meter),
        701 => Some(Family::Resource),
        _ => None,
    }
}

fn shared_name(family: Family, path: &str) -> Option<String> {
    SHARED.iter().filter(|(of, _, _)| *of == family).find_map(|(_, point, name)| {
        if *point == path {
            return Some((*name).to_owned());
        }
        let phase = path.strip_prefix(point.strip_suffix('#')?)?;
        let (_, _, small, _) = PHASES.iter().find(|(letter, number, _, _)| {
            let is_number = family == Family::Resource;
            phase == (if is_number { number } else { letter }).to_string()
        })?;
        Some(name.replace('#', &small.to_string()))
    })
}

/// The power of ten from a unit of a model to one of a map; `None` where neither becomes the other.
fn power_between(from: &str, to: &str) -> Option<i16> {
    let from = UNITS.iter().find(|(theirs, ..)| *theirs == from).map_or(from, |(_, ours, ..)| ours);
    match (from, to) {
        _ if from == to || (from.is_empty() && to == "1") => Some(0),
        ("Pct", "1") => Some(-2),
        _ if to.strip_prefix('k') == Some(from) => Some(-3),
        _ => None,
    }
}

/// Power that is given: flow 19, reverse, in kilowatts; of a phase where the name ends in one.
fn power_given(name: &str) -> ReadingType {
    let mut fields = AT_THIS_INSTANT;
    let phase = PHASES.iter().find(|(_, _, small, _)| name.ends_with(&format!("_{small}")));
    (fields[FLOW], fields[KIND], fields[MULTIPLIER], fields[UNIT]) = (19, 37, 3, 38);
    fields[PHASE] = phase.map_or(0, |(_, _, _, code)| *code);
    ReadingType::new(fields)
}

/// What the unit alone says; of energy, whether the point only `grows` as well.
fn by_unit(unit: &str, grows: bool) -> Meaning {
    let mut fields = AT_THIS_INSTANT;
    let known = UNITS.iter().find(|(theirs, ..)| *theirs == unit);
    let ours = match known {
        Some((_, ours, kind, code)) => {
            (fields[KIND], fields[UNIT]) = (*kind, *code);
            if grows && *kind == ENERGY {
                fields[ACCUMULATION] = CUMULATIVE;
            }
            ours
        }
        None if matches!(unit, "Pct" | "%") => {
            (fields[COMMODITY], fields[MULTIPLIER]) = (0, -2);
            "%"
        }
        None => {
            fields[COMMODITY] = 0;
            if unit.is_empty() { "1" } else { unit }
        }
    };
    let reading_type = ReadingType::new(fields);
    Meaning { name: None, title: None, unit: ours.to_owned(), power: 0, reading_type }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::table::{Point, known, of_model};
    use super::*;
    use crate::model::codes;

    /// The shared names that a family may give.
    fn names_of(family: Family) -> BTreeSet<String> {
        let of_family = SHARED.iter().filter(|(of, _, _)| *of == family);
        let names = of_family.flat_map(|(_, _, name)| {
            let phases = if name.contains('#') { &PHASES[..] } else { &PHASES[..1] };
            phases.iter().map(|(_, _, small, _)| name.replace('#', &small.to_string()))
        });
        names.collect()
    }

    #[test]
    fn every_model_of_a_family_gives_all_its_shared_names() {
        let naming = Naming::new();
        for id in known() {
            let Some(family) = family(id) else { continue };
            let points = of_model(id).unwrap().unwrap().group.points;
            let name = |point: &Point| naming.meaning(id, &point.id, &point.unit, true).name;
            let names: BTreeSet<String> = points.iter().filter_map(name).collect();
            assert_eq!(names, names_of(family), "{id}");
        }
    }

    #[test]
    fn a_shared_name_has_the_unit_and_the_reading_type_of_the_other_maps() {
        let naming = Naming::new();
        for (id, path, unit, name, of_map, power) in [
            (203, "W", "W", "power", "kW", -3),
            (203, "WphB", "W", "power_b", "kW", -3),
            (203, "TotWhImp", "Wh", "energy_import", "kWh", -3),
            (203, "PF", "Pct", "power_factor", "1", -2),
            (103, "WH", "Wh", "energy_export", "kWh", -3),
            (103, "PhVphC", "V", "voltage_c", "V", 0),
            (701, "VL3L1", "V", "voltage_ca", "V", 0),
            (701, "WL2", "W", "power_export_b", "kW", -3),
        ] {
            let meaning = naming.meaning(id, path, unit, false);
            assert_eq!(meaning.name.as_deref(), Some(name), "{id} {path}");
            assert_eq!((meaning.unit.as_str(), meaning.power), (of_map, power), "{id} {path}");
        }
    }

    #[test]
    fn no_point_gets_a_unit_that_its_reading_type_contradicts() {
        let naming = Naming::new();
        for id in known() {
            let table = of_model(id).unwrap().unwrap();
            for point in &table.group.points {
                let meaning = naming.meaning(id, &point.id, &point.unit, false);
                let units = codes::units_of(&meaning.reading_type);
                assert!(units.is_empty() || units.contains(&meaning.unit), "{id} {}: {meaning:?}", point.id);
                assert_eq!(codes::unlisted_fields(&meaning.reading_type), [], "{id} {}", point.id);
            }
        }
    }
}
