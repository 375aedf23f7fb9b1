//! Boards whose meters hang on a serial port of their own, with pymodbus at the other end of the wire.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::image::{Image, enlarge, set_up};
use super::machine::{Board, Disk, Machine, Start};
use crate::harness::api::{Api, Served};
use crate::harness::meters::{Fleet, MeterServer};
use crate::harness::random::Random;
use crate::harness::serial::Wire;
use crate::harness::site;

/// A board of four processors on an emulator with two takes its time.
const PATIENCE: Duration = Duration::from_mins(6);
const API_PORT: u16 = 8080;
/// A card of the emulator has a power of two of bytes.
const CARD_MIB: u64 = 256;

/// Qualities of a reading.
const GOOD: i64 = 0;
const CLOCK_UNSET: i64 = 10;

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
        enlarge(&card, CARD_MIB);
        let meters = MeterServer::start(&fleet, dir);
        let machine = Machine::start(board, start, disk(&card), &[API_PORT], dir);
        let api = Api::new(machine.port(API_PORT), site::TOKEN);
        Self { fleet, machine, api, _meters: meters }
    }

    /// Every value that the meters hold is told by the interface.
    fn tells_all_values(&mut self) {
        let (api, expected) = (self.api.clone(), self.fleet.expected());
        self.machine.wait("an answer of /healthz", PATIENCE, |_| api.answers());
        // A board whose clock nobody has set marks what it reads.
        self.machine.wait("a reading of every register", PATIENCE, |_| {
            let told = api.dynamic();
            expected.keys().all(|series| told.get(series).is_some_and(is_read)).then_some(())
        });
        let told = api.dynamic();
        for (series, value) in &expected {
            assert_eq!(told[series].value, *value, "{series:?}");
        }
    }
}

/// Whether the meter has answered: its value is good, or only its time is in doubt.
fn is_read(served: &Served) -> bool {
    [GOOD, CLOCK_UNSET].contains(&served.quality)
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
fn the_kontron_board_reads_the_meters_on_its_rs485_port() {
    let dir = TempDir::new().unwrap();
    let image = Image::of("kontron-bl-imx6ul");
    let file = |card: &Path| Disk::File(card.to_owned());
    let start = image.kernel_on("ttymxc3");
    let mut board = TheBoard::start((&image, Board::Imx6Ul), &start, ("/dev/ttymxc1", 1), file, dir.path());
    board.tells_all_values();
}
