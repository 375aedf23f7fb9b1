//! The scan cycle in virtual time: simulated meters, the real line, a real store.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use cems_gateway::config;
use cems_gateway::config::site::Site;
use cems_gateway::meters;
use cems_gateway::modbus::line::LineHandle;
use cems_gateway::modbus::timing::{Protocol, Timing};
use cems_gateway::modbus::transport::{Connect, Stream};
use cems_gateway::model::learned::{Learned, Lesson, Retrial};
use cems_gateway::model::quality::{Cause, Doubt, Quality};
use cems_gateway::model::reading::Reading;
use cems_gateway::model::register::{Span, Table, UnitId};
use cems_gateway::poll::job::{Job, jobs_of_line};
use cems_gateway::poll::{JobStatus, Poll};
use cems_gateway::sim::bus::Bus;
use cems_gateway::sim::fault::{FaultPlan, Rule};
use cems_gateway::sim::fleet::Fleet;
use cems_gateway::sim::memory;
use cems_gateway::sim::meter::Holes;
use cems_gateway::store::Store;
use cems_gateway::time::trust::ClockState;
use cems_gateway::time::{Clock, Interval, RunningClock, UtcOffset, UtcTime, parse_instant};
use tempfile::TempDir;
use tokio::time::Instant;

const START: &str = "2026-03-01T00:00:00Z";
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(300);

/// A site with meters m1, m2, ... of one line, each with two registers far enough apart to be two
/// values but near enough to be one read.
fn site_text(meters: usize, interval: &str) -> String {
    let mut text = r#"
        [cems]
        id = "C"
        name = "site"
        user_name = "user"
        utc_offset = "+08:00"
        [[category]]
        id = "K"
        name = "kind"
        code = "K"
        [[line]]
        id = "l"
        kind = "tcp"
        host = "127.0.0.1"
        "#
    .to_owned();
    for number in 1..=meters {
        write!(
            text,
            r#"
            [[meter]]
            id = "m{number}"
            line = "l"
            unit = {number}
            interval = "{interval}"
            [[point]]
            id = "p{number}"
            name = "point"
            category = "K"
            role = "branch"
            meter = "m{number}"
            [[point.parameter]]
            id = "A"
            name = "near"
            register = {{ table = "holding", address = 0, type = "u32" }}
            unit = "kWh"
            reading_type = "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0"
            [[point.parameter]]
            id = "B"
            name = "far"
            register = {{ table = "holding", address = 6, type = "i16" }}
            unit = "kW"
            reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
            "#
        )
        .unwrap();
    }
    text
}

fn site(meters: usize, interval: &str) -> Site {
    config::read("site.toml", &site_text(meters, interval), meters::library)
        .unwrap_or_else(|faults| panic!("{faults}"))
}

struct Bench {
    store: Store,
    clock: Arc<dyn Clock>,
    line: LineHandle,
    folder: TempDir,
}

impl Bench {
    fn new(site: &Site, holes: Holes, faults: &[&str]) -> Self {
        let clock: Arc<dyn Clock> =
            Arc::new(RunningClock::starting_at(parse_instant(START, UtcOffset::UTC).unwrap()));
        let rules = faults.iter().map(|rule| rule.parse::<Rule>().unwrap());
        let fleet = Fleet::of_line(site, &site.lines[0], holes);
        let bus = Bus::new(fleet, Arc::clone(&clock), Duration::ZERO, FaultPlan::new(rules, 1));
        let folder = TempDir::new().unwrap();
        let store = Store::open(folder.path(), &site.store).unwrap();
        let line = memory::line(bus, RESPONSE_TIMEOUT, Arc::clone(&clock));
        Self { store, clock, line, folder }
    }

    fn jobs(&self, site: &Site) -> Vec<Job> {
        jobs_of_line(site, &site.lines[0], &self.store).unwrap()
    }

    /// The same, polled by a clock that was not set until `set_at`.
    fn set_at(self, set_at: UtcTime) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SetLater { shows: Arc::clone(&self.clock), set_at });
        Self { clock, ..self }
    }

    fn poll(&self, site: &Site) -> Poll {
        Poll::spawn(self.jobs(site), self.line.clone(), self.store.clone(), Arc::clone(&self.clock))
    }

    fn readings(&self, point: &str, parameter: &str) -> Vec<Reading> {
        self.store.flush().unwrap();
        let series = self.store.series(point, parameter).unwrap();
        let all = UtcTime::from_ms(0)..UtcTime::from_ms(i64::MAX);
        self.store.history(series, all).unwrap().map(Result::unwrap).collect()
    }
}

