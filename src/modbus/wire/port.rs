//! The stream of an open line, with what was heard on it and when.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};

use super::super::frame::Heard;
use super::super::pause::Pause;
use super::super::recorder::{Direction, Recorder};
use super::super::timing::Timing;
use super::super::transport::Stream;

/// A frame that cannot be written for this long beyond its time on the wire never will be.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);
/// Discarded bytes are logged at most this often.
const LOG_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Port {
    stream: Box<dyn Stream>,
    timing: Timing,
    pause: Pause,
    recorder: Recorder,
    /// What was heard and not yet understood.
    pub(super) heard: Heard,
    /// When the last byte went over the wire, in either direction.
    last_activity: Instant,
    /// When the last byte was heard.
    last_heard: Instant,
    discards: Discards,
}

impl Port {
    pub(super) fn new(stream: Box<dyn Stream>, timing: Timing, recorder: Recorder) -> Self {
        let now = Instant::now();
        Self {
            stream,
            timing,
            pause: Pause::of(timing.pause),
            recorder,
            heard: Heard::default(),
            last_activity: now,
            last_heard: now,
            discards: Discards { next_log: now, unlogged: 0 },
        }
    }

    /// When the last byte went over the wire; in the future while a request is still leaving.
    pub(super) const fn last_activity(&self) -> Instant {
        self.last_activity
    }

    /// When the last byte was heard.
    pub(super) const fn last_heard(&self) -> Instant {
        self.last_heard
    }

    /// Writes `frame` and says when its last bit will have left the port.
    pub(super) async fn send(&mut self, frame: &[u8]) -> io::Result<Instant> {
        let wire_time = self.timing.wire_time(frame.len());
        let mut written_at = Instant::now();
        self.recorder.note(Direction::Sent, written_at, frame);
        let written = self.write_at_once(frame).await?;
        if let Some(rest @ [_, ..]) = frame.get(written..) {
            timeout(wire_time + SEND_TIMEOUT, self.stream.write_all(rest)).await??;
            written_at = Instant::now();
        }
        self.last_activity = written_at + wire_time;
        Ok(self.last_activity)
    }

    /// Writes as much of `frame` as the stream takes without waiting, and says how much that was: nearly always
    /// all of it, and then no time has to be watched.
    async fn write_at_once(&mut self, frame: &[u8]) -> io::Result<usize> {
        poll_fn(|context| match Pin::new(&mut self.stream).poll_write(context, frame) {
            Poll::Ready(written) => Poll::Ready(written),
            Poll::Pending => Poll::Ready(Ok(0)),
        })
        .await
    }

    /// Waits for bytes, adds them to those heard and says how many came; 0 when none did by `until`.
    pub(super) async fn hear(&mut self, until: Instant) -> io::Result<usize> {
        timeout_at(until, self.hear_any()).await.unwrap_or(Ok(0))
    }

    /// Waits for bytes without end. Nothing is lost when the future is dropped.
    pub(super) async fn hear_any(&mut self) -> io::Result<usize> {
        poll_fn(|context| self.poll_hear(context)).await
    }

    /// A caller that wants to keep what it heard makes room first; otherwise a full buffer is emptied.
    fn poll_hear(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.make_room(0);
        let mut buffer = ReadBuf::new(self.heard.space());
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        let count = buffer.filled().len();
        Poll::Ready(self.take_in(count))
    }

    fn take_in(&mut self, count: usize) -> io::Result<usize> {
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed from the other side"));
        }
        self.heard.grow(count);
        self.last_heard = Instant::now();
        self.last_activity = self.last_activity.max(self.last_heard);
        Ok(count)
    }

    /// Waits for the silence that must lie between two frames, and throws away what came into it.
    pub(super) async fn fall_silent(&mut self) -> io::Result<()> {
        // A line that is never silent is not waited for: the search for the reply copes with noise.
        for _ in 0..8 {
            self.pause.until(self.last_activity + self.timing.gap).await;
            if self.take_pending().await? == 0 {
                break;
            }
        }
        self.discard_all();
        self.stream.discard_input()
    }

    /// Takes in what has already arrived.
    async fn take_pending(&mut self) -> io::Result<usize> {
        poll_fn(|context| match self.poll_hear(context) {
            Poll::Pending => Poll::Ready(Ok(0)),
            heard @ Poll::Ready(_) => heard,
        })
        .await
    }

    /// Takes the first `count` bytes heard as the answer that they are.
    pub(super) fn take(&mut self, count: usize) {
        let bytes = self.heard.bytes();
        self.recorder.note(Direction::Heard, self.last_heard, bytes.get(..count).unwrap_or(bytes));
        self.heard.forget(count);
    }

    /// Throws away the first `count` bytes heard, and says so in the log now and then.
    pub(super) fn discard(&mut self, count: usize) {
        let count = count.min(self.heard.bytes().len());
        if count > 0 {
            let bytes = &self.heard.bytes()[..count];
            self.recorder.note_discarded(self.last_heard, bytes);
            self.discards.log(bytes);
            self.heard.forget(count);
        }
    }

    /// Throws away everything heard.
    pub(super) fn discard_all(&mut self) {
        self.discard(self.heard.bytes().len());
    }

    /// Throws away all but the last `count` bytes heard if there is no room for more.
    pub(super) fn make_room(&mut self, count: usize) {
        if self.heard.space().is_empty() {
            self.discard(self.heard.bytes().len().saturating_sub(count));
        }
    }
}

/// What was heard last and never understood may be why the line was given up.
impl Drop for Port {
    fn drop(&mut self) {
        self.discard_all();
    }
}

/// Tells of discarded bytes without filling the log of a noisy line.
struct Discards {
    next_log: Instant,
    unlogged: usize,
}

impl Discards {
    fn log(&mut self, bytes: &[u8]) {
        if let Some(unlogged) = self.take_turn(bytes.len(), Instant::now()) {
            log::debug!("discarded {bytes:02x?}, and {unlogged} bytes more since the last such line");
        }
    }

    /// Whether so many bytes are told of now, and how many were not since the last that were.
    fn take_turn(&mut self, bytes: usize, now: Instant) -> Option<usize> {
        if now < self.next_log {
            self.unlogged = self.unlogged.saturating_add(bytes);
            return None;
        }
        self.next_log = now + LOG_EVERY;
        Some(std::mem::take(&mut self.unlogged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noisy_line_is_told_of_once_a_second_with_what_was_left_out() {
        let start = Instant::now();
        let mut discards = Discards { next_log: start, unlogged: 0 };
        let told: Vec<Option<usize>> =
            (0..25).map(|step| discards.take_turn(10, start + LOG_EVERY / 10 * step)).collect();
        let expected = |step| match step {
            0 => Some(0),
            10 | 20 => Some(90),
            _ => None,
        };
        assert_eq!(told, (0..25).map(expected).collect::<Vec<_>>());
    }
}
