//! Updates over MQTT, where the site takes them: pieces come on one topic, and on another, retained, it is said
//! how things stand.
//!
//! A piece is eight bytes, big endian, that say where it lies in the bundle, and then the bytes themselves, at
//! most 64 KiB. Whoever sends waits for the state after each and goes on at its `receivedBytes`. The signature
//! of the bundle is what is trusted here, not the broker, and nothing is forced over this door.
//!
//! It has a connection of its own, beside that of the readings, with `-update` behind the client ID: a piece
//! that is being written holds up no reading.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, Packet, QoS};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;

use super::backoff::{system_jitter, wait_before_attempt};
use super::link::{LinkError, options};
use super::payload::update_state;
use super::topic::{TopicFault, Topics};
use crate::config::site::UplinkSettings;
use crate::limits;
use crate::update::View;

/// Requests that wait for the connection: the subscription and states that it has not taken yet.
const REQUESTS_MAX: usize = 8;
/// How often a state is told while pieces come.
const STATE_PAUSE: Duration = Duration::from_millis(20);
/// A connection that has lasted so long was a good one.
const GOOD_FOR: Duration = Duration::from_mins(1);

/// Where pieces of an update go.
pub trait UpdateDoor: Send + Sync {
    /// Takes a piece that lies at `offset` in its bundle; what is wrong with it shows in the state. Blocks.
    fn take(&self, offset: u64, bytes: &[u8]);

    /// How things stand, and every change of it.
    fn watch(&self) -> watch::Receiver<View>;
}

/// Listens for updates; ends when this is dropped.
#[derive(Debug)]
pub struct UpdateFeed(JoinHandle<()>);

impl Drop for UpdateFeed {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl UpdateFeed {
    /// Listens at the broker of `settings` on the current tokio runtime.
    ///
    /// # Errors
    /// When the settings name no usable topic. An absent broker is no error.
    pub fn start(settings: &UplinkSettings, door: Arc<dyn UpdateDoor>) -> Result<Self, TopicFault> {
        let topics = Topics::below(&settings.topic_prefix)?;
        Ok(Self(tokio::spawn(listen(settings.clone(), topics, door))))
    }
}

/// Connects, again and again.
async fn listen(settings: UplinkSettings, topics: Topics, door: Arc<dyn UpdateDoor>) {
    let mut failures = 0;
    loop {
        sleep(wait_before_attempt(failures, system_jitter())).await;
        let begun = tokio::time::Instant::now();
        let ended = converse(&settings, &topics, &door).await;
        failures = if begun.elapsed() >= GOOD_FOR { 1 } else { failures.saturating_add(1) };
        log::debug!("uplink: no updates are heard of: {ended}");
    }
}

/// One connection, up to its end.
async fn converse(settings: &UplinkSettings, topics: &Topics, door: &Arc<dyn UpdateDoor>) -> LinkError {
    let broken = |reason: String| {
        let address = format!("{}:{}", settings.host, settings.port);
        LinkError::Broker { address, reason }
    };
    let client_id = format!("{}-update", settings.client_id);
    let options = match options(settings, &client_id, limits::UPLINK_UPDATE_BYTES_MAX).await {
        Ok(options) => options,
        Err(error) => return error,
    };
    let (client, event_loop) = AsyncClient::new(options, REQUESTS_MAX);
    if let Err(error) = client.try_subscribe(topics.update_piece.as_str(), QoS::AtLeastOnce) {
        return broken(error.to_string());
    }
    // A piece that is being written holds the next one back, and with it the broker.
    let (pieces, mut come) = mpsc::channel(1);
    let pump = Pump(tokio::spawn(pump(event_loop, pieces)));
    let mut shown = door.watch();
    shown.mark_changed();
    loop {
        tokio::select! {
            piece = come.recv() => match piece {
                Some(Ok(piece)) => take(door, piece).await,
                Some(Err(reason)) => return broken(reason),
                None => return broken("the connection's task ended".to_owned()),
            },
            changed = shown.changed() => {
                if changed.is_err() {
                    return broken("the gateway stops".to_owned());
                }
                let state = update_state(&shown.borrow_and_update());
                let told = client.try_publish(topics.update_state.as_str(), QoS::AtLeastOnce, true, state);
                if told.is_err() {
                    // The connection is busy with pieces, or has ended, which shows above. Told a little later.
                    shown.mark_changed();
                }
                sleep(STATE_PAUSE).await;
            }
        }
        if pump.0.is_finished() && come.is_empty() {
            return broken("the connection ended".to_owned());
        }
    }
}

struct Pump(JoinHandle<()>);

impl Drop for Pump {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Drives the connection until it fails; its `poll` must not be cancelled half way.
async fn pump(mut event_loop: EventLoop, pieces: mpsc::Sender<Result<Vec<u8>, String>>) {
    loop {
        let told = match event_loop.poll().await {
            Ok(Event::Incoming(Packet::Publish(publish))) => pieces.send(Ok(publish.payload.to_vec())).await,
            Ok(_) => Ok(()),
            Err(error) => {
                // Whoever listened has left, or hears it.
                let _left = pieces.send(Err(error.to_string())).await;
                return;
            }
        };
        if told.is_err() {
            return;
        }
    }
}

/// A message that is too short for a place is passed over: it says nothing.
async fn take(door: &Arc<dyn UpdateDoor>, message: Vec<u8>) {
    let door = Arc::clone(door);
    let taken = spawn_blocking(move || {
        if let Some((offset, bytes)) = message.split_first_chunk::<8>() {
            door.take(u64::from_be_bytes(*offset), bytes);
        }
    });
    if let Err(error) = taken.await {
        log::error!("uplink: a piece of an update could not be taken: {error}");
    }
}
