//! Power cuts while polling: what was acknowledged as durable is served afterwards, bit for bit.

use std::time::Duration;

use tempfile::TempDir;

use crate::harness::gateway::Gateway;
use crate::harness::ledger::survive_power_cuts;
use crate::harness::meters::{Fleet, MeterServer};
use crate::harness::random::Random;

#[test]
fn ten_kills_at_random_moments_lose_no_acknowledged_reading() {
    let dir = TempDir::new().unwrap();
    let fleet = Fleet::counting(10, 20, dir.path());
    let _server = MeterServer::start(&fleet, dir.path());
    // As fast as a site may ask to poll, as often as it may ask to flush.
    let mut gateway = Gateway::run(dir.path(), "PT0.1S", &fleet.site("PT0.1S"));

    let found_again = survive_power_cuts(&mut gateway, 10, Duration::from_secs(5), &mut Random::new(9));

    assert!(found_again > 5_000, "only {found_again} readings were acknowledged: too few to say anything");
}
