//! A register as the meter's manual has it: where it lies, what type it is, how its bytes are ordered.

use std::fmt;

use crate::limits;

/// One of the four Modbus tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// Single bits, read and write; function codes 01, 05, 15.
    Coil,
    /// Single bits, read only; function code 02.
    DiscreteInput,
    /// Words, read only; function code 04.
    InputRegister,
    /// Words, read and write; function codes 03, 06, 16.
    HoldingRegister,
}

impl Table {
    /// All four, in the order of their read function codes.
    pub const ALL: [Self; 4] = [Self::Coil, Self::DiscreteInput, Self::HoldingRegister, Self::InputRegister];

    /// Whether the table holds bits rather than words.
    #[must_use]
    pub const fn is_bits(self) -> bool {
        matches!(self, Self::Coil | Self::DiscreteInput)
    }

    /// The function code that reads it.
    #[must_use]
    pub const fn read_function(self) -> u8 {
        match self {
            Self::Coil => 1,
            Self::DiscreteInput => 2,
            Self::HoldingRegister => 3,
            Self::InputRegister => 4,
        }
    }

    /// The most that one read may ask for.
    #[must_use]
    pub const fn read_max(self) -> u16 {
        if self.is_bits() { limits::READ_BITS_MAX } else { limits::READ_REGISTERS_MAX }
    }

    /// The name used in configuration files and on the console.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coil => "coil",
            Self::DiscreteInput => "discrete-input",
            Self::InputRegister => "input",
            Self::HoldingRegister => "holding",
        }
    }

    /// The table of a [`name`](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }
}

