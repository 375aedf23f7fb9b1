//! A child process that writes to a log, and dies with its test.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal};

use super::wait;

/// Lines of a log that a failing test shows.
const LOG_LINES_SHOWN: usize = 60;

pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; what it prints goes to `<dir>/<name>.log`, after what earlier ones of the name did.
    pub(crate) fn start(name: &'static str, command: &mut Command, dir: &Path) -> Self {
        let log = dir.join(name).with_extension("log");
        let out = File::options().create(true).append(true).open(&log).unwrap();
        let child = command
            .stdin(Stdio::piped())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("cannot start {command:?}: {error}; tests/run installs what it needs")
            });
        Self { name, child, log }
    }

    /// All that it has printed.
    pub(crate) fn printed(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until it has printed `text`.
    pub(crate) fn wait_for_print(&mut self, text: &str) {
        let name = self.name;
        wait::until(&format!("{name} to print {text:?}"), || {
            self.assert_alive();
            self.printed().contains(text).then_some(())
        });
    }

    /// Writes a line to its standard input.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// # Panics
    /// When it has ended.
    pub(crate) fn assert_alive(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{} has ended by itself: {status}", self.name);
        }
    }

    /// kill -9, as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it `signal` and waits until it has ended of it.
    pub(crate) fn end(&mut self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).unwrap();
        let name = self.name;
        wait::until(&format!("{name} to end"), || self.child.try_wait().unwrap());
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either may fail because it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let printed = self.printed();
            let lines: Vec<&str> = printed.lines().collect();
            let shown = lines.len().saturating_sub(LOG_LINES_SHOWN);
            eprintln!("---- the end of what {} printed:\n{}\n----", self.name, lines[shown..].join("\n"));
        }
    }
}

/// A program of the checkout's own virtual environment, whose other programs it finds.
pub(crate) fn python_program(name: &str) -> Command {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/venv/bin");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(programs.join(name));
    command.env("PATH", format!("{}:{path}", programs.display()));
    command
}

/// The Python of the checkout's own virtual environment, with the packages of tests/requirements.txt.
pub(crate) fn python(script: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(root.join(".cache/venv/bin/python"));
    command.arg(root.join("tests/peers").join(script));
    command
}
