//! Values that a peer meter holds: every type in every order of bytes, random, written as exact decimals.

use serde_json::{Value, json};

use super::random::Random;

/// How a site file names an order, and where the bytes of 2, 4, 6 and 8 then lie (A is the highest).
const SHORT_ORDERS: [(&str, [&str; 4]); 4] = [
    ("ABCD", ["AB", "ABCD", "ABCDEF", "ABCDEFGH"]),
    ("BADC", ["BA", "BADC", "BADCFE", "BADCFEHG"]),
    ("CDAB", ["AB", "CDAB", "EFCDAB", "GHEFCDAB"]),
    ("DCBA", ["BA", "DCBA", "FEDCBA", "HGFEDCBA"]),
];

/// The further orders that 64 bits have.
const LONG_ORDERS: [&str; 4] = ["CDABGHEF", "DCBAHGFE", "EFGHABCD", "FEHGBADC"];

/// Types of words, with the words that they take.
const WORD_TYPES: [(&str, u16); 20] = [
    ("u8-high", 1),
    ("i8-high", 1),
    ("u8-low", 1),
    ("i8-low", 1),
    ("u16", 1),
    ("i16", 1),
    ("f16", 1),
    ("bcd16", 1),
    ("bits16:4:3", 1),
    ("u32", 2),
    ("i32", 2),
    ("f32", 2),
    ("bcd32", 2),
    ("bits32:15:7", 2),
    ("u48", 3),
    ("i48", 3),
    ("u64", 4),
    ("i64", 4),
    ("f64", 4),
    ("bcd64", 4),
];

/// Coils and discrete inputs, each.
const BITS: usize = 20;

/// Integers beyond are rounded by a double, which is another story.
const EXACT_INTEGER_MAX: i64 = 1 << 53;

/// What one value is, before a meter gives it a place.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// `true` where it lies in a table of bits.
    pub(crate) is_bit: bool,
    /// Registers, or one bit.
    pub(crate) size: u16,
    data_type: &'static str,
    order: &'static str,
    letters: &'static str,
}

impl Kind {
    /// Every type in every order that it can have, and some bits.
    pub(crate) fn all() -> Vec<Self> {
        let mut kinds =
            vec![Self { is_bit: true, size: 1, data_type: "bit", order: "ABCD", letters: "" }; BITS];
        for (data_type, size) in WORD_TYPES {
            for (order, letters) in SHORT_ORDERS {
                let letters = letters[usize::from(size) - 1];
                kinds.push(Self { is_bit: false, size, data_type, order, letters });
            }
            if size == 4 {
                let long = |order| Self { is_bit: false, size, data_type, order, letters: order };
                kinds.extend(LONG_ORDERS.map(long));
            }
        }
        for (order, letters) in [("ABCD", "AB"), ("BADC", "BA")] {
            kinds.push(Self { is_bit: false, size: 8, data_type: "text8", order, letters });
        }
        kinds
    }

    /// A random value that the type holds exactly.
    fn value(self, random: &mut Random) -> String {
        let mut between = |min, max| random.between(min, max);
        match self.data_type {
            "bit" => between(0, 1).to_string(),
            "u8-high" | "u8-low" => between(0, 0xFF).to_string(),
            "i8-high" | "i8-low" => between(-0x80, 0x7F).to_string(),
            "u16" => between(0, 0xFFFF).to_string(),
            "i16" => between(-0x8000, 0x7FFF).to_string(),
            // Three digits are what a half gives back unchanged, and six what a single does.
            "f16" => decimal(between(-999, 999), 1),
            "bcd16" => between(0, 9_999).to_string(),
            "bits16:4:3" => between(0, 7).to_string(),
            "u32" => between(0, 0xFFFF_FFFF).to_string(),
            "i32" => between(-0x8000_0000, 0x7FFF_FFFF).to_string(),
            "f32" => decimal(between(-999_999, 999_999), 3),
            "bcd32" => between(0, 99_999_999).to_string(),
            "bits32:15:7" => between(0, 127).to_string(),
            "u48" => between(0, 0xFFFF_FFFF_FFFF).to_string(),
            "i48" => between(-0x8000_0000_0000, 0x7FFF_FFFF_FFFF).to_string(),
            "u64" | "bcd64" => between(0, EXACT_INTEGER_MAX).to_string(),
            "i64" => between(-EXACT_INTEGER_MAX, EXACT_INTEGER_MAX).to_string(),
            "f64" => decimal(between(-999_999_999_999_999, 999_999_999_999_999), 6),
            _ => (0..random.between(1, 16)).map(|_| random.letter()).collect(),
        }
    }
}

/// `digits` with the last `places` of them behind the point.
fn decimal(digits: i64, places: u32) -> String {
    let sign = if digits < 0 { "-" } else { "" };
    let unit = 10_u64.pow(places);
    let (whole, rest) = (digits.unsigned_abs() / unit, digits.unsigned_abs() % unit);
    format!("{sign}{whole}.{rest:0width$}", width = places as usize)
}

/// A value at its place in a meter.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) kind: Kind,
    pub(crate) table: &'static str,
    pub(crate) address: u16,
    /// Grows by one with each read; the value is then the one before the first read.
    pub(crate) counts: bool,
    value: String,
}

impl Held {
    pub(crate) fn random(kind: Kind, table: &'static str, address: u16, random: &mut Random) -> Self {
        Self { kind, table, address, counts: false, value: kind.value(random) }
    }

    /// A number that tells how often it has been read.
    pub(crate) fn counting(address: u16) -> Self {
        let kind = Kind { is_bit: false, size: 2, data_type: "u32", order: "ABCD", letters: "ABCD" };
        Self { kind, table: "holding", address, counts: true, value: "0".to_owned() }
    }

    /// A number as most meters hold it: an input register of two words, a float, the highest word first.
    pub(crate) fn float(address: u16, value: &str) -> Self {
        let kind = Kind { is_bit: false, size: 2, data_type: "f32", order: "ABCD", letters: "ABCD" };
        Self { kind, table: "input", address, counts: false, value: value.to_owned() }
    }

    pub(crate) fn change(&mut self, random: &mut Random) {
        self.value = self.kind.value(random);
    }

    /// What the interface must tell.
    pub(crate) fn expected(&self) -> Value {
        self.value.parse::<f64>().map_or_else(|_| json!(self.value), |number| json!(number))
    }

    /// What `meters_server.py` is told.
    pub(crate) fn spec(&self) -> Value {
        json!({
            "table": self.table,
            "address": self.address,
            "type": self.kind.data_type,
            "letters": self.kind.letters,
            "value": self.value,
            "counts": self.counts,
        })
    }

    /// What the site file says of the register.
    pub(crate) fn register(&self) -> String {
        format!(
            r#"{{ table = "{}", address = {}, type = "{}", word_order = "{}" }}"#,
            self.table, self.address, self.kind.data_type, self.kind.order
        )
    }
}
