//! One connection to the broker, from CONNECT to its end; beside `update_feed` the only file that knows rumqttc.
//!
//! rumqttc keeps unacknowledged messages across connections, sends some of them again by itself and
//! forgets them when the broker has forgotten the session. Two owners of the same messages would be
//! one too many, so each connection here gets a new client with a clean session: what is sent again
//! is decided by the batch alone, under new packet identifiers (MQTT 3.1.1, section 4.4, asks for the
//! old ones only where the session is resumed). The event loop runs in a task of its own because its
//! `poll` must not be cancelled half way.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rumqttc::{
    AsyncClient, ClientError, ConnectionError, Event, EventLoop, LastWill, MqttOptions, Outgoing, Packet, QoS,
};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::batch::Ticket;
use super::topic::{OFFLINE, ONLINE, Topics};
use crate::config::site::UplinkSettings;
use crate::limits::{UPLINK_ACK_TIMEOUT_S, UPLINK_IN_FLIGHT_MAX, UPLINK_PAYLOAD_BYTES_MAX};

/// Silence after which the broker is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const ACK_TIMEOUT: Duration = Duration::from_secs(UPLINK_ACK_TIMEOUT_S);
/// A payload, its topic and the MQTT header.
const PACKET_BYTES_MAX: usize = UPLINK_PAYLOAD_BYTES_MAX + 1_024;
/// We subscribe to nothing, so nothing large comes in.
const INCOMING_BYTES_MAX: usize = 1_024;
/// Requests that may wait for the event loop: a full window, the farewell and the disconnect. With
/// this room a request never waits, so that the two tasks cannot wait for each other.
const REQUESTS_MAX: usize = UPLINK_IN_FLIGHT_MAX + 2;
/// Bytes of a password file.
const PASSWORD_BYTES_MAX: u64 = 4_096;

/// Why there is no connection, or no longer one.
#[derive(Debug, Error)]
pub(super) enum LinkError {
    #[error("broker {address}: {reason}")]
    Broker { address: String, reason: String },
    #[error("broker {address}: no acknowledgement within {UPLINK_ACK_TIMEOUT_S} s; is it overloaded?")]
    NotAcknowledged { address: String },
    #[error("uplink password_file {}: {reason}; put the broker's password alone into it", path.display())]
    Password { path: PathBuf, reason: String },
}

/// A connection on which the broker has acknowledged our 'online'.
#[derive(Debug)]
pub(super) struct Link {
    address: String,
    topics: Topics,
    client: AsyncClient,
    traffic: mpsc::UnboundedReceiver<Result<Traffic, ConnectionError>>,
    pump: JoinHandle<()>,
    tickets: Tickets,
    /// The last time that the broker acknowledged something or had nothing to acknowledge.
    idle_at: Instant,
}

/// What matters of the event loop's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Traffic {
    /// The next message in order went out under this packet identifier.
    Sent(u16),
    Acknowledged(u16),
}

impl Link {
    /// Connects, says 'online' and waits until the broker has acknowledged it.
    pub(super) async fn open(settings: &UplinkSettings, topics: &Topics) -> Result<Self, LinkError> {
        let address = format!("{}:{}", settings.host, settings.port);
        let (client, mut event_loop) =
            AsyncClient::new(options_of_readings(settings, topics).await?, REQUESTS_MAX);
        // Small messages and their acknowledgements would otherwise wait for each other (Nagle).
        event_loop.network_options.set_tcp_nodelay(true);
        let greeting = greet(&client, &mut event_loop, topics);
        match timeout(ACK_TIMEOUT, greeting).await {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => return Err(LinkError::Broker { address, reason }),
            Err(_) => return Err(LinkError::NotAcknowledged { address }),
        }
        // Unbounded, yet never long: an event is a message of the window or its acknowledgement.
        let (events, traffic) = mpsc::unbounded_channel();
        let pump = tokio::spawn(pump(event_loop, events));
        let (tickets, idle_at) = (Tickets::default(), Instant::now());
        Ok(Self { address, topics: topics.clone(), client, traffic, pump, tickets, idle_at })
    }

    /// Hands one message to the event loop.
    pub(super) fn publish_reading(&mut self, ticket: Ticket, payload: &[u8]) -> Result<(), LinkError> {
        let topic = self.topics.reading.as_str();
        self.client
            .try_publish(topic, QoS::AtLeastOnce, false, payload)
            .map_err(|error| self.broken(said(&error)))?;
        if self.tickets.is_empty() {
            self.idle_at = Instant::now();
        }
        self.tickets.publish(ticket);
        Ok(())
    }

    /// Waits for the next acknowledgement. May be cancelled.
    pub(super) async fn acknowledgement(&mut self) -> Result<Ticket, LinkError> {
        loop {
            let traffic = if self.tickets.is_empty() {
                self.traffic.recv().await
            } else {
                let Ok(traffic) = timeout_at(self.idle_at + ACK_TIMEOUT, self.traffic.recv()).await else {
                    return Err(LinkError::NotAcknowledged { address: self.address.clone() });
                };
                traffic
            };
            match traffic {
                Some(Ok(Traffic::Sent(packet_id))) => self.tickets.sent(packet_id),
                Some(Ok(Traffic::Acknowledged(packet_id))) => {
                    if let Some(ticket) = self.tickets.acknowledged(packet_id) {
                        self.idle_at = Instant::now();
                        return Ok(ticket);
                    }
                }
                Some(Err(error)) => return Err(self.broken(error.to_string())),
                None => return Err(self.broken("the connection's task ended".to_owned())),
            }
        }
    }

