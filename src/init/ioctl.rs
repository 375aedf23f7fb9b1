//! The two kinds of orders to the kernel that no library of ours has: to its watchdog and to its device mapper.
//!
//! This is the only file with `unsafe` code, and there is nothing else in it.
#![allow(unsafe_code)]

use std::fs::File;

use rustix::io;
use rustix::ioctl::{Direction, Getter, Opcode, Updater, ioctl, opcode};

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
