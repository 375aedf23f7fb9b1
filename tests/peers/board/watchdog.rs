//! The hardware watchdog resets a box whose service stands still.

use std::fs;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::image::{Image, enlarge, set_up};
use super::machine::{Board, Disk, Machine};
use super::tool::run;
use crate::harness::site;

/// The service has a minute for its first word, and the watchdog waits half a minute more.
const PATIENCE: Duration = Duration::from_mins(10);
/// The console of the board.
const CONSOLE: usize = 3;

#[test]
fn a_service_that_stands_still_is_ended_by_the_watchdog_of_the_board() {
    let dir = TempDir::new().unwrap();
    let image = Image::of("kontron-bl-imx6ul");
    let card = image.card(dir.path());
    // Whoever opens a pipe that nobody writes into waits for ever, and so does a service with such a register map.
    let maps = dir.path().join("data/config/maps");
    fs::create_dir_all(&maps).unwrap();
    run(Command::new("mkfifo").arg(maps.join("a-map.toml")));
    set_up(&card, &(site::bare_site_for_all(8080, "PT5S") + "[gateway]\nmaps_dir = \"maps\"\n"), dir.path());
    enlarge(&card, 256);
    let start = image.kernel_on("ttymxc3");
    let mut machine = Machine::start(Board::Imx6Ul, &start, Disk::File(card), &[], dir.path());

    machine.expect_at(CONSOLE, "Booting Linux", PATIENCE);
    machine.expect_at(CONSOLE, "the service stands still", PATIENCE);
    machine.expect_at(CONSOLE, "Booting Linux", PATIENCE);
    let printed = machine.console(CONSOLE).printed();
    assert!(!printed.contains("does not reset the machine"), "{printed}");
}
