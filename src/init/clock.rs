//! The clock: compared with the time servers of the site (SNTP, RFC 4330), and set where it is wrong.

use std::fs;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, Timespec, clock_settime};
use sntpc::{NtpContext, NtpUdpSocket, StdTimestampGen};

use super::kernel_log::{complain, note};

/// Port of time servers.
const PORT: u16 = 123;
/// How long a server may take to answer.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// Between two comparisons: a cheap quartz goes wrong by less than 0.1 s in that time.
const EVERY: Duration = Duration::from_mins(15);
/// Before the next try where nobody has answered; twice as long each time, up to [`EVERY`].
const AGAIN: Duration = Duration::from_secs(5);
/// A clock that is wrong by less is left alone: a step disturbs more than it mends.
const STEP_US_MIN: u64 = 200_000;
/// Looked at by the service: it is touched whenever the clock was compared, as systemd-timesyncd(8) does it.
const COMPARED: &str = "/run/systemd/timesync/synchronized";

/// Compares the clock as long as the box runs. Without servers there is nothing to do.
pub(super) fn keep(servers: &[String]) {
    let mut pause = AGAIN;
    while !servers.is_empty() {
        match servers.iter().find_map(|server| offset_from(server)) {
            Some(offset_us) => {
                correct(offset_us);
                pause = EVERY;
            }
            None => pause = pause.saturating_mul(2).min(EVERY),
        }
        thread::sleep(pause);
    }
}

/// How many microseconds the clock of `server` is before ours; nothing where it does not answer.
fn offset_from(server: &str) -> Option<i64> {
    let address = (server, PORT).to_socket_addrs().ok()?.find(SocketAddr::is_ipv4)?;
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.set_read_timeout(Some(ANSWER_PATIENCE)).ok()?;
    let context = NtpContext::new(StdTimestampGen::default());
    let answer = sntpc::sync::get_time(address, &Blocking(socket), context).ok()?;
    Some(answer.offset())
}

/// A socket that keeps its caller waiting.
#[derive(Debug)]
struct Blocking(UdpSocket);

impl NtpUdpSocket for Blocking {
    async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> sntpc::Result<usize> {
        self.0.send_to(bytes, to).map_err(|_| sntpc::Error::Network)
    }

    async fn recv_from(&self, bytes: &mut [u8]) -> sntpc::Result<(usize, SocketAddr)> {
        self.0.recv_from(bytes).map_err(|_| sntpc::Error::Network)
    }
}

fn correct(offset_us: i64) {
    if offset_us.unsigned_abs() >= STEP_US_MIN {
        match set(offset_us) {
            Ok(()) => note(&format!("the clock was wrong by {offset_us} us and is set")),
            Err(error) => return complain(&format!("the clock cannot be set: {error}")),
        }
    }
    let file = Path::new(COMPARED);
    let touched = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(file, ""));
    if let Err(error) = touched {
        complain(&format!("{COMPARED}: {error}"));
    }
}

fn set(offset_us: i64) -> io::Result<()> {
    let time = corrected(SystemTime::now(), offset_us)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a time before 1970"))?;
    Ok(clock_settime(ClockId::Realtime, time)?)
}

/// `now` and so many microseconds.
fn corrected(now: SystemTime, offset_us: i64) -> Option<Timespec> {
    let offset = Duration::from_micros(offset_us.unsigned_abs());
    let time = if offset_us < 0 { now.checked_sub(offset)? } else { now.checked_add(offset)? };
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    Some(Timespec { tv_sec: since.as_secs().try_into().ok()?, tv_nsec: since.subsec_nanos().into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corrected_from(seconds: u64, offset_us: i64) -> Option<(i64, u32)> {
        let time = corrected(UNIX_EPOCH + Duration::from_secs(seconds), offset_us)?;
        Some((time.tv_sec, u32::try_from(time.tv_nsec).unwrap()))
    }

    #[test]
    fn a_clock_is_moved_on_and_back() {
        assert_eq!(corrected_from(10, 1_795_870_000_250_000), Some((1_795_870_010, 250_000_000)));
        assert_eq!(corrected_from(10, -2_500_000), Some((7, 500_000_000)));
    }

    #[test]
    fn there_is_no_time_before_1970() {
        assert_eq!(corrected_from(1, -2_000_000), None);
        assert_eq!(corrected_from(1, i64::MIN), None);
    }

    #[test]
    fn a_server_that_is_none_gives_no_time() {
        assert_eq!(offset_from("no.such.host.invalid"), None);
    }
}
