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
use cems_gateway::model::quality::{Cause, Doubt, Quality};
use cems_gateway::model::reading::Reading;
use cems_gateway::poll::Poll;
use cems_gateway::poll::job::{Job, jobs_of_line};
use cems_gateway::sim::bus::Bus;
use cems_gateway::sim::fault::{FaultPlan, Rule};
use cems_gateway::sim::fleet::Fleet;
use cems_gateway::sim::memory;
use cems_gateway::sim::meter::Holes;
use cems_gateway::store::Store;
use cems_gateway::time::trust::ClockState;
use cems_gateway::time::{Clock, Interval, RunningClock, UtcOffset, UtcTime, parse_instant};
use tempfile::TempDir;

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
    _folder: TempDir,
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
        Self { store, clock, line, _folder: folder }
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
async fn a_refused_merge_is_read_value_by_value_and_remembered() {
    let site = site(1, "PT1S");
    let bench = Bench::new(&site, Holes::Refused, &[]);
    let poll = bench.poll(&site);
    tokio::time::sleep(Duration::from_millis(5_500)).await;
    let status = poll.status();
    poll.shutdown().await;
    for parameter in ["A", "B"] {
        assert_eq!(causes(&bench.readings("p1", parameter)), [None; 6], "{parameter}");
    }
    assert!(status[0].one_by_one);
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
