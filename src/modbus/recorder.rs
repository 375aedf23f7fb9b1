//! What went over a line last, frame by frame with its time: for whoever looks for a fault of the wire.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::timing::Protocol;
use crate::limits::{RECORDING_BYTES_MAX, RECORDING_FRAMES_MAX};
use crate::time::{Clock, UtcTime};

/// Which way bytes went, and what became of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A request of ours.
    Sent,
    /// Heard, and taken as the answer to the request before it.
    Heard,
    /// Heard and thrown away: noise, damaged, too late, or the answer to another question.
    Discarded,
}

/// Bytes that went over a line together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Which way.
    pub direction: Direction,
    /// When, since the line began: of a request its first byte, of what was heard its last one, to the
    /// microsecond. Never before the frame in front of it.
    pub at: Duration,
    /// What the clock showed then.
    pub time: UtcTime,
    /// The bytes, with CRC or header.
    pub bytes: Vec<u8>,
}

/// A copy of what a recorder holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// How the frames are to be read.
    pub protocol: Protocol,
    /// The frames, oldest first.
    pub frames: Vec<Frame>,
    /// The number of the frame that comes next; the first of a line has number 0.
    pub next: u64,
}

/// Keeps the last frames of a line: at most [`RECORDING_FRAMES_MAX`] of them with at most
/// [`RECORDING_BYTES_MAX`] bytes. Clones record the same line.
#[derive(Clone)]
pub(super) struct Recorder {
    protocol: Protocol,
    clock: Arc<dyn Clock>,
    began: Instant,
    ring: Arc<Mutex<Ring>>,
}

impl Recorder {
    /// The recorder of a line that begins now.
    pub(super) fn new(protocol: Protocol, clock: Arc<dyn Clock>) -> Self {
        Self { protocol, clock, began: Instant::now(), ring: Arc::new(Mutex::new(Ring::new())) }
    }

    /// These bytes went over the line at that instant.
    pub(super) fn note(&self, direction: Direction, at: Instant, bytes: &[u8]) {
        let head = Head {
            direction,
            at: at.saturating_duration_since(self.began),
            time: before(self.clock.now(), Instant::now().saturating_duration_since(at)),
            bytes: bytes.len(),
        };
        self.lock().push(head, bytes);
    }

    /// What is held of the frames from number `from` on.
    pub(super) fn excerpt(&self, from: u64) -> Excerpt {
        let ring = self.lock();
        Excerpt { protocol: self.protocol, frames: ring.frames(from), next: ring.next }
    }

    /// Held for one frame, or for one copy.
    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

/// What the clock showed so long before it shows `now`: bytes are thrown away some time after they came.
fn before(now: UtcTime, ago: Duration) -> UtcTime {
    let ago_ms = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
    UtcTime::from_ms(now.as_ms().saturating_sub(ago_ms))
}

/// A frame without its bytes.
#[derive(Clone, Copy)]
struct Head {
    direction: Direction,
    at: Duration,
    time: UtcTime,
    bytes: usize,
}

/// The last frames. All of its memory is asked for at once; what no frame has reached yet the system does
/// not have to give.
struct Ring {
    heads: VecDeque<Head>,
    /// Those of all frames, one behind the other.
    bytes: VecDeque<u8>,
    /// The number of the next frame.
    next: u64,
}

impl Ring {
    fn new() -> Self {
        Self {
            heads: VecDeque::with_capacity(RECORDING_FRAMES_MAX),
            bytes: VecDeque::with_capacity(RECORDING_BYTES_MAX),
            next: 0,
        }
    }

    fn push(&mut self, head: Head, bytes: &[u8]) {
        self.next += 1;
        if bytes.len() > RECORDING_BYTES_MAX {
            return;
        }
        while self.heads.len() >= RECORDING_FRAMES_MAX || self.bytes.len() + bytes.len() > RECORDING_BYTES_MAX
        {
            let Some(oldest) = self.heads.pop_front() else { break };
            self.bytes.drain(..oldest.bytes.min(self.bytes.len()));
        }
        let newest = self.heads.back().map_or(Duration::ZERO, |newest| newest.at);
        self.heads.push_back(Head { at: head.at.max(newest), ..head });
        self.bytes.extend(bytes);
    }

    fn frames(&self, from: u64) -> Vec<Frame> {
        let held = self.heads.len();
        let wanted = usize::try_from(self.next.saturating_sub(from)).unwrap_or(held).min(held);
        let passed: usize = self.heads.iter().take(held - wanted).map(|head| head.bytes).sum();
        let mut bytes = self.bytes.iter().copied().skip(passed);
        let mut frame = |head: &Head| Frame {
            direction: head.direction,
            at: head.at,
            time: head.time,
            bytes: bytes.by_ref().take(head.bytes).collect(),
        };
        self.heads.iter().skip(held - wanted).map(&mut frame).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(number: u64, bytes: &[u8]) -> Head {
        let at = Duration::from_micros(number);
        let time = UtcTime::from_ms(i64::try_from(number).unwrap());
        Head { direction: Direction::Sent, at, time, bytes: bytes.len() }
    }

    /// Every frame ever, cut down to the newest ones that fit.
    fn newest_that_fit(all: &[Vec<u8>]) -> &[Vec<u8>] {
        let fits = |from: usize| {
            let kept = &all[from..];
            kept.len() <= RECORDING_FRAMES_MAX
                && kept.iter().map(Vec::len).sum::<usize>() <= RECORDING_BYTES_MAX
        };
        let from = (0..=all.len()).find(|from| fits(*from)).unwrap();
        &all[from..]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn the_ring_holds_the_newest_frames_that_fit_and_nothing_else(
            lengths in prop::collection::vec(0..=260_usize, 0..3_000), from in 0..3_000_u64,
        ) {
            let mut ring = Ring::new();
            let fill = |(number, length): (usize, &usize)| vec![u8::try_from(number % 251).unwrap(); *length];
            let all: Vec<Vec<u8>> = lengths.iter().enumerate().map(fill).collect();
            for (number, bytes) in (0..).zip(&all) {
                ring.push(head(number, bytes), bytes);
            }
            let held: Vec<Vec<u8>> = ring.frames(0).into_iter().map(|frame| frame.bytes).collect();
            let expected = newest_that_fit(&all);
            prop_assert_eq!(&held, expected);
            prop_assert_eq!(ring.next, u64::try_from(all.len()).unwrap());
            prop_assert!(ring.bytes.len() <= RECORDING_BYTES_MAX);

            let later: Vec<Vec<u8>> = ring.frames(from).into_iter().map(|frame| frame.bytes).collect();
            let first_held = all.len() - expected.len();
            let first = usize::try_from(from).unwrap().clamp(first_held, all.len());
            prop_assert_eq!(later, &all[first..]);
        }
    }

    #[test]
    fn no_frame_takes_memory_that_was_not_asked_for_at_the_start() {
        let mut ring = Ring::new();
        let bytes = [7; 260];
        let taken = (ring.heads.capacity(), ring.bytes.capacity());
        for number in 0..6_000 {
            ring.push(head(number, &bytes), &bytes);
        }
        assert_eq!((ring.heads.capacity(), ring.bytes.capacity()), taken);
    }

    #[test]
    fn a_frame_is_never_told_before_the_one_in_front_of_it() {
        let mut ring = Ring::new();
        for at in [5, 3, 9] {
            ring.push(head(at, &[1]), &[1]);
        }
        let times: Vec<_> = ring.frames(0).iter().map(|frame| frame.at.as_micros()).collect();
        assert_eq!(times, [5, 5, 9]);
    }
}
