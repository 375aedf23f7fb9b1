//! Every fault that the simulated meters know, against the real line in virtual time: what a reading then
//! says, and never a wrong value.

use std::fmt::Write as _;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cems_gateway::config;
use cems_gateway::config::site::Site;
use cems_gateway::counter::{Assumption, Event};
use cems_gateway::meters;
use cems_gateway::modbus::frame::{Request, rtu};
use cems_gateway::modbus::line::{LineHandle, Write};
use cems_gateway::modbus::timing::{Protocol, Timing};
use cems_gateway::modbus::transport::{Connect, Stream};
use cems_gateway::model::meter::Link;
use cems_gateway::model::point::Conversion;
use cems_gateway::model::quality::{Cause, Quality};
use cems_gateway::model::reading::{Reading, Value};
use cems_gateway::model::register::{DataType, Register, Span, Table, UnitId, WordOrder};
use cems_gateway::ops::Ops;
use cems_gateway::poll::Poll;
use cems_gateway::poll::job::jobs_of_line;
use cems_gateway::sim::bus::Bus;
use cems_gateway::sim::fault::FaultPlan;
use cems_gateway::sim::fleet::Fleet;
use cems_gateway::sim::memory;
use cems_gateway::sim::meter::{Dial, Holes, Meter};
use cems_gateway::sim::run::{Manner, Place, Running, run};
use cems_gateway::sim::serve::serve_rtu;
use cems_gateway::store::Store;
use cems_gateway::time::{Clock, RunningClock, SystemClock, UtcOffset, UtcTime, parse_instant};
use tempfile::TempDir;
use tokio::time::sleep;

const UNIT: UnitId = UnitId(1);
const START: &str = "2026-03-01T00:00:00Z";
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(300);
const RTU: Protocol = Protocol::Rtu { local_echo: false };
const SEED: u64 = 7;

fn start() -> UtcTime {
    parse_instant(START, UtcOffset::UTC).unwrap()
}

fn plan(rules: &[&str]) -> FaultPlan {
    FaultPlan::new(rules.iter().map(|rule| rule.parse().unwrap()), SEED)
}

/// Simulated meters behind an RTU wire in memory; every connection reaches the same ones.
struct OnRtu(Arc<Bus>);

#[async_trait]
impl Connect for OnRtu {
    fn name(&self) -> String {
        "simulated meters in memory".to_owned()
    }

    async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
        let (near, far) = tokio::io::duplex(4_096);
        let bus = Arc::clone(&self.0);
        tokio::spawn(async move { serve_rtu(far, &bus).await });
        Ok(Box::new(near))
    }
}

fn line_to(bus: Bus, protocol: Protocol, clock: Arc<dyn Clock>) -> LineHandle {
    if protocol == Protocol::Tcp {
        return memory::line(bus, RESPONSE_TIMEOUT, clock);
    }
    let connect = Box::new(OnRtu(Arc::new(bus)));
    LineHandle::spawn_on(connect, protocol, Timing::in_memory(RESPONSE_TIMEOUT), clock)
}

/// A line to one meter of 200 holding registers, each of which holds a number of its own.
fn line(protocol: Protocol, rules: &[&str]) -> LineHandle {
    let clock: Arc<dyn Clock> = Arc::new(RunningClock::starting_at(start()));
    let mut meter = Meter::new(Holes::Refused);
    for address in 0..200 {
        let register = Register {
            name: "test".to_owned(),
            table: Table::HoldingRegister,
            address,
            data_type: DataType::Integer { words: 1, signed: false },
            word_order: WordOrder::ABCD,
            not_available: Vec::new(),
        };
        let formula = Arc::new(move |_| f64::from(word(address)));
        meter.add(Dial { register, conversion: Conversion::NONE, formula, is_counter: false });
    }
    let bus = Bus::new(Fleet::new([(UNIT, meter)]), Arc::clone(&clock), Duration::ZERO, plan(rules));
    line_to(bus, protocol, clock)
}

const fn word(address: u16) -> u16 {
    address * 257
}

