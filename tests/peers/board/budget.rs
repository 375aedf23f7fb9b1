//! What a thousand points a second cost on a box of 128 MB: the memory of the service, by its own figures, and the time until
//! the first of them is served, in the machine's own time.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::image::{Image, set_up};
use super::machine::{Board, Disk, Machine, Pace};
use crate::harness::api::Api;
use crate::harness::broker::Broker;
use crate::harness::meters::{Fleet, MeterServer};
use crate::harness::site;

/// Meters, and values of each.
const METERS: u8 = 20;
const VALUES: u16 = 50;
/// Bytes that the service may hold.
const RESIDENT_BYTES_MAX: u64 = 40_000_000;
/// From the moment that the kernel hands over to the first process until a first good reading is served.
const FIRST_READING_MAX: Duration = Duration::from_secs(5);
/// Readings that are durable before it is asked what it holds: a minute of them.
const SCANS: u64 = 60;
const PATIENCE: Duration = Duration::from_mins(6);
const API_PORT: u16 = 8080;
/// The host, as the box sees it.
const HOST: &str = "10.0.2.2";

#[test]
fn a_thousand_points_a_second_with_history_interface_and_broker_fit_into_forty_megabytes() {
    let dir = TempDir::new().unwrap();
    let (_peers, mut machine, api) = busy_box(dir.path());
    machine.switch_on();

    machine.wait("a minute of durable readings", PATIENCE, |_| {
        let durable = api.health()?.durable_sequence;
        (durable > SCANS * u64::from(METERS)).then_some(())
    });
    assert_eq!(api.dynamic().len(), usize::from(METERS) * usize::from(VALUES));
    let resident_bytes = api.figure("cems_resident_memory_bytes").unwrap();
    println!("{resident_bytes} bytes resident");
    assert!(resident_bytes <= RESIDENT_BYTES_MAX, "{resident_bytes} bytes resident");
}

#[test]
fn a_first_good_reading_is_served_within_five_seconds_of_the_kernels_hand_over() {
    let dir = TempDir::new().unwrap();
    let (_peers, mut machine, api) = busy_box(dir.path());
    machine.set_pace(Pace::ByInstructions);
    machine.switch_on();

    machine.expect("Run /init as init process", PATIENCE);
    let handed_over = machine.console(0).time_of_last();
    machine.expect("API on 0.0.0.0", PATIENCE);
    machine.expect("' answers, asked each PT1S", PATIENCE);
    let took = machine.console(0).time_of_last().saturating_sub(handed_over);
    machine.wait("a good value", PATIENCE, |_| {
        api.health()?;
        api.dynamic().values().any(|served| served.quality == 0).then_some(())
    });
    println!("first good reading {took:?} after the kernel's hand-over");
    assert!(took <= FIRST_READING_MAX, "{took:?}");
}

/// A box with its meters and its broker, not yet switched on.
fn busy_box(dir: &Path) -> ((MeterServer, Broker), Machine, Api) {
    let image = Image::of("virt");
    let fleet = Fleet::counting(METERS, VALUES, dir);
    let peers = (MeterServer::start(&fleet, dir), Broker::start(dir));
    let site = site::bare_site_for_all(API_PORT, "PT5S")
        + &fleet.site("PT1S").replace("127.0.0.1", HOST)
        + &format!("[uplink]\nhost = \"{HOST}\"\nport = {}\n", peers.1.port());
    let card = image.card(dir);
    set_up(&card, &site, dir);
    let machine = Machine::put_together(Board::Virt, &image.kernel(), Disk::File(card), &[API_PORT], dir);
    let api = Api::new(machine.port(API_PORT), site::TOKEN);
    (peers, machine, api)
}
