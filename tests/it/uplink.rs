//! The uplink against a broker that misbehaves: every reading arrives at least once, and the cursor
//! never passes one that was not acknowledged.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use cems_gateway::config::site::UplinkSettings;
use cems_gateway::limits::UPLINK_IN_FLIGHT_MAX;
use cems_gateway::model::reading::{GroupId, Sample, Scan, Value};
use cems_gateway::time::{UtcOffset, UtcTime};
use cems_gateway::uplink::{
    self, Backlog, BacklogError, Identity, Label, ModeName, UplinkHandle, UplinkState,
};
use tokio::sync::watch;

use crate::broker::{Broker, Deed, Published};

const READINGS: &str = "cems/CEMS-1/reading";
const STATUS: &str = "cems/CEMS-1/status";

/// Scans in memory; each carries its own sequence number as its value.
struct MemoryBacklog {
    durable: watch::Sender<u64>,
    /// Every position that the cursor was moved to.
    cursors: Mutex<Vec<u64>>,
    /// So many samples a scan, so that a few scans fill a message.
    samples: usize,
    failures_left: Mutex<usize>,
}

impl MemoryBacklog {
    fn with_scans(durable: u64, samples: usize) -> Arc<Self> {
        let (durable, _) = watch::channel(durable);
        Arc::new(Self { durable, cursors: Mutex::default(), samples, failures_left: Mutex::new(0) })
    }

    fn grow_to(&self, durable: u64) {
        self.durable.send_replace(durable);
    }
}

impl Backlog for MemoryBacklog {
    fn cursor(&self) -> u64 {
        self.cursors.lock().unwrap().last().copied().unwrap_or(0)
    }

    fn move_cursor(&self, sequence: u64) -> Result<(), BacklogError> {
        self.cursors.lock().unwrap().push(sequence);
        Ok(())
    }

    fn scans_after(&self, sequence: u64, scans_max: usize) -> Result<Vec<(u64, Scan)>, BacklogError> {
        let mut failures_left = self.failures_left.lock().unwrap();
        if *failures_left > 0 {
            *failures_left -= 1;
            return Err("the disk is unwell".into());
        }
        let scan = |sequence: u64| {
            let samples =
                vec![Sample::good(Value::Number(f64::from(u32::try_from(sequence).unwrap()))); self.samples];
            (sequence, Scan { group: GroupId(1), at: UtcTime::from_ms(0), samples })
        };
        Ok((sequence + 1..=*self.durable.borrow()).take(scans_max).map(scan).collect())
    }

    fn run_of(&self, _: u64) -> Option<u32> {
        Some(1)
    }

    fn labels(&self, _: GroupId) -> Option<Arc<[Label]>> {
        let label = |n: usize| Label {
            point_id: format!("PT-{n}"),
            parameter_id: "EPI".to_owned(),
            reading_type: None,
            unit: Some("kWh".to_owned()),
        };
        Some((0..self.samples).map(label).collect())
    }

    fn watch_durable(&self) -> watch::Receiver<u64> {
        self.durable.subscribe()
    }
}

fn start(broker: &Broker, backlog: &Arc<MemoryBacklog>) -> UplinkHandle {
    start_towards(broker.port, backlog)
}

fn start_towards(port: u16, backlog: &Arc<MemoryBacklog>) -> UplinkHandle {
    let settings = UplinkSettings {
        host: "127.0.0.1".to_owned(),
        port,
        client_id: "gw-1".to_owned(),
        topic_prefix: "cems/CEMS-1".to_owned(),
        username: None,
        password_file: None,
        takes_updates: false,
    };
    let identity = Identity { cems_id: "CEMS-1".to_owned(), utc_offset: UtcOffset::UTC };
    uplink::spawn(&settings, identity, Arc::clone(backlog)).unwrap()
}

async fn until(uplink: &UplinkHandle, what: &str, holds: impl FnMut(&UplinkState) -> bool) {
    let mut state = uplink.watch();
    let reached = tokio::time::timeout(std::time::Duration::from_hours(1), state.wait_for(holds)).await;
    assert!(reached.is_ok(), "never {what}: {:?}", uplink.state());
}

/// The messages with readings that the broker has taken.
fn messages(broker: &Broker) -> Vec<Published> {
    broker.published().into_iter().filter(|message| message.topic == READINGS).collect()
}

/// The sequence numbers that the readings of a message carry as their values.
fn sequences(message: &Published) -> Vec<u64> {
    let payload: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
    let readings = payload["reading"].as_array().unwrap();
    readings
        .iter()
        .map(|reading| reading["value"].to_string().trim_end_matches(".0").parse().unwrap())
        .collect()
}

fn arrived(broker: &Broker) -> Vec<u64> {
    messages(broker).iter().flat_map(sequences).collect()
}

