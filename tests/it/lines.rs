//! Lines that come and go: a real pseudo-terminal, a real socket, a port that cannot be opened.

#![expect(clippy::unwrap_used, reason = "a test that cannot lay its wires has nothing to test")]

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use cems_gateway::modbus::brought::Brought;
use cems_gateway::modbus::frame::{Request, Response, rtu, tcp};
use cems_gateway::modbus::line::{LineHandle, PortState, RegisterBlock, Write};
use cems_gateway::modbus::timing::{Protocol, Timing};
use cems_gateway::modbus::transport::{Connect, Stream};
use cems_gateway::modbus::wire::Wire;
use cems_gateway::model::meter::{Line, Link, Parity, SerialSettings};
use cems_gateway::model::quality::Cause;
use cems_gateway::model::register::{Span, Table, UnitId};
use cems_gateway::time::{RunningClock, SystemClock, UtcTime};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::time::{Instant, sleep};
use tokio_modbus::ExceptionCode;
use tokio_modbus::client::{Client, Context as ModbusContext, Reader};
use tokio_modbus::slave::SlaveContext;

const UNIT: UnitId = UnitId(1);
const TWO: Span = Span { start: 40, count: 2 };

async fn read_two(line: &LineHandle) -> Result<Vec<u16>, Cause> {
    line.read(UNIT, Table::HoldingRegister, TWO).await.map(|block| block.words.to_vec())
}

/// The reply of a meter whose registers hold their own address.
fn rtu_reply(heard: &[u8]) -> Option<Vec<u8>> {
    let (unit, function, request) = rtu::find_request(heard)?.what;
    let Ok(Request::ReadHoldingRegisters(start, count)) = request else { return None };
    let mut reply = Vec::new();
    let words = (start..start + count).collect();
    rtu::write_reply(unit, function, &Ok(Response::ReadHoldingRegisters(words)), &mut reply);
    Some(reply)
}

/// A pseudo-terminal behind a stable path; the returned end is the meter's.
fn plug_in(port: &Path) -> File {
    let meter_end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&meter_end).unwrap();
    unlockpt(&meter_end).unwrap();
    let name = ptsname(&meter_end, Vec::new()).unwrap();
    let _ = std::fs::remove_file(port);
    symlink(name.to_str().unwrap(), port).unwrap();
    File::from(meter_end)
}

/// Answers this many requests and gives the meter's end back, to be dropped when the plug is pulled.
fn answer_on(mut wire: File, requests: usize) -> std::thread::JoinHandle<File> {
    std::thread::spawn(move || {
        let (mut heard, mut buffer) = (Vec::new(), [0; 256]);
        for _ in 0..requests {
            let reply = loop {
                if let Some(reply) = rtu_reply(&heard) {
                    break reply;
                }
                match wire.read(&mut buffer) {
                    Ok(count) => heard.extend(&buffer[..count]),
                    // Nobody has opened the port yet.
                    Err(_) => std::thread::yield_now(),
                }
            };
            heard.clear();
            wire.write_all(&reply).unwrap();
        }
        wire
    })
}

fn serial_line(port: &Path) -> Line {
    let settings = SerialSettings {
        port: port.to_str().unwrap().to_owned(),
        baud: 9_600,
        parity: Parity::None,
        data_bits: 8,
        stop_bits: 1,
        local_echo: false,
        rs485: None,
    };
    Line { id: "rs485-1".to_owned(), link: Link::Serial(settings), response_timeout_ms: 500, pipeline: 1 }
}

async fn until(line: &LineHandle, wanted: PortState) {
    line.watch_state().wait_for(|state| *state == wanted).await.unwrap();
}

#[tokio::test]
async fn a_serial_port_that_is_unplugged_says_so_and_is_read_again_once_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let port = dir.path().join("port");
    let meter = answer_on(plug_in(&port), 2);
    let line = LineHandle::spawn(&serial_line(&port), Arc::new(SystemClock));
    assert_eq!(read_two(&line).await, Ok(vec![40, 41]));
    assert_eq!(read_two(&line).await, Ok(vec![40, 41]));
    drop(meter.join().unwrap());
    std::fs::remove_file(&port).unwrap();
    until(&line, PortState::Wait).await;
    sleep(Duration::from_millis(300)).await;
    assert_eq!(read_two(&line).await, Err(Cause::LineDown));
    let meter = answer_on(plug_in(&port), 1);
    until(&line, PortState::Open).await;
    assert_eq!(read_two(&line).await, Ok(vec![40, 41]));
    line.shutdown().await;
    drop(meter.join().unwrap());
}

