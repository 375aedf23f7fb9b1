//! Every type and word order in which a span of registers may be read.

use crate::modbus::decode;
use crate::modbus::line::RegisterBlock;
use crate::model::quality::Cause;
use crate::model::register::{DataType, RawValue, Register, WordOrder};

/// The types that meters use, the usual ones first.
pub(super) const TYPES: [DataType; 11] = [
    DataType::Integer { words: 1, signed: false },
    DataType::Integer { words: 1, signed: true },
    DataType::Float { words: 2 },
    DataType::Integer { words: 2, signed: false },
    DataType::Integer { words: 2, signed: true },
    DataType::Bcd { words: 1 },
    DataType::Bcd { words: 2 },
    DataType::Float { words: 4 },
    DataType::Integer { words: 4, signed: false },
    DataType::Integer { words: 4, signed: true },
    DataType::Bcd { words: 4 },
];

/// The word orders that meters use, the usual ones first.
pub(super) const ORDERS: [&str; 4] = ["ABCD", "CDAB", "BADC", "DCBA"];

/// One way to read some of the registers, and what it gives.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// Where, as what type, in what order.
    pub(super) register: Register,
    /// What the words then say.
    pub(super) raw: Result<RawValue, Cause>,
}

/// The ways to read a value of `data_type` from the address on; none where the span ends before the
/// value. One word has no order of words, only one of bytes, so it is read in two ways and not in four.
pub(super) fn ways_at(block: &RegisterBlock, address: u16, data_type: DataType) -> Vec<Way> {
    let orders = ORDERS.iter().filter(|order| data_type.count() > 1 || matches!(**order, "ABCD" | "BADC"));
    orders.filter_map(|order| way(block, address, data_type, WordOrder::from_name(order)?)).collect()
}

/// All ways to read anything in the span, in the order of addresses.
pub(super) fn ways(block: &RegisterBlock) -> Vec<Way> {
    let addresses = addresses(block);
    addresses
        .flat_map(|address| TYPES.into_iter().flat_map(move |data_type| ways_at(block, address, data_type)))
        .collect()
}

/// The addresses of the span.
pub(super) fn addresses(block: &RegisterBlock) -> impl Iterator<Item = u16> {
    let end = u16::try_from(block.span.end().saturating_sub(1)).unwrap_or(u16::MAX);
    block.span.start..=end
}

fn way(block: &RegisterBlock, address: u16, data_type: DataType, word_order: WordOrder) -> Option<Way> {
    let register = Register {
        name: String::new(),
        table: block.table,
        address,
        data_type,
        word_order,
        not_available: Vec::new(),
    };
    let words = block.words_of(register.span())?;
    let raw = decode::decode(&register, words);
    Some(Way { register, raw })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::register::{Span, Table};
    use crate::time::UtcTime;

    fn block(start: u16, words: &[u16]) -> RegisterBlock {
        let span = Span { start, count: u16::try_from(words.len()).unwrap() };
        RegisterBlock {
            table: Table::InputRegister,
            span,
            words: words.iter().copied().collect(),
            read_at: UtcTime::default(),
        }
    }

    #[test]
    fn no_way_reads_beyond_the_end_of_the_span() {
        let ways = ways(&block(65_534, &[1, 2]));
        assert!(ways.iter().all(|way| way.register.span().end() <= 65_536));
        // Two addresses with u16, i16 and bcd16 in two orders; one with f32, u32, i32, bcd32 in four.
        assert_eq!(ways.len(), 2 * 3 * 2 + 4 * 4);
    }

    #[test]
    fn a_float_is_read_in_all_four_orders() {
        let block = block(52, &[0x199A, 0x4366]);
        let float = DataType::Float { words: 2 };
        let found = ways_at(&block, 52, float)
            .into_iter()
            .find(|way| way.raw == Ok(RawValue::Float(230.1)))
            .map(|way| way.register.word_order.to_string());
        assert_eq!(found.as_deref(), Some("CDAB"));
    }
}
