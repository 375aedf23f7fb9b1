//! A serial port of a machine: all that came out of it, and a way to type into it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a failing test shows of a console.
const LINES_SHOWN: usize = 40;

/// One serial port. The emulator writes what comes out to a file from its first moment on, whoever listens.
pub(crate) struct Console {
    name: String,
    log: PathBuf,
    socket: PathBuf,
    typing: Option<UnixStream>,
    /// Bytes of the log that were waited for already.
    read_to: usize,
}

impl Console {
    /// The port of this number, with its files in `dir`.
    pub(super) fn new(number: usize, dir: &Path) -> Self {
        let name = format!("serial{number}");
        let (log, socket) = (dir.join(&name).with_extension("log"), dir.join(&name).with_extension("socket"));
        Self { name, log, socket, typing: None, read_to: 0 }
    }

    /// How an emulator is told of it.
    pub(super) fn arguments(&self) -> [String; 4] {
        let Self { name, log, socket, .. } = self;
        let (log, socket) = (log.display(), socket.display());
        let device = format!("socket,id={name},path={socket},server=on,wait=off,logfile={log},logappend=on");
        ["-chardev".to_owned(), device, "-serial".to_owned(), format!("chardev:{name}")]
    }

    /// All that came out of it since the machine was made.
    pub(crate) fn printed(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// What came out up to `text`, since the last time that something was found; nothing while it has not come.
    pub(super) fn find(&mut self, text: &str) -> Option<String> {
        let printed = fs::read(&self.log).unwrap_or_default();
        let new = printed.get(self.read_to..)?;
        let place = new.windows(text.len()).position(|window| window == text.as_bytes())?;
        let found = &new[..place + text.len()];
        self.read_to += found.len();
        Some(String::from_utf8_lossy(found).into_owned())
    }

    /// The kernel's time, since its start, on the line on which something was found last.
    pub(crate) fn time_of_last(&self) -> Duration {
        let printed = fs::read(&self.log).unwrap();
        let before = String::from_utf8_lossy(&printed[..self.read_to]);
        let line = before.lines().last().unwrap();
        let seconds =
            line.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(time, _)| time.trim());
        let seconds = seconds.and_then(|time| time.parse().ok());
        Duration::from_secs_f64(seconds.unwrap_or_else(|| panic!("no time of the kernel in {line:?}")))
    }

    /// Types a line, as a terminal sends it.
    pub(crate) fn tell(&mut self, line: &str) {
        let socket = &self.socket;
        let typing = self.typing.get_or_insert_with(|| connect(socket));
        write!(typing, "{line}\r").unwrap();
    }

    /// The machine is off: a new one makes a new socket, and nothing of the old one is waited for.
    pub(super) fn power_off(&mut self) {
        self.typing = None;
        self.read_to = fs::metadata(&self.log).map_or(0, |log| usize::try_from(log.len()).unwrap());
    }

    /// Shows its last lines, for somebody who reads why a test has failed.
    pub(super) fn show(&self) {
        let printed = self.printed();
        let lines: Vec<&str> = printed.lines().collect();
        let shown = lines.len().saturating_sub(LINES_SHOWN);
        if !lines.is_empty() {
            eprintln!("---- the end of {}:\n{}\n----", self.name, lines[shown..].join("\n"));
        }
    }
}

/// A socket whose bytes somebody takes, so that the emulator never waits for this test: the log has them.
fn connect(socket: &Path) -> UnixStream {
    let stream = UnixStream::connect(socket).unwrap();
    let mut listening = stream.try_clone().unwrap();
    std::thread::spawn(move || {
        let mut bytes = [0; 4_096];
        while listening.read(&mut bytes).is_ok_and(|read| read > 0) {}
    });
    stream
}