#[tokio::test]
async fn a_connection_that_is_reset_costs_at_most_one_request() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        for connection in 0..2 {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 260];
            for _ in 0..3 {
                let count = socket.read(&mut buffer).await.unwrap();
                let frame = tcp::first_frame(&buffer[..count]).unwrap().unwrap();
                let mut reply = Vec::new();
                let words = Ok(Response::ReadHoldingRegisters(vec![40, 41]));
                tcp::write_reply(frame.transaction, frame.unit, 3, &words, &mut reply);
                socket.write_all(&reply).await.unwrap();
            }
            if connection == 0 {
                // The next request is met by a reset instead of a reply.
                let _ = socket.read(&mut buffer).await.unwrap();
                socket.set_zero_linger().unwrap();
            }
        }
    });
    let socket = Link::Tcp { host: "127.0.0.1".to_owned(), port };
    let settings = Line { id: "lan".to_owned(), link: socket, response_timeout_ms: 2_000, pipeline: 1 };
    let line = LineHandle::spawn(&settings, Arc::new(SystemClock));
    let mut outcomes = Vec::new();
    for _ in 0..7 {
        outcomes.push(read_two(&line).await.map(|_| ()));
    }
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 6);
    assert_eq!(outcomes[3], Err(Cause::LineDown));
    server.await.unwrap();
}

/// Fails a number of times, then opens a meter in memory that answers after `delay`.
struct Stubborn {
    failures: u32,
    attempts: Arc<AtomicU32>,
    served: Arc<AtomicU32>,
    delay: Duration,
}

#[async_trait]
impl Connect for Stubborn {
    fn name(&self) -> String {
        "a stubborn port".to_owned()
    }

    async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
        if self.attempts.fetch_add(1, Ordering::Relaxed) < self.failures {
            return Err(io::ErrorKind::NotFound.into());
        }
        let (near, far) = tokio::io::duplex(1_024);
        tokio::spawn(serve(far, self.delay, Arc::clone(&self.served)));
        Ok(Box::new(near))
    }
}

async fn serve(mut wire: DuplexStream, delay: Duration, served: Arc<AtomicU32>) {
    let mut buffer = [0; 256];
    while let Ok(count @ 1..) = wire.read(&mut buffer).await {
        sleep(delay).await;
        served.fetch_add(1, Ordering::Relaxed);
        let reply = rtu_reply(&buffer[..count]).unwrap();
        wire.write_all(&reply).await.unwrap();
    }
}

struct Desk {
    line: LineHandle,
    attempts: Arc<AtomicU32>,
    served: Arc<AtomicU32>,
}

fn desk(failures: u32, delay: Duration) -> Desk {
    let (attempts, served) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let connect = Stubborn { failures, attempts: Arc::clone(&attempts), served: Arc::clone(&served), delay };
    let timing = Timing::in_memory(Duration::from_millis(500));
    let clock = Arc::new(RunningClock::starting_at(UtcTime::from_ms(0)));
    let line = LineHandle::spawn_on(Box::new(connect), Protocol::Rtu { local_echo: false }, timing, clock);
    Desk { line, attempts, served }
}

