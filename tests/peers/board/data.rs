//! A data partition that is not what it was: mended where it can be, made anew where it cannot, and told in the audit book.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::file_system::FileSystem;
use super::image::{Image, enlarge, set_up};
use super::lossy_disk::Loss;
use super::machine::{Board, Disk, Machine};
use super::technician::{CONSOLE, choose_password, wait_for_console};
use crate::harness::site;

const PATIENCE: Duration = Duration::from_mins(5);
const CARD_MIB: u64 = 512;
/// So much of a file system holds the copy of its superblock too.
const SPOILED_MIB: usize = 130;

#[test]
fn a_file_system_with_errors_is_mended_one_beyond_repair_is_made_anew_and_both_are_told() {
    let dir = TempDir::new().unwrap();
    let image = Image::of("virt");
    let card = image.card(dir.path());
    let config = dir.path().join("data/config");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("torn"), "torn").unwrap();
    set_up(&card, &(site::bare_site_for_all(8080, "PT1S") + CONSOLE), dir.path());
    enlarge(&card, CARD_MIB);
    // A block that is none, and the mark that a kernel leaves which has seen it.
    FileSystem::of(&card).debug("set_inode_field /config/torn block[0] 7");
    FileSystem::of(&card).debug("set_super_value state 2");

    let mut machine = start(&image, &card, dir.path());
    machine.expect("cems: slot a, ", PATIENCE);
    wait_for_console(&mut machine, "CEMS-TEST", PATIENCE);
    choose_password(&mut machine, PATIENCE);
    machine.ask("audit", "data partition mended ", PATIENCE);
    machine.cut(Loss::All);
    FileSystem::of(&card).assert_sound(dir.path());

    FileSystem::of(&card).spoil(SPOILED_MIB);
    machine.switch_on();
    machine.expect("the data partition is beyond repair and is made anew", PATIENCE);
    wait_for_console(&mut machine, "CEMS-NEW", PATIENCE);
    // The password is gone with the rest.
    choose_password(&mut machine, PATIENCE);
    machine.ask("audit", "data partition rebuilt ", PATIENCE);
    machine.cut(Loss::All);
    let anew = FileSystem::of(&card);
    anew.assert_sound(dir.path());
    assert_eq!(anew.bytes() >> 20, 432, "it has not grown again");
}

fn start(image: &Image, card: &Path, dir: &Path) -> Machine {
    Machine::start(Board::Virt, &image.boot_loader(), Disk::File(card.to_owned()), &[], dir)
}
