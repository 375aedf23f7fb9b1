//! Code tables as data: energy classes, sub-items, rates, reading types and what their fields may be.
//!
//! None of these tables is public as the standard has it. They are gathered from other public sources, are
//! provisional, and lie in files of their own, so that another edition is another file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::reading_type::{FIELD_NAMES, ReadingType};

/// One code with its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The code.
    pub code: &'static str,
    /// Its name in Chinese.
    pub chinese: &'static str,
    /// Its name in English.
    pub english: &'static str,
    /// How sure it is: `S` another public source, `I` differs between public systems.
    pub mark: &'static str,
}

/// A reading type in use, with its names and its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedReadingType {
    /// The eighteen numbers.
    pub reading_type: ReadingType,
    /// Its name in Chinese.
    pub chinese: &'static str,
    /// Its name in English.
    pub english: &'static str,
    /// The unit of its readings.
    pub unit: &'static str,
    /// How sure it is: `V` found in public code, `B` built from the tables.
    pub mark: &'static str,
}

static ENERGY_CLASSES: LazyLock<Vec<Code>> =
    LazyLock::new(|| codes(include_str!("codes/energy_classes.csv")));
static SUB_ITEMS: LazyLock<Vec<Code>> = LazyLock::new(|| codes(include_str!("codes/sub_items.csv")));
static TOU_RATES: LazyLock<Vec<Code>> = LazyLock::new(|| codes(include_str!("codes/tou_rates.csv")));
static READING_TYPES: LazyLock<Vec<NamedReadingType>> =
    LazyLock::new(|| rows(include_str!("codes/reading_types.csv")).filter_map(reading_type).collect());

const FIELD_VALUES: &str = include_str!("codes/reading_type_fields.csv");
const UNITS: &str = include_str!("codes/units.csv");

/// Energy classes, two digits each.
#[must_use]
pub fn energy_classes() -> &'static [Code] {
    &ENERGY_CLASSES
}

/// Sub-items of electricity of the building guide of 2008, which are category codes as well.
#[must_use]
pub fn sub_items() -> &'static [Code] {
    &SUB_ITEMS
}

/// Rates of a time-of-use tariff.
#[must_use]
pub fn tou_rates() -> &'static [Code] {
    &TOU_RATES
}

/// Reading types that have a name.
#[must_use]
pub fn reading_types() -> &'static [NamedReadingType] {
    &READING_TYPES
}

/// What a reading type is called, where it has a name.
#[must_use]
pub fn name_of(reading_type: &ReadingType) -> Option<&'static NamedReadingType> {
    READING_TYPES.iter().find(|named| named.reading_type == *reading_type)
}

/// The code itself, or the one that it begins like the longest.
#[must_use]
pub fn nearest<'t>(table: &'t [Code], code: &str) -> Option<&'t Code> {
    let alike = |known: &Code| known.code.bytes().zip(code.bytes()).take_while(|(a, b)| a == b).count();
    // The first of several, which is the more general one.
    table.iter().rev().max_by_key(|known| alike(known))
}

/// Fields of `reading_type` whose value is in no public list, by the field's name.
#[must_use]
pub fn unlisted_fields(reading_type: &ReadingType) -> Vec<(&'static str, i16)> {
    let fields = FIELD_NAMES.iter().copied().zip(reading_type.fields().iter().copied());
    fields.filter(|(name, value)| is_unlisted(name, *value)).collect()
}

fn is_unlisted(field: &str, value: i16) -> bool {
    LISTED_VALUES.get(field).is_some_and(|listed| !listed.contains(&value))
}

/// The values that are listed of each field: a site asks for those of every Parameter.
static LISTED_VALUES: LazyLock<BTreeMap<&str, BTreeSet<i16>>> = LazyLock::new(|| {
    let mut listed: BTreeMap<&str, BTreeSet<i16>> = BTreeMap::new();
    for row in rows(FIELD_VALUES) {
        if let [field, value, ..] = *row {
            listed.entry(field).or_default().extend(value.parse::<i16>());
        }
    }
    listed
});

/// How each unit is written, by its code.
static UNITS_WRITTEN: LazyLock<BTreeMap<i16, &str>> = LazyLock::new(|| {
    rows(UNITS).filter_map(|row| Some((row.first()?.parse().ok()?, *row.get(1)?))).collect()
});

/// How the readings of `reading_type` may write their unit, ours first; empty where no list says so.
#[must_use]
pub fn units_of(reading_type: &ReadingType) -> Vec<String> {
    const PERCENT: (i16, i16) = (0, -2);
    if (reading_type.unit(), reading_type.multiplier()) == PERCENT {
        return vec!["%".to_owned()];
    }
    let Some(prefix) = prefix(reading_type.multiplier()) else { return Vec::new() };
    let written = UNITS_WRITTEN.get(&reading_type.unit()).copied().unwrap_or_default();
    written.split(' ').filter(|unit| !unit.is_empty()).map(|unit| format!("{prefix}{unit}")).collect()
}

