//! What lies in the data directory: sled's databases with their records in frames, the files beside them,
//! and the device below.

pub(in crate::store) mod block_device;
pub(in crate::store) mod closing_note;
pub(in crate::store) mod database;
pub(in crate::store) mod directory;
pub(in crate::store) mod engine;
mod format;
pub(in crate::store) mod frame;
pub(in crate::store) mod key;
pub(in crate::store) mod salvage;
pub(in crate::store) mod tree;
