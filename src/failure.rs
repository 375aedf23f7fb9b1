//! How a command ends badly: what it tells, and its exit code.

use std::fmt::Display;
use std::process::ExitCode;

/// A command's bad end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    message: String,
    exit_code: u8,
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
