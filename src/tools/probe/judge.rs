//! Which of all ways to read some registers give what a meter shows.
//!
//! A way earns points: for a quantity that few numbers pass for, for a float, whose bits are seldom
//! plausible by chance, and for a value that needs no scale. Several ways may be right as far as the
//! numbers tell, so all of them are named, the best first.

use std::cmp::Reverse;

use super::super::plausible::Quantity;
use super::ways::{ORDERS, TYPES, Way, ways};
use crate::mapping;
use crate::modbus::line::RegisterBlock;
use crate::model::point::Conversion;
use crate::model::reading::Value;
use crate::model::register::{DataType, RawValue, Register};

/// The units of one raw count that meters use.
pub(super) const SCALES: [f64; 4] = [1.0, 0.1, 0.01, 0.001];
/// From so many points on a way is likely: it gives volts, hertz or a power factor, or is a float.
const LIKELY_POINTS: u8 = 3;
/// Points that are no difference: one sharp quantity beside another.
const NEAR_POINTS: u8 = 1;

/// A way to read a value, with what it then is.
#[derive(Clone, Debug)]
pub(super) struct Guess {
    /// How it is read.
    pub(super) register: Register,
    /// Units of one raw count.
    pub(super) scale: f64,
    /// What it measures.
    pub(super) quantity: Quantity,
    /// The value in the quantity's unit.
    pub(super) value: f64,
    points: u8,
}

impl Guess {
    /// Whether it is likely, rather than only possible.
    pub(super) const fn is_likely(&self) -> bool {
        self.points >= LIKELY_POINTS
    }

    /// Whether `best`, the best of all, is hardly better.
    pub(super) const fn is_near(&self, best: &Self) -> bool {
        self.points + NEAR_POINTS >= best.points
    }

    /// Usual types and orders come before others that give the same.
    fn rank(&self) -> impl Ord + use<> {
        let order = self.register.word_order.to_string();
        let order = ORDERS.iter().position(|usual| *usual == order);
        let data_type = TYPES.iter().position(|usual| *usual == self.register.data_type);
        (Reverse(self.points), order, self.register.address, data_type)
    }
}

/// What the registers may be, the likeliest first: for each way to read them its best meaning.
pub(super) fn guesses(block: &RegisterBlock) -> Vec<Guess> {
    let mut guesses: Vec<Guess> = ways(block).into_iter().filter_map(|way| best(block, &way)).collect();
    guesses.sort_by_cached_key(Guess::rank);
    guesses
}

/// The meaning of one way that has the most points; the first of several.
fn best(block: &RegisterBlock, way: &Way) -> Option<Guess> {
    let words = block.words_of(way.register.span())?;
    if is_shadow(way) || holds_nothing(words) {
        return None;
    }
    let mut best: Option<Guess> = None;
    for quantity in Quantity::ALL {
        for scale in SCALES {
            let conversion = Conversion { scale, ..Conversion::NONE };
            let sample = mapping::sample(&way.register, words, &conversion, None, None);
            let Some(value) = sample.value.as_ref().and_then(Value::number) else { continue };
            let points = points(way.register.data_type, quantity, scale);
            if points > 0
                && quantity.is_plausible(value)
                && best.as_ref().is_none_or(|best| best.points < points)
            {
                best = Some(Guess { register: way.register.clone(), scale, quantity, value, points });
            }
        }
    }
    best
}

/// A signed number that is not negative is the unsigned one once more.
fn is_shadow(way: &Way) -> bool {
    let is_signed = matches!(way.register.data_type, DataType::Integer { signed: true, .. });
    is_signed && matches!(way.raw, Ok(RawValue::Integer(0..)))
}

/// Meters fill what they do not have with zeros or with ones.
fn holds_nothing(words: &[u16]) -> bool {
    [0, u16::MAX].iter().any(|filling| words.iter().all(|word| word == filling))
}

