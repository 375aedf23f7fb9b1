//! Arrival: the requests of one connection, one after another, each within its time.
//!
//! A request is taken in whole before anybody works on it, so that a slow client costs nothing but its
//! own seat. What a client sends ahead stays in the system until the request before is answered.

use std::io;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::chunks::{ChunkFault, Chunks};
use super::framing::Framing;
use super::head::{self, HeadFault, RequestHead};
use crate::limits;

/// How long a connection may stay silent between two requests.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// How long a head may take, from the connection or its first byte on.
const HEAD_MAX: Duration = Duration::from_secs(5);
/// How long a body may take.
const BODY_MAX: Duration = Duration::from_secs(10);
/// How long we go on listening to a client that has been told not to go on.
const LINGER_MAX: Duration = Duration::from_secs(2);
/// Bytes that are thrown away meanwhile.
const LINGER_BYTES_MAX: usize = 1_024 * 1_024;
/// Bytes that are read together.
const READ_BYTES: usize = 4 * 1_024;

/// Why there is no request.
#[derive(Debug, Error)]
pub(super) enum ArrivalFault {
    /// Nothing more comes: the client is gone, or has been silent for too long.
    #[error("the client is gone")]
    Gone,
    /// The head is none.
    #[error("the head is refused: {0}")]
    Head(#[from] HeadFault),
    /// The head did not come in time.
    #[error("the head did not come within {} s", HEAD_MAX.as_secs())]
    HeadLate,
    /// The body did not come in time.
    #[error("the body did not come within {} s", BODY_MAX.as_secs())]
    BodyLate,
    /// The body ends before it should.
    #[error("the body is shorter than Content-Length says")]
    BodyShort,
    /// The body is too long.
    #[error("the body is longer than {} bytes; ask for less at a time", limits::API_BODY_BYTES_MAX)]
    BodyLong,
    /// The chunks of the body are none.
    #[error("the body is refused: {0}")]
    Chunk(#[from] ChunkFault),
}

/// The requests of one connection.
pub(super) struct Arrivals<S> {
    stream: S,
    /// What has been read and not yet been used.
    ahead: Vec<u8>,
    is_first: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Arrivals<S> {
    /// The requests that come on `stream`.
    pub(super) fn on(stream: S) -> Self {
        Self { stream, ahead: Vec::new(), is_first: true }
    }

    /// Where the answers go.
    pub(super) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The head of the next request.
    ///
    /// # Errors
    /// When none comes, or what comes is none.
    pub(super) async fn head(&mut self) -> Result<RequestHead, ArrivalFault> {
        if !std::mem::replace(&mut self.is_first, false) && self.ahead.is_empty() {
            let awaited = timeout(IDLE_MAX, self.read_more()).await;
            awaited.map_err(|_| ArrivalFault::Gone)??;
        }
        let deadline = Instant::now() + HEAD_MAX;
        loop {
            if let Some(end) = head::end_of(&self.ahead)? {
                let head = RequestHead::parse(&self.ahead[..end]);
                self.ahead.drain(..end);
                return Ok(head?);
            }
            timeout_at(deadline, self.read_more()).await.map_err(|_| ArrivalFault::HeadLate)??;
        }
    }

    /// The whole body of the request whose head is `head`.
    ///
    /// # Errors
    /// When it is too long, late or broken.
    pub(super) async fn body(&mut self, head: &RequestHead) -> Result<Vec<u8>, ArrivalFault> {
        match head.framing {
            Framing::None => return Ok(Vec::new()),
            Framing::Counted(bytes) if bytes > limits::API_BODY_BYTES_MAX => {
                return Err(ArrivalFault::BodyLong);
            }
            Framing::Counted(_) | Framing::Chunked => {}
        }
        if head.expects_continue && self.ahead.is_empty() {
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let body = async {
            match head.framing {
                Framing::Counted(bytes) => self.counted(bytes).await,
                Framing::None | Framing::Chunked => self.chunked().await,
            }
        };
        timeout(BODY_MAX, body).await.map_err(|_| ArrivalFault::BodyLate)?
    }

    async fn counted(&mut self, bytes: usize) -> Result<Vec<u8>, ArrivalFault> {
        while self.ahead.len() < bytes {
            self.read_more().await.map_err(|_| ArrivalFault::BodyShort)?;
        }
        Ok(self.ahead.drain(..bytes).collect())
    }

    async fn chunked(&mut self) -> Result<Vec<u8>, ArrivalFault> {
        let (mut chunks, mut body) = (Chunks::new(), Vec::new());
        loop {
            let mut rest = self.ahead.as_slice();
            while let Some(piece) = chunks.next_piece(&mut rest)? {
                if body.len() + piece.len() > limits::API_BODY_BYTES_MAX {
                    return Err(ArrivalFault::BodyLong);
                }
                body.extend_from_slice(piece);
            }
            let used = self.ahead.len() - rest.len();
            self.ahead.drain(..used);
            if chunks.is_done() {
                return Ok(body);
            }
            // Nobody need send a chunk to be told that it is too long.
            if body.len() as u64 + chunks.announced() > limits::API_BODY_BYTES_MAX as u64 {
                return Err(ArrivalFault::BodyLong);
            }
            self.read_more().await?;
        }
    }

    async fn read_more(&mut self) -> Result<(), ArrivalFault> {
        let mut piece = [0; READ_BYTES];
        match self.stream.read(&mut piece).await {
            Ok(0) | Err(_) => Err(ArrivalFault::Gone),
            Ok(read) => {
                self.ahead.extend_from_slice(&piece[..read]);
                Ok(())
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), ArrivalFault> {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        timeout(HEAD_MAX, sent).await.ok().and_then(Result::ok).ok_or(ArrivalFault::Gone)
    }

    /// Ends the connection in order.
    pub(super) async fn close(mut self) {
        // There is nothing left to lose.
        let _ = timeout(LINGER_MAX, self.stream.shutdown()).await;
    }

    /// Ends the connection although more is coming, in a way that lets the client read its answer: to
    /// close at once would reset the connection and wipe the answer out.
    pub(super) async fn close_unread(mut self) {
        let thrown_away = async {
            self.stream.shutdown().await?;
            let (mut piece, mut thrown) = ([0; READ_BYTES], 0);
            while thrown < LINGER_BYTES_MAX {
                match self.stream.read(&mut piece).await? {
                    0 => break,
                    read => thrown += read,
                }
            }
            io::Result::Ok(())
        };
        // Whoever goes on sending after that has been told.
        let _ = timeout(LINGER_MAX, thrown_away).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};
    use tokio::time::sleep;

    use super::*;

    const HEAD: &str = "POST / HTTP/1.1\r\nHost: a\r\n";

    fn pair() -> (DuplexStream, Arrivals<DuplexStream>) {
        let (client, ours) = duplex(4 * limits::API_BODY_BYTES_MAX);
        (client, Arrivals::on(ours))
    }

    /// Sends `bytes` one by one, with `pause` after each.
    async fn drip(mut client: DuplexStream, bytes: &[u8], pause: Duration) {
        for byte in bytes {
            if client.write_all(&[*byte]).await.is_err() {
                return;
            }
            sleep(pause).await;
        }
        sleep(Duration::from_hours(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_read_however_it_is_cut_and_what_follows_stays() {
        let wire = format!("{HEAD}Content-Length: 3\r\n\r\nabc{HEAD}\r\n");
        for pause in [Duration::ZERO, Duration::from_millis(1)] {
            let (client, mut arrivals) = pair();
            let sent = drip(client, wire.as_bytes(), pause);
            let read = async {
                let head = arrivals.head().await.unwrap();
                assert_eq!(arrivals.body(&head).await.unwrap(), b"abc");
                assert_eq!(arrivals.head().await.unwrap().framing, Framing::None);
            };
            tokio::select! { () = sent => {}, () = read => {} }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_drips_is_given_up_and_so_is_a_body() {
        let started = Instant::now();
        let (client, mut arrivals) = pair();
        tokio::spawn(drip(client, HEAD.as_bytes(), Duration::from_secs(1)));
        assert!(matches!(arrivals.head().await, Err(ArrivalFault::HeadLate)));
        assert_eq!(started.elapsed(), HEAD_MAX);

        for framing in ["Content-Length: 100\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n64\r\n"] {
            let (mut client, mut arrivals) = pair();
            client.write_all(format!("{HEAD}{framing}").as_bytes()).await.unwrap();
            let head = arrivals.head().await.unwrap();
            tokio::spawn(drip(client, &[b'x'; 100], Duration::from_secs(1)));
            assert!(matches!(arrivals.body(&head).await, Err(ArrivalFault::BodyLate)), "{framing}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_is_ended_and_so_is_one_that_only_opens() {
        let (_client, mut arrivals) = pair();
        assert!(matches!(arrivals.head().await, Err(ArrivalFault::HeadLate)));
        let started = Instant::now();
        let (mut client, mut arrivals) = pair();
        client.write_all(format!("{HEAD}\r\n").as_bytes()).await.unwrap();
        arrivals.head().await.unwrap();
        assert!(matches!(arrivals.head().await, Err(ArrivalFault::Gone)));
        assert_eq!(started.elapsed(), IDLE_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_body_is_refused_as_soon_as_it_is_known_to_be() {
        let long = "x".repeat(limits::API_BODY_BYTES_MAX / 2 + 1);
        let half = format!("{:x}\r\n{long}\r\n", long.len());
        for body in [
            "Content-Length: 9000000000000000000\r\n\r\n".to_owned(),
            format!("Transfer-Encoding: chunked\r\n\r\n{half}{half}"),
        ] {
            let (mut client, mut arrivals) = pair();
            client.write_all(format!("{HEAD}{body}").as_bytes()).await.unwrap();
            let head = arrivals.head().await.unwrap();
            assert!(matches!(arrivals.body(&head).await, Err(ArrivalFault::BodyLong)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_to_be_told_to_go_on_is_told() {
        let (mut client, mut arrivals) = pair();
        let head = format!("{HEAD}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        let head = arrivals.head().await.unwrap();
        let asks = async {
            let mut told = [0; 25];
            client.read_exact(&mut told).await.unwrap();
            client.write_all(b"{}").await.unwrap();
            told
        };
        let (body, told) = tokio::join!(arrivals.body(&head), asks);
        assert_eq!((body.unwrap().as_slice(), &told), (&b"{}"[..], b"HTTP/1.1 100 Continue\r\n\r\n"));
    }
}
