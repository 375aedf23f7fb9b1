//! The simulated factory: its formula against slow arithmetic, its meters against real frames.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops here")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the counter's words are cut out of it"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cems_gateway::config::site::Site;
use cems_gateway::mapping;
use cems_gateway::meters;
use cems_gateway::modbus::brought::SpareWords;
use cems_gateway::modbus::frame::{Answer, ExceptionCode, Expect, Request, Response, read_request, rtu, tcp};
use cems_gateway::modbus::line::LineHandle;
use cems_gateway::model::meter::Line;
use cems_gateway::model::point::{Metered, Parameter};
use cems_gateway::model::quality::Quality;
use cems_gateway::model::register::{Span, Table, UnitId};
use cems_gateway::sim::bus::{Bus, Framing, Meters};
use cems_gateway::sim::factory::{Quantity, value};
use cems_gateway::sim::fault::FaultPlan;
use cems_gateway::sim::fleet::Fleet;
use cems_gateway::sim::meter::{Dial, Holes};
use cems_gateway::sim::plant::SimulatedPlant;
use cems_gateway::sim::pty::Pty;
use cems_gateway::sim::run::Place;
use cems_gateway::sim::serve::{serve_connection, serve_rtu};
use cems_gateway::sim::site::{Ports, site_toml};
use cems_gateway::time::{Clock, ManualClock, UtcOffset, UtcTime, parse_instant};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

const REGISTERS: [(&str, &str); 12] = [
    ("PT-GRID", "EPI"),
    ("PT-GRID", "EPE"),
    ("PT-LINE1", "EPI"),
    ("PT-CH1", "EPI"),
    ("PT-CH2", "EPI"),
    ("PT-VENT1", "EPI"),
    ("PT-PV1", "EPE"),
    ("PT-ESS1", "EPI"),
    ("PT-ESS1", "EPE"),
    ("PT-EV1", "EPI"),
    ("PT-GAS", "VOL"),
    ("PT-PROD-A", "OUTPUT"),
];
const NOW: &str = "2024-06-12T10:30:00+08:00";
const SECONDS_2020_TO_2050: std::ops::Range<i64> = 1_577_808_000..2_524_579_200;

fn at(text: &str) -> UtcTime {
    parse_instant(text, UtcOffset::UTC).unwrap()
}

fn second(seconds: i64) -> UtcTime {
    UtcTime::from_ms(seconds * 1_000)
}

fn site_at(ports: &Ports) -> Site {
    let text = site_toml(ports, "127.0.0.1:8080".parse().unwrap(), &"0".repeat(64));
    cems_gateway::config::read("factory.toml", &text, meters::library).unwrap()
}

fn site() -> Site {
    let [grid, der] = ["127.0.0.1:1502", "127.0.0.1:1503"].map(|address| address.parse().unwrap());
    site_at(&Ports { serial: Place::Pty("/dev/null".into()), grid, der })
}

#[test]
fn an_energy_register_grows_by_the_power_of_every_slot() {
    let start = at("2024-03-25T00:00:00+08:00").as_ms();
    for point in ["PT-LINE1", "PT-CH1", "PT-VENT1", "PT-EV1"] {
        let slots = (0..14 * 96).map(|slot| UtcTime::from_ms(start + slot * 900_000));
        let energy: f64 = slots.map(|slot| value(point, "P", slot).unwrap() / 4.0).sum();
        let end = UtcTime::from_ms(start + 14 * 86_400_000);
        let register =
            value(point, "EPI", end).unwrap() - value(point, "EPI", UtcTime::from_ms(start)).unwrap();
        assert!((energy - register).abs() < 1e-5, "{point}: {energy} kWh, register {register} kWh");
    }
}

