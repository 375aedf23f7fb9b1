//! Body: what a request carries, read only after its length has been judged.
//!
//! `tiny_http` believes every length: it drains what was not read when a request is dropped, with a
//! buffer of the length that was told, and waits for bytes that never come. So a long body is read
//! by few workers at a time, and a request whose body is not wanted is answered and left behind
//! rather than dropped.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tiny_http::{Request, Response};

use super::fault::Fault;
use super::wire::code::Code;
use crate::limits;

/// Bodies up to this length are in memory before a request is handed to us.
const READ_AHEAD_BYTES: usize = 1_024;
/// Workers that may wait for long bodies at a time; the others go on answering.
const WAITING_MAX: usize = limits::API_WORKERS / 2;
/// An unwanted body up to this length is taken in and thrown away, so that an honest client gets its
/// connection closed in order.
const DRAIN_BYTES_MAX: usize = 1_024 * 1_024;
/// Threads that throw bodies away.
const DRAINING_MAX: usize = 16;
/// Bytes of the stack of such a thread.
const DRAIN_STACK_BYTES: usize = 64 * 1_024;
/// Seconds after which a client with a long body may try again.
const RETRY_AFTER_S: u32 = 1;

static DRAINING: AtomicUsize = AtomicUsize::new(0);
static LEFT_BEHIND: AtomicUsize = AtomicUsize::new(0);

/// How the body of a request is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    None,
    /// It is in memory already.
    AtHand,
    /// It has to be waited for; its length is told.
    Counted(usize),
    /// It has to be waited for; it comes in chunks.
    Chunked,
}

impl Framing {
    /// How the body of `request` is delimited.
    ///
    /// # Errors
    /// When its headers contradict each other or are no lengths at all.
    pub(super) fn of(request: &Request) -> Result<Self, Fault> {
        let lengths: Vec<&str> = values(request, "Content-Length").collect();
        let encodings: Vec<&str> = values(request, "Transfer-Encoding").collect();
        let fault = |why: &str| Err(Fault::malformed(why));
        match (lengths.as_slice(), encodings.as_slice()) {
            ([], []) => Ok(Self::None),
            ([], [encoding]) if encoding.eq_ignore_ascii_case("chunked") => Ok(Self::Chunked),
            ([], _) => fault("Transfer-Encoding must be chunked, or left out for Content-Length"),
            ([length], []) => match decimal(length) {
                Some(0) => Ok(Self::None),
                Some(_) if asks_for_upgrade(request) => fault("a request to upgrade has no body"),
                Some(bytes) if bytes <= READ_AHEAD_BYTES && !expects(request) => Ok(Self::AtHand),
                Some(bytes) => Ok(Self::Counted(bytes)),
                None => fault("Content-Length must be one whole number"),
            },
            ([_, _, ..], []) => fault("Content-Length is given more than once"),
            (_, [_, ..]) => fault("give either Content-Length or Transfer-Encoding, not both"),
        }
    }
}

fn values<'r>(request: &'r Request, name: &'static str) -> impl Iterator<Item = &'r str> {
    let named = request.headers().iter().filter(move |header| header.field.equiv(name));
    named.map(|header| header.value.as_str().trim())
}

fn decimal(text: &str) -> Option<usize> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().unwrap_or(usize::MAX))
}

fn expects(request: &Request) -> bool {
    values(request, "Expect").next().is_some()
}

fn asks_for_upgrade(request: &Request) -> bool {
    values(request, "Connection").any(|value| value.to_ascii_lowercase().contains("upgrade"))
}

/// Keeps count of the workers that wait for long bodies.
#[derive(Debug, Default)]
pub(super) struct BodyLane(AtomicUsize);

struct Waiting<'l>(&'l BodyLane);

impl BodyLane {
    fn enter(&self) -> Option<Waiting<'_>> {
        let others = self.0.fetch_add(1, Ordering::AcqRel);
        let waiting = Waiting(self);
        (others < WAITING_MAX).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The body of one request.
pub(super) struct Body<'l> {
    framing: Framing,
    lane: &'l BodyLane,
    is_read: bool,
}

impl<'l> Body<'l> {
    /// A body that has not been read.
    pub(super) const fn new(framing: Framing, lane: &'l BodyLane) -> Self {
        Self { framing, lane, is_read: false }
    }

