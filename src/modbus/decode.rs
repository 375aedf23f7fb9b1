//! The one codec between the words of a register and the raw value that they hold.

use thiserror::Error;

use super::half;
use crate::model::quality::Cause;
use crate::model::register::{DataType, RawValue, Register, WordOrder};

/// Reads the value of `register` from exactly its own `words` (a bit as 0 or 1).
///
/// # Errors
/// [`Cause::NotAvailable`] for one of the register's own 'not available' patterns,
/// [`Cause::NotANumber`] for NaN, infinity or a BCD digit above nine, and [`Cause::Mismatch`] when
/// there are more or fewer words than the type takes.
pub fn decode(register: &Register, words: &[u16]) -> Result<RawValue, Cause> {
    if words.len() != usize::from(register.data_type.count()) {
        return Err(Cause::Mismatch);
    }
    if register.data_type.is_text() {
        return Ok(RawValue::Text(decode_text(words, register.word_order)));
    }
    let pattern = field(register.data_type, join(words, register.word_order).ok_or(Cause::Mismatch)?);
    if register.not_available.contains(&pattern) {
        return Err(Cause::NotAvailable);
    }
    match register.data_type {
        DataType::Bit | DataType::Bits { .. } => Ok(RawValue::Integer(i128::from(pattern))),
        DataType::HighByte { signed } | DataType::LowByte { signed } => Ok(integer(pattern, 8, signed)),
        DataType::Integer { words, signed } => Ok(integer(pattern, u32::from(words) * 16, signed)),
        DataType::Float { words } => decode_float(pattern, words),
        DataType::Bcd { words } => decode_bcd(pattern, words),
        DataType::Text { .. } => Err(Cause::Mismatch),
    }
}

/// Writes `value` as the words of `register`; the bits that a byte or a bit field does not use are 0.
///
/// # Errors
/// When the value is of another kind than the type or does not fit into it.
pub fn encode(register: &Register, value: &RawValue) -> Result<Vec<u16>, EncodeError> {
    let data_type = register.data_type;
    let bits = match (data_type, value) {
        (DataType::Text { words }, RawValue::Text(text)) => {
            return encode_text(text, usize::from(words), register.word_order);
        }
        (DataType::Bit, RawValue::Integer(integer)) => {
            let bit = fit(*integer, 1, false, data_type)?;
            return Ok(vec![u16::from(bit != 0)]);
        }
        (DataType::HighByte { signed }, RawValue::Integer(integer)) => {
            fit(*integer, 8, signed, data_type)? << 8
        }
        (DataType::LowByte { signed }, RawValue::Integer(integer)) => fit(*integer, 8, signed, data_type)?,
        (DataType::Integer { words, signed }, RawValue::Integer(integer)) => {
            fit(*integer, u32::from(words) * 16, signed, data_type)?
        }
        (DataType::Bits { shift, width, .. }, RawValue::Integer(integer)) => {
            let bits = fit(*integer, u32::from(width), false, data_type)?;
            bits.checked_shl(u32::from(shift)).ok_or(EncodeError::Range { data_type })?
        }
        (DataType::Bcd { words }, RawValue::Integer(integer)) => encode_bcd(*integer, words)?,
        (DataType::Float { words }, RawValue::Float(float)) => encode_float(*float, words)?,
        _ => return Err(EncodeError::Kind { data_type }),
    };
    split(bits, data_type.count(), register.word_order).ok_or(EncodeError::Range { data_type })
}

/// Why a value cannot be written into a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// A text for a number, a number for a text, or an integer for a float.
    #[error("a register of type {data_type} cannot hold a value of this kind; give what the type says")]
    Kind {
        /// The register's type.
        data_type: DataType,
    },
    /// Too large, too small, too long or not printable.
    #[error("the value does not fit into a register of type {data_type}; give a smaller one")]
    Range {
        /// The register's type.
        data_type: DataType,
    },
}

