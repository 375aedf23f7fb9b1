//! A merged read that a meter refuses, taken apart until it is known what it refuses.
//!
//! Exception codes 1 to 3 on a merged read may mean a hole in it that cannot be read, a read that is too
//! long, or a value that the meter does not have. The read is cut in two where its widest hole is, and
//! what is refused again is cut again. Pure: it says what to read next and hears what came of it.

use std::ops::Range;

use super::plan::PlannedRead;
use crate::model::learned::Lesson;
use crate::model::register::{Span, Table};

/// Illegal data value: of a read, its length (Modbus Application Protocol V1.1b3, section 7).
const ILLEGAL_VALUE: u8 = 3;

/// A merged read that is taken apart as far as it has to be.
#[derive(Debug)]
pub struct Bisection {
    table: Table,
    even_start: bool,
    /// The values, by address.
    values: Vec<Span>,
    parts: Vec<Part>,
    /// Parts that are still to be read, the next one last.
    open: Vec<usize>,
    current: usize,
}

/// Some of the values that lie together, and what the meter said to a read of them.
#[derive(Debug)]
struct Part {
    values: Range<usize>,
    span: Span,
    said: Said,
}

#[derive(Debug, PartialEq)]
enum Said {
    /// Nothing yet, or nothing that tells.
    Nothing,
    Yes,
    /// Refused with a code, and cut in two where there are several values.
    No(u8, Option<[usize; 2]>),
}

impl Bisection {
    /// `read` with the `values` in it, which come by address and none inside another.
    #[must_use]
    pub fn of(read: PlannedRead, values: Vec<Span>, even_start: bool) -> Self {
        let whole = Part { values: 0..values.len(), span: read.span, said: Said::Nothing };
        Self { table: read.table, even_start, values, parts: vec![whole], open: vec![0], current: 0 }
    }

    /// What is to be read next, and whether it holds more than one value.
    #[must_use]
    pub fn next_read(&mut self) -> Option<PlannedRead> {
        self.current = self.open.pop()?;
        let part = self.parts.get(self.current)?;
        Some(PlannedRead { table: self.table, span: part.span })
    }

    /// The read was answered.
    pub fn answered(&mut self) {
        if let Some(part) = self.parts.get_mut(self.current) {
            part.said = Said::Yes;
        }
    }

    /// The read was refused with an exception code; whether it is cut in two and read again.
    pub fn refused(&mut self, code: u8) -> bool {
        let Some(part) = self.parts.get(self.current) else { return false };
        let halves = self.cut(part.values.clone()).map(|[left, right]| {
            let [left, right] = [left, right].map(|values| self.part(values));
            let first = self.parts.len();
            self.parts.extend([left, right]);
            self.open.extend([first + 1, first]);
            [first, first + 1]
        });
        let is_cut = halves.is_some();
        if let Some(part) = self.parts.get_mut(self.current) {
            part.said = Said::No(code, halves);
        }
        is_cut
    }

    /// What all that was heard teaches. A meter that answered nothing at all teaches nothing.
    #[must_use]
    pub fn lessons(&self) -> Vec<Lesson> {
        if !self.parts.iter().any(|part| part.said == Said::Yes) {
            return Vec::new();
        }
        self.parts.iter().filter_map(|part| self.lesson(part)).collect()
    }

    fn lesson(&self, part: &Part) -> Option<Lesson> {
        let Said::No(code, halves) = &part.said else { return None };
        let Some(halves) = halves else { return Some(Lesson::Apart(self.table, part.span)) };
        let [left, right] = halves.map(|half| self.parts.get(half));
        let (left, right) = (left?, right?);
        // What is refused of a half is no fault of what lies between the halves.
        if left.said != Said::Yes || right.said != Said::Yes {
            return None;
        }
        let hole = self.hole_between(&left.values, &right.values);
        match hole.filter(|_| *code != ILLEGAL_VALUE) {
            Some(hole) => Some(Lesson::Apart(self.table, hole)),
            None => Some(Lesson::Longest(self.table, left.span.count.max(right.span.count))),
        }
    }

