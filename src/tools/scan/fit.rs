//! Which register map a unit has: the one whose volts, hertz and power factors look like some.

use std::cmp::Reverse;

use super::super::plausible::Quantity;
use crate::mapping;
use crate::modbus::line::RegisterBlock;
use crate::model::meter::{MapRegister, RegisterMap};
use crate::model::point::Conversion;
use crate::model::reading::Value;
use crate::model::register::{Span, Table};

/// Registers of one map that are looked at.
const TELLING_MAX: usize = 16;
/// Plausible registers from which on a map can be the right one.
const PLAUSIBLE_MIN: u16 = 3;
/// Maps that are named for one unit.
const NAMED_MAX: usize = 3;

/// How well a register map fits a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fit {
    /// The map.
    pub(super) model: String,
    /// Registers that read like what they should be.
    pub(super) plausible: u16,
    /// Registers that were asked for and are not empty.
    pub(super) asked: u16,
}

impl Fit {
    /// Whether the map may be the right one: most of it is plausible.
    const fn is_likely(&self) -> bool {
        self.plausible >= PLAUSIBLE_MIN && self.plausible * 4 >= self.asked * 3
    }

    /// What it explains, less twice what speaks against it.
    const fn score(&self) -> u16 {
        self.plausible.saturating_sub(2 * self.asked.saturating_sub(self.plausible))
    }
}

/// The registers of a map by which it is known, each with what it measures.
fn telling(map: &RegisterMap) -> impl Iterator<Item = (&MapRegister, Quantity)> {
    map.registers.iter().filter_map(|entry| Some((entry, quantity_of(entry)?))).take(TELLING_MAX)
}

/// Only what few wrong registers pass for.
fn quantity_of(entry: &MapRegister) -> Option<Quantity> {
    match entry.unit.as_str() {
        "V" => Some(Quantity::Voltage),
        "Hz" => Some(Quantity::Frequency),
        _ if entry.reading_type.is_power_factor() => Some(Quantity::PowerFactor),
        _ => None,
    }
}

/// What must be read to judge a map.
pub(super) fn spans(map: &RegisterMap) -> Vec<(Table, Span)> {
    telling(map).map(|(entry, _)| (entry.register.table, entry.register.span())).collect()
}

/// How well `map` fits the unit that gave `blocks`. A register that reads 0 says nothing: its phase is
/// not wired. One that was not given speaks against the map.
pub(super) fn fit(map: &RegisterMap, blocks: &[RegisterBlock]) -> Fit {
    let mut fit = Fit { model: map.model.clone(), plausible: 0, asked: 0 };
    for (entry, quantity) in telling(map) {
        let value = value(entry, blocks);
        if value == Some(0.0) {
            continue;
        }
        fit.asked += 1;
        fit.plausible += u16::from(value.is_some_and(|value| quantity.is_plausible(value)));
    }
    fit
}

fn value(entry: &MapRegister, blocks: &[RegisterBlock]) -> Option<f64> {
    let register = &entry.register;
    let of_table = blocks.iter().filter(|block| block.table == register.table);
    let words = of_table.into_iter().find_map(|block| block.words_of(register.span()))?;
    let conversion = Conversion { scale: entry.scale, offset: entry.offset, ratio: 1.0 };
    mapping::sample(register, words, &conversion, None, None).value.as_ref().and_then(Value::number)
}

/// The maps that may be the right ones, the best first. One that explains far less than the best is a part
/// of it: the single-phase meter inside a three-phase one.
pub(super) fn best(mut fits: Vec<Fit>) -> Vec<Fit> {
    fits.retain(Fit::is_likely);
    fits.sort_by_key(|fit| (Reverse(fit.score()), fit.asked));
    let score = fits.first().map_or(0, Fit::score);
    fits.retain(|fit| fit.score() * 4 >= score * 3);
    fits.truncate(NAMED_MAX);
    fits
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::meters;
    use crate::modbus::decode::encode;
    use crate::model::register::{DataType, RawValue};
    use crate::time::UtcTime;

    /// A meter of `map` that shows `volts` at each phase, 50 Hz and a power factor of 0.97.
    fn meter(map: &RegisterMap, volts: f64) -> Vec<RegisterBlock> {
        let mut words: BTreeMap<(Table, u16), u16> = BTreeMap::new();
        for (entry, quantity) in telling(map) {
            let value = match quantity {
                Quantity::Voltage => volts,
                Quantity::Frequency => 50.0,
                _ => 0.97,
            };
            #[expect(clippy::cast_possible_truncation, reason = "a value of the test")]
            let raw = match entry.register.data_type {
                DataType::Float { .. } => RawValue::Float(value / entry.scale),
                _ => RawValue::Integer((value / entry.scale).round() as i128),
            };
            let encoded = encode(&entry.register, &raw).unwrap();
            words.extend((entry.register.address..).map(|a| (entry.register.table, a)).zip(encoded));
        }
        let block = |((table, start), word)| RegisterBlock {
            table,
            span: Span { start, count: 1 },
            words: [word].into_iter().collect(),
            read_at: UtcTime::default(),
        };
        joined(words.into_iter().map(block).collect())
    }

    /// Neighbours in one block.
    fn joined(blocks: Vec<RegisterBlock>) -> Vec<RegisterBlock> {
        let mut joined: Vec<RegisterBlock> = Vec::new();
        for block in blocks {
            match joined.last_mut() {
                Some(last) if last.table == block.table && last.span.end() == u32::from(block.span.start) => {
                    last.span.count += 1;
                    last.words = last.words.iter().chain(block.words.iter()).copied().collect();
                }
                _ => joined.push(block),
            }
        }
        joined
    }

    #[test]
    fn every_map_of_the_library_is_known_by_the_registers_of_its_meter() {
        let library = meters::library(None).unwrap();
        let mut unknown = 0;
        for map in library.maps() {
            let blocks = meter(map, 230.0);
            let own = fit(map, &blocks);
            assert_eq!(own.plausible, own.asked, "{}", map.model);
            // Relatives that share its registers fit as well, and none fits better.
            let fits = best(library.maps().map(|other| fit(other, &blocks)).collect());
            let best = fits.first().map_or(0, Fit::score);
            assert!(best <= own.score() || !own.is_likely(), "{own:?} and {fits:?}");
            unknown += usize::from(!own.is_likely());
        }
        // A map of less than three such registers is never named.
        assert!(unknown * 10 < library.models().count(), "{unknown} of {}", library.models().count());
    }

    #[test]
    fn a_meter_without_volts_is_no_meter_of_the_library() {
        let library = meters::library(None).unwrap();
        let sdm630 = library.get("eastron-sdm630").unwrap();
        let off = fit(sdm630, &meter(sdm630, 0.0));
        assert_eq!(off.plausible, off.asked);
        assert!(best(vec![fit(sdm630, &[])]).is_empty());
        let wrong = fit(sdm630, &meter(sdm630, 12.0));
        assert!(wrong.plausible < wrong.asked && best(vec![wrong]).is_empty());
    }
}
