//! `writable` of a parameter: what may be written to its register, and for how long.

use super::form;
use super::quantity::Quantity;
use crate::document::Section;
use crate::model::control::Writable;
use crate::model::register::{Register, Table};
use crate::time::Interval;

/// Ten seconds, below which renewing is a burden, to a week.
const LEASE_MS: std::ops::RangeInclusive<i64> = 10_000..=7 * 86_400_000;
/// A quarter of an hour.
const LEASE: Interval = Interval::QUARTER_HOUR;
/// Larger than any set point.
const MAGNITUDE_MAX: f64 = 1e15;

/// Reads the table; `None` where there is none, or where it has faults.
pub(super) fn writable(of: &Section<'_>, quantity: Option<(&Quantity, &Register)>) -> Option<Writable> {
    let section = of.section("writable")?;
    let number = |key, remedy| {
        if !section.has(key) {
            section.missing(key, remedy);
        }
        section.number(key, -MAGNITUDE_MAX..=MAGNITUDE_MAX)
    };
    let min = number("min", "give the least value that may be written");
    let max = number("max", "give the greatest value that may be written");
    let release = number("release", "give the value that is written when nobody holds another one");
    let ramp_per_min = section.number("ramp_per_min", -MAGNITUDE_MAX..=MAGNITUDE_MAX);
    if ramp_per_min.is_some_and(|ramp| ramp <= 0.0) {
        section.fault(
            "ramp_per_min",
            "is not above 0",
            "give how much it may move in a minute, or leave it out",
        );
    }
    let lease = form::interval(&section, "lease", LEASE_MS, "give PT10S to P7D, such as PT15M");
    let bounds = min.zip(max).zip(release);
    if let (Some(((min, max), release)), Some((quantity, register))) = (bounds, quantity) {
        check_bounds(&section, (min, max), release);
        check_register(&section, (min, max), quantity, register);
    }
    section.finish();
    let ((min, max), release) = bounds?;
    Some(Writable { min, max, release, lease: lease.unwrap_or(LEASE), ramp_per_min })
}

fn check_bounds(section: &Section<'_>, (min, max): (f64, f64), release: f64) {
    if max <= min {
        section.fault("max", format!("{max} is not above 'min', {min}"), "give the greater of the two here");
    } else if !(min..=max).contains(&release) {
        let reason = format!("{release} lies outside of {min} to {max}");
        section.fault("release", reason, "choose a value of rest inside the bounds");
    }
}

fn check_register(section: &Section<'_>, (min, max): (f64, f64), quantity: &Quantity, register: &Register) {
    if !matches!(register.table, Table::HoldingRegister | Table::Coil) {
        let reason = format!("the table '{}' can only be read", register.table.name());
        section.fault("min", reason, "only holding registers and coils are written");
        return;
    }
    let Some((least, greatest)) = register.data_type.writable_range() else {
        let reason = format!("a value of type {} is not written", register.data_type);
        section.fault("min", reason, "its words hold other values or text; bind a register of its own");
        return;
    };
    let conversion = &quantity.conversion;
    for (key, value) in [("min", min), ("max", max)] {
        let raw = (value / conversion.ratio - conversion.offset) / conversion.scale;
        if !(least..=greatest).contains(&raw) {
            let reason = format!("{value} does not fit into a register of type {}", register.data_type);
            section.fault(key, reason, "give a bound that the register can hold");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::model::point::Conversion;
    use crate::model::register::{DataType, WordOrder};

    fn read(keys: &str, data_type: &str, table: Table) -> Result<Option<Writable>, String> {
        let document = Document::parse("site.toml", &format!("writable = {{ {keys} }}")).unwrap();
        let quantity = Quantity {
            unit: "kW".to_owned(),
            reading_type: "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0".parse().unwrap(),
            decimals: None,
            valid: None,
            conversion: Conversion { scale: 0.1, ..Conversion::NONE },
        };
        let register = Register {
            name: "limit".to_owned(),
            table,
            address: 0,
            data_type: DataType::from_name(data_type).unwrap(),
            word_order: WordOrder::ABCD,
            not_available: Vec::new(),
        };
        let found = writable(&document.root(), Some((&quantity, &register)));
        document.verdict().map(|()| found).map_err(|faults| faults.to_string())
    }

    #[test]
    fn bounds_and_a_value_of_rest_are_enough() {
        let found = read("min = 0, max = 100.5, release = 100", "u16", Table::HoldingRegister);
        let expected = Writable { min: 0.0, max: 100.5, release: 100.0, lease: LEASE, ramp_per_min: None };
        assert_eq!(found, Ok(Some(expected)));
        let found = read(
            "min = -50, max = 50, release = 0, lease = 'PT4H', ramp_per_min = 5",
            "i16",
            Table::HoldingRegister,
        );
        let found = found.unwrap().unwrap();
        assert_eq!((found.lease.as_ms(), found.ramp_per_min), (4 * 3_600_000, Some(5.0)));
    }

    #[test]
    fn what_cannot_be_written_is_told_with_its_key() {
        let holding = Table::HoldingRegister;
        for (keys, data_type, table, told) in [
            ("max = 1, release = 0", "u16", holding, "min: is missing"),
            ("min = 0, max = 1", "u16", holding, "release: is missing"),
            ("min = 2, max = 1, release = 1", "u16", holding, "max: 1 is not above 'min', 2"),
            ("min = 0, max = 9, release = 10", "u16", holding, "release: 10 lies outside of 0 to 9"),
            ("min = 0, max = 7000, release = 0", "u16", holding, "max: 7000 does not fit"),
            ("min = -1, max = 1, release = 0", "u16", holding, "min: -1 does not fit"),
            ("min = 0, max = 1, release = 0", "u16", Table::InputRegister, "min: the table 'input' can only"),
            (
                "min = 0, max = 1, release = 0",
                "u8-low",
                holding,
                "min: a value of type u8-low is not written",
            ),
            ("min = 0, max = 1, release = 0, lease = 'PT1S'", "u16", holding, "lease: 'PT1S' is refused"),
            (
                "min = 0, max = 1, release = 0, ramp_per_min = 0",
                "u16",
                holding,
                "ramp_per_min: is not above 0",
            ),
            ("min = 0, max = 1, release = 0, ramp = 1", "u16", holding, "ramp: is an unknown key"),
        ] {
            let faults = read(keys, data_type, table).unwrap_err();
            assert!(faults.contains(told), "{keys}\n{faults}");
        }
    }
}
