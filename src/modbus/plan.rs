//! The read planner: merges the registers of one meter into the reads that take the line for the
//! shortest time.
//!
//! Every read costs the line its overhead, the meter's turnaround and the silence between frames, so
//! it pays to read over a hole of registers that nobody wants as long as their bytes cost less than
//! that. Made once, when the configuration is loaded; pure.

mod cost;

use crate::model::meter::ReadLimits;
use crate::model::register::{Span, Table};

pub use self::cost::{CostModel, Totals};

/// One read of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlannedRead {
    /// The table that it reads.
    pub table: Table,
    /// The registers (or bits) that it asks for.
    pub span: Span,
}

/// The reads that together hold every item, at the least cost; in the order of tables and addresses.
///
/// No item is split between two reads, and no merged read touches a forbidden address or is larger
/// than the limits allow. An item that by itself breaks a limit is read alone all the same: what the
/// meter says to that then is the cause that its reading names.
#[must_use]
pub fn plan(items: &[(Table, Span)], limits: &ReadLimits, cost: &CostModel) -> Vec<PlannedRead> {
    let mut reads = Vec::new();
    for table in Table::ALL {
        let spans = outermost_spans(table, items);
        let planner = Planner { table, limits, cost };
        reads.extend(planner.best(&spans).into_iter().map(|span| PlannedRead { table, span }));
    }
    reads
}

/// The reads that fetch each item of `read` alone: what is left to try when a meter refuses the merged
/// read with exception code 1, 2 or 3, because of a hole in it or because of one of its items.
#[must_use]
pub fn split(read: &PlannedRead, items: &[(Table, Span)]) -> Vec<PlannedRead> {
    let inside = items.iter().filter(|(table, span)| *table == read.table && read.span.contains(*span));
    let mut alone: Vec<_> = inside.map(|(table, span)| PlannedRead { table: *table, span: *span }).collect();
    alone.sort_unstable();
    alone.dedup();
    alone
}

/// The items of `table` that lie inside no other, by address. Both their starts and their ends ascend.
fn outermost_spans(table: Table, items: &[(Table, Span)]) -> Vec<Span> {
    let wanted = items.iter().filter(|(item_table, span)| *item_table == table && span.count > 0);
    let mut spans: Vec<Span> = wanted.map(|(_, span)| *span).collect();
    spans.sort_unstable_by_key(|span| (span.start, std::cmp::Reverse(span.count)));
    let mut end = 0;
    spans.retain(|span| {
        let is_outermost = span.end() > end;
        end = end.max(span.end());
        is_outermost
    });
    spans
}

struct Planner<'a> {
    table: Table,
    limits: &'a ReadLimits,
    cost: &'a CostModel,
}

/// The cheapest way to read the first so many spans.
#[derive(Clone, Copy)]
struct Best {
    cost_ns: u64,
    /// The index of the first span of the last read.
    last_from: usize,
    last_read: Span,
}

impl Planner<'_> {
    /// The cheapest reads, found from the cheapest reads of every shorter list: the last read holds
    /// some of the last spans, and what comes before it is the cheapest way to read the others.
    fn best(&self, spans: &[Span]) -> Vec<Span> {
        let mut bests: Vec<Best> = Vec::with_capacity(spans.len());
        for (last, span) in spans.iter().enumerate() {
            let mut best: Option<Best> = None;
            for (from, first) in spans[..=last].iter().enumerate().rev() {
                let Some(last_read) = self.read_over(*first, *span) else { break };
                let before_ns = from.checked_sub(1).map_or(0, |before| bests[before].cost_ns);
                let cost_ns = before_ns + self.cost.read_ns(self.table, last_read.count);
                // At the same cost the read with fewer holes is kept.
                if best.is_none_or(|best| cost_ns < best.cost_ns) {
                    best = Some(Best { cost_ns, last_from: from, last_read });
                }
            }
            bests.extend(best);
        }
        reads_of(&bests)
    }

    /// The read from `first` to `last`; `None` when there can be none, and then there is none from any
    /// earlier span either. A single span can always be read.
    fn read_over(&self, first: Span, last: Span) -> Option<Span> {
        let is_single = first == last;
        let even_start = u16::from(self.limits.even_start && !self.table.is_bits() && first.start % 2 == 1);
        let read = span_between(first.start - even_start, last.end());
        match read.filter(|read| self.is_allowed(*read)) {
            None if is_single => Some(first),
            read => read,
        }
    }

    fn is_allowed(&self, read: Span) -> bool {
        let own_max = if self.table.is_bits() { self.limits.bits_max } else { self.limits.registers_max };
        let touches =
            |other: &Span| u32::from(other.start) < read.end() && u32::from(read.start) < other.end();
        let is_forbidden = |(table, span): &(Table, Span)| *table == self.table && touches(span);
        read.count <= own_max.min(self.table.read_max()) && !self.limits.forbidden.iter().any(is_forbidden)
    }
}

fn span_between(start: u16, end: u32) -> Option<Span> {
    u16::try_from(end - u32::from(start)).ok().map(|count| Span { start, count })
}

fn reads_of(bests: &[Best]) -> Vec<Span> {
    let mut reads = Vec::new();
    let mut rest = bests;
    while let Some(best) = rest.last() {
        reads.push(best.last_read);
        rest = &rest[..best.last_from];
    }
    reads.reverse();
    reads
}

#[cfg(test)]
mod tests;
