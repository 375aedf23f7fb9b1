//! What the store says about itself: how far it is durable, how full, how well.

use crate::store::ledgers::flash::Wear;
use crate::time::UtcTime;

/// How far the scans are acknowledged as being on the medium.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durable {
    /// Sequence number of the last durable scan; 0 when there is none.
    pub sequence: u64,
    /// The time of that scan.
    pub through: Option<UtcTime>,
}

/// The state of the store for a page of status, a metric or a technician.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreStatus {
    /// How far the scans are durable.
    pub durable: Durable,
    /// Sequence number of the last scan taken; 0 when there is none.
    pub last_sequence: u64,
    /// Bytes of all database files.
    pub disk_bytes: u64,
    /// Bytes of sealed blocks that are still kept.
    pub sealed_bytes: u64,
    /// Sealed epochs that are still kept.
    pub epochs: usize,
    /// Full epochs that are being sealed, or wait for it.
    pub waiting_epochs: usize,
    /// Sealed epochs that are not known yet to be whole, or to lack what is noted.
    pub unchecked_epochs: usize,
    /// Time of the oldest sealed scan.
    pub oldest: Option<UtcTime>,
    /// Scans taken but not yet sealed.
    pub open_scans: u64,
    /// Readings taken but not yet sealed.
    pub open_readings: usize,
    /// Bytes of memory that hold them.
    pub open_bytes: usize,
    /// Records in the ring of the open epoch.
    pub ring_records: u32,
    /// Epochs that retention removed since the store was opened.
    pub expired_epochs: u64,
    /// Scans that retention removed since the store was opened.
    pub expired_scans: u64,
    /// Scans that were lost because the medium took no writes for too long.
    pub dropped_scans: u64,
    /// Quarter hours of groups that wait to be summed up, or to be stored.
    pub waiting_quarters: usize,
    /// Quarter hours of groups that were not summed up, or not stored, because too many waited.
    pub quarters_dropped: u64,
    /// Entries of the gap ledger.
    pub gaps: usize,
    /// Entries of the gap ledger that had to go since the store was opened.
    pub gaps_dropped: u64,
    /// What registers did besides plain growth.
    pub counter_events: usize,
    /// Those of them that nobody has confirmed or corrected.
    pub counter_events_open: usize,
    /// Those that had to go since the store was opened.
    pub counter_events_dropped: u64,
    /// Lines of the book of values entered by hand that had to go since the store was opened.
    pub manual_entries_dropped: u64,
    /// Why the database takes no writes at present.
    pub failing: Option<String>,
    /// What was found damaged since the store was opened.
    pub damage: Vec<String>,
    /// How much is written to the medium; `None` where that is not known, as in memory.
    pub wear: Option<Wear>,
    /// Files in the database's `blobs` directory; anything but 0 is a fault of this program.
    pub blob_files: usize,
}