/// The address of a server on its line: 1 to 247 on a serial line; 0 and 255 as well over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitId(pub u8);

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Registers (or bits) that lie together: `count` from protocol address `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The first protocol address, 0-based as on the wire.
    pub start: u16,
    /// How many; at least one.
    pub count: u16,
}

impl Span {
    /// One past the last address. In `u32`, because a span may end at 65536.
    #[must_use]
    pub const fn end(self) -> u32 {
        self.start as u32 + self.count as u32
    }

    /// Whether `inner` lies wholly inside.
    #[must_use]
    pub const fn contains(self, inner: Self) -> bool {
        self.start <= inner.start && inner.end() <= self.end()
    }
}

/// How the words of a value hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// One coil or discrete input.
    Bit,
    /// The high byte of a word, unsigned or signed.
    HighByte {
        /// Two's complement.
        signed: bool,
    },
    /// The low byte of a word, unsigned or signed.
    LowByte {
        /// Two's complement.
        signed: bool,
    },
    /// A binary integer of one to four words.
    Integer {
        /// 1 (16 bits), 2 (32), 3 (48) or 4 (64).
        words: u8,
        /// Two's complement.
        signed: bool,
    },
    /// An IEEE 754 number of one (half), two (single) or four (double) words.
    Float {
        /// 1, 2 or 4.
        words: u8,
    },
    /// Binary coded decimal, four digits a word.
    Bcd {
        /// 1, 2 or 4.
        words: u8,
    },
    /// Some bits of a word or of two.
    Bits {
        /// 1 or 2.
        words: u8,
        /// Bits to the right of the field.
        shift: u8,
        /// Bits of the field; at least one.
        width: u8,
    },
    /// Text, two characters a word, the rest padded with NUL or blanks.
    Text {
        /// 1 to 32.
        words: u8,
    },
}

impl DataType {
    /// Registers (for [`Bit`](Self::Bit): bits) that the value takes.
    #[must_use]
    pub const fn count(self) -> u16 {
        match self {
            Self::Bit | Self::HighByte { .. } | Self::LowByte { .. } => 1,
            Self::Integer { words, .. }
            | Self::Float { words }
            | Self::Bcd { words }
            | Self::Bits { words, .. }
            | Self::Text { words } => words as u16,
        }
    }

    /// How many values a register of this type that only counts up passes before it starts again from
    /// zero; `None` for one that does not, such as a float.
    #[must_use]
    pub fn modulus(self) -> Option<f64> {
        Some(match self {
            Self::HighByte { signed: false } | Self::LowByte { signed: false } => 256.0,
            Self::Integer { words, signed: false } => 65_536_f64.powi(i32::from(words)),
            Self::Bcd { words } => 10_000_f64.powi(i32::from(words)),
            Self::Bits { width, .. } => 2_f64.powi(i32::from(width)),
            _ => return None,
        })
    }

    /// The least and the greatest raw value that may be written; `None` for text and for a value that
    /// shares its words with others, which a write would change as well.
    #[must_use]
    pub fn writable_range(self) -> Option<(f64, f64)> {
        Some(match self {
            Self::Bit => (0.0, 1.0),
            Self::Integer { words, signed: false } => (0.0, 65_536_f64.powi(i32::from(words)) - 1.0),
            Self::Integer { words, signed: true } => {
                let half = 65_536_f64.powi(i32::from(words)) / 2.0;
                (-half, half - 1.0)
            }
            Self::Bcd { words } => (0.0, 10_000_f64.powi(i32::from(words)) - 1.0),
            Self::Float { words: 1 } => (-65_504.0, 65_504.0),
            Self::Float { words: 2 } => (f64::from(f32::MIN), f64::from(f32::MAX)),
            Self::Float { .. } => (f64::MIN, f64::MAX),
            Self::HighByte { .. } | Self::LowByte { .. } | Self::Bits { .. } | Self::Text { .. } => {
                return None;
            }
        })
    }

    /// Whether the value is text.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Text { .. })
    }

    /// The type of a written name: `bit`, `u8-high`, `i8-low`, `u16` to `i64`, `f16`, `f32`, `f64`,
    /// `bcd16` to `bcd64`, `bits16:4:2` (shift 4, width 2), `text10` (ten registers).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "bit" => Self::Bit,
            "u8-high" => Self::HighByte { signed: false },
            "i8-high" => Self::HighByte { signed: true },
            "u8-low" => Self::LowByte { signed: false },
            "i8-low" => Self::LowByte { signed: true },
            "f16" => Self::Float { words: 1 },
            "f32" => Self::Float { words: 2 },
            "f64" => Self::Float { words: 4 },
            "bcd16" => Self::Bcd { words: 1 },
            "bcd32" => Self::Bcd { words: 2 },
            "bcd64" => Self::Bcd { words: 4 },
            _ => return Self::from_sized_name(name),
        })
    }

    fn from_sized_name(name: &str) -> Option<Self> {
        if let Some(words) = name.strip_prefix("text") {
            let words = words.parse().ok()?;
            let most = limits::METER_TEXT_BYTES_MAX / 2;
            return (words >= 1 && usize::from(words) <= most).then_some(Self::Text { words });
        }
        if let Some(field) = name.strip_prefix("bits") {
            let mut parts = field.split(':');
            let words = match parts.next()? {
                "16" => 1,
                "32" => 2,
                _ => return None,
            };
            let (shift, width) = (parts.next()?.parse::<u8>().ok()?, parts.next()?.parse::<u8>().ok()?);
            let fits = width >= 1 && u16::from(shift) + u16::from(width) <= u16::from(words) * 16;
            return (fits && parts.next().is_none()).then_some(Self::Bits { words, shift, width });
        }
        let signed = name.starts_with('i');
        let words = match name.strip_prefix(['u', 'i'])? {
            "16" => 1,
            "32" => 2,
            "48" => 3,
            "64" => 4,
            _ => return None,
        };
        Some(Self::Integer { words, signed })
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |signed: bool| if signed { 'i' } else { 'u' };
        match *self {
            Self::Bit => f.write_str("bit"),
            Self::HighByte { signed } => write!(f, "{}8-high", sign(signed)),
            Self::LowByte { signed } => write!(f, "{}8-low", sign(signed)),
            Self::Integer { words, signed } => write!(f, "{}{}", sign(signed), u16::from(words) * 16),
            Self::Float { words } => write!(f, "f{}", u16::from(words) * 16),
            Self::Bcd { words } => write!(f, "bcd{}", u16::from(words) * 16),
            Self::Bits { words, shift, width } => {
                write!(f, "bits{}:{shift}:{width}", u16::from(words) * 16)
            }
            Self::Text { words } => write!(f, "text{words}"),
        }
    }
}

/// How a value's bytes lie in its words, named after the place of its bytes from A (highest).
///
/// Three independent swaps make all the orders that meters use: the bytes of each word, the words
/// of each 32-bit half, the halves of a 64-bit value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct WordOrder {
    /// Low byte first inside each word.
    pub swap_bytes: bool,
    /// Low word first inside each 32-bit half.
    pub swap_words: bool,
    /// Low 32-bit half first.
    pub swap_halves: bool,
}

/// The eight-letter names, in the order of the three swaps (bytes, words, halves) counted in binary.
const WORD_ORDERS: [(&str, WordOrder); 8] = [
    ("ABCDEFGH", order(false, false, false)),
    ("BADCFEHG", order(true, false, false)),
    ("CDABGHEF", order(false, true, false)),
    ("DCBAHGFE", order(true, true, false)),
    ("EFGHABCD", order(false, false, true)),
    ("FEHGBADC", order(true, false, true)),
    ("GHEFCDAB", order(false, true, true)),
    ("HGFEDCBA", order(true, true, true)),
];

const fn order(swap_bytes: bool, swap_words: bool, swap_halves: bool) -> WordOrder {
    WordOrder { swap_bytes, swap_words, swap_halves }
}

impl WordOrder {
    /// Highest word first, highest byte first: what the Modbus specification asks for.
    pub const ABCD: Self = order(false, false, false);

    /// Every order, with its eight-letter name.
    #[must_use]
    pub const fn all() -> &'static [(&'static str, Self); 8] {
        &WORD_ORDERS
    }

    /// The order of a written name. The four-letter names stand for 32-bit values and, for 64-bit
    /// ones, for the same swap carried through: `CDAB` is then `GHEFCDAB`, `DCBA` is `HGFEDCBA`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "ABCD" => Some(order(false, false, false)),
            "BADC" => Some(order(true, false, false)),
            "CDAB" => Some(order(false, true, true)),
            "DCBA" => Some(order(true, true, true)),
            _ => WORD_ORDERS.iter().find(|(letters, _)| *letters == name).map(|(_, order)| *order),
        }
    }
}

impl fmt::Display for WordOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = ["ABCD", "BADC", "CDAB", "DCBA"];
        let name = short.into_iter().find(|name| Self::from_name(name) == Some(*self));
        let long = || WORD_ORDERS.iter().find(|(_, order)| order == self).map(|(letters, _)| *letters);
        f.write_str(name.or_else(long).unwrap_or("ABCD"))
    }
}

/// A register (or a run of registers) that holds one value.
#[derive(Clone, Debug, PartialEq)]
pub struct Register {
    /// Its name in the register map, such as `energy_import`.
    pub name: String,
    /// The table that it lies in.
    pub table: Table,
    /// The first protocol address, 0-based.
    pub address: u16,
    /// How its words hold the value.
    pub data_type: DataType,
    /// How its bytes are ordered.
    pub word_order: WordOrder,
    /// Raw patterns that mean 'not available', such as 0x7FFF.
    pub not_available: Vec<u64>,
}

impl Register {
    /// The registers (or bits) that it takes.
    #[must_use]
    pub const fn span(&self) -> Span {
        Span { start: self.address, count: self.data_type.count() }
    }
}

/// A value as read, before scale and unit.
#[derive(Clone, Debug, PartialEq)]
pub enum RawValue {
    /// A binary or BCD integer, a bit or a bit field.
    Integer(i128),
    /// A float, widened to a double through its shortest decimal text, so that 230.1 stays 230.1.
    Float(f64),
    /// A text without its padding.
    Text(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_that_only_counts_up_starts_again_at_its_width() {
        for (name, modulus) in [
            ("u16", Some(65_536.0)),
            ("u32", Some(4_294_967_296.0)),
            ("bcd32", Some(100_000_000.0)),
            ("i32", None),
            ("f32", None),
            ("text4", None),
        ] {
            assert_eq!(DataType::from_name(name).unwrap().modulus(), modulus, "{name}");
        }
    }

    #[test]
    fn every_type_reads_back_from_its_own_name() {
        for name in [
            "bit",
            "u8-high",
            "i8-high",
            "u8-low",
            "i8-low",
            "u16",
            "i16",
            "u32",
            "i32",
            "u48",
            "i48",
            "u64",
            "i64",
            "f16",
            "f32",
            "f64",
            "bcd16",
            "bcd32",
            "bcd64",
            "bits16:4:2",
            "bits32:31:1",
            "text1",
            "text32",
        ] {
            assert_eq!(DataType::from_name(name).map(|t| t.to_string()), Some(name.to_owned()));
        }
        for name in
            ["", "u", "u24", "f128", "bits16:15:2", "bits16:0:0", "bits32:32:1", "text0", "text33", "x16"]
        {
            assert_eq!(DataType::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn the_eight_orders_have_eight_names_and_four_short_ones() {
        for (letters, order) in WordOrder::all() {
            assert_eq!(WordOrder::from_name(letters), Some(*order));
        }
        for (short, long) in
            [("ABCD", "ABCDEFGH"), ("CDAB", "GHEFCDAB"), ("BADC", "BADCFEHG"), ("DCBA", "HGFEDCBA")]
        {
            assert_eq!(WordOrder::from_name(short), WordOrder::from_name(long));
            assert_eq!(WordOrder::from_name(long).map(|o| o.to_string()), Some(short.to_owned()));
        }
        assert_eq!(WordOrder::from_name("ACBD"), None);
    }

    #[test]
    fn a_span_may_end_at_the_last_address() {
        let last = Span { start: u16::MAX, count: 1 };
        assert_eq!(last.end(), 65_536);
        assert!(Span { start: 65_534, count: 2 }.contains(last));
    }
}
