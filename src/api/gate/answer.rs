//! Answer: what a worker says, as the client is told it.
//!
//! The head is written anew: what concerns the connection is between the client and the gate. The body
//! is followed to its end, so that one that was broken off is never taken for whole.

use std::io::Write as _;

use super::chunks::Chunks;
use super::spool::Spool;

/// Headers of an answer.
const FIELDS_MAX: usize = 24;
/// Headers that are the gate's own affair.
const OF_THE_CONNECTION: [&str; 4] = ["connection", "keep-alive", "server", "transfer-encoding"];

/// How a client wants its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Addressee {
    /// It asked with `HEAD`.
    pub(super) head_only: bool,
    /// It knows no chunks.
    pub(super) is_http_1_0: bool,
    /// It would ask again on this connection, and may.
    pub(super) keeps_alive: bool,
}

/// What came of a worker is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoAnswer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Counted(u64),
    Chunked(Chunks),
}

/// The rest of an answer on its way.
#[derive(Debug)]
pub(super) struct Passage {
    body: Body,
    /// The lengths of the chunks are left out.
    is_unwrapped: bool,
    /// The connection stays open after it.
    pub(super) keeps_alive: bool,
}

impl Passage {
    /// Reads the head of an answer, writes it anew into `out`, and gives what is to follow.
    ///
    /// # Errors
    /// When it is no head of an answer.
    pub(super) fn begin(head: &[u8], to: Addressee, out: &mut Vec<u8>) -> Result<Self, NoAnswer> {
        let mut slots = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut parsed = httparse::Response::new(&mut slots);
        parsed.parse(head).map_err(|_| NoAnswer)?;
        let (status, reason) = (parsed.code.ok_or(NoAnswer)?, parsed.reason.unwrap_or_default());
        let value = |name: &str| {
            let header = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            header.and_then(|header| std::str::from_utf8(header.value).ok())
        };
        let is_chunked = value("transfer-encoding").is_some();
        let length = value("content-length").and_then(|length| length.parse().ok());
        let body = match (is_chunked, length) {
            _ if to.head_only || matches!(status, 204 | 304) => Body::Counted(0),
            (true, _) => Body::Chunked(Chunks::new()),
            (false, Some(length)) => Body::Counted(length),
            (false, None) => return Err(NoAnswer),
        };
        // Without chunks only the end of the connection tells the end of such a body.
        let is_unwrapped = is_chunked && to.is_http_1_0;
        let keeps_alive = to.keeps_alive && !is_unwrapped;
        let version = if to.is_http_1_0 { "HTTP/1.0" } else { "HTTP/1.1" };
        // Writing into memory does not fail.
        let _ = write!(out, "{version} {status} {reason}\r\n");
        for header in parsed.headers.iter().filter(|header| goes_further(header.name, status)) {
            let _ = write!(out, "{}: ", header.name);
            out.extend_from_slice(header.value);
            out.extend_from_slice(b"\r\n");
        }
        if is_chunked && !is_unwrapped {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        let connection = if keeps_alive { "keep-alive" } else { "close" };
        let _ = write!(out, "Connection: {connection}\r\n\r\n");
        Ok(Self { body, is_unwrapped, keeps_alive })
    }

    /// Whether all of it has gone by.
    pub(super) fn is_whole(&self) -> bool {
        match self.body {
            Body::Counted(left) => left == 0,
            Body::Chunked(chunks) => chunks.is_done(),
        }
    }

    /// Puts the next `bytes` of the worker into `spool`.
    ///
    /// # Errors
    /// When the worker has broken the answer off.
    pub(super) fn pass(&mut self, bytes: &[u8], spool: &mut Spool<'_>) -> Result<(), NoAnswer> {
        match &mut self.body {
            Body::Counted(left) => {
                let fits = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= fits as u64;
                spool.put(&bytes[..fits]);
            }
            Body::Chunked(chunks) => {
                let mut rest = bytes;
                while let Some(piece) = chunks.next_piece(&mut rest).map_err(|_| NoAnswer)? {
                    if self.is_unwrapped {
                        spool.put(piece);
                    }
                }
                if !self.is_unwrapped {
                    spool.put(&bytes[..bytes.len() - rest.len()]);
                }
            }
        }
        Ok(())
    }
}

/// A 304 may tell no length but that of the answer that the client has (RFC 9110, section 8.6).
fn goes_further(name: &str, status: u16) -> bool {
    let is_of_the_connection = OF_THE_CONNECTION.iter().any(|known| name.eq_ignore_ascii_case(known));
    let is_untrue = status == 304 && name.eq_ignore_ascii_case("content-length");
    !is_of_the_connection && !is_untrue
}

#[cfg(test)]
mod tests {
    use super::super::spool::SpoolStore;
    use super::*;

    const MODERN: Addressee = Addressee { head_only: false, is_http_1_0: false, keeps_alive: true };

    /// What the client gets of an answer that comes in pieces of `step` bytes, and whether it is whole.
    fn passed(answer: &str, to: Addressee, step: usize) -> Result<(String, bool, bool), NoAnswer> {
        let (head, body) = answer.split_at(answer.find("\r\n\r\n").unwrap() + 4);
        let (store, mut out) = (SpoolStore::default(), Vec::new());
        let mut passage = Passage::begin(head.as_bytes(), to, &mut out)?;
        let mut spool = Spool::new(&store);
        spool.put(&out);
        for piece in body.as_bytes().chunks(step) {
            passage.pass(piece, &mut spool)?;
        }
        let text = String::from_utf8(spool.waiting().to_vec()).unwrap();
        Ok((text, passage.is_whole(), passage.keeps_alive))
    }

    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nServer: x\r\nETag: \"1\"\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
                           3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";

    #[test]
    fn an_answer_goes_through_with_a_head_of_the_gates_own() {
        for step in 1..20 {
            let (text, is_whole, stays) = passed(CHUNKED, MODERN, step).unwrap();
            assert_eq!(
                text,
                "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n\
                 3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
            );
            assert!(is_whole && stays);
        }
    }

    #[test]
    fn an_old_client_gets_the_body_without_chunks_until_the_connection_ends() {
        let old = Addressee { is_http_1_0: true, ..MODERN };
        let (text, is_whole, stays) = passed(CHUNKED, old, 2).unwrap();
        assert_eq!(text, "HTTP/1.0 200 OK\r\nETag: \"1\"\r\nConnection: close\r\n\r\nabcde");
        assert!(is_whole && !stays);
    }

    #[test]
    fn a_body_that_was_broken_off_is_not_whole() {
        let (_, is_whole, _) = passed(&CHUNKED[..CHUNKED.len() - 5], MODERN, 4).unwrap();
        assert!(!is_whole);
        let broken = CHUNKED.replace("0\r\n\r\n", "!\r\n");
        assert_eq!(passed(&broken, MODERN, 4), Err(NoAnswer));
        let (_, is_whole, _) = passed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd", MODERN, 4).unwrap();
        assert!(!is_whole);
    }

    #[test]
    fn an_answer_without_body_ends_with_its_head() {
        for (answer, to, tells_length) in [
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n", MODERN, false),
            ("HTTP/1.1 204 No Content\r\n\r\n", MODERN, false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", Addressee { head_only: true, ..MODERN }, true),
        ] {
            let (text, is_whole, _) = passed(answer, to, 4).unwrap();
            assert!(is_whole && text.contains("Content-Length") == tells_length, "{text}");
        }
        assert_eq!(passed("HTTP/1.1 200 OK\r\n\r\n", MODERN, 4), Err(NoAnswer));
    }
}
