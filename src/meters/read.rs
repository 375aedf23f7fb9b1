//! Reads one register map from its TOML, with every fault told.

use std::collections::BTreeSet;

use crate::document::{Document, Faults, Section};
use crate::limits;
use crate::model::meter::{MapRegister, RatioKind, ReadLimits, RegisterMap};
use crate::model::point::ValidRange;
use crate::model::reading_type::ReadingType;
use crate::model::register::{Register, Span, Table};
use crate::register_text::{self, RegisterDefaults};

/// Characters of a unit such as `kvarh`.
const UNIT_CHARS_MAX: usize = 16;
/// Decimals beyond which a double has none left for any quantity of a meter.
const DECIMALS_MAX: i64 = 9;
/// Forbidden ranges of one meter; makers list one or two.
const FORBIDDEN_MAX: usize = 32;
/// A scale beyond this either way is a slip of the pen.
const SCALE_MAX: f64 = 1e9;
/// Bounds of a valid range and of an offset: more than any meter counts.
const VALUE_MAX: f64 = 1e15;

/// The names of [`RatioKind`] in a map.
pub(super) const RATIOS: [(&str, RatioKind); 4] = [
    ("none", RatioKind::None),
    ("current", RatioKind::Current),
    ("voltage", RatioKind::Voltage),
    ("power", RatioKind::Power),
];

/// Reads the map in `text`, which the user knows as `file`.
///
/// # Errors
/// All faults of the file.
pub fn read_map(file: &str, text: &str) -> Result<RegisterMap, Faults> {
    let document = Document::parse(file, text)?;
    let root = document.root();
    let map = map(&root);
    root.finish();
    document.verdict()?;
    Ok(map)
}

/// The map as far as it could be read; what is missing in it has a fault noted.
fn map(root: &Section<'_>) -> RegisterMap {
    let text = |key, remedy| root.required_text(key, limits::NAME_CHARS_MAX, remedy).unwrap_or_default();
    let defaults = RegisterDefaults {
        table: register_text::table_name(root, "table"),
        word_order: register_text::word_order(root, "word_order").unwrap_or_default(),
        address_base: root.integer("address_base", 0..=1).map_or(0, |base| u16::from(base == 1)),
    };
    let read_limits = read_limits(root);
    RegisterMap {
        model: root
            .required_id("model", "give the name that meters refer to, such as maker-model")
            .unwrap_or_default(),
        manufacturer: text("manufacturer", "give the maker's name"),
        title: text("title", "say what the meter is"),
        manual: text("manual", "name the document that the addresses were taken from, with its version"),
        registers: registers(root, defaults, &read_limits),
        read_limits,
    }
}

fn read_limits(root: &Section<'_>) -> ReadLimits {
    let most = |key, max: u16| {
        root.integer(key, 1..=i64::from(max)).and_then(|most| u16::try_from(most).ok()).unwrap_or(max)
    };
    ReadLimits {
        registers_max: most("registers_max", limits::READ_REGISTERS_MAX),
        bits_max: most("bits_max", limits::READ_BITS_MAX),
        forbidden: root.sections("forbidden", FORBIDDEN_MAX).into_iter().filter_map(forbidden).collect(),
        even_start: root.flag("even_start").unwrap_or(false),
    }
}

/// `[[forbidden]]` with `table`, `first` and `last`: addresses that no read may touch.
fn forbidden(section: Section<'_>) -> Option<(Table, Span)> {
    let table = register_text::table_name(&section, "table");
    if !section.has("table") {
        section.missing("table", "give one of coil, discrete-input, holding, input");
    }
    let (first, last) = (address(&section, "first"), address(&section, "last"));
    let range = first.zip(last).and_then(|(first, last)| {
        let count = last.checked_sub(first).and_then(|more| more.checked_add(1));
        if count.is_none() {
            section.fault("last", format!("{first} to {last} is no range"), "give the last address of it");
        }
        Some(Span { start: first, count: count? })
    });
    section.finish();
    table.zip(range)
}

