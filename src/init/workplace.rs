//! The workplace: the root as the service needs it, and then the service, for as long as the box runs.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::sync;
use rustix::mount::{MountFlags, mount, mount_bind};
use rustix::system::sethostname;

use super::board_files::{board_in_root, data_partition};
use super::kernel_log::{complain, note};
use super::leave::{give_up, restart};
use super::service::{self, End};
use super::watchdog::Watchdog;
use super::{Trouble, data, factory_site, network};
use crate::slots::{Board, Reason, Slot};

/// The longest that a hungry watchdog waits, and some more.
const BITE_MAX: Duration = Duration::from_mins(1);
/// User of the service, and its group.
pub(super) const SERVICE_ID: u32 = 900;
/// The group that may open serial ports.
pub(super) const SERIAL_GROUP: u32 = 20;
/// The group that may write slots and their state.
pub(super) const SLOTS_GROUP: u32 = 901;
/// What runs in the root tells what it found here.
pub(super) const WORD_FOLDER: &str = "/run/cems-init";
/// The site file's folder, and the one of the data partition that it is.
const CONFIG: &str = "/etc/cems-gateway";
const CONFIG_FOLDER: &str = "/data/config";
/// The service's own folder, likewise.
const STATE: &str = "/var/lib/cems-gateway";
const SERVICE_FOLDER: &str = "/data/state";
/// The site file.
pub(super) const SITE: &str = "/etc/cems-gateway/gateway.toml";
/// Is there where the last run ended with a restart that was wished.
const RESTART_WISHED: &str = "/data/restart-wished";
/// Whoever makes this file in the service's folder gets a box as it was delivered.
const RESET_WISH: &str = "/data/state/factory-reset";
/// What was the service's folder before that.
const LEFT: &str = "/data/left";

/// Makes the workplace and keeps the service running in it. Comes back only with a trouble.
pub(super) fn keep() -> Trouble {
    let mut watchdog = Watchdog::arm();
    let board = match prepare(&mut watchdog) {
        Ok(board) => board,
        Err(trouble) => return give_up(&trouble),
    };
    network::start(SITE);
    match service::keep(&mut watchdog) {
        End::Restart => {
            note("the service asks for a new start");
            if let Err(error) = fs::write(RESTART_WISHED, "") {
                complain(&format!("{RESTART_WISHED}: {error}"));
            }
        }
        End::Silent => {
            complain("the service stands still; the watchdog starts the box anew");
            wait_for_watchdog(&watchdog);
        }
        End::CrashLoop => leave_slot(&board),
    }
    restart()
}

/// Feeds the watchdog no more, so that its reset is known as one at the next start. Where there is none, or it does
/// nothing, it is not waited for.
fn wait_for_watchdog(watchdog: &Watchdog) {
    if watchdog.is_there() {
        thread::sleep(BITE_MAX);
        complain("the watchdog does not reset the machine");
    }
}

fn prepare(watchdog: &mut Watchdog) -> Result<Board, Trouble> {
    let in_words = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    mount_volatile().map_err(|error| in_words("a folder in memory", &error))?;
    if let Err(error) = sethostname(b"cems-gateway") {
        complain(&in_words("the name of the host", &error));
    }
    let found = data::open(&data_partition()?, watchdog)?;
    data::leave_word(&found, &Path::new(WORD_FOLDER).join("data"))
        .and_then(|()| leave_cause(watchdog))
        .map_err(|error| in_words(WORD_FOLDER, &error))?;
    forget_everything_if_wished();
    place_folders().map_err(|error| in_words("the folders of the service", &error))?;
    let board = board_in_root()?;
    hand_over(&board);
    Ok(board)
}

fn mount_volatile() -> io::Result<()> {
    let flags = MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("tmpfs", "/run", "tmpfs", flags, Some(c"size=8m,mode=755"))?;
    mount("tmpfs", "/tmp", "tmpfs", flags, Some(c"size=8m,mode=1777"))?;
    fs::create_dir_all("/dev/pts")?;
    mount("devpts", "/dev/pts", "devpts", MountFlags::NOSUID | MountFlags::NOEXEC, Some(c"mode=620"))?;
    fs::create_dir_all(WORD_FOLDER)
}