/// The causes of those of thirty reads, each tried once, that gave no value.
///
/// # Panics
/// When one gave a wrong value.
async fn causes_of_thirty_reads(protocol: Protocol, rule: &str) -> Vec<Cause> {
    let line = line(protocol, &[rule]);
    let mut causes = Vec::new();
    for read in 0..30 {
        let span = Span { start: read * 6, count: 1 + read % 12 };
        match line.probe(UNIT, Table::HoldingRegister, span).await {
            Ok(block) => {
                let right: Vec<u16> = (span.start..).take(span.count.into()).map(word).collect();
                assert_eq!(*block.words, *right, "{rule} over {protocol:?}");
            }
            Err(cause) => causes.push(cause),
        }
    }
    causes
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_a_reply_costs_that_reply_and_never_gives_a_wrong_value() {
    let third = |cause| vec![cause; 10];
    for (fault, on_rtu, over_tcp) in [
        ("late:320", third(Cause::Timeout), third(Cause::Timeout)),
        ("bad-crc", third(Cause::Garbled), third(Cause::Timeout)),
        ("noise:25", vec![], third(Cause::LineDown)),
        ("phantom", vec![], vec![]),
        ("lost:8", third(Cause::Garbled), third(Cause::LineDown)),
        ("split:80", vec![], vec![]),
        ("echo", vec![], vec![]),
        ("other-unit", third(Cause::Mismatch), third(Cause::LineDown)),
        ("wrong-length", third(Cause::Mismatch), third(Cause::Mismatch)),
        ("two-on-one-id", third(Cause::Garbled), vec![]),
        ("exception:4", third(Cause::Exception(4)), third(Cause::Exception(4))),
        ("silent", third(Cause::Timeout), third(Cause::Timeout)),
        ("hang-up", third(Cause::LineDown), third(Cause::LineDown)),
    ] {
        let rule = format!("{fault}@every=3");
        assert_eq!(causes_of_thirty_reads(RTU, &rule).await, on_rtu, "{rule} on RTU");
        assert_eq!(causes_of_thirty_reads(Protocol::Tcp, &rule).await, over_tcp, "{rule} over TCP");
    }
}

#[tokio::test(start_paused = true)]
async fn two_meters_of_one_address_never_give_the_value_of_the_other() {
    for protocol in [RTU, Protocol::Tcp] {
        let line = line(protocol, &["two-on-one-id"]);
        for read in 0..300 {
            let span = Span { start: read % 190, count: 1 + read % 3 };
            let right: Vec<u16> = (span.start..).take(span.count.into()).map(word).collect();
            let read = line.probe(UNIT, Table::HoldingRegister, span).await;
            assert!(
                read.is_err() || read.is_ok_and(|block| *block.words == *right),
                "{span:?}, {protocol:?}"
            );
        }
    }
}

/// A site with meters on one line of this kind, each with a counter in Wh and a power.
fn site_text(meters: u8, link: &str, interval: &str) -> String {
    let mut text = format!(
        r#"
        [cems]
        id = "C"
        name = "site"
        user_name = "user"
        utc_offset = "+00:00"
        [[category]]
        id = "K"
        name = "kind"
        code = "K"
        [[line]]
        id = "l"
        {link}
        "#
    );
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
            id = "EPI"
            name = "energy"
            register = {{ table = "holding", address = 0, type = "u32" }}
            scale = 0.001
            unit = "kWh"
            reading_type = "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0"
            [[point.parameter]]
            id = "P"
            name = "power"
            register = {{ table = "holding", address = 6, type = "i16" }}
            unit = "kW"
            reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
            "#
        )
        .unwrap();
    }
    text
}

fn site(meters: u8) -> Site {
    let text = site_text(meters, "kind = \"tcp\"\nhost = \"127.0.0.1\"", "PT1S");
    config::read("site.toml", &text, meters::library).unwrap_or_else(|faults| panic!("{faults}"))
}

/// What a gateway has stored of the meters that it has read.
struct Bench {
    ops: Arc<Ops>,
    store: Store,
    _folder: TempDir,
}

