//! What went over a line, recorded, written to a file, and played back to the same command.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use cems_gateway::modbus::line::{LineHandle, Write};
use cems_gateway::modbus::recorder::{Direction, Excerpt, Frame};
use cems_gateway::modbus::recording::Recording;
use cems_gateway::modbus::timing::{Protocol, Timing};
use cems_gateway::modbus::transport::{Connect, Stream};
use cems_gateway::model::meter::{Line, Link, Parity, SerialSettings};
use cems_gateway::model::quality::Cause;
use cems_gateway::model::register::{Span, Table, UnitId};
use cems_gateway::sim::bus::Bus;
use cems_gateway::sim::fault::{FaultPlan, Rule};
use cems_gateway::sim::fleet::Fleet;
use cems_gateway::sim::memory;
use cems_gateway::sim::meter::Holes;
use cems_gateway::sim::replay::{Stage, replay};
use cems_gateway::sim::run::{Place, Running};
use cems_gateway::sim::serve::{serve_connection, serve_rtu};
use cems_gateway::time::{Clock, RunningClock, UtcTime};
use cems_gateway::{config, meters};

const UNIT: UnitId = UnitId(1);
const TIMEOUT: Duration = Duration::from_millis(500);
const TURNAROUND: Duration = Duration::from_millis(30);
const START: UtcTime = UtcTime::from_ms(1_718_159_405_000);

const SITE: &str = r#"
[cems]
id = "TEST"
name = "test"
user_name = "test"
utc_offset = "+08:00"
[[category]]
id = "CAT"
code = "01"
name = "test"
[[line]]
id = "lan"
kind = "tcp"
host = "127.0.0.1"
port = 1502
[[meter]]
id = "m"
line = "lan"
unit = 1
[[point]]
id = "PT"
name = "test"
category = "CAT"
role = "branch"
meter = "m"
[[point.parameter]]
id = "P"
name = "test"
register = { table = "holding", address = 10, type = "u16" }
unit = "kW"
scale = 0.1
reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
"#;

fn clock() -> Arc<dyn Clock> {
    Arc::new(RunningClock::starting_at(START))
}

/// A meter that takes its time, and with it what goes wrong.
fn bus(faults: &[&str]) -> Bus {
    let site = config::read("site.toml", SITE, meters::library).unwrap_or_else(|faults| panic!("{faults}"));
    let rules = faults.iter().map(|rule| rule.parse::<Rule>().unwrap());
    let fleet = Fleet::of_line(&site, &site.lines[0], Holes::Zero);
    Bus::new(fleet, clock(), TURNAROUND, FaultPlan::new(rules, 1))
}

async fn read(line: &LineHandle, address: u16) -> Result<Vec<u16>, Cause> {
    let span = Span { start: address, count: 1 };
    line.read(UNIT, Table::HoldingRegister, span).await.map(|block| block.words.to_vec())
}

/// Way, milliseconds since the frame before, and bytes of each frame.
fn told(excerpt: &Excerpt) -> Vec<(Direction, u128, usize)> {
    let mut before = excerpt.frames.first().map_or(Duration::ZERO, |first| first.at);
    let tell = |frame: &Frame| {
        let gap = frame.at.saturating_sub(std::mem::replace(&mut before, frame.at));
        (frame.direction, gap.as_millis(), frame.bytes.len())
    };
    excerpt.frames.iter().map(tell).collect()
}

#[tokio::test(start_paused = true)]
async fn every_frame_of_a_line_is_recorded_in_order_with_the_time_it_took() {
    use Direction::{Discarded, Heard, Sent};
    let line = memory::line(bus(&["late:600@once=2"]), TIMEOUT, clock());
    assert!(read(&line, 10).await.is_ok());
    tokio::time::sleep(Duration::from_millis(170)).await;
    assert!(read(&line, 10).await.is_ok(), "the second try is answered");
    line.write(UNIT, Write::Register(900, 7)).await.unwrap();
    let excerpt = line.recording();
    assert_eq!(
        told(&excerpt),
        [
            (Sent, 0, 12),
            (Heard, 30, 11),
            (Sent, 170, 12),
            (Sent, 500, 12),
            (Discarded, 130, 11),
            (Heard, 30, 11),
            (Sent, 0, 12),
            (Heard, 30, 12),
        ]
    );
    assert_eq!((excerpt.next, excerpt.protocol), (8, Protocol::Tcp));
    assert_eq!(line.recording_from(6).frames, excerpt.frames[6..]);
    for frame in &excerpt.frames {
        let shown = frame.time.ms_since(START);
        assert_eq!(i128::from(shown), i128::try_from(frame.at.as_millis()).unwrap(), "{frame:?}");
    }
}

