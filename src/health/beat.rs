//! Beat: the count of what a part has done, as a sign that it moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A count that a part moves on whenever it has done something. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Beat(Arc<AtomicU64>);

impl Beat {
    /// Something was done.
    pub fn give(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How often so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