/// A clock whose times before one instant cannot be.
struct SetLater {
    shows: Arc<dyn Clock>,
    set_at: UtcTime,
}

impl Clock for SetLater {
    fn now(&self) -> UtcTime {
        self.shows.now()
    }

    fn state_showing(&self, shown: UtcTime) -> ClockState {
        if shown < self.set_at { ClockState::Unset } else { ClockState::Synchronised }
    }
}

fn seconds(readings: &[Reading]) -> Vec<i64> {
    let start = parse_instant(START, UtcOffset::UTC).unwrap();
    readings.iter().map(|reading| reading.at.ms_since(start) / 1_000).collect()
}

fn causes(readings: &[Reading]) -> Vec<Option<Cause>> {
    let cause = |reading: &Reading| match reading.quality {
        Quality::Missing(cause) => Some(cause),
        _ => None,
    };
    readings.iter().map(cause).collect()
}

#[tokio::test(start_paused = true)]
async fn every_value_is_read_at_once_and_at_every_tick_of_the_grid() {
    let site = site(2, "PT1S");
    let bench = Bench::new(&site, Holes::Zero, &[]);
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    poll.shutdown().await;
    for (point, parameter) in [("p1", "A"), ("p1", "B"), ("p2", "A"), ("p2", "B")] {
        let readings = bench.readings(point, parameter);
        assert_eq!(seconds(&readings), (0..=10).collect::<Vec<_>>(), "{point} {parameter}");
        assert!(readings.iter().all(|reading| reading.quality == Quality::Good), "{readings:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn values_are_marked_by_the_time_of_their_scan_though_the_clock_is_set_before_it_ends() {
    let site = site(1, "PT1S");
    // Two reads of 200 ms each: the clock is set after the first answer of the third scan.
    let set_at = parse_instant(START, UtcOffset::UTC).unwrap().plus(Interval::from_ms(2_300).unwrap());
    let bench = Bench::new(&site, Holes::Refused, &["late:200"]).set_at(set_at);
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_millis(4_900)).await;
    poll.shutdown().await;
    let readings = bench.readings("p1", "A");
    let is_marked = |reading: &Reading| reading.quality == Quality::Suspect(Doubt::ClockUnset);
    let marked: Vec<bool> = readings.iter().map(is_marked).collect();
    assert_eq!(marked, [true, true, true, false, false], "{readings:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_meter_names_its_cause_and_costs_the_others_no_cycle() {
    let site = site(3, "PT1S");
    let bench = Bench::new(&site, Holes::Zero, &["silent@unit=2"]);
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_millis(30_900)).await;
    let status = poll.status();
    poll.shutdown().await;
    assert_eq!(seconds(&bench.readings("p1", "A")), (0..=30).collect::<Vec<_>>());
    assert_eq!(bench.readings("p3", "A").len(), 31);
    let dead = causes(&bench.readings("p2", "A"));
    assert_eq!(dead.len(), 31);
    assert_eq!(dead[..3], [Some(Cause::Timeout); 3]);
    assert!(dead[3..].contains(&Some(Cause::BackedOff)), "{dead:?}");
    assert!(status.iter().any(|job| job.meter_id == "m2" && job.backed_off && job.answered_at.is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_hole_that_a_meter_refuses_is_found_and_remembered() {
    let site = site(1, "PT1S");
    let bench = Bench::new(&site, Holes::Refused, &[]);
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_millis(5_500)).await;
    let status = poll.status();
    poll.shutdown().await;
    for parameter in ["A", "B"] {
        assert_eq!(causes(&bench.readings("p1", parameter)), [None; 6], "{parameter}");
    }
    let hole = Span { start: 2, count: 4 };
    assert_eq!(status[0].learned.apart().collect::<Vec<_>>(), [(Table::HoldingRegister, hole)]);
    // One refused merge, then two single reads in each of six scans.
    let counters = bench.line.counters();
    assert_eq!((counters[0].exceptions.total(), counters[0].ok), (1, 12));
}

#[tokio::test(start_paused = true)]
async fn an_exception_is_a_named_cause_and_no_silence() {
    let site = site(1, "PT1S");
    let bench = Bench::new(&site, Holes::Zero, &["exception:4"]);
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_millis(6_500)).await;
    let status = poll.status();
    poll.shutdown().await;
    assert_eq!(causes(&bench.readings("p1", "A")), [Some(Cause::Exception(4)); 7]);
    assert!(!status[0].backed_off);
}

#[tokio::test(start_paused = true)]
async fn a_slow_line_counts_overruns_and_keeps_to_the_grid() {
    let site = site(5, "PT1S");
    let bench = Bench::new(&site, Holes::Zero, &["late:250"]);
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let status = poll.status();
    poll.shutdown().await;
    assert!(status.iter().map(|job| job.overruns).sum::<u64>() > 0, "{status:?}");
    for point in ["p1", "p5"] {
        let readings = bench.readings(point, "A");
        let at = seconds(&readings);
        assert!(at.windows(2).all(|pair| pair[0] < pair[1]), "a burst: {at:?}");
        assert!(readings.iter().all(|reading| reading.quality == Quality::Good));
    }
}

#[tokio::test(start_paused = true)]
async fn a_meter_that_comes_costs_no_other_meter_a_cycle() {
    let (before, after) = (site(2, "PT1S"), site(3, "PT1S"));
    let bench = Bench::new(&after, Holes::Zero, &[]);
    let poll = bench.poll(&before);
    tokio::time::sleep(Duration::from_millis(5_300)).await;
    let changed = poll.replace(bench.jobs(&after)).await;
    tokio::time::sleep(Duration::from_millis(5_200)).await;
    poll.shutdown().await;
    assert_eq!(changed.into_iter().collect::<Vec<_>>(), ["m3"]);
    for point in ["p1", "p2"] {
        assert_eq!(seconds(&bench.readings(point, "A")), (0..=10).collect::<Vec<_>>(), "{point}");
    }
    // Asked at once, at 5.3 s, and on the grid from then on.
    assert_eq!(seconds(&bench.readings("p3", "A")), (5..=10).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_a_gateway_reports_gone_is_asked_less_often() {
    let site = site(1, "PT1S");
    let bench = Bench::new(&site, Holes::Zero, &["exception:11"]);
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    let status = poll.status();
    poll.shutdown().await;
    assert!(status[0].backed_off);
    let causes = causes(&bench.readings("p1", "A"));
    assert_eq!(causes[0], Some(Cause::Exception(11)));
    assert!(causes.contains(&Some(Cause::BackedOff)));
}

/// A port that is not there.
struct Unplugged;

#[async_trait::async_trait]
impl Connect for Unplugged {
    fn name(&self) -> String {
        "an unplugged port".to_owned()
    }

    async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_down_is_not_held_against_its_meters() {
    let site = site(1, "PT1S");
    let mut bench = Bench::new(&site, Holes::Zero, &[]);
    let timing = Timing::in_memory(RESPONSE_TIMEOUT);
    bench.line = LineHandle::spawn_on(Box::new(Unplugged), Protocol::Tcp, timing, Arc::clone(&bench.clock));
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    let status = poll.status();
    poll.shutdown().await;
    assert_eq!(causes(&bench.readings("p1", "A")), [Some(Cause::LineDown); 11]);
    assert!(!status[0].backed_off && status[0].silent_scans == 0, "{status:?}");
}

/// A site of one meter on a line of this kind, with a 16-bit value at each address at its own interval.
fn site_of(line: &str, values: &[(u16, &str)]) -> Site {
    let mut text = site_text(0, "PT1S").replace("kind = \"tcp\"\n        host = \"127.0.0.1\"", line);
    text.push_str(
        r#"
        [[meter]]
        id = "m1"
        line = "l"
        unit = 1
        interval = "PT1S"
        [[point]]
        id = "p1"
        name = "point"
        category = "K"
        role = "branch"
        meter = "m1"
        "#,
    );
    for (address, interval) in values {
        write!(
            text,
            r#"
            [[point.parameter]]
            id = "V{address}"
            name = "value"
            interval = "{interval}"
            register = {{ table = "holding", address = {address}, type = "i16" }}
            unit = "kW"
            reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
            "#
        )
        .unwrap();
    }
    config::read("site.toml", &text, meters::library).unwrap_or_else(|faults| panic!("{faults}"))
}

const TCP: &str = "kind = \"tcp\"\n        host = \"127.0.0.1\"";
const RTU: &str = "kind = \"rtu\"\n        port = \"/dev/ttyS1\"\n        baud = 9600";

#[tokio::test(start_paused = true)]
async fn a_slow_value_that_is_due_comes_along_in_a_fast_read() {
    let site = site_of(RTU, &[(0, "PT1S"), (6, "PT1S"), (3, "PT10S"), (100, "PT10S")]);
    let bench = Bench::new(&site, Holes::Zero, &[]);
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_millis(30_500)).await;
    poll.shutdown().await;
    for (parameter, scans) in [("V0", 31), ("V6", 31), ("V3", 4), ("V100", 4)] {
        let readings = bench.readings("p1", parameter);
        assert_eq!(readings.len(), scans, "{parameter}");
        assert!(readings.iter().all(|reading| reading.quality == Quality::Good));
    }
    assert_eq!(seconds(&bench.readings("p1", "V3")), [0, 10, 20, 30]);
    // One read a second; only the value that lies far away takes one of its own, every ten seconds.
    assert_eq!(bench.line.counters()[0].ok, 31 + 4);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_the_meter_does_not_have_costs_the_others_nothing() {
    let all = [(0, "PT1S"), (1, "PT1S"), (2, "PT1S"), (3, "PT1S"), (4, "PT1S")];
    let site = site_of(TCP, &all);
    // The meter itself lacks one of the registers that the site file names.
    let of_meter = site_of(TCP, &[all[0], all[1], all[3], all[4]]);
    let mut bench = Bench::new(&of_meter, Holes::Refused, &[]);
    bench.store = Store::open(bench.folder.path().join("store").as_path(), &site.store).unwrap();
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_millis(5_500)).await;
    let status = poll.status();
    poll.shutdown().await;
    for parameter in ["V0", "V1", "V3", "V4"] {
        assert_eq!(causes(&bench.readings("p1", parameter)), [None; 6], "{parameter}");
    }
    assert_eq!(causes(&bench.readings("p1", "V2")), [Some(Cause::Exception(2)); 6]);
    let missing = (Table::HoldingRegister, Span { start: 2, count: 1 });
    assert_eq!(status[0].learned.apart().collect::<Vec<_>>(), [missing]);
}

#[tokio::test(start_paused = true)]
async fn what_was_learned_outlives_a_restart_and_is_learned_anew_when_it_is_forgotten() {
    let site = site(1, "PT1S");
    let bench = Bench::new(&site, Holes::Refused, &[]);
    let refusals = || bench.line.counters()[0].exceptions.total();
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    poll.shutdown().await;
    assert_eq!(refusals(), 1);
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(refusals(), 1, "known from before");
    poll.forget("m1").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(refusals(), 2, "learned anew");
    assert!(!poll.status()[0].learned.is_empty());
    poll.shutdown().await;
    assert!(!bench.store.learned("m1", UnitId(1)).is_empty());
    assert!(bench.store.learned("m1", UnitId(2)).is_empty(), "another unit is another meter");
}

#[tokio::test(start_paused = true)]
async fn a_meter_that_refuses_everything_is_not_taken_apart_in_every_scan() {
    let values: Vec<(u16, &str)> = (0..40).map(|address| (address, "PT1S")).collect();
    let site = site_of(TCP, &values);
    let bench = Bench::new(&site, Holes::Zero, &["exception:1"]);
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_millis(60_500)).await;
    let status = poll.status();
    poll.shutdown().await;
    assert!(status[0].learned.is_empty(), "{:?}", status[0].learned);
    // 24 parts of the first scan, and one read of each of the 61.
    assert_eq!(bench.line.counters()[0].exceptions.total(), 24 + 61);
    assert_eq!(causes(&bench.readings("p1", "V39")), [Some(Cause::Exception(1)); 61]);
}

#[tokio::test(start_paused = true)]
async fn a_meter_that_turns_out_slow_is_read_over_wider_holes() {
    let site = site_of(RTU, &[(0, "PT1S"), (16, "PT1S")]);
    let reads_a_scan = |fault: &'static str| {
        let site = site.clone();
        async move {
            let bench = Bench::new(&site, Holes::Zero, &[fault]);
            let poll = bench.poll(&site);
            tokio::time::sleep(Duration::from_millis(19_500)).await;
            let before = bench.line.counters()[0].ok;
            tokio::time::sleep(Duration::from_secs(10)).await;
            poll.shutdown().await;
            (bench.line.counters()[0].ok - before) / 10
        }
    };
    // Over the hole of 15 registers it is worth reading from a turnaround of 15 ms on.
    assert_eq!(reads_a_scan("late:10").await, 2);
    assert_eq!(reads_a_scan("late:40").await, 1);
}

#[tokio::test(start_paused = true)]
async fn dead_meters_take_a_twentieth_of_the_line_at_most() {
    let site = site(20, "PT2S");
    let dead: Vec<String> = (11..=20).map(|unit| format!("silent@unit={unit}")).collect();
    let dead: Vec<&str> = dead.iter().map(String::as_str).collect();
    let bench = Bench::new(&site, Holes::Zero, &dead);
    let poll = bench.poll(&site);
    // What it takes to find out that ten meters are dead is behind us.
    tokio::time::sleep(Duration::from_mins(10)).await;
    let timeouts = || bench.line.counters().iter().map(|unit| unit.timeouts).sum::<u64>();
    let before = timeouts();
    tokio::time::sleep(Duration::from_hours(1)).await;
    let spent = RESPONSE_TIMEOUT * u32::try_from(timeouts() - before).unwrap();
    poll.shutdown().await;
    let share = spent.div_duration_f64(Duration::from_hours(1));
    assert!((0.02..=0.05).contains(&share), "{share}");
    // Each of ten is waited for in its first scan, tried twice, before it is known for dead.
    let scans = bench.readings("p1", "A").len();
    assert!(70 * 30 + 1 - scans <= 3, "the others miss no cycle after that: {scans}");
}

/// What became of ten meters of one line in ten minutes, the tenth of which takes another time for each reply.
struct TenMeters {
    /// The share of its ticks at which each of them was read.
    rates: Vec<f64>,
    /// Ticks at which each was past its share.
    past_share: Vec<u64>,
    busy_share: f64,
}

impl TenMeters {
    async fn of(interval: &str, others_ms: u32, tenth_ms: u32) -> Self {
        let site = site(10, interval);
        let late = |unit| format!("late:{}@unit={unit}", if unit == 10 { tenth_ms } else { others_ms });
        let faults: Vec<String> = (1..=10).map(late).collect();
        let bench = Bench::new(&site, Holes::Zero, &faults.iter().map(String::as_str).collect::<Vec<_>>());
        let poll = bench.poll(&site);
        tokio::time::sleep(Duration::from_mins(2)).await;
        let (before, watched) = (poll.status(), Duration::from_mins(10));
        tokio::time::sleep(watched).await;
        let (after, busy_share) = (poll.status(), bench.line.busy_share());
        poll.shutdown().await;
        let rate = |(before, after): (&JobStatus, &JobStatus)| {
            let scans = u32::try_from(after.scans - before.scans).unwrap();
            (scans * after.interval.as_duration()).div_duration_f64(watched)
        };
        let rates = before.iter().zip(&after).map(rate).collect();
        Self { rates, past_share: after.iter().map(|job| job.past_share).collect(), busy_share }
    }

    fn rate_of_the_others(&self) -> f64 {
        self.rates[..9].iter().sum::<f64>() / 9.0
    }
}

#[tokio::test(start_paused = true)]
async fn a_meter_just_within_its_time_limit_costs_the_others_a_twentieth_of_their_rate_at_most() {
    for (interval, others_ms, tenth) in [
        // There is time for all.
        ("PT1S", 20, 0.99..=1.01),
        // Time is left for three of four ticks.
        ("PT0.5S", 30, 0.7..=0.8),
        // Next to none is left: a twentieth of the line for a meter that takes 290 ms, every 5.8 s.
        ("PT1S", 100, 0.16..=0.18),
        ("PT0.5S", 45, 0.08..=0.09),
        ("PT0.2S", 18, 0.03..=0.04),
    ] {
        let ten = TenMeters::of(interval, others_ms, 290).await;
        let others = ten.rate_of_the_others();
        assert!(others >= 0.95, "{interval} {others_ms} ms: {others} of {:?}", ten.rates);
        assert!(tenth.contains(&ten.rates[9]), "{interval} {others_ms} ms: {:?}", ten.rates);
        assert!(
            ten.past_share[..9].iter().all(|ticks| *ticks == 0) && ten.past_share[9] > 0,
            "{:?}",
            ten.past_share
        );
    }
}

#[tokio::test(start_paused = true)]
async fn meters_that_are_all_slow_share_their_line_evenly_and_leave_it_no_rest() {
    let ten = TenMeters::of("PT1S", 290, 290).await;
    assert!(ten.rates.iter().all(|rate| (0.33..=0.36).contains(rate)), "{:?}", ten.rates);
    assert!(ten.busy_share > 0.98, "{}", ten.busy_share);
}

/// The same meters, which have read over every hole since their firmware was renewed.
fn with_new_firmware(bench: Bench, site: &Site) -> Bench {
    let fleet = Fleet::of_line(site, &site.lines[0], Holes::Zero);
    let bus = Bus::new(fleet, Arc::clone(&bench.clock), Duration::ZERO, FaultPlan::none());
    let line = memory::line(bus, RESPONSE_TIMEOUT, Arc::clone(&bench.clock));
    Bench { line, ..bench }
}

const DAY: Duration = Duration::from_hours(24);

#[tokio::test(start_paused = true)]
async fn a_hole_that_is_still_refused_is_tried_after_a_day_and_then_less_and_less_often_at_the_cost_of_no_value()
 {
    let site = site(1, "PT1H");
    let bench = Bench::new(&site, Holes::Refused, &[]);
    let refusals = || bench.line.counters()[0].exceptions.total();
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_mins(5)).await;
    let mut trials = Vec::new();
    for day in 0..70 {
        let before = refusals();
        tokio::time::sleep(DAY).await;
        trials.extend((refusals() > before).then_some(day + 1));
    }
    poll.shutdown().await;
    assert_eq!(trials, [1, 3, 7, 15, 31, 61]);
    for parameter in ["A", "B"] {
        let readings = bench.readings("p1", parameter);
        assert!(readings.len() > 40 * 24 && causes(&readings).iter().all(Option::is_none), "{parameter}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hole_that_new_firmware_reads_over_is_forgotten_at_the_next_doubt() {
    let site = site(1, "PT1H");
    let bench = Bench::new(&site, Holes::Refused, &[]);
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_mins(90)).await;
    poll.shutdown().await;
    let bench = with_new_firmware(bench, &site);
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_hours(21)).await;
    let before = bench.line.counters()[0].ok;
    assert_eq!(poll.status()[0].learned.lessons().len(), 1, "a restart is no reason to doubt");
    tokio::time::sleep(Duration::from_hours(4)).await;
    assert!(poll.status()[0].learned.is_empty());
    assert!(bench.store.learned("m1", UnitId(1)).is_empty());
    let then = bench.line.counters()[0].ok;
    tokio::time::sleep(DAY).await;
    poll.shutdown().await;
    assert!(then > before && bench.line.counters()[0].ok - then == 24, "one read an hour again");
    assert!(causes(&bench.readings("p1", "A")).iter().all(Option::is_none));
}

#[tokio::test(start_paused = true)]
async fn a_meter_that_says_nothing_to_what_is_tried_again_loses_no_value_and_is_left_alone_for_longer() {
    let site = site(1, "PT1H");
    // A merged read and its two parts, two reads in each of the 24 scans of the day, and then what is tried.
    let bench = Bench::new(&site, Holes::Refused, &["silent@once=52"]);
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_hours(30)).await;
    let status = poll.status();
    poll.shutdown().await;
    assert_eq!((bench.line.counters()[0].timeouts, status[0].silent_scans), (1, 0));
    assert_eq!(status[0].learned.lessons()[0].1.held, 1);
    assert_eq!(causes(&bench.readings("p1", "A")), [None; 30]);
}

