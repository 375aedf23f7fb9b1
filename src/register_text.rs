//! One register as a person writes it: `{ table = "holding", address = 100, type = "f32" }`.
//!
//! Site files and register maps describe registers with the same keys, so both read them here.

use crate::document::Section;
use crate::model::meter::ReadLimits;
use crate::model::register::{DataType, Register, Span, Table, WordOrder};

/// 'Not available' patterns of one register; meters know one or two.
const PATTERNS_MAX: usize = 8;

/// What holds where a register does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RegisterDefaults {
    /// The table; `None` makes the key `table` required.
    pub table: Option<Table>,
    /// How bytes are ordered.
    pub word_order: WordOrder,
    /// The lowest address as the manual counts: 0 for protocol addresses, 1 for register numbers.
    pub address_base: u16,
}

/// Reads `table`, `address`, `address_base`, `type`, `word_order` and `not_available`.
///
/// The register comes without a name, which only the caller knows. `None` means that the faults are
/// noted in the document.
#[must_use]
pub fn register(section: &Section<'_>, defaults: &RegisterDefaults) -> Option<Register> {
    let table = table(section, defaults.table);
    let address = address(section, defaults.address_base);
    let data_type = data_type(section, table);
    let word_order = word_order(section, "word_order").unwrap_or(defaults.word_order);
    let not_available = not_available(section, data_type);
    let register = Register {
        name: String::new(),
        table: table?,
        address: address?,
        data_type: data_type?,
        word_order,
        not_available,
    };
    ends_inside_table(section, &register).then_some(register)
}

/// An optional table name.
pub fn table_name(section: &Section<'_>, key: &str) -> Option<Table> {
    section.choice(key, &Table::ALL.map(|table| (table.name(), table)))
}

/// An optional word order, by its name of four or eight letters.
pub fn word_order(section: &Section<'_>, key: &str) -> Option<WordOrder> {
    section.parsed(key, |name| WordOrder::from_name(name).ok_or_else(word_order_remedy))
}

/// Notes a fault at `key` when no single read that keeps to `limits` can fetch the register.
pub fn check_read_limits(section: &Section<'_>, key: &str, register: &Register, limits: &ReadLimits) {
    let span = register.span();
    let read = smallest_read(register, limits);
    let (read_max, unit) = if register.table.is_bits() {
        (limits.bits_max, "bits")
    } else {
        (limits.registers_max, "registers")
    };
    if read.count > read_max {
        let reason = format!("{} takes {} {unit} in one read", register.data_type, read.count);
        let remedy =
            format!("this meter allows {read_max}; choose a shorter type or correct the meter's limit");
        section.fault(key, reason, remedy);
    }
    let crossed =
        limits.forbidden.iter().find(|(table, range)| *table == register.table && overlap(*range, read));
    if let Some((_, range)) = crossed {
        let reason = format!("a read of {} touches the forbidden {}", addresses(span), addresses(*range));
        section.fault(key, reason, "the meter refuses reads there; correct the address or the type");
    }
}

/// The register's span, with the one before it where the meter wants reads to start at even addresses.
fn smallest_read(register: &Register, limits: &ReadLimits) -> Span {
    let span = register.span();
    if limits.even_start && !register.table.is_bits() && span.start % 2 == 1 {
        return Span { start: span.start - 1, count: span.count.saturating_add(1) };
    }
    span
}

fn overlap(left: Span, right: Span) -> bool {
    u32::from(left.start) < right.end() && u32::from(right.start) < left.end()
}

/// `address 7` or `addresses 7 to 9`, counted from 0 as on the wire.
fn addresses(span: Span) -> String {
    match span.count {
        1 => format!("address {}", span.start),
        _ => format!("addresses {} to {}", span.start, span.end().saturating_sub(1)),
    }
}

fn table(section: &Section<'_>, default: Option<Table>) -> Option<Table> {
    let written = table_name(section, "table");
    if section.has("table") {
        return written;
    }
    if default.is_none() {
        section.missing("table", "give one of coil, discrete-input, holding, input");
    }
    default
}

fn address(section: &Section<'_>, base: u16) -> Option<u16> {
    let base = section.integer("address_base", 0..=1).unwrap_or_else(|| i64::from(base));
    let written = section.integer("address", base..=i64::from(u16::MAX) + base);
    if !section.has("address") {
        section.missing("address", "give the register's address as the manual has it");
    }
    u16::try_from(written? - base).ok()
}

