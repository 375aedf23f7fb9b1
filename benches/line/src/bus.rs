//! A serial line on a pseudo terminal on which bytes take their time, with one meter that is as fast as it may be.
//!
//! The meter begins its reply 3.5 characters after the last bit of the request, the soonest that it can know
//! that the request has ended. A request that begins less than 3.5 characters after the last bit of a reply is
//! early: a meter that keeps to the specification would not hear it. Here it is answered, and counted.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use cems_gateway::modbus::frame::{Request, Response, rtu};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Exchanges before the count: a client may rest before it begins.
const WARM_UP: usize = 3;
const LOOK_FOR_THE_END_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
const NOBODY_THERE_PAUSE_NS: u64 = 1_000_000;
const NS_PER_SECOND: u64 = 1_000_000_000;
const BITS_PER_CHAR: u64 = 11;

static ENDED: AtomicBool = AtomicBool::new(false);

/// A moment, in ns of the kernel's monotonic clock.
type MomentNs = u64;

/// The line as the meter has it.
struct Line {
    master: OwnedFd,
    char_ns: u64,
    gap_ns: u64,
}

/// What goes on on it.
#[derive(Default)]
struct Log {
    requests_at: Vec<MomentNs>,
    /// Silence before each request but the first.
    gaps_ns: Vec<u64>,
    silent_since: Option<MomentNs>,
}

/// Serves until nobody listens any more, then tells what was heard.
pub fn serve(baud: u32) {
    let (master, path) = open();
    println!("{path}");
    std::thread::spawn(|| {
        crate::wait_for_the_end();
        ENDED.store(true, Ordering::Relaxed);
    });
    let line = Line { master, char_ns: char_ns(baud), gap_ns: gap_ns(baud) };
    let mut log = Log::default();
    let mut heard = Vec::new();
    while let Some(bytes) = line.hear() {
        if heard.is_empty() {
            log.note_request(now());
        }
        heard.extend(bytes);
        if let Some(reply) = reply_to(&heard) {
            log.silent_since = log.requests_at.last().map(|at| line.answer(&reply, *at, heard.len()));
            heard.clear();
        }
    }
    log.tell(line.gap_ns);
}

fn open() -> (OwnedFd, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let mut modes = tcgetattr(&master).unwrap();
    modes.make_raw();
    tcsetattr(&master, OptionalActions::Now, &modes).unwrap();
    fcntl_setfl(&master, OFlags::NONBLOCK).unwrap();
    (master, path)
}

/// The reply to the request that was heard; `None` while it is not all there.
fn reply_to(heard: &[u8]) -> Option<Vec<u8>> {
    let (unit, function, request) = rtu::find_request(heard)?.what;
    let Ok(Request::ReadHoldingRegisters(_, count)) = request else {
        panic!("not a read of holding registers: {request:?}");
    };
    let mut reply = Vec::new();
    rtu::write_reply(unit, function, &Ok(Response::ReadHoldingRegisters((0..count).collect())), &mut reply);
    Some(reply)
}

impl Line {
    /// The next bytes; `None` when the line has ended.
    fn hear(&self) -> Option<Vec<u8>> {
        let mut buffer = [0; 256];
        while !ENDED.load(Ordering::Relaxed) {
            let mut ready = [PollFd::new(&self.master, PollFlags::IN)];
            poll(&mut ready, Some(&LOOK_FOR_THE_END_EVERY)).unwrap();
            match rustix::io::read(&self.master, &mut buffer) {
                Ok(count) if count > 0 => return Some(buffer[..count].to_vec()),
                // Nobody has the other end open, and the kernel says so without waiting.
                _ if ready[0].revents().contains(PollFlags::HUP) => {
                    sleep_until(now() + NOBODY_THERE_PAUSE_NS)
                }
                _ => {}
            }
        }
        None
    }

    /// Says the reply, a character at a time, and gives the moment at which its last one was handed over.
    fn answer(&self, reply: &[u8], asked_at: MomentNs, asked_bytes: usize) -> MomentNs {
        let begins_at = asked_at + asked_bytes as u64 * self.char_ns + self.gap_ns;
        let mut said = 0;
        loop {
            sleep_until(begins_at + (said as u64 + 1) * self.char_ns);
            let moment = now();
            // Whoever wakes up late says at once what is due by then.
            let due = usize::try_from(moment.saturating_sub(begins_at) / self.char_ns).unwrap();
            let due = due.clamp(said, reply.len());
            // What nobody hears is gone, as on a wire.
            said += rustix::io::write(&self.master, &reply[said..due]).unwrap_or(due - said);
            if said == reply.len() {
                return moment;
            }
        }
    }
}

impl Log {
    fn note_request(&mut self, at: MomentNs) {
        self.gaps_ns.extend(self.silent_since.map(|since| at - since));
        self.requests_at.push(at);
    }

    fn tell(mut self, gap_ns: u64) {
        let requests_at = self.requests_at.get(WARM_UP..).unwrap_or_default();
        let (Some(first), Some(last)) = (requests_at.first(), requests_at.last()) else {
            panic!("{} requests are too few", self.requests_at.len());
        };
        let exchanges = requests_at.len() - 1;
        let seconds = (last - first) as f64 / NS_PER_SECOND as f64;
        self.gaps_ns.sort_unstable();
        println!("exchanges {exchanges}");
        println!("per_second {:.4}", exchanges as f64 / seconds);
        println!("early {}", self.gaps_ns.iter().filter(|silence| **silence < gap_ns).count());
        println!("middle_gap_us {}", self.gaps_ns[self.gaps_ns.len() / 2] / 1_000);
    }
}

fn char_ns(baud: u32) -> u64 {
    BITS_PER_CHAR * NS_PER_SECOND / u64::from(baud)
}

/// Of its own, so that a fault in the gateway's is seen: Modbus over Serial Line V1.02, section 2.5.1.1.
fn gap_ns(baud: u32) -> u64 {
    if baud > 19_200 { 1_750_000 } else { char_ns(baud) * 7 / 2 }
}

fn now() -> MomentNs {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap() * NS_PER_SECOND + u64::try_from(time.tv_nsec).unwrap()
}

fn sleep_until(moment: MomentNs) {
    let tv_sec = i64::try_from(moment / NS_PER_SECOND).unwrap();
    let tv_nsec = i64::try_from(moment % NS_PER_SECOND).unwrap();
    let _interrupted = clock_nanosleep_absolute(ClockId::Monotonic, &Timespec { tv_sec, tv_nsec });
}
