//! dm-verity: a root of which every block that is read was checked against one hash.
//!
//! The kernel's device mapper is ordered through `/dev/mapper/control` with the structures of `linux/dm-ioctl.h`; the words of the
//! target are those of `Documentation/admin-guide/device-mapper/verity.rst`.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::board_files::RootSeal;
use super::ioctl::{DM_HEAD_BYTES, DM_ORDER_BYTES, DmOrder, device_mapper};

/// Where the device mapper takes orders.
const CONTROL: &str = "/dev/mapper/control";
/// Bytes of a block, of data as of hashes.
const BLOCK_BYTES: u64 = 4_096;
/// Bytes of a sector, which the device mapper counts in.
const SECTOR_BYTES: u64 = 512;
/// Version of the interface that the orders are written in: `DM_VERSION_MAJOR`.
const INTERFACE: u32 = 4;
/// `DM_READONLY_FLAG`.
const READ_ONLY: u32 = 1;
/// Bytes of `struct dm_target_spec`.
const TARGET_BYTES: usize = 40;
/// Where things stand in the head: the lengths, the flags, the device and its name.
const DATA_SIZE_AT: usize = 12;
const DATA_START_AT: usize = 16;
const TARGET_COUNT_AT: usize = 20;
const FLAGS_AT: usize = 28;
const DEVICE_AT: usize = 40;
const NAME_AT: usize = 48;
/// Bytes read at a time when all of a root is looked at.
const PIECE_BYTES: usize = 256 * 1_024;

/// What happens at a block that is not what it was sealed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AtDamage {
    /// Whoever reads it is told.
    Fail,
    /// The box starts anew, and the way in finds the damage: no program runs on half a root.
    Panic,
}

/// Reads all of the root at `device` against its seal.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] where a block is damaged; else what the kernel cannot do.
pub(super) fn check(device: &Path, seal: &RootSeal, mut went_on: impl FnMut()) -> io::Result<()> {
    let mapped = Mapped::open("cems-check", device, seal, AtDamage::Fail)?;
    let mut root = File::open(&mapped.path)?;
    let mut piece = vec![0; PIECE_BYTES];
    let read = loop {
        match root.read(&mut piece) {
            Ok(0) => break Ok(()),
            Ok(_) => went_on(),
            Err(error) => break Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    };
    drop(root);
    mapped.remove()?;
    read
}

/// Makes the device that the root is mounted from.
///
/// # Errors
/// What the kernel cannot do.
pub(super) fn open(device: &Path, seal: &RootSeal) -> io::Result<PathBuf> {
    Mapped::open("cems-root", device, seal, AtDamage::Panic).map(|mapped| mapped.path)
}

/// A device of the device mapper.
struct Mapped {
    name: &'static str,
    path: PathBuf,
}

impl Mapped {
    fn open(name: &'static str, device: &Path, seal: &RootSeal, at_damage: AtDamage) -> io::Result<Self> {
        let control = File::options().read(true).write(true).open(CONTROL)?;
        let mut create = order(name);
        device_mapper(&control, DmOrder::Create, &mut create)?;
        let minor = minor_of(&create);
        let mapped = Self { name, path: PathBuf::from(format!("/dev/dm-{minor}")) };
        let mut table = table(name, device, seal, at_damage)?;
        let loaded = device_mapper(&control, DmOrder::LoadTable, &mut table)
            .and_then(|()| device_mapper(&control, DmOrder::Suspend, &mut order(name)));
        if let Err(error) = loaded {
            mapped.remove()?;
            return Err(error.into());
        }
        Ok(mapped)
    }

    fn remove(&self) -> io::Result<()> {
        let control = File::options().read(true).write(true).open(CONTROL)?;
        Ok(device_mapper(&control, DmOrder::Remove, &mut order(self.name))?)
    }
}

/// An order about the device of this name, with nothing behind its head.
fn order(name: &str) -> [u8; DM_ORDER_BYTES] {
    let mut bytes = [0; DM_ORDER_BYTES];
    put(&mut bytes, 0, &INTERFACE.to_ne_bytes());
    put(&mut bytes, DATA_SIZE_AT, &number(DM_ORDER_BYTES).to_ne_bytes());
    put(&mut bytes, DATA_START_AT, &number(DM_HEAD_BYTES).to_ne_bytes());
    put(&mut bytes, NAME_AT, name.as_bytes());
    bytes
}

/// The order that says what the device is made of: one target.
fn table(
    name: &str,
    device: &Path,
    seal: &RootSeal,
    at_damage: AtDamage,
) -> io::Result<[u8; DM_ORDER_BYTES]> {
    let words = words(device, seal, at_damage);
    if DM_HEAD_BYTES + TARGET_BYTES + words.len() >= DM_ORDER_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the seal of the root is too long"));
    }
    let mut bytes = order(name);
    put(&mut bytes, TARGET_COUNT_AT, &1_u32.to_ne_bytes());
    put(&mut bytes, FLAGS_AT, &READ_ONLY.to_ne_bytes());
    let sectors = seal.blocks * (BLOCK_BYTES / SECTOR_BYTES);
    put(&mut bytes, DM_HEAD_BYTES + 8, &sectors.to_ne_bytes());
    put(&mut bytes, DM_HEAD_BYTES + 24, b"verity");
    put(&mut bytes, DM_HEAD_BYTES + TARGET_BYTES, words.as_bytes());
    Ok(bytes)
}