proptest! {
    #[test]
    fn what_comes_from_the_grid_goes_to_the_loads(seconds in SECONDS_2020_TO_2050) {
        let power = |point| value(point, "P", second(seconds)).unwrap();
        let loads = ["PT-LINE1", "PT-CH1", "PT-CH2", "PT-VENT1", "PT-EV1"].map(power).iter().sum::<f64>();
        let grid = loads - power("PT-PV1") + power("PT-ESS1");
        prop_assert!((power("PT-GRID") - grid).abs() < 1e-6);
    }

    #[test]
    fn no_register_ever_runs_backwards(seconds in SECONDS_2020_TO_2050, later in 0..3_000_i64) {
        for (point, parameter) in REGISTERS {
            let read = |seconds| value(point, parameter, second(seconds)).unwrap();
            prop_assert!(read(seconds) <= read(seconds + later), "{point} {parameter}");
        }
    }
}

/// One line of the golden file that `factory.py golden` writes.
struct Golden {
    time: &'static str,
    point_id: &'static str,
    parameter_id: &'static str,
    /// By the formula.
    formula: String,
    /// As the meter's register holds it.
    shown: String,
}

impl Golden {
    fn is_for(&self, time: &str, point_id: &str, parameter_id: &str) -> bool {
        (self.time, self.point_id, self.parameter_id) == (time, point_id, parameter_id)
    }
}

fn golden() -> Vec<Golden> {
    let line = |line: &'static str| {
        let [time, point_id, parameter_id, formula, shown] =
            line.split(',').collect::<Vec<_>>().try_into().unwrap();
        // Through a double and back, so that both languages write it alike.
        let number = |text: &str| text.parse::<f64>().unwrap().to_string();
        Golden { time, point_id, parameter_id, formula: number(formula), shown: number(shown) }
    };
    include_str!("data/sim/factory.csv").lines().map(line).collect()
}

/// What the gateway makes of the words of `parameter`.
fn shown(parameter: &Parameter, words: &[u16]) -> String {
    let Metered { register, conversion, .. } = parameter.metered().unwrap();
    let sample = mapping::sample(register, words, conversion, parameter.decimals, parameter.valid);
    assert_eq!(sample.quality, Quality::Good, "{}", parameter.id);
    sample.value.unwrap().number().unwrap().to_string()
}

#[test]
fn the_formula_in_python_and_the_registers_say_the_same() {
    let site = site();
    for Golden { time, point_id, parameter_id, formula, shown: expected } in golden() {
        let name = format!("{point_id} {parameter_id} at {time}");
        let point = site.points.iter().find(|point| point.id == point_id).unwrap();
        let parameter = point.parameters.iter().find(|parameter| parameter.id == parameter_id).unwrap();
        let quantity = Quantity::of(point_id, parameter_id).unwrap();
        assert_eq!(quantity.value(at(time)).to_string(), formula, "{name}");
        let dial = Dial {
            register: parameter.metered().unwrap().register.clone(),
            conversion: parameter.metered().unwrap().conversion,
            formula: Arc::new(move |at| quantity.value(at)),
            is_counter: parameter.reading_type.is_cumulative(),
        };
        assert_eq!(shown(parameter, &dial.words(at(time)).unwrap()), expected, "{name}");
    }
}

/// The line of this ID with these faults, at [`NOW`].
fn bus(line_id: &str, holes: Holes, faults: &[&str]) -> Bus {
    let site = site();
    let line = site.lines.iter().find(|line| line.id == line_id).unwrap();
    let plan = FaultPlan::new(faults.iter().map(|rule| rule.parse().unwrap()), 1);
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::showing(at(NOW)));
    Bus::new(Fleet::of_line(&site, line, holes), clock, Duration::ZERO, plan)
}

/// A client on an in-memory RTU line.
struct Client(DuplexStream);

impl Client {
    fn on(bus: Bus) -> Self {
        let (client, server) = tokio::io::duplex(4_096);
        tokio::spawn(async move { serve_rtu(server, &bus).await });
        Self(client)
    }

