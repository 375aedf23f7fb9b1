//! Reads of 100 holding registers over Modbus TCP, as fast as they go: what each costs in CPU and allocations.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cems_gateway::modbus::brought::Brought;
use cems_gateway::modbus::frame::Request;
use cems_gateway::modbus::line::LineHandle;
use cems_gateway::modbus::timing::{Protocol, Timing};
use cems_gateway::modbus::wire::Wire;
use cems_gateway::model::meter::{Line, Link};
use cems_gateway::model::register::{Span, Table, UnitId};
use cems_gateway::time::SystemClock;
use rustix::time::{ClockId, clock_gettime};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_modbus::client::Reader;

use crate::allocations;

const REGISTERS: u16 = 100;
const UNIT: UnitId = UnitId(1);
const WARM_UP: Duration = Duration::from_millis(150);
const QUEUE_MAX: usize = 64;
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Exchanges of all connections.
static EXCHANGES: AtomicU64 = AtomicU64::new(0);

/// What was used up to a moment.
struct Used {
    exchanges: u64,
    cpu: Duration,
    allocations: u64,
    bytes: u64,
}

/// Asks on so many connections for so long and tells what an exchange cost.
#[tokio::main(flavor = "current_thread")]
pub async fn ask(who: &str, port: u16, connections: usize, seconds: f64) {
    for _ in 0..connections {
        match who {
            "line" => tokio::spawn(ask_line(port)),
            "wire" => tokio::spawn(ask_wire(port)),
            "stock" => tokio::spawn(ask_stock(port)),
            _ => tokio::spawn(ask_queued(port)),
        };
    }
    tokio::time::sleep(WARM_UP).await;
    let before = used();
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    let after = used();
    let exchanges = (after.exchanges - before.exchanges) as f64;
    println!("per_second {:.0}", exchanges / seconds);
    println!("cpu_us {:.3}", (after.cpu - before.cpu).as_secs_f64() * 1e6 / exchanges);
    println!("allocations {:.3}", (after.allocations - before.allocations) as f64 / exchanges);
    println!("allocated_bytes {:.1}", (after.bytes - before.bytes) as f64 / exchanges);
}

fn used() -> Used {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let cpu = Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap());
    let (allocations, bytes) = allocations::so_far();
    Used { exchanges: EXCHANGES.load(Ordering::Relaxed), cpu, allocations, bytes }
}

fn count(words: &[u16]) {
    assert!(words.len() == usize::from(REGISTERS) && words.last() == Some(&(REGISTERS - 1)));
    EXCHANGES.fetch_add(1, Ordering::Relaxed);
}

/// As the gateway polls: through the handle of a line that a task of its own owns.
async fn ask_line(port: u16) {
    let link = Link::Tcp { host: Ipv4Addr::LOCALHOST.to_string(), port };
    let line = Line { id: "line".to_owned(), link, response_timeout_ms: 1_000, pipeline: 1 };
    let handle = LineHandle::spawn(&line, Arc::new(SystemClock));
    loop {
        let span = Span { start: 0, count: REGISTERS };
        let block = handle.read(UNIT, Table::HoldingRegister, span).await.unwrap();
        count(&block.words);
    }
}

/// The exchange alone.
async fn ask_wire(port: u16) {
    let stream = connect(port).await;
    let mut wire = Wire::new(Box::new(stream), Protocol::Tcp, Timing::in_memory(RESPONSE_TIMEOUT));
    loop {
        let answer = wire.exchange(UNIT, &Request::ReadHoldingRegisters(0, REGISTERS)).await.unwrap();
        let Ok(Brought::Words(words)) = answer else { panic!("{answer:?}") };
        count(&words);
    }
}

/// tokio-modbus with its own transport, and no limit on the time of a reply, which it does not have.
async fn ask_stock(port: u16) {
    let mut context = tokio_modbus::client::tcp::attach(connect(port).await);
    loop {
        count(&context.read_holding_registers(0, REGISTERS).await.unwrap().unwrap());
    }
}

type Job = oneshot::Sender<Vec<u16>>;

/// The same as a line has to be: owned by a task that several may ask, each reply within its time.
async fn ask_queued(port: u16) {
    let (queue, jobs) = mpsc::channel(QUEUE_MAX);
    tokio::spawn(own_stock(port, jobs));
    loop {
        let (job, words) = oneshot::channel();
        queue.send(job).await.unwrap();
        count(&words.await.unwrap());
    }
}

async fn own_stock(port: u16, mut jobs: mpsc::Receiver<Job>) {
    let mut context = tokio_modbus::client::tcp::attach(connect(port).await);
    while let Some(job) = jobs.recv().await {
        let reply = timeout(RESPONSE_TIMEOUT, context.read_holding_registers(0, REGISTERS));
        job.send(reply.await.unwrap().unwrap().unwrap()).unwrap();
    }
}

async fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}
