//! A board without a clock of its own takes the time of its site's time server.

use std::time::Duration;

use tempfile::TempDir;

use super::image::{Image, enlarge, set_up};
use super::machine::{Board, Disk, Machine};
use crate::harness::api::Api;
use crate::harness::process::{Process, python};
use crate::harness::site;

const PATIENCE: Duration = Duration::from_mins(5);
const API_PORT: u16 = 8080;
/// What the box says once somebody else speaks for its time.
const COMPARED: &str = "the clock is synchronised";

#[test]
fn a_board_that_starts_in_1970_has_the_time_of_its_time_server_within_a_minute() {
    let dir = TempDir::new().unwrap();
    let mut server = Process::start("time server", &mut python("sntp_server.py"), dir.path());
    server.wait_for_print("listening");
    let image = Image::of("kontron-bl-imx6ul");
    let card = image.card(dir.path());
    // The host, as the box sees it.
    let network = "[network]\ntime_servers = [\"10.0.2.2\"]\n";
    set_up(&card, &(site::bare_site_for_all(API_PORT, "PT1S") + network), dir.path());
    enlarge(&card, 256);
    let start = image.kernel_on("ttymxc3");
    let mut machine = Machine::start(Board::Imx6Ul, &start, Disk::File(card), &[API_PORT], dir.path());

    machine.expect_at(3, "the clock shows 1970", PATIENCE);
    machine.expect_at(3, COMPARED, PATIENCE);
    let api = Api::new(machine.port(API_PORT), site::TOKEN);
    // Nothing is wrong any more, not even the time.
    machine.wait("a box without an alarm", PATIENCE, |_| api.health());
}
