//! A factory reset at the serial port: the box comes up as it was delivered.

use std::time::Duration;

use tempfile::TempDir;

use super::image::{Image, set_up};
use super::machine::{Board, Disk, Machine};
use super::technician::{CONSOLE, choose_password, wait_for_console};
use crate::harness::site;

const PATIENCE: Duration = Duration::from_mins(5);

#[test]
fn after_a_factory_reset_nobody_has_claimed_the_box_and_nobody_has_a_password() {
    let dir = TempDir::new().unwrap();
    let image = Image::of("virt");
    let card = image.card(dir.path());
    set_up(&card, &(site::bare_site_for_all(8080, "PT1S") + CONSOLE), dir.path());
    let mut machine = Machine::start(Board::Virt, &image.boot_loader(), Disk::File(card), &[], dir.path());
    machine.expect("cems: slot a, ", PATIENCE);
    wait_for_console(&mut machine, "CEMS-TEST", PATIENCE);
    choose_password(&mut machine, PATIENCE);
    machine.ask("factory-reset CEMS-OTHER", "this gateway is 'CEMS-TEST'", PATIENCE);
    machine.ask(
        "factory-reset CEMS-TEST",
        "factory reset: everything that this box has kept is removed",
        PATIENCE,
    );
    wait_for_console(&mut machine, "CEMS-NEW", PATIENCE);
    choose_password(&mut machine, PATIENCE);
    machine.ask("status", "not claimed: POST /claim with the code ", PATIENCE);
}