/// The words of the target: the hashes lie straight behind the data, on the same device.
fn words(device: &Path, seal: &RootSeal, at_damage: AtDamage) -> String {
    let RootSeal { blocks, hash, salt } = seal;
    let device = device.display();
    let options = match at_damage {
        AtDamage::Fail => "",
        AtDamage::Panic => " 1 panic_on_corruption",
    };
    format!("1 {device} {device} {BLOCK_BYTES} {BLOCK_BYTES} {blocks} {blocks} sha256 {hash} {salt}{options}")
}

fn put(bytes: &mut [u8; DM_ORDER_BYTES], at: usize, what: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + what.len()) {
        place.copy_from_slice(what);
    }
}

fn number(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// The minor number of the device that the kernel has made: the low byte and the third of its number (`huge_encode_dev`).
fn minor_of(answer: &[u8; DM_ORDER_BYTES]) -> u64 {
    let mut device = [0; 8];
    device.copy_from_slice(&answer[DEVICE_AT..DEVICE_AT + 8]);
    let device = u64::from_ne_bytes(device);
    (device & 0xff) | ((device >> 12) & 0xfff_ff00)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal() -> RootSeal {
        RootSeal { blocks: 1_036, hash: "ab".repeat(32), salt: "cd".repeat(32) }
    }

    #[test]
    fn the_table_says_where_data_and_hashes_lie() {
        let words = words(Path::new("/dev/vda2"), &seal(), AtDamage::Panic);
        let expected = format!(
            "1 /dev/vda2 /dev/vda2 4096 4096 1036 1036 sha256 {} {} 1 panic_on_corruption",
            "ab".repeat(32),
            "cd".repeat(32)
        );
        assert_eq!(words, expected);
    }

    #[test]
    fn an_order_tells_its_own_length_and_its_device() {
        let order = order("cems-root");
        assert_eq!(&order[DATA_SIZE_AT..DATA_SIZE_AT + 4], &2_048_u32.to_ne_bytes());
        assert_eq!(&order[NAME_AT..NAME_AT + 10], b"cems-root\0");
        let table = table("cems-root", Path::new("/dev/vda2"), &seal(), AtDamage::Fail).unwrap();
        assert_eq!(&table[DM_HEAD_BYTES + 8..DM_HEAD_BYTES + 16], &8_288_u64.to_ne_bytes());
    }

    #[test]
    fn a_seal_that_is_too_long_is_refused() {
        let long = RootSeal { salt: "0".repeat(4_096), ..seal() };
        assert!(table("cems-root", Path::new("/dev/vda2"), &long, AtDamage::Fail).is_err());
    }
}
