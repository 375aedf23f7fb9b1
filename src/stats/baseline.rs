//! Baselines: what a site would have taken, had it not been asked to take more or less.
//!
//! The rules are those of provinces and differ, so each is one row of a table. All of them leave out
//! days on which the site took part in an event, days with a power cut and days that were not measured
//! well enough, and look further back for others instead; none invents a day.

use jiff::Span;
use jiff::civil::Date;

use crate::limits;
use crate::model::demand_response::{Baseline, BaselineMethod, NoBaseline, WorkCalendar};

/// How much of a day must have been measured.
const DAY_COMPLETENESS_MIN: f64 = 0.95;

/// How a baseline is made of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    /// Days that are looked for.
    wanted: usize,
    /// Days that are passed over first.
    passed_over: i32,
    keep: Keep,
}

/// Which of the days found are averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    All,
    /// So many with the most energy.
    Greatest(usize),
    /// All but the one with the most and the one with the least energy.
    WithoutExtremes,
}

/// The rule of a method; `None` for one that uses no days.
const fn rule(method: BaselineMethod) -> Option<Rule> {
    Some(match method {
        BaselineMethod::LastFive => Rule { wanted: 5, passed_over: 0, keep: Keep::All },
        BaselineMethod::TopFiveOfTen => Rule { wanted: 10, passed_over: 1, keep: Keep::Greatest(5) },
        BaselineMethod::TrimmedTen => Rule { wanted: 10, passed_over: 0, keep: Keep::WithoutExtremes },
        BaselineMethod::QuarterBefore => return None,
    })
}

/// Where samples are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// How the baseline is made.
    pub method: BaselineMethod,
    /// Which days are working days.
    pub calendar: &'a WorkCalendar,
    /// The day of the event, which tells what kind of day is wanted.
    pub event_day: Date,
    /// The day before which samples lie.
    pub before: Date,
    /// Days on which the site took part in an event.
    pub response_days: &'a [Date],
}

/// What was measured on one day.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleDay {
    /// The load of each quarter of an hour of the event's time of day, in kW.
    pub load_kw: Vec<Option<f64>>,
    /// The energy of the whole day, in kWh.
    pub energy_kwh: f64,
    /// How much of the whole day was measured, 0 to 1.
    pub completeness: f64,
    /// Whether the power was off.
    pub had_power_cut: bool,
}

impl SampleDay {
    /// The loads, where the day may be a sample.
    fn usable(self) -> Option<(f64, Vec<f64>)> {
        let is_good = !self.had_power_cut && self.completeness >= DAY_COMPLETENESS_MIN;
        let load_kw: Option<Vec<f64>> = self.load_kw.into_iter().collect();
        load_kw.filter(|_| is_good).map(|load_kw| (self.energy_kwh, load_kw))
    }
}

/// A day that is a sample.
struct Sample {
    date: Date,
    energy_kwh: f64,
    load_kw: Vec<f64>,
}

/// The mean of days before the event; what was measured on each that may be one is asked of `measured`,
/// the newest first.
///
/// # Errors
/// The first error of `measured`.
pub fn of_days<E>(
    search: &Search<'_>,
    mut measured: impl FnMut(Date) -> Result<SampleDay, E>,
) -> Result<Result<Baseline, NoBaseline>, E> {
    let Some(rule) = rule(search.method) else { return Ok(Err(NoBaseline::NothingBefore)) };
    let mut found: Vec<Sample> = Vec::new();
    for date in candidates(search, rule) {
        if found.len() >= rule.wanted {
            break;
        }
        if let Some((energy_kwh, load_kw)) = measured(date)?.usable() {
            found.push(Sample { date, energy_kwh, load_kw });
        }
    }
    if found.len() < rule.wanted {
        let count = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
        return Ok(Err(NoBaseline::TooFewDays { found: count(found.len()), wanted: count(rule.wanted) }));
    }
    Ok(Ok(mean(kept(found, rule.keep))))
}

/// The load of the quarter of an hour before the event, all through its `quarters`.
///
/// # Errors
/// When that load is not known.
pub fn of_quarter_before(load_kw: Option<f64>, quarters: usize) -> Result<Baseline, NoBaseline> {
    let load_kw = load_kw.ok_or(NoBaseline::NothingBefore)?;
    Ok(Baseline { dates: Vec::new(), load_kw: vec![load_kw; quarters] })
}

/// Days that may be samples by the calendar, the newest first.
fn candidates(search: &Search<'_>, rule: Rule) -> impl Iterator<Item = Date> {
    let Search { calendar, before, response_days, .. } = *search;
    let kind = calendar.is_working(search.event_day);
    let reach = i32::try_from(limits::DR_SAMPLE_DAYS_MAX).unwrap_or(i32::MAX);
    let back = (1 + rule.passed_over)..=reach;
    let dates = back.filter_map(move |days| before.checked_sub(Span::new().days(days)).ok());
    dates.filter(move |date| calendar.is_working(*date) == kind && !response_days.contains(date))
}