    async fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// What comes until the line has been silent for `silence_ms`.
    async fn hear(&mut self, silence_ms: u64) -> Vec<u8> {
        let mut heard = Vec::new();
        let silence = Duration::from_millis(silence_ms);
        while let Ok(Ok(bytes)) = timeout(silence, self.0.read_buf(&mut heard)).await {
            if bytes == 0 {
                break;
            }
        }
        heard
    }

    async fn ask(&mut self, unit: u8, request: &Request<'_>) -> Vec<u8> {
        let mut frame = Vec::new();
        rtu::write_request(UnitId(unit), request, &mut frame).unwrap();
        self.say(&frame).await;
        self.hear(20).await
    }
}

/// PT-PROD-A's counter and its neighbours on unit 6.
const READ_OUTPUT: Request<'static> = Request::ReadHoldingRegisters(15, 2);

fn answer_of(unit: u8, request: &Request<'_>, heard: &[u8]) -> Option<Answer> {
    let found = rtu::find_reply(Expect::reply_to(UnitId(unit), request).unwrap(), heard)?;
    Some(found.what.map(|reply| SpareWords::default().keep(reply).response(request)))
}

/// What the production counter shows at [`NOW`], CDAB.
fn output() -> Response {
    let kilograms = (value("PT-PROD-A", "OUTPUT", at(NOW)).unwrap() * 1_000.0).round() as u32;
    let [high, low] = [(kilograms >> 16) as u16, kilograms as u16];
    Response::ReadHoldingRegisters(vec![low, high])
}

