//! How soon there is a value again: after a serial adapter that was pulled out is back, and after a connection was
//! reset.

use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cems_gateway::modbus::frame::{Heard, Request, Response, rtu, tcp};
use cems_gateway::modbus::line::{LineHandle, PortState};
use cems_gateway::model::meter::{Line, Link, Parity, SerialSettings};
use cems_gateway::model::register::{Span, Table, UnitId};
use cems_gateway::sim::pty::Pty;
use cems_gateway::time::SystemClock;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const BAUD: u32 = 9_600;
const ASKED: Span = Span { start: 0, count: 10 };
const ASKED_EVERY: Duration = Duration::from_millis(100);
/// How long the adapter is away, so that it comes back at all moments between two attempts to open it.
const AWAY_MS: [u64; 12] = [20, 150, 310, 470, 630, 790, 950, 1_110, 1_270, 1_430, 1_590, 3_000];
const RESETS: usize = 12;

/// Measures and prints.
#[tokio::main(flavor = "current_thread")]
pub async fn measure() {
    tell("serial", adapter_returns().await);
    tell("tcp", connection_is_reset().await);
}

fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    println!("{what}_rounds {}", times.len());
    println!("{what}_median_ms {}", times[times.len() / 2].as_millis());
    println!("{what}_worst_ms {}", times[times.len() - 1].as_millis());
}

/// From the return of the port's name to the first value.
async fn adapter_returns() -> Vec<Duration> {
    let folder = tempfile::TempDir::new().unwrap();
    let port = folder.path().join("port");
    let settings = SerialSettings {
        port: port.to_str().unwrap().to_owned(),
        baud: BAUD,
        parity: Parity::None,
        data_bits: 8,
        stop_bits: 1,
        local_echo: false,
        rs485: None,
    };
    let mut meter = plug_in(&port);
    let line = spawn(Link::Serial(settings));
    first_value(&line).await;
    let mut times = Vec::new();
    for away_ms in AWAY_MS {
        meter.abort();
        std::fs::remove_file(&port).unwrap();
        line.watch_state().wait_for(|state| *state == PortState::Wait).await.unwrap();
        sleep(Duration::from_millis(away_ms)).await;
        meter = plug_in(&port);
        times.push(first_value(&line).await);
    }
    times
}

/// A meter on a new pseudo terminal behind the stable name.
fn plug_in(port: &Path) -> JoinHandle<()> {
    let pty = Pty::open().unwrap();
    symlink(pty.path(), port).unwrap();
    tokio::spawn(serve(pty, answer_rtu))
}

/// From the reset to the first value.
async fn connection_is_reset() -> Vec<Duration> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let line = spawn(Link::Tcp { host: Ipv4Addr::LOCALHOST.to_string(), port });
    let mut times = Vec::new();
    for _ in 0..=RESETS {
        let (stream, reset) = tokio::join!(listener.accept(), async { Instant::now() });
        let (stream, _) = stream.unwrap();
        stream.set_zero_linger().unwrap();
        let meter = tokio::spawn(serve(stream, answer_tcp));
        first_value(&line).await;
        times.push(reset.elapsed());
        meter.abort();
    }
    // The first connection was none after a reset.
    times.remove(0);
    times
}

fn spawn(link: Link) -> LineHandle {
    let line = Line { id: "line".to_owned(), link, response_timeout_ms: 500, pipeline: 1 };
    LineHandle::spawn(&line, Arc::new(SystemClock))
}

/// Asks until there is a value, and says how long that took.
async fn first_value(line: &LineHandle) -> Duration {
    let began = Instant::now();
    while line.read(UnitId(1), Table::HoldingRegister, ASKED).await.is_err() {
        sleep(ASKED_EVERY).await;
    }
    began.elapsed()
}

type Answer = fn(&[u8], &mut Vec<u8>) -> Option<usize>;

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: Answer) {
    let (mut heard, mut reply) = (Heard::default(), Vec::new());
    loop {
        match stream.read(heard.space()).await {
            Ok(count) if count > 0 => heard.grow(count),
            _ => return,
        }
        while let Some(bytes) = answer(heard.bytes(), &mut reply) {
            heard.forget(bytes);
            if stream.write_all(&reply).await.is_err() {
                return;
            }
        }
    }
}

fn response(request: &Request<'_>) -> Response {
    let Request::ReadHoldingRegisters(start, count) = request else { panic!("{request:?}") };
    Response::ReadHoldingRegisters((*start..start + count).collect())
}

fn answer_rtu(heard: &[u8], reply: &mut Vec<u8>) -> Option<usize> {
    let found = rtu::find_request(heard)?;
    let (unit, function, request) = found.what;
    rtu::write_reply(unit, function, &Ok(response(&request.unwrap())), reply);
    Some(found.at.end)
}

fn answer_tcp(heard: &[u8], reply: &mut Vec<u8>) -> Option<usize> {
    let frame = tcp::first_frame(heard).unwrap()?;
    let request = cems_gateway::modbus::frame::serve::read_request(frame.pdu).unwrap();
    tcp::write_reply(frame.transaction, frame.unit, frame.pdu[0], &Ok(response(&request)), reply);
    Some(frame.bytes())
}
