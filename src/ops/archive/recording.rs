//! What was recorded of a line, as a new file.

use std::io::Write;
use std::path::Path;

use super::{ArchiveError, NewFile};
use crate::modbus::recording::Recording;

/// Writes `recording` to the new file `path`. Blocks until it is on its medium.
///
/// # Errors
/// When the file is there, or cannot be written.
pub fn keep_recording(recording: &Recording, path: &Path) -> Result<(), ArchiveError> {
    let new = NewFile::begin(path)?;
    let written = new.file().write_all(recording.text().as_bytes());
    written.map_err(|source| ArchiveError::File { path: path.to_owned(), source })?;
    new.keep()
}
