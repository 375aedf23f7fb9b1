//! A slot in which one bit is not what it was: it is never served from, and the other one takes its place where that is whole.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::boot_state::BootState;
use super::image::{Area, Image, set_up};
use super::lossy_disk::Loss;
use super::machine::{Board, Disk, Machine};
use crate::harness::api::Api;
use crate::harness::site;

const PATIENCE: Duration = Duration::from_mins(5);
const API_PORT: u16 = 8080;

/// Starts a box in whose slot a one bit is wrong, waits until `seen` is printed and then until slot b serves; gives the card of
/// the box, whose power has gone.
fn serve_from_b(area: Area, seen: &str, dir: &TempDir) -> PathBuf {
    let image = Image::of("virt");
    let card = image.card(dir.path());
    set_up(&card, &site::bare_site_for_all(API_PORT, "PT1S"), dir.path());
    image.flip_a_bit(&card, "a", area);
    let disk = Disk::File(card.clone());
    let mut machine = Machine::start(Board::Virt, &image.boot_loader(), disk, &[API_PORT], dir.path());
    machine.expect(seen, PATIENCE);
    machine.expect("cems: slot b, ", PATIENCE);
    let api = Api::new(machine.port(API_PORT), site::TOKEN);
    machine.wait("an answer of /healthz", PATIENCE, |_| api.answers());
    machine.cut(Loss::All);
    card
}

#[test]
fn a_root_with_one_wrong_bit_is_not_started_from_and_the_slot_is_bad_from_then_on() {
    let dir = TempDir::new().unwrap();
    let card = serve_from_b(Area::Root, "slot a is damaged", &dir);
    let state = BootState::of(&card);
    assert_eq!(
        (state.slot(), state.word("cems_a"), state.word("cems_reason")),
        ("b", "bad", "damaged"),
        "{state:?}"
    );
}

#[test]
fn a_kernel_with_one_wrong_bit_is_not_started() {
    let dir = TempDir::new().unwrap();
    serve_from_b(Area::Boot, "cems: slot a does not start", &dir);
}

#[test]
fn with_both_slots_damaged_the_box_says_so_and_never_serves() {
    let dir = TempDir::new().unwrap();
    let image = Image::of("virt");
    let card = image.card(dir.path());
    set_up(&card, &site::bare_site_for_all(API_PORT, "PT1S"), dir.path());
    image.flip_a_bit(&card, "a", Area::Boot);
    image.flip_a_bit(&card, "b", Area::Root);
    let disk = Disk::File(card.clone());
    let mut machine = Machine::start(Board::Virt, &image.boot_loader(), disk, &[API_PORT], dir.path());
    let mut printed = machine.expect("slot b is damaged", PATIENCE);
    // Nothing is whole and nobody goes to and fro: the boot loader says it, and again.
    for _ in 0..2 {
        printed += &machine.expect("cems: no slot starts; the card has to be written anew", PATIENCE);
    }
    let api = Api::new(machine.port(API_PORT), site::TOKEN);
    assert_eq!(api.answers(), None, "{printed}");
    assert!(!printed.contains("is whole"), "{printed}");
    machine.cut(Loss::All);
    let state = BootState::of(&card);
    assert_eq!((state.word("cems_b"), state.word("cems_reason")), ("bad", "damaged"), "{state:?}");
}
