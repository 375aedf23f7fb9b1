//! A box whose site file has faults, as the program itself: a technician with a terminal mends it, and it runs.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cems_gateway::slots::{BootState, Slot, StateFile};
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);
const BETWEEN: Duration = Duration::from_millis(10);
const KEY: &str = include_str!("data/update/key.txt");
const FAULT: &str = "[line 'rs485-1'] baud: is a string; give a whole number";

/// Comes back with what `look` finds; fails where it finds nothing in time.
fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        sleep(BETWEEN);
    }
}

/// A serial cable: the box has one end, a technician types at the other.
struct Cable {
    near: fs::File,
    /// The device of the box.
    far: String,
    screen: String,
}

impl Cable {
    fn lay() -> Self {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        ioctl_fionbio(&near, true).unwrap();
        grantpt(&near).unwrap();
        unlockpt(&near).unwrap();
        let far = ptsname(&near, Vec::new()).unwrap().into_string().unwrap();
        Self { near: near.into(), far, screen: String::new() }
    }

    /// Types a line and gives what is said up to `end`.
    fn say(&mut self, line: &str, end: &str) -> String {
        self.near.write_all(format!("{line}\r").as_bytes()).unwrap();
        self.read_until(end)
    }

    fn read_until(&mut self, end: &str) -> String {
        let mut bytes = [0; 4_096];
        let end = wait(end, || {
            match self.near.read(&mut bytes) {
                Ok(count) => self.screen += &String::from_utf8_lossy(&bytes[..count]),
                // Nothing has come, or nobody has the other end open.
                Err(error) if error.kind() == ErrorKind::WouldBlock || error.raw_os_error() == Some(5) => {}
                Err(error) => panic!("{error}"),
            }
            self.screen.find(end).map(|at| at + end.len())
        });
        self.screen.drain(..end).collect()
    }
}

/// A box with its slots and its supervisor; the program on it is killed with the test.
struct TheBox {
    folder: TempDir,
    address: SocketAddr,
    supervisor: UnixDatagram,
    /// What it was told, line by line.
    heard: Vec<String>,
    process: Option<Child>,
}

