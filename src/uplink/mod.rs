//! Pushes every durable reading to an MQTT broker, at least once and in order.
//!
//! There is no second copy of the readings: the uplink reads the store behind a durable cursor, which
//! moves only when the broker has acknowledged everything before it. After a crash, a restart or a
//! broken connection it goes on at the cursor, so a reading may arrive twice and none gets lost that
//! the store still holds.

mod backlog;
mod backoff;
mod batch;
mod drive;
mod link;
mod mode;
mod payload;
mod store;
mod topic;
mod update_feed;

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use backlog::{Backlog, BacklogError, Label};
pub use mode::ModeName;
pub use payload::Identity;
pub use store::StoreBacklog;
pub use topic::{OFFLINE, ONLINE, TopicFault, Topics};
pub use update_feed::{UpdateDoor, UpdateFeed};

use crate::config::site::UplinkSettings;

/// How long [`UplinkHandle::shutdown`] waits for an orderly end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// How the uplink is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UplinkState {
    /// What it is doing.
    pub mode: ModeName,
    /// The broker has every scan up to this sequence number.
    pub cursor: u64,
    /// Durable scans that the broker has not acknowledged.
    pub backlog_scans: u64,
    /// Readings acknowledged since the start.
    pub sent_readings: u64,
    /// Samples left out since the start because nothing names them any more.
    pub unsendable: u64,
    /// Connections made since the start.
    pub connections: u64,
    /// Why the last connection failed or broke, or what the store said.
    pub last_error: Option<String>,
}

/// Why the uplink cannot start.
#[derive(Debug, Error)]
pub enum UplinkError {
    /// Nothing can be published below the prefix.
    #[error(transparent)]
    Topic(#[from] TopicFault),
    /// A broker needs a name for us.
    #[error("uplink client_id is empty; give this gateway a name of its own")]
    ClientId,
}

/// A running uplink. It ends when this is dropped, in order when [`shutdown`](Self::shutdown) is used.
#[derive(Debug)]
pub struct UplinkHandle {
    state: watch::Receiver<UplinkState>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Starts the uplink on the current tokio runtime.
///
/// # Errors
/// When the settings name no usable topic or client ID. An absent broker is no error.
pub fn spawn<B: Backlog>(
    settings: &UplinkSettings,
    identity: Identity,
    backlog: Arc<B>,
) -> Result<UplinkHandle, UplinkError> {
    if settings.client_id.is_empty() {
        return Err(UplinkError::ClientId);
    }
    let topics = Topics::below(&settings.topic_prefix)?;
    let (publish_state, state) = watch::channel(UplinkState::default());
    let (stop, stopped) = watch::channel(false);
    let driver = drive::Driver::new(settings.clone(), topics, identity, backlog, publish_state, stopped);
    Ok(UplinkHandle { state, stop, task: tokio::spawn(driver.run()) })
}

impl UplinkHandle {
    /// How the uplink is doing now.
    #[must_use]
    pub fn state(&self) -> UplinkState {
        self.state.borrow().clone()
    }

    /// Tells every change of the state.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<UplinkState> {
        self.state.clone()
    }

    /// Says 'offline' to the broker and ends, within five seconds. What is not acknowledged by then
    /// is sent again after the next start.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, &mut self.task).await.is_err() {
            log::warn!("uplink: not ended within {} s; cut off", SHUTDOWN_TIMEOUT.as_secs());
            self.task.abort();
        }
    }
}

impl Drop for UplinkHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}
