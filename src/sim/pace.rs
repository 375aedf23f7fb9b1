//! Gives a pty the pace of a wire: a character takes its time in both directions, and a request that comes
//! before the line was silent is counted. Without it a pty carries a frame in no time at all.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::time::{Instant, sleep_until};

use crate::limits;
use crate::modbus::timing;
use crate::model::meter::SerialSettings;

/// How fast a wire is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Time of one character.
    pub char_time: Duration,
    /// The silence that ends a frame.
    pub gap: Duration,
}

impl Pace {
    /// The pace of a serial line with these settings: 10 or 11 bits a character, and 3.5 characters of
    /// silence, or 1.75 ms above 19200 baud (Modbus over Serial Line V1.02, section 2.5.1.1).
    #[must_use]
    pub fn of(settings: &SerialSettings) -> Self {
        let char_time = timing::char_time(settings.baud, settings.bits_per_char());
        Self { char_time, gap: timing::gap(settings.baud, char_time) }
    }

    /// Whole characters that pass in `time`.
    fn chars_in(self, time: Duration) -> usize {
        let chars = time.as_nanos() / self.char_time.as_nanos().max(1);
        usize::try_from(chars).unwrap_or(usize::MAX)
    }

    /// When the last of so many characters has passed of which the first began at `began`.
    fn end_of(self, chars: usize, began: Instant) -> Instant {
        began + self.char_time * u32::try_from(chars).unwrap_or(u32::MAX)
    }
}

/// What is heard of the silences on one wire.
#[derive(Debug)]
pub struct Silence {
    line_id: String,
    /// When the last character of a reply went out; `None` once a request has come after it.
    replied_at: Mutex<Option<Instant>>,
    early_requests: AtomicU64,
}

impl Silence {
    /// A wire on which nothing was said yet.
    #[must_use]
    pub fn on(line_id: &str) -> Self {
        Self { line_id: line_id.to_owned(), replied_at: Mutex::new(None), early_requests: AtomicU64::new(0) }
    }

    /// The line.
    #[must_use]
    pub fn line_id(&self) -> &str {
        &self.line_id
    }

    /// Requests that began while a reply was under way or before the silence after it was over. One that
    /// kept the silence is never among them; one that was short of it by less than this program takes to
    /// notice it may be missing.
    #[must_use]
    pub fn early_requests(&self) -> u64 {
        self.early_requests.load(Ordering::Relaxed)
    }

