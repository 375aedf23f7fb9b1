//! What went over a line last, frame by frame with its time: for whoever looks for a fault of the wire.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::timing::Protocol;
use crate::limits::RECORDING_BYTES_MAX;
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

/// Keeps the last frames of a line, [`RECORDING_BYTES_MAX`] bytes of them. Clones record the same line.
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

    /// These bytes went over the line at this instant, which is just over.
    pub(super) fn note(&self, direction: Direction, at: Instant, bytes: &[u8]) {
        self.push(direction, at, self.clock.now(), bytes);
    }

    /// These bytes, which went over the line at that instant, were thrown away now.
    pub(super) fn note_discarded(&self, at: Instant, bytes: &[u8]) {
        let ago = Instant::now().saturating_duration_since(at);
        self.push(Direction::Discarded, at, before(self.clock.now(), ago), bytes);
    }

    fn push(&self, direction: Direction, at: Instant, time: UtcTime, bytes: &[u8]) {
        let at = at.saturating_duration_since(self.began);
        self.lock().push(Head { direction, at, time }, bytes);
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
}

/// What is held of a frame before its bytes: their number, the direction, and both times.
const HEAD_BYTES: usize = 2 + 1 + 8 + 8;

/// The last frames, one behind the other in the order of the memory, so that a new one lies where the oldest
/// was. All of its memory is asked for at once; what no frame has reached yet the system does not have to give.
struct Ring {
    held: VecDeque<u8>,
    frames: usize,
    /// When the newest was.
    newest: Duration,
    /// The number of the next frame.
    next: u64,
}

impl Ring {
    fn new() -> Self {
        let held = VecDeque::with_capacity(RECORDING_BYTES_MAX);
        Self { held, frames: 0, newest: Duration::ZERO, next: 0 }
    }

    fn push(&mut self, head: Head, bytes: &[u8]) {
        self.next += 1;
        let Ok(count) = u16::try_from(bytes.len()) else { return };
        while self.held.len() + HEAD_BYTES + bytes.len() > RECORDING_BYTES_MAX {
            let Some(oldest) = self.held_at(0) else { return };
            self.held.drain(..oldest.min(self.held.len()));
            self.frames -= 1;
        }
        self.newest = self.newest.max(head.at);
        self.held.extend(&written(Head { at: self.newest, ..head }, count));
        self.held.extend(bytes);
        self.frames += 1;
    }

    /// What the frame that begins at `start` takes.
    fn held_at(&self, start: usize) -> Option<usize> {
        let count = u16::from_le_bytes([*self.held.get(start)?, *self.held.get(start + 1)?]);
        Some(HEAD_BYTES + usize::from(count))
    }

    fn frames(&self, from: u64) -> Vec<Frame> {
        let wanted = usize::try_from(self.next.saturating_sub(from)).unwrap_or(self.frames).min(self.frames);
        let mut start = 0;
        for _ in wanted..self.frames {
            start += self.held_at(start).unwrap_or_default();
        }
        let mut held = self.held.iter().skip(start).copied();
        std::iter::from_fn(|| read(&mut held)).collect()
    }
}

fn written(head: Head, count: u16) -> [u8; HEAD_BYTES] {
    let mut written = [0; HEAD_BYTES];
    let at_us = u64::try_from(head.at.as_micros()).unwrap_or(u64::MAX);
    written[..2].copy_from_slice(&count.to_le_bytes());
    written[2] = match head.direction {
        Direction::Sent => 0,
        Direction::Heard => 1,
        Direction::Discarded => 2,
    };
    written[3..11].copy_from_slice(&at_us.to_le_bytes());
    written[11..].copy_from_slice(&head.time.as_ms().to_le_bytes());
    written
}

/// The inverse of [`written`], with the bytes behind it; `None` at the end.
fn read(held: &mut impl Iterator<Item = u8>) -> Option<Frame> {
    let count = u16::from_le_bytes(take(held)?);
    let direction = match take(held)? {
        [0] => Direction::Sent,
        [1] => Direction::Heard,
        _ => Direction::Discarded,
    };
    let at = Duration::from_micros(u64::from_le_bytes(take(held)?));
    let time = UtcTime::from_ms(i64::from_le_bytes(take(held)?));
    Some(Frame { direction, at, time, bytes: held.take(count.into()).collect() })
}

fn take<const N: usize>(held: &mut impl Iterator<Item = u8>) -> Option<[u8; N]> {
    let mut taken = [0; N];
    for byte in &mut taken {
        *byte = held.next()?;
    }
    Some(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(number: u64) -> Head {
        let direction = match number % 3 {
            0 => Direction::Sent,
            1 => Direction::Heard,
            _ => Direction::Discarded,
        };
        let time = UtcTime::from_ms(i64::try_from(number).unwrap() - 1_000);
        Head { direction, at: Duration::from_micros(number), time }
    }

    fn frame(number: u64, bytes: &[u8]) -> Frame {
        let Head { direction, at, time } = head(number);
        Frame { direction, at, time, bytes: bytes.to_vec() }
    }

    /// Every frame ever, cut down to the newest ones that fit.
    fn newest_that_fit(all: &[Vec<u8>]) -> &[Vec<u8>] {
        let fits = |from: usize| {
            all[from..].iter().map(|bytes| HEAD_BYTES + bytes.len()).sum::<usize>() <= RECORDING_BYTES_MAX
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
                ring.push(head(number), bytes);
            }
            let expected = newest_that_fit(&all);
            let first_held = all.len() - expected.len();
            let frames: Vec<Frame> = (0..).zip(&all).map(|(number, bytes)| frame(number, bytes)).collect();
            prop_assert_eq!(ring.frames(0), &frames[first_held..]);
            prop_assert_eq!(ring.next, u64::try_from(all.len()).unwrap());

            let first = usize::try_from(from).unwrap().clamp(first_held, all.len());
            prop_assert_eq!(ring.frames(from), &frames[first..]);
        }
    }

    #[test]
    fn no_frame_takes_memory_that_was_not_asked_for_at_the_start() {
        let mut ring = Ring::new();
        let bytes = [7; 260];
        let taken = ring.held.capacity();
        for number in 0..6_000 {
            ring.push(head(number), &bytes);
        }
        assert_eq!(ring.held.capacity(), taken);
    }

    #[test]
    fn a_frame_is_never_told_before_the_one_in_front_of_it() {
        let mut ring = Ring::new();
        for at in [5, 3, 9] {
            ring.push(head(at), &[1]);
        }
        let times: Vec<_> = ring.frames(0).iter().map(|frame| frame.at.as_micros()).collect();
        assert_eq!(times, [5, 5, 9]);
    }
}