#[tokio::test(start_paused = true)]
async fn a_request_in_gives_one_frame_out() {
    let mut client = Client::on(bus("rs485-1", Holes::Zero, &[]));
    let heard = client.ask(6, &READ_OUTPUT).await;
    assert_eq!(heard.len(), 9);
    assert_eq!(answer_of(6, &READ_OUTPUT, &heard), Some(Ok(output())));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_understood_in_pieces_and_behind_noise() {
    let mut client = Client::on(bus("rs485-1", Holes::Zero, &[]));
    let mut frame = Vec::new();
    rtu::write_request(UnitId(6), &READ_OUTPUT, &mut frame).unwrap();
    client.say(&[0xFF, 0x00, 0x81]).await;
    client.say(&frame[..3]).await;
    assert!(client.hear(10).await.is_empty());
    client.say(&frame[3..]).await;
    assert_eq!(answer_of(6, &READ_OUTPUT, &client.hear(20).await), Some(Ok(output())));
}

#[tokio::test(start_paused = true)]
async fn nobody_answers_for_an_absent_unit_or_a_broadcast() {
    let mut client = Client::on(bus("rs485-1", Holes::Zero, &[]));
    assert!(client.ask(9, &READ_OUTPUT).await.is_empty());
    assert!(client.ask(0, &Request::WriteSingleRegister(100, 7)).await.is_empty());
    let read_back = Request::ReadHoldingRegisters(100, 1);
    let heard = client.ask(6, &read_back).await;
    assert_eq!(answer_of(6, &read_back, &heard), Some(Ok(Response::ReadHoldingRegisters(vec![7]))));
}

#[tokio::test(start_paused = true)]
async fn an_address_without_a_register_is_refused_with_exception_02() {
    let beyond = Request::ReadHoldingRegisters(17, 1);
    let mut client = Client::on(bus("rs485-1", Holes::Zero, &[]));
    let heard = client.ask(6, &beyond).await;
    assert_eq!(answer_of(6, &beyond, &heard), Some(Err(ExceptionCode::IllegalDataAddress)));

    let hole = read_request(Table::InputRegister, Span { start: 0, count: 40 });
    let mut strict = Client::on(bus("rs485-1", Holes::Refused, &[]));
    let heard = strict.ask(3, &hole).await;
    assert_eq!(answer_of(3, &hole, &heard), Some(Err(ExceptionCode::IllegalDataAddress)));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_function_code_is_refused_with_exception_01() {
    let mut client = Client::on(bus("rs485-1", Holes::Zero, &[]));
    let mut frame = vec![6, 0x2B, 14, 1, 0];
    rtu::seal(&mut frame);
    client.say(&frame).await;
    let mut refusal = vec![6, 0xAB, 1];
    rtu::seal(&mut refusal);
    assert_eq!(client.hear(100).await, refusal);
}

#[tokio::test(start_paused = true)]
async fn each_fault_does_what_it_says() {
    let mut request = Vec::new();
    rtu::write_request(UnitId(6), &READ_OUTPUT, &mut request).unwrap();
    let mut reply = Vec::new();
    rtu::write_reply(UnitId(6), 3, &Ok(output()), &mut reply);
    let mut bad_crc = reply.clone();
    *bad_crc.last_mut().unwrap() ^= 0xFF;
    let mut other_unit = Vec::new();
    rtu::write_reply(UnitId(7), 3, &Ok(output()), &mut other_unit);
    let mut refusal = Vec::new();
    rtu::write_reply(UnitId(6), 3, &Err(ExceptionCode::ServerDeviceBusy), &mut refusal);
    for (rule, expected) in [
        ("bad-crc", bad_crc),
        ("phantom", [vec![6, 3, 0xF0], reply.clone()].concat()),
        ("lost:8", reply[8..].to_vec()),
        ("echo", [request, reply.clone()].concat()),
        ("other-unit", other_unit),
        ("exception:6", refusal),
        ("silent", vec![]),
        ("silent@unit=5", reply.clone()),
        ("hang-up", vec![]),
    ] {
        let mut client = Client::on(bus("rs485-1", Holes::Zero, &[rule]));
        assert_eq!(client.ask(6, &READ_OUTPUT).await, expected, "{rule}");
    }

    let mut noisy = Client::on(bus("rs485-1", Holes::Zero, &["noise:25"]));
    let heard = noisy.ask(6, &READ_OUTPUT).await;
    assert_eq!((heard.len(), &heard[25..]), (25 + reply.len(), &reply[..]));

    let mut late = Client::on(bus("rs485-1", Holes::Zero, &["late:200@once=1"]));
    assert!(late.ask(6, &READ_OUTPUT).await.is_empty());
    assert_eq!(
        late.ask(5, &Request::ReadHoldingRegisters(0x2012, 2)).await.len(),
        9,
        "another meter answers"
    );
    assert_eq!(late.hear(200).await, reply);

    let mut queue = Client::on(bus("rs485-1", Holes::Zero, &["late:200@once=1"]));
    assert!(queue.ask(6, &READ_OUTPUT).await.is_empty());
    let second = Request::ReadHoldingRegisters(15, 1);
    assert!(queue.ask(6, &second).await.is_empty(), "one meter answers one request after the other");
    let both = queue.hear(200).await;
    assert_eq!(both[..9], reply);
    assert!(answer_of(6, &second, &both[9..]).is_some());

    let mut split = Client::on(bus("rs485-1", Holes::Zero, &["split:80"]));
    assert_eq!(split.ask(6, &READ_OUTPUT).await, reply[..4]);
    assert_eq!(split.hear(100).await, reply[4..]);
}

#[tokio::test(start_paused = true)]
async fn modbus_tcp_repeats_the_transaction_and_tells_of_an_absent_unit() {
    let (mut client, server) = tokio::io::duplex(4_096);
    let bus = bus("lan-der", Holes::Zero, &[]);
    tokio::spawn(async move { serve_connection(server, &bus).await });
    for (unit, answer) in [
        (2, Ok(Response::ReadHoldingRegisters(vec![0xFB50, 635]))),
        (9, Err(ExceptionCode::GatewayTargetDevice)),
    ] {
        let mut frame = Vec::new();
        tcp::write_request(0x1501, UnitId(unit), &Request::ReadHoldingRegisters(4, 2), &mut frame).unwrap();
        client.write_all(&frame).await.unwrap();
        let mut expected = Vec::new();
        tcp::write_reply(0x1501, UnitId(unit), 3, &answer, &mut expected);
        let mut heard = vec![0; expected.len()];
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, expected);
    }
}

#[test]
fn a_stream_that_is_not_modbus_tcp_is_hung_up_on() {
    let reaction = bus("lan-der", Holes::Zero, &[]).react(Framing::Tcp, b"GET / HTTP/1.1\r\n").unwrap();
    assert_eq!(reaction.steps, [cems_gateway::sim::bus::Step::HangUp]);
}

proptest! {
    #[test]
    fn no_bytes_make_the_line_fail(heard in prop::collection::vec(any::<u8>(), 0..600)) {
        let bus = bus("rs485-1", Holes::Zero, &[]);
        let _ = (bus.react(Framing::Rtu, &heard), bus.react_to_silence(&heard));
        let _ = bus.react(Framing::Tcp, &heard);
    }
}

/// One exchange through a path that any program could open as its serial port.
fn exchange_on(path: &std::path::Path) -> Vec<u8> {
    use std::io::{Read, Write};
    let mut port = std::fs::File::options().read(true).write(true).open(path).unwrap();
    let mut modes = rustix::termios::tcgetattr(&port).unwrap();
    modes.make_raw();
    rustix::termios::tcsetattr(&port, rustix::termios::OptionalActions::Now, &modes).unwrap();
    let mut frame = Vec::new();
    rtu::write_request(UnitId(6), &READ_OUTPUT, &mut frame).unwrap();
    port.write_all(&frame).unwrap();
    let mut heard = vec![0; 9];
    port.read_exact(&mut heard).unwrap();
    heard
}

#[tokio::test]
async fn a_pty_outlives_the_programs_that_open_it() {
    let pty = Pty::open().unwrap();
    let path = pty.path().to_path_buf();
    let bus = bus("rs485-1", Holes::Zero, &[]);
    let server = tokio::spawn(async move { serve_rtu(pty, &bus).await });
    for _ in 0..3 {
        let path = path.clone();
        let heard = tokio::task::spawn_blocking(move || exchange_on(&path)).await.unwrap();
        assert_eq!(answer_of(6, &READ_OUTPUT, &heard), Some(Ok(output())));
    }
    server.abort();
}

/// The factory's three lines as the gateway opens them: a pty and two sockets.
fn lines_to(plant: &SimulatedPlant, clock: &Arc<dyn Clock>) -> (Site, BTreeMap<String, LineHandle>) {
    let site = site_at(plant.ports());
    let handle = |line: &Line| (line.id.clone(), LineHandle::spawn(line, Arc::clone(clock)));
    let handles = site.lines.iter().map(handle).collect();
    (site, handles)
}

#[tokio::test]
async fn the_gateways_own_lines_read_every_value_of_the_plant_to_the_digit() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::showing(at(NOW)));
    let plant = SimulatedPlant::start(Arc::clone(&clock)).unwrap();
    let (site, lines) = lines_to(&plant, &clock);
    let golden = golden();
    for point in &site.points {
        for parameter in &point.parameters {
            let Some(metered) = parameter.metered() else { continue };
            let (register, meter) = (&metered.register, site.meter(&metered.meter_id).unwrap());
            let read = lines[&meter.line_id].read(meter.unit, register.table, register.span()).await;
            let expected = golden.iter().find(|line| line.is_for(NOW, &point.id, &parameter.id)).unwrap();
            assert_eq!(
                shown(parameter, &read.unwrap().words),
                expected.shown,
                "{} {}",
                point.id,
                parameter.id
            );
        }
    }
    for (_, line) in lines {
        line.shutdown().await;
    }
}

#[test]
fn a_plant_that_is_dropped_leaves_no_port_behind() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::showing(at(NOW)));
    let ports = SimulatedPlant::start(clock).unwrap().ports().clone();
    assert!(std::net::TcpStream::connect(ports.grid).is_err());
    assert!(std::net::TcpStream::connect(ports.der).is_err());
}
