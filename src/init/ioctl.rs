//! The orders to the kernel that no library of ours has: to its watchdog, to its device mapper, to a medium with partitions and to
//! a file system.
//!
//! This is the only file with `unsafe` code, and there is nothing else in it.
#![allow(unsafe_code)]

use std::fs::File;

use rustix::io;
use rustix::ioctl::{Direction, Getter, Opcode, Setter, Updater, ioctl, opcode};

/// `WDIOC_GETBOOTSTATUS` of `linux/watchdog.h`.
const WATCHDOG_BOOT_STATUS: Opcode = opcode::read::<i32>(b'W', 2);
/// `WDIOC_SETTIMEOUT`.
const WATCHDOG_SET_TIMEOUT: Opcode = opcode::read_write::<i32>(b'W', 6);

/// What the watchdog says of the last reset: bits of `linux/watchdog.h`.
pub(super) fn watchdog_boot_status(watchdog: &File) -> io::Result<i32> {
    // SAFETY: this order writes one int, as linux/watchdog.h declares it.
    unsafe { ioctl(watchdog, Getter::<WATCHDOG_BOOT_STATUS, i32>::new()) }
}

/// Asks for a time limit in seconds; gives the one that the watchdog took.
pub(super) fn watchdog_set_timeout(watchdog: &File, seconds: i32) -> io::Result<i32> {
    let mut seconds = seconds;
    // SAFETY: this order reads one int and writes it, as linux/watchdog.h declares it.
    unsafe { ioctl(watchdog, Updater::<WATCHDOG_SET_TIMEOUT, i32>::new(&mut seconds)) }?;
    Ok(seconds)
}

/// Bytes of `struct dm_ioctl` of `linux/dm-ioctl.h`, which every order to the device mapper begins with.
pub(super) const DM_HEAD_BYTES: usize = 312;
/// Bytes of an order with its head: enough for one target and its words.
pub(super) const DM_ORDER_BYTES: usize = 2_048;

/// `_IOWR(DM_IOCTL, number, struct dm_ioctl)`.
const fn dm(number: u8) -> Opcode {
    opcode::from_components(Direction::ReadWrite, 0xfd, number, DM_HEAD_BYTES)
}

/// An order to the device mapper, whose head says how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DmOrder {
    /// `DM_DEV_CREATE`.
    Create,
    /// `DM_DEV_REMOVE`.
    Remove,
    /// `DM_DEV_SUSPEND`, which also ends a suspension.
    Suspend,
    /// `DM_TABLE_LOAD`.
    LoadTable,
}

/// Carries out an order; what the kernel answers stands in its place.
pub(super) fn device_mapper(
    control: &File,
    order: DmOrder,
    bytes: &mut [u8; DM_ORDER_BYTES],
) -> io::Result<()> {
    // SAFETY: the kernel reads and writes no more than the `data_size` of the head, which `verity` sets to the length of
    // this array; the array lives as long as the call.
    unsafe {
        match order {
            DmOrder::Create => ioctl(control, Updater::<{ dm(3) }, _>::new(bytes)),
            DmOrder::Remove => ioctl(control, Updater::<{ dm(4) }, _>::new(bytes)),
            DmOrder::Suspend => ioctl(control, Updater::<{ dm(6) }, _>::new(bytes)),
            DmOrder::LoadTable => ioctl(control, Updater::<{ dm(9) }, _>::new(bytes)),
        }
    }
}

/// `BLKPG` of `linux/blkpg.h`.
const PARTITIONS: Opcode = opcode::none(0x12, 105);
/// `BLKPG_RESIZE_PARTITION`.
const RESIZE_PARTITION: i32 = 3;

/// `struct blkpg_partition`.
#[repr(C)]
struct Partition {
    start_byte: i64,
    bytes: i64,
    number: i32,
    device_name: [u8; 64],
    volume_name: [u8; 64],
}

/// `struct blkpg_ioctl_arg`.
#[repr(C)]
struct PartitionOrder {
    order: i32,
    flags: i32,
    data_bytes: i32,
    data: *const Partition,
}

/// Tells the kernel that a partition of `medium`, which begins at `start_byte`, has so many bytes now. Whatever uses it goes on.
pub(super) fn resize_partition(medium: &File, number: i32, start_byte: i64, bytes: i64) -> io::Result<()> {
    let partition = Partition { start_byte, bytes, number, device_name: [0; 64], volume_name: [0; 64] };
    let data_bytes = i32::try_from(size_of::<Partition>()).unwrap_or_default();
    let order = PartitionOrder { order: RESIZE_PARTITION, flags: 0, data_bytes, data: &raw const partition };
    // SAFETY: the kernel reads both structures, which are laid out as linux/blkpg.h declares them and live as long as the call, and
    // writes neither.
    unsafe { ioctl(medium, Setter::<PARTITIONS, PartitionOrder>::new(order)) }
}

/// `EXT4_IOC_RESIZE_FS` of `linux/ext4.h`.
const RESIZE_EXT4: Opcode = opcode::write::<u64>(b'f', 16);

/// Lets the ext4 that `folder` is mounted from have so many blocks, while it is used. What this has done when it is cut off stays done.
pub(super) fn resize_ext4(folder: &File, blocks: u64) -> io::Result<()> {
    // SAFETY: this order reads one number of 64 bits, as linux/ext4.h declares it.
    unsafe { ioctl(folder, Setter::<RESIZE_EXT4, u64>::new(blocks)) }
}
