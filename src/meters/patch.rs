//! What reading a meter has taught, as lines of a register map: for the map's author, and for the next site.

use std::fmt::Write;

use crate::model::learned::{Learned, Lesson, Retrial};
use crate::model::register::{Span, Table};
use crate::time::UtcOffset;

/// The lines to add to the map of a meter of which `values` are read, with the times at which it is tried again
/// whether they still hold. A value that the meter does not have
/// is told in a comment, because a map that forbids what it lists contradicts itself.
#[must_use]
pub fn patch(learned: &Learned, values: &[(Table, Span)], offset: UtcOffset) -> String {
    let mut text = String::new();
    let again = |retrial: &Retrial| {
        format!("tried again from {}", retrial.at.civil(offset).strftime("%Y-%m-%d %H:%M"))
    };
    for (lesson, retrial) in learned.lessons() {
        if let Lesson::Longest(table, max) = lesson {
            let key = if table.is_bits() { "bits_max" } else { "registers_max" };
            let _ = writeln!(text, "{key} = {max}  # {}", again(retrial));
        }
    }
    let apart = || {
        learned.lessons().iter().filter_map(|(lesson, retrial)| match lesson {
            Lesson::Apart(table, span) => Some((*table, *span, retrial)),
            Lesson::Longest(..) => None,
        })
    };
    let is_value = |of: Table, place: Span| values.contains(&(of, place));
    for (table, span, retrial) in apart().filter(|(table, span, _)| is_value(*table, *span)) {
        let (name, Span { start, count }) = (table.name(), span);
        let _ = writeln!(text, "# refused: {name} {start}, {count} registers; {}", again(retrial));
    }
    for (table, span, retrial) in apart().filter(|(table, span, _)| !is_value(*table, *span)) {
        let (name, last) = (table.name(), span.end() - 1);
        let _ = write!(
            text,
            "\n# {}\n[[forbidden]]\ntable = \"{name}\"\nfirst = {}\nlast = {last}\n",
            again(retrial),
            span.start
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UtcTime;

    #[test]
    fn a_patch_reads_back_as_a_part_of_a_map() {
        let (hole, value) = (Span { start: 12, count: 4 }, Span { start: 30, count: 2 });
        let holding = Table::HoldingRegister;
        let mut learned = Learned::default();
        let lessons =
            [Lesson::Apart(holding, hole), Lesson::Apart(holding, value), Lesson::Longest(holding, 40)];
        for lesson in lessons {
            learned.take(lesson, UtcTime::from_ms(1_772_323_200_000));
        }
        let text = patch(&learned, &[(holding, value)], UtcOffset::UTC);
        assert_eq!(
            text,
            "registers_max = 40  # tried again from 2026-03-02 00:00\n\
             # refused: holding 30, 2 registers; tried again from 2026-03-02 00:00\n\n\
             # tried again from 2026-03-02 00:00\n\
             [[forbidden]]\ntable = \"holding\"\nfirst = 12\nlast = 15\n"
        );
        assert_eq!(patch(&Learned::default(), &[], UtcOffset::UTC), "");
    }
}