#[tokio::test(start_paused = true)]
async fn a_port_that_cannot_be_opened_fails_requests_at_once_and_is_tried_less_and_less_often() {
    let desk = desk(8, Duration::ZERO);
    sleep(Duration::from_secs(1)).await;
    let asked_at = Instant::now();
    assert_eq!(read_two(&desk.line).await, Err(Cause::LineDown));
    assert_eq!(asked_at.elapsed(), Duration::ZERO);
    assert_eq!(desk.line.state(), PortState::Wait);
    sleep(Duration::from_mins(1)).await;
    assert_eq!(desk.attempts.load(Ordering::Relaxed), 9);
    assert_eq!(desk.line.state(), PortState::Open);
    assert_eq!(read_two(&desk.line).await, Ok(vec![40, 41]));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_stops_waiting_stops_no_exchange() {
    let desk = desk(0, Duration::from_millis(100));
    assert_eq!(read_two(&desk.line).await, Ok(vec![40, 41]));
    let impatient = tokio::time::timeout(Duration::from_millis(50), read_two(&desk.line)).await;
    assert!(impatient.is_err());
    let other = desk.line.read(UNIT, Table::HoldingRegister, Span { start: 90, count: 2 }).await;
    assert_eq!(other.map(|block| block.words.to_vec()), Ok(vec![90, 91]));
    assert_eq!(desk.served.load(Ordering::Relaxed), 3);
    assert_eq!(desk.line.counters()[0].ok, 3);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_waits_for_any_more_is_never_sent() {
    let desk = desk(0, Duration::from_millis(100));
    let (first, second) = tokio::join!(
        read_two(&desk.line),
        tokio::time::timeout(Duration::from_millis(10), read_two(&desk.line))
    );
    assert_eq!(first, Ok(vec![40, 41]));
    assert!(second.is_err());
    assert_eq!(read_two(&desk.line).await, Ok(vec![40, 41]));
    assert_eq!(desk.served.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_asked_is_refused_without_going_out() {
    let desk = desk(0, Duration::ZERO);
    for (span, code) in [((0, 0), 3), ((0, 126), 3), ((65_535, 2), 2)] {
        let span = Span { start: span.0, count: span.1 };
        let refused = desk.line.read(UNIT, Table::HoldingRegister, span).await;
        assert_eq!(refused, Err(Cause::Exception(code)));
    }
    assert_eq!(desk.served.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_ended_answers_nobody() {
    let desk = desk(0, Duration::ZERO);
    assert_eq!(read_two(&desk.line).await, Ok(vec![40, 41]));
    desk.line.clone().shutdown().await;
    assert_eq!(desk.line.state(), PortState::Shutdown);
    assert_eq!(read_two(&desk.line).await, Err(Cause::LineDown));
    desk.line.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_wire_serves_the_readers_of_tokio_modbus_as_well() {
    let (near, far) = tokio::io::duplex(1_024);
    tokio::spawn(serve(far, Duration::ZERO, Arc::default()));
    let timing = Timing::in_memory(Duration::from_millis(500));
    let wire = Wire::new(Box::new(near), Protocol::Rtu { local_echo: false }, timing);
    let client: Box<dyn Client> = Box::new(wire);
    let words = ModbusContext::from(client).read_holding_registers(7, 3).await.unwrap().unwrap();
    assert_eq!(words, [7, 8, 9]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_half_way_leaves_nothing_for_the_next() {
    let (near, far) = tokio::io::duplex(1_024);
    tokio::spawn(serve(far, Duration::from_millis(100), Arc::default()));
    let timing = Timing::in_memory(Duration::from_millis(200));
    let wire = Wire::new(Box::new(near), Protocol::Rtu { local_echo: false }, timing);
    let client: Box<dyn Client> = Box::new(wire);
    let mut client = ModbusContext::from(client);
    assert_eq!(client.read_holding_registers(7, 2).await.unwrap().unwrap(), [7, 8]);
    let dropped = tokio::time::timeout(Duration::from_millis(50), client.read_holding_registers(20, 2)).await;
    assert!(dropped.is_err());
    assert_eq!(client.read_holding_registers(30, 2).await.unwrap().unwrap(), [30, 31]);
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_is_written_to_all_and_awaited_from_none() {
    let desk = desk(0, Duration::from_secs(9));
    assert_eq!(desk.line.write(UnitId(0), Write::Register(1, 2)).await, Ok(()));
    let nobody = desk.line.read(UnitId(0), Table::HoldingRegister, TWO).await;
    assert_eq!(nobody, Err(Cause::Exception(3)));
}

#[tokio::test(start_paused = true)]
async fn every_request_waits_for_the_silence_that_ends_the_reply_before_it() {
    let (near, mut far) = tokio::io::duplex(1_024);
    let timing = Timing::rtu(2_400, 11, Duration::from_millis(500));
    let meter = tokio::spawn(async move {
        let (mut silences, mut replied_at, mut buffer) = (Vec::new(), None::<Instant>, [0; 256]);
        while let Ok(count @ 1..) = far.read(&mut buffer).await {
            silences.extend(replied_at.map(|at| at.elapsed()));
            // The request is on the wire for eight characters and the meter thinks for a while.
            sleep(timing.wire_time(8) + Duration::from_millis(20)).await;
            far.write_all(&rtu_reply(&buffer[..count]).unwrap()).await.unwrap();
            replied_at = Some(Instant::now());
        }
        silences
    });
    let mut wire = Wire::new(Box::new(near), Protocol::Rtu { local_echo: false }, timing);
    wire.set_slave(UNIT.0.into());
    for start in 0..5 {
        wire.call(Request::ReadHoldingRegisters(start, 2)).await.unwrap().unwrap();
    }
    drop(wire);
    let silences = meter.await.unwrap();
    assert_eq!(silences.len(), 4);
    assert!(silences.iter().all(|silence| *silence >= timing.gap), "{silences:?} under {:?}", timing.gap);
}

/// A meter at 2400 baud that thinks for 20 ms, and refuses the registers from 1000 on.
async fn slow_meter(mut wire: DuplexStream, timing: Timing) {
    let mut buffer = [0; 256];
    while let Ok(count @ 1..) = wire.read(&mut buffer).await {
        let mut reply = rtu_reply(&buffer[..count]).unwrap();
        if u16::from_be_bytes([buffer[2], buffer[3]]) >= 1_000 {
            rtu::write_reply(UNIT, 3, &Err(ExceptionCode::IllegalDataAddress), &mut reply);
        }
        sleep(timing.wire_time(count) + Duration::from_millis(20) + timing.wire_time(reply.len())).await;
        wire.write_all(&reply).await.unwrap();
    }
}

struct SlowLine(Timing);

#[async_trait]
impl Connect for SlowLine {
    fn name(&self) -> String {
        "a slow meter in memory".to_owned()
    }

    async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
        let (near, far) = tokio::io::duplex(1_024);
        tokio::spawn(slow_meter(far, self.0));
        Ok(Box::new(near))
    }
}

#[tokio::test(start_paused = true)]
async fn the_turnaround_of_a_unit_is_its_thinking_alone_however_long_its_reply_is_on_the_wire() {
    let timing = Timing::rtu(2_400, 11, Duration::from_millis(500));
    let clock = Arc::new(RunningClock::starting_at(UtcTime::from_ms(0)));
    let protocol = Protocol::Rtu { local_echo: false };
    let line = LineHandle::spawn_on(Box::new(SlowLine(timing)), protocol, timing, clock);
    for (start, count) in [(0, 1), (0, 100), (1_000, 100)] {
        let _ = line.read(UNIT, Table::HoldingRegister, Span { start, count }).await;
        // A runtime that sleeps in whole milliseconds adds up to one.
        let newest_ms = line.counters()[0].last_turnaround.unwrap().as_millis();
        assert!((20..=21).contains(&newest_ms), "{newest_ms} ms for {count} from {start}");
    }
    let unit = line.counters()[0];
    let p99_ms = unit.turnarounds.p99().unwrap().as_millis();
    assert!((18..=23).contains(&p99_ms), "{p99_ms}");
    assert_eq!((unit.ok, unit.exceptions.by_code().collect::<Vec<_>>()), (2, vec![(2, 1)]));
}

#[tokio::test(start_paused = true)]
async fn a_line_is_as_busy_as_its_exchanges_take_it() {
    let desk = desk(0, Duration::from_millis(250));
    let mut second = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..180 {
        second.tick().await;
        assert_eq!(read_two(&desk.line).await, Ok(vec![40, 41]));
    }
    second.tick().await;
    let share = desk.line.busy_share();
    assert!((share - 0.25).abs() < 0.01, "{share}");
    sleep(Duration::from_mins(2)).await;
    assert!(desk.line.busy_share() < 0.01);
}

#[tokio::test(start_paused = true)]
async fn a_silent_unit_keeps_its_line_busy() {
    let desk = desk(0, Duration::from_hours(1));
    sleep(Duration::from_mins(2)).await;
    let read = tokio::spawn({
        let line = desk.line.clone();
        async move { line.probe(UNIT, Table::HoldingRegister, TWO).await }
    });
    sleep(Duration::from_millis(400)).await;
    let while_waiting = desk.line.busy_share();
    assert!((while_waiting * 60.4 - 0.4).abs() < 0.01, "{while_waiting}");
    assert_eq!(read.await.unwrap(), Err(Cause::Timeout));
}

#[test]
fn a_block_gives_only_the_words_it_holds() {
    let span = Span { start: 10, count: 3 };
    let block = RegisterBlock {
        table: Table::HoldingRegister,
        span,
        words: [1, 2, 3].into_iter().collect(),
        read_at: UtcTime::from_ms(0),
    };
    assert_eq!(block.words_of(Span { start: 11, count: 2 }), Some(&[2, 3][..]));
    assert_eq!(block.words_of(Span { start: 9, count: 2 }), None);
    assert_eq!(block.words_of(Span { start: 12, count: 2 }), None);
}

/// A modem that has called and said who it is.
async fn called(port: u16, registration: &[u8]) -> tokio::net::TcpStream {
    loop {
        if let Ok(mut modem) = tokio::net::TcpStream::connect(("127.0.0.1", port)).await {
            modem.write_all(registration).await.unwrap();
            return modem;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Answers requests, with a heartbeat before each, until the line hangs up.
async fn answer_as_modem(mut modem: tokio::net::TcpStream, unit_words: [u16; 2]) {
    let (mut heard, mut buffer) = (Vec::new(), [0; 256]);
    while let Ok(count @ 1..) = modem.read(&mut buffer).await {
        heard.extend(&buffer[..count]);
        if let Some(found) = rtu::find_request(&heard) {
            let (unit, function, _) = found.what;
            let mut reply = b"heartbeat".to_vec();
            let mut frame = Vec::new();
            rtu::write_reply(
                unit,
                function,
                &Ok(Response::ReadHoldingRegisters(unit_words.to_vec())),
                &mut frame,
            );
            reply.extend(frame);
            heard.clear();
            modem.write_all(&reply).await.unwrap();
        }
    }
}

fn dial_in_line(id: &str, port: u16, registration: &[u8]) -> LineHandle {
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let link = Link::DialIn { listen, registration: registration.to_vec(), baud: 9_600 };
    let of_modem = Line { id: id.to_owned(), link, response_timeout_ms: 500, pipeline: 1 };
    LineHandle::spawn(&of_modem, Arc::new(SystemClock))
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn modems_that_call_are_lines_by_what_they_say_first() {
    let port = free_port();
    let (first, second) = (dial_in_line("a", port, b"DTU-1"), dial_in_line("b", port, &[1, 2, 0xAB]));
    assert_eq!(read_two(&first).await, Err(Cause::LineDown), "nobody has called");
    // Its registration comes in two pieces.
    let mut modem = called(port, b"DT").await;
    modem.write_all(b"U-1").await.unwrap();
    tokio::spawn(answer_as_modem(modem, [40, 41]));
    tokio::spawn(answer_as_modem(called(port, &[1, 2, 0xAB]).await, [50, 51]));
    until(&first, PortState::Open).await;
    until(&second, PortState::Open).await;
    assert_eq!(read_two(&first).await, Ok(vec![40, 41]));
    assert_eq!(read_two(&second).await, Ok(vec![50, 51]));
}

#[tokio::test]
async fn a_modem_that_calls_again_replaces_its_connection_that_went_silent() {
    let port = free_port();
    let line = dial_in_line("a", port, b"DTU-1");
    let silent = called(port, b"DTU-1").await;
    until(&line, PortState::Open).await;
    let mut state = line.watch_state();
    tokio::spawn(answer_as_modem(called(port, b"DTU-1").await, [40, 41]));
    state.wait_for(|state| *state == PortState::Wait).await.unwrap();
    until(&line, PortState::Open).await;
    assert_eq!(read_two(&line).await, Ok(vec![40, 41]));
    drop(silent);
}

#[tokio::test]
async fn who_is_the_modem_of_no_line_is_hung_up_on() {
    let port = free_port();
    let line = dial_in_line("a", port, b"DTU-1");
    for unknown in [b"DTU-2".as_slice(), b"GET / HTTP/1.1\r\n\r\n", b"X"] {
        let mut stranger = called(port, unknown).await;
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), stranger.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{unknown:?}");
    }
    assert_eq!(line.state(), PortState::Wait);
}

/// A stream that nobody may flush: on a serial port that blocks the runtime until the last bit is out.
struct NeverFlushed(DuplexStream);

impl AsyncRead for NeverFlushed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for NeverFlushed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        panic!("the line was flushed");
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for NeverFlushed {}

#[tokio::test(start_paused = true)]
async fn a_line_is_never_flushed() {
    let (ours, theirs) = tokio::io::duplex(1_024);
    let protocol = Protocol::Rtu { local_echo: false };
    let timing = Timing::in_memory(Duration::from_millis(500));
    tokio::spawn(serve(theirs, Duration::ZERO, Arc::default()));
    let mut wire = Wire::new(Box::new(NeverFlushed(ours)), protocol, timing);
    let request = Request::ReadHoldingRegisters(40, 2);
    let answer = wire.exchange(UNIT, &request).await.unwrap();
    assert_eq!(answer, Ok(Brought::Words([40, 41].into_iter().collect())));
}
