//! What can go wrong with the store, said to the one who must act on it.

use std::path::PathBuf;

use thiserror::Error;

use crate::model::reading::{GroupId, SeriesId};

/// Why the store did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// Another process has the directory open.
    #[error("{} is in use by another process; stop that process first", .dir.display())]
    InUse {
        /// The data directory.
        dir: PathBuf,
    },
    /// A newer release has written there.
    #[error(
        "{} was written by a newer release (format {found}; this one reads up to {known}), and is left as it is; start that \
         release again, or restore a backup of this one into an empty directory",
        .dir.display()
    )]
    Newer {
        /// The data directory.
        dir: PathBuf,
        /// Its form.
        found: u32,
        /// The newest form that this release reads.
        known: u32,
    },
    /// The directory cannot be made, read or written.
    #[error("{}: {reason}; see that the directory exists, is writable and has space left", .path.display())]
    Directory {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The database does not take writes at present; what is appended is kept in memory.
    #[error(
        "the database takes no writes: {reason}; see that its medium has space left and is mounted for writing"
    )]
    Failing {
        /// What the database said.
        reason: String,
    },
    /// Something stored does not read back.
    #[error("{what} is damaged: {reason}; what else is stored stays readable")]
    Damaged {
        /// What does not read back.
        what: String,
        /// How that was seen.
        reason: String,
    },
    /// A point or parameter ID that cannot be a name.
    #[error("'{name}' cannot name a series; use 1 to {} characters and no NUL", crate::limits::ID_CHARS_MAX)]
    Name {
        /// The ID that was given.
        name: String,
    },
    /// No further series or groups can be named.
    #[error("the store holds {count} {what} and takes no more; start with an empty data directory")]
    NamesUsedUp {
        /// Series or groups.
        what: &'static str,
        /// How many there are.
        count: usize,
    },
    /// A series that the store never gave out.
    #[error("series {} is unknown to this store; ask `Store::series` for it", .0.0)]
    UnknownSeries(SeriesId),
    /// A group that the store never gave out.
    #[error("group {} is unknown to this store; ask `Store::group` for it", .0.0)]
    UnknownGroup(GroupId),
    /// A list of series that cannot be a group.
    #[error("{count} series cannot be one group: {reason}")]
    Group {
        /// Series in the list.
        count: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A scan that does not fit its group.
    #[error("a scan of group {} is refused: {reason}", .group.0)]
    Scan {
        /// The group it names.
        group: GroupId,
        /// What is wrong with it.
        reason: String,
    },
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}
