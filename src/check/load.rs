//! How busy the reads of a site keep a line, and which interval it could keep instead.

use std::time::Duration;

use crate::config::site::Site;
use crate::modbus::plan::{CostModel, PlannedRead};
use crate::model::meter::{Line, Meter};
use crate::model::overload::Overload;
use crate::poll::job::reads_together;
use crate::time::Interval;

/// Share of a line's time above which a slow meter or a retry makes cycles late.
pub(super) const BUSY_SHARE_MAX: f64 = 0.8;
/// Intervals that people choose, in milliseconds.
const USUAL_MS: [i64; 16] = [
    1_000, 2_000, 5_000, 10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000,
    1_800_000, 3_600_000, 21_600_000, 86_400_000,
];

/// What a meter is read for at one interval, and what that costs together with all that is due more often.
pub(super) struct Turn {
    pub(super) interval: Interval,
    pub(super) reads: Vec<PlannedRead>,
    /// The share of the line's time that its ticks take.
    pub(super) share: f64,
}

/// The turns of a meter, the fastest first. Where an interval is a whole multiple of the one before, what is
/// due is read together, so that only what comes to it counts.
pub(super) fn turns(site: &Site, meter: &Meter, cost: &CostModel) -> Vec<Turn> {
    let together = reads_together(site, meter, cost);
    let share = |reads: &[PlannedRead], interval: Interval| {
        cost.totals(reads).time.div_duration_f64(interval.as_duration())
    };
    let mut turns: Vec<Turn> = Vec::with_capacity(together.len());
    for (interval, alone, with_faster) in together {
        let before = turns.last().map(|turn| turn.interval);
        let joins = before.is_some_and(|before| interval.as_ms() % before.as_ms() == 0);
        let share = match turns.last_mut().filter(|_| joins) {
            // At these ticks the faster reads are part of the common ones.
            Some(faster) => {
                faster.share -= share(&faster.reads, interval);
                share(&with_faster, interval)
            }
            None => share(&alone, interval),
        };
        turns.push(Turn { interval, reads: if joins { with_faster } else { alone }, share });
    }
    turns
}

/// Why `line` cannot keep the intervals of its meters; `None` where it can.
pub(super) fn overload(site: &Site, line: &Line) -> Option<Overload> {
    let cost = CostModel::of_line(line);
    let meters = site.meters.iter().filter(|meter| meter.line_id == line.id);
    let turns: Vec<(&Meter, Turn)> = meters
        .flat_map(|meter| turns(site, meter, &cost).into_iter().map(move |turn| (meter, turn)))
        .collect();
    let share: f64 = turns.iter().map(|(_, turn)| turn.share).sum();
    if share <= 1.0 {
        return None;
    }
    let shortest = turns.iter().map(|(_, turn)| turn.interval).min()?;
    let fastest = || turns.iter().filter(|(_, turn)| turn.interval == shortest);
    let fast_share: f64 = fastest().map(|(_, turn)| turn.share).sum();
    let left = BUSY_SHARE_MAX - (share - fast_share);
    let needed = (left > 0.0).then(|| shortest.as_duration().mul_f64(fast_share / left));
    Some(Overload {
        line_id: line.id.clone(),
        share,
        shortest,
        meters: fastest().map(|(meter, _)| meter.id.clone()).collect(),
        possible: needed.and_then(usual_interval),
    })
}

/// The shortest usual interval that is no shorter than `needed`.
fn usual_interval(needed: Duration) -> Option<Interval> {
    let usual = USUAL_MS
        .into_iter()
        .find(|ms| i128::from(*ms) >= i128::try_from(needed.as_millis()).unwrap_or(i128::MAX));
    usual.and_then(Interval::from_ms)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    /// A line of so many meters, each with registers at these places and intervals.
    fn site(meters: usize, values: &[(u16, &str)]) -> Site {
        let mut text = String::from("[[line]]\nid = 'bus'\nkind = 'rtu'\nport = '/dev/ttyS1'\n");
        for meter in 1..=meters {
            write!(
                text,
                "[[meter]]\nid = 'm-{meter}'\nline = 'bus'\nunit = {meter}\n\
                 [[point]]\nid = 'P-{meter}'\nname = 'p'\ncategory = 'G'\nrole = 'sub'\nmeter = 'm-{meter}'\n"
            )
            .unwrap();
            for (address, interval) in values {
                write!(
                    text,
                    "[[point.parameter]]\nid = 'V{address}'\ninterval = '{interval}'\nunit = 'kW'\n\
                     register = {{ table = 'input', address = {address}, type = 'f32' }}\n\
                     reading_type = '0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0'\n"
                )
                .unwrap();
            }
        }
        crate::config::site_with(&text).unwrap()
    }

    fn overload_of(meters: usize, values: &[(u16, &str)]) -> Option<String> {
        let site = site(meters, values);
        let line = site.lines.iter().find(|line| line.id == "bus").unwrap();
        overload(&site, line).map(|overload| overload.to_string())
    }

    #[test]
    fn a_line_that_can_keep_its_intervals_is_no_overload() {
        assert_eq!(overload_of(10, &[(0, "PT1S")]), None);
        assert_eq!(overload_of(0, &[]), None);
    }

    #[test]
    fn an_overload_names_the_interval_that_could_be_kept() {
        let told = overload_of(40, &[(0, "PT1S")]).unwrap();
        assert!(told.starts_with("line 'bus' would be taken 1"), "{told}");
        assert!(told.contains("PT2S instead of PT1S could be kept by m-1, m-2"), "{told}");
        let told = overload_of(40, &[(0, "PT1S"), (300, "PT1.5S")]).unwrap();
        assert!(told.contains("longer intervals than PT1S alone are not enough"), "{told}");
    }

    #[test]
    fn what_rides_along_costs_only_what_it_adds() {
        let shares = |values: &[(u16, &str)]| -> Vec<f64> {
            let site = site(1, values);
            let line = site.lines.iter().find(|line| line.id == "bus").unwrap();
            let meter = site.meters.iter().find(|meter| meter.id == "m-1").unwrap();
            turns(&site, meter, &CostModel::of_line(line)).iter().map(|turn| turn.share).collect()
        };
        let sum = |values: &[(u16, &str)]| shares(values).iter().sum::<f64>();
        let alone = sum(&[(0, "PT1S"), (6, "PT1S")]);
        let riding = sum(&[(0, "PT1S"), (6, "PT1S"), (3, "PT10S")]);
        assert!((riding - alone).abs() < 1e-9, "in a hole it costs nothing: {alone}, {riding}");
        assert!(sum(&[(0, "PT1S"), (6, "PT1S"), (300, "PT10S")]) > alone);
        // Neither is a multiple of the other: they are seldom due together.
        let apart = shares(&[(0, "PT2S"), (2, "PT3S")]);
        assert!((apart.iter().sum::<f64>() - sum(&[(0, "PT2S")]) - sum(&[(2, "PT3S")])).abs() < 1e-9);
    }
}
