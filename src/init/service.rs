//! The one service: started as a user without rights, listened to, started again where it ends.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Gid, Uid};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};

use super::Trouble;
use super::board_files::BOARD_IN_ROOT;
use super::kernel_log::{self, complain, note};
use super::supervision::{Next, SILENCE_MAX, Supervision};
use super::watchdog::Watchdog;
use super::workplace::{SERIAL_GROUP, SERVICE_ID, SITE, SLOTS_GROUP};

/// The word that this program is called with to become a program of the service's user.
pub(super) const AS_SERVICE: &str = "as-service";
/// This program.
pub(super) const SELF: &str = "/sbin/cems-init";
/// The service.
pub(super) const PROGRAM: &str = "/usr/bin/cems-gateway";
/// Where the service keeps what it knows.
const DATA: &str = "/var/lib/cems-gateway";
/// Where it is listened to.
const SOCKET: &str = "/run/cems-init/notify";
/// How often the service is looked after.
const LOOK: Duration = Duration::from_millis(200);
/// Bytes of one message of it.
const MESSAGE_BYTES_MAX: usize = 1_024;

/// Why the service is no longer kept running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It asks for a new start of the machine.
    Restart,
    /// It gives no sign of life.
    Silent,
    /// It dies again and again.
    CrashLoop,
}

/// Keeps the service running, and feeds the watchdog while it gives signs of life.
pub(super) fn keep(watchdog: &mut Watchdog) -> End {
    let begun = Instant::now();
    let socket = UnixDatagram::bind(SOCKET).and_then(|socket| {
        std::os::unix::fs::chown(SOCKET, Some(SERVICE_ID), Some(SERVICE_ID))?;
        socket.set_read_timeout(Some(LOOK))?;
        Ok(socket)
    });
    let socket = socket.inspect_err(|error| complain(&format!("{SOCKET}: {error}"))).ok();
    let mut supervision = Supervision::new(begun.elapsed());
    loop {
        supervision.started(begun.elapsed());
        let end = match start() {
            Ok(mut service) => watch(&mut service, &mut supervision, (socket.as_ref(), begun), watchdog),
            Err(error) => {
                complain(&format!("{PROGRAM} cannot be started: {error}"));
                Watched::Ended(None)
            }
        };
        let next = match end {
            Watched::Ended(code) => supervision.ended(begun.elapsed(), code),
            Watched::Silent => return End::Silent,
        };
        match next {
            Next::Again(pause) => rest(pause, watchdog),
            Next::Restart => return End::Restart,
            Next::CrashLoop => return End::CrashLoop,
        }
    }
}

enum Watched {
    Ended(Option<i32>),
    Silent,
}

fn watch(
    service: &mut Child,
    supervision: &mut Supervision,
    (socket, begun): (Option<&UnixDatagram>, Instant),
    watchdog: &mut Watchdog,
) -> Watched {
    let mut message = [0; MESSAGE_BYTES_MAX];
    loop {
        match socket.map(|socket| socket.recv(&mut message)) {
            Some(Ok(bytes)) => {
                let message = String::from_utf8_lossy(&message[..bytes]);
                supervision.hear(begun.elapsed(), &message);
            }
            Some(Err(_)) => {}
            None => thread::sleep(LOOK),
        }
        match service.try_wait() {
            Ok(Some(status)) => {
                note(&format!("the service has ended: {status}"));
                return Watched::Ended(status.code());
            }
            Ok(None) => {}
            Err(error) => complain(&format!("the service cannot be watched: {error}")),
        }
        if !supervision.is_alive(begun.elapsed()) {
            return Watched::Silent;
        }
        watchdog.feed();
    }
}

fn rest(pause: Duration, watchdog: &mut Watchdog) {
    let end = Instant::now() + pause;
    while Instant::now() < end {
        watchdog.feed();
        thread::sleep(LOOK);
    }
}

/// Starts the service. What it logs goes to the kernel's log.
fn start() -> io::Result<Child> {
    let run = [PROGRAM, "run", "--config", SITE, "--data", DATA, "--board", BOARD_IN_ROOT];
    Command::new(SELF)
        .arg(AS_SERVICE)
        .args(run)
        .env_clear()
        .env("NOTIFY_SOCKET", SOCKET)
        .env("WATCHDOG_USEC", SILENCE_MAX.as_micros().to_string())
        .env("LANG", "zh_CN.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(kernel_log::open()?)
        .stderr(kernel_log::open()?)
        .spawn()
}

/// Gives up all rights and becomes `program`, which is the first word, with the others as its arguments.
pub(super) fn become_service(program: &[&str]) -> Trouble {
    let Some((program, arguments)) = program.split_first() else {
        return "no program is named".to_owned();
    };
    let group = Gid::from_raw;
    let given_up = set_thread_groups(&[group(SERIAL_GROUP), group(SLOTS_GROUP)])
        .and_then(|()| set_thread_gid(group(SERVICE_ID)))
        .and_then(|()| set_thread_uid(Uid::from_raw(SERVICE_ID)));
    match given_up {
        Ok(()) => format!("{program}: {}", Command::new(program).args(arguments).exec()),
        Err(error) => format!("the rights of root cannot be given up: {error}"),
    }
}
