//! Quantities: what indicators are made of, and what each comes to over periods.

use std::ops::Range;

use super::rated::{Told, length_ms};
use super::selection::ParameterView;
use super::series_statistics::Cell;
use super::statistics::Statistics;
use super::totals::Total;
use crate::model::tariff::Tariff;
use crate::model::tou::Rate;
use crate::stats::Function;
use crate::stats::calendar::Period;
use crate::stats::indicator::{apparent, hours, known_sum, weighted_sum};
use crate::store::StoreError;
use crate::time::UtcTime;

/// What a number of a period is made of.
pub(super) enum Quantity<'c> {
    /// A sum of amounts.
    Total(Total<'c>),
    /// Sums, each times a weight; with a negative one all of them must be known.
    Weighted(Vec<(f64, Total<'c>)>),
    /// Electricity times its price.
    Cost(Vec<Total<'c>>),
    /// A sum by hours.
    MeanPower(Vec<Total<'c>>),
    /// The greatest mean of a quarter of an hour.
    PeakPower(Vec<Total<'c>>),
    /// Apparent energy of active and reactive sums.
    Apparent(Vec<Total<'c>>, Vec<Total<'c>>),
    /// The mean of a parameter.
    Mean(ParameterView<'c>),
    /// What does not change with time; `None` where the site does not say.
    Fixed(Option<f64>),
}

impl Quantity<'_> {
    fn totals(&self) -> Vec<&Total<'_>> {
        match self {
            Self::Total(total) => vec![total],
            Self::Weighted(parts) => parts.iter().map(|(_, total)| total).collect(),
            Self::Cost(totals) | Self::MeanPower(totals) | Self::PeakPower(totals) => totals.iter().collect(),
            Self::Apparent(active, reactive) => active.iter().chain(reactive).collect(),
            Self::Mean(_) | Self::Fixed(_) => Vec::new(),
        }
    }

    /// Readings that have to be gone through.
    pub(super) fn readings_of(
        &self,
        statistics: Statistics<'_>,
        periods: &[Range<UtcTime>],
        rates: &[Option<Rate>],
    ) -> Result<u64, StoreError> {
        if let Self::Mean(view) = self {
            return statistics.readings_of(*view, periods, &[(None, Function::Avg)]);
        }
        let mut readings = 0_u64;
        for (_, view) in self.totals().iter().flat_map(|total| &total.parts) {
            let count = match self {
                Self::PeakPower(_) => {
                    let mut count = 0_u64;
                    for period in periods {
                        let quarters = quarters(period, statistics);
                        count += statistics.readings_of(*view, &quarters, &[(None, Function::Sum)])?;
                    }
                    count
                }
                _ => statistics.readings_of(*view, periods, &self.cells(statistics, rates))?,
            };
            readings = readings.saturating_add(count);
        }
        Ok(readings)
    }

    /// What has to be known of each total.
    fn cells(&self, statistics: Statistics<'_>, rates: &[Option<Rate>]) -> Vec<Cell> {
        let has_rates = !statistics.series.site.tou.days.is_empty();
        let all = Rate::ALL.into_iter().map(|rate| (Some(rate), Function::Sum));
        match self {
            Self::Cost(_) if has_rates => std::iter::once((None, Function::Sum)).chain(all).collect(),
            Self::Cost(_) => vec![(None, Function::Sum)],
            _ => rates.iter().map(|rate| (*rate, Function::Sum)).collect(),
        }
    }

    /// What it comes to in each of `periods`, at each of `rates`.
    pub(super) fn told(
        &self,
        statistics: Statistics<'_>,
        periods: &[Range<UtcTime>],
        rates: &[Option<Rate>],
    ) -> Result<Vec<Vec<Told>>, StoreError> {
        let cells = self.cells(statistics, rates);
        let now = statistics.series.now;
        let each = |combine: &dyn Fn(&[Told]) -> Told, totals: &[&Total<'_>]| -> Result<_, StoreError> {
            let of_totals = totals.iter().map(|total| total.told(statistics, periods, &cells));
            let of_totals = of_totals.collect::<Result<Vec<_>, StoreError>>()?;
            let cell = |period: usize, cell: usize| {
                let found = of_totals.iter().filter_map(|told| told.get(period)?.get(cell).copied());
                combine(&found.collect::<Vec<_>>())
            };
            let row = |period| (0..cells.len()).map(|at| cell(period, at)).collect::<Vec<_>>();
            Ok((0..periods.len()).map(row).collect::<Vec<_>>())
        };
        match self {
            Self::Fixed(value) => {
                let told = Told { value: *value, ..Told::WHOLE };
                Ok(vec![vec![told; rates.len()]; periods.len()])
            }
            Self::Mean(view) => statistics.told(*view, periods, &[(None, Function::Avg)]),
            Self::Total(total) => total.told(statistics, periods, &cells),
            Self::Weighted(parts) => {
                let weights: Vec<f64> = parts.iter().map(|(weight, _)| *weight).collect();
                each(&|told| weighted(&weights, told), &self.totals())
            }
            Self::Apparent(active, _) => each(&|told| apparent_of(active, told), &self.totals()),
            Self::MeanPower(totals) => {
                let sums = each(&|told| in_base(totals, told), &self.totals())?;
                let mean = |(told, period): (&Vec<Told>, &Range<UtcTime>)| {
                    let hours = hours(now.min(period.end).ms_since(period.start));
                    let mean = |told: &Told| Told { value: mean_of(told.value, hours), ..*told };
                    told.iter().map(mean).collect()
                };
                Ok(sums.iter().zip(periods).map(mean).collect())
            }
            Self::Cost(totals) => {
                let sums = each(&|told| in_base(totals, told), &self.totals())?;
                let tariff = &statistics.series.site.tariff;
                let cost = |told: &Vec<Told>| rates.iter().map(|rate| cost(tariff, told, *rate)).collect();
                Ok(sums.iter().map(cost).collect())
            }
            Self::PeakPower(totals) => {
                let mut rows = Vec::with_capacity(periods.len());
                for period in periods {
                    rows.push(vec![peak(totals, statistics, period)?; rates.len()]);
                }
                Ok(rows)
            }
        }
    }
}

impl Total<'_> {
    /// What all parts come to: the sum of those that are known, as complete as they are on average.
    fn told(
        &self,
        statistics: Statistics<'_>,
        periods: &[Range<UtcTime>],
        cells: &[Cell],
    ) -> Result<Vec<Vec<Told>>, StoreError> {
        let mut of_parts = Vec::with_capacity(self.parts.len());
        for (factor, view) in &self.parts {
            of_parts.push((*factor, statistics.told(*view, periods, cells)?));
        }
        let cell = |period: usize, cell: usize| {
            let found = of_parts
                .iter()
                .map(|(factor, told)| (*factor, told.get(period).and_then(|row| row.get(cell)).copied()));
            sum_of_known(&found.collect::<Vec<_>>())
        };
        let row = |period| (0..cells.len()).map(|at| cell(period, at)).collect();
        Ok((0..periods.len()).map(row).collect())
    }
}

fn sum_of_known(parts: &[(f64, Option<Told>)]) -> Told {
    let value = known_sum(parts.iter().map(|(factor, told)| Some(factor * told.as_ref()?.value?)));
    let all = || parts.iter().map(|(_, told)| told.unwrap_or(Told::NOTHING));
    let worst = all().min_by(|a, b| a.completeness.total_cmp(&b.completeness)).unwrap_or(Told::NOTHING);
    #[expect(clippy::cast_precision_loss, reason = "a site has few points")]
    let completeness = all().map(|told| told.completeness).sum::<f64>() / parts.len().max(1) as f64;
    let revision = all().fold(0_u32, |sum, told| sum.saturating_add(told.revision));
    Told { value, occurred: None, completeness, cause: worst.cause, revision }
}

/// Totals times weights; with a negative weight all of them must be known, and less than nothing is nothing.
fn weighted(weights: &[f64], told: &[Told]) -> Told {
    let parts: Vec<(f64, Option<Told>)> =
        weights.iter().copied().zip(told.iter().copied().map(Some)).collect();
    let sum = sum_of_known(&parts);
    if weights.iter().all(|weight| *weight >= 0.0) {
        return sum;
    }
    let value = weighted_sum(parts.iter().map(|(weight, told)| (*weight, told.and_then(|told| told.value))));
    Told { value: value.map(|value| value.max(0.0)), ..sum }
}

fn in_base(totals: &[Total<'_>], told: &[Told]) -> Told {
    let weights: Vec<f64> = totals.iter().map(Total::base_factor).collect();
    weighted(&weights, told)
}

fn apparent_of(active: &[Total<'_>], told: &[Told]) -> Told {
    let (of_active, of_reactive) = told.split_at(active.len().min(told.len()));
    let (active, reactive) =
        (in_base(active, of_active), weighted(&vec![1.0; of_reactive.len()], of_reactive));
    let value = active.value.zip(reactive.value).map(|(active, reactive)| apparent(active, reactive));
    let worst = if active.completeness <= reactive.completeness { active } else { reactive };
    Told { value, revision: active.revision.saturating_add(reactive.revision), ..worst }
}

fn mean_of(energy: Option<f64>, hours: f64) -> Option<f64> {
    energy.map(|energy| energy / hours).filter(|mean| mean.is_finite())
}

/// What energy costs: all of it first, then at each rate, where there are rates.
fn cost(tariff: &Tariff, energy: &[Told], rate: Option<Rate>) -> Told {
    let [all, of_rates @ ..] = energy else { return Told::NOTHING };
    let at = |rate: Rate| of_rates.get(rate as usize).copied().unwrap_or(Told::NOTHING);
    let price = |amount: f64, rate| match tariff.price_at(rate) {
        Some(price) => Some(amount * price),
        None => (amount.abs() <= DUST).then_some(0.0),
    };
    if let Some(rate) = rate {
        let told = at(rate);
        return Told { value: told.value.and_then(|amount| price(amount, Some(rate))), ..told };
    }
    let Some(total) = all.value else { return *all };
    let amounts = Rate::ALL.map(|rate| (Some(rate), at(rate).value.unwrap_or(0.0)));
    let amounts = if of_rates.is_empty() { [(None, 0.0); Rate::COUNT] } else { amounts };
    let rated: f64 = amounts.iter().map(|(_, amount)| amount).sum();
    let unrated = if (total - rated).abs() <= total.abs() * 1e-9 { 0.0 } else { total - rated };
    let each = amounts.into_iter().chain([(None, unrated)]);
    Told { value: weighted_sum(each.map(|(rate, amount)| (1.0, price(amount, rate)))), ..*all }
}

/// The least completeness of a quarter of an hour that is known in full: shares of time are not exact.
const KNOWN: f64 = 0.999;
/// An amount of energy that is none, but for the last bits of a sum.
const DUST: f64 = 1e-6;

fn quarters(period: &Range<UtcTime>, statistics: Statistics<'_>) -> Vec<Range<UtcTime>> {
    let pieces = Period::QuarterHour.cut(period, statistics.series.site.cems.offset, 1);
    pieces.take_while(|quarter| quarter.start < statistics.series.now).collect()
}

/// The greatest mean power of a quarter of an hour.
fn peak(
    totals: &[Total<'_>],
    statistics: Statistics<'_>,
    period: &Range<UtcTime>,
) -> Result<Told, StoreError> {
    let quarters = quarters(period, statistics);
    let cells = [(None, Function::Sum)];
    let of_totals = totals.iter().map(|total| total.told(statistics, &quarters, &cells));
    let of_totals = of_totals.collect::<Result<Vec<_>, StoreError>>()?;
    let mut peak = Told::NOTHING;
    let mut shares = 0.0;
    for (number, quarter) in quarters.iter().enumerate() {
        let found = of_totals.iter().filter_map(|told| told.get(number)?.first().copied());
        let told = in_base(totals, &found.collect::<Vec<_>>());
        let length_ms = length_ms(quarter);
        shares += told.completeness * length_ms;
        peak.revision = peak.revision.saturating_add(told.revision);
        peak.cause = peak.cause.or(told.cause);
        // A part of a quarter hour says nothing about what it would have come to.
        let is_known = told.completeness >= KNOWN;
        let mean = mean_of(told.value, hours(quarter.end.ms_since(quarter.start))).filter(|_| is_known);
        if mean.is_some_and(|mean| peak.value.is_none_or(|peak| mean > peak)) {
            peak.value = mean;
            peak.occurred = Some(quarter.start);
        }
    }
    peak.completeness = (shares / length_ms(period)).min(1.0);
    Ok(peak)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: Option<f64>, completeness: f64) -> Told {
        Told { value, completeness, ..Told::WHOLE }
    }

    #[test]
    fn a_total_is_what_is_known_of_it_and_tells_how_much_that_is() {
        let parts = [(1.0, Some(told(Some(5.0), 1.0))), (1_000.0, Some(told(None, 0.0)))];
        assert_eq!(sum_of_known(&parts), told(Some(5.0), 0.5));
        assert_eq!(sum_of_known(&[(1.0, None)]).value, None);
        assert_eq!(sum_of_known(&[]), Told::NOTHING);
    }

    #[test]
    fn a_difference_needs_both_and_is_never_less_than_nothing() {
        let known = [told(Some(5.0), 1.0), told(Some(7.0), 1.0)];
        assert_eq!(weighted(&[1.0, -1.0], &known).value, Some(0.0));
        assert_eq!(weighted(&[-1.0, 1.0], &known).value, Some(2.0));
        assert_eq!(weighted(&[1.0, -1.0], &[told(Some(5.0), 1.0), told(None, 0.0)]).value, None);
        assert_eq!(weighted(&[1.0, 1.0], &[told(Some(5.0), 1.0), told(None, 0.0)]).value, Some(5.0));
    }

    #[test]
    fn energy_costs_what_its_rate_does_and_nothing_is_guessed_without_a_price() {
        let mut tariff = Tariff::default();
        let energy = |amounts: [f64; 6]| amounts.map(|amount| told(Some(amount), 1.0));
        let all = energy([10.0, 1.0, 2.0, 3.0, 4.0, 0.0]);
        assert_eq!(cost(&tariff, &all, None).value, None);
        tariff.rates = [Some(2.0), Some(1.0), Some(0.5), Some(0.25), None];
        assert_eq!(cost(&tariff, &all, None).value, Some(6.5));
        assert_eq!(cost(&tariff, &all, Some(Rate::Flat)).value, Some(1.5));
        let without_rate = energy([12.0, 1.0, 2.0, 3.0, 4.0, 0.0]);
        assert_eq!(cost(&tariff, &without_rate, None).value, None);
        tariff.price = Some(0.1);
        assert_eq!(cost(&tariff, &without_rate, None).value, Some(6.7));
        assert_eq!(cost(&tariff, &[told(Some(10.0), 1.0)], None).value, Some(1.0), "a flat price");
        assert_eq!(cost(&tariff, &[told(None, 0.0)], None).value, None);
    }
}
