//! Brings writable parameters to where they should be, and to rest before the gateway stops or changes.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::plant::Plant;
use crate::ops::Ops;

/// How often it is looked for what is due; what is ordered is done at once.
const PERIOD: Duration = Duration::from_secs(1);
/// How long a stop or a change of the site waits for the values of rest.
const REST_TIMEOUT: Duration = Duration::from_secs(3);
/// How often it is looked whether they are there.
const REST_LOOK: Duration = Duration::from_millis(20);

/// The task; it ends when this goes.
pub(super) struct Controller {
    ops: Arc<Ops>,
    task: JoinHandle<()>,
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Controller {
    /// Looks through the writable parameters now and then, and whenever something is ordered.
    pub(super) fn start(ops: Arc<Ops>, plant: Arc<Plant>) -> Self {
        let task = tokio::spawn(control(Arc::clone(&ops), plant));
        Self { ops, task }
    }

    /// Lets every writable parameter go to rest, because the gateway stops.
    pub(super) async fn rest(&self) {
        self.ops.freeze_controls(None);
        self.wait_for_rest().await;
    }

    /// Waits until what nobody may move any longer is at rest, for a while.
    pub(super) async fn wait_for_rest(&self) {
        let until = Instant::now() + REST_TIMEOUT;
        while !self.ops.is_frozen_at_rest() {
            if Instant::now() >= until {
                log::error!(
                    "control: not every value of rest could be written in {} s",
                    REST_TIMEOUT.as_secs()
                );
                return;
            }
            sleep(REST_LOOK).await;
        }
    }
}

async fn control(ops: Arc<Ops>, plant: Arc<Plant>) {
    let mut under_way = JoinSet::new();
    loop {
        for due in ops.due_controls() {
            let line = plant.line(due.line_id());
            under_way.spawn(Arc::clone(&ops).bring(due, line));
        }
        while under_way.try_join_next().is_some() {}
        // Nothing is missed by a pause that an order cuts short.
        let _ordered = timeout(PERIOD, ops.control_ordered()).await;
    }
}
