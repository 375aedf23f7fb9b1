//! The hardware watchdog: a box whose first process hangs, or whose service stands still, starts anew.

use std::fs::{File, OpenOptions};
use std::io::Write as _;

use super::ioctl::{watchdog_boot_status, watchdog_set_timeout};
use super::kernel_log::{complain, note};

/// The watchdog of the board.
const DEVICE: &str = "/dev/watchdog";
/// Time limits to ask for, in seconds, the longest first: some chips have no more than 16.
const TIMEOUTS_S: [i32; 3] = [30, 16, 8];
/// `WDIOF_CARDRESET`: the watchdog caused the last reset.
const CARD_RESET: i32 = 0x20;

/// An armed watchdog. It stays armed when this ends, so that whoever comes next has to feed it.
#[derive(Debug)]
pub(super) struct Watchdog {
    device: Option<File>,
}

impl Watchdog {
    /// Arms it. A board without one goes on without.
    pub(super) fn arm() -> Self {
        let device = OpenOptions::new().write(true).open(DEVICE);
        let Ok(device) = device.inspect_err(|error| complain(&format!("no watchdog: {error}"))) else {
            return Self { device: None };
        };
        let taken = TIMEOUTS_S.iter().find_map(|seconds| watchdog_set_timeout(&device, *seconds).ok());
        match taken {
            Some(seconds) => note(&format!("the watchdog waits {seconds} s")),
            None => note("the watchdog waits as long as it always does"),
        }
        Self { device: Some(device) }
    }

    /// Tells it that all is well.
    pub(super) fn feed(&mut self) {
        if let Some(device) = &mut self.device {
            // Any byte but 'V', which would disarm it.
            if let Err(error) = device.write_all(b".") {
                complain(&format!("the watchdog cannot be fed: {error}"));
            }
        }
    }

    /// Whether there is one.
    pub(super) fn is_there(&self) -> bool {
        self.device.is_some()
    }

    /// Whether it caused the last reset, as far as the chip knows.
    pub(super) fn has_reset(&self) -> bool {
        let status = self.device.as_ref().and_then(|device| watchdog_boot_status(device).ok());
        status.is_some_and(|status| status & CARD_RESET != 0)
    }
}
