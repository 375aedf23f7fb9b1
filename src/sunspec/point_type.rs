//! The types of SunSpec points, and by which pattern each says that it has no value.

use crate::model::register::DataType;

/// The type of a point, by the names of the SunSpec Device Information Model Specification, V1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointType {
    /// A signed number of 16, 32 or 64 bits.
    Signed {
        /// Registers.
        words: u8,
    },
    /// An unsigned number of 16, 32 or 64 bits.
    Unsigned {
        /// Registers.
        words: u8,
    },
    /// A count of groups that follow.
    Count,
    /// A number that only grows; 0 says that it does not count.
    Accumulator {
        /// Registers.
        words: u8,
    },
    /// One of a list of states.
    Enumeration {
        /// Registers.
        words: u8,
    },
    /// Flags.
    Bitfield {
        /// Registers.
        words: u8,
    },
    /// An IEEE 754 number of 32 or 64 bits.
    Float {
        /// Registers.
        words: u8,
    },
    /// Text of as many registers as the table says.
    Text,
    /// The power of ten that other points are multiplied by.
    ScaleFactor,
    /// Nothing: it makes a length even.
    Pad,
}

const NAMES: [(&str, PointType); 20] = [
    ("int16", PointType::Signed { words: 1 }),
    ("int32", PointType::Signed { words: 2 }),
    ("int64", PointType::Signed { words: 4 }),
    ("uint16", PointType::Unsigned { words: 1 }),
    ("uint32", PointType::Unsigned { words: 2 }),
    ("uint64", PointType::Unsigned { words: 4 }),
    ("count", PointType::Count),
    ("acc16", PointType::Accumulator { words: 1 }),
    ("acc32", PointType::Accumulator { words: 2 }),
    ("acc64", PointType::Accumulator { words: 4 }),
    ("enum16", PointType::Enumeration { words: 1 }),
    ("enum32", PointType::Enumeration { words: 2 }),
    ("bitfield16", PointType::Bitfield { words: 1 }),
    ("bitfield32", PointType::Bitfield { words: 2 }),
    ("bitfield64", PointType::Bitfield { words: 4 }),
    ("float32", PointType::Float { words: 2 }),
    ("float64", PointType::Float { words: 4 }),
    ("string", PointType::Text),
    ("sunssf", PointType::ScaleFactor),
    ("pad", PointType::Pad),
];

impl PointType {
    /// The type of a name such as `uint16`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, point_type)| *point_type)
    }

    /// How `size` registers of this type hold the value; `None` when the type does not have that size.
    #[must_use]
    pub fn data_type(self, size: u8) -> Option<DataType> {
        let integer = |words, signed| DataType::Integer { words, signed };
        let data_type = match self {
            Self::Signed { words } => integer(words, true),
            Self::Unsigned { words }
            | Self::Accumulator { words }
            | Self::Enumeration { words }
            | Self::Bitfield { words } => integer(words, false),
            Self::Count | Self::Pad => integer(1, false),
            Self::ScaleFactor => integer(1, true),
            Self::Float { words } => DataType::Float { words },
            Self::Text => DataType::from_name(&format!("text{size}"))?,
        };
        (data_type.count() == u16::from(size)).then_some(data_type)
    }

    /// The pattern, as one unsigned number, by which the device says that the point has no value; `None`
    /// for a text, which is then empty.
    #[must_use]
    pub const fn not_implemented(self) -> Option<u64> {
        Some(match self {
            Self::Signed { words } => 1 << (words as u32 * 16 - 1),
            Self::Unsigned { words } | Self::Enumeration { words } | Self::Bitfield { words } => {
                u64::MAX >> (64 - words as u32 * 16)
            }
            Self::Count => 0xFFFF,
            Self::Accumulator { .. } => 0,
            Self::Float { words: 4 } => 0x7FF8_0000_0000_0000,
            Self::Float { .. } => 0x7FC0_0000,
            Self::ScaleFactor | Self::Pad => 0x8000,
            Self::Text => return None,
        })
    }

    /// Whether the point says something of the device, rather than how others are to be read.
    #[must_use]
    pub const fn is_told(self) -> bool {
        !matches!(self, Self::ScaleFactor | Self::Pad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_size_and_its_pattern_for_nothing() {
        for (name, size, data_type, pattern) in [
            ("int16", 1, "i16", Some(0x8000)),
            ("int32", 2, "i32", Some(0x8000_0000)),
            ("int64", 4, "i64", Some(0x8000_0000_0000_0000)),
            ("uint16", 1, "u16", Some(0xFFFF)),
            ("uint32", 2, "u32", Some(0xFFFF_FFFF)),
            ("uint64", 4, "u64", Some(u64::MAX)),
            ("count", 1, "u16", Some(0xFFFF)),
            ("acc32", 2, "u32", Some(0)),
            ("acc64", 4, "u64", Some(0)),
            ("enum16", 1, "u16", Some(0xFFFF)),
            ("bitfield16", 1, "u16", Some(0xFFFF)),
            ("bitfield32", 2, "u32", Some(0xFFFF_FFFF)),
            ("float32", 2, "f32", Some(0x7FC0_0000)),
            ("float64", 4, "f64", Some(0x7FF8_0000_0000_0000)),
            ("string", 16, "text16", None),
            ("sunssf", 1, "i16", Some(0x8000)),
            ("pad", 1, "u16", Some(0x8000)),
        ] {
            let point_type = PointType::from_name(name).unwrap();
            assert_eq!(point_type.data_type(size), DataType::from_name(data_type), "{name}");
            assert_eq!(point_type.not_implemented(), pattern, "{name}");
        }
    }

    #[test]
    fn a_size_that_a_type_does_not_have_is_refused() {
        for (name, size) in [("int16", 2), ("uint32", 1), ("string", 0), ("string", 33), ("float32", 4)] {
            assert_eq!(PointType::from_name(name).unwrap().data_type(size), None, "{name} of {size}");
        }
        assert_eq!(PointType::from_name("ipaddr"), None);
    }
}
