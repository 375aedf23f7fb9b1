//! Responses: what came of an event, held against its baseline.
//!
//! Peak clipping is measured downwards from the baseline; valley filling and the absorption of clean
//! energy upwards, with minima in the place of maxima.

use super::baseline::to_milliwatts;
use crate::model::demand_response::{ResponseType, ValidityRule};

/// The part of a promise that has to be kept.
const KEPT_SHARE_MIN: f64 = 0.8;
/// Minutes for which it has to be kept by the second rule.
const KEPT_MINUTES_MIN: u32 = 60;
/// Minutes of one value.
const QUARTER_MINUTES: u32 = 15;
/// Half a milliwatt: what lies nearer to a threshold than that is on it.
const TOLERANCE_KW: f64 = 5e-7;

/// What was promised, and how it is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// What was asked for.
    pub response: ResponseType,
    /// What was promised, in kW.
    pub promised_kw: f64,
    /// When the answer counts.
    pub rule: ValidityRule,
    /// What a kilowatt-hour is worth.
    pub price_per_kwh: Option<f64>,
}

/// The extremes and the mean of a load, in kW.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadRange {
    /// The greatest.
    pub max_kw: f64,
    /// The mean.
    pub mean_kw: f64,
    /// The least.
    pub min_kw: f64,
}

/// What came of an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Response {
    /// The baseline.
    pub baseline: LoadRange,
    /// What was measured; `None` where nothing was.
    pub actual: Option<LoadRange>,
    /// By how much the mean moved as it should, in kW; negative where it moved the other way.
    pub moved_kw: Option<f64>,
    /// The energy of that, in kWh; only where every quarter of an hour was measured.
    pub energy_kwh: Option<f64>,
    /// What was promised and kept, 1 being all.
    pub rate: Option<f64>,
    /// Minutes in which the promise was kept by 80 %.
    pub kept_minutes: u32,
    /// Whether the answer counts; only where every quarter of an hour was measured.
    pub counts: Option<bool>,
    /// What it is worth; only where it counts and a price is known.
    pub worth: Option<f64>,
    /// Quarters of an hour that nobody measured.
    pub missing_quarters: usize,
}

impl LoadRange {
    /// That of some loads; `None` of none.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a day has 96 quarters of an hour")]
    pub fn of(load_kw: &[f64]) -> Option<Self> {
        let max_kw = load_kw.iter().copied().reduce(f64::max)?;
        let min_kw = load_kw.iter().copied().reduce(f64::min)?;
        let mean_kw = to_milliwatts(load_kw.iter().sum::<f64>() / load_kw.len() as f64);
        Some(Self { max_kw, mean_kw, min_kw })
    }

    /// The load that an answer is about: the peak, or the valley.
    const fn extreme_kw(self, response: ResponseType) -> f64 {
        if response.is_more() { self.min_kw } else { self.max_kw }
    }
}

impl Terms {
    /// How far a load has moved as it should.
    #[must_use]
    pub fn moved_kw(&self, baseline_kw: f64, actual_kw: f64) -> f64 {
        let less_kw = to_milliwatts(baseline_kw - actual_kw);
        // Adding zero turns -0 into 0.
        if self.response.is_more() { -less_kw + 0.0 } else { less_kw + 0.0 }
    }

    /// Whether so much is what was promised, but for a fifth.
    #[must_use]
    pub fn is_kept_by(&self, moved_kw: f64) -> bool {
        moved_kw + TOLERANCE_KW >= KEPT_SHARE_MIN * self.promised_kw
    }

    /// The part of what was promised.
    #[must_use]
    pub fn rate(&self, moved_kw: f64) -> Option<f64> {
        (self.promised_kw > 0.0).then(|| moved_kw / self.promised_kw)
    }