    /// The two parts on both sides of the widest hole, in the middle where there is none; `None` for one value.
    fn cut(&self, values: Range<usize>) -> Option<[Range<usize>; 2]> {
        let middle = usize::midpoint(values.start, values.end);
        let places = values.start + 1..values.end;
        let width = |place: &usize| self.hole_before(*place).map_or(0, |hole| hole.count);
        let nearness = |place: &usize| std::cmp::Reverse(place.abs_diff(middle));
        let place = places.max_by_key(|place| (width(place), nearness(place)))?;
        Some([values.start..place, place..values.end])
    }

    fn hole_between(&self, left: &Range<usize>, right: &Range<usize>) -> Option<Span> {
        (left.end == right.start).then(|| self.hole_before(right.start)).flatten()
    }

    /// The addresses between a value and the one before it, where there are any.
    fn hole_before(&self, place: usize) -> Option<Span> {
        let (before, after) = (self.values.get(place.checked_sub(1)?)?, self.values.get(place)?);
        let start = u16::try_from(before.end()).ok()?;
        let count = after.start.checked_sub(start).filter(|count| *count > 0)?;
        Some(Span { start, count })
    }

    fn part(&self, values: Range<usize>) -> Part {
        let inside = self.values.get(values.clone()).unwrap_or_default();
        let is_even = self.even_start && !self.table.is_bits() && values.len() > 1;
        let start = inside.first().map_or(0, |first| first.start - if is_even { first.start % 2 } else { 0 });
        let end = inside.last().map_or(0, |last| last.end());
        let count = u16::try_from(end.saturating_sub(u32::from(start))).unwrap_or(u16::MAX);
        Part { values, span: Span { start, count }, said: Said::Nothing }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::modbus::plan::{CostModel, plan};
    use crate::model::learned::Learned;
    use crate::model::meter::ReadLimits;
    use crate::time::UtcTime;

    const HOLDING: Table = Table::HoldingRegister;

    fn span(start: u16, count: u16) -> Span {
        Span { start, count }
    }

    /// Reads `values` of a meter that refuses what `refuses` says; gives the reads that were answered, all
    /// that were made, and the lessons.
    fn bisect(
        read: Span,
        values: &[Span],
        refuses: impl Fn(Span) -> Option<u8>,
    ) -> (Vec<Span>, usize, Vec<Lesson>) {
        let read = PlannedRead { table: HOLDING, span: read };
        let mut bisection = Bisection::of(read, values.to_vec(), false);
        let (mut answered, mut made) = (Vec::new(), 0);
        while let Some(read) = bisection.next_read() {
            made += 1;
            if let Some(code) = refuses(read.span) {
                bisection.refused(code);
            } else {
                bisection.answered();
                answered.push(read.span);
            }
        }
        (answered, made, bisection.lessons())
    }

    fn touches(read: Span, bad: Span) -> bool {
        u32::from(bad.start) < read.end() && u32::from(read.start) < bad.end()
    }

    #[test]
    fn a_hole_that_cannot_be_read_is_found_and_both_sides_are_read_at_once() {
        let values = [span(0, 2), span(2, 2), span(4, 2), span(10, 2), span(12, 2)];
        let refuses = |read: Span| touches(read, span(8, 1)).then_some(2);
        let (answered, made, lessons) = bisect(span(0, 14), &values, refuses);
        assert_eq!((answered, made), (vec![span(0, 6), span(10, 4)], 3));
        assert_eq!(lessons, [Lesson::Apart(HOLDING, span(6, 4))]);
    }

    #[test]
    fn a_read_that_is_too_long_teaches_the_longest_that_is_not() {
        let values: Vec<Span> = (0..10).map(|place| span(place * 2, 2)).collect();
        let (answered, made, lessons) = bisect(span(0, 20), &values, |read| (read.count > 12).then_some(2));
        assert_eq!((answered, made), (vec![span(0, 10), span(10, 10)], 3));
        assert_eq!(lessons, [Lesson::Longest(HOLDING, 10)]);
        // Exception 3 speaks of the length, whatever lies between.
        let values = [span(0, 2), span(10, 2)];
        let (.., lessons) = bisect(span(0, 12), &values, |read| (read.count > 4).then_some(3));
        assert_eq!(lessons, [Lesson::Longest(HOLDING, 2)]);
    }

    #[test]
    fn a_value_that_the_meter_does_not_have_is_read_apart_from_the_others() {
        let values: Vec<Span> = (0..8).map(|place| span(place * 2, 2)).collect();
        let refuses = |read: Span| touches(read, span(6, 2)).then_some(2);
        let (answered, made, lessons) = bisect(span(0, 16), &values, refuses);
        let read: u16 = answered.iter().map(|span| span.count).sum();
        assert_eq!((read, made), (14, 7), "{answered:?}");
        assert_eq!(lessons, [Lesson::Apart(HOLDING, span(6, 2))]);
    }

    #[test]
    fn a_meter_that_refuses_everything_teaches_nothing() {
        let values: Vec<Span> = (0..8).map(|place| span(place * 2, 2)).collect();
        let (answered, made, lessons) = bisect(span(0, 16), &values, |_| Some(1));
        assert_eq!((answered.len(), made, lessons.len()), (0, 15, 0));
    }

    #[test]
    fn reads_that_must_start_at_even_addresses_still_do() {
        let read = PlannedRead { table: HOLDING, span: span(0, 9) };
        let mut bisection = Bisection::of(read, vec![span(1, 1), span(2, 1), span(5, 2), span(7, 2)], true);
        assert_eq!(bisection.next_read().unwrap().span, span(0, 9));
        assert!(bisection.refused(2));
        assert_eq!(bisection.next_read().unwrap().span, span(0, 3));
        bisection.answered();
        assert_eq!(bisection.next_read().unwrap().span, span(4, 5));
    }

    proptest! {
        /// Learning comes to an end: planned anew with what was learned, a meter refuses nothing merged that
        /// it has, after as many rounds as it has holes at the most.
        #[test]
        fn what_was_learned_makes_a_plan_that_is_not_refused(
            places in prop::collection::btree_set(0_u16..60, 2..20),
            bad in prop::collection::btree_set(0_u16..60, 0..6),
            longest in 1_u16..80,
        ) {
            let values: Vec<Span> = places.iter().map(|place| span(*place, 1)).collect();
            let items: Vec<_> = values.iter().map(|value| (HOLDING, *value)).collect();
            let refuses = |read: Span| {
                let is_bad = bad.iter().any(|address| touches(read, span(*address, 1)));
                if read.count > longest { Some(3) } else if is_bad { Some(2) } else { None }
            };
            let cost = CostModel::tcp();
            let mut learned = Learned::default();
            for _ in 0..80 {
                let reads = plan(&items, &learned.narrowing(&ReadLimits::default()), &cost);
                let mut is_new = false;
                for read in &reads {
                    let inside: Vec<Span> =
                        values.iter().copied().filter(|value| read.span.contains(*value)).collect();
                    if inside.len() > 1 {
                        let (.., lessons) = bisect(read.span, &inside, refuses);
                        is_new |= lessons.into_iter().any(|lesson| learned.take(lesson, UtcTime::from_ms(0)));
                    }
                }
                if !is_new {
                    break;
                }
            }
            let reads = plan(&items, &learned.narrowing(&ReadLimits::default()), &cost);
            let has = |value: &Span| refuses(*value).is_none();
            for read in &reads {
                let merged: Vec<&Span> = values.iter().filter(|value| read.span.contains(**value)).collect();
                if merged.len() > 1 && merged.iter().any(|value| has(value)) {
                    prop_assert_eq!(refuses(read.span), None, "{:?} of {:?}", read, learned);
                }
            }
        }
    }
}
