//! What reading a meter has taught about it, beyond what its map and the site file say.

use std::fmt;

use super::meter::ReadLimits;
use super::register::{Span, Table};
use crate::limits;

/// What one meter was found to refuse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Registers of the longest read that it answered, where a longer one was refused.
    pub registers_max: Option<u16>,
    /// The same of coils and discrete inputs.
    pub bits_max: Option<u16>,
    /// Addresses that it refuses in a merged read: holes that cannot be read over, and values that it does
    /// not have. In the order in which they were found, without overlap.
    pub apart: Vec<(Table, Span)>,
}

/// One thing that a refused read taught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lesson {
    /// No read of the table may be longer.
    Longest(Table, u16),
    /// No merged read may touch these addresses.
    Apart(Table, Span),
}

impl Learned {
    /// Whether nothing was learned.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.registers_max.is_none() && self.bits_max.is_none() && self.apart.is_empty()
    }

    /// Takes in a lesson; whether it was new. Of too many addresses the last are not kept: reads that they
    /// refuse are taken apart anew each time.
    pub fn take(&mut self, lesson: Lesson) -> bool {
        match lesson {
            Lesson::Longest(table, count) => {
                let max = if table.is_bits() { &mut self.bits_max } else { &mut self.registers_max };
                let is_new = max.is_none_or(|known| count < known);
                if is_new {
                    *max = Some(count);
                }
                is_new
            }
            Lesson::Apart(table, span) => {
                let is_known = self.apart.iter().any(|(of, known)| *of == table && known.contains(span));
                let is_new = !is_known && self.apart.len() < limits::LEARNED_SPANS_MAX;
                if is_new {
                    self.apart.push((table, span));
                }
                is_new
            }
        }
    }

    /// The limits that hold for the meter: what is configured, narrowed by what was learned.
    #[must_use]
    pub fn narrowing(&self, configured: &ReadLimits) -> ReadLimits {
        let narrower = |configured: u16, learned: Option<u16>| learned.unwrap_or(configured).min(configured);
        ReadLimits {
            registers_max: narrower(configured.registers_max, self.registers_max),
            bits_max: narrower(configured.bits_max, self.bits_max),
            forbidden: configured.forbidden.iter().chain(&self.apart).copied().collect(),
            even_start: configured.even_start,
        }
    }
}

/// `reads at most 40 registers; apart: holding 12-15, input 3`
impl fmt::Display for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let longest = [(self.registers_max, "registers"), (self.bits_max, "bits")];
        parts.extend(
            longest.iter().filter_map(|(max, what)| max.map(|max| format!("reads at most {max} {what}"))),
        );
        let place = |(table, span): &(Table, Span)| match span.count {
            1 => format!("{} {}", table.name(), span.start),
            _ => format!("{} {}-{}", table.name(), span.start, span.end() - 1),
        };
        let apart: Vec<String> = self.apart.iter().map(place).collect();
        if !apart.is_empty() {
            parts.push(format!("apart: {}", apart.join(", ")));
        }
        f.write_str(&parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLDING: Table = Table::HoldingRegister;

    fn span(start: u16, count: u16) -> Span {
        Span { start, count }
    }

    #[test]
    fn only_what_is_new_is_learned() {
        let mut learned = Learned::default();
        for (lesson, is_new) in [
            (Lesson::Longest(HOLDING, 40), true),
            (Lesson::Longest(Table::InputRegister, 40), false),
            (Lesson::Longest(HOLDING, 50), false),
            (Lesson::Longest(HOLDING, 39), true),
            (Lesson::Longest(Table::Coil, 40), true),
            (Lesson::Apart(HOLDING, span(12, 4)), true),
            (Lesson::Apart(HOLDING, span(13, 2)), false),
            (Lesson::Apart(Table::InputRegister, span(13, 2)), true),
        ] {
            assert_eq!(learned.take(lesson), is_new, "{lesson:?}");
        }
        assert_eq!((learned.registers_max, learned.bits_max, learned.apart.len()), (Some(39), Some(40), 2));
    }

    #[test]
    fn what_was_learned_narrows_what_is_configured_and_never_widens_it() {
        let configured =
            ReadLimits { registers_max: 50, forbidden: vec![(HOLDING, span(0, 1))], ..ReadLimits::default() };
        let learned =
            Learned { registers_max: Some(80), bits_max: Some(16), apart: vec![(HOLDING, span(9, 1))] };
        let narrowed = learned.narrowing(&configured);
        assert_eq!((narrowed.registers_max, narrowed.bits_max), (50, 16));
        assert_eq!(narrowed.forbidden, [(HOLDING, span(0, 1)), (HOLDING, span(9, 1))]);
        assert_eq!(Learned::default().narrowing(&configured), configured);
    }

    #[test]
    fn it_is_told_in_a_line() {
        let apart = vec![(HOLDING, span(12, 4)), (Table::InputRegister, span(3, 1))];
        let learned = Learned { registers_max: Some(40), bits_max: None, apart };
        assert_eq!(learned.to_string(), "reads at most 40 registers; apart: holding 12-15, input 3");
        assert_eq!(Learned::default().to_string(), "");
    }

    #[test]
    fn only_so_many_addresses_are_kept() {
        let mut learned = Learned::default();
        for start in 0..u16::MAX {
            learned.take(Lesson::Apart(HOLDING, span(start, 1)));
        }
        assert_eq!(learned.apart.len(), limits::LEARNED_SPANS_MAX);
    }
}