    /// What came of the event: `actual_kw` has an entry for each of `baseline_kw`. `None` where there is
    /// no baseline at all. Where quarters of an hour are missing, what is told is about the others, and
    /// neither the energy nor whether the answer counts is.
    #[must_use]
    pub fn judge(&self, baseline_kw: &[f64], actual_kw: &[Option<f64>]) -> Option<Response> {
        let baseline = LoadRange::of(baseline_kw)?;
        let of_quarter = |place: usize| actual_kw.get(place).copied().flatten();
        let both =
            || baseline_kw.iter().enumerate().filter_map(|(place, base)| Some((*base, of_quarter(place)?)));
        let (base, loads): (Vec<f64>, Vec<f64>) = both().unzip();
        let missing_quarters = baseline_kw.len() - loads.len();
        let actual = LoadRange::of(&loads);
        let fair = LoadRange::of(&base).zip(actual);
        let moved_kw = fair.map(|(base, actual)| self.moved_kw(base.mean_kw, actual.mean_kw));
        let kept = both().filter(|(base, load)| self.is_kept_by(self.moved_kw(*base, *load))).count();
        let kept_minutes = u32::try_from(kept).unwrap_or(u32::MAX).saturating_mul(QUARTER_MINUTES);
        let whole = fair.zip(moved_kw).filter(|_| missing_quarters == 0);
        let counts = whole.map(|((base, actual), moved)| self.counts(base, actual, moved, kept_minutes));
        let energy_kwh = whole.map(|(_, moved)| to_milliwatts(moved * hours(baseline_kw.len())));
        let paid = energy_kwh.zip(self.price_per_kwh).filter(|_| counts == Some(true));
        Some(Response {
            baseline,
            actual,
            moved_kw,
            energy_kwh,
            rate: moved_kw.and_then(|moved| self.rate(moved)),
            kept_minutes,
            counts,
            worth: paid.map(|(energy, price)| energy * price),
            missing_quarters,
        })
    }