/// The place in the value (0 is the highest word) of each word as it comes over the wire.
///
/// Three words lie as four whose highest is left out, so that every order has a meaning for them.
fn word_places(count: usize, order: WordOrder) -> impl Iterator<Item = usize> {
    let slots = count.next_power_of_two();
    let absent = slots - count;
    let swap_words = usize::from(order.swap_words && slots > 1);
    let swap_halves = usize::from(order.swap_halves && slots > 2) * 2;
    (0..slots).filter_map(move |slot| (slot ^ swap_words ^ swap_halves).checked_sub(absent))
}

fn swap_if(word: u16, swap_bytes: bool) -> u16 {
    if swap_bytes { word.swap_bytes() } else { word }
}

/// One to four words put into order, highest first; `None` for another number of words.
fn join(words: &[u16], order: WordOrder) -> Option<u64> {
    if words.is_empty() || words.len() > 4 {
        return None;
    }
    let lowest = words.len() - 1;
    let placed = words.iter().zip(word_places(words.len(), order));
    Some(placed.fold(0, |bits, (word, place)| {
        bits | u64::from(swap_if(*word, order.swap_bytes)) << ((lowest - place) * 16)
    }))
}

/// The inverse of [`join`].
fn split(bits: u64, count: u16, order: WordOrder) -> Option<Vec<u16>> {
    let natural = bits.to_be_bytes();
    let words = natural.as_chunks::<2>().0;
    let skipped = words.len().checked_sub(usize::from(count))?;
    let word = |place| words.get(skipped + place).map(|pair| u16::from_be_bytes(*pair));
    word_places(usize::from(count), order)
        .map(|place| word(place).map(|word| swap_if(word, order.swap_bytes)))
        .collect()
}

/// The bits that the value is made of, as an unsigned number.
fn field(data_type: DataType, bits: u64) -> u64 {
    match data_type {
        DataType::Bit => u64::from(bits != 0),
        DataType::HighByte { .. } => bits >> 8,
        DataType::LowByte { .. } => bits & 0xFF,
        DataType::Bits { shift, width, .. } => {
            bits.checked_shr(u32::from(shift)).unwrap_or(0) & low_bits(u32::from(width))
        }
        _ => bits,
    }
}

const fn low_bits(width: u32) -> u64 {
    if width >= 64 { u64::MAX } else { (1 << width) - 1 }
}

fn integer(pattern: u64, width: u32, signed: bool) -> RawValue {
    let unused = 64_u32.saturating_sub(width).min(63);
    let value =
        if signed { i128::from((pattern << unused).cast_signed() >> unused) } else { i128::from(pattern) };
    RawValue::Integer(value)
}

/// `value` in `width` bits, two's complement when `signed`.
fn fit(value: i128, width: u32, signed: bool, data_type: DataType) -> Result<u64, EncodeError> {
    let most = i128::from(low_bits(width));
    let range = if signed { -(most / 2) - 1..=most / 2 } else { 0..=most };
    let bits = range.contains(&value).then_some(value & most).and_then(|bits| u64::try_from(bits).ok());
    bits.ok_or(EncodeError::Range { data_type })
}

fn decode_float(pattern: u64, words: u8) -> Result<RawValue, Cause> {
    let narrow = |value: f32| if value.is_finite() { value.to_string().parse().ok() } else { None };
    let value = match words {
        1 => u16::try_from(pattern).ok().and_then(half::to_double),
        2 => u32::try_from(pattern).ok().map(f32::from_bits).and_then(narrow),
        4 => Some(f64::from_bits(pattern)),
        _ => return Err(Cause::Mismatch),
    };
    value.filter(|value: &f64| value.is_finite()).map(RawValue::Float).ok_or(Cause::NotANumber)
}

fn encode_float(value: f64, words: u8) -> Result<u64, EncodeError> {
    let bits = match words {
        1 => half::from_double(value).map(u64::from),
        2 => Some(single(value)).filter(|value| value.is_finite()).map(|value| u64::from(value.to_bits())),
        4 => value.is_finite().then(|| value.to_bits()),
        _ => None,
    };
    bits.ok_or(EncodeError::Range { data_type: DataType::Float { words } })
}