impl Bench {
    /// Reads the meters of `site`, with these faults, for so long.
    async fn after(time: Duration, site: &Site, rules: &[&str]) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(RunningClock::starting_at(start()));
        let fleet = Fleet::of_line(site, &site.lines[0], Holes::Zero);
        let bus = Bus::new(fleet, Arc::clone(&clock), Duration::ZERO, plan(rules));
        let folder = TempDir::new().unwrap();
        let store = Store::open(folder.path(), &site.store).unwrap();
        let line = line_to(bus, RTU, Arc::clone(&clock));
        let ops = Ops::new(Arc::new(site.clone()), store.clone(), Arc::clone(&clock)).unwrap();
        let jobs = jobs_of_line(site, &site.lines[0], &store).unwrap();
        let poll = Poll::spawn(jobs, line.clone(), store.clone(), clock);
        sleep(time).await;
        poll.shutdown().await;
        line.shutdown().await;
        Self { ops, store, _folder: folder }
    }

    fn readings(&self, point: &str, parameter: &str) -> Vec<Reading> {
        self.store.flush().unwrap();
        let series = self.store.series(point, parameter).unwrap();
        self.store.history(series, UtcTime::ALWAYS).unwrap().map(Result::unwrap).collect()
    }

    /// What the counters did, once the quarter hour is summed up in which it happened.
    fn events(&self) -> Vec<(String, Event)> {
        self.store.flush().unwrap();
        for _ in 0..500 {
            let events = self.ops.counter_events(None, 99);
            if !events.is_empty() && self.store.status().waiting_quarters == 0 {
                return events.into_iter().map(|of| (of.point, of.event.event)).collect();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Vec::new()
    }
}

/// The second after the start in which a reading was taken.
fn second(reading: &Reading) -> i64 {
    reading.at.ms_since(start()) / 1_000
}

fn kwh(reading: &Reading) -> Option<f64> {
    reading.value.as_ref().and_then(Value::number)
}

/// What the counter of `unit` would show if nothing befell it, to the watt-hour: k kWh an hour from 2020 on.
fn undisturbed(unit: i32, second: i64) -> f64 {
    let since_2020 = start().ms_since(parse_instant("2020-01-01T00:00:00+08:00", UtcOffset::UTC).unwrap());
    let seconds = f64::from(i32::try_from(since_2020 / 1_000 + second).unwrap());
    (f64::from(1 + 7 * unit) * seconds / 3.6).round() / 1_000.0
}

const CLOSE: f64 = 0.001_1;

#[tokio::test(start_paused = true)]
async fn what_befalls_a_counter_is_the_event_that_it_is() {
    let site = site(4);
    let rules = ["rollover@unit=1@after=100", "reset@unit=2@after=200", "swap@unit=3@after=300"];
    let bench = Bench::after(Duration::from_millis(1_020_500), &site, &rules).await;

    for (unit, turn) in [(1, 100), (2, 200), (3, 300), (4, 1_021)] {
        let readings = bench.readings(&format!("p{unit}"), "EPI");
        assert_eq!(readings.len(), 1_021);
        let swapped = readings.get(300).and_then(kwh).unwrap();
        for reading in &readings {
            assert_eq!(reading.quality, Quality::Good);
            let (is_before, raw) = (second(reading) < turn, undisturbed(unit, second(reading)));
            let since_turn = raw - undisturbed(unit, turn);
            let right = match unit {
                1 if is_before => 4_294_967.296 + since_turn,
                1 | 2 if !is_before => since_turn,
                3 if !is_before => swapped + since_turn,
                _ => raw,
            };
            assert!((kwh(reading).unwrap() - right).abs() < CLOSE, "unit {unit}: {reading:?}, not {right}");
        }
    }
    let events = bench.events();
    let told: Vec<_> =
        events.iter().map(|(point, event)| (point.as_str(), second_of(event.at), event.assumption)).collect();
    let expected = [
        ("p1", 100, Assumption::RolledOver),
        ("p2", 200, Assumption::Reset),
        ("p3", 300, Assumption::Replaced),
    ];
    assert_eq!(told, expected);
    let counted: Vec<f64> = events.iter().map(|(_, event)| event.counted).collect();
    // A second of 8 kW rolled over; after a reset what is shown is counted, and of a used meter nothing.
    assert!((counted[0] - 8.0 / 3_600.0).abs() < CLOSE && counted[1..].iter().all(|kwh| *kwh < CLOSE));
}

fn second_of(at: UtcTime) -> i64 {
    at.ms_since(start()) / 1_000
}

#[tokio::test(start_paused = true)]
async fn a_meter_without_power_is_a_named_silence_and_its_counter_goes_on() {
    let site = site(2);
    let bench = Bench::after(Duration::from_millis(960_500), &site, &["power-cycle@unit=1@every=60"]).await;
    assert!(bench.readings("p2", "EPI").iter().all(|reading| reading.quality == Quality::Good));
    let readings = bench.readings("p1", "EPI");
    assert_eq!(readings.len(), 961);
    for reading in &readings {
        let at = second(reading);
        let is_off = at >= 60 && at % 60 < 5;
        match reading.quality {
            Quality::Good => {
                assert!(!is_off && (kwh(reading).unwrap() - undisturbed(1, at)).abs() < CLOSE, "{reading:?}");
            }
            Quality::Missing(Cause::Timeout) => assert!(is_off && reading.value.is_none(), "{reading:?}"),
            Quality::Missing(Cause::BackedOff) => assert!(reading.value.is_none()),
            Quality::Missing(_) | Quality::Suspect(_) => panic!("{reading:?}"),
        }
    }
    let good = readings.iter().filter(|reading| reading.quality == Quality::Good).count();
    assert!(good > 700, "{good} of 961");
    assert_eq!(bench.ops.counter_events(None, 9), []);
}

#[tokio::test(start_paused = true)]
async fn a_meter_without_power_forgets_what_was_written_to_it() {
    let line = line(RTU, &["power-cycle@every=60"]);
    let beyond = Span { start: 200, count: 1 };
    line.write(UNIT, Write::Register(200, 7)).await.unwrap();
    sleep(Duration::from_secs(50)).await;
    let read = line.read(UNIT, Table::HoldingRegister, beyond).await;
    assert_eq!(read.map(|block| block.words.to_vec()), Ok(vec![7]));
    sleep(Duration::from_secs(20)).await;
    let read = line.read(UNIT, Table::HoldingRegister, beyond).await;
    assert_eq!(read.map(|block| block.words.to_vec()), Err(Cause::Exception(2)));
}

#[tokio::test(start_paused = true)]
async fn a_hole_between_two_values_costs_neither_and_one_in_a_value_is_told() {
    let site = site(1);
    for (rule, power) in
        [("hole:3-4", Quality::Good), ("hole:6-6@unit=1", Quality::Missing(Cause::Exception(2)))]
    {
        let bench = Bench::after(Duration::from_millis(9_500), &site, &[rule]).await;
        let qualities =
            |parameter| bench.readings("p1", parameter).iter().map(|it| it.quality).collect::<Vec<_>>();
        assert_eq!(qualities("EPI"), [Quality::Good; 10], "{rule}");
        assert_eq!(qualities("P"), [power; 10], "{rule}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_history() {
    let site = site(2);
    let rules = ["swap@unit=1@after=20", "bad-crc@chance=20", "two-on-one-id@chance=30"];
    let mut histories = Vec::new();
    for _ in 0..2 {
        let bench = Bench::after(Duration::from_mins(1), &site, &rules).await;
        histories.push((bench.readings("p1", "EPI"), bench.readings("p2", "P")));
    }
    assert_eq!(histories[0], histories[1]);
    assert!(histories[0].0.iter().any(|reading| reading.quality != Quality::Good));
}

/// A simulated line of 2400 baud and 11 bits a character on a pty, and its site.
async fn paced() -> (Running, Site) {
    let text = site_text(1, "kind = \"rtu\"\nport = \"/dev/null\"\nbaud = 2400\nparity = \"even\"", "PT1S");
    let mut site = config::read("site.toml", &text, meters::library).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let running = run(&site, &clock, &Manner { paced: true, ..Manner::default() }).await.unwrap();
    let [(_, Place::Pty(path))] = running.places() else { panic!("{running:?}") };
    if let Link::Serial(settings) = &mut site.lines[0].link {
        settings.port = path.to_string_lossy().into_owned();
    }
    (running, site)
}

#[tokio::test]
async fn the_gateways_own_line_keeps_the_silence_of_a_wire_that_takes_its_time() {
    let (running, site) = paced().await;
    let line = LineHandle::spawn(&site.lines[0], Arc::new(SystemClock));
    let began = std::time::Instant::now();
    for _ in 0..5 {
        line.read(UNIT, Table::HoldingRegister, Span { start: 0, count: 7 }).await.unwrap();
    }
    // Eight characters there and nineteen back of 4.58 ms each, and twice 3.5 of silence.
    let least = Duration::from_micros(5 * (8 + 19 + 3) * 4_583);
    assert!(began.elapsed() > least, "{:?}, not {least:?}", began.elapsed());
    assert_eq!(running.silences()[0].early_requests(), 0);
    line.shutdown().await;
}

#[tokio::test]
async fn a_client_that_speaks_into_a_reply_is_counted() {
    let (running, site) = paced().await;
    let Link::Serial(settings) = &site.lines[0].link else { panic!("{site:?}") };
    let path = settings.port.clone();
    let talk = move || {
        use std::io::{Read, Write};
        let mut port = std::fs::File::options().read(true).write(true).open(path).unwrap();
        let mut modes = rustix::termios::tcgetattr(port.as_fd()).unwrap();
        modes.make_raw();
        rustix::termios::tcsetattr(port.as_fd(), rustix::termios::OptionalActions::Now, &modes).unwrap();
        let mut frame = Vec::new();
        rtu::write_request(UNIT, &Request::ReadHoldingRegisters(0, 7), &mut frame).unwrap();
        port.write_all(&frame).unwrap();
        port.read_exact(&mut [0; 1]).unwrap();
        port.write_all(&frame).unwrap();
        port.read_exact(&mut [0; 18 + 19]).unwrap();
    };
    tokio::task::spawn_blocking(talk).await.unwrap();
    assert_eq!(running.silences()[0].early_requests(), 1);
}
