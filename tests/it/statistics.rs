//! Every statistic of random series against a plain model, which looks at every single minute.
//!
//! The series have gaps, failed scans, rollovers, resets and steps of the clock both ways; the questions cut them by
//! quarter hours, hours, days and at random edges, and by a calendar of rates. What is answered from stored
//! rows and what from readings must come to the same.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what is unexpected in a test ends it")]
#![expect(clippy::cast_precision_loss, reason = "a few days of minutes")]

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cems_gateway::config::site::Site;
use cems_gateway::model::quality::Cause;
use cems_gateway::model::reading::{Sample, Scan, Value};
use cems_gateway::model::tou::Rate;
use cems_gateway::ops::Ops;
use cems_gateway::ops::query::{
    Grouping, Object, PageRequest, Selection, StatisticalQuery, StatisticalRow, TimeOrder,
};
use cems_gateway::stats::Function;
use cems_gateway::stats::calendar::Period;
use cems_gateway::store::Store;
use cems_gateway::time::{ManualClock, UtcTime};
use cems_gateway::{config, meters};
use proptest::prelude::*;

/// 2024-05-31 in Shanghai: a day before the end of the month.
const START_MS: i64 = 1_717_084_800_000;
const MINUTE_MS: i64 = 60_000;
const DAYS: i64 = 4;
const MINUTES: i64 = DAYS * 1_440;
const INTERVAL: i64 = 15;
/// Where the 16-bit register starts again from zero.
const MODULUS: f64 = 65_536.0;

const SITE: &str = r#"
[cems]
id = "CEMS-1"
name = "n"
user_name = "u"
utc_offset = "+08:00"

# On Saturdays, of which the second day is one, other rates apply.
[[tou]]
weekdays = ["sat"]
rates = ["00:00 valley", "07:30 flat", "21:07 valley"]

[[tou]]
rates = ["00:00 deep", "05:50 valley", "09:00 peak", "12:00 flat", "18:00 peak", "22:10 valley"]

[[category]]
id = "CAT"
code = "01000"
name = "n"
energy_code = "01"

[[line]]
id = "l"
kind = "tcp"
host = "192.0.2.1"

[[meter]]
id = "m"
line = "l"
interval = "PT15M"
unit = 1

[[point]]
id = "PT"
name = "n"
category = "CAT"
role = "branch"
meter = "m"

[[point.parameter]]
id = "REGISTER"
register = { table = "holding", address = 0, type = "u16" }
unit = "kWh"
reading_type = "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0"

[[point.parameter]]
id = "AMOUNT"
register = { table = "holding", address = 1, type = "u16" }
unit = "kWh"
reading_type = "0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0"

[[point.parameter]]
id = "LEVEL"
register = { table = "holding", address = 2, type = "i16" }
unit = "kW"
reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
"#;

const PARAMETERS: [&str; 3] = ["REGISTER", "AMOUNT", "LEVEL"];

/// What a register does besides growing, at most once in a series.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Nothing,
    RollsOver,
    /// It is set to zero at this reading.
    IsReset(usize),
}

/// One scan of all three.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Minutes since the scan before; more than an interval where the clock was set or nobody asked.
    later: i64,
    fails: bool,
    grown: u32,
    level: i32,
}

#[derive(Clone, Debug)]
struct Series {
    steps: Vec<Step>,
    turn: Turn,
    first: u32,
    /// Whether the clock is set back now and then, rather than forward.
    goes_back: bool,
}

/// A reading that is good: in which minute, and what each of [`PARAMETERS`] showed.
type Good = (i64, [f64; 3]);

impl Series {
    /// Every scan: its minute, and what it showed where it did not fail.
    fn scans(&self) -> Vec<(i64, Option<[f64; 3]>)> {
        let mut register = match self.turn {
            Turn::RollsOver => MODULUS - 900.0 - f64::from(self.first % 900),
            Turn::Nothing | Turn::IsReset(_) => 20_000.0 + f64::from(self.first % 9_000),
        };
        let mut minute = -3 * INTERVAL;
        let mut scans = Vec::new();
        for (number, step) in self.steps.iter().enumerate() {
            minute += self.later(step);
            register += f64::from(step.grown);
            match self.turn {
                Turn::IsReset(at) if at == number => register = f64::from(step.grown),
                Turn::RollsOver if register >= MODULUS => register -= MODULUS,
                _ => {}
            }
            let showed = [register, f64::from(step.grown), f64::from(step.level)];
            scans.push((minute, (!step.fails).then_some(showed)));
        }
        scans
    }

