//! Nine meters that answer and one that does not, on one line of 9600 baud, polled as the gateway polls, in
//! virtual time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cems_gateway::config::{self, site::Site};
use cems_gateway::meters;
use cems_gateway::modbus::frame::{Heard, Request, Response, rtu};
use cems_gateway::modbus::line::LineHandle;
use cems_gateway::modbus::timing::{BITS_PER_CHAR, Protocol, Timing};
use cems_gateway::modbus::transport::{Connect, Stream};
use cems_gateway::poll::Poll;
use cems_gateway::poll::job::jobs_of_line;
use cems_gateway::store::Store;
use cems_gateway::time::{Clock, RunningClock, UtcOffset, parse_instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const BAUD: u32 = 9_600;
const ALIVE: u8 = 9;
const DEAD: u8 = 10;
const WATCHED: Duration = Duration::from_hours(1);
/// Registers of each meter: a line that is free most of the time, one that is nearly full, one that is overfull.
const REGISTERS: [u16; 3] = [5, 35, 80];
const TIMEOUTS_MS: [u64; 2] = [300, 1_000];
const IN_FLIGHT_BYTES: usize = 1_024;

/// Compares and prints.
pub fn compare() {
    for registers in REGISTERS {
        for timeout_ms in TIMEOUTS_MS {
            let (alone, busy) = scans(ALIVE, registers, timeout_ms);
            let (with_dead, _) = scans(DEAD, registers, timeout_ms);
            let case = format!("{registers}-{timeout_ms}");
            println!("busy_percent-{case} {:.0}", busy * 100.0);
            println!("alone-{case} {alone}");
            println!("with_dead-{case} {with_dead}");
            println!("lost_percent-{case} {:.2}", 100.0 * (1.0 - with_dead as f64 / alone as f64));
        }
    }
}

/// Scans of the meters that answer in an hour, and how busy the line is, where the site has so many meters.
fn scans(meters: u8, registers: u16, timeout_ms: u64) -> (u64, f64) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let site = site(meters, registers);
        let clock = Arc::new(RunningClock::starting_at(
            parse_instant("2026-03-01T00:00:00Z", UtcOffset::UTC).unwrap(),
        ));
        let clock: Arc<dyn Clock> = clock;
        let folder = tempfile::TempDir::new().unwrap();
        let store = Store::open(folder.path(), &site.store).unwrap();
        let timing = Timing::rtu(BAUD, BITS_PER_CHAR, Duration::from_millis(timeout_ms));
        let protocol = Protocol::Rtu { local_echo: false };
        let line = LineHandle::spawn_on(Box::new(Bus(timing)), protocol, timing, Arc::clone(&clock));
        let jobs = jobs_of_line(&site, &site.lines[0], &store).unwrap();
        let poll = Poll::spawn(jobs, line.clone(), store, clock);
        tokio::time::sleep(WATCHED).await;
        let (status, busy) = (poll.status(), line.busy_share());
        poll.shutdown().await;
        (status.iter().map(|job| job.scans - job.silent_scans).sum(), busy)
    })
}

fn site(meters: u8, registers: u16) -> Site {
    let mut text = format!(
        r#"
[cems]
id = "c"
name = "c"
user_name = "u"
utc_offset = "+08:00"
[[category]]
id = "K"
name = "k"
code = "K"
[[line]]
id = "l"
kind = "rtu"
port = "/dev/ttyS1"
baud = {BAUD}
"#
    );
    for unit in 1..=meters {
        text.push_str(&format!(
            r#"
[[meter]]
id = "m{unit}"
line = "l"
unit = {unit}
interval = "PT1S"
[[point]]
id = "p{unit}"
name = "p"
category = "K"
role = "branch"
meter = "m{unit}"
"#
        ));
        for address in 0..registers {
            text.push_str(&format!(
                r#"
[[point.parameter]]
id = "V{address}"
name = "v"
register = {{ table = "holding", address = {address}, type = "i16" }}
unit = "kW"
reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
"#
            ));
        }
    }
    config::read("bench.toml", &text, meters::library).unwrap_or_else(|faults| panic!("{faults}"))
}

/// The line itself: every frame takes its time, and unit 10 says nothing.
struct Bus(Timing);

#[async_trait]
impl Connect for Bus {
    fn name(&self) -> String {
        "a line in memory".to_owned()
    }

    async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
        let (ours, theirs) = tokio::io::duplex(IN_FLIGHT_BYTES);
        tokio::spawn(serve(theirs, self.0));
        Ok(Box::new(ours))
    }
}

async fn serve(mut stream: DuplexStream, timing: Timing) {
    let mut heard = Heard::default();
    let mut reply = Vec::new();
    loop {
        match stream.read(heard.space()).await {
            Ok(count) if count > 0 => heard.grow(count),
            _ => return,
        }
        let Some(found) = rtu::find_request(heard.bytes()) else { continue };
        let asked_bytes = heard.bytes().len();
        heard.clear();
        let (unit, function, Ok(Request::ReadHoldingRegisters(start, count))) = found.what else { return };
        if unit.0 == DEAD {
            continue;
        }
        let words = Response::ReadHoldingRegisters((start..start + count).collect());
        rtu::write_reply(unit, function, &Ok(words), &mut reply);
        tokio::time::sleep(timing.wire_time(asked_bytes + reply.len()) + timing.gap).await;
        if stream.write_all(&reply).await.is_err() {
            return;
        }
    }
}