    /// Says 'offline' as the last will would, and ends the connection in order.
    pub(super) async fn farewell(mut self) {
        let said = self.client.try_publish(self.topics.status.as_str(), QoS::AtMostOnce, true, OFFLINE);
        if said.and_then(|()| self.client.try_disconnect()).is_ok() {
            // The broker closes the connection once it has read the DISCONNECT.
            while matches!(self.traffic.recv().await, Some(Ok(_))) {}
        }
    }

    fn broken(&self, reason: String) -> LinkError {
        LinkError::Broker { address: self.address.clone(), reason }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

/// Drives the connection until it fails; the failure is the last thing that is told.
async fn pump(mut event_loop: EventLoop, events: mpsc::UnboundedSender<Result<Traffic, ConnectionError>>) {
    loop {
        let told = match event_loop.poll().await {
            Ok(Event::Outgoing(Outgoing::Publish(id))) if id != 0 => events.send(Ok(Traffic::Sent(id))),
            Ok(Event::Incoming(Packet::PubAck(ack))) => events.send(Ok(Traffic::Acknowledged(ack.pkid))),
            Ok(_) => Ok(()),
            Err(error) => {
                // Polling on would connect again, behind the back of the mode.
                let _ = events.send(Err(error));
                return;
            }
        };
        if told.is_err() {
            return;
        }
    }
}

async fn greet(client: &AsyncClient, event_loop: &mut EventLoop, topics: &Topics) -> Result<(), String> {
    loop {
        match event_loop.poll().await.map_err(|error| error.to_string())? {
            Event::Incoming(Packet::ConnAck(_)) => client
                .try_publish(topics.status.as_str(), QoS::AtLeastOnce, true, ONLINE)
                .map_err(|error| said(&error))?,
            Event::Incoming(Packet::PubAck(_)) => return Ok(()),
            _ => {}
        }
    }
}

/// Without the request itself, which would put a whole payload into the log.
fn said(error: &ClientError) -> String {
    error.to_string()
}

async fn options_of_readings(settings: &UplinkSettings, topics: &Topics) -> Result<MqttOptions, LinkError> {
    let mut options = options(settings, &settings.client_id, INCOMING_BYTES_MAX).await?;
    options
        .set_inflight(u16::try_from(UPLINK_IN_FLIGHT_MAX).unwrap_or(u16::MAX))
        .set_last_will(LastWill::new(&topics.status, OFFLINE, QoS::AtLeastOnce, true));
    Ok(options)
}

/// How the broker of `settings` is spoken to by `client_id`, which takes messages of `incoming_bytes_max`.
pub(super) async fn options(
    settings: &UplinkSettings,
    client_id: &str,
    incoming_bytes_max: usize,
) -> Result<MqttOptions, LinkError> {
    let host = match &settings.host {
        host if host.contains(':') && !host.starts_with('[') => format!("[{host}]"),
        host => host.clone(),
    };
    let mut options = MqttOptions::new(client_id, host, settings.port);
    options
        .set_clean_session(true)
        .set_keep_alive(KEEP_ALIVE)
        .set_max_packet_size(incoming_bytes_max, PACKET_BYTES_MAX);
    if let Some(username) = &settings.username {
        let password = match settings.password_file.clone() {
            // Read at each connection, so that a new password needs no restart.
            Some(path) => read_password(path).await?,
            None => String::new(),
        };
        options.set_credentials(username, password);
    }
    Ok(options)
}

async fn read_password(path: PathBuf) -> Result<String, LinkError> {
    let of = path.clone();
    let read = tokio::task::spawn_blocking(move || read_password_file(&path)).await;
    let refuse = |reason| LinkError::Password { path: of, reason };
    match read {
        Ok(Ok(password)) => Ok(password),
        Ok(Err(error)) => Err(refuse(error.to_string())),
        Err(error) => Err(refuse(error.to_string())),
    }
}

fn read_password_file(path: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)?.take(PASSWORD_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Which ticket went out under which packet identifier. rumqttc gives the identifiers, in the order
/// of the requests, and reuses them.
#[derive(Debug, Default)]
struct Tickets {
    requested: VecDeque<Ticket>,
    by_packet_id: BTreeMap<u16, Ticket>,
}

impl Tickets {
    fn is_empty(&self) -> bool {
        self.requested.is_empty() && self.by_packet_id.is_empty()
    }

    fn publish(&mut self, ticket: Ticket) {
        self.requested.push_back(ticket);
    }

    fn sent(&mut self, packet_id: u16) {
        if let Some(ticket) = self.requested.pop_front() {
            self.by_packet_id.insert(packet_id, ticket);
        }
    }

    fn acknowledged(&mut self, packet_id: u16) -> Option<Ticket> {
        self.by_packet_id.remove(&packet_id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::Batch;
    use super::super::payload::Message;
    use super::*;

    fn two_tickets() -> [Ticket; 2] {
        let mut batch = Batch::from_cursor(0);
        batch.extend(vec![Message { through: 1, readings: 1, payload: Vec::new() }; 2], 1);
        [(); 2].map(|()| batch.send_next().map(|(ticket, _)| ticket).unwrap())
    }

    #[test]
    fn an_acknowledgement_finds_the_message_that_went_out_under_its_packet_identifier() {
        let [first, second] = two_tickets();
        let mut tickets = Tickets::default();
        tickets.publish(first);
        tickets.publish(second);
        tickets.sent(7);
        tickets.sent(8);
        assert_eq!(tickets.acknowledged(8), Some(second));
        assert_eq!(tickets.acknowledged(8), None);
        assert!(!tickets.is_empty());
        assert_eq!(tickets.acknowledged(7), Some(first));
        assert!(tickets.is_empty());
    }

    #[test]
    fn a_password_ends_at_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "geheim 密码\r\n").unwrap();
        assert_eq!(read_password_file(&path).unwrap(), "geheim 密码");
        assert!(read_password_file(&dir.path().join("none")).is_err());
    }
}
