//! What is written to meters, in virtual time: simulated meters, the real line, a real store.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use cems_gateway::config;
use cems_gateway::config::site::Site;
use cems_gateway::meters;
use cems_gateway::modbus::line::{LineHandle, Write};
use cems_gateway::model::alarm::Alarm;
use cems_gateway::model::control::ControlAct;
use cems_gateway::model::demand_response::{EventOrder, Invitation, ResponseType};
use cems_gateway::model::register::{Span, Table, UnitId};
use cems_gateway::ops::Ops;
use cems_gateway::ops::control::{ControlError, ControlFault, ControlState, Holding};
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

/// A charger whose limit may be written and its grid meter, which tells the load.
const SITE: &str = r#"
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
    [[meter]]
    id = "m-grid"
    line = "l"
    unit = 1
    interval = "PT1M"
    [[meter]]
    id = "m-charger"
    line = "l"
    unit = 2
    interval = "PT1M"
    [[point]]
    id = "PT-GRID"
    name = "grid"
    category = "K"
    role = "gateway"
    meter = "m-grid"
    [[point.parameter]]
    id = "P"
    name = "power"
    register = { table = "holding", address = 0, type = "i16" }
    unit = "kW"
    reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
    [[point]]
    id = "PT-EV"
    name = "charger"
    category = "K"
    role = "branch"
    meter = "m-charger"
    [[point.parameter]]
    id = "LIMIT"
    name = "limit"
    register = { table = "holding", address = 10, type = "u16" }
    scale = 0.1
    unit = "kW"
    reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
    writable = { min = 10, max = 120, release = 120, lease = "PT15M" }
    [[point.parameter]]
    id = "SLOW"
    name = "ramped limit"
    register = { table = "holding", address = 20, type = "f32" }
    unit = "kW"
    reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
    writable = { min = 0, max = 100, release = 100, lease = "PT15M", ramp_per_min = 60 }
    [[point.parameter]]
    id = "P"
    name = "power"
    register = { table = "holding", address = 30, type = "i16" }
    unit = "kW"
    reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
    [demand_response]
    [[demand_response.resource]]
    point = "PT-EV"
    mode = "direct"
    control = { parameter = "LIMIT", peak_clipping = 40 }
"#;

const START: &str = "2026-03-01T10:00:00+08:00";
const CHARGER: UnitId = UnitId(2);
const LIMIT: u16 = 10;

fn at(text: &str) -> UtcTime {
    parse_instant(text, UtcOffset::from_minutes(480).unwrap()).unwrap()
}

fn site() -> Site {
    config::read("site.toml", SITE, meters::library).unwrap_or_else(|faults| panic!("{faults}"))
}

/// A clock that is set while the steady one runs on.
struct SetClock {
    steady: RunningClock,
    set_by_ms: AtomicI64,
    state: ClockState,
}

impl Clock for SetClock {
    fn now(&self) -> UtcTime {
        UtcTime::from_ms(self.steady.now().as_ms() + self.set_by_ms.load(Ordering::Relaxed))
    }

    fn state_showing(&self, _: UtcTime) -> ClockState {
        self.state
    }

    fn steady_ms(&self) -> i64 {
        self.steady.now().as_ms()
    }
}

struct Bench {
    ops: Arc<Ops>,
    clock: Arc<SetClock>,
    line: LineHandle,
    store: Store,
    folder: TempDir,
}

impl Bench {
    fn new(faults: &[&str]) -> Self {
        Self::of(&site(), faults)
    }

    fn of(site: &Site, faults: &[&str]) -> Self {
        let clock = Arc::new(SetClock {
            steady: RunningClock::starting_at(at(START)),
            set_by_ms: AtomicI64::new(0),
            state: ClockState::Synchronised,
        });
        let shown: Arc<dyn Clock> = clock.clone();
        let rules = faults.iter().map(|rule| rule.parse::<Rule>().unwrap());
        let fleet = Fleet::of_line(site, &site.lines[0], Holes::Zero);
        let bus = Bus::new(fleet, Arc::clone(&shown), Duration::ZERO, FaultPlan::new(rules, 1));
        let folder = TempDir::new().unwrap();
        let store = Store::open(folder.path(), &site.store).unwrap();
        let line = memory::line(bus, Duration::from_millis(300), Arc::clone(&shown));
        let ops = Ops::new(Arc::new(site.clone()), store.clone(), shown).unwrap();
        Self { ops, clock, line, store, folder }
    }