#[tokio::test(start_paused = true)]
async fn a_backlog_is_sent_once_in_order_and_then_each_scan_as_it_becomes_durable() {
    let broker = Broker::start(|_, _| Deed::Acknowledge).await;
    let backlog = MemoryBacklog::with_scans(500, 3);
    let uplink = start(&broker, &backlog);
    until(&uplink, "live", |state| state.mode == ModeName::Live && state.cursor == 500).await;
    backlog.grow_to(501);
    until(&uplink, "through", |state| state.cursor == 501).await;

    let expected: Vec<u64> = (1..=501).flat_map(|n| [n; 3]).collect();
    assert_eq!(arrived(&broker), expected);
    let state = uplink.state();
    assert_eq!((state.backlog_scans, state.sent_readings, state.connections), (0, 1503, 1));
    assert!(backlog.cursors.lock().unwrap().is_sorted());
    uplink.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn every_scan_arrives_through_a_broker_that_drops_every_fourth_message() {
    let broker = Broker::start(|connection, message| match (message, connection % 2) {
        (4, 0) => Deed::Drop,
        (4, _) => Deed::DropUnread,
        _ => Deed::Acknowledge,
    })
    .await;
    let backlog = MemoryBacklog::with_scans(60, 100);
    let uplink = start(&broker, &backlog);
    until(&uplink, "through", |state| state.cursor == 60).await;
    assert_eq!(arrived(&broker).into_iter().collect::<BTreeSet<_>>(), (1..=60).collect());
    assert!(broker.connects().len() > 10);
    assert!(uplink.state().last_error.is_some());
}

#[tokio::test(start_paused = true)]
async fn the_cursor_stays_behind_the_first_message_that_is_not_acknowledged() {
    // Message 0 of a connection is 'online'. The first connection loses the acknowledgement of the
    // third message of readings; all others are acknowledged.
    let broker =
        Broker::start(
            |connection, message| {
                if connection == 0 && message == 3 { Deed::Withhold } else { Deed::Acknowledge }
            },
        )
        .await;
    let backlog = MemoryBacklog::with_scans(20, 120);
    let uplink = start(&broker, &backlog);
    until(&uplink, "gave up on the broker", |state| state.connections == 2).await;
    let before: Vec<u64> = backlog.cursors.lock().unwrap().clone();
    let third = messages(&broker).remove(2);
    let unacknowledged = sequences(&third)[0];
    assert!(before.iter().all(|cursor| *cursor < unacknowledged), "{before:?} passed {unacknowledged}");

    until(&uplink, "through", |state| state.cursor == 20).await;
    let again = messages(&broker).into_iter().find(|message| message.connection == 1).unwrap();
    assert_eq!(again.payload, third.payload, "it goes first after the reconnect");
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_window_is_ever_in_flight() {
    let broker =
        Broker::start(|_, message| if message == 0 { Deed::Acknowledge } else { Deed::Withhold }).await;
    let backlog = MemoryBacklog::with_scans(100, 100);
    let uplink = start(&broker, &backlog);
    until(&uplink, "gave up on the broker", |state| state.connections == 2).await;
    let first = messages(&broker).iter().filter(|message| message.connection == 0).count();
    assert_eq!(first, UPLINK_IN_FLIGHT_MAX);
    assert_eq!(uplink.state().cursor, 0);
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_at_the_cursor() {
    let broker = Broker::start(|_, _| Deed::Acknowledge).await;
    let backlog = MemoryBacklog::with_scans(10, 1);
    let uplink = start(&broker, &backlog);
    until(&uplink, "through", |state| state.cursor == 10).await;
    uplink.shutdown().await;
    backlog.grow_to(12);
    let uplink = start(&broker, &backlog);
    until(&uplink, "through", |state| state.cursor == 12).await;
    assert_eq!(arrived(&broker), (1..=12).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn the_status_topic_tells_birth_will_and_farewell() {
    let broker = Broker::start(|_, _| Deed::Acknowledge).await;
    let backlog = MemoryBacklog::with_scans(1, 1);
    let uplink = start(&broker, &backlog);
    until(&uplink, "through", |state| state.cursor == 1).await;
    uplink.shutdown().await;

    let connect = broker.connects().remove(0);
    let flags = connect[7];
    assert_eq!(flags & 0b0010_0110, 0b0010_0110, "a retained will in a clean session");
    assert!(connect.windows(STATUS.len()).any(|part| part == STATUS.as_bytes()));
    assert!(connect.ends_with(b"offline"));
    let told: Vec<_> = broker.published().into_iter().filter(|m| m.topic == STATUS).collect();
    assert!(told.iter().all(|message| message.retain));
    assert_eq!(told.iter().map(|m| m.payload.as_slice()).collect::<Vec<_>>(), [&b"online"[..], b"offline"]);
    assert_eq!(broker.disconnects(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_absent_broker_and_an_unwell_store_are_told_and_waited_out() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let backlog = MemoryBacklog::with_scans(5, 1);
    let absent = start_towards(port, &backlog);
    until(&absent, "told", |state| state.last_error.is_some()).await;
    assert_eq!((absent.state().mode, absent.state().backlog_scans), (ModeName::Offline, 5));
    absent.shutdown().await;

    *backlog.failures_left.lock().unwrap() = 3;
    let broker = Broker::start(|_, _| Deed::Acknowledge).await;
    let uplink = start(&broker, &backlog);
    until(&uplink, "told", |state| {
        state.last_error.as_deref().is_some_and(|error| error.contains("the disk is unwell"))
    })
    .await;
    until(&uplink, "through", |state| state.cursor == 5).await;
    assert_eq!(uplink.state().connections, 1);
}