fn address(section: &Section<'_>, key: &str) -> Option<u16> {
    if !section.has(key) {
        section.missing(key, "give a protocol address, counted from 0");
    }
    section.integer(key, 0..=i64::from(u16::MAX)).and_then(|address| u16::try_from(address).ok())
}

fn registers(root: &Section<'_>, defaults: RegisterDefaults, limits: &ReadLimits) -> Vec<MapRegister> {
    let sections = root.sections("register", limits::MAP_REGISTERS_MAX);
    if !root.has("register") {
        root.missing("register", "describe at least one register as [[register]]");
    }
    let mut names = BTreeSet::new();
    sections.into_iter().filter_map(|section| register(section, defaults, limits, &mut names)).collect()
}

fn register(
    mut section: Section<'_>,
    defaults: RegisterDefaults,
    limits: &ReadLimits,
    names: &mut BTreeSet<String>,
) -> Option<MapRegister> {
    let name = section.required_id("name", "give the name that parameters refer to, such as energy_import");
    if let Some(name) = &name {
        section.set_label(format!("register '{name}'"));
        if !names.insert(name.clone()) {
            section.fault("name", format!("'{name}' is there twice"), "give each register a name of its own");
        }
    }
    let register = register_text::register(&section, &defaults);
    if let Some(register) = &register {
        register_text::check_read_limits(&section, "address", register, limits);
    }
    let text = |key, remedy| section.required_text(key, limits::NAME_CHARS_MAX, remedy);
    let title = text("title", "say what it measures");
    let page = text("page", "say where the manual has it: page, section or table");
    let unit =
        section.required_text("unit", UNIT_CHARS_MAX, "give the unit after scaling, 1 where there is none");
    let (scale, offset) = (scale(&section), section.number("offset", -VALUE_MAX..=VALUE_MAX));
    let reading_type = reading_type(&section);
    let ratio = section.choice("ratio", &RATIOS);
    let decimals = section.integer("decimals", 0..=DECIMALS_MAX).and_then(|n| u8::try_from(n).ok());
    let valid = valid_range(&section);
    section.finish();
    Some(MapRegister {
        register: Register { name: name?, ..register? },
        title: title?,
        scale: scale.unwrap_or(1.0),
        offset: offset.unwrap_or(0.0),
        unit: unit?,
        reading_type: reading_type?,
        ratio: ratio.unwrap_or(RatioKind::None),
        decimals,
        valid,
        page: page?,
    })
}

fn scale(section: &Section<'_>) -> Option<f64> {
    let scale = section.number("scale", -SCALE_MAX..=SCALE_MAX)?;
    if scale == 0.0 {
        section.fault("scale", "0 would make every value 0", "give the units of one raw count, such as 0.1");
    }
    Some(scale)
}

fn reading_type(section: &Section<'_>) -> Option<ReadingType> {
    if !section.has("reading_type") {
        section.missing("reading_type", "give the 18 numbers that say what it measures");
    }
    section.parsed("reading_type", str::parse)
}

