//! The reference board starts from what is flashed onto it, from its first instruction to a technician at its console.

use std::time::Duration;

use tempfile::TempDir;

use super::image::{Image, enlarge, set_up};
use super::machine::{Board, Disk, Machine, Start};
use crate::harness::api::Api;
use crate::harness::site;

/// The slow one takes half a minute on an idle machine.
const PATIENCE: Duration = Duration::from_mins(5);
const API_PORT: u16 = 8080;

#[test]
fn the_card_of_the_orange_pi_starts_and_a_technician_is_asked_for_a_password() {
    let dir = TempDir::new().unwrap();
    let card = Image::of("orange-pi-zero").card(dir.path());
    let console = "[console]\nport = \"/dev/ttyS0\"\nbaud = 115200\n";
    set_up(&card, &(site::bare_site_for_all(API_PORT, "PT5S") + console), dir.path());
    // A card of the emulator has a power of two of bytes.
    enlarge(&card, 256);
    let mut machine =
        Machine::start(Board::OrangePi, &Start::Disk, Disk::File(card), &[API_PORT], dir.path());

    machine.expect("U-Boot SPL", PATIENCE);
    machine.expect("cems: slot a", PATIENCE);
    let api = Api::new(machine.port(API_PORT), site::TOKEN);
    machine.wait("an answer of /healthz", PATIENCE, |_| api.health());
    machine.console(0).tell("");
    machine.expect("(login) > ", PATIENCE);
}