    /// Minutes on the clock since the scan before.
    const fn later(&self, step: &Step) -> i64 {
        if self.goes_back && step.later >= 3 * INTERVAL { -step.later / 3 } else { step.later }
    }

    /// In order of time; those of one minute in the order in which they were read.
    fn good(&self) -> Vec<Good> {
        let scans = self.scans().into_iter();
        let mut good: Vec<Good> = scans.filter_map(|(minute, showed)| Some((minute, showed?))).collect();
        good.sort_by_key(|(minute, _)| *minute);
        good
    }
}

fn any_series() -> impl Strategy<Value = Series> {
    let later = prop_oneof![
        20 => Just(INTERVAL),
        2 => INTERVAL - 3..INTERVAL + 3,
        1 => Just(2 * INTERVAL),
        1 => 3 * INTERVAL..20 * INTERVAL,
    ];
    let step = (later, prop::bool::weighted(0.03), 0_u32..40, -500_i32..500)
        .prop_map(|(later, fails, grown, level)| Step { later, fails, grown, level });
    let turn =
        prop_oneof![Just(Turn::Nothing), Just(Turn::RollsOver), (20_usize..150).prop_map(Turn::IsReset),];
    let parts = (prop::collection::vec(step, 60..370), turn, any::<u32>(), prop::bool::weighted(0.25));
    parts.prop_map(|(steps, turn, first, goes_back)| Series { steps, turn, first, goes_back })
}

fn at(minute: i64) -> UtcTime {
    UtcTime::from_ms(START_MS + minute * MINUTE_MS)
}

/// The rate of a minute, by looking at the clock on the wall.
fn rate_of(minute: i64) -> Rate {
    let of_day = minute.rem_euclid(1_440);
    if minute.div_euclid(1_440) == 1 {
        return if (450..1_267).contains(&of_day) { Rate::Flat } else { Rate::Valley };
    }
    match of_day {
        0..350 => Rate::Deep,
        540..720 | 1_080..1_330 => Rate::Peak,
        720..1_080 => Rate::Flat,
        _ => Rate::Valley,
    }
}

/// The minute that a reading is about: an amount is told when its time is over.
const fn minute_of(parameter: usize, minute: i64) -> i64 {
    if parameter == 1 { minute - 1 } else { minute }
}

/// The plain model.
struct Model {
    good: Vec<Good>,
    /// What a register grew in each minute from the first, and how well that is known.
    minutes: Vec<(f64, f64)>,
}

impl Model {
    fn of(series: &Series) -> Self {
        let good = series.good();
        let mut minutes = vec![(0.0, 0.0); usize::try_from(MINUTES).unwrap()];
        for pair in good.windows(2) {
            let ((from, [before, ..]), (to, [after, ..])) = (pair[0], pair[1]);
            let grown = match () {
                () if after >= before => after - before,
                () if MODULUS - before + after < 0.1 * MODULUS => MODULUS - before + after,
                () => after,
            };
            let length = (to - from) as f64;
            let known = if length <= 1.5 * INTERVAL as f64 { 1.0 } else { INTERVAL as f64 / length };
            for minute in from.max(0)..to.min(MINUTES) {
                let slot = &mut minutes[usize::try_from(minute).unwrap()];
                slot.0 += grown / length;
                slot.1 += known;
            }
        }
        Self { good, minutes }
    }