    fn replied(&self, at: Instant) {
        *self.replied_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    fn request_began(&self, at: Instant, pace: Pace) {
        let replied_at = self.replied_at.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(silent) = replied_at.map(|replied_at| at.saturating_duration_since(replied_at)) else {
            return;
        };
        if silent < pace.gap {
            self.early_requests.fetch_add(1, Ordering::Relaxed);
            log::warn!(
                "line '{}': a request came {} us after a reply; {} us of silence belong between them",
                self.line_id,
                silent.as_micros(),
                pace.gap.as_micros()
            );
        }
    }
}

/// Carries bytes between a client's `port` and the `meters` at the pace of a wire, until one of both ends.
///
/// # Errors
/// When one of them fails.
pub async fn carry(
    port: impl AsyncRead + AsyncWrite,
    meters: impl AsyncRead + AsyncWrite,
    pace: Pace,
    silence: &Silence,
) -> io::Result<()> {
    let (mut from_port, mut to_port) = split(port);
    let (mut from_meters, mut to_meters) = split(meters);
    tokio::select! {
        ended = carry_requests(&mut from_port, &mut to_meters, pace, silence) => ended,
        ended = carry_replies(&mut from_meters, &mut to_port, pace, silence) => ended,
    }
}

/// A request is handed over when its last character has come; a client gives it to a pty at once.
async fn carry_requests(
    port: &mut (impl AsyncRead + Unpin),
    meters: &mut (impl AsyncWrite + Unpin),
    pace: Pace,
    silence: &Silence,
) -> io::Result<()> {
    let mut chunk = [0; limits::TCP_FRAME_BYTES_MAX];
    loop {
        let count = port.read(&mut chunk).await?;
        let began = Instant::now();
        let Some(bytes) = chunk.get(..count).filter(|bytes| !bytes.is_empty()) else { return Ok(()) };
        silence.request_began(began, pace);
        sleep_until(pace.end_of(count, began)).await;
        meters.write_all(bytes).await?;
    }
}

/// Every character of a reply is written when it has passed, or a little later: the runtime's timer has
/// whole milliseconds, and then writes all that have.
async fn carry_replies(
    meters: &mut (impl AsyncRead + Unpin),
    port: &mut (impl AsyncWrite + Unpin),
    pace: Pace,
    silence: &Silence,
) -> io::Result<()> {
    let mut chunk = [0; limits::TCP_FRAME_BYTES_MAX];
    loop {
        let count = meters.read(&mut chunk).await?;
        let began = Instant::now();
        let Some(bytes) = chunk.get(..count).filter(|bytes| !bytes.is_empty()) else { return Ok(()) };
        let mut written = 0;
        while written < count {
            sleep_until(pace.end_of(written + 1, began)).await;
            let passed = pace.chars_in(began.elapsed()).clamp(written + 1, count);
            // Before it is written: nobody can have read it earlier.
            silence.replied(Instant::now());
            port.write_all(bytes.get(written..passed).unwrap_or_default()).await?;
            written = passed;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    /// 9600 baud and 11 bits.
    const PACE: Pace = Pace { char_time: Duration::from_micros(1_146), gap: Duration::from_micros(4_010) };

    /// A client's end and the meters' end of a paced wire.
    fn wire() -> (DuplexStream, DuplexStream, std::sync::Arc<Silence>) {
        let (client, port) = duplex(512);
        let (near, meters) = duplex(512);
        let silence = std::sync::Arc::new(Silence::on("rs485"));
        let heard = std::sync::Arc::clone(&silence);
        tokio::spawn(async move { carry(port, near, PACE, &heard).await });
        (client, meters, silence)
    }

    /// Milliseconds from now until so many bytes have come, one after the other.
    async fn arrivals_ms(stream: &mut DuplexStream, count: usize) -> Vec<u128> {
        let began = Instant::now();
        let mut at = Vec::new();
        for _ in 0..count {
            stream.read_u8().await.unwrap();
            at.push(began.elapsed().as_millis());
        }
        at
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_heard_when_its_last_character_has_passed() {
        let (mut client, mut meters, _) = wire();
        client.write_all(&[1; 8]).await.unwrap();
        assert_eq!(arrivals_ms(&mut meters, 8).await, [10; 8]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_comes_character_by_character() {
        let (mut client, mut meters, _) = wire();
        meters.write_all(&[1; 8]).await.unwrap();
        assert_eq!(arrivals_ms(&mut client, 8).await, [2, 3, 4, 5, 6, 7, 9, 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_before_the_silence_after_a_reply_is_counted_once() {
        for (pause_ms, early_requests) in [(0, 1), (3, 1), (5, 0)] {
            let (mut client, mut meters, silence) = wire();
            client.write_all(&[1; 8]).await.unwrap();
            arrivals_ms(&mut meters, 8).await;
            meters.write_all(&[2; 7]).await.unwrap();
            arrivals_ms(&mut client, 7).await;
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            client.write_all(&[1; 3]).await.unwrap();
            arrivals_ms(&mut meters, 3).await;
            client.write_all(&[1; 5]).await.unwrap();
            arrivals_ms(&mut meters, 5).await;
            assert_eq!(silence.early_requests(), early_requests, "after {pause_ms} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_into_a_reply_is_counted() {
        let (mut client, mut meters, silence) = wire();
        meters.write_all(&[2; 20]).await.unwrap();
        arrivals_ms(&mut client, 5).await;
        client.write_all(&[1; 8]).await.unwrap();
        arrivals_ms(&mut client, 15).await;
        assert_eq!(silence.early_requests(), 1);
    }
}