impl TheBox {
    /// Its kernel was told `command_line`.
    fn new(command_line: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| folder.path().join(name);
        fs::write(of("state"), vec![0; 1_048_576]).unwrap();
        fs::write(of("cmdline"), command_line).unwrap();
        let path = |name: &str| of(name).display().to_string();
        let board = format!(
            "board = \"test-board\"\nstate = \"{}\"\nslot_a = \"{}\"\nslot_b = \"{}\"\nboot_area_at = 262144\n\
             slot_bytes = 393216\nupdate_key = \"{}\"\ncommand_line = \"{}\"\n",
            path("state"),
            path("a"),
            path("b"),
            KEY.trim(),
            path("cmdline"),
        );
        fs::create_dir(of("root")).unwrap();
        fs::write(of("root/board.toml"), board).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        fs::write(of("root/gateway.toml"), site(address)).unwrap();
        let supervisor = UnixDatagram::bind(of("notify")).unwrap();
        supervisor.set_nonblocking(true).unwrap();
        Self { folder, address, supervisor, heard: Vec::new(), process: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write_site(&self, text: &str) {
        fs::write(self.path("site.toml"), text).unwrap();
    }

    fn site(&self) -> String {
        fs::read_to_string(self.path("site.toml")).unwrap()
    }

    fn start(&mut self) {
        let mut run = Command::new(env!("CARGO_BIN_EXE_cems-gateway"));
        run.args(["run", "--trust-clock"]).arg("--config").arg(self.path("site.toml"));
        run.arg("--data").arg(self.path("data")).arg("--board").arg(self.path("root/board.toml"));
        run.env("NOTIFY_SOCKET", self.path("notify")).env("WATCHDOG_USEC", "2000000");
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        self.process = Some(run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    /// Waits until the program has told its supervisor `line`.
    fn hear(&mut self, line: &str) {
        let mut bytes = [0; 4_096];
        wait(line, || {
            while let Ok(length) = self.supervisor.recv(&mut bytes) {
                let text = std::str::from_utf8(&bytes[..length]).unwrap();
                self.heard.extend(text.lines().map(str::to_owned));
            }
            self.heard.iter().any(|heard| heard == line).then_some(())
        });
    }

    fn serves(&self) -> bool {
        TcpStream::connect(self.address).is_ok()
    }

    /// Waits until the gateway serves, and takes orders, which comes last.
    fn wait_until_it_runs(&self) {
        let takes_orders = || self.path("data/orders.sock").exists();
        wait("the gateway to run", || (self.serves() && takes_orders()).then_some(()));
    }

    fn exit_code(&mut self) -> Option<i32> {
        let process = self.process.as_mut().unwrap();
        let status = wait("the program to end", || process.try_wait().unwrap());
        self.process = None;
        status.code()
    }

    fn stop(&mut self) {
        let process = self.process.as_ref().unwrap();
        kill_process(Pid::from_child(process), Signal::TERM).unwrap();
        assert_eq!(self.exit_code(), Some(0));
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }
}

impl Drop for TheBox {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _killed = process.kill();
            let _gone = process.wait();
        }
    }
}

fn site(address: SocketAddr) -> String {
    format!(
        "# 嘉定工厂 / the works at Jiading\n[cems]\nid = \"CEMS-1\"\nname = \"works\"\nuser_name = \"user\"\n\
         utc_offset = \"+08:00\"\n[api]\nlisten = \"{address}\"\n[[line]]\nid = \"rs485-1\"\nkind = \"rtu\"\n\
         port = \"/dev/ttyS91\"\nbaud = 9600\n"
    )
}

fn faulty(site: &str) -> String {
    site.replace("baud = 9600", "baud = \"9600\"")
}

/// What the kernel is told of the end of a cable.
fn console_at(far: &str) -> String {
    format!("quiet console=tty0 console={},115200 cems.slot=a\n", far.strip_prefix("/dev/").unwrap())
}

fn log_in(cable: &mut Cable, prompt: &str) {
    cable.say("login", "new password: ");
    cable.say("correct horse", "once more: ");
    cable.say("correct horse", prompt);
}

#[test]
fn a_technician_at_the_serial_console_mends_a_faulty_site_file_and_the_box_runs() {
    let mut cable = Cable::lay();
    let mut the_box = TheBox::new(&console_at(&cable.far));
    let good = site(the_box.address);
    the_box.write_site(&faulty(&good));
    the_box.start();
    let greeting = cable.read_until("(login) > ");
    assert!(greeting.contains("NOTHING IS POLLED") && greeting.contains(FAULT), "{greeting}");
    assert!(greeting.contains("CEMS-1") && !greeting.contains("rollback"), "{greeting}");
    the_box.hear("READY=1");
    the_box.hear("STATUS=in repair: the site file has faults, and nothing is polled");
    the_box.hear("WATCHDOG=1");
    assert!(!the_box.serves());

    log_in(&mut cable, "repair > ");
    let status = cable.say("status", "repair > ");
    assert!(status.contains("nothing is polled, kept or served"), "{status}");
    let refused = cable.say("points", "repair > ");
    assert!(refused.contains("needs the gateway at work"), "{refused}");
    let refused = cable.say("commit", "repair > ");
    assert!(refused.contains(FAULT), "{refused}");
    cable.say("site line 13 baud = 'slow'", "repair* > ");
    let refused = cable.say("commit", "repair* > ");
    assert!(refused.contains(FAULT) && the_box.site() == faulty(&good), "{refused}");
    cable.say("site line 13 baud = 9600", "repair* > ");
    cable.say("commit", "the gateway starts");
    assert_eq!(the_box.exit_code(), Some(102), "cems-init starts it again at once");
    assert_eq!(the_box.site(), good);

    the_box.start();
    the_box.wait_until_it_runs();
    assert_eq!(fs::read_to_string(the_box.path("site.toml.good")).unwrap(), good);
    the_box.stop();
}

#[test]
fn the_file_that_ran_last_or_that_of_the_factory_comes_back_with_a_word() {
    let mut cable = Cable::lay();
    let mut the_box = TheBox::new(&console_at(&cable.far));
    let good = format!("# ran last\n{}", site(the_box.address));
    for (faulty, words) in [
        (&b"[[line\n"[..], &["rollback"][..]),
        (b"name = \"\xb9\xa4\xb3\xa7\"\n", &["site take root/gateway.toml", "commit"]),
    ] {
        the_box.write_site(&good);
        the_box.start();
        the_box.wait_until_it_runs();
        the_box.stop();

        fs::write(the_box.path("site.toml"), faulty).unwrap();
        the_box.start();
        let greeting = cable.read_until("(login) > ");
        assert!(greeting.contains("UNKNOWN") && greeting.contains("\nrollback: "), "{greeting}");
        assert!(greeting.contains("root/gateway.toml: "), "{greeting}");
        if the_box.path("data/console.password").exists() {
            cable.say("login", "password: ");
            cable.say("correct horse", "repair > ");
        } else {
            log_in(&mut cable, "repair > ");
        }
        let folder = format!("take {}/", the_box.folder.path().display());
        for word in words {
            cable.say(&word.replace("take ", &folder), "\r\n");
        }
        assert_eq!(the_box.exit_code(), Some(102), "{}", the_box.log());
        assert_eq!(fs::read(the_box.path("site.toml.previous")).unwrap(), faulty);
    }
    assert_eq!(the_box.site(), site(the_box.address), "that of the factory");
}

#[test]
fn a_release_on_trial_that_does_not_take_the_site_file_goes_back_and_is_never_confirmed() {
    let cable = Cable::lay();
    // Neither with a serial console nor without one.
    for command_line in [console_at(&cable.far), "quiet cems.slot=a\n".to_owned()] {
        let mut the_box = TheBox::new(&command_line);
        the_box.write_site(&faulty(&site(the_box.address)));
        let mut state = BootState { slot: Slot::B, ..BootState::default() };
        state.begin_trial(Slot::A);
        let file = StateFile::open(&the_box.path("state")).unwrap();
        file.write(&state).unwrap();
        the_box.start();
        assert_eq!(the_box.exit_code(), Some(100), "{}", the_box.log());
        let state = file.read().unwrap();
        assert_eq!((state.slot, state.tries, state.reason.word()), (Slot::B, 0, "site-refused"));
        assert!(the_box.log().contains(FAULT), "{}", the_box.log());
    }
}

#[test]
fn without_a_serial_console_to_mend_it_at_a_faulty_site_file_ends_the_program() {
    let mut the_box = TheBox::new("quiet console=tty0 cems.slot=a\n");
    the_box.write_site(&faulty(&site(the_box.address)));
    the_box.start();
    assert_eq!(the_box.exit_code(), Some(78));
    assert!(the_box.log().contains(FAULT), "{}", the_box.log());
    assert!(!Path::exists(&the_box.path("data")), "nothing was made");
}