    /// Value, time of an extreme in minutes, and the greatest completeness that there can be.
    fn tell(
        &self,
        parameter: usize,
        minutes: &Range<i64>,
        rate: Option<Rate>,
        function: Function,
        now: i64,
    ) -> (Option<f64>, f64) {
        let wanted =
            |minute: &i64| minutes.contains(minute) && rate.is_none_or(|rate| rate_of(*minute) == rate);
        let all: Vec<i64> = minutes.clone().filter(wanted).collect();
        let values: Vec<f64> = self
            .good
            .iter()
            .filter(|(minute, _)| wanted(&minute_of(parameter, *minute)))
            .map(|(_, showed)| showed[parameter])
            .collect();
        if all.is_empty() {
            return ((function == Function::Sum).then_some(0.0), 1.0);
        }
        let of = |minute: &i64| self.minutes[usize::try_from(*minute).unwrap()];
        let (grown, known) =
            all.iter().map(of).fold((0.0, 0.0), |sum, minute| (sum.0 + minute.0, sum.1 + minute.1));
        let is_increase = parameter == 0 && function == Function::Sum;
        let sum: f64 = values.iter().sum();
        let value = match function {
            _ if values.is_empty() => None,
            Function::Sum if is_increase => (known > 0.0).then_some(grown),
            Function::Sum => Some(sum),
            Function::Avg => Some(sum / values.len() as f64),
            Function::Max => values.iter().copied().reduce(f64::max),
            Function::Min => values.iter().copied().reduce(f64::min),
            Function::Last => values.last().copied(),
        };
        let length = all.len() as f64;
        let read = (values.len() as f64 / (length / INTERVAL as f64).max(1.0)).min(1.0);
        // A rate is told by its pieces, of which each may have one reading more than the piece is long.
        let read = if rate.is_none() { read } else { 1.0 };
        let passed = all.iter().filter(|minute| **minute < now).count() as f64 / length;
        let known = if is_increase { known / length } else { 1.0 };
        (value, read.min(known).min(passed))
    }
}

struct Served {
    ops: Arc<Ops>,
    store: Store,
}

impl Served {
    /// Serves what was scanned; where it does not sum up, the store is told of the site only afterwards.
    fn of(series: &Series, dir: &Path, now: i64, sums_up: bool) -> Self {
        let site: Arc<Site> = Arc::new(config::read("site.toml", SITE, meters::library).unwrap());
        let store = Store::open(dir, &site.store).unwrap();
        let clock = Arc::new(ManualClock::showing(at(now)));
        let serve = || Ops::new(Arc::clone(&site), store.clone(), clock.clone()).unwrap();
        let ops = sums_up.then(serve);
        let ids = PARAMETERS.map(|id| store.series("PT", id).unwrap());
        let group = store.group(&ids).unwrap();
        for (minute, showed) in series.scans() {
            let sample = |value: f64| Sample::good(Value::Number(value));
            let samples =
                showed.map_or(vec![Sample::missing(Cause::Timeout); 3], |showed| showed.map(sample).to_vec());
            store.append_blocking(Scan { group, at: at(minute), samples }).unwrap();
        }
        for _ in 0..6_000 {
            if !sums_up || store.status().waiting_quarters == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!sums_up || store.status().waiting_quarters == 0, "sums are made within a minute");
        Self { ops: ops.unwrap_or_else(serve), store }
    }

    fn ask(
        &self,
        range: &Range<i64>,
        period: Period,
        rates: &[Option<Rate>],
        functions: Option<&[Function]>,
    ) -> Vec<Row> {
        let mut rows = Vec::new();
        for number in 1.. {
            let answer = self.ops.statistical_data(StatisticalQuery {
                order: TimeOrder::Ascending,
                selection: Selection::default(),
                range: at(range.start)..at(range.end),
                period,
                functions: functions.map(<[Function]>::to_vec),
                rates: rates.to_vec(),
                indicators: None,
                products: None,
                grouping: Some(Grouping::Point),
                page: PageRequest::new(number, 500).unwrap(),
            });
            let answer = answer.unwrap();
            rows.extend(answer.rows().map(|row| Row::of(&row.unwrap())));
            if u64::from(number) >= answer.page().count() {
                return rows;
            }
        }
        rows
    }
}

/// What a row says.
#[derive(Clone, Debug)]
struct Row {
    parameter: usize,
    minutes: Range<i64>,
    rate: Option<Rate>,
    function: Function,
    value: Option<f64>,
    occurred: Option<i64>,
    completeness: f64,
    has_cause: bool,
}

