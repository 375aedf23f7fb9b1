//! `[[point.parameter]]`: one measured quantity, and the register that it comes from.

use super::entries::Entry;
use super::form;
use super::meters::Meters;
use super::quantity::{self, Quantity, Written};
use super::writable;
use crate::document::Section;
use crate::limits;
use crate::model::codes;
use crate::model::formula::Formula;
use crate::model::map_library::MapLibrary;
use crate::model::meter::{MapRegister, Meter};
use crate::model::point::{Metered, Parameter, Source};
use crate::model::reading_type::ReadingType;
use crate::model::register::Register;
use crate::register_text::{self, RegisterDefaults};
use crate::time::Interval;

/// Characters of a local mnemonic such as `OUTPUT`.
const CODE_CHARS_MAX: usize = 16;

/// What a Parameter may refer to.
#[derive(Clone, Copy)]
pub(super) struct Known<'k> {
    /// The meters of the site.
    pub meters: &'k Meters,
    /// The register maps; `None` when they have faults of their own.
    pub library: Option<&'k MapLibrary>,
}

/// The meter that a Point names for all its Parameters.
pub(super) struct PointMeter {
    /// Whether the key is there, be it right or wrong.
    pub is_written: bool,
    /// The meter's ID, when it is right.
    pub id: Option<String>,
}

/// Where a Parameter's register was found.
enum Origin<'k> {
    Map(&'k MapRegister),
    Described(Register),
}

/// What a table comes to.
pub(super) enum Read<'a> {
    /// It has faults, which are noted.
    Nothing,
    /// All of it was looked at.
    Whole(Box<Parameter>),
    /// Its formula is to be looked at when all Points are known.
    Computed(Box<Parameter>, Section<'a>),
}

/// How often somebody enters a value, where nothing is said.
const MANUAL_INTERVAL: Interval = Interval::DAY;

/// Reads one table.
pub(super) fn parameter<'a>(entry: Entry<'a>, of_point: &PointMeter, known: Known<'_>) -> Read<'a> {
    let section = entry.section;
    let (formula, manual) = (formula(&section), section.flag("manual"));
    let source = match manual {
        _ if section.has("formula") => formula.map(Source::Formula),
        Some(true) => Some(Source::Manual),
        _ => return metered(section, entry.id, of_point, known).map_or(Read::Nothing, Read::Whole),
    };
    refuse_register(&section);
    let name = section.text("name", limits::NAME_CHARS_MAX);
    let code = section.text("code", CODE_CHARS_MAX);
    let interval = form::scan_interval(&section, "interval");
    quantity::require_reading_type(&section);
    let quantity = quantity::written(&section).unmeasured(&section);
    let (Some(id), Some(source), Some(quantity)) = (entry.id, source, quantity) else {
        section.finish();
        return Read::Nothing;
    };
    let is_computed = matches!(source, Source::Formula(_));
    let parameter = Box::new(Parameter {
        name: name.unwrap_or_else(|| usual_name(&quantity.reading_type, &id)),
        id,
        code,
        reading_type: quantity.reading_type,
        unit: quantity.unit,
        decimals: quantity.decimals,
        interval: interval.unwrap_or(MANUAL_INTERVAL),
        valid: quantity.valid,
        source,
    });
    if is_computed {
        return Read::Computed(parameter, section);
    }
    section.finish();
    Read::Whole(parameter)
}

/// What a quantity is called that nobody has named.
fn usual_name(reading_type: &ReadingType, id: &str) -> String {
    let named = codes::name_of(reading_type);
    named.map_or_else(|| id.to_owned(), |named| format!("{} / {}", named.chinese, named.english))
}

fn formula(section: &Section<'_>) -> Option<Formula> {
    let text = section.text("formula", limits::FORMULA_CHARS_MAX)?;
    let parsed = text.parse::<Formula>();
    parsed.map_err(|fault| section.fault("formula", "is refused", fault.to_string())).ok()
}

/// What is computed or entered by hand is not read from a register.
fn refuse_register(section: &Section<'_>) {
    let instead = if section.has("formula") { "formula" } else { "manual" };
    for key in ["register", "meter", "manual", "writable"].into_iter().filter(|key| *key != instead) {
        if section.has(key) {
            section.fault(key, format!("stands beside '{instead}'"), "leave one of them out");
        }
    }
}