#[expect(clippy::cast_possible_truncation, reason = "the nearest single is what the register can hold")]
fn single(value: f64) -> f32 {
    value as f32
}

fn decode_bcd(pattern: u64, words: u8) -> Result<RawValue, Cause> {
    let mut value = 0;
    for place in (0..u32::from(words) * 4).rev() {
        let digit = pattern >> (place * 4) & 0xF;
        if digit > 9 {
            return Err(Cause::NotANumber);
        }
        value = value * 10 + i128::from(digit);
    }
    Ok(RawValue::Integer(value))
}

fn encode_bcd(value: i128, words: u8) -> Result<u64, EncodeError> {
    let out_of_range = EncodeError::Range { data_type: DataType::Bcd { words } };
    let mut rest = u64::try_from(value).map_err(|_| out_of_range)?;
    let mut bits = 0;
    for place in 0..u32::from(words.min(4)) * 4 {
        bits |= (rest % 10) << (place * 4);
        rest /= 10;
    }
    if rest == 0 { Ok(bits) } else { Err(out_of_range) }
}

/// Two characters a word, without the NULs and blanks around them. A byte that is no printable ASCII
/// shows as U+FFFD: its meaning depends on a code page that no meter tells.
fn decode_text(words: &[u16], order: WordOrder) -> String {
    let bytes = words.iter().flat_map(|word| swap_if(*word, order.swap_bytes).to_be_bytes());
    let text: String = bytes
        .map(|byte| match byte {
            0 | b' '..=b'~' => char::from(byte),
            _ => char::REPLACEMENT_CHARACTER,
        })
        .collect();
    text.trim_matches(['\0', ' ']).replace('\0', "\u{FFFD}")
}

