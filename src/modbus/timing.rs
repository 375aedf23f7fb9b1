//! How long a line is silent between frames, how long a reply may take, how late one may still come.

use std::time::Duration;

use crate::model::meter::{Line, Link};

/// What frames look like on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Unit, PDU, CRC; on a serial port or through a TCP socket.
    Rtu {
        /// The port hears what it sends.
        local_echo: bool,
    },
    /// Transaction, length, unit, PDU.
    Tcp,
}

impl Protocol {
    /// What is spoken over `link`.
    #[must_use]
    pub const fn of(link: &Link) -> Self {
        match link {
            Link::Serial(settings) => Self::Rtu { local_echo: settings.local_echo },
            Link::RtuOverTcp { .. } | Link::DialIn { .. } => Self::Rtu { local_echo: false },
            Link::Tcp { .. } => Self::Tcp,
        }
    }
}

/// What measures the silence before a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseKind {
    /// The runtime's own timer: whole milliseconds, and it stands still with paused time.
    Runtime,
    /// A timer of the kernel, late by some tens of microseconds: real serial ports.
    Kernel,
}

/// The times of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Silence between two frames: 3.5 characters. Zero where nobody needs it.
    pub gap: Duration,
    /// Time of one character on the wire. Zero where it does not matter.
    pub char_time: Duration,
    /// The longest that a meter may take before its reply starts.
    pub response_timeout: Duration,
    /// How long after a missed reply the line waits for it before it asks anything else.
    pub late_window: Duration,
    /// Silence after which nothing more belongs to what was heard.
    pub quiet: Duration,
    /// Requests that may be under way at once.
    pub pipeline: usize,
    /// What measures `gap`.
    pub pause: PauseKind,
    /// The longest pause between two attempts to open the port.
    pub reopen_pause_max: Duration,
    /// Where the numbers that should differ from start to start come from: the first transaction
    /// and the jitter of reconnecting.
    pub seed: u64,
}

/// Above this the silence between frames is fixed (Modbus over Serial Line V1.02, section 2.5.1.1).
const FIXED_GAP_ABOVE_BAUD: u32 = 19_200;
const FIXED_GAP: Duration = Duration::from_micros(1_750);
/// A reply may still come this long after it was given up, however short its timeout.
const LATE_WINDOW_MIN: Duration = Duration::from_millis(100);
/// USB adapters hand on what they have received every 16 ms.
const QUIET_MIN_SERIAL: Duration = Duration::from_millis(20);
/// A network may hold back the rest of a frame for longer than any serial port.
const QUIET_MIN_NETWORK: Duration = Duration::from_millis(50);
/// Looking for a device file costs nothing, and a meter is back the second its adapter is.
const REOPEN_PAUSE_MAX_SERIAL: Duration = Duration::from_millis(500);
/// A server that is down should not be knocked at by every gateway every second.
const REOPEN_PAUSE_MAX_NETWORK: Duration = Duration::from_secs(5);
/// The shortest that a meter is waited for, however fast it has been so far.
const PATIENCE_MIN: Duration = Duration::from_millis(50);
/// How much longer than 99 of 100 replies took a meter is waited for, before it is asked once more.
const PATIENCE_FACTOR: u32 = 3;
const QUIET_IN_MEMORY: Duration = Duration::from_millis(5);

impl Timing {
    /// The times of a configured line, with a seed from the kernel.
    #[must_use]
    pub fn of(line: &Line) -> Self {
        let response_timeout = Duration::from_millis(u64::from(line.response_timeout_ms));
        let timing = match &line.link {
            Link::Serial(settings) => {
                let serial = Self::rtu(settings.baud, settings.bits_per_char(), response_timeout);
                Self { pause: PauseKind::Kernel, reopen_pause_max: REOPEN_PAUSE_MAX_SERIAL, ..serial }
            }
            Link::RtuOverTcp { baud, .. } | Link::DialIn { baud, .. } => {
                let serial = Self::rtu(*baud, BITS_PER_CHAR, response_timeout);
                Self { quiet: serial.quiet.max(QUIET_MIN_NETWORK), ..serial }
            }
            Link::Tcp { .. } => {
                Self { pipeline: usize::from(line.pipeline), ..Self::in_memory(response_timeout) }
            }
        };
        Self { seed: getrandom::u64().unwrap_or(0), ..timing }
    }

