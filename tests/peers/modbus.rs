//! Meters of others read by us, and our simulated meters read by others.

use std::collections::BTreeMap;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::api::{Api, SeriesName};
use crate::harness::gateway::Gateway;
use crate::harness::meters::{Fleet, MeterServer};
use crate::harness::random::Random;
use crate::harness::wait;

#[test]
fn every_value_of_ten_pymodbus_meters_is_served_as_the_meter_holds_it() {
    let dir = TempDir::new().unwrap();
    let mut random = Random::new(20_261_123);
    let mut fleet = Fleet::of_every_type(&mut random, dir.path());
    let mut server = MeterServer::start(&fleet, dir.path());
    let mut gateway = Gateway::run(dir.path(), "PT1S", &fleet.site("PT0.5S"));

    for _ in 0..3 {
        wait_until_served(gateway.api(), &fleet.expected());
        gateway.process().assert_alive();
        fleet.change(&mut random);
        server.hold(&fleet);
    }
}

/// Waits until every series has its expected value with good quality.
fn wait_until_served(api: &Api, expected: &BTreeMap<SeriesName, Value>) {
    wait::until_ok("every value to be served as it is held", || {
        let served = api.dynamic();
        let is_right = |name, value: &Value| {
            served.get(name).is_some_and(|served| served.value == *value && served.quality == 0)
        };
        let wrong: Vec<String> = expected
            .iter()
            .filter(|(name, value)| !is_right(*name, value))
            .map(|(name, value)| format!("{name:?}: held {value}, served {:?}", served.get(name)))
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
    });
}
