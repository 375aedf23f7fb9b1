//! `frames`: what was recorded of a line, in words.

use std::path::Path;
use std::process::ExitCode;

use crate::console::{Language, trace};
use crate::failure::{Failure, tell};
use crate::modbus::recording::Recording;
use crate::time::UtcOffset;

/// `frames`: prints every frame of the recording `file`, times in UTC.
///
/// # Errors
/// When the file is no recording.
pub fn frames(file: &Path) -> Result<ExitCode, Failure> {
    let recording = open(file)?;
    let (frames, language) = (&recording.frames, Language::English);
    tell(format_args!("line {}, {} frames, times in UTC\n", recording.line, frames.len()))?;
    tell(trace::frames(recording.protocol, frames, None, UtcOffset::UTC, language))?;
    Ok(ExitCode::SUCCESS)
}

/// Reads a recording.
pub(super) fn open(file: &Path) -> Result<Recording, Failure> {
    Recording::open(file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))
}
