//! The audit book of a gateway that runs: what a technician, a command line and the gateway itself do is in
//! it after a kill, and nothing that was typed in the wrong place.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use cems_gateway::config::site::StoreSettings;
use cems_gateway::model::audit::{Actor, Deed, Note, Place, Reason, Who};
use cems_gateway::ops::archive::{NewFile, backup, open_backup, restore};
use cems_gateway::store::Store;
use cems_gateway::time::UtcTime;
use cems_gateway::time::trust::{ClockState, Sight};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);
/// What nobody may find in the book, wherever it was typed.
const SECRET: &str = "Tr0ub4dor-3";

const SITE: &str = r#"
[cems]
id = "C"
name = "works"
user_name = "user"
utc_offset = "+08:00"
[api]
listen = "127.0.0.1:PORT"
[console]
port = "TTY"
[[category]]
id = "K"
code = "K"
name = "kind"
[[line]]
id = "l"
kind = "tcp"
host = "127.0.0.1"
port = 1
[[meter]]
id = "m-charger"
line = "l"
unit = 2
interval = "PT1M"
[[point]]
id = "PT-EV"
name = "charger"
category = "K"
role = "branch"
meter = "m-charger"
[[point.parameter]]
id = "LIMIT"
name = "limit"
register = { table = "holding", address = 10, type = "u16" }
unit = "kW"
reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
writable = { min = 10, max = 120, release = 120, lease = "PT15M" }
[[point]]
id = "PT-B"
name = "product"
category = "K"
role = "production"
[[point.parameter]]
id = "OUTPUT"
manual = true
unit = "t"
reading_type = "0.0.0.4.0.0.0.0.0.0.0.0.0.0.0.0.199.0"
"#;

fn cems_gateway(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cems-gateway"));
    command.args(arguments);
    command
}