fn kept(mut found: Vec<Sample>, keep: Keep) -> Vec<Sample> {
    if keep == Keep::All {
        return found;
    }
    // Of equal days the newer one counts as the one with more.
    found.sort_by(|a, b| b.energy_kwh.total_cmp(&a.energy_kwh));
    match keep {
        Keep::All => {}
        Keep::Greatest(count) => found.truncate(count),
        Keep::WithoutExtremes => {
            found.pop();
            found.drain(..found.len().min(1));
        }
    }
    found
}

#[expect(clippy::cast_precision_loss, reason = "a handful of days")]
fn mean(mut samples: Vec<Sample>) -> Baseline {
    samples.sort_by_key(|sample| sample.date);
    let quarters = samples.first().map_or(0, |sample| sample.load_kw.len());
    let of_quarter = |quarter: usize| {
        let loads = samples.iter().filter_map(|sample| sample.load_kw.get(quarter));
        to_milliwatts(loads.sum::<f64>() / samples.len() as f64)
    };
    Baseline {
        load_kw: (0..quarters).map(of_quarter).collect(),
        dates: samples.iter().map(|sample| sample.date).collect(),
    }
}

/// A power without the last bits of sums and quotients, which are no measurement and would decide
/// whether a promise was kept.
#[must_use]
pub fn to_milliwatts(power_kw: f64) -> f64 {
    const MILLIWATTS_A_KILOWATT: f64 = 1e6;
    if power_kw.abs() < limits::DR_AMOUNT_MAX {
        (power_kw * MILLIWATTS_A_KILOWATT).round() / MILLIWATTS_A_KILOWATT
    } else {
        power_kw
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    const METHODS: [BaselineMethod; 3] =
        [BaselineMethod::LastFive, BaselineMethod::TopFiveOfTen, BaselineMethod::TrimmedTen];

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn good(load_kw: f64, energy_kwh: f64) -> SampleDay {
        SampleDay { load_kw: vec![Some(load_kw); 2], energy_kwh, completeness: 1.0, had_power_cut: false }
    }

    fn search<'a>(method: BaselineMethod, calendar: &'a WorkCalendar, responses: &'a [Date]) -> Search<'a> {
        let event_day = date("2024-08-06");
        Search { method, calendar, event_day, before: event_day, response_days: responses }
    }

    fn found(
        search: &Search<'_>,
        measured: impl Fn(Date) -> SampleDay,
    ) -> Result<(Vec<String>, Vec<f64>), NoBaseline> {
        let baseline = of_days(search, |day| Ok::<_, Infallible>(measured(day))).unwrap()?;
        Ok((baseline.dates.iter().map(|day| day.strftime("%m-%d").to_string()).collect(), baseline.load_kw))
    }

    #[test]
    fn the_last_five_workdays_of_the_worked_example_pass_over_the_weekend() {
        let calendar = WorkCalendar::default();
        let search = search(BaselineMethod::LastFive, &calendar, &[]);
        let (days, load) = found(&search, |day| good(f64::from(day.day()), 1.0)).unwrap();
        assert_eq!(days, ["07-30", "07-31", "08-01", "08-02", "08-05"]);
        assert_eq!(load, [f64::from(30 + 31 + 1 + 2 + 5) / 5.0; 2]);
    }

    #[test]
    fn each_method_averages_the_days_that_its_rule_says() {
        let calendar = WorkCalendar::default();
        // The later the day of the month, the more energy.
        let measured = |day: Date| good(1.0, f64::from(day.day()));
        let days = |method| found(&search(method, &calendar, &[]), measured).unwrap().0;
        assert_eq!(
            days(BaselineMethod::TopFiveOfTen),
            ["07-25", "07-26", "07-29", "07-30", "07-31"],
            "the day before is passed over"
        );
        assert_eq!(
            days(BaselineMethod::TrimmedTen),
            ["07-24", "07-25", "07-26", "07-29", "07-30", "08-02", "08-05", "07-23"]
                .iter()
                .copied()
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>(),
            "the 31st has the most and the 1st the least"
        );
        let before = of_quarter_before(Some(7.5), 3);
        assert_eq!(before, Ok(Baseline { dates: vec![], load_kw: vec![7.5; 3] }));
        assert_eq!(of_quarter_before(None, 3), Err(NoBaseline::NothingBefore));
    }

    #[test]
    fn a_day_that_is_no_fair_sample_is_replaced_by_one_further_back() {
        let calendar = WorkCalendar {
            holidays: vec![date("2024-08-02")],
            make_up_workdays: vec![date("2024-08-03")],
            ..WorkCalendar::default()
        };
        let responses = [date("2024-08-01")];
        let measured = |day: Date| match day.day() {
            5 => SampleDay { had_power_cut: true, ..good(1.0, 1.0) },
            31 => SampleDay { completeness: 0.949, ..good(1.0, 1.0) },
            30 => SampleDay { load_kw: vec![Some(1.0), None], ..good(1.0, 1.0) },
            29 => SampleDay { completeness: 0.95, ..good(1.0, 1.0) },
            _ => good(1.0, 1.0),
        };
        let search = search(BaselineMethod::LastFive, &calendar, &responses);
        assert_eq!(found(&search, measured).unwrap().0, ["07-24", "07-25", "07-26", "07-29", "08-03"]);
    }

    #[test]
    fn an_event_on_a_day_of_rest_is_measured_against_days_of_rest() {
        let calendar = WorkCalendar::default();
        let event_day = date("2024-08-10");
        let search =
            Search { event_day, before: event_day, ..search(BaselineMethod::LastFive, &calendar, &[]) };
        let days = found(&search, |_| good(1.0, 1.0)).unwrap().0;
        assert_eq!(days, ["07-21", "07-27", "07-28", "08-03", "08-04"].map(str::to_owned));
    }

    #[test]
    fn too_few_days_are_told_and_nobody_looks_further_back_than_45() {
        let calendar = WorkCalendar::default();
        let mut oldest = date("2024-08-06");
        let outcome = of_days(&search(BaselineMethod::LastFive, &calendar, &[]), |day| {
            oldest = oldest.min(day);
            let completeness = if day >= date("2024-08-01") { 1.0 } else { 0.0 };
            Ok::<_, Infallible>(SampleDay { completeness, ..good(1.0, 1.0) })
        });
        assert_eq!(outcome.unwrap(), Err(NoBaseline::TooFewDays { found: 3, wanted: 5 }));
        assert_eq!(oldest, date("2024-06-24"), "45 days before are a Saturday");
    }

    #[test]
    fn what_cannot_be_read_is_no_day_without_load() {
        let calendar = WorkCalendar::default();
        let failed = of_days(&search(BaselineMethod::LastFive, &calendar, &[]), |_| Err("the store"));
        assert_eq!(failed, Err("the store"));
    }

    proptest! {
        #[test]
        fn every_method_agrees_with_listing_all_days_first(
            loads in prop::collection::vec((0_u32..100, 0_u32..6), 45),
            place in 0_usize..3, responded in prop::collection::vec(1_i64..45, 0..5),
        ) {
            let (method, calendar) = (METHODS[place], WorkCalendar::default());
            let event_day = date("2024-08-06");
            let back = |days: i64| event_day.checked_sub(Span::new().days(days)).unwrap();
            let responses: Vec<Date> = responded.iter().map(|days| back(*days)).collect();
            let all: BTreeMap<Date, SampleDay> = loads.iter().zip(1..).map(|((load, fate), days)| {
                let day = good(f64::from(*load), f64::from(*load));
                let day = match fate {
                    0 => SampleDay { had_power_cut: true, ..day },
                    1 => SampleDay { completeness: 0.5, ..day },
                    _ => day,
                };
                (back(days), day)
            }).collect();
            let outcome = found(&search(method, &calendar, &responses), |day| all[&day].clone());

            let (wanted, skip) = match method { BaselineMethod::LastFive => (5, 1), BaselineMethod::TopFiveOfTen => (10, 2), _ => (10, 1) };
            let mut naive: Vec<f64> = all.iter().rev()
                .filter(|(day, _)| **day <= back(skip) && !responses.contains(day))
                .filter(|(day, _)| !matches!(day.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday))
                .filter(|(_, of)| !of.had_power_cut && of.completeness >= 0.95)
                .map(|(_, of)| of.energy_kwh).take(wanted).collect();
            if naive.len() < wanted {
                prop_assert!(outcome.is_err());
                return Ok(());
            }
            naive.sort_by(f64::total_cmp);
            let naive = match method {
                BaselineMethod::LastFive => &naive[..],
                BaselineMethod::TopFiveOfTen => &naive[5..],
                _ => &naive[1..9],
            };
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let mean = naive.iter().sum::<f64>() / naive.len() as f64;
            let (days, load) = outcome.unwrap();
            prop_assert_eq!(days.len(), naive.len());
            prop_assert!(days.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!((load[0] - mean).abs() < 1e-6, "{} against {mean}", load[0]);
        }
    }
}
