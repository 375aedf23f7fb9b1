//! The kernel's log: the only place to speak to before anything is mounted, bounded by the kernel.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};

/// The kernel's log as a file.
const DEVICE: &str = "/dev/kmsg";
/// Level of a note, which the console does not show by itself (syslog(2): 6 is informational).
const NOTE: u8 = 6;
/// Level of what somebody should see (3 is an error).
const COMPLAINT: u8 = 3;

/// Notes what went as it should.
pub(super) fn note(text: &str) {
    say(NOTE, text);
}

/// Tells what did not, on the console too.
pub(super) fn complain(text: &str) {
    say(COMPLAINT, text);
}

fn say(level: u8, text: &str) {
    // One write is one record.
    let record = format!("<{level}>cems-init: {text}\n");
    let told = open().and_then(|mut log| log.write_all(record.as_bytes()));
    if told.is_err() {
        eprint!("{record}");
    }
}

/// The log, for what a program prints.
///
/// # Errors
/// Those of the system.
pub(super) fn open() -> io::Result<File> {
    OpenOptions::new().write(true).open(DEVICE)
}