const fn prefix(multiplier: i16) -> Option<&'static str> {
    Some(match multiplier {
        -3 => "m",
        -2 => "c",
        -1 => "d",
        0 => "",
        1 => "da",
        2 => "h",
        3 => "k",
        6 => "M",
        9 => "G",
        12 => "T",
        _ => return None,
    })
}

/// The rows of a table, cut at their commas; no cell has one.
fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(',').collect())
}

fn codes(table: &'static str) -> Vec<Code> {
    rows(table).filter_map(code).collect()
}

fn code(row: Vec<&'static str>) -> Option<Code> {
    let [code, chinese, english, mark] = row.try_into().ok()?;
    Some(Code { code, chinese, english, mark })
}

fn reading_type(row: Vec<&'static str>) -> Option<NamedReadingType> {
    let [id, chinese, english, unit, mark] = row.try_into().ok()?;
    Some(NamedReadingType { reading_type: id.parse().ok()?, chinese, english, unit, mark })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::tou::Rate;

    fn lines(table: &str) -> usize {
        table.lines().filter(|line| !line.starts_with('#')).count()
    }

    #[test]
    fn no_row_of_a_table_is_lost_and_no_code_stands_twice() {
        for (table, text) in [
            (energy_classes(), include_str!("codes/energy_classes.csv")),
            (sub_items(), include_str!("codes/sub_items.csv")),
            (tou_rates(), include_str!("codes/tou_rates.csv")),
        ] {
            assert_eq!(table.len(), lines(text));
            assert_eq!(table.iter().map(|code| code.code).collect::<BTreeSet<_>>().len(), table.len());
            assert!(table.iter().all(|code| ["S", "I"].contains(&code.mark) && !code.chinese.is_empty()));
        }
        assert_eq!(reading_types().len(), lines(include_str!("codes/reading_types.csv")));
        let ids: BTreeSet<_> = reading_types().iter().map(|named| named.reading_type).collect();
        assert_eq!(ids.len(), reading_types().len());
        assert!(reading_types().iter().all(|named| ["V", "B"].contains(&named.mark)));
        for row in rows(FIELD_VALUES) {
            assert!(
                row.len() == 3 && FIELD_NAMES.contains(&row[0]) && row[1].parse::<i16>().is_ok(),
                "{row:?}"
            );
        }
        assert!(rows(UNITS).all(|row| row.len() == 2 && row[0].parse::<i16>().is_ok()));
    }

    #[test]
    fn codes_keep_their_form_and_sub_items_belong_to_an_energy_class() {
        assert!(energy_classes().iter().all(|class| class.code.len() == 2));
        for item in sub_items() {
            assert!(
                item.code.len() == 5
                    && energy_classes().iter().any(|class| item.code.starts_with(class.code))
            );
        }
        assert!(
            tou_rates()
                .iter()
                .skip(1)
                .all(|rate| { rate.code.parse().ok().and_then(Rate::from_number).is_some() })
        );
        assert_eq!(tou_rates().len(), Rate::COUNT + 1);
    }

    #[test]
    fn every_named_reading_type_has_listed_fields_and_the_unit_that_its_numbers_say() {
        for named in reading_types() {
            assert_eq!(unlisted_fields(&named.reading_type), [], "{}", named.reading_type);
            let units = units_of(&named.reading_type);
            // The power factor of one phase has no unit at all.
            let is_bare = named.reading_type.unit() == 0 && named.unit == "1";
            assert!(
                is_bare || units.iter().any(|unit| unit == named.unit),
                "{}: {units:?}",
                named.reading_type
            );
        }
    }

    #[test]
    fn a_unit_is_spelt_by_prefix_and_unit() {
        let units = |id: &str| units_of(&id.parse().unwrap());
        assert_eq!(units("0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0"), ["kWh"]);
        assert_eq!(units("0.0.0.1.1.12.12.0.0.0.0.0.0.0.0.9.31.0"), ["GJ"]);
        assert_eq!(units("0.0.0.12.0.0.0.0.0.0.0.0.0.0.0.-2.0.0"), ["%"]);
        assert_eq!(units("0.0.0.12.0.7.46.0.0.0.0.0.0.0.0.0.23.0"), ["degC", "°C", "℃", "Cel"]);
        for id in ["0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0", "0.0.0.12.0.0.0.0.0.0.0.0.0.0.0.0.114.0"] {
            assert_eq!(units(id), Vec::<String>::new(), "{id}");
        }
    }

    #[test]
    fn an_unlisted_value_is_told_by_the_name_of_its_field() {
        let id: ReadingType = "0.0.79.6.0.2.54.0.0.0.0.0.0.0.132.5.29.0".parse().unwrap();
        assert_eq!(unlisted_fields(&id), [("measuringPeriod", 79), ("multiplier", 5)]);
    }

    #[test]
    fn the_nearest_code_is_the_one_that_begins_alike() {
        let nearest = |code: &str| nearest(sub_items(), code).unwrap().code;
        assert_eq!(nearest("01B1Z"), "01B10");
        assert_eq!(nearest("01C99"), "01C00");
        assert_eq!(nearest("01D20"), "01D20");
        assert_eq!(nearest("zz"), "01A00");
    }
}
