//! Freezes what is due of events of demand response, so that it is kept before the readings go, and has the
//! audit book write what it only counted.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::ops::Ops;

/// How often it is looked for what is due. Nothing of it is urgent: what is asked for meanwhile is computed.
const PERIOD: Duration = Duration::from_mins(1);

/// The task; it ends when this goes.
pub(super) struct Settler(JoinHandle<()>);

impl Drop for Settler {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Settler {
    /// Looks through the events now and then.
    pub(super) fn start(ops: Arc<Ops>) -> Self {
        Self(tokio::spawn(settle_now_and_then(ops)))
    }
}

async fn settle_now_and_then(ops: Arc<Ops>) {
    loop {
        let working = Arc::clone(&ops);
        match tokio::task::spawn_blocking(move || working.settle_responses()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log::warn!("demand response: nothing is frozen at present: {error}"),
            Err(error) => log::error!("demand response: what is due could not be frozen: {error}"),
        }
        ops.settle_audit();
        tokio::time::sleep(PERIOD).await;
    }
}
