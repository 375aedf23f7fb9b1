//! Lanes: how many requests are worked on at a time, and of which kind.
//!
//! Long answers may hold only some of the workers, and those that anybody may ask for only one, so that
//! a short question of a platform is always answered.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::limits;

/// Workers that long answers may hold.
const BULK_MAX: usize = limits::API_WORKERS - 2;
/// How long a request waits for a worker.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// What kind of answer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// A short one.
    Quick,
    /// A long one, for a platform.
    Bulk,
    /// A long one that anybody may ask for.
    Open,
}

/// The lanes before the workers.
pub(super) struct Lanes {
    workers: Semaphore,
    bulk: Semaphore,
    open: Semaphore,
}

/// A worker's time.
pub(super) struct Worker<'l> {
    _open: Option<SemaphorePermit<'l>>,
    _bulk: Option<SemaphorePermit<'l>>,
    _one: SemaphorePermit<'l>,
}

impl Lanes {
    /// Nobody is being worked for.
    pub(super) fn new() -> Self {
        let workers = Semaphore::new(limits::API_WORKERS);
        Self { workers, bulk: Semaphore::new(BULK_MAX), open: Semaphore::new(1) }
    }

    /// Waits for a worker; `None` when none gets free in time.
    pub(super) async fn enter(&self, lane: Lane) -> Option<Worker<'_>> {
        let entered = async {
            let open = match lane {
                Lane::Open => Some(self.open.acquire().await.ok()?),
                Lane::Quick | Lane::Bulk => None,
            };
            let bulk = match lane {
                Lane::Open | Lane::Bulk => Some(self.bulk.acquire().await.ok()?),
                Lane::Quick => None,
            };
            Some(Worker { _open: open, _bulk: bulk, _one: self.workers.acquire().await.ok()? })
        };
        timeout(WAIT_MAX, entered).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn long_answers_leave_workers_for_short_questions() {
        let lanes = Lanes::new();
        let open = lanes.enter(Lane::Open).await;
        assert!(open.is_some() && lanes.enter(Lane::Open).await.is_none());
        let bulk = lanes.enter(Lane::Bulk).await;
        assert!(bulk.is_some() && lanes.enter(Lane::Bulk).await.is_none());
        let quick = (lanes.enter(Lane::Quick).await, lanes.enter(Lane::Quick).await);
        assert!(quick.0.is_some() && quick.1.is_some());
        assert!(lanes.enter(Lane::Quick).await.is_none());
        drop(open);
        assert!(lanes.enter(Lane::Bulk).await.is_some());
    }
}