    /// Whether the request carries one.
    pub(super) fn is_there(&self) -> bool {
        self.framing != Framing::None
    }

    /// Reads the body whole.
    ///
    /// # Errors
    /// When it is too long, ends early, or too many others are being waited for.
    pub(super) fn read(&mut self, request: &mut Request) -> Result<Vec<u8>, Fault> {
        match self.framing {
            Framing::None => return Ok(Vec::new()),
            Framing::Counted(bytes) if bytes > limits::API_BODY_BYTES_MAX => return Err(too_long()),
            Framing::AtHand | Framing::Counted(_) | Framing::Chunked => {}
        }
        let busy = || Fault::of(Code::Busy, "too many long bodies at once").retry_after_s(RETRY_AFTER_S);
        let waiting = self.lane.enter();
        if waiting.is_none() && self.framing != Framing::AtHand {
            return Err(busy());
        }
        self.is_read = true;
        let most = match self.framing {
            Framing::Counted(bytes) => bytes,
            // One more than is allowed, to see whether there is more.
            _ => limits::API_BODY_BYTES_MAX + 1,
        };
        let mut bytes = Vec::new();
        let taken = request.as_reader().take(most as u64).read_to_end(&mut bytes);
        match (taken, self.framing) {
            (Err(_), _) => Err(Fault::malformed("the body could not be read to its end")),
            (Ok(read), Framing::Counted(told)) if read < told => {
                Err(Fault::malformed("the body is shorter than Content-Length says"))
            }
            (Ok(read), _) if read > limits::API_BODY_BYTES_MAX => Err(too_long()),
            (Ok(_), _) => Ok(bytes),
        }
    }

    /// The bytes that `tiny_http` would wait for if the request were dropped now.
    pub(super) fn unread_bytes(&self) -> Option<usize> {
        match self.framing {
            Framing::Counted(bytes) if !self.is_read => Some(bytes),
            _ => None,
        }
    }
}

fn too_long() -> Fault {
    let max = limits::API_BODY_BYTES_MAX;
    Fault::of(Code::BodyTooLong, format!("the body is longer than {max} bytes; ask for less at a time"))
}

/// Sends `answer` although `unread_bytes` of the request are still to come, and never waits for them.
///
/// `tiny_http` gives a request's writer only together with its reader or after draining it, so the
/// answer goes out behind an interim `100 Continue`, which every client skips.
pub(super) fn answer_unread(request: Request, answer: &[u8], unread_bytes: usize) {
    let mut stream = request.upgrade("HTTP/1.1", Response::empty(100));
    // The client may be gone; there is nobody left to tell.
    let _ = stream.write_all(answer).and_then(|()| stream.flush());
    match DrainSlot::take().filter(|_| unread_bytes <= DRAIN_BYTES_MAX) {
        Some(slot) => drain(stream, slot),
        None => leave_behind(stream, unread_bytes),
    }
}

/// Leave to run one thread that throws a body away.
struct DrainSlot;

impl DrainSlot {
    fn take() -> Option<Self> {
        let others = DRAINING.fetch_add(1, Ordering::AcqRel);
        let slot = Self;
        (others < DRAINING_MAX).then_some(slot)
    }
}

impl Drop for DrainSlot {
    fn drop(&mut self) {
        DRAINING.fetch_sub(1, Ordering::AcqRel);
    }
}

fn drain<T: Send + 'static>(stream: T, slot: DrainSlot) {
    let thread = thread::Builder::new().name("api-drain".to_owned()).stack_size(DRAIN_STACK_BYTES);
    let spawned = thread.spawn(move || {
        // Dropping the stream reads what is left of the body.
        drop(stream);
        drop(slot);
    });
    if let Err(error) = spawned {
        log::warn!("no thread could be had to throw an unwanted request body away: {error}");
    }
}

fn leave_behind<T>(stream: T, unread_bytes: usize) {
    // Dropping it would allocate what the request claims to carry. The connection and its thread are
    // lost, which is the smaller harm; only a process on this machine can cause it.
    std::mem::forget(stream);
    let count = LEFT_BEHIND.fetch_add(1, Ordering::AcqRel) + 1;
    log::warn!("a request that claims {unread_bytes} bytes was left behind, the {count}. of its kind");
}