fn printed(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A gateway with a serial console, killed with the test.
struct Gateway {
    process: Child,
    cable: File,
    folder: TempDir,
}

impl Gateway {
    fn start() -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let tty = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("site.toml");
        std::fs::write(&config, SITE.replace("PORT", &port.to_string()).replace("TTY", &tty)).unwrap();
        let mut run = cems_gateway(&["run", "--trust-clock", "--config"]);
        let run = run.arg(config).arg("--data").arg(folder.path().join("data")).stderr(Stdio::null());
        let gateway = Self { process: run.spawn().unwrap(), cable: File::from(master), folder };
        let begun = Instant::now();
        while !gateway.data().join("console.sock").exists() {
            assert!(begun.elapsed() < PATIENCE, "the gateway opens no console");
            std::thread::sleep(Duration::from_millis(20));
        }
        gateway
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn calls(&self, command: &str, more: &[&str]) -> Output {
        cems_gateway(&[command, "--data"]).arg(self.data()).args(more).output().unwrap()
    }

    /// Types lines at the console on the box, and gives what was said.
    fn on_the_box(&self, lines: &[&str]) -> String {
        let mut console = cems_gateway(&["console", "--data"]);
        let console = console.arg(self.data()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut console = console.spawn().unwrap();
        console.stdin.take().unwrap().write_all((lines.join("\r") + "\rlogout\r").as_bytes()).unwrap();
        printed(console.wait_with_output().unwrap())
    }

    /// Types a line at the serial console, and reads up to the next prompt.
    fn on_the_cable(&mut self, line: &str, prompt: &str) {
        self.cable.write_all(format!("{line}\r").as_bytes()).unwrap();
        let (mut said, mut byte) = (Vec::new(), [0]);
        // The echo of what was typed may look like a prompt.
        while !(said.len() > line.len() && said.ends_with(prompt.as_bytes())) {
            self.cable.read_exact(&mut byte).unwrap();
            said.push(byte[0]);
        }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// The rows of the exported book without their number and their times.
    fn book(&self) -> Vec<String> {
        let csv = printed(self.calls("export", &["--audit"]));
        let mut rows = csv.lines();
        let columns = "number,time,clock,who,name,from,what,about,value,outcome,count,last";
        assert_eq!(rows.next(), Some(columns));
        let without_times = |row: &str| row.split(',').skip(3).take(8).collect::<Vec<_>>().join(",");
        rows.map(without_times).collect()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn what_was_ordered_and_changed_is_in_the_book_after_a_kill() {
    let mut gateway = Gateway::start();
    let file = gateway.folder.path().join("store.backup");
    let said = gateway.on_the_box(&[
        "hold PT-EV LIMIT 500 by=li",
        "hold PT-EV LIMIT 40 by=zhang",
        "release PT-EV LIMIT",
        "meter add m-grid l 1 eastron-sdm630 role=branch category=K",
        "commit",
        "rollback",
        "rollback",
        &format!("backup {}", file.display()),
        "enter PT-B OUTPUT 12.5 by=zhang",
        "audit 2 who zhang",
    ]);
    gateway.kill();
    assert!(said.contains("enter value PT-B/OUTPUT 12.5"), "{said}");
    let (version, backed_up) = (env!("CARGO_PKG_VERSION"), file.display());
    let expected = [
        &format!("system,,inside,start,{version},,done,1"),
        "console,,socket,login,,,done,1",
        "console,li,socket,hold,PT-EV/LIMIT,500,out-of-range,1",
        "console,zhang,socket,hold,PT-EV/LIMIT,40,done,1",
        "console,,socket,release,PT-EV/LIMIT,,done,1",
        "console,,socket,commit,+meter[m-grid] +point[PT-GRID],,done,1",
        "console,,socket,rollback,-meter[m-grid] -point[PT-GRID],,done,1",
        "console,,socket,rollback,+meter[m-grid] +point[PT-GRID],,done,1",
        &format!("console,,socket,backup,{backed_up},,done,1"),
        "console,zhang,socket,enter,PT-B/OUTPUT,12.5,done,1",
    ];
    assert_eq!(gateway.book(), expected);
    let again = gateway.book();
    assert_eq!(again.last().unwrap(), "operator,,command-line,export,audit,,done,1", "it is in the next one");
}

#[test]
fn the_book_and_what_is_exported_of_it_are_nobody_elses_business() {
    let mut gateway = Gateway::start();
    gateway.kill();
    let file = gateway.folder.path().join("audit.csv");
    printed(gateway.calls("export", &["--audit", "--out", file.to_str().unwrap()]));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&gateway.data())), (0o600, 0o700));
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("number,time,clock,"));
}

#[test]
fn a_gateway_that_is_told_to_stop_says_so_in_the_book() {
    let mut gateway = Gateway::start();
    let process = rustix::process::Pid::from_child(&gateway.process);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    assert!(gateway.process.wait().unwrap().success());
    let version = env!("CARGO_PKG_VERSION");
    let run = ["start", "stop"].map(|what| format!("system,,inside,{what},{version},,done,1"));
    assert_eq!(gateway.book(), run);
}

#[test]
fn a_password_that_is_typed_where_it_does_not_belong_is_not_in_the_book() {
    let mut gateway = Gateway::start();
    gateway.on_the_cable("", "(login) > ");
    for (line, prompt) in [
        (SECRET, "(login) > "),
        ("login", "new password: "),
        (SECRET, "once more: "),
        (SECRET, "cems > "),
        ("logout", "(login) > "),
        ("login", "password: "),
        ("Tr0ub4dor-3x", "(login) > "),
        ("login Tr0ub4dor-3", "(login) > "),
        ("login", "password: "),
        (SECRET, "cems > "),
        (SECRET, "cems > "),
        ("hold Tr0ub4dor-3 Tr0ub4dor-3 1", "cems > "),
        ("hold PT-EV Tr0ub4dor-3 1", "cems > "),
        ("release Tr0ub4dor-3 LIMIT", "cems > "),
        ("enter Tr0ub4dor-3 OUTPUT 1", "cems > "),
        ("enter PT-B OUTPUT 1 Tr0ub4dor-3", "cems > "),
        ("dr reply Tr0ub4dor-3 yes 1", "cems > "),
        ("dr cancel Tr0ub4dor-3", "cems > "),
        ("dr add Tr0ub4dor-3 2036-08-06T13:00 2036-08-06T15:00 500", "cems > "),
        ("relearn Tr0ub4dor-3", "cems > "),
        ("backup /nowhere/Tr0ub4dor-3", "cems > "),
        ("restore /nowhere/Tr0ub4dor-3", "cems > "),
        ("audit who Tr0ub4dor-3", "cems > "),
        ("commit", "cems > "),
        ("enter PT-B OUTPUT 1 by=zhang", "cems > "),
    ] {
        gateway.on_the_cable(line, prompt);
    }
    gateway.kill();
    let tty = std::fs::read_to_string(gateway.folder.path().join("site.toml")).unwrap();
    let tty = tty.split('"').find(|part| part.starts_with("/dev/pts")).unwrap().to_owned();
    let book = gateway.book();
    for row in ["password,,,done,1", "login,,,wrong-password,1", "login,,,done,1", "hold,,1,no-such-name,2"] {
        assert!(book.contains(&format!("console,,{tty},{row}")), "{row}: {book:#?}");
    }
    assert!(!book.iter().any(|row| row.contains(SECRET)), "{book:#?}");
    assert!(is_anywhere_below(&gateway.data(), "zhang"), "names would be found");
    assert!(!is_anywhere_below(&gateway.data(), SECRET));
}

fn is_anywhere_below(folder: &Path, text: &str) -> bool {
    let holds = |path: &Path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.into_iter().any(|path| if path.is_dir() { is_anywhere_below(&path, text) } else { holds(&path) })
}

fn sight(second: i64) -> Sight {
    let shown = UtcTime::from_ms(1_790_000_000_000 + second * 1_000);
    Sight { shown, state: ClockState::Synchronised, steady_ms: second * 1_000 }
}

fn platform(id: &str) -> Actor {
    Actor { who: Who::Platform(id.to_owned()), from: Place::Address([192, 0, 2, 7].into()) }
}

fn open(dir: &Path) -> Store {
    Store::open(dir, &StoreSettings { durability_window_ms: 10, ..StoreSettings::default() }).unwrap()
}

#[test]
fn a_count_that_waits_for_its_turn_is_written_when_the_run_ends() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let refused = || Note::refused(platform("cloud"), Deed::Ask, Reason::TooOften);
    store.note_audit(refused(), &sight(0));
    store.flush().unwrap();
    (1..100).for_each(|second| store.note_audit(refused(), &sight(second)));
    store.end_run();
    store.close().unwrap();
    let entries = open(dir.path()).audit(None, 10, |_| true).entries;
    assert_eq!((entries.len(), entries[0].count, entries[0].last), (1, 100, sight(99).shown));
}

#[test]
fn a_restore_writes_nothing_into_the_book() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (open(&dir.path().join("one")), open(&dir.path().join("other")));
    one.note_audit(Note::done(platform("cloud"), Deed::Hold), &sight(0));
    let path = dir.path().join("store.backup");
    let new = NewFile::begin(&path).unwrap();
    backup(&one, sight(1).shown, new.file(), &mut |_, _| {}).unwrap();
    new.keep().unwrap();
    restore(&other, &open_backup(&path).unwrap(), &path, &mut |_, _| {}).unwrap();
    assert_eq!(one.audit(None, 10, |_| true).entries.len(), 1);
    assert_eq!(other.audit(None, 10, |_| true).entries, []);
}
