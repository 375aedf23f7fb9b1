//! Archive: readings out of the store and back into it, while the gateway runs or with it stopped:
//! `export` as CSV, of the audit book too, `backup` of everything as one file, `restore` of such a file.
//!
//! Everything here blocks, goes through the store from one end to the other with flat memory, and
//! leaves polling alone: it reads a store as it stood at the start and appends like everybody else.

mod audit;
mod backup;
mod export;
mod new_file;
mod recording;
mod restore;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, TryLockError};

use thiserror::Error;

pub use audit::{AuditReport, export_audit};
pub use backup::{BackupReport, backup};
pub use export::{ExportOrder, ExportReport, Labels, export};
pub use new_file::NewFile;
pub use recording::keep_recording;
pub use restore::{RestoreReport, restore};

use super::Ops;
use crate::store::StoreError;
use crate::store::backup::BackupError;
use crate::time::TimeFault;

/// Hears how far something has come: so many parts of so many.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// Why nothing was archived, or not all.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// No series has such a name.
    #[error("nothing is stored of {0}; an export without it tells in its columns what there is")]
    NothingOf(String),
    /// Not an instant.
    #[error(
        "'{text}' is no time ({fault}); write it as 2024-06-12T10:30:00+08:00, or 2024-06-12 for the start of a day"
    )]
    Time {
        /// As given.
        text: String,
        /// What is wrong with it.
        fault: TimeFault,
    },
    /// The file is there already.
    #[error("{} exists already, and nothing is overwritten; give another name, or remove it", .0.display())]
    Exists(PathBuf),
    /// The file cannot be written or read.
    #[error("{}: {source}; see that its folder exists, is on a medium with space left and open to the gateway's user", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is no backup that can be restored.
    #[error("{} is not restored, nothing was changed: {fault}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: BackupError,
    },
    /// The file changed, or the store failed, on the way.
    #[error(
        "the restore stopped after {readings_added} readings: {reason}; restore again after that, what is there by then is skipped"
    )]
    Interrupted {
        /// Readings that were added before.
        readings_added: u64,
        /// What happened.
        reason: String,
    },
    /// What receives the export or the backup takes no more.
    #[error("the output cannot be written: {0}")]
    Output(io::Error),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no thread to do it on.
    #[error("the system has no thread left for it: {0}; try again later")]
    NoThread(io::Error),
    /// Another one is under way.
    #[error("another backup or restore is under way; wait for its end")]
    Busy,
}

impl Ops {
    /// Writes what `order` asks for as CSV, in the words of the site that is served.
    ///
    /// # Errors
    /// When the order names what there is not, or it cannot be written.
    pub fn export(
        &self,
        order: &ExportOrder,
        out: impl io::Write,
        progress: Progress<'_>,
    ) -> Result<ExportReport, ArchiveError> {
        export(self.store(), &Labels::of(&self.site()), order, out, progress)
    }

    /// Writes the audit book as CSV.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn export_audit(&self, out: impl io::Write) -> Result<AuditReport, ArchiveError> {
        export_audit(self.store(), self.site().cems.offset, out)
    }

    /// Backs the store up to `out`.
    ///
    /// # Errors
    /// When another one is under way, or `out` takes no more.
    pub fn backup(&self, out: impl io::Write, progress: Progress<'_>) -> Result<BackupReport, ArchiveError> {
        let _turn = self.archive_turn()?;
        backup(self.store(), self.clock().now(), out, progress)
    }

    /// Backs the store up to the new file `path`.
    ///
    /// # Errors
    /// When another one is under way, or the file is there or cannot be written.
    pub fn backup_to(&self, path: &Path, progress: Progress<'_>) -> Result<BackupReport, ArchiveError> {
        let new = NewFile::begin(path)?;
        let report = self.backup(new.file(), progress).map_err(|error| match error {
            ArchiveError::Output(source) => ArchiveError::File { path: path.to_owned(), source },
            other => other,
        })?;
        new.keep()?;
        Ok(report)
    }

    /// Restores the backup `file`, called `name`, into the store.
    ///
    /// # Errors
    /// When another one is under way, or the file is no whole backup.
    pub fn restore(
        &self,
        file: &File,
        name: &Path,
        progress: Progress<'_>,
    ) -> Result<RestoreReport, ArchiveError> {
        let _turn = self.archive_turn()?;
        restore(self.store(), file, name, progress)
    }

    /// Restores the backup `path` into the store.
    ///
    /// # Errors
    /// As [`Ops::restore`], and when the file cannot be opened.
    pub fn restore_from(&self, path: &Path, progress: Progress<'_>) -> Result<RestoreReport, ArchiveError> {
        let file = open_backup(path)?;
        self.restore(&file, path, progress)
    }

    fn archive_turn(&self) -> Result<MutexGuard<'_, ()>, ArchiveError> {
        match self.archiving.try_lock() {
            Ok(turn) => Ok(turn),
            Err(TryLockError::Poisoned(turn)) => Ok(turn.into_inner()),
            Err(TryLockError::WouldBlock) => Err(ArchiveError::Busy),
        }
    }
}

/// Opens a backup to be restored.
///
/// # Errors
/// When it cannot be opened.
pub fn open_backup(path: &Path) -> Result<File, ArchiveError> {
    File::open(path).map_err(|source| ArchiveError::File { path: path.to_owned(), source })
}