    /// The gateway as it is after a restart at a clock in this state; the meters have gone on.
    fn restarted(self, state: ClockState) -> Self {
        self.store.close().unwrap();
        let Self { ops, clock, line, folder, .. } = self;
        let site = ops.site();
        drop(ops);
        let store = Store::open(folder.path(), &site.store).unwrap();
        let now = clock.now();
        let clock = Arc::new(SetClock {
            steady: RunningClock::starting_at(now),
            set_by_ms: AtomicI64::new(0),
            state,
        });
        let ops = Ops::new(site, store.clone(), clock.clone()).unwrap();
        Self { ops, clock, line, store, folder }
    }

    /// Looks after the controls once a second, as the gateway does.
    async fn run_for(&self, seconds: u64) {
        for _ in 0..seconds {
            for due in self.ops.due_controls() {
                Arc::clone(&self.ops).bring(due, Some(self.line.clone())).await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// What the charger's register holds, in steps of 0.1 kW.
    async fn limit(&self) -> u16 {
        let span = Span { start: LIMIT, count: 1 };
        self.line.read(CHARGER, Table::HoldingRegister, span).await.unwrap().words[0]
    }

    fn hold(&self, parameter: &str, value: f64) -> Result<(), ControlError> {
        self.hold_for(parameter, value, None)
    }

    fn hold_for(&self, parameter: &str, value: f64, lease: Option<Interval>) -> Result<(), ControlError> {
        let (point, parameter, by) = ("PT-EV".to_owned(), parameter.to_owned(), "zhang".to_owned());
        self.ops.hold(&Holding { point, parameter, value, lease, by })
    }

    fn state(&self) -> ControlState {
        self.ops.controls(Some("PT-EV"))[0].state.clone()
    }

    fn acts(&self) -> Vec<(ControlAct, String)> {
        let lines = self.ops.control_lines(Some("PT-EV"), 50).into_iter();
        lines.map(|of| (of.line.act, of.line.by)).collect()
    }

    fn enter_event(&self, promised_kw: Option<f64>) {
        self.ops.enter_event(event(), "platform").unwrap();
        self.ops.reply_to_event("DR-1", promised_kw, "console").unwrap();
    }
}

/// An hour of peak clipping, a quarter of an hour from the start.
fn event() -> EventOrder {
    EventOrder {
        id: "DR-1".to_owned(),
        number: None,
        name: "peak".to_owned(),
        response: ResponseType::PeakClipping,
        timing: None,
        time: at("2026-03-01T10:15:00+08:00")..at("2026-03-01T11:15:00+08:00"),
        wanted_kw: None,
        point_id: Some("PT-GRID".to_owned()),
        invitation: Invitation {
            id: None,
            round: None,
            at: at("2026-03-01T09:00:00+08:00"),
            deadline: at("2026-03-01T10:15:00+08:00"),
            wanted_kw: Some(50.0),
            price_per_kwh: None,
        },
    }
}

fn by(act: ControlAct, who: &str) -> (ControlAct, String) {
    (act, who.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_value_is_written_and_read_back_and_put_back_when_it_is_let_go() {
    let bench = Bench::new(&[]);
    bench.run_for(3).await;
    assert_eq!((bench.limit().await, bench.acts()), (1_200, vec![]), "at rest nothing is written");
    bench.hold("LIMIT", 40.04).unwrap();
    bench.run_for(1).await;
    assert_eq!((bench.limit().await, bench.state()), (400, ControlState::Settled));
    bench.ops.release("PT-EV", "LIMIT", "li").unwrap();
    bench.run_for(2).await;
    assert_eq!((bench.limit().await, bench.state()), (1_200, ControlState::AtRest));
    let acts = [
        by(ControlAct::Held(40.04), "zhang"),
        by(ControlAct::Reached(40.0), "zhang"),
        by(ControlAct::Released, "li"),
        by(ControlAct::Rested(120.0), ""),
    ];
    assert_eq!(bench.acts(), acts);
    let again = bench.ops.release("PT-EV", "LIMIT", "li");
    assert_eq!(again, Err(ControlError::NothingHeld("PT-EV/LIMIT".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn what_the_site_file_does_not_allow_is_refused_and_nothing_is_written() {
    let bench = Bench::new(&[]);
    let refused = [
        ("LIMIT", 9.9, ControlError::OutOfBounds { value: 9.9, min: 10.0, max: 120.0 }),
        ("LIMIT", 120.1, ControlError::OutOfBounds { value: 120.1, min: 10.0, max: 120.0 }),
        ("P", 5.0, ControlError::NotWritable("PT-EV/P".to_owned())),
        ("X", 5.0, ControlError::NoSuchParameter("PT-EV/X".to_owned())),
    ];
    for (parameter, value, error) in refused {
        assert_eq!(bench.hold(parameter, value), Err(error));
    }
    assert!(matches!(bench.hold("LIMIT", f64::NAN), Err(ControlError::OutOfBounds { .. })));
    let long = bench.hold_for("LIMIT", 40.0, Some(Interval::DAY));
    assert_eq!(long, Err(ControlError::LeaseTooLong(Interval::QUARTER_HOUR)));
    bench.run_for(3).await;
    assert_eq!((bench.limit().await, bench.acts()), (1_200, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_value_that_nobody_stands_by_any_longer_gives_way_to_that_of_rest() {
    let bench = Bench::new(&[]);
    bench.hold("LIMIT", 40.0).unwrap();
    bench.run_for(14 * 60).await;
    bench.hold("LIMIT", 40.0).unwrap();
    bench.run_for(14 * 60).await;
    assert_eq!(bench.limit().await, 400, "it was said again");
    bench.run_for(62).await;
    assert_eq!(bench.limit().await, 1_200);
    assert!(bench.acts().contains(&by(ControlAct::LeaseOver, "zhang")));
    let reached = bench.acts().into_iter().filter(|(act, _)| *act == ControlAct::Reached(40.0));
    assert_eq!(reached.count(), 1, "what is there already is not written again");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_prolongs_no_lease() {
    let bench = Bench::new(&[]);
    bench.hold("LIMIT", 40.0).unwrap();
    bench.run_for(60).await;
    bench.clock.set_by_ms.store(-86_400_000, Ordering::Relaxed);
    bench.run_for(13 * 60).await;
    assert_eq!(bench.limit().await, 400);
    bench.run_for(62).await;
    assert_eq!(bench.limit().await, 1_200);
}

#[tokio::test(start_paused = true)]
async fn a_ramp_goes_in_steps_both_ways() {
    let bench = Bench::new(&[]);
    bench.hold("SLOW", 80.0).unwrap();
    let slow = || bench.ops.controls(Some("PT-EV"))[1].clone();
    let mut seen = Vec::new();
    for _ in 0..5 {
        bench.run_for(5).await;
        seen.push(slow().read_back.unwrap());
    }
    assert_eq!(seen, [95.0, 90.0, 85.0, 80.0, 80.0], "60 kW a minute are 5 kW in 5 s");
    assert_eq!(slow().state, ControlState::Settled);
    bench.ops.release("PT-EV", "SLOW", "zhang").unwrap();
    bench.run_for(6).await;
    assert_eq!((slow().read_back, slow().state), (Some(90.0), ControlState::Moving));
}

#[tokio::test(start_paused = true)]
async fn an_event_moves_a_parameter_only_where_something_was_promised_and_only_while_it_goes_on() {
    let declined = Bench::new(&[]);
    declined.enter_event(None);
    declined.run_for(20 * 60).await;
    assert_eq!((declined.limit().await, declined.acts()), (1_200, vec![]));

    // An event may last as long as the lease without being entered again.
    let mut long = site();
    long.points[1].parameters[0] = with_lease(&long, "PT2H");
    let bench = Bench::of(&long, &[]);
    bench.enter_event(Some(80.0));
    bench.run_for(14 * 60).await;
    assert_eq!(bench.limit().await, 1_200, "not begun");
    bench.run_for(62).await;
    assert_eq!(bench.limit().await, 400);
    bench.run_for(60 * 60).await;
    assert_eq!(bench.limit().await, 1_200, "over");
    let acts = [
        by(ControlAct::Held(40.0), "DR-1"),
        by(ControlAct::Reached(40.0), "DR-1"),
        by(ControlAct::Released, "DR-1"),
        by(ControlAct::Rested(120.0), ""),
    ];
    assert_eq!(bench.acts(), acts);
}

fn with_lease(site: &Site, lease: &str) -> cems_gateway::model::point::Parameter {
    use cems_gateway::model::point::Source;
    let mut parameter = site.points[1].parameters[0].clone();
    if let Source::Meter(metered) = &mut parameter.source {
        metered.writable.as_mut().unwrap().lease = Interval::parse(lease).unwrap();
    }
    parameter
}

#[tokio::test(start_paused = true)]
async fn an_event_that_its_caller_no_longer_stands_by_lets_go_until_it_is_entered_again() {
    let bench = Bench::new(&[]);
    bench.enter_event(Some(80.0));
    bench.run_for(16 * 60).await;
    assert_eq!(bench.limit().await, 400);
    bench.run_for(15 * 60).await;
    assert_eq!(bench.limit().await, 1_200, "a quarter of an hour after it began");
    assert!(bench.acts().contains(&by(ControlAct::LeaseOver, "DR-1")));
    assert!(!bench.ops.enter_event(event(), "platform").unwrap().is_new);
    bench.run_for(60).await;
    assert_eq!(bench.limit().await, 400, "entered again");
    bench.ops.cancel_event("DR-1", "console").unwrap();
    bench.run_for(2).await;
    assert_eq!(bench.limit().await, 1_200, "cancelled");
}

#[tokio::test(start_paused = true)]
async fn what_the_site_orders_goes_before_an_event() {
    let bench = Bench::new(&[]);
    bench.enter_event(Some(80.0));
    bench.run_for(16 * 60).await;
    bench.hold("LIMIT", 100.0).unwrap();
    bench.run_for(2).await;
    assert_eq!(bench.limit().await, 1_000);
    bench.ops.release("PT-EV", "LIMIT", "zhang").unwrap();
    bench.run_for(2).await;
    assert_eq!(bench.limit().await, 1_200, "let go of by the site, the event moves it no more");
    bench.ops.enter_event(event(), "platform").unwrap();
    bench.run_for(60).await;
    assert_eq!(bench.limit().await, 1_200);
}

#[tokio::test(start_paused = true)]
async fn what_was_held_before_a_restart_is_held_to_the_end_of_its_lease() {
    let bench = Bench::new(&[]);
    bench.hold("LIMIT", 40.0).unwrap();
    bench.run_for(60).await;
    let bench = bench.restarted(ClockState::Synchronised);
    bench.run_for(13 * 60).await;
    assert_eq!((bench.limit().await, bench.state()), (400, ControlState::Settled));
    bench.run_for(62).await;
    assert_eq!(bench.limit().await, 1_200);
}

#[tokio::test(start_paused = true)]
async fn what_was_held_before_a_long_absence_is_put_back_at_once() {
    let bench = Bench::new(&[]);
    bench.hold("LIMIT", 40.0).unwrap();
    bench.run_for(60).await;
    tokio::time::sleep(Duration::from_hours(1)).await;
    let bench = bench.restarted(ClockState::Synchronised);
    bench.run_for(2).await;
    assert_eq!((bench.limit().await, bench.state()), (1_200, ControlState::AtRest));
}

#[tokio::test(start_paused = true)]
async fn by_a_clock_that_nothing_speaks_for_nothing_is_held() {
    let bench = Bench::new(&[]);
    bench.hold("LIMIT", 40.0).unwrap();
    bench.run_for(60).await;
    let bench = bench.restarted(ClockState::Unset);
    bench.run_for(2).await;
    assert_eq!(bench.limit().await, 1_200);
    assert_eq!(bench.hold("LIMIT", 40.0), Err(ControlError::ClockUnset));
}

#[tokio::test(start_paused = true)]
async fn a_meter_that_forgot_what_was_written_is_told_again() {
    let bench = Bench::new(&[]);
    bench.hold("LIMIT", 40.0).unwrap();
    bench.run_for(2).await;
    bench.line.write(CHARGER, Write::Register(LIMIT, 1_200)).await.unwrap();
    bench.run_for(62).await;
    assert_eq!(bench.limit().await, 400);
    assert_eq!(
        bench.acts()[2..],
        [by(ControlAct::Strayed(120.0), "zhang"), by(ControlAct::Reached(40.0), "zhang")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_meter_that_does_not_answer_is_an_alarm_until_it_takes_the_value() {
    let bench = Bench::new(&["silent@unit=2@once=1", "silent@unit=2@once=2"]);
    bench.hold("LIMIT", 40.0).unwrap();
    bench.run_for(1).await;
    assert!(matches!(bench.state(), ControlState::Failing(_)), "{:?}", bench.state());
    let failing = |alarm: &Alarm| alarm.word() == "control-failing";
    assert!(bench.ops.alarms().iter().any(failing));
    bench.run_for(3).await;
    assert_eq!((bench.limit().await, bench.state()), (400, ControlState::Settled));
    assert!(!bench.ops.alarms().iter().any(failing));
    let acts = [ControlAct::Held(40.0), ControlAct::Failed(40.0), ControlAct::Reached(40.0)];
    assert_eq!(bench.acts(), acts.map(|act| by(act, "zhang")));
}

#[tokio::test(start_paused = true)]
async fn a_meter_that_writes_only_several_registers_is_written_so() {
    // Its second request is the write.
    let bench = Bench::new(&["exception:1@unit=2@once=2"]);
    bench.hold("LIMIT", 40.0).unwrap();
    bench.run_for(1).await;
    assert_eq!((bench.limit().await, bench.state()), (400, ControlState::Settled));
    let refusing = Bench::new(&["exception:3@unit=2@once=2"]);
    refusing.hold("LIMIT", 40.0).unwrap();
    refusing.run_for(1).await;
    assert!(matches!(refusing.state(), ControlState::Failing(_)), "any other refusal is one");
}

#[tokio::test(start_paused = true)]
async fn before_a_stop_everything_goes_to_rest_without_a_ramp() {
    let bench = Bench::new(&[]);
    bench.hold("LIMIT", 40.0).unwrap();
    bench.hold("SLOW", 50.0).unwrap();
    bench.run_for(60).await;
    bench.ops.freeze_controls(None);
    assert!(!bench.ops.is_frozen_at_rest());
    bench.run_for(1).await;
    assert!(bench.ops.is_frozen_at_rest());
    assert_eq!(bench.limit().await, 1_200);
    bench.ops.thaw_controls();
    bench.run_for(2).await;
    assert_eq!(bench.limit().await, 400, "within the lease it is held again");
}

#[tokio::test(start_paused = true)]
async fn what_leaves_the_site_file_goes_to_rest_before() {
    let bench = Bench::new(&[]);
    bench.hold("LIMIT", 40.0).unwrap();
    bench.hold("SLOW", 95.0).unwrap();
    bench.run_for(20).await;
    let read_only =
        SITE.replacen("writable = { min = 10, max = 120, release = 120, lease = \"PT15M\" }", "", 1);
    let read_only = read_only.split("[demand_response]").next().unwrap();
    let after = config::read("site.toml", read_only, meters::library).unwrap();
    bench.ops.freeze_controls(Some(&after));
    bench.run_for(2).await;
    assert!(bench.ops.is_frozen_at_rest());
    assert_eq!(bench.limit().await, 1_200);
    assert_eq!(bench.ops.controls(None)[1].read_back, Some(95.0), "what stays goes on");
    bench.ops.replace_site(Arc::new(after)).unwrap();
    bench.ops.thaw_controls();
    bench.run_for(2).await;
    assert!(!bench.acts().iter().any(|(act, _)| *act == ControlAct::Abandoned));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_that_cannot_be_noted_before() {
    let bench = Bench::new(&[]);
    bench.enter_event(Some(80.0));
    bench.run_for(60).await;
    bench.store.close().unwrap();
    bench.run_for(15 * 60).await;
    assert!(matches!(bench.state(), ControlState::Failing(ControlFault::Store(_))), "{:?}", bench.state());
    assert_eq!(bench.limit().await, 1_200);
    assert!(matches!(bench.hold("LIMIT", 40.0), Err(ControlError::Store(_))));
    bench.run_for(2).await;
    assert_eq!(bench.limit().await, 1_200);
}

#[tokio::test(start_paused = true)]
async fn a_write_goes_before_the_reads_that_wait() {
    let bench = Bench::new(&["late:100"]);
    let span = Span { start: LIMIT, count: 1 };
    let reads: Vec<_> = (0..10)
        .map(|_| {
            let line = bench.line.clone();
            tokio::spawn(async move { line.read(CHARGER, Table::HoldingRegister, span).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let ordered = Instant::now();
    bench.line.write(CHARGER, Write::Register(LIMIT, 400)).await.unwrap();
    let waited = ordered.elapsed();
    let seen: Vec<u16> = {
        let mut seen = Vec::new();
        for read in reads {
            seen.push(read.await.unwrap().unwrap().words[0]);
        }
        seen
    };
    assert_eq!(seen[0], 1_200, "an exchange that has begun is brought to its end");
    assert!(seen[1..].iter().all(|word| *word == 400), "{seen:?}");
    assert!(waited < Duration::from_millis(300), "{waited:?} for one read to end and one write");
}
