//! Relay: one whole request to a worker, and its answer back at the pace of the client.

use std::io::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::answer::{Addressee, Passage};
use super::head::{Field, RequestHead};
use super::key::GateKey;
use super::lanes::Worker;
use super::spool::{Spool, SpoolStore};
use crate::limits;

/// How long a worker may be silent.
const WORKER_SILENCE_MAX: Duration = Duration::from_mins(1);
/// How long a client may take for the next [`STALL_BYTES`] of its answer.
const STALL_MAX: Duration = Duration::from_secs(20);
/// Whoever takes fewer bytes at a time only wants to hold us up.
const STALL_BYTES: usize = 4 * 1_024;
/// Bytes of the head of an answer.
const HEAD_BYTES_MAX: usize = 8 * 1_024;

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relayed {
    /// The client has all of it; the connection stays open or not.
    Whole {
        /// The client may ask again.
        keeps_alive: bool,
    },
    /// Nothing was sent: the worker said nothing, or nothing that is an answer.
    Unanswered,
    /// A part was sent and no more can be.
    BrokenOff,
    /// The client took nothing for too long, or is gone.
    Stalled,
}

/// What the workers are told of who asks.
pub(in crate::api) struct Introduction<'a> {
    /// What shows that the gate says so.
    pub(in crate::api) key: &'a GateKey,
    /// The address of the client.
    pub(in crate::api) from: IpAddr,
    /// The ID of the platform, where one has shown who it is.
    pub(in crate::api) platform: Option<&'a str>,
}

/// `head` and `body` as the workers take them: one way to say each thing, and nothing else.
pub(in crate::api) fn canonical(head: &RequestHead, body: &[u8], introduction: &Introduction<'_>) -> Vec<u8> {
    let Introduction { key, from, platform } = introduction;
    let mut out = Vec::with_capacity(512 + body.len());
    // Writing into memory does not fail.
    let _ = write!(out, "{} {} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n", head.method, head.target);
    let _ = write!(out, "{}: {}\r\n", GateKey::HEADER, key.value());
    let _ = write!(out, "{}: {from}\r\n", GateKey::PEER_HEADER);
    if let Some(platform) = platform {
        let _ = write!(out, "{}: {platform}\r\n", GateKey::PLATFORM_HEADER);
    }
    // Whoever asks has been looked at; what shows it goes no further.
    for (field, value) in head.fields().iter().filter(|(field, _)| *field != Field::Authorization) {
        let _ = write!(out, "{}: {value}\r\n", field.name());
    }
    if !body.is_empty() {
        let _ = write!(out, "Content-Length: {}\r\n", body.len());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}

/// Has `request` answered by a worker at `socket`, for the client of `stream`. The worker is free as
/// soon as its answer is here, whether the client has taken it or not.
pub(super) async fn relay(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    (socket, request, worker): (&Path, &[u8], Worker<'_>),
    to: Addressee,
    spools: &SpoolStore,
) -> Relayed {
    let begun = timeout(WORKER_SILENCE_MAX, begin(socket, request, to)).await;
    let Ok(Some(begun)) = begun else { return Relayed::Unanswered };
    let Begun { mut answers, mut passage, head, rest } = begun;
    let mut spool = Spool::new(spools);
    spool.put(&head);
    if passage.pass(&rest, &mut spool).is_err() {
        return Relayed::BrokenOff;
    }
    let (mut worker, mut piece) = (Some(worker), vec![0; limits::GATE_SPOOL_BYTES_MIN]);
    let mut pace = Pace::new();
    loop {
        let is_whole = passage.is_whole();
        if is_whole {
            worker.take();
            if spool.waiting().is_empty() {
                break;
            }
        }
        let has_room = !is_whole && spool.has_room(piece.len());
        let is_waiting = !spool.waiting().is_empty();
        tokio::select! {
            // The client first: what it takes at once need not be kept.
            biased;
            written = stream.write(spool.waiting()), if is_waiting => match written {
                Ok(1..) => {
                    let written = written.unwrap_or_default();
                    pace.client_took(written);
                    spool.was_taken(written);
                }
                Ok(0) | Err(_) => return Relayed::Stalled,
            },
            read = answers.read(&mut piece), if has_room => {
                pace.worker_spoke(is_waiting);
                let Ok(1..) = read else { return Relayed::BrokenOff };
                let bytes = &piece[..read.unwrap_or_default()];
                if passage.pass(bytes, &mut spool).is_err() {
                    return Relayed::BrokenOff;
                }
            }
            () = sleep_until(pace.deadline(is_waiting)) => {
                return if is_waiting { Relayed::Stalled } else { Relayed::BrokenOff };
            }
        }
    }
    match timeout(STALL_MAX, stream.flush()).await {
        Ok(Ok(())) => Relayed::Whole { keeps_alive: passage.keeps_alive },
        _ => Relayed::Stalled,
    }
}

/// Sends an answer that is whole already.
pub(super) async fn send(stream: &mut (impl AsyncWrite + Unpin), answer: &[u8], to: Addressee) -> Relayed {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
    let mut out = Vec::with_capacity(answer.len() + 64);
    let Ok(passage) = Passage::begin(&answer[..end], to, &mut out) else { return Relayed::Unanswered };
    if !passage.is_whole() {
        out.extend_from_slice(&answer[end..]);
    }
    let sent = async {
        stream.write_all(&out).await?;
        stream.flush().await
    };
    match timeout(STALL_MAX, sent).await {
        Ok(Ok(())) => Relayed::Whole { keeps_alive: passage.keeps_alive },
        _ => Relayed::Stalled,
    }
}

/// An answer that has begun.
struct Begun {
    answers: UnixStream,
    passage: Passage,
    /// Its head for the client.
    head: Vec<u8>,
    /// What came together with the head.
    rest: Vec<u8>,
}

async fn begin(socket: &Path, request: &[u8], to: Addressee) -> Option<Begun> {
    let mut answers = UnixStream::connect(socket).await.ok()?;
    answers.write_all(request).await.ok()?;
    let mut come = Vec::with_capacity(limits::GATE_SPOOL_BYTES_MIN);
    let end = loop {
        if let Some(at) = come.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if come.len() > HEAD_BYTES_MAX || answers.read_buf(&mut come).await.ok()? == 0 {
            return None;
        }
    };
    let mut head = Vec::new();
    let passage = Passage::begin(&come[..end], to, &mut head).ok()?;
    come.drain(..end);
    Some(Begun { answers, passage, head, rest: come })
}

/// How the two sides of an answer get on.
struct Pace {
    worker_since: Instant,
    client_since: Instant,
    taken: usize,
}

impl Pace {
    fn new() -> Self {
        let now = Instant::now();
        Self { worker_since: now, client_since: now, taken: 0 }
    }

    fn worker_spoke(&mut self, client_was_waited_for: bool) {
        self.worker_since = Instant::now();
        if !client_was_waited_for {
            self.client_since = self.worker_since;
        }
    }

    fn client_took(&mut self, bytes: usize) {
        self.taken += bytes;
        if self.taken >= STALL_BYTES {
            (self.client_since, self.taken) = (Instant::now(), 0);
        }
    }

    fn deadline(&self, client_is_waited_for: bool) -> Instant {
        if client_is_waited_for {
            self.client_since + STALL_MAX
        } else {
            self.worker_since + WORKER_SILENCE_MAX
        }
    }
}
