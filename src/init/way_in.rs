//! The way in: from the initramfs into the root of the slot that the boot loader has chosen, or back to the other slot.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::sync;
use rustix::mount::{MountFlags, mount, mount_move};
use rustix::process::{chdir, chroot};

use super::board_files::{RootSeal, board_in_initramfs, root_seal};
use super::kernel_log::{complain, note};
use super::leave::{give_up, restart};
use super::watchdog::Watchdog;
use super::{Trouble, modules, verity};
use crate::slots::{Board, Reason, Slot};

/// The word that this program is called with in the root.
pub(super) const IN_ROOT: &str = "in-root";
/// Where this program lies in the root.
const PROGRAM_IN_ROOT: &str = "/sbin/cems-init";
/// Where the root is mounted until it is the root.
const ROOT: &str = "/root";
/// How long the kernel may take to find the medium.
const MEDIUM_PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks for it.
const MEDIUM_LOOK: Duration = Duration::from_millis(20);

/// Goes in. Comes back only with a trouble that a new start cannot mend.
pub(super) fn go() -> Trouble {
    if let Err(trouble) = mount_kernel_folders() {
        return give_up(&trouble);
    }
    modules::load_all();
    let mut watchdog = Watchdog::arm();
    let board = match board_in_initramfs() {
        Ok(board) => board,
        Err(trouble) => return give_up(&trouble),
    };
    let slot = board.running().unwrap_or(Slot::A);
    match open_root(&board, slot, &mut watchdog) {
        Ok(()) => {
            note(&format!("slot {slot} is whole"));
            step_in()
        }
        Err(trouble) => fall_back(&board, slot, &trouble),
    }
}

/// The folders that the kernel fills.
fn mount_kernel_folders() -> Result<(), Trouble> {
    let none = MountFlags::empty();
    for (kind, at) in [("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys")] {
        mount(kind, at, kind, none, None).map_err(|error| format!("{at} cannot be mounted: {error}"))?;
    }
    Ok(())
}

/// Looks at every block of the root of `slot`, and mounts it.
fn open_root(board: &Board, slot: Slot, watchdog: &mut Watchdog) -> Result<(), Trouble> {
    let seal: RootSeal = root_seal()?;
    let device = board.device(slot);
    wait_for(device, watchdog)?;
    verity::check(device, &seal, || watchdog.feed())
        .map_err(|error| format!("slot {slot} is damaged: {error}"))?;
    let root =
        verity::open(device, &seal).map_err(|error| format!("slot {slot} cannot be opened: {error}"))?;
    let flags = MountFlags::RDONLY | MountFlags::NODEV | MountFlags::NOSUID;
    mount(&root, ROOT, "squashfs", flags, None)
        .map_err(|error| format!("the root of slot {slot} cannot be mounted: {error}"))
}

fn wait_for(device: &Path, watchdog: &mut Watchdog) -> Result<(), Trouble> {
    let end = Instant::now() + MEDIUM_PATIENCE;
    while !device.exists() {
        if Instant::now() > end {
            return Err(format!("the medium does not show {}", device.display()));
        }
        watchdog.feed();
        thread::sleep(MEDIUM_LOOK);
    }
    Ok(())
}

/// Makes the mounted root the root, and goes on there.
fn step_in() -> Trouble {
    let stepped = (|| {
        for folder in ["/dev", "/proc", "/sys"] {
            mount_move(folder, Path::new(ROOT).join(folder.trim_start_matches('/')))?;
        }
        chdir(ROOT)?;
        mount_move(".", "/")?;
        chroot(".")?;
        chdir("/")
    })();
    if let Err(error) = stepped {
        return give_up(&format!("the root cannot be stepped into: {error}"));
    }
    give_up(&format!("{PROGRAM_IN_ROOT}: {}", Command::new(PROGRAM_IN_ROOT).arg(IN_ROOT).exec()))
}

/// Notes that `slot` is no use, and starts the other one if that is better. Without another one there is nothing to
/// serve from: the box says so and tries again.
fn fall_back(board: &Board, slot: Slot, trouble: &str) -> Trouble {
    complain(trouble);
    let mut is_left = false;
    let noted = board
        .open_state()
        .and_then(|state| state.change(|state| is_left = state.abandon(slot, &Reason::DAMAGED)));
    sync();
    match noted {
        Ok(_) if is_left => restart(),
        Ok(_) => give_up("no slot is whole; write the medium anew"),
        Err(error) => give_up(&format!("the boot state cannot be written: {error}")),
    }
}