fn valid_range(section: &Section<'_>) -> Option<ValidRange> {
    if !section.has("valid") {
        return None;
    }
    match section.numbers("valid", -VALUE_MAX..=VALUE_MAX, 2).as_slice() {
        [min, max] if min < max => Some(ValidRange { min: *min, max: *max }),
        _ => {
            section.fault("valid", "is no range", "give the least and the greatest, such as [0, 500]");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::register::{DataType, WordOrder};

    const MAP: &str = r#"
model = "maker-model"
manufacturer = "Maker"
title = "Meter"
manual = "Manual, V1"
table = "holding"
word_order = "CDAB"
address_base = 1
registers_max = 40
even_start = true

[[forbidden]]
table = "holding"
first = 100
last = 109

[[register]]
name = "power"
title = "Power"
address = 41
type = "i32"
not_available = [0x7FFFFFFF]
scale = 0.001
offset = 1
unit = "kW"
reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
ratio = "power"
decimals = 3
valid = [-100, 100]
page = "page 12"
"#;

    fn faults_of(text: &str) -> Vec<String> {
        let faults = read_map("m.toml", text).unwrap_err();
        faults.list.iter().map(|fault| format!("{}: {}", fault.key, fault.reason)).collect()
    }

    #[test]
    fn every_key_finds_its_place() {
        let map = read_map("m.toml", MAP).unwrap();
        assert_eq!((map.model.as_str(), map.manufacturer.as_str()), ("maker-model", "Maker"));
        assert_eq!(map.read_limits.registers_max, 40);
        assert!(map.read_limits.even_start);
        let range = Span { start: 100, count: 10 };
        assert_eq!(map.read_limits.forbidden, [(Table::HoldingRegister, range)]);
        let entry = map.register("power").unwrap();
        let register = &entry.register;
        assert_eq!((register.table, register.address), (Table::HoldingRegister, 40));
        assert_eq!(register.data_type, DataType::Integer { words: 2, signed: true });
        assert_eq!(Some(register.word_order), WordOrder::from_name("CDAB"));
        assert_eq!(register.not_available, [0x7FFF_FFFF]);
        assert_eq!((entry.scale, entry.offset, entry.ratio), (0.001, 1.0, RatioKind::Power));
        assert_eq!((entry.unit.as_str(), entry.decimals), ("kW", Some(3)));
        assert_eq!(entry.valid, Some(ValidRange { min: -100.0, max: 100.0 }));
        assert_eq!(entry.page, "page 12");
    }

    #[test]
    fn a_register_says_only_what_differs_from_the_usual() {
        let text = MAP.replace("scale = 0.001\noffset = 1\n", "").replace("ratio = \"power\"\n", "");
        let map = read_map("m.toml", &text).unwrap();
        let entry = map.register("power").unwrap();
        assert_eq!((entry.scale, entry.offset, entry.ratio), (1.0, 0.0, RatioKind::None));
    }

    #[test]
    fn what_is_missing_is_told_all_at_once() {
        let faults = faults_of("word_order = 'ABDC'\n[[register]]\nname = 'power'\n");
        for key in ["model", "manufacturer", "title", "manual", "word_order", "table", "address", "type"] {
            assert!(faults.iter().any(|fault| fault.starts_with(&format!("{key}: "))), "{key}: {faults:?}");
        }
        assert!(faults_of("model = 'm'").contains(&"register: is missing".to_owned()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (sense, nonsense, fault) in [
            ("scale = 0.001", "scale = 0", "scale: 0 would make every value 0"),
            ("scale = 0.001", "scale = nan", "scale: NaN is out of range"),
            ("valid = [-100, 100]", "valid = [100, -100]", "valid: is no range"),
            ("valid = [-100, 100]", "valid = [1]", "valid: is no range"),
            ("last = 109", "last = 99", "last: 100 to 99 is no range"),
            ("ratio = \"power\"", "ratio = \"energy\"", "ratio: 'energy' is unknown"),
            ("page = \"page 12\"", "pages = \"12\"", "pages: is an unknown key"),
            ("registers_max = 40", "registers_max = 1", "address: i32 takes 2 registers in one read"),
            (
                "address = 41",
                "address = 105",
                "address: a read of addresses 104 to 105 touches the forbidden addresses 100 to 109",
            ),
        ] {
            let faults = faults_of(&MAP.replace(sense, nonsense));
            assert!(faults.iter().any(|told| told == fault), "{nonsense}: {faults:?}");
        }
    }

    #[test]
    fn a_name_may_be_used_once() {
        let second = MAP.split_once("[[register]]").unwrap().1;
        assert_eq!(faults_of(&format!("{MAP}[[register]]{second}")), ["name: 'power' is there twice"]);
    }
}