fn data_type(section: &Section<'_>, table: Option<Table>) -> Option<DataType> {
    let parse = |name: &str| DataType::from_name(name).ok_or(DATA_TYPE_REMEDY);
    let written = section.parsed("type", parse);
    let is_bits = table.is_some_and(Table::is_bits);
    if !section.has("type") {
        if is_bits {
            return Some(DataType::Bit);
        }
        section.missing("type", DATA_TYPE_REMEDY);
    }
    let data_type = written?;
    match table {
        Some(table) if is_bits && data_type != DataType::Bit => {
            let reason = format!("'{data_type}' needs words, and the table '{}' holds bits", table.name());
            section.fault("type", reason, "write 'bit', or take the table 'holding' or 'input'");
            None
        }
        Some(table) if !is_bits && data_type == DataType::Bit => {
            let reason = format!("'bit' needs bits, and the table '{}' holds words", table.name());
            section.fault("type", reason, "write 'bits16:SHIFT:1', or take 'coil' or 'discrete-input'");
            None
        }
        _ => Some(data_type),
    }
}

const DATA_TYPE_REMEDY: &str = "write one of bit, u8-high, u8-low, i8-high, i8-low, u16, i16, u32, i32, u48, \
    i48, u64, i64, f16, f32, f64, bcd16, bcd32, bcd64, bits16:SHIFT:WIDTH, bits32:SHIFT:WIDTH, text1 to text32";

fn word_order_remedy() -> String {
    let long = WordOrder::all().map(|(letters, _)| letters).join(", ");
    format!("write ABCD, BADC, CDAB or DCBA, or for 64 bits one of {long}")
}

/// The patterns as the meter sends them; a negative number is its two's complement.
fn not_available(section: &Section<'_>, data_type: Option<DataType>) -> Vec<u64> {
    let key = "not_available";
    let written = section.integers(key, i64::MIN..=i64::MAX, PATTERNS_MAX);
    let Some(data_type) = data_type else { return Vec::new() };
    if data_type.is_text() && section.has(key) {
        section.fault(key, "a text has no such pattern", "leave the key out");
        return Vec::new();
    }
    let bits = pattern_bits(data_type);
    let mut patterns = Vec::with_capacity(written.len());
    for number in written {
        match pattern(number, bits) {
            Some(pattern) => patterns.push(pattern),
            None => section.fault(
                key,
                format!("{number} does not fit {data_type}"),
                format!("give patterns of {bits} bits, such as 0x7FFF"),
            ),
        }
    }
    patterns
}

fn pattern_bits(data_type: DataType) -> u32 {
    match data_type {
        DataType::Bit => 1,
        DataType::HighByte { .. } | DataType::LowByte { .. } => 8,
        DataType::Bits { width, .. } => u32::from(width),
        _ => u32::from(data_type.count()) * 16,
    }
}

fn pattern(number: i64, bits: u32) -> Option<u64> {
    let unused_bits = 64_u32.saturating_sub(bits.max(1));
    let (mask, lowest) = (u64::MAX >> unused_bits, i64::MIN >> unused_bits);
    let fits = if number < 0 { number >= lowest } else { number.cast_unsigned() <= mask };
    fits.then_some(number.cast_unsigned() & mask)
}

