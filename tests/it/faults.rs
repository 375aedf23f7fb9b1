//! A line with every fault that lines have: never a wrong value, and never more than one lost request
//! for one fault.
//!
//! Twelve reads of twenty registers at different addresses, each register holding its own address, so
//! that a reply to another question is a wrong value. Each scenario runs twice: with every request
//! tried once, where the fault may cost its own request, and with the retry that polling uses.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cems_gateway::modbus::frame::{rtu, tcp};
use cems_gateway::modbus::line::LineHandle;
use cems_gateway::modbus::timing::{Protocol, Timing};
use cems_gateway::modbus::transport::{Connect, Stream};
use cems_gateway::model::quality::Cause;
use cems_gateway::model::register::{Span, Table, UnitId};
use cems_gateway::time::{RunningClock, UtcTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::sleep;
use tokio_modbus::{ExceptionCode, Request, Response};

const UNIT: UnitId = UnitId(1);
const TIMEOUT_MS: u64 = 50;
/// 30 ms after the timeout.
const LATE_MS: u64 = TIMEOUT_MS + 30;
const RTU: Protocol = Protocol::Rtu { local_echo: false };

/// What the meter does with its reply.
enum Act {
    Say(Vec<u8>),
    WaitMs(u64),
    HangUp,
}
use Act::{HangUp, Say, WaitMs};

/// What the meter does with the n-th request (from 1) over all connections, given the request and
/// the right reply.
type Script = fn(nth: usize, request: &[u8], reply: Vec<u8>) -> Vec<Act>;

/// A meter behind a wire in memory; every connection reaches the same meter.
struct Meter {
    protocol: Protocol,
    script: Script,
    served: Arc<std::sync::atomic::AtomicUsize>,
}

#[async_trait]
impl Connect for Meter {
    fn name(&self) -> String {
        "a meter in memory".to_owned()
    }

    async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
        let (near, far) = tokio::io::duplex(4_096);
        tokio::spawn(serve(far, self.protocol, self.script, Arc::clone(&self.served)));
        Ok(Box::new(near))
    }
}

async fn serve(
    mut wire: DuplexStream,
    protocol: Protocol,
    script: Script,
    served: Arc<std::sync::atomic::AtomicUsize>,
) {
    let (mut heard, mut buffer) = (Vec::new(), [0; 512]);
    loop {
        let Ok(count @ 1..) = wire.read(&mut buffer).await else { return };
        heard.extend(&buffer[..count]);
        while let Some((request, reply)) = take_request(&mut heard, protocol) {
            let nth = served.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            for act in script(nth, &request, reply) {
                match act {
                    Say(bytes) => {
                        if wire.write_all(&bytes).await.is_err() {
                            return;
                        }
                    }
                    WaitMs(ms) => sleep(Duration::from_millis(ms)).await,
                    HangUp => return,
                }
            }
        }
    }
}

/// The first whole request among the bytes heard, with the right reply to it.
fn take_request(heard: &mut Vec<u8>, protocol: Protocol) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut reply = Vec::new();
    let bytes = match protocol {
        Protocol::Rtu { .. } => {
            let found = rtu::find_request(heard)?;
            let (unit, function, request) = found.what;
            rtu::write_reply(unit, function, &request.and_then(|request| answer(&request)), &mut reply);
            found.at.end
        }
        Protocol::Tcp => {
            let frame = tcp::first_frame(heard).ok()??;
            let request = cems_gateway::modbus::frame::serve::read_request(frame.pdu);
            tcp::write_reply(
                frame.transaction,
                frame.unit,
                frame.pdu[0],
                &request.and_then(|request| answer(&request)),
                &mut reply,
            );
            frame.bytes()
        }
    };
    Some((heard.drain(..bytes).collect(), reply))
}

/// Each register holds its own address.
fn answer(request: &Request<'static>) -> Result<Response, ExceptionCode> {
    match request {
        Request::ReadHoldingRegisters(start, count) => {
            Ok(Response::ReadHoldingRegisters((*start..start + count).collect()))
        }
        Request::WriteSingleRegister(address, word) => Ok(Response::WriteSingleRegister(*address, *word)),
        _ => Err(ExceptionCode::IllegalFunction),
    }
}

fn line(protocol: Protocol, script: Script) -> LineHandle {
    line_with_late_window(120, protocol, script)
}

