//! A card that is larger than the image: the data partition and its file system take all of it, whatever the moment the power goes.

use std::fs;
use std::time::Duration;

use tempfile::TempDir;

use super::file_system::FileSystem;
use super::image::{DATA, Image, enlarge, partition_bytes, set_up};
use super::lossy_disk::{Flushes, Loss, LossyDisk};
use super::machine::{Board, Disk, Machine};
use crate::harness::api::Api;
use crate::harness::random::Random;
use crate::harness::site;

const PATIENCE: Duration = Duration::from_mins(5);
/// When the writes that a cut waits for do not come.
const WRITES_PATIENCE: Duration = Duration::from_mins(1);
const API_PORT: u16 = 8080;
/// What the image brings, the card, and what becomes of it: whole pieces of 16 MiB up to the last MiB.
const SMALL_MIB: u64 = 64;
const CARD_MIB: u64 = 2_048;
const LARGE_MIB: u64 = 1_968;
/// Bytes of a file that has to be there in the end.
const KEPT_BYTES: usize = 8 << 20;
/// Writes after which the power goes: after each sector of the table, when the file system is mounted, and while it grows.
const CUTS: [u64; 5] = [1, 1, 1, 12, 40];

#[test]
fn the_data_partition_takes_all_of_a_larger_card_and_a_power_cut_at_any_write_loses_nothing() {
    let dir = TempDir::new().unwrap();
    let image = Image::of("virt");
    let mut random = Random::new(51);
    let card = image.card(dir.path());
    let kept: Vec<u8> = (0..KEPT_BYTES).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
    fs::create_dir_all(dir.path().join("data/config")).unwrap();
    fs::write(dir.path().join("data/config/kept"), &kept).unwrap();
    set_up(&card, &site::bare_site_for_all(API_PORT, "PT1S"), dir.path());
    enlarge(&card, CARD_MIB);

    let disk = Disk::Lossy(LossyDisk::serve(&card, Flushes::Kept));
    let mut machine = Machine::start(Board::Virt, &image.kernel(), disk, &[API_PORT], dir.path());
    let mut sizes = Vec::new();
    for (number, writes) in (1..).zip(CUTS) {
        machine.cut_after(writes, WRITES_PATIENCE, Loss::Some(number));
        sizes.push((partition_bytes(&card, DATA) >> 20, FileSystem::of(&card).bytes() >> 20));
        machine.switch_on();
    }
    println!("partition and file system after each cut, in MiB: {sizes:?}");
    assert!(sizes.iter().all(|(partition, _)| [SMALL_MIB, LARGE_MIB].contains(partition)), "{sizes:?}");
    assert!(sizes.contains(&(SMALL_MIB, SMALL_MIB)), "no cut met the table: that says nothing");
    assert!(sizes.contains(&(LARGE_MIB, SMALL_MIB)), "no cut met the file system: that says nothing");
    let api = Api::new(machine.port(API_PORT), site::TOKEN);
    machine.wait("an answer of /healthz", PATIENCE, |_| api.answers());
    let free_mib = api.figure("cems_filesystem_free_bytes").unwrap() >> 20;
    assert!(free_mib > LARGE_MIB * 9 / 10, "{free_mib} MiB are free");
    assert!(!machine.console(0).printed().contains("data partition: rebuilt"));

    machine.cut(Loss::All);
    assert_eq!(partition_bytes(&card, DATA) >> 20, LARGE_MIB);
    let left = FileSystem::of(&card);
    left.assert_sound(dir.path());
    assert_eq!(left.bytes() >> 20, LARGE_MIB);
    assert!(left.file("/config/kept", dir.path()) == kept, "the file is not what it was");
}