fn metered(
    section: Section<'_>,
    id: Option<String>,
    of_point: &PointMeter,
    known: Known<'_>,
) -> Option<Box<Parameter>> {
    let name = section.text("name", limits::NAME_CHARS_MAX);
    let code = section.text("code", CODE_CHARS_MAX);
    let own_interval = form::scan_interval(&section, "interval");
    let written = quantity::written(&section);
    let meter = meter(&section, of_point, known);
    let origin = origin(&section, meter, known);
    let found = meter.zip(origin).and_then(|(meter, origin)| combine(&section, written, origin, meter));
    let of = found.as_ref().map(|(quantity, register, _)| (quantity, register));
    let writable = writable::writable(&section, of);
    section.finish();
    let (id, meter, (quantity, register, title)) = (id?, meter?, found?);
    let conversion = quantity.conversion;
    let metered = Metered { meter_id: meter.id.clone(), register, conversion, writable };
    Some(Box::new(Parameter {
        name: name.or(title).unwrap_or_else(|| usual_name(&quantity.reading_type, &id)),
        id,
        code,
        reading_type: quantity.reading_type,
        unit: quantity.unit,
        decimals: quantity.decimals,
        interval: own_interval.unwrap_or(meter.interval),
        valid: quantity.valid,
        source: Source::Meter(metered),
    }))
}

fn meter<'k>(section: &Section<'_>, of_point: &PointMeter, known: Known<'k>) -> Option<&'k Meter> {
    let own = known.meters.ids.reference(section, "meter");
    if section.has("meter") {
        return known.meters.get(&own?);
    }
    if !of_point.is_written {
        section.missing("meter", "give the ID of a meter here, or once for all parameters at the point");
    }
    known.meters.get(of_point.id.as_deref()?)
}

/// The register: a name of the meter's map, or a table that describes it.
fn origin<'k>(section: &Section<'_>, meter: Option<&Meter>, known: Known<'k>) -> Option<Origin<'k>> {
    if section.is_section("register") {
        quantity::require_reading_type(section);
        return described(section.section("register")?, meter).map(Origin::Described);
    }
    let name = section.text("register", limits::NAME_CHARS_MAX);
    if !section.has("register") {
        section.missing(
            "register",
            "name a register of the meter's map, or describe one: { table, address, type }",
        );
    }
    let (name, meter) = (name?, meter?);
    let Some(model) = &meter.map_model else {
        let reason = format!("meter '{}' has no map that could name '{name}'", meter.id);
        section.fault(
            "register",
            reason,
            "give the meter a map, or describe the register: { table, address, type }",
        );
        return None;
    };
    let map = known.library?.get(model)?;
    let of_map = map.register(&name);
    if let Some(of_map) = of_map {
        register_text::check_read_limits(section, "register", &of_map.register, &meter.read_limits);
    } else {
        let names = map.registers.iter().map(|entry| entry.register.name.as_str());
        section.unknown_name("register", format!("map '{model}' has no register '{name}'"), &name, names);
    }
    of_map.map(Origin::Map)
}

fn described(section: Section<'_>, meter: Option<&Meter>) -> Option<Register> {
    let register = register_text::register(&section, &RegisterDefaults::default());
    if let (Some(register), Some(meter)) = (&register, meter) {
        register_text::check_read_limits(&section, "address", register, &meter.read_limits);
    }
    section.finish();
    register
}

/// The quantity, the register, and what the map calls it.
type Found = (Quantity, Register, Option<String>);

fn combine(section: &Section<'_>, written: Written, origin: Origin<'_>, meter: &Meter) -> Option<Found> {
    match origin {
        Origin::Map(of_map) => {
            let quantity = written.over_map(section, of_map, meter);
            Some((quantity, of_map.register.clone(), Some(of_map.title.clone())))
        }
        Origin::Described(register) => {
            let quantity = written.alone(section, register.data_type.is_text(), meter)?;
            Some((quantity, register, None))
        }
    }
}