    fn counts(&self, baseline: LoadRange, actual: LoadRange, moved_kw: f64, kept_minutes: u32) -> bool {
        let extreme_moved_kw =
            self.moved_kw(baseline.extreme_kw(self.response), actual.extreme_kw(self.response));
        match self.rule {
            ValidityRule::ExtremeAndMean => {
                extreme_moved_kw + TOLERANCE_KW >= self.promised_kw && self.is_kept_by(moved_kw)
            }
            ValidityRule::MeanForAnHour => {
                extreme_moved_kw > 0.0
                    && moved_kw > 0.0
                    && self.is_kept_by(moved_kw)
                    && kept_minutes >= KEPT_MINUTES_MIN
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a day has 96 quarters of an hour")]
fn hours(quarters: usize) -> f64 {
    quarters as f64 / 4.0
}

/// What several events came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Responses {
    /// Events that the site took part in.
    pub events: u32,
    /// Of these, those that clipped a peak.
    pub peak_clippings: u32,
    /// Of these, those that filled a valley or took clean energy up.
    pub valley_fillings: u32,
    /// Of these, those of which it is known whether they count.
    pub judged: u32,
    /// Of these, those that count.
    pub counting: u32,
    /// By how much the means moved, in kW.
    pub moved_kw: f64,
    /// The energy of that, in kWh.
    pub energy_kwh: f64,
    /// What it is worth.
    pub worth: f64,
}

impl Responses {
    /// Takes one event in that the site took part in; `None` where nothing is known of what came of it.
    pub fn add(&mut self, kind: ResponseType, response: Option<&Response>) {
        self.events += 1;
        if kind.is_more() {
            self.valley_fillings += 1;
        } else {
            self.peak_clippings += 1;
        }
        let Some(response) = response else { return };
        self.judged += u32::from(response.counts.is_some());
        self.counting += u32::from(response.counts == Some(true));
        // What is not known in whole does not count by halves.
        if let (Some(moved_kw), Some(energy_kwh)) = (response.moved_kw, response.energy_kwh) {
            self.moved_kw += moved_kw;
            self.energy_kwh += energy_kwh;
        }
        self.worth += response.worth.unwrap_or(0.0);
    }

    /// The part of the events judged that count; `None` where none was judged.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        (self.judged > 0).then(|| f64::from(self.counting) / f64::from(self.judged))
    }

    /// The part of the events of which it is known whether they count, 0 to 1.
    #[must_use]
    pub fn completeness(&self) -> f64 {
        if self.events == 0 { 1.0 } else { f64::from(self.judged) / f64::from(self.events) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASELINE: [f64; 8] = [2380.0, 2395.0, 2410.0, 2465.0, 2440.0, 2400.0, 2370.0, 2340.0];
    const ACTUAL: [f64; 8] = [2010.0, 1990.0, 1975.0, 1960.0, 1950.0, 1945.0, 1950.0, 1940.0];
    const RULES: [ValidityRule; 2] = [ValidityRule::ExtremeAndMean, ValidityRule::MeanForAnHour];

    fn terms(rule: ValidityRule) -> Terms {
        Terms { response: ResponseType::PeakClipping, promised_kw: 450.0, rule, price_per_kwh: Some(2.0) }
    }

    fn measured(load_kw: &[f64]) -> Vec<Option<f64>> {
        load_kw.iter().copied().map(Some).collect()
    }

    fn range(max_kw: f64, mean_kw: f64, min_kw: f64) -> LoadRange {
        LoadRange { max_kw, mean_kw, min_kw }
    }

    #[test]
    fn the_worked_example_comes_out_exactly_by_either_rule() {
        for rule in RULES {
            let found = terms(rule).judge(&BASELINE, &measured(&ACTUAL)).unwrap();
            let expected = Response {
                baseline: range(2465.0, 2400.0, 2340.0),
                actual: Some(range(2010.0, 1965.0, 1940.0)),
                moved_kw: Some(435.0),
                energy_kwh: Some(870.0),
                rate: Some(435.0 / 450.0),
                kept_minutes: 120,
                counts: Some(true),
                worth: Some(1740.0),
                missing_quarters: 0,
            };
            assert_eq!(found, expected, "{rule:?}");
            assert_eq!(format!("{:.4}", found.rate.unwrap()), "0.9667");
        }
    }

    #[test]
    fn filling_a_valley_is_the_same_seen_in_a_mirror() {
        for rule in RULES {
            let mirrored = |load: &[f64]| load.iter().map(|kw| 5_000.0 - kw).collect::<Vec<f64>>();
            let filling = Terms { response: ResponseType::ValleyFilling, ..terms(rule) };
            let up = filling.judge(&mirrored(&BASELINE), &measured(&mirrored(&ACTUAL))).unwrap();
            let down = terms(rule).judge(&BASELINE, &measured(&ACTUAL)).unwrap();
            assert_eq!((up.moved_kw, up.energy_kwh, up.rate), (down.moved_kw, down.energy_kwh, down.rate));
            assert_eq!((up.counts, up.kept_minutes, up.worth), (down.counts, down.kept_minutes, down.worth));
            assert_eq!(up.baseline, range(2660.0, 2600.0, 2535.0));
            let absorbing = Terms { response: ResponseType::Absorption, ..filling };
            let absorbed = absorbing.judge(&mirrored(&BASELINE), &measured(&mirrored(&ACTUAL)));
            assert_eq!(absorbed, Some(up));
        }
    }

    #[test]
    fn each_rule_is_broken_by_what_it_forbids() {
        let flat = |load_kw: f64| vec![load_kw; 8];
        // (rule, promised, actual, counts)
        for (rule, promised_kw, actual, counts) in [
            (ValidityRule::ExtremeAndMean, 455.0, ACTUAL.to_vec(), true),
            (ValidityRule::ExtremeAndMean, 456.0, ACTUAL.to_vec(), false),
            (ValidityRule::ExtremeAndMean, 300.0, flat(2160.0), true),
            // The mean has moved by 240 of 301 kW.
            (ValidityRule::ExtremeAndMean, 301.0, flat(2160.0), false),
            (ValidityRule::MeanForAnHour, 543.75, ACTUAL.to_vec(), true),
            (ValidityRule::MeanForAnHour, 543.76, ACTUAL.to_vec(), false),
            (ValidityRule::MeanForAnHour, 450.0, flat(2465.0), false),
            // One quarter of an hour still reaches the peak of the baseline.
            (ValidityRule::MeanForAnHour, 450.0, [vec![2465.0], flat(1900.0)[..7].to_vec()].concat(), false),
            // Half an hour without any load makes a mean, and no hour.
            (ValidityRule::MeanForAnHour, 450.0, [vec![0.0; 2], flat(2390.0)[..6].to_vec()].concat(), false),
        ] {
            let terms = Terms { promised_kw, ..terms(rule) };
            let found = terms.judge(&BASELINE, &measured(&actual)).unwrap();
            assert_eq!(found.counts, Some(counts), "{rule:?} {promised_kw} {actual:?}");
            assert_eq!(found.worth.is_some(), counts);
        }
    }

    #[test]
    fn what_nobody_measured_is_neither_energy_nor_money() {
        let mut actual = measured(&ACTUAL);
        actual[0] = None;
        let found = terms(ValidityRule::MeanForAnHour).judge(&BASELINE, &actual).unwrap();
        assert_eq!((found.missing_quarters, found.kept_minutes), (1, 105));
        assert_eq!((found.energy_kwh, found.counts, found.worth), (None, None, None));
        assert_eq!(found.actual.map(|actual| actual.max_kw), Some(1990.0));
        // Held against the baseline of the same seven.
        assert!((found.moved_kw.unwrap() - 3_110.0 / 7.0).abs() < 1e-6);
        let nothing = terms(ValidityRule::MeanForAnHour).judge(&BASELINE, &[]).unwrap();
        assert_eq!((nothing.actual, nothing.moved_kw, nothing.rate), (None, None, None));
        assert_eq!(terms(ValidityRule::MeanForAnHour).judge(&[], &[]), None);
    }

    #[test]
    fn several_events_are_summed_up_and_told_how_well_they_are_known() {
        let whole = terms(ValidityRule::MeanForAnHour).judge(&BASELINE, &measured(&ACTUAL)).unwrap();
        let failed = Response { counts: Some(false), worth: None, ..whole };
        let mut all = Responses::default();
        assert_eq!((all.accuracy(), all.completeness()), (None, 1.0));
        all.add(ResponseType::PeakClipping, Some(&whole));
        all.add(ResponseType::ValleyFilling, Some(&failed));
        all.add(ResponseType::PeakClipping, None);
        assert_eq!((all.events, all.peak_clippings, all.valley_fillings), (3, 2, 1));
        assert_eq!((all.moved_kw, all.energy_kwh, all.worth), (870.0, 1740.0, 1740.0));
        assert_eq!(all.accuracy(), Some(0.5));
        assert!((all.completeness() - 2.0 / 3.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn a_whole_answer_agrees_with_plain_sums(
            loads in prop::collection::vec((0_u32..4_000, 0_u32..4_000), 1..97), promised in 1_u32..2_000, more in any::<bool>(),
        ) {
            let response = if more { ResponseType::ValleyFilling } else { ResponseType::PeakClipping };
            let promised_kw = f64::from(promised);
            let terms = Terms { response, promised_kw, rule: ValidityRule::MeanForAnHour, price_per_kwh: Some(1.5) };
            let (baseline, actual): (Vec<f64>, Vec<f64>) = loads.iter().map(|(b, a)| (f64::from(*b), f64::from(*a))).unzip();
            let found = terms.judge(&baseline, &measured(&actual)).unwrap();
            let sign = if more { -1.0 } else { 1.0 };
            let energy: f64 = baseline.iter().zip(&actual).map(|(b, a)| sign * (b - a) / 4.0).sum();
            prop_assert!((found.energy_kwh.unwrap() - energy).abs() < 1e-3, "{:?} {energy}", found.energy_kwh);
            let kept = baseline.iter().zip(&actual).filter(|(b, a)| sign * (*b - *a) >= 0.8 * promised_kw - 1e-9).count();
            prop_assert_eq!(found.kept_minutes as usize, 15 * kept);
            let fits = found.moved_kw.unwrap() >= 0.8 * promised_kw - 1e-6 && kept >= 4;
            let extreme = |load: &[f64]| load.iter().copied().fold(f64::NEG_INFINITY, |e, l| e.max(sign * l));
            let better = extreme(&actual) < extreme(&baseline);
            prop_assert_eq!(found.counts, Some(fits && better));
        }
    }
}
