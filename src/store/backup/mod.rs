//! A backup as a stream of bytes: everything that a store holds, in one file that tells what it is,
//! can be checked without a store, and is read and written with flat memory. Pure: no database here.
//!
//! ```text
//! file      magic "CEMSBKP\n" | version (1) u16 | frame | frame | ... | end
//! frame     kind u8 | bytes of the payload u32 | payload | CRC-32 u32
//!
//! kind      payload
//! 1 begun   i64 milliseconds since 1970 UTC when it was made | u64 last sequence number in it
//! 2 series  u32 series | point ID, NUL, parameter ID
//! 3 group   u16 group | u32 series, u32 series, ...
//! 4 cursor  u64 sequence | name
//! 5 record  u8 tree | u8 bytes of the key | key | value
//! 6 scans   u16 group | u32 bytes of the block | block (block.rs) | u16 group | ...
//! 7 end     u64 scans | u64 readings
//! ```
//!
//! Integers are big-endian. Every CRC is over all bytes of the file before it but the CRCs, so that a
//! frame that is missing, doubled or out of its place shows as well as a changed one. The frames come
//! in the order of their kinds; `begun` comes once and first, `end` once and last, and nothing after.
//!
//! A frame of scans holds the coded columns of a run of scans, the same ones and in the same blocks
//! as a sealed epoch, so that readings come back bit for bit and take about the bytes that they take
//! in the store.

mod frame;
mod read;
mod scans;
mod write;

use std::io;

use thiserror::Error;

pub use read::BackupReader;
pub use scans::ScanFrame;
pub use write::BackupWriter;

use crate::model::reading::{GroupId, SeriesId};
use crate::time::UtcTime;

/// One part of a backup.
#[derive(Debug)]
pub enum Entry {
    /// What it is a backup of.
    Begun {
        /// When it was made.
        made_at: UtcTime,
        /// The last sequence number in it.
        through: u64,
    },
    /// A series.
    Series {
        /// Its ID in the store that was backed up.
        series: SeriesId,
        /// The point.
        point_id: String,
        /// The parameter.
        parameter_id: String,
    },
    /// A group.
    Group {
        /// Its ID in the store that was backed up.
        group: GroupId,
        /// Its series, in its order.
        series: Vec<SeriesId>,
    },
    /// How far a reader of scans has come.
    Cursor {
        /// Its name.
        name: String,
        /// The sequence number that it has come to.
        sequence: u64,
    },
    /// An entry of one of the store's small tables, as it is stored.
    Record(Record),
    /// A run of scans.
    Scans(ScanFrame),
}

/// An entry of one of the store's small tables, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The tree that it lies in.
    pub tree: u8,
    /// Its key.
    pub key: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

/// What a backup holds, by its last frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Scans.
    pub scans: u64,
    /// Readings of them.
    pub readings: u64,
}

/// Why a stream is no backup that can be restored.
#[derive(Debug, Error)]
pub enum BackupError {
    /// It begins with something else.
    #[error("it does not begin as a backup does; choose a file that 'backup' has written")]
    NotABackup,
    /// A later program wrote it.
    #[error(
        "it is a backup of version {0}, and this program reads version {VERSION}; restore it with the newer program"
    )]
    Version(u16),
    /// It ends before its end.
    #[error("it ends at byte {at}, before it is complete; take another copy of it, or an older backup")]
    Truncated {
        /// Bytes that there are.
        at: u64,
    },
    /// Its bytes are not those that were written.
    #[error(
        "it is damaged in the part from byte {at}: {reason}; take another copy of it, or an older backup"
    )]
    Damaged {
        /// Where the part begins that is damaged.
        at: u64,
        /// How that was seen.
        reason: &'static str,
    },
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// How a backup begins.
const MAGIC: &[u8; 8] = b"CEMSBKP\n";
/// The version that is written.
const VERSION: u16 = 1;

#[cfg(test)]
mod tests;
