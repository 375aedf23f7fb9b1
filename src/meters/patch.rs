//! What reading a meter has taught, as lines of a register map: for the map's author, and for the next site.

use std::fmt::Write;

use crate::model::learned::Learned;
use crate::model::register::{Span, Table};

/// The lines to add to the map of a meter of which `values` are read. A value that the meter does not have
/// is told in a comment, because a map that forbids what it lists contradicts itself.
#[must_use]
pub fn patch(learned: &Learned, values: &[(Table, Span)]) -> String {
    let mut text = String::new();
    let longest = [("registers_max", learned.registers_max), ("bits_max", learned.bits_max)];
    for (key, max) in longest.into_iter().filter_map(|(key, max)| Some((key, max?))) {
        let _ = writeln!(text, "{key} = {max}");
    }
    let is_value = |place: &(Table, Span)| values.iter().any(|(table, span)| (*table, *span) == *place);
    for place in learned.apart.iter().filter(|place| is_value(place)) {
        let (table, span) = place;
        let _ = writeln!(text, "# refused: {} {}, {} registers", table.name(), span.start, span.count);
    }
    for (table, span) in learned.apart.iter().filter(|place| !is_value(place)) {
        let (name, last) = (table.name(), span.end() - 1);
        let _ = write!(text, "\n[[forbidden]]\ntable = \"{name}\"\nfirst = {}\nlast = {last}\n", span.start);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_reads_back_as_a_part_of_a_map() {
        let (hole, value) = (Span { start: 12, count: 4 }, Span { start: 30, count: 2 });
        let holding = Table::HoldingRegister;
        let learned = Learned {
            registers_max: Some(40),
            bits_max: None,
            apart: vec![(holding, hole), (holding, value)],
        };
        let text = patch(&learned, &[(holding, value)]);
        assert_eq!(
            text,
            "registers_max = 40\n# refused: holding 30, 2 registers\n\n\
             [[forbidden]]\ntable = \"holding\"\nfirst = 12\nlast = 15\n"
        );
        assert_eq!(patch(&Learned::default(), &[]), "");
    }
}