fn encode_text(text: &str, words: usize, order: WordOrder) -> Result<Vec<u16>, EncodeError> {
    let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if text.len() > words * 2 || !printable {
        let words = u8::try_from(words).unwrap_or(u8::MAX);
        return Err(EncodeError::Range { data_type: DataType::Text { words } });
    }
    let mut bytes = text.bytes().chain(std::iter::repeat(0));
    let mut next = || bytes.next().unwrap_or(0);
    Ok((0..words).map(|_| swap_if(u16::from_be_bytes([next(), next()]), order.swap_bytes)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::register::Table;

    fn register(data_type: &str, word_order: &str) -> Register {
        Register {
            name: "under_test".to_owned(),
            table: Table::HoldingRegister,
            address: 0,
            data_type: DataType::from_name(data_type).unwrap(),
            word_order: WordOrder::from_name(word_order).unwrap(),
            not_available: Vec::new(),
        }
    }

    const fn int(value: i128) -> RawValue {
        RawValue::Integer(value)
    }

    #[test]
    fn every_type_reads_what_its_words_hold_in_every_order() {
        let float = RawValue::Float;
        for (data_type, word_order, words, expected) in [
            ("bit", "DCBA", vec![1], int(1)),
            ("u16", "ABCD", vec![0x1234], int(0x1234)),
            ("u16", "BADC", vec![0x1234], int(0x3412)),
            ("i16", "ABCD", vec![0xFFFE], int(-2)),
            ("u8-high", "ABCD", vec![0x1280], int(0x12)),
            ("i8-low", "ABCD", vec![0x1280], int(-128)),
            ("i8-high", "BADC", vec![0x1280], int(-128)),
            ("u32", "ABCD", vec![0x0102, 0x0304], int(0x0102_0304)),
            ("u32", "CDAB", vec![0x0304, 0x0102], int(0x0102_0304)),
            ("u32", "BADC", vec![0x0201, 0x0403], int(0x0102_0304)),
            ("u32", "DCBA", vec![0x0403, 0x0201], int(0x0102_0304)),
            ("i32", "ABCD", vec![0xFFFF, 0xFFFF], int(-1)),
            ("u48", "ABCD", vec![1, 2, 3], int(0x0001_0002_0003)),
            ("u48", "CDAB", vec![3, 2, 1], int(0x0001_0002_0003)),
            ("i48", "ABCD", vec![0xFFFF, 0xFFFF, 0xFFFF], int(-1)),
            ("u64", "ABCD", vec![1, 2, 3, 4], int(0x0001_0002_0003_0004)),
            ("u64", "CDAB", vec![4, 3, 2, 1], int(0x0001_0002_0003_0004)),
            ("u64", "CDABGHEF", vec![2, 1, 4, 3], int(0x0001_0002_0003_0004)),
            ("u64", "EFGHABCD", vec![3, 4, 1, 2], int(0x0001_0002_0003_0004)),
            ("u64", "HGFEDCBA", vec![0x0400, 0x0300, 0x0200, 0x0100], int(0x0001_0002_0003_0004)),
            ("i64", "ABCD", vec![0x8000, 0, 0, 0], int(i128::from(i64::MIN))),
            ("bits16:4:2", "ABCD", vec![0b10_1111], int(2)),
            ("bits32:31:1", "CDAB", vec![0, 0x8000], int(1)),
            ("bcd16", "ABCD", vec![0x9876], int(9876)),
            ("bcd32", "CDAB", vec![0x5678, 0x1234], int(12_345_678)),
            ("bcd64", "ABCD", vec![0x9999; 4], int(9_999_999_999_999_999)),
            ("f16", "ABCD", vec![0x3C00], float(1.0)),
            ("f32", "ABCD", vec![0x4366, 0x199A], float(230.1)),
            ("f32", "CDAB", vec![0x199A, 0x4366], float(230.1)),
            ("f64", "ABCD", vec![0x400C, 0xCCCC, 0xCCCC, 0xCCCD], float(3.6)),
            ("text3", "CDAB", vec![0x2041, 0x4243, 0x2000], RawValue::Text("ABC".to_owned())),
            ("text2", "BADC", vec![0x4241, 0x0043], RawValue::Text("ABC".to_owned())),
            ("text2", "ABCD", vec![0x41B0, 0x0042], RawValue::Text("A\u{FFFD}\u{FFFD}B".to_owned())),
        ] {
            let register = register(data_type, word_order);
            assert_eq!(decode(&register, &words), Ok(expected), "{data_type} {word_order} {words:x?}");
        }
    }

    #[test]
    fn what_is_no_number_has_a_cause_and_no_value() {
        for (data_type, words) in [
            ("f16", vec![0x7C00]),
            ("f16", vec![0x7E00]),
            ("f32", vec![0x7FC0, 0]),
            ("f32", vec![0xFF80, 0]),
            ("f64", vec![0x7FF8, 0, 0, 1]),
            ("bcd16", vec![0x00A0]),
            ("bcd64", vec![0xF000, 0, 0, 0]),
        ] {
            assert_eq!(decode(&register(data_type, "ABCD"), &words), Err(Cause::NotANumber), "{data_type}");
        }
    }

    #[test]
    fn the_meters_own_pattern_for_not_available_is_found_before_its_number() {
        for (data_type, pattern, words) in [
            ("i16", 0x8000, vec![0x8000]),
            ("u32", 0xFFFF_FFFF, vec![0xFFFF, 0xFFFF]),
            ("f32", 0x7FC0_0000, vec![0x7FC0, 0]),
            ("bcd16", 0xFFFF, vec![0xFFFF]),
            ("bits16:8:8", 0xFF, vec![0xFF00]),
        ] {
            let register = Register { not_available: vec![pattern], ..register(data_type, "ABCD") };
            assert_eq!(decode(&register, &words), Err(Cause::NotAvailable), "{data_type}");
        }
    }

    #[test]
    fn a_wrong_number_of_words_is_never_read() {
        for words in [&[][..], &[1], &[1, 2, 3]] {
            assert_eq!(decode(&register("u32", "ABCD"), words), Err(Cause::Mismatch));
        }
        for words in [0, 5, u8::MAX] {
            let odd =
                Register { data_type: DataType::Integer { words, signed: true }, ..register("u16", "ABCD") };
            assert_eq!(decode(&odd, &vec![0; usize::from(words)]), Err(Cause::Mismatch));
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused() {
        let range = |name| Err(EncodeError::Range { data_type: DataType::from_name(name).unwrap() });
        for (data_type, value) in [
            ("bit", int(2)),
            ("u16", int(65_536)),
            ("u16", int(-1)),
            ("i16", int(32_768)),
            ("u64", int(i128::MAX)),
            ("bits16:4:2", int(4)),
            ("bcd16", int(10_000)),
            ("bcd32", int(-1)),
            ("f16", RawValue::Float(65_520.0)),
            ("f32", RawValue::Float(1e39)),
            ("f64", RawValue::Float(f64::NAN)),
            ("text1", RawValue::Text("abc".to_owned())),
            ("text2", RawValue::Text("电".to_owned())),
        ] {
            assert_eq!(encode(&register(data_type, "ABCD"), &value), range(data_type), "{value:?}");
        }
        let kind = EncodeError::Kind { data_type: DataType::Float { words: 2 } };
        assert_eq!(encode(&register("f32", "ABCD"), &int(1)), Err(kind));
    }

    fn any_numeric_type() -> impl Strategy<Value = DataType> {
        prop_oneof![
            Just(DataType::Bit),
            any::<bool>().prop_map(|signed| DataType::HighByte { signed }),
            any::<bool>().prop_map(|signed| DataType::LowByte { signed }),
            (1..=4_u8, any::<bool>()).prop_map(|(words, signed)| DataType::Integer { words, signed }),
            prop_oneof![Just(1), Just(2), Just(4)].prop_map(|words| DataType::Float { words }),
            prop_oneof![Just(1), Just(2), Just(4)].prop_map(|words| DataType::Bcd { words }),
            (1..=2_u8)
                .prop_flat_map(|words| (Just(words), 0..words * 16))
                .prop_flat_map(|(words, shift)| (Just(words), Just(shift), 1..=words * 16 - shift))
                .prop_map(|(words, shift, width)| DataType::Bits { words, shift, width }),
        ]
    }

    fn any_order() -> impl Strategy<Value = WordOrder> {
        (0..8_usize).prop_map(|index| WordOrder::all()[index].1)
    }

    proptest! {
        #[test]
        fn a_number_that_was_read_writes_back_and_reads_the_same(
            data_type in any_numeric_type(), word_order in any_order(), words in prop::array::uniform4(any::<u16>()),
        ) {
            let register = Register { data_type, word_order, ..register("u16", "ABCD") };
            let words = &words[..usize::from(data_type.count())];
            if let Ok(value) = decode(&register, words) {
                let written = encode(&register, &value).unwrap();
                prop_assert_eq!(decode(&register, &written), Ok(value));
                let uses_every_bit = matches!(
                    data_type,
                    DataType::Integer { .. } | DataType::Float { .. } | DataType::Bcd { .. }
                );
                prop_assert!(!uses_every_bit || written == words, "{:x?} became {:x?}", words, written);
            }
        }

        #[test]
        fn a_text_that_was_written_reads_the_same(text in "([!-~]([ -~]{0,20}[!-~])?)?", word_order in any_order()) {
            let register = Register { word_order, ..register("text11", "ABCD") };
            let words = encode(&register, &RawValue::Text(text.clone())).unwrap();
            prop_assert_eq!(decode(&register, &words), Ok(RawValue::Text(text)));
        }

        #[test]
        fn a_single_reads_as_the_shortest_decimal_that_means_it(value in any::<f32>()) {
            prop_assume!(value.is_finite());
            let bits = value.to_bits().to_be_bytes();
            let words = [u16::from_be_bytes([bits[0], bits[1]]), u16::from_be_bytes([bits[2], bits[3]])];
            let expected = value.to_string().parse().unwrap();
            prop_assert_eq!(decode(&register("f32", "ABCD"), &words), Ok(RawValue::Float(expected)));
        }
    }
}