fn ends_inside_table(section: &Section<'_>, register: &Register) -> bool {
    let fits = register.span().end() <= 65_536;
    if !fits {
        let reason = format!("{} ends beyond the last address 65535", register.data_type);
        section.fault("address", reason, "correct the address or the type");
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    fn read(text: &str) -> Result<Register, String> {
        let document = Document::parse("map.toml", text).map_err(|faults| faults.to_string())?;
        let root = document.root();
        let register = register(&root, &RegisterDefaults::default());
        root.finish();
        document.verdict().map_err(|faults| faults.to_string())?;
        register.ok_or_else(|| "no register and no fault".to_owned())
    }

    fn holding(address: u16, data_type: &str) -> Register {
        Register {
            name: String::new(),
            table: Table::HoldingRegister,
            address,
            data_type: DataType::from_name(data_type).unwrap(),
            word_order: WordOrder::ABCD,
            not_available: Vec::new(),
        }
    }

    #[test]
    fn a_register_is_read_as_the_manual_has_it() {
        let text = "table = 'holding'\naddress = 101\naddress_base = 1\ntype = 'i16'\nword_order = 'BADC'\n\
                    not_available = [0x7FFF, -1]";
        let expected = Register {
            word_order: WordOrder::from_name("BADC").unwrap(),
            not_available: vec![0x7FFF, 0xFFFF],
            ..holding(100, "i16")
        };
        assert_eq!(read(text), Ok(expected));
    }

    #[test]
    fn a_bit_table_needs_no_type() {
        let register = read("table = 'coil'\naddress = 3").unwrap();
        assert_eq!((register.data_type, register.address), (DataType::Bit, 3));
    }

    #[test]
    fn what_no_meter_can_have_is_refused() {
        for (text, told) in [
            ("", "table: is missing; give one of coil"),
            ("table = 'holding'", "address: is missing"),
            ("table = 'holding'\naddress = 3", "type: is missing; write one of bit, u8-high"),
            (
                "table = 'coil'\naddress = 3\ntype = 'u16'",
                "'u16' needs words, and the table 'coil' holds bits",
            ),
            (
                "table = 'input'\naddress = 3\ntype = 'bit'",
                "'bit' needs bits, and the table 'input' holds words",
            ),
            (
                "table = 'input'\naddress = 65535\ntype = 'f32'",
                "address: f32 ends beyond the last address 65535",
            ),
            (
                "table = 'input'\naddress = 0\naddress_base = 1\ntype = 'u16'",
                "a whole number from 1 to 65536",
            ),
            ("table = 'input'\naddress = 70000\ntype = 'u16'", "a whole number from 0 to 65535"),
            (
                "table = 'input'\naddress = 1\ntype = 'u16'\nword_order = 'AB'",
                "write ABCD, BADC, CDAB or DCBA",
            ),
            ("table = 'input'\naddress = 1\ntype = 'u16'\nnot_available = [65536]", "65536 does not fit u16"),
            (
                "table = 'input'\naddress = 1\ntype = 'u16'\nnot_available = [-32769]",
                "-32769 does not fit u16",
            ),
            (
                "table = 'input'\naddress = 1\ntype = 'text4'\nnot_available = [0]",
                "a text has no such pattern",
            ),
        ] {
            let faults = read(text).unwrap_err();
            assert!(faults.contains(told), "{text}\n{faults}");
        }
    }

    #[test]
    fn the_last_address_of_a_table_can_be_read() {
        assert_eq!(read("table = 'input'\naddress = 65535\ntype = 'u16'").unwrap().span().end(), 65_536);
        let numbered = "table = 'input'\naddress = 65536\naddress_base = 1\ntype = 'u16'";
        assert_eq!(read(numbered).unwrap().address, 65_535);
    }

    #[test]
    fn a_pattern_of_sixty_four_bits_is_written_as_a_negative_number() {
        assert_eq!(pattern(-1, 64), Some(u64::MAX));
        assert_eq!(pattern(i64::MIN, 64), Some(1 << 63));
        assert_eq!(pattern(-1, 1), Some(1));
        assert_eq!(pattern(2, 1), None);
    }

    #[test]
    fn a_register_that_no_read_can_fetch_is_a_fault() {
        let narrow = ReadLimits { registers_max: 2, ..ReadLimits::default() };
        let even = ReadLimits { even_start: true, ..narrow.clone() };
        let gap = (Table::HoldingRegister, Span { start: 10, count: 4 });
        let holed = ReadLimits { forbidden: vec![gap], ..ReadLimits::default() };
        for (limits, register, told) in [
            (&narrow, holding(0, "f32"), None),
            (&narrow, holding(0, "f64"), Some("f64 takes 4 registers in one read; this meter allows 2")),
            (&even, holding(4, "f32"), None),
            (&even, holding(5, "f32"), Some("f32 takes 3 registers in one read; this meter allows 2")),
            (&holed, holding(8, "f32"), None),
            (&holed, holding(14, "f32"), None),
            (
                &holed,
                holding(9, "f32"),
                Some("a read of addresses 9 to 10 touches the forbidden addresses 10 to 13"),
            ),
        ] {
            let document = Document::parse("map.toml", "address = 1").unwrap();
            check_read_limits(&document.root(), "address", &register, limits);
            let faults = document.verdict().err().map(|faults| faults.to_string());
            assert_eq!(faults.is_some(), told.is_some(), "{register:?}");
            assert!(faults.unwrap_or_default().contains(told.unwrap_or_default()), "{register:?}");
        }
    }
}
