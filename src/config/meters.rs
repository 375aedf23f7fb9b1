//! `[[meter]]`: what hangs on the lines.

use std::collections::BTreeMap;

use super::entries::{Entry, Ids, entries};
use super::form;
use super::lines::Lines;
use crate::document::Section;
use crate::limits;
use crate::model::map_library::MapLibrary;
use crate::model::meter::{Link, Meter, ReadLimits};
use crate::model::register::UnitId;
use crate::time::Interval;

/// How often a meter is read where nothing is said: the step of a sliding demand.
const SCAN_INTERVAL: Interval = Interval::MINUTE;
/// Transformer ratios; the range refuses zero, which would make every reading zero.
const RATIO_MIN: f64 = 0.001;
const RATIO_MAX: f64 = 100_000.0;

/// The meters that could be read, and the IDs of all that Points may refer to.
pub(super) struct Meters {
    /// In the order of the file.
    pub list: Vec<Meter>,
    /// Those of faulty meters too.
    pub ids: Ids,
}

impl Meters {
    /// The meter of this ID.
    pub(super) fn get(&self, id: &str) -> Option<&Meter> {
        self.list.iter().find(|meter| meter.id == id)
    }
}

/// Reads the tables. Without a library, maps are not looked up: the library's own faults are told.
pub(super) fn meters(root: &Section<'_>, lines: &Lines, library: Option<&MapLibrary>) -> Meters {
    let entries = entries(root, "meter", limits::METERS_MAX);
    let ids = Ids::of("meter", &entries);
    let mut units = BTreeMap::new();
    let read = |entry| meter(entry, lines, library, &mut units);
    let list = entries.into_iter().filter_map(read).collect();
    Meters { list, ids }
}

/// Who has which unit ID on which line.
type Units = BTreeMap<(String, UnitId), String>;

fn meter(entry: Entry<'_>, lines: &Lines, library: Option<&MapLibrary>, units: &mut Units) -> Option<Meter> {
    let section = entry.section;
    let line_id = lines.ids.required_reference(&section, "line");
    let unit = unit(&section, lines, line_id.as_deref());
    if let (Some(line_id), Some(unit)) = (&line_id, unit) {
        take_unit(&section, line_id, unit, units);
    }
    let map_model = section.text("map", limits::NAME_CHARS_MAX);
    let read_limits = read_limits(&section, map_model.as_deref(), library);
    let ratio = |key| section.number(key, RATIO_MIN..=RATIO_MAX).unwrap_or(1.0);
    let (ct, pt) = (ratio("ct"), ratio("pt"));
    let interval = form::scan_interval(&section, "interval").unwrap_or(SCAN_INTERVAL);
    section.finish();
    let (id, line_id, unit) = (entry.id?, line_id?, unit?);
    Some(Meter { id, line_id, unit, map_model, ct, pt, interval, read_limits: read_limits? })
}

fn unit(section: &Section<'_>, lines: &Lines, line_id: Option<&str>) -> Option<UnitId> {
    if !section.has("unit") {
        section.missing("unit", "give the address set at the meter, 1 to 247");
    }
    let line = lines.list.iter().find(|line| Some(line.id.as_str()) == line_id);
    // Behind a device server lies a serial line, where the other addresses are reserved.
    let range = match line.map(|line| &line.link) {
        Some(Link::Serial(_) | Link::RtuOverTcp { .. } | Link::DialIn { .. }) => 1..=247,
        Some(Link::Tcp { .. }) | None => 0..=255,
    };
    form::whole(section, "unit", range).map(UnitId)
}

fn take_unit(section: &Section<'_>, line_id: &str, unit: UnitId, units: &mut Units) {
    let place = (line_id.to_owned(), unit);
    if let Some(owner) = units.get(&place) {
        let reason = format!("{owner} has unit {unit} on line '{line_id}' as well, and both would answer");
        section.fault("unit", reason, "set another address at one of the meters and give it here");
    } else {
        units.insert(place, section.label().to_owned());
    }
}

/// Those of the map, unless the site knows better; `None` when the map is not known.
fn read_limits(
    section: &Section<'_>,
    model: Option<&str>,
    library: Option<&MapLibrary>,
) -> Option<ReadLimits> {
    let registers_max = form::whole(section, "read_registers_max", 1..=i64::from(limits::READ_REGISTERS_MAX));
    let bits_max = form::whole(section, "read_bits_max", 1..=i64::from(limits::READ_BITS_MAX));
    let even_start = section.flag("even_start");
    let of_map = match model {
        None => ReadLimits::default(),
        Some(model) => map_limits(section, model, library?)?,
    };
    Some(ReadLimits {
        registers_max: registers_max.unwrap_or(of_map.registers_max),
        bits_max: bits_max.unwrap_or(of_map.bits_max),
        even_start: even_start.unwrap_or(of_map.even_start),
        forbidden: of_map.forbidden,
    })
}

fn map_limits(section: &Section<'_>, model: &str, library: &MapLibrary) -> Option<ReadLimits> {
    let map = library.get(model);
    if map.is_none() {
        let reason = format!("there is no register map '{model}'");
        section.unknown_name("map", reason, model, library.models());
    }
    Some(map?.read_limits.clone())
}