    /// The times of RTU at `baud`.
    #[must_use]
    pub fn rtu(baud: u32, bits_per_char: u32, response_timeout: Duration) -> Self {
        let char_time = char_time(baud, bits_per_char);
        let gap = gap(baud, char_time);
        Self { gap, char_time, quiet: (gap * 3).max(QUIET_MIN_SERIAL), ..Self::in_memory(response_timeout) }
    }

    /// The times of a line on which bytes take no time and frames need no silence between them.
    #[must_use]
    pub fn in_memory(response_timeout: Duration) -> Self {
        Self {
            gap: Duration::ZERO,
            char_time: Duration::ZERO,
            response_timeout,
            late_window: response_timeout.max(LATE_WINDOW_MIN),
            quiet: QUIET_IN_MEMORY,
            pipeline: 1,
            pause: PauseKind::Runtime,
            reopen_pause_max: REOPEN_PAUSE_MAX_NETWORK,
            seed: 0,
        }
    }

    /// How long to wait for the start of a reply that is asked for once more where it does not come, of a
    /// meter of which 99 of 100 replies began within `p99`.
    #[must_use]
    pub fn patience(&self, p99: Duration) -> Duration {
        (p99 * PATIENCE_FACTOR).max(PATIENCE_MIN).min(self.response_timeout)
    }

    /// How late a reply of a well-known meter may still come, of which the slowest so far took `slowest`.
    #[must_use]
    pub fn late_window_of(&self, slowest: Duration) -> Duration {
        (slowest * 2).max(LATE_WINDOW_MIN).min(self.late_window)
    }

    /// The time that `bytes` take on the wire.
    #[must_use]
    pub fn wire_time(&self, bytes: usize) -> Duration {
        self.char_time * u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// Bits of a character as the specification wants them: start, eight, parity or a second stop, stop.
pub const BITS_PER_CHAR: u32 = 11;

/// Time of one character on the wire.
#[must_use]
pub fn char_time(baud: u32, bits_per_char: u32) -> Duration {
    Duration::from_secs(1) * bits_per_char / baud.max(1)
}

/// Silence between two frames at `baud`.
#[must_use]
pub fn gap(baud: u32, char_time: Duration) -> Duration {
    if baud > FIXED_GAP_ABOVE_BAUD { FIXED_GAP } else { char_time * 7 / 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_silence_between_frames_is_three_and_a_half_characters_up_to_19200_baud() {
        for (baud, gap_us) in
            [(2_400, 16_041), (9_600, 4_010), (19_200, 2_005), (38_400, 1_750), (115_200, 1_750)]
        {
            let timing = Timing::rtu(baud, 11, Duration::from_millis(500));
            assert_eq!(timing.gap.as_micros(), gap_us, "{baud}");
        }
    }

    #[test]
    fn a_meter_that_is_known_is_waited_for_as_long_as_it_may_take() {
        let timing = Timing::in_memory(Duration::from_millis(500));
        for (p99_ms, patience_ms) in [(1, 50), (20, 60), (400, 500)] {
            assert_eq!(timing.patience(Duration::from_millis(p99_ms)).as_millis(), patience_ms);
        }
        for (slowest_ms, late_ms) in [(1, 100), (80, 160), (400, 500)] {
            assert_eq!(timing.late_window_of(Duration::from_millis(slowest_ms)).as_millis(), late_ms);
        }
    }

    #[test]
    fn a_reply_is_awaited_after_its_timeout_for_as_long_again_but_not_less_than_100_ms() {
        for (timeout_ms, late_ms) in [(50, 100), (500, 500)] {
            let timing = Timing::in_memory(Duration::from_millis(timeout_ms));
            assert_eq!(timing.late_window, Duration::from_millis(late_ms));
        }
    }
}