struct InMemory(Arc<Bus>, Protocol);

#[async_trait::async_trait]
impl Connect for InMemory {
    fn name(&self) -> String {
        "a line in memory".to_owned()
    }

    async fn connect(&mut self) -> std::io::Result<Box<dyn Stream>> {
        let (ours, theirs) = tokio::io::duplex(1_024);
        let bus = Arc::clone(&self.0);
        match self.1 {
            Protocol::Rtu { .. } => tokio::spawn(async move { serve_rtu(theirs, &bus).await }),
            Protocol::Tcp => tokio::spawn(async move { serve_connection(theirs, &bus).await }),
        };
        Ok(Box::new(ours))
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_reply_is_recorded_as_it_was_heard() {
    let line = line(RTU, 1, &["bad-crc@once=1"]);
    assert!(read(&line, 10).await.is_ok());
    let ways: Vec<_> = told(&line.recording()).into_iter().map(|(way, _, bytes)| (way, bytes)).collect();
    let (sent, heard) = ((Direction::Sent, 8), (Direction::Heard, 7));
    assert_eq!(ways, [sent, (Direction::Discarded, 7), sent, heard]);
}

const RTU: Protocol = Protocol::Rtu { local_echo: false };

fn line(protocol: Protocol, pipeline: usize, faults: &[&str]) -> LineHandle {
    let connect = Box::new(InMemory(Arc::new(bus(faults)), protocol));
    let timing = Timing { pipeline, ..Timing::in_memory(TIMEOUT) };
    LineHandle::spawn_on(connect, protocol, timing, clock())
}

#[tokio::test(start_paused = true)]
async fn every_answer_of_requests_that_are_under_way_at_once_is_recorded_as_taken() {
    let line = line(Protocol::Tcp, 4, &[]);
    let reads = tokio::join!(read(&line, 10), read(&line, 10), read(&line, 10));
    assert!(reads.0.is_ok() && reads.1.is_ok() && reads.2.is_ok());
    let excerpt = line.recording();
    let count = |way| excerpt.frames.iter().filter(|frame| frame.direction == way).count();
    assert_eq!((count(Direction::Sent), count(Direction::Heard)), (3, 3));
    assert_eq!(excerpt.frames[1].direction, Direction::Sent, "they were under way at once");
}

/// Reads and writes of a line, some of them refused or late, and what came of them.
async fn a_few_exchanges(line: &LineHandle) -> Vec<Result<Vec<u16>, Cause>> {
    let mut outcomes = Vec::new();
    for address in [10, 10, 11, 10] {
        outcomes.push(read(line, address).await);
    }
    outcomes.push(line.write(UNIT, Write::Registers(900, vec![1, 2])).await.map(|()| Vec::new()));
    outcomes
}

async fn play(recording: &Recording) -> (Running, LineHandle) {
    let running = replay(recording, Stage::Any).await.unwrap();
    let link = match &running.places()[0].1 {
        Place::Tcp(address) => Link::Tcp { host: address.ip().to_string(), port: address.port() },
        Place::Pty(path) => {
            let port = path.to_str().unwrap().to_owned();
            Link::Serial(SerialSettings {
                port,
                baud: 115_200,
                parity: Parity::None,
                data_bits: 8,
                stop_bits: 1,
                local_echo: false,
                rs485: None,
            })
        }
    };
    let settings = Line { id: "played".to_owned(), link, response_timeout_ms: 500, pipeline: 1 };
    (running, LineHandle::spawn(&settings, clock()))
}

/// Through the text of the file, as `record` writes it.
fn filed(line: &LineHandle) -> Recording {
    let Excerpt { protocol, frames, .. } = line.recording();
    Recording::parse(&Recording { line: "a".to_owned(), protocol, frames }.text()).unwrap()
}

#[tokio::test]
async fn a_recorded_line_answers_again_as_it_did_over_tcp() {
    let line = memory::line(bus(&["exception:6@once=2"]), TIMEOUT, clock());
    let outcomes = a_few_exchanges(&line).await;
    assert_eq!(outcomes[1], Err(Cause::Exception(6)));
    let (_running, played) = play(&filed(&line)).await;
    for _ in 0..2 {
        assert_eq!(a_few_exchanges(&played).await, outcomes);
    }
    assert_eq!(read(&played, 77).await, Err(Cause::Timeout), "nobody recorded that");
    let turnarounds = played.turnarounds(UNIT).unwrap();
    assert!(turnarounds.p50() >= Some(Duration::from_millis(25)), "{turnarounds:?}");
}

#[tokio::test]
async fn a_recorded_line_answers_again_as_it_did_on_a_serial_port() {
    let line = line(RTU, 1, &["exception:6@once=2", "bad-crc@once=3"]);
    let outcomes = a_few_exchanges(&line).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3, "{outcomes:?}");
    let (_running, played) = play(&filed(&line)).await;
    assert_eq!(a_few_exchanges(&played).await, outcomes);
    let damaged = played.counters()[0].garbled;
    assert_eq!(damaged, 1, "the damaged reply comes again too");
}

struct Simulator(Child);

impl Simulator {
    fn playing(file: &Path, stage: &[&str]) -> (Self, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cems-gateway"));
        command.arg("sim").arg("--replay").arg(file).args(stage).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut told = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut told).unwrap();
        let place = told.trim().rsplit(' ').next().unwrap().to_owned();
        (Self(child), place)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn printed(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cems-gateway")).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

const RECORDED: &str = "cems-gateway recording 1
protocol PROTOCOL
line rs485-1
# an SDM630 at its desk
1000000 2024-06-12T02:30:05.000Z > REQUEST
1020000 2024-06-12T02:30:05.020Z < REPLY
";

#[test]
fn the_read_command_gets_the_recorded_values_from_a_recording() {
    let dir = tempfile::tempdir().unwrap();
    let over_tcp = "00 08 00 00 00 06 01 03 00 28 00 02";
    let socket = ["--listen", "127.0.0.1:0"];
    for (protocol, stage, request, reply) in [
        ("tcp", &[][..], over_tcp, "00 08 00 00 00 07 01 03 04 43 66 80 00"),
        ("tcp", &socket[..], over_tcp, "00 08 00 00 00 07 01 03 04 43 66 80 00"),
        ("rtu", &["--pty"][..], "01 03 00 28 00 02 44 03", "01 03 04 43 66 80 00 6e 68"),
        ("rtu", &socket[..], "01 03 00 28 00 02 44 03", "01 03 04 43 66 80 00 6e 68"),
    ] {
        let file = dir.path().join(protocol);
        let text = RECORDED.replace("PROTOCOL", protocol).replace("REQUEST", request).replace("REPLY", reply);
        fs::write(&file, text).unwrap();
        let through = if protocol == "rtu" && stage == socket { &["--rtu-over-tcp"][..] } else { &[] };
        let (_simulator, place) = Simulator::playing(&file, stage);
        let (ok, words) =
            printed(&[&["read", &place, "1", "holding", "40", "2", "--type", "f32"], through].concat());
        assert!(ok && words.trim() == "40  230.5", "{place}: {words}");
    }
}

#[test]
fn the_frames_command_tells_a_recording_in_words_and_refuses_a_broken_one_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rs485-1.frames");
    let path = file.to_str().unwrap();
    let text = RECORDED.replace("PROTOCOL", "rtu").replace("REQUEST", "01 03 00 28 00 02 44 03");
    fs::write(&file, text.replace("REPLY", "01 83 02 c0 f1")).unwrap();
    let (ok, words) = printed(&["frames", path]);
    assert!(ok, "{words}");
    let told = "line rs485-1, 2 frames, times in UTC
02:30:05.000 >             unit 1, function 03: read 2 from holding 40
    01 03 00 28 00 02 44 03  CRC good
02:30:05.020 <   +20.0 ms  unit 1, function 03: refused, exception 02; the meter has no such address; check address, base and count
    01 83 02 c0 f1  CRC good
";
    assert_eq!(words, told);
    fs::write(&file, text.replace("REPLY", "01 8x")).unwrap();
    for arguments in [&["frames", path][..], &["sim", "--replay", path]] {
        let (ok, words) = printed(arguments);
        assert!(!ok && words.contains(path) && words.contains("line 6: after the third word"), "{words}");
    }
}
