//! A slot on which the service dies again and again gives way to the other one, although it was confirmed.

use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::boot_state::BootState;
use super::image::{Image, set_up};
use super::lossy_disk::Loss;
use super::machine::{Board, Disk, Machine};
use super::updates::{ADMINISTRATOR, API_PORT, site_with_administrator};
use crate::harness::api::Api;

const PATIENCE: Duration = Duration::from_mins(5);

#[test]
fn a_confirmed_slot_whose_service_dies_again_and_again_gives_way_to_the_other_one_and_the_reason_is_told() {
    let dir = TempDir::new().unwrap();
    let image = Image::of("virt");
    let card = image.card(dir.path());
    set_up(&card, &site_with_administrator(), dir.path());
    image.with_service("#!/bin/sh\nexit 1\n", dir.path()).put_into(&card, "a");
    let disk = Disk::File(card.clone());
    let mut machine = Machine::start(Board::Virt, &image.boot_loader(), disk, &[API_PORT], dir.path());
    machine.expect("cems: slot a, ", PATIENCE);
    machine.expect("the service of slot a dies again and again", PATIENCE);
    machine.expect("cems: slot b, ", PATIENCE);
    let api = Api::new(machine.port(API_PORT), ADMINISTRATOR);
    let told = machine.wait("word of its slots", PATIENCE, |_| api.update().ok());
    assert_eq!(
        (&told["slot"], &told["state"], &told["reason"]),
        (&json!("b"), &json!("rolled-back"), &json!("crash-loop"))
    );
    machine.cut(Loss::All);
    let state = BootState::of(&card);
    let told = (state.slot(), state.word("cems_a"), state.trial(), state.word("cems_reason"));
    assert_eq!(told, ("b", "bad", None, "crash-loop"), "{state:?}");
}
