//! A person at the other end of a serial line: types lines, reads what comes.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;

use rustix::fs::OFlags;

use super::wait::{self, BETWEEN};

pub(crate) struct Technician {
    port: File,
    /// What has come since something was last waited for.
    screen: String,
}

impl Technician {
    pub(crate) fn at(port: &Path) -> Self {
        let flags = (OFlags::NOCTTY | OFlags::NONBLOCK).bits().cast_signed();
        let port = File::options().read(true).write(true).custom_flags(flags).open(port).unwrap();
        Self { port, screen: String::new() }
    }

    /// Types a line and waits for `answer`.
    pub(crate) fn type_line(&mut self, line: &str, answer: &str) {
        self.port.write_all(format!("{line}\r").as_bytes()).unwrap();
        self.read_until(answer);
    }

    /// Types a line, and whether the console then says `text` before its next prompt.
    pub(crate) fn says(&mut self, line: &str, text: &str) -> Result<(), String> {
        self.type_line(line, "\r\n");
        let answer = self.read_until("> ");
        if answer.contains(text) { Ok(()) } else { Err(answer) }
    }

    /// Waits for `text`; what came before it and the text itself are then forgotten.
    pub(crate) fn read_until(&mut self, text: &str) -> String {
        let end = wait::until_ok(&format!("the console to say {text:?}"), || {
            self.look();
            self.screen.find(text).map(|at| at + text.len()).ok_or_else(|| self.screen.clone())
        });
        self.screen.drain(..end).collect()
    }

    fn look(&mut self) {
        let mut bytes = [0; 4_096];
        match self.port.read(&mut bytes) {
            Ok(count) => self.screen += &String::from_utf8_lossy(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(BETWEEN),
            Err(error) => panic!("the serial line is gone: {error}"),
        }
    }
}

/// The first person at the box chooses the password.
pub(crate) fn log_in(technician: &mut Technician) {
    technician.type_line("", "(login) > ");
    technician.type_line("status", "log in first");
    technician.type_line("login", "new password: ");
    technician.type_line("correct horse", "once more: ");
    technician.type_line("correct horse", "logged in");
}