fn line_with_late_window(late_ms: u64, protocol: Protocol, script: Script) -> LineHandle {
    let timing = Timing {
        late_window: Duration::from_millis(late_ms),
        ..Timing::in_memory(Duration::from_millis(TIMEOUT_MS))
    };
    let meter = Meter { protocol, script, served: Arc::default() };
    let clock = Arc::new(RunningClock::starting_at(UtcTime::from_ms(0)));
    LineHandle::spawn_on(Box::new(meter), protocol, timing, clock)
}

/// What came of twelve reads.
#[derive(Debug, PartialEq, Eq)]
struct Score {
    ok: usize,
    failed: Vec<Cause>,
    wrong: usize,
}

fn ok(ok: usize, failed: &[Cause]) -> Score {
    Score { ok, failed: failed.to_vec(), wrong: 0 }
}

async fn twelve_reads(line: &LineHandle, with_retry: bool) -> Score {
    let mut score = ok(0, &[]);
    for read in 0..12 {
        let span = Span { start: read * 100, count: 20 };
        let block = if with_retry {
            line.read(UNIT, Table::HoldingRegister, span).await
        } else {
            line.probe(UNIT, Table::HoldingRegister, span).await
        };
        match block {
            Ok(block) if block.words == (span.start..span.start + 20).collect() => score.ok += 1,
            Ok(_) => score.wrong += 1,
            Err(cause) => score.failed.push(cause),
        }
    }
    score
}

async fn tried_once(protocol: Protocol, script: Script) -> Score {
    twelve_reads(&line(protocol, script), false).await
}

async fn with_retry(protocol: Protocol, script: Script) -> Score {
    twelve_reads(&line(protocol, script), true).await
}

#[tokio::test(start_paused = true)]
async fn one_late_reply_costs_only_its_own_request() {
    let script: Script = |nth, _, reply| match nth {
        1 => vec![WaitMs(LATE_MS), Say(reply)],
        _ => vec![Say(reply)],
    };
    assert_eq!(tried_once(RTU, script).await, ok(11, &[Cause::Timeout]));
    assert_eq!(with_retry(RTU, script).await, ok(12, &[]));
}

#[tokio::test(start_paused = true)]
async fn every_third_reply_late_costs_every_third_request() {
    let script: Script = |nth, _, reply| match nth % 3 {
        0 => vec![WaitMs(LATE_MS), Say(reply)],
        _ => vec![Say(reply)],
    };
    assert_eq!(tried_once(RTU, script).await, ok(8, &[Cause::Timeout; 4]));
    assert_eq!(with_retry(RTU, script).await, ok(12, &[]));
}