/// Leaves word of why the machine has started, where that is known: its watchdog tells, or the restart was wished. A power cut
/// and a panic of the kernel leave no trace.
fn leave_cause(watchdog: &Watchdog) -> io::Result<()> {
    let was_wished = fs::remove_file(RESTART_WISHED).is_ok();
    let cause = match (watchdog.has_reset(), was_wished) {
        (true, _) => "watchdog\n",
        (false, true) => "reboot\n",
        (false, false) => return Ok(()),
    };
    fs::write(Path::new(WORD_FOLDER).join("reset-cause"), cause)
}

/// Empties the data partition where somebody at the console has asked for it. What is to go gets another name first: cut off in the
/// middle, this goes on at the next start.
fn forget_everything_if_wished() {
    let wished = Path::new(RESET_WISH).exists();
    if wished && let Err(error) = fs::rename(SERVICE_FOLDER, LEFT) {
        complain(&format!("{SERVICE_FOLDER}: {error}"));
    }
    if !Path::new(LEFT).exists() {
        return;
    }
    complain("factory reset: everything that this box has kept is removed");
    // That has to be known before the first file is gone.
    sync();
    for folder in [CONFIG_FOLDER, LEFT] {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => complain(&format!("{folder}: {error}")),
            _ => sync(),
        }
    }
}

/// The folders of the service, which lie on the data partition; a new box begins with the factory's site.
fn place_folders() -> io::Result<()> {
    for (kept, shown) in [(CONFIG_FOLDER, CONFIG), (SERVICE_FOLDER, STATE)] {
        fs::create_dir_all(kept)?;
        fs::set_permissions(kept, fs::Permissions::from_mode(0o700))?;
        chown(kept, Some(SERVICE_ID), Some(SERVICE_ID))?;
        mount_bind(kept, shown)?;
    }
    if !Path::new(SITE).exists() {
        let new = PathBuf::from(format!("{SITE}.new"));
        fs::write(&new, factory_site::read(data::FOLDER)?)?;
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
        chown(&new, Some(SERVICE_ID), Some(SERVICE_ID))?;
        fs::File::open(&new)?.sync_all()?;
        fs::rename(&new, SITE)?;
        fs::File::open(CONFIG)?.sync_all()?;
    }
    Ok(())
}

/// Lets the service have the devices that are its business: slots and their state, serial ports.
fn hand_over(board: &Board) {
    for device in [&board.state, &board.slot_a, &board.slot_b] {
        give(device, SLOTS_GROUP);
    }
    let devices = fs::read_dir("/dev").into_iter().flatten().flatten();
    for device in devices.map(|entry| entry.path()).filter(|path| is_serial_port(path)) {
        give(&device, SERIAL_GROUP);
    }
}

fn give(device: &Path, group: u32) {
    let given = chown(device, Some(0), Some(group))
        .and_then(|()| fs::set_permissions(device, fs::Permissions::from_mode(0o660)));
    if let Err(error) = given {
        complain(&format!("{}: {error}", device.display()));
    }
}

/// Whether a device is a serial port, by the name that its driver gives.
fn is_serial_port(device: &Path) -> bool {
    let name = device.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let numbered = |driver: &str| {
        let number = name.strip_prefix(driver);
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    ["ttyS", "ttyAMA", "ttymxc", "ttyUSB", "ttyACM"].into_iter().any(numbered)
}

/// Leaves a slot on which the service dies again and again, where the other one is good.
fn leave_slot(board: &Board) {
    let slot = board.running().unwrap_or(Slot::A);
    complain(&format!("the service of slot {slot} dies again and again"));
    let noted = board
        .open_state()
        .and_then(|state| state.change(|state| _ = state.abandon(slot, &Reason::CRASH_LOOP)));
    if let Err(error) = noted {
        complain(&format!("the boot state cannot be written: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbered_ports_of_known_drivers_are_serial_ports() {
        let is = |name: &str| is_serial_port(&Path::new("/dev").join(name));
        assert!(["ttyS0", "ttymxc3", "ttyAMA0", "ttyUSB12", "ttyACM0"].into_iter().all(is));
        assert!(!["tty", "tty1", "ttyS", "ttySx", "console", "vda2"].into_iter().any(is));
    }
}
