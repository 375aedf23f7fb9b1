//! The service under a supervisor: signs of life while everything moves, and none while a part hangs.

use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::harness::gateway::Gateway;
use crate::harness::process::{Process, python};
use crate::harness::{site, wait};

/// How long the supervisor waits for a sign of life; the service gives one in half of it.
const WATCHDOG: Duration = Duration::from_secs(4);
/// Within this a part that hangs is told.
const TOLD_WITHIN: Duration = Duration::from_secs(30);

/// The end of a supervisor to which a service tells how it goes.
struct Supervisor {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Supervisor {
    fn listening(socket: UnixDatagram) -> Self {
        socket.set_nonblocking(true).unwrap();
        Self { socket, heard: Vec::new() }
    }

    /// All that was told by now, line by line.
    fn heard(&mut self) -> &[String] {
        let mut bytes = [0; 4_096];
        loop {
            match self.socket.recv(&mut bytes) {
                Ok(length) => {
                    let text = std::str::from_utf8(&bytes[..length]).unwrap();
                    self.heard.extend(text.lines().map(str::to_owned));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return &self.heard,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn count_of(&mut self, line: &str) -> usize {
        self.heard().iter().filter(|heard| *heard == line).count()
    }

    fn wait_for(&mut self, line: &str) {
        wait::until(&format!("the service to tell {line}"), || (self.count_of(line) > 0).then_some(()));
    }

    /// Signs of life that come within `time`.
    fn signs_within(&mut self, time: Duration) -> usize {
        let before = self.count_of("WATCHDOG=1");
        std::thread::sleep(time);
        self.count_of("WATCHDOG=1") - before
    }
}

/// A service with one line that nobody answers on, under a supervisor.
struct Service {
    supervisor: Supervisor,
    process: Process,
    dir: TempDir,
}

impl Service {
    fn start() -> Self {
        Self::start_with(&site::bare_site(site::free_port(), "PT1S"))
    }

    fn start_with(site: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let socket = dir.path().join("notify");
        let supervisor = Supervisor::listening(UnixDatagram::bind(&socket).unwrap());
        Self::start_under(supervisor, socket.as_os_str(), site, dir)
    }

    fn start_under(supervisor: Supervisor, name: &OsStr, site: &str, dir: TempDir) -> Self {
        let config = dir.path().join("gateway.toml");
        let line = "[[line]]\nid = \"rs485-1\"\nkind = \"tcp\"\nhost = \"127.0.0.1\"\nport = 1\n";
        fs::write(&config, site.to_owned() + line).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_cems-gateway"));
        command
            .args(["run", "--trust-clock", "--config"])
            .arg(config)
            .arg("--data")
            .arg(dir.path().join("data"));
        command.env("NOTIFY_SOCKET", name).env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string());
        let process = Process::start("gateway", &mut command, dir.path());
        let mut service = Self { supervisor, process, dir };
        service.supervisor.wait_for("READY=1");
        service
    }

    /// What the console shows of it.
    fn status(&self) -> String {
        let mut console = Command::new(env!("CARGO_BIN_EXE_cems-gateway"));
        console.args(["console", "--data"]).arg(self.dir.path().join("data"));
        let mut console = console.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        console.stdin.take().unwrap().write_all(b"status\rlogout\r").unwrap();
        String::from_utf8(console.wait_with_output().unwrap().stdout).unwrap()
    }

    fn hold(&self, threads: &[&str]) -> Held {
        let id = self.process.pid().as_raw_nonzero().to_string();
        let mut command = python("hold_threads.py");
        let mut holder = Process::start("holder", command.arg(id).args(threads), self.dir.path());
        holder.wait_for_print("held");
        Held(holder)
    }
}

/// Threads that stand; they go on when this goes, because the kernel lets go of them then.
struct Held(#[expect(dead_code, reason = "held until it is dropped")] Process);

/// Holds `threads` and sees that `parts` stand still by name, without signs of life, until it is let go.
fn is_told_when_it_hangs(threads: &[&str], parts: &[&str]) {
    let mut service = Service::start();
    assert!(service.supervisor.signs_within(WATCHDOG * 2) >= 3, "{:?}", service.supervisor.heard);
    let held = service.hold(threads);
    let since = Instant::now();
    service.supervisor.wait_for(&format!("STATUS=stands still: {}", parts.join(", ")));
    assert!(since.elapsed() <= TOLD_WITHIN, "told after {} s", since.elapsed().as_secs());
    for part in parts {
        service.process.wait_for_print(&format!("{part} has not moved for 2"));
    }
    assert_eq!(service.supervisor.signs_within(WATCHDOG * 2), 0);

    drop(held);
    for part in parts {
        service.process.wait_for_print(&format!("{part} moves again"));
    }
    assert!(service.supervisor.signs_within(WATCHDOG) >= 1);
}

#[test]
fn a_writer_of_the_store_that_hangs_ends_the_signs_of_life_and_is_named() {
    is_told_when_it_hangs(&["store-writer"], &["store"]);
}

#[test]
fn a_writer_of_the_store_that_hangs_is_an_alarm_until_it_moves_again() {
    let service = Service::start();
    assert!(!service.status().contains("stands still"));
    let held = service.hold(&["store-writer"]);
    let is_told = || service.status().contains("ALARM  store stands still");
    wait::until("the alarm", || is_told().then_some(()));
    drop(held);
    wait::until("the end of the alarm", || (!is_told()).then_some(()));
}

#[test]
fn a_gate_that_hangs_ends_the_signs_of_life_and_is_named() {
    is_told_when_it_hangs(&["gate"], &["interface"]);
}

#[test]
fn workers_of_the_interface_that_all_hang_end_the_signs_of_life_and_are_named() {
    is_told_when_it_hangs(&["api-1", "api-2", "api-3", "api-4"], &["interface"]);
}

#[test]
fn a_writer_that_takes_twenty_seconds_for_one_step_is_slow_and_no_more() {
    let mut service = Service::start();
    let held = service.hold(&["store-writer"]);
    assert!(service.supervisor.signs_within(Duration::from_secs(20)) >= 8);
    drop(held);
    assert!(service.supervisor.signs_within(WATCHDOG * 2) >= 3);
    let printed = service.process.printed();
    assert!(!printed.contains("has not moved"), "{printed}");
}

#[test]
fn a_polling_thread_that_hangs_ends_the_signs_of_life_and_is_named_with_its_lines() {
    is_told_when_it_hangs(&["cems-gateway"], &["polling of line 'rs485-1'", "polling"]);
}

#[test]
fn a_service_is_ready_once_stops_with_a_word_and_gives_signs_of_life_meanwhile() {
    let dir = TempDir::new().unwrap();
    let name = dir.path().join("notify");
    let address = SocketAddr::from_abstract_name(name.as_os_str().as_encoded_bytes()).unwrap();
    let supervisor = Supervisor::listening(UnixDatagram::bind_addr(&address).unwrap());
    let name = format!("@{}", name.display());
    let site = site::bare_site(site::free_port(), "PT1S");
    let mut service = Service::start_under(supervisor, OsStr::new(&name), &site, dir);

    service.process.end(Signal::TERM);

    let heard = service.supervisor.heard();
    assert_eq!(heard[..2], ["STATUS=starting", "EXTEND_TIMEOUT_USEC=30000000"]);
    let at = |line: &str| heard.iter().position(|heard| heard == line);
    assert!(
        at("READY=1") < at("STATUS=1 lines, 0 meters") && at("WATCHDOG=1") < at("STOPPING=1"),
        "{heard:?}"
    );
    for once in ["READY=1", "STOPPING=1"] {
        assert_eq!(service.supervisor.count_of(once), 1);
    }
}

#[test]
fn a_gateway_that_nobody_has_claimed_gives_signs_of_life_too() {
    let site = site::bare_site(site::free_port(), "PT1S");
    let (unclaimed, _) = site.split_once("[[platform]]").unwrap();
    let mut service = Service::start_with(unclaimed);
    // Longer than any part may be without a step.
    assert!(service.supervisor.signs_within(TOLD_WITHIN) >= 8);
    let printed = service.process.printed();
    assert!(!printed.contains("has not moved"), "{printed}");
}

#[test]
fn a_service_that_was_stopped_for_longer_than_any_patience_goes_on_as_if_nothing_had_been() {
    let mut service = Service::start();
    rustix::process::kill_process(service.process.pid(), Signal::STOP).unwrap();
    assert!(service.supervisor.signs_within(TOLD_WITHIN) <= 1, "it had one on its way at most");

    rustix::process::kill_process(service.process.pid(), Signal::CONT).unwrap();

    assert!(service.supervisor.signs_within(WATCHDOG) >= 1);
    let printed = service.process.printed();
    assert!(!printed.contains("has not moved"), "{printed}");
}

#[test]
fn a_gateway_tells_how_the_run_before_ended_and_what_its_machine_says() {
    let dir = TempDir::new().unwrap();
    let mut gateway = Gateway::run(dir.path(), "PT1S", "");
    let figures = |gateway: &Gateway| gateway.api().figures();
    assert!(figures(&gateway).contains("cems_last_ending{ending=\"first-run\"} 1\n"));

    gateway.start_again();

    let told = figures(&gateway);
    for line in
        ["cems_last_ending{ending=\"killed\"} 1\n", "cems_bad_endings 1\n", "cems_resident_memory_bytes "]
    {
        assert!(told.contains(line), "{line}\n{told}");
    }
    let printed = gateway.process().printed();
    assert!(
        printed.contains("the run before was not stopped: killed; such ends within an hour: 1"),
        "{printed}"
    );

    gateway.process().end(Signal::TERM);
    gateway.start_again();
    let told = figures(&gateway);
    assert!(told.contains("cems_last_ending{ending=\"stopped\"} 1\n"), "{told}");
    assert!(told.contains("cems_bad_endings 1\n"), "the one before is still within the hour\n{told}");
}