#[tokio::test(start_paused = true)]
async fn a_meter_that_is_slow_is_awaited_longer_when_it_is_late() {
    let script: Script = |nth, _, reply| match nth {
        1 => vec![WaitMs(TIMEOUT_MS - 5), Say(reply)],
        2 => vec![WaitMs(TIMEOUT_MS + 85), Say(reply)],
        _ => vec![Say(reply)],
    };
    let line = line_with_late_window(60, RTU, script);
    assert_eq!(twelve_reads(&line, false).await, ok(11, &[Cause::Timeout]));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_checksum_costs_only_its_own_request() {
    let script: Script = |nth, _, mut reply| {
        reply[7] ^= u8::from(nth == 2);
        vec![Say(reply)]
    };
    assert_eq!(tried_once(RTU, script).await, ok(11, &[Cause::Garbled]));
    assert_eq!(with_retry(RTU, script).await, ok(12, &[]));
}

#[tokio::test(start_paused = true)]
async fn noise_before_every_reply_costs_nothing() {
    let script: Script = |_, _, reply| vec![Say(vec![0xA5; 25]), Say(reply)];
    assert_eq!(tried_once(RTU, script).await, ok(12, &[]));
    let slowly: Script = |_, _, reply| vec![Say(vec![0xA5; 60]), WaitMs(20), Say(reply)];
    assert_eq!(tried_once(RTU, slowly).await, ok(12, &[]));
}

#[tokio::test(start_paused = true)]
async fn the_largest_reply_is_found_behind_noise_and_echo() {
    let noisy: Script =
        |_, _, reply| [vec![0xA5; 300], reply].concat().chunks(7).map(|c| Say(c.to_vec())).collect();
    let echoed: Script = |_, request, reply| vec![Say(vec![0xA5; 25]), Say(request.to_vec()), Say(reply)];
    for line in [line(RTU, noisy), line(Protocol::Rtu { local_echo: true }, echoed)] {
        let block = line.probe(UNIT, Table::HoldingRegister, Span { start: 7, count: 125 }).await;
        assert_eq!(block.map(|block| block.words), Ok((7..132).collect()));
    }
}

#[tokio::test(start_paused = true)]
async fn noise_that_looks_like_the_start_of_a_reply_costs_nothing() {
    let script: Script = |_, _, reply| vec![Say([vec![1, 3, 0xF0], reply].concat())];
    assert_eq!(tried_once(RTU, script).await, ok(12, &[]));
}

#[tokio::test(start_paused = true)]
async fn eight_lost_bytes_cost_only_their_own_request() {
    let script: Script = |nth, _, mut reply| {
        if nth == 2 {
            reply.drain(10..18);
        }
        vec![Say(reply)]
    };
    assert_eq!(tried_once(RTU, script).await, ok(11, &[Cause::Garbled]));
    assert_eq!(with_retry(RTU, script).await, ok(12, &[]));
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_pauses_in_the_middle_costs_only_its_own_request() {
    let script: Script = |nth, _, mut reply| match nth {
        2 => {
            let rest = reply.split_off(12);
            vec![Say(reply), WaitMs(80), Say(rest)]
        }
        _ => vec![Say(reply)],
    };
    assert_eq!(tried_once(RTU, script).await, ok(11, &[Cause::Garbled]));
    assert_eq!(with_retry(RTU, script).await, ok(12, &[]));
}

#[tokio::test(start_paused = true)]
async fn a_port_that_hears_itself_costs_nothing() {
    let script: Script = |_, request, reply| vec![Say(request.to_vec()), Say(reply)];
    assert_eq!(tried_once(Protocol::Rtu { local_echo: true }, script).await, ok(12, &[]));
    assert_eq!(tried_once(RTU, script).await, ok(12, &[]), "where nobody told that it does");
}

#[tokio::test(start_paused = true)]
async fn another_unit_that_answers_costs_only_that_request() {
    let script: Script = |nth, _, mut reply| {
        if nth == 2 {
            reply.truncate(reply.len() - 2);
            reply[0] = 9;
            rtu::seal(&mut reply);
        }
        vec![Say(reply)]
    };
    assert_eq!(tried_once(RTU, script).await, ok(11, &[Cause::Mismatch]));
    assert_eq!(with_retry(RTU, script).await, ok(12, &[]));
}

#[tokio::test(start_paused = true)]
async fn an_exception_is_an_answer_and_not_asked_again() {
    let script: Script = |nth, _, reply| match nth {
        2 => {
            let mut refusal = Vec::new();
            rtu::write_reply(UNIT, 3, &Err(ExceptionCode::ServerDeviceBusy), &mut refusal);
            vec![Say(refusal)]
        }
        _ => vec![Say(reply)],
    };
    let refused = ok(11, &[Cause::Exception(6)]);
    assert_eq!(tried_once(RTU, script).await, refused);
    let line = line(RTU, script);
    assert_eq!(twelve_reads(&line, true).await, refused);
    let counters = line.counters();
    assert_eq!((counters[0].ok, counters[0].last_exception), (11, Some(6)));
    assert_eq!(counters[0].exceptions.by_code().collect::<Vec<_>>(), [(6, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_reply_with_another_number_of_registers_is_never_taken() {
    let script: Script = |nth, _, reply| match nth {
        2 => {
            let mut short = Vec::new();
            rtu::write_reply(UNIT, 3, &Ok(Response::ReadHoldingRegisters(vec![1, 2])), &mut short);
            vec![Say(short)]
        }
        _ => vec![Say(reply)],
    };
    assert_eq!(tried_once(RTU, script).await, ok(11, &[Cause::Mismatch]));
}

#[tokio::test(start_paused = true)]
async fn a_second_reply_behind_the_first_is_not_taken_for_the_next() {
    let script: Script = |nth, _, reply| match nth {
        2 => vec![Say([reply.clone(), reply].concat())],
        _ => vec![Say(reply)],
    };
    assert_eq!(tried_once(RTU, script).await, ok(12, &[]));
    let announced: Script = |nth, _, reply| match nth {
        2 => vec![Say([reply.clone(), vec![0]].concat()), WaitMs(3), Say(reply)],
        _ => vec![Say(reply)],
    };
    assert_eq!(tried_once(RTU, announced).await, ok(12, &[]));
}

#[tokio::test(start_paused = true)]
async fn a_write_is_not_confirmed_by_its_own_echo() {
    use cems_gateway::modbus::line::Write;
    let only_echo: Script = |_, request, _| vec![Say(request.to_vec())];
    let echo = Protocol::Rtu { local_echo: true };
    assert_eq!(line(echo, only_echo).write(UNIT, Write::Register(5, 7)).await, Err(Cause::Timeout));
    let both: Script = |_, request, reply| vec![Say(request.to_vec()), Say(reply)];
    assert_eq!(line(echo, both).write(UNIT, Write::Register(5, 7)).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_late_reply_over_tcp_costs_only_its_own_request() {
    let script: Script = |nth, _, reply| match nth {
        1 => vec![WaitMs(LATE_MS), Say(reply)],
        _ => vec![Say(reply)],
    };
    let line = line(Protocol::Tcp, script);
    assert_eq!(twelve_reads(&line, false).await, ok(11, &[Cause::Timeout]));
    assert_eq!((line.counters()[0].late, line.counters()[0].timeouts), (1, 1));
    assert_eq!(with_retry(Protocol::Tcp, script).await, ok(12, &[]));
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_is_opened_anew_and_costs_one_request() {
    let script: Script = |nth, _, reply| match nth {
        3 => vec![HangUp],
        _ => vec![Say(reply)],
    };
    assert_eq!(tried_once(Protocol::Tcp, script).await, ok(11, &[Cause::LineDown]));
}

#[tokio::test(start_paused = true)]
async fn a_connection_closed_while_idle_costs_nothing() {
    let script: Script = |nth, _, reply| match nth {
        3 => vec![Say(reply), HangUp],
        _ => vec![Say(reply)],
    };
    let line = line(Protocol::Tcp, script);
    let mut score = ok(0, &[]);
    for start in 0..12 {
        let span = Span { start, count: 1 };
        let block = line.read(UNIT, Table::HoldingRegister, span).await;
        score.ok += usize::from(block.is_ok_and(|block| *block.words == [start]));
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(score, ok(12, &[]));
}

#[tokio::test(start_paused = true)]
async fn a_broken_header_costs_its_request_and_the_connection() {
    let script: Script = |nth, _, reply| match nth {
        3 => vec![Say(b"HTTP/1.1 400 Bad Request\r\n".to_vec())],
        _ => vec![Say(reply)],
    };
    assert_eq!(tried_once(Protocol::Tcp, script).await, ok(11, &[Cause::LineDown]));
}

#[tokio::test(start_paused = true)]
async fn another_unit_that_answers_a_transaction_costs_the_connection() {
    let script: Script = |nth, _, mut reply| {
        reply[6] += u8::from(nth == 3);
        vec![Say(reply)]
    };
    assert_eq!(tried_once(Protocol::Tcp, script).await, ok(11, &[Cause::LineDown]));
}

#[tokio::test(start_paused = true)]
async fn a_reply_in_pieces_over_tcp_is_one_reply() {
    let script: Script = |_, _, reply| {
        reply.into_iter().flat_map(|byte| [Say(vec![byte]), WaitMs(1)]).collect() //
    };
    assert_eq!(tried_once(Protocol::Tcp, script).await, ok(12, &[]));
}

/// A line on which a reply may take a second, to a meter of which 24 replies took 10 ms each.
async fn line_to_a_known_meter(script: Script) -> LineHandle {
    let timing = Timing::in_memory(Duration::from_secs(1));
    let meter = Meter { protocol: RTU, script, served: Arc::default() };
    let clock = Arc::new(RunningClock::starting_at(UtcTime::from_ms(0)));
    let line = LineHandle::spawn_on(Box::new(meter), RTU, timing, clock);
    for _ in 0..2 {
        assert_eq!(twelve_reads(&line, true).await, ok(12, &[]));
    }
    line
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_of_a_meter_that_is_known_is_asked_for_again_at_once() {
    let script: Script = |nth, _, reply| match nth {
        25 => vec![],
        _ => vec![WaitMs(10), Say(reply)],
    };
    let line = line_to_a_known_meter(script).await;
    let began = tokio::time::Instant::now();
    assert_eq!(twelve_reads(&line, true).await, ok(12, &[]));
    let lost = began.elapsed().saturating_sub(Duration::from_millis(12 * 10));
    assert!(lost <= Duration::from_millis(260), "{lost:?} and not the seconds that are configured");
}

#[tokio::test(start_paused = true)]
async fn a_known_meter_that_is_slow_for_once_is_understood_and_its_second_reply_thrown_away() {
    for late_ms in [60, 140, 200, 400, 900] {
        LATE_FOR_ONCE_MS.store(late_ms, std::sync::atomic::Ordering::Relaxed);
        let script: Script = |nth, _, reply| match nth {
            25 => vec![WaitMs(LATE_FOR_ONCE_MS.load(std::sync::atomic::Ordering::Relaxed)), Say(reply)],
            _ => vec![WaitMs(10), Say(reply)],
        };
        let line = line_to_a_known_meter(script).await;
        assert_eq!(twelve_reads(&line, true).await, ok(12, &[]), "{late_ms} ms");
    }
}

static LATE_FOR_ONCE_MS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_all_there_and_damaged_is_not_waited_for_to_its_time_limit() {
    let script: Script = |nth, _, mut reply| {
        if nth == 1 {
            *reply.last_mut().unwrap() ^= 0xFF;
        }
        vec![Say(reply)]
    };
    let timing =
        Timing { late_window: Duration::from_millis(1), ..Timing::in_memory(Duration::from_secs(30)) };
    let meter = Meter { protocol: RTU, script, served: Arc::default() };
    let clock = Arc::new(RunningClock::starting_at(UtcTime::from_ms(0)));
    let line = LineHandle::spawn_on(Box::new(meter), RTU, timing, clock);
    let began = tokio::time::Instant::now();
    assert_eq!(twelve_reads(&line, true).await, ok(12, &[]));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?} of a time limit of 30 s", began.elapsed());
}

/// A server on a network that takes 50 ms: it hears every request at once, and answers each 50 ms later, those
/// that came together last first. `at_once` is how many it takes at once; others are lost.
struct FarAway {
    at_once: usize,
}

#[async_trait]
impl Connect for FarAway {
    fn name(&self) -> String {
        "a server far away".to_owned()
    }

    async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
        let (ours, mut theirs) = tokio::io::duplex(4_096);
        let at_once = self.at_once;
        tokio::spawn(async move {
            let (mut heard, mut buffer) = (Vec::new(), [0; 4_096]);
            while let Ok(count @ 1..) = theirs.read(&mut buffer).await {
                heard.extend(&buffer[..count]);
                sleep(Duration::from_millis(50)).await;
                // What came meanwhile came at once with it.
                while let Ok(Ok(count @ 1..)) =
                    tokio::time::timeout(Duration::from_millis(1), theirs.read(&mut buffer)).await
                {
                    heard.extend(&buffer[..count]);
                }
                let mut replies = Vec::new();
                while let Some((_, reply)) = take_request(&mut heard, Protocol::Tcp) {
                    replies.push(reply);
                }
                replies.truncate(at_once);
                for reply in replies.into_iter().rev() {
                    theirs.write_all(&reply).await.unwrap();
                }
            }
        });
        Ok(Box::new(ours))
    }
}

/// Asks for sixteen blocks at once over a line that may have so many under way; how long that took.
async fn sixteen_at_once(line: &LineHandle) -> Duration {
    let began = tokio::time::Instant::now();
    let reads: Vec<_> = (0..16_u16)
        .map(|read| {
            let line = line.clone();
            let span = Span { start: read * 100, count: 20 };
            tokio::spawn(async move { (span, line.read(UNIT, Table::HoldingRegister, span).await) })
        })
        .collect();
    for read in reads {
        let (span, block) = read.await.unwrap();
        assert_eq!(block.unwrap().words, (span.start..span.start + 20).collect());
    }
    began.elapsed()
}

fn line_far_away(pipeline: usize, at_once: usize) -> LineHandle {
    let timing = Timing { pipeline, ..Timing::in_memory(Duration::from_millis(500)) };
    let clock = Arc::new(RunningClock::starting_at(UtcTime::from_ms(0)));
    LineHandle::spawn_on(Box::new(FarAway { at_once }), Protocol::Tcp, timing, clock)
}

#[tokio::test(start_paused = true)]
async fn several_requests_under_way_at_once_take_the_time_of_one() {
    let alone = sixteen_at_once(&line_far_away(1, 16)).await;
    let four = sixteen_at_once(&line_far_away(4, 16)).await;
    let all = sixteen_at_once(&line_far_away(16, 16)).await;
    assert!(alone >= four.mul_f64(3.8) && alone >= all.mul_f64(8.0), "{alone:?}, {four:?}, {all:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_keep_requests_apart_is_asked_one_at_a_time_and_loses_none() {
    let line = line_far_away(4, 1);
    sixteen_at_once(&line).await;
    let timeouts = line.counters()[0].timeouts;
    assert_eq!(timeouts, 3, "three of the first four");
    sixteen_at_once(&line).await;
    assert_eq!(line.counters()[0].timeouts, timeouts, "from then on one at a time");
}
