//! Boards whose meters hang on a serial port of their own, with pymodbus at the other end of the wire; and what becomes of a box
//! whose service stands still.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::image::{Image, set_up};
use super::lossy_disk::{Flushes, LossyDisk};
use super::machine::{Board, Disk, Machine, Start};
use super::tool::run;
use crate::harness::api::Api;
use crate::harness::meters::{Fleet, MeterServer};
use crate::harness::random::Random;
use crate::harness::serial::Wire;
use crate::harness::site;

/// A board of four processors on an emulator with two takes its time.
const PATIENCE: Duration = Duration::from_mins(6);
const API_PORT: u16 = 8080;
/// A card of the emulator has a power of two of bytes.
const CARD: &str = "256M";

/// A board with meters on a serial port.
struct TheBoard {
    fleet: Fleet,
    machine: Machine,
    api: Api,
    _meters: MeterServer,
}

impl TheBoard {
    /// `port` is the serial port as the site names it, the one of this number of the emulator.
    fn start(
        (image, board): (&Image, Board),
        start: &Start,
        (port, number): (&str, usize),
        disk: impl Fn(&Path) -> Disk,
        dir: &Path,
    ) -> Self {
        let card: PathBuf = image.card(dir);
        let wire = Wire::lay_to_socket("rs485", port, &dir.join(format!("serial{number}.socket")), dir);
        let fleet = Fleet::on_one_wire(&mut Random::new(11), wire, dir);
        set_up(&card, &(site::bare_site_for_all(API_PORT, "PT1S") + &fleet.site("PT1S")), dir);
        run(Command::new("truncate").args(["--size", CARD]).arg(&card));
        let meters = MeterServer::start(&fleet, dir);
        let machine = Machine::start(board, start, disk(&card), &[API_PORT], dir);
        let api = Api::new(machine.port(API_PORT), site::TOKEN);
        Self { fleet, machine, api, _meters: meters }
    }

    /// Every value that the meters hold is told by the interface.
    fn tells_all_values(&mut self) {
        let (api, expected) = (self.api.clone(), self.fleet.expected());
        self.machine.wait("an answer of /healthz", PATIENCE, |_| api.health());
        self.machine.wait("the value of every register", PATIENCE, |_| {
            let told = api.dynamic();
            let is_told = |(series, value): (&_, &serde_json::Value)| {
                told.get(series).is_some_and(|told| told.value == *value)
            };
            expected.iter().all(is_told).then_some(())
        });
    }
}

#[test]
fn the_flashed_card_of_the_orange_pi_reads_the_meters_on_its_second_uart() {
    let dir = TempDir::new().unwrap();
    let image = Image::of("orange-pi-zero");
    let file = |card: &Path| Disk::File(card.to_owned());
    let mut board =
        TheBoard::start((&image, Board::OrangePi), &Start::Disk, ("/dev/ttyS1", 1), file, dir.path());
    board.machine.expect("U-Boot SPL", PATIENCE);
    board.machine.expect("cems: slot a, sequence 1", PATIENCE);
    board.tells_all_values();
}

#[test]
fn the_kontron_board_reads_the_meters_on_its_rs485_port_and_its_watchdog_resets_a_service_that_stands_still()
{
    let dir = TempDir::new().unwrap();
    let image = Image::of("kontron-bl-imx6ul");
    let lossy = |card: &Path| Disk::Lossy(LossyDisk::serve(card, Flushes::Kept));
    let start = image.kernel_on("ttymxc3");
    let mut board = TheBoard::start((&image, Board::Imx6Ul), &start, ("/dev/ttymxc1", 1), lossy, dir.path());
    board.tells_all_values();

    // A medium that answers no more: what is read can no longer be kept, and the service cannot go on.
    board.machine.lossy_disk().unwrap().fall_silent_after(1);
    board.machine.expect_at(3, "the service stands still", PATIENCE);
    board.machine.expect_at(3, "Booting Linux on physical CPU", PATIENCE);
}
