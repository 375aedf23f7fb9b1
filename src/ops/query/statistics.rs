//! What parameters come to over periods: those that are measured, and those that are computed of others.

use std::ops::Range;

use super::aligned::Aligned;
use super::rated::{Pieces, ReadingsOf, Told};
use super::selection::{Chosen, ParameterView, Term};
use super::series_statistics::{Cell, SeriesStatistics};
use crate::counter::Rulings;
use crate::stats::indicator::weighted_sum;
use crate::stats::summary::{Expected, Summary};
use crate::stats::tally::tally;
use crate::stats::{Function, SeriesKind, SeriesProfile};
use crate::store::StoreError;
use crate::time::UtcTime;

/// Tells what parameters come to.
#[derive(Clone, Copy)]
pub(super) struct Statistics<'a> {
    pub(super) series: SeriesStatistics<'a>,
    pub(super) chosen: &'a Chosen,
}

impl Statistics<'_> {
    /// Readings that have to be gone through to tell `cells` of `periods`.
    pub(super) fn readings_of(
        self,
        view: ParameterView<'_>,
        periods: &[Range<UtcTime>],
        cells: &[Cell],
    ) -> Result<u64, StoreError> {
        let Some(terms) = self.chosen.terms(view.parameter) else {
            return self.series.readings_of(view, periods, cells);
        };
        let (linear, aligned): (Vec<Cell>, Vec<Cell>) = cells.iter().partition(|cell| is_linear(**cell));
        let mut readings = 0_u64;
        for (_, term) in terms {
            if !linear.is_empty() {
                readings = readings.saturating_add(self.series.readings_of(term, periods, &linear)?);
            }
            if let (false, Some(first), Some(last)) = (aligned.is_empty(), periods.first(), periods.last()) {
                let count = self.series.store.count(term.series, first.start..last.end)?;
                readings = readings.saturating_add(count);
            }
        }
        Ok(readings)
    }

    /// Every cell of each of `periods`, which follow each other in time.
    pub(super) fn told(
        self,
        view: ParameterView<'_>,
        periods: &[Range<UtcTime>],
        cells: &[Cell],
    ) -> Result<Vec<Vec<Told>>, StoreError> {
        match self.chosen.terms(view.parameter) {
            None => self.series.told(view, periods, cells),
            Some(terms) => self.computed(view, &terms, periods, cells),
        }
    }

    fn computed(
        self,
        view: ParameterView<'_>,
        terms: &[Term<'_>],
        periods: &[Range<UtcTime>],
        cells: &[Cell],
    ) -> Result<Vec<Vec<Told>>, StoreError> {
        let (linear, aligned): (Vec<Cell>, Vec<Cell>) = cells.iter().partition(|cell| is_linear(**cell));
        let mut of_terms = Vec::with_capacity(terms.len());
        if !linear.is_empty() {
            for (factor, term) in terms {
                of_terms.push((*factor, self.series.told(*term, periods, &linear)?));
            }
        }
        let aligned =
            if aligned.is_empty() { Vec::new() } else { self.aligned(view, terms, periods, &aligned)? };
        let row = |number: usize| {
            let (mut next_linear, mut next_aligned) = (0, 0);
            let mut tell = |cell: &Cell| {
                if is_linear(*cell) {
                    next_linear += 1;
                    let of = |told: &Vec<Vec<Told>>| told.get(number)?.get(next_linear - 1).copied();
                    let each: Vec<_> = of_terms.iter().map(|(factor, told)| (*factor, of(told))).collect();
                    return linear_sum(&each);
                }
                next_aligned += 1;
                aligned
                    .get(number)
                    .and_then(|row| row.get(next_aligned - 1))
                    .copied()
                    .unwrap_or(Told::NOTHING)
            };
            cells.iter().map(&mut tell).collect()
        };
        Ok((0..periods.len()).map(row).collect())
    }

    /// What picks one value out needs the values themselves, where every summand was read.
    fn aligned(
        self,
        view: ParameterView<'_>,
        terms: &[Term<'_>],
        periods: &[Range<UtcTime>],
        cells: &[Cell],
    ) -> Result<Vec<Vec<Told>>, StoreError> {
        let (Some(first), Some(last)) = (periods.first(), periods.last()) else { return Ok(Vec::new()) };
        let SeriesStatistics { store, site, now } = self.series;
        let (interval, offset) = (view.parameter.interval, site.cems.offset);
        let readings = Aligned::history(store, terms, &(first.start..last.end), view.parameter, offset)?;
        let is_rated = cells.iter().any(|(rate, _)| rate.is_some());
        let pieces =
            if is_rated { Pieces::rated(periods, &site.tou, offset) } else { Pieces::whole(periods) };
        // Even of a register: what is looked for is a value, and not its increase.
        let profile = SeriesProfile { kind: SeriesKind::Level, interval, modulus: None };
        let of_pieces = tally(&profile, &Rulings::default(), &pieces.times(), readings)?;
        let measured = ReadingsOf { kind: profile.kind, interval, gaps: &[], now };
        let row = |(number, period): (usize, &Range<UtcTime>)| {
            let summary = pieces.summary(number, &of_pieces);
            let tell = |(rate, function): &Cell| match rate {
                Some(rate) => {
                    let at_rate = pieces.at_rate((number, *rate, *function), &of_pieces, &measured);
                    at_rate.told(*function, profile.kind)
                }
                None => whole(&summary, *function, &measured, period),
            };
            cells.iter().map(tell).collect()
        };
        Ok(periods.iter().enumerate().map(row).collect())
    }
}

/// Whether the result for a sum is the sum of the results.
const fn is_linear((_, function): Cell) -> bool {
    matches!(function, Function::Sum | Function::Avg)
}

/// The weighted sum of what is told; nothing where one summand is not known.
fn linear_sum(terms: &[(f64, Option<Told>)]) -> Told {
    let value = weighted_sum(terms.iter().map(|(factor, told)| (*factor, told.and_then(|told| told.value))));
    let all = || terms.iter().filter_map(|(_, told)| *told);
    let worst = all().min_by(|a, b| a.completeness.total_cmp(&b.completeness)).unwrap_or(Told::NOTHING);
    let completeness = if value.is_some() { worst.completeness } else { 0.0 };
    let revision = all().fold(0_u32, |sum, told| sum.saturating_add(told.revision));
    Told { value, occurred: None, completeness, cause: worst.cause, revision }
}

fn whole(summary: &Summary, function: Function, readings: &ReadingsOf<'_>, period: &Range<UtcTime>) -> Told {
    let expected = Expected { period: period.clone(), interval: readings.interval, now: readings.now };
    Told {
        value: summary.value(function, readings.kind),
        occurred: summary.occurred(function),
        completeness: summary.completeness(function, readings.kind, &expected),
        ..Told::WHOLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::gap::GapCause;

    #[test]
    fn a_weighted_sum_is_as_complete_as_its_worst_summand_and_nothing_without_one() {
        let told = |value, completeness, revision| {
            let cause = Some(GapCause::Power).filter(|_| completeness < 1.0);
            Some(Told { value, occurred: None, completeness, cause, revision })
        };
        let sum = linear_sum(&[(2.0, told(Some(5.0), 1.0, 1)), (-1.0, told(Some(3.0), 0.5, 2))]);
        assert_eq!(
            (sum.value, sum.completeness, sum.cause, sum.revision),
            (Some(7.0), 0.5, Some(GapCause::Power), 3)
        );
        let sum = linear_sum(&[(1.0, told(Some(5.0), 1.0, 0)), (1.0, told(None, 0.0, 0))]);
        assert_eq!((sum.value, sum.completeness), (None, 0.0));
    }
}
