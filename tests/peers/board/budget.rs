//! What a thousand points a second cost on a box of 128 MB: the memory of the service, by its own figures.

use std::time::Duration;

use tempfile::TempDir;

use super::image::{Image, set_up};
use super::machine::{Board, Disk, Machine};
use crate::harness::api::Api;
use crate::harness::broker::Broker;
use crate::harness::meters::{Fleet, MeterServer};
use crate::harness::site;

/// Meters, and values of each.
const METERS: u8 = 20;
const VALUES: u16 = 50;
/// Bytes that the service may hold.
const RESIDENT_BYTES_MAX: u64 = 40_000_000;
/// Readings that are durable before it is asked what it holds: a minute of them.
const SCANS: u64 = 60;
const PATIENCE: Duration = Duration::from_mins(6);
const API_PORT: u16 = 8080;
/// The host, as the box sees it.
const HOST: &str = "10.0.2.2";

#[test]
fn a_thousand_points_a_second_with_history_interface_and_broker_fit_into_forty_megabytes() {
    let dir = TempDir::new().unwrap();
    let image = Image::of("virt");
    let fleet = Fleet::counting(METERS, VALUES, dir.path());
    let _meters = MeterServer::start(&fleet, dir.path());
    let broker = Broker::start(dir.path());
    let site = site::bare_site_for_all(API_PORT, "PT5S")
        + &fleet.site("PT1S").replace("127.0.0.1", HOST)
        + &format!("[uplink]\nhost = \"{HOST}\"\nport = {}\n", broker.port());
    let card = image.card(dir.path());
    set_up(&card, &site, dir.path());
    let mut machine = Machine::start(Board::Virt, &image.kernel(), Disk::File(card), &[API_PORT], dir.path());

    let api = Api::new(machine.port(API_PORT), site::TOKEN);
    machine.wait("a first good value", PATIENCE, |_| {
        api.health()?;
        api.dynamic().values().any(|served| served.quality == 0).then_some(())
    });
    println!("first good value after {:?} s", api.figure("cems_machine_uptime_seconds"));
    machine.wait("a minute of durable readings", PATIENCE, |_| {
        let durable = api.health()?.durable_sequence;
        (durable > SCANS * u64::from(METERS)).then_some(())
    });
    assert_eq!(api.dynamic().len(), usize::from(METERS) * usize::from(VALUES));
    let resident_bytes = api.figure("cems_resident_memory_bytes").unwrap();
    println!("{resident_bytes} bytes resident");
    assert!(resident_bytes <= RESIDENT_BYTES_MAX, "{resident_bytes} bytes resident");
}
