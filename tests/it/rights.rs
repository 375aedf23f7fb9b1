//! What others may do with what the gateway makes, and what it says about its own user.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};

const PATIENCE: Duration = Duration::from_secs(20);

/// The program, called by a shell that masks nothing.
fn unmasked() -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", r#"umask 000; exec "$0" "$@""#, env!("CARGO_BIN_EXE_cems-gateway")]);
    command
}

/// A gateway of a site without meters.
struct Gateway {
    process: Child,
    data: PathBuf,
}

impl Gateway {
    fn run_in(folder: &Path) -> Self {
        let (site, data) = (folder.join("site.toml"), folder.join("deep/data"));
        let text = "[cems]\nid = \"CEMS-T\"\nname = \"test\"\nuser_name = \"test\"\nutc_offset = \"+08:00\"\n\
            [[line]]\nid = \"lan\"\nkind = \"tcp\"\nhost = \"192.0.2.1\"\n[api]\nlisten = \"127.0.0.1:0\"\n";
        fs::write(&site, text).unwrap();
        let mut command = unmasked();
        command.arg("run").arg("--config").arg(site).arg("--data").arg(&data);
        let log = fs::File::create(folder.join("log")).unwrap();
        let process = command.stdin(Stdio::null()).stderr(log).spawn().unwrap();
        let gateway = Self { process, data };
        let begun = Instant::now();
        while std::os::unix::net::UnixStream::connect(gateway.data.join("orders.sock")).is_err() {
            assert!(begun.elapsed() < PATIENCE, "the gateway does not take orders");
            std::thread::sleep(Duration::from_millis(20));
        }
        gateway
    }

    /// Calls the program about the data folder.
    fn ask(&self, arguments: &[&str], input: &str) {
        let mut command = unmasked();
        command.args(arguments).arg("--data").arg(&self.data);
        let mut asked =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut asked.stdin.take().unwrap(), input.as_bytes()).unwrap();
        let output = asked.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn stop(mut self) {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Everything that lies in `folder`, however deep, which others may do anything with.
fn open_to_others(folder: &Path) -> Vec<String> {
    let mut open = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let about = fs::symlink_metadata(&path).unwrap();
        if about.permissions().mode() & 0o077 != 0 {
            open.push(format!("{} {:o}", path.display(), about.permissions().mode() & 0o777));
        }
        if about.is_dir() {
            open.extend(open_to_others(&path));
        }
    }
    open
}

#[test]
fn whatever_a_gateway_and_its_tools_make_is_closed_to_others_under_every_umask() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::run_in(folder.path());
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();

    gateway.ask(&["console"], "meter add m1 lan 7\ncommit\n");
    gateway.ask(&["backup", &place("backup")], "");
    gateway.ask(&["export", "--out", &place("readings.csv")], "");

    // The log is the shell's.
    fs::remove_file(folder.path().join("log")).unwrap();
    assert!(fs::exists(folder.path().join("site.toml.previous")).unwrap(), "nothing was committed");
    assert!(fs::exists(gateway.data.join("console.sock")).unwrap());
    assert_eq!(open_to_others(folder.path()), [] as [&str; 0]);
    gateway.stop();
    assert_eq!(open_to_others(folder.path()), [] as [&str; 0]);
}

#[test]
fn a_gateway_that_runs_as_root_says_so_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    Gateway::run_in(folder.path()).stop();

    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert_eq!(log.contains("runs as root"), geteuid().is_root(), "{log}");
    assert_eq!(log.contains("a user of its own"), geteuid().is_root(), "{log}");
}
