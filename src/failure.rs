//! What a command tells, and how it ends badly: its message and its exit code.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

/// A command's bad end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    message: String,
    exit_code: u8,
}

/// Writes `text` to standard output.
///
/// # Errors
/// When it cannot be written. A reader that has left, as `head` does, is no failure: nobody is told.
pub fn tell(text: impl Display) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("the output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Something failed while it ran.
const FAILED: u8 = 1;
/// `EX_CONFIG` of `sysexits.h`: a file has faults that a person must correct.
const CONFIG: u8 = 78;

impl Failure {
    /// Something failed while it ran.
    pub fn new(message: impl Display) -> Self {
        Self { message: message.to_string(), exit_code: FAILED }
    }

    /// A configuration file has these faults.
    pub fn config(faults: impl Display) -> Self {
        Self { message: faults.to_string(), exit_code: CONFIG }
    }

    /// What it tells.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Tells the message on standard error and gives the exit code.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        eprintln!("{}", self.message.trim_end());
        ExitCode::from(self.exit_code)
    }
}
