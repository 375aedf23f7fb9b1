//! A real MQTT broker that dies and comes back: every reading arrives at least once.

use std::collections::BTreeMap;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::api::{Api, Served, as_double};
use crate::harness::broker::{Broker, Subscriber};
use crate::harness::gateway::Gateway;
use crate::harness::meters::{Fleet, MeterServer};
use crate::harness::wait;

/// Times that the broker is killed.
const KILLS: usize = 3;
/// Durable scans that must pile up while the broker is dead: two seconds of polling.
const BACKLOG_SCANS: u64 = 50;

#[test]
fn a_broker_killed_while_the_gateway_polls_ends_up_with_every_reading() {
    let dir = TempDir::new().unwrap();
    let fleet = Fleet::counting(5, 4, dir.path());
    let _meters = MeterServer::start(&fleet, dir.path());
    let mut broker = Broker::start(dir.path());
    let subscriber = broker.subscribe("cems/CEMS-TEST/reading");
    let began = jiff::Timestamp::now().to_string();
    let gateway = Gateway::run(dir.path(), "PT0.2S", &(fleet.site("PT0.2S") + &uplink(broker.port())));
    let api = gateway.api();

    for _ in 0..KILLS {
        wait_for_news(&subscriber);
        // Frozen first, so that messages are on their way when it dies.
        broker.freeze();
        wait_for_backlog(api);
        broker.kill();
        wait_for_backlog(api);
        broker.start_again();
    }
    wait_for_news(&subscriber);

    let through = api.health().unwrap().durable_through.unwrap();
    let kept = api.history(&began, &through).unwrap();
    assert!(kept.values().all(|readings| readings.len() > 20), "the store holds too little to say anything");
    wait::until_ok("every reading of the store to arrive", || {
        let arrived = arrived_readings(&subscriber.payloads());
        let missing: Vec<String> = kept
            .iter()
            .flat_map(|(name, readings)| readings.iter().map(move |reading| (name, reading)))
            .filter(|((point, parameter), reading)| {
                let key = (point.clone(), parameter.clone(), reading.time.clone());
                arrived.get(&key) != Some(*reading)
            })
            .map(|missing| format!("{missing:?}"))
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("{} missing: {}", missing.len(), missing[0])) }
    });
}

fn uplink(port: u16) -> String {
    format!(
        "[uplink]\nhost = \"127.0.0.1\"\nport = {port}\nclient_id = \"gateway\"\n\
         topic_prefix = \"cems/CEMS-TEST\"\n"
    )
}

fn wait_for_news(subscriber: &Subscriber) {
    let before = subscriber.payloads().len();
    wait::until("the broker to have readings again", || {
        (subscriber.payloads().len() > before + 3).then_some(())
    });
}

fn wait_for_backlog(api: &Api) {
    let before = api.health().unwrap().durable_sequence;
    wait::until("the gateway to go on polling without the broker", || {
        (api.health()?.durable_sequence > before + BACKLOG_SCANS).then_some(())
    });
}

/// Readings by Point, Parameter and time; what arrived twice counts once.
fn arrived_readings(payloads: &[String]) -> BTreeMap<(String, String, String), Served> {
    let mut arrived = BTreeMap::new();
    for payload in payloads {
        let payload: Value = serde_json::from_str(payload).unwrap();
        assert_eq!(payload["cemsID"], "CEMS-TEST");
        for reading in payload["reading"].as_array().unwrap() {
            let text = |key: &str| reading[key].as_str().unwrap().to_owned();
            let time = text("timeStamp");
            let value = as_double(&reading["value"]);
            let quality = reading["quality"].as_i64().unwrap();
            let served = Served { time: time.clone(), value, quality };
            arrived.insert((text("pointID"), text("parameterID"), time), served);
        }
    }
    arrived
}