#[tokio::test(start_paused = true)]
async fn a_lesson_is_not_doubted_by_a_clock_that_was_never_set() {
    let site = site(1, "PT1H");
    let bench = Bench::new(&site, Holes::Refused, &[]);
    let never = UtcTime::from_ms(i64::MAX);
    let bench = bench.set_at(never);
    let poll = bench.poll(&site);
    tokio::time::sleep(3 * DAY).await;
    poll.shutdown().await;
    assert_eq!(bench.line.counters()[0].exceptions.total(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_length_that_is_no_limit_any_more_is_forgotten_and_what_stands_in_no_way_is_left_alone() {
    let site = site(1, "PT1S");
    let bench = Bench::new(&site, Holes::Zero, &[]);
    let (longest, elsewhere) = (
        Lesson::Longest(Table::InputRegister, 4),
        Lesson::Apart(Table::HoldingRegister, Span { start: 100, count: 2 }),
    );
    let lessons = [longest, elsewhere].map(|lesson| (lesson, Retrial::AT_ONCE)).to_vec();
    bench.store.keep_learned("m1", UnitId(1), Learned::of(lessons));
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_millis(5_500)).await;
    let status = poll.status();
    poll.shutdown().await;
    assert_eq!(status[0].learned.lessons(), [(elsewhere, Retrial::AT_ONCE)]);
    // One read that was tried, and one of each scan.
    assert_eq!((bench.line.counters()[0].ok, bench.readings("p1", "A").len()), (1 + 6, 6));
}

#[tokio::test(start_paused = true)]
async fn a_slow_meter_on_a_full_line_keeps_no_other_one_from_being_found_when_it_is_back() {
    let site = site(10, "PT0.5S");
    let late = |unit| format!("late:{}@unit={unit}", if unit == 10 { 290 } else { 48 });
    // The first rule that strikes decides: meter 5 is dead for its first forty requests.
    let faults: Vec<String> =
        (1..=40).map(|ask| format!("silent@unit=5@once={ask}")).chain((1..=10).map(late)).collect();
    let bench = Bench::new(&site, Holes::Zero, &faults.iter().map(String::as_str).collect::<Vec<_>>());
    let poll = bench.poll(&site);
    let answered = || poll.status().iter().any(|job| job.meter_id == "m5" && job.answered_at.is_some());
    let mut minutes = 0;
    while !answered() && minutes < 80 {
        tokio::time::sleep(Duration::from_mins(1)).await;
        minutes += 1;
    }
    let asked = bench.line.counters().iter().find(|unit| unit.unit == UnitId(5)).unwrap().timeouts;
    poll.shutdown().await;
    // Once a minute at least.
    assert!(asked == 40 && minutes <= 40, "{asked} in {minutes} min");
}

/// The longest time without a sign that the polling moves, in `time`.
async fn longest_standstill(poll: &Poll, line: &LineHandle, time: Duration) -> Duration {
    let signs = || (line.moves(), poll.ask_for_a_round());
    let start = Instant::now();
    let (mut seen, mut moved_at, mut longest) = (signs(), start, Duration::ZERO);
    while start.elapsed() < time {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = signs();
        if now != seen {
            (seen, moved_at) = (now, Instant::now());
        }
        longest = longest.max(moved_at.elapsed());
    }
    longest
}

#[tokio::test(start_paused = true)]
async fn polling_is_seen_to_move_where_nothing_is_due_for_hours_and_where_a_meter_takes_all_its_time() {
    let ten_minutes = Duration::from_mins(10);
    let site = site(1, "PT12H");
    let bench = Bench::new(&site, Holes::Zero, &[]);
    let poll = bench.poll(&site);
    assert!(longest_standstill(&poll, &bench.line, ten_minutes).await <= Duration::from_secs(1));
    poll.shutdown().await;

    // Each read is tried twice, and each scan has several: it takes minutes.
    let patience = Duration::from_secs(20);
    let bench = Bench::new(&site, Holes::Zero, &["silent"]);
    let fleet = Fleet::of_line(&site, &site.lines[0], Holes::Zero);
    let faults = FaultPlan::new(["silent".parse::<Rule>().unwrap()], 1);
    let bus = Bus::new(fleet, Arc::clone(&bench.clock), Duration::ZERO, faults);
    let line = memory::line(bus, patience, Arc::clone(&bench.clock));
    let bench = Bench { line, ..bench };
    let poll = bench.poll(&site);
    let longest = longest_standstill(&poll, &bench.line, ten_minutes).await;
    assert!(longest >= patience / 2 && longest <= patience + Duration::from_secs(2), "{longest:?}");
    poll.shutdown().await;

    bench.line.clone().shutdown().await;
    let stands = bench.line.moves();
    assert_eq!(
        bench.line.read(UnitId(1), Table::HoldingRegister, Span { start: 0, count: 1 }).await.err(),
        Some(Cause::LineDown)
    );
    assert_eq!(bench.line.moves(), stands, "a line that has ended does nothing for anybody");
}