impl Row {
    fn of(row: &StatisticalRow<'_>) -> Self {
        let Object::Point(_, _, parameter) = row.object else { panic!("{row:?} is about no point") };
        let minute = |time: UtcTime| time.ms_since(at(0)) / MINUTE_MS;
        Self {
            parameter: PARAMETERS.iter().position(|id| *id == parameter.id).unwrap(),
            minutes: minute(row.period.start)..minute(row.period.end),
            rate: row.rate,
            function: row.function,
            value: row.value,
            occurred: row.occurred.map(minute),
            completeness: row.completeness,
            has_cause: row.cause.is_some(),
        }
    }

    fn check(&self, model: &Model, now: i64, what: &str) -> Result<(), TestCaseError> {
        let (value, completeness) = model.tell(self.parameter, &self.minutes, self.rate, self.function, now);
        match (self.value, value) {
            (Some(found), Some(expected)) => {
                prop_assert!((found - expected).abs() < 1e-6, "{what}: {expected} instead of {self:?}");
            }
            (found, expected) => prop_assert_eq!(found, expected, "{}: {:?}", what, self),
        }
        if let Some(minute) = self.occurred {
            let is_it = |(at, showed): &Good| *at == minute && Some(showed[self.parameter]) == self.value;
            prop_assert!(model.good.iter().any(is_it), "{what}: {self:?}");
            prop_assert!(self.minutes.contains(&minute_of(self.parameter, minute)));
        }
        // The gap ledger may know of more that is missing, and of nothing that is there.
        prop_assert!(
            self.completeness <= completeness + 1e-9,
            "{what}: {completeness} is less than {self:?}"
        );
        let is_told = self.has_cause || self.completeness > completeness - 1e-9 || self.rate.is_some();
        prop_assert!(is_told, "{what}: {completeness} is more than {self:?}, and nothing says why");
        Ok(())
    }
}

const RATES: [Option<Rate>; 6] =
    [None, Some(Rate::Sharp), Some(Rate::Peak), Some(Rate::Flat), Some(Rate::Valley), Some(Rate::Deep)];

/// What is asked of one series: up to when it is known, and where ranges are cut.
#[derive(Clone, Debug)]
struct Question {
    series: Series,
    edges: Range<i64>,
    now: i64,
}

fn any_question() -> impl Strategy<Value = Question> {
    let edges = (0..MINUTES / 2, MINUTES / 2..MINUTES).prop_map(|(from, to)| from..to);
    (any_series(), edges, MINUTES / 2..MINUTES + 300).prop_map(|(mut series, edges, now)| {
        // Nothing is known of what lies after now.
        let mut minute = -3 * INTERVAL;
        let last = series.steps.iter().position(|step| {
            minute += series.later(step);
            minute > now
        });
        series.steps.truncate(last.unwrap_or(series.steps.len()));
        Question { series, edges, now }
    })
}

impl Question {
    fn check(&self) -> Result<(), TestCaseError> {
        let model = Model::of(&self.series);
        for sums_up in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let served = Served::of(&self.series, dir.path(), self.now, sums_up);
            let what = if sums_up { "from rows" } else { "from readings" };
            for (range, period) in [
                (0..MINUTES, Period::Day),
                (0..MINUTES, Period::Month),
                (0..MINUTES, Period::Total),
                (self.edges.clone(), Period::Total),
                (self.edges.clone(), Period::Day),
                (self.edges.clone(), Period::Hour),
                (1_430..1_500, Period::QuarterHour),
            ] {
                let sum = Some(&[Function::Sum][..]);
                for (rates, functions) in [(&RATES[..1], None), (&RATES[..], sum), (&RATES[2..], None)] {
                    for row in served.ask(&range, period, rates, functions) {
                        // A register whose readings changed places is judged anew, and not just summed up.
                        if !self.series.goes_back || row.parameter > 0 {
                            row.check(&model, self.now, what)?;
                        }
                    }
                }
            }
            served.store.close().unwrap();
        }
        Ok(())
    }
}

/// Series that are asked at once: the store lets late sums wait for some seconds.
const AT_ONCE: usize = 12;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3,
        max_shrink_iters: 0,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_statistic_is_what_a_look_at_every_minute_says(
        questions in prop::collection::vec(any_question(), AT_ONCE),
    ) {
        let checked: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                questions.iter().map(|question| scope.spawn(|| question.check())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for checked in checked {
            checked?;
        }
    }
}
