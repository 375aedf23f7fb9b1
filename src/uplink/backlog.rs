//! What the uplink needs of the store: the durable scans behind a durable cursor, and their names.

use std::error::Error;
use std::sync::Arc;

use tokio::sync::watch;

use crate::model::reading::{GroupId, Scan};
use crate::model::reading_type::ReadingType;

/// A failure of the store, told with its own words.
pub type BacklogError = Box<dyn Error + Send + Sync>;

/// The scans that wait to be sent. Calls may block on the disk; the uplink makes them off its runtime.
pub trait Backlog: Send + Sync + 'static {
    /// The sequence number of the last scan that the broker has acknowledged.
    fn cursor(&self) -> u64;

    /// Remembers that the broker has every scan up to `sequence`.
    ///
    /// # Errors
    /// When the store cannot keep it.
    fn move_cursor(&self, sequence: u64) -> Result<(), BacklogError>;

    /// Durable scans after `sequence`, oldest first, at most `scans_max`.
    ///
    /// # Errors
    /// When the store cannot read them.
    fn scans_after(&self, sequence: u64, scans_max: usize) -> Result<Vec<(u64, Scan)>, BacklogError>;

    /// In which run of the gateway a scan was taken; `None` for one that is too long ago.
    fn run_of(&self, sequence: u64) -> Option<u32>;

    /// What the samples of a group's scans are called, in the group's order; `None` for an unknown group.
    fn labels(&self, group: GroupId) -> Option<Arc<[Label]>>;

    /// The sequence number of the newest durable scan, whenever it grows.
    fn watch_durable(&self) -> watch::Receiver<u64>;
}

/// What the readings of one series are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The Point.
    pub point_id: String,
    /// The Parameter of that Point.
    pub parameter_id: String,
    /// What is measured; unknown once the site file no longer has the Parameter.
    pub reading_type: Option<ReadingType>,
    /// In which unit; unknown once the site file no longer has the Parameter.
    pub unit: Option<String>,
}