/// A whole number passes for much, so it says less than a float; a long one is the register of an energy
/// before it is a current, and no power factor is counted in whole ones.
fn points(data_type: DataType, quantity: Quantity, scale: f64) -> u8 {
    let more = match (data_type, quantity) {
        (DataType::Float { .. }, _) if scale >= 1.0 => 3,
        (DataType::Float { .. }, _) => 1,
        (_, Quantity::PowerFactor) if scale >= 1.0 => return 0,
        (_, Quantity::Energy) if data_type.count() > 1 => 1,
        _ => 0,
    };
    quantity.points() + more
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::modbus::decode::encode;
    use crate::model::register::{Span, Table, WordOrder};
    use crate::time::UtcTime;

    fn block(words: &[u16]) -> RegisterBlock {
        let span = Span { start: 52, count: u16::try_from(words.len()).unwrap() };
        RegisterBlock {
            table: Table::InputRegister,
            span,
            words: words.iter().copied().collect(),
            read_at: UtcTime::default(),
        }
    }

    fn told(guess: &Guess) -> String {
        let Guess { register, scale, quantity, value, .. } = guess;
        let (address, data_type, order) = (register.address, register.data_type, register.word_order);
        format!("{address} {data_type} {order} x{scale}: {value} {}", quantity.unit())
    }

    #[test]
    fn the_first_guess_is_the_one_that_a_technician_would_make() {
        for (words, first) in [
            (vec![0x4366, 0x199A], "52 f32 ABCD x1: 230.1 V"),
            (vec![0x199A, 0x4366], "52 f32 CDAB x1: 230.1 V"),
            (vec![0x6643, 0x9A19], "52 f32 BADC x1: 230.1 V"),
            (vec![0x9A19, 0x6643], "52 f32 DCBA x1: 230.1 V"),
            (vec![0x4247, 0xEB85], "52 f32 ABCD x1: 49.98 Hz"),
            (vec![0x3F78, 0x51EC], "52 f32 ABCD x1: 0.97 1"),
            (vec![0x4148, 0x0000], "52 f32 ABCD x1: 12.5 A"),
            (vec![2_301], "52 u16 ABCD x0.1: 230.1 V"),
            (vec![4_998], "52 u16 ABCD x0.01: 49.98 Hz"),
            (vec![0, 2_301], "52 u32 ABCD x0.1: 230.1 V"),
            (vec![0x406C, 0xC333, 0x3333, 0x3333], "52 f64 ABCD x1: 230.1 V"),
        ] {
            assert_eq!(guesses(&block(&words)).first().map(told).as_deref(), Some(first), "{words:x?}");
        }
    }

    #[test]
    fn registers_that_hold_nothing_are_nothing() {
        for words in [vec![0; 4], vec![0xFFFF; 4]] {
            let likely: Vec<_> = guesses(&block(&words)).into_iter().filter(Guess::is_likely).collect();
            assert!(likely.is_empty(), "{words:x?}: {likely:?}");
        }
    }

    #[test]
    fn a_counter_of_energy_is_possible_and_not_likely() {
        let guesses = guesses(&block(&[0x0012, 0xD687]));
        let energy = guesses.iter().find(|guess| told(guess) == "52 u32 ABCD x1: 1234567 kWh").unwrap();
        assert!(!energy.is_likely());
    }

    /// The value as a meter holds it, in raw counts of the scale.
    #[expect(clippy::cast_possible_truncation, reason = "volts in thousandths are far below")]
    fn counts(data_type: DataType, volts: f64, scale: f64) -> RawValue {
        match data_type {
            DataType::Float { .. } => RawValue::Float(volts / scale),
            _ => RawValue::Integer((volts / scale).round() as i128),
        }
    }

    proptest! {
        #[test]
        fn volts_in_any_type_order_and_scale_are_among_the_likely(
            decivolts in 2_000..2_600_u32, data_type in prop::sample::select(TYPES.to_vec()),
            order in prop::sample::select(ORDERS.to_vec()), scale in prop::sample::select(SCALES.to_vec()),
            before in prop::collection::vec(any::<u16>(), 0..3), behind in prop::collection::vec(any::<u16>(), 0..3),
        ) {
            let volts = f64::from(decivolts) / 10.0;
            let address = 52 + u16::try_from(before.len()).unwrap();
            let register = Register {
                name: String::new(), table: Table::InputRegister, address, data_type,
                word_order: WordOrder::from_name(order).unwrap(), not_available: Vec::new(),
            };
            // A word of 65535 thousandths holds no 230 V, and a bcd16 no 9999 hundredths.
            let encoded = encode(&register, &counts(data_type, volts, scale));
            prop_assume!(encoded.is_ok());
            let words = [before, encoded.unwrap(), behind].concat();
            let near = |guess: &Guess| {
                guess.is_likely()
                    && guess.quantity == Quantity::Voltage
                    && guess.register.address == address
                    && guess.register.data_type.count() == data_type.count()
                    && (guess.value - volts).abs() <= 0.5
            };
            prop_assert!(guesses(&block(&words)).iter().any(near), "{words:x?}");
        }
    }
}
