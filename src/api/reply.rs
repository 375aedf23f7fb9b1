//! Reply: the bytes of an HTTP answer.
//!
//! A short document is held back until it is whole and goes out with its length; a document that
//! fails before that never shows. A longer one is streamed in chunks; when it fails, its last chunk
//! is replaced by something that is no chunk, so that nobody takes it for complete or waits on. Whether
//! the connection stays open, and what a client gets that knows no chunks, is the gate's affair.
//! Only what is streamed in chunks is worth compressing, where the client takes that.

use std::io::{self, BufWriter, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::limits;

/// How a client wants to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    /// Only the head is wanted (`HEAD`).
    pub head_only: bool,
    /// `gzip` is understood.
    pub takes_gzip: bool,
}

/// The head of an answer without its length. Every text in it is a literal of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The HTTP status.
    pub status: u16,
    /// How it is answered.
    pub manner: Manner,
    /// What the media type of the answer is called.
    pub content_type: &'static str,
    /// Now, as HTTP writes it.
    pub date: String,
    /// Methods that would be taken.
    pub allow: Option<&'static str>,
    /// Seconds after which it may be tried again.
    pub retry_after_s: Option<u32>,
    /// What tells this answer from others to the same question.
    pub tag: Option<String>,
}

enum Length {
    Known(u64),
    Chunked,
    /// In chunks and compressed.
    Gzip,
    NoBody,
}

impl Head {
    fn write(&self, out: &mut dyn Write, length: &Length) -> io::Result<()> {
        write!(out, "HTTP/1.1 {} {}\r\nDate: {}\r\n", self.status, reason(self.status), self.date)?;
        out.write_all(b"X-Content-Type-Options: nosniff\r\n")?;
        match &self.tag {
            // It may be kept, and is asked for again before it is used.
            Some(tag) => write!(out, "Cache-Control: private, no-cache\r\nETag: {tag}\r\n")?,
            None => out.write_all(b"Cache-Control: no-store\r\n")?,
        }
        if !matches!(length, Length::NoBody) || self.status == NOT_MODIFIED {
            out.write_all(b"Vary: Accept-Encoding\r\n")?;
        }
        if !matches!(length, Length::NoBody) {
            write!(out, "Content-Type: {}\r\n", self.content_type)?;
        }
        match length {
            Length::Known(bytes) => write!(out, "Content-Length: {bytes}\r\n")?,
            Length::Chunked => out.write_all(b"Transfer-Encoding: chunked\r\n")?,
            Length::Gzip => {
                out.write_all(b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")?;
            }
            Length::NoBody => {}
        }
        if self.status == 401 {
            out.write_all(b"WWW-Authenticate: Bearer realm=\"cems\"\r\n")?;
        }
        if let Some(allow) = self.allow {
            write!(out, "Allow: {allow}\r\n")?;
        }
        if let Some(seconds) = self.retry_after_s {
            write!(out, "Retry-After: {seconds}\r\n")?;
        }
        out.write_all(b"\r\n")
    }
}

/// The status of an answer that the client has already.
pub(super) const NOT_MODIFIED: u16 = 304;

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

/// An answer without a body.
pub(super) fn send_without_body(out: &mut dyn Write, head: &Head) -> io::Result<()> {
    head.write(out, &Length::NoBody)?;
    out.flush()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has been sent.
    Held,
    /// The head and some chunks have been sent.
    Chunks,
}

/// What became of a reply that was broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BrokenOff {
    /// Nothing had been sent, another answer may be.
    Unsent,
    /// A part had been sent; the client sees that it is one.
    Sent,
}

/// The body of an answer, written as it comes.
pub(super) struct Reply<'o> {
    /// What belongs together leaves together: small pieces would wait for each other's acknowledgement.
    out: BufWriter<&'o mut dyn Write>,
    head: Head,
    state: State,
    held: Vec<u8>,
    /// Compresses what has been held, into memory that is sent as soon as there is some.
    gzip: Option<GzEncoder<Vec<u8>>>,
    counted: u64,
}

impl<'o> Reply<'o> {
    /// An answer that goes to `out`.
    pub(super) fn new(out: &'o mut dyn Write, head: Head) -> Self {
        let out = BufWriter::with_capacity(limits::API_REPLY_SENT_BYTES, out);
        Self { out, head, state: State::Held, held: Vec::new(), gzip: None, counted: 0 }
    }

    /// Sends what is left and the mark that this is all.
    pub(super) fn finish(mut self) -> io::Result<()> {
        match self.state {
            State::Held => {
                let length = self.length_of_whole();
                self.head.write(&mut self.out, &length)?;
                self.out.write_all(&self.held)?;
            }
            State::Chunks => {
                self.send_held()?;
                if let Some(gzip) = self.gzip.take() {
                    send_chunk(&mut self.out, &gzip.finish()?)?;
                }
                self.out.write_all(b"0\r\n\r\n")?;
            }
        }
        self.out.flush()
    }

    /// Ends a document that cannot be completed.
    pub(super) fn break_off(mut self) -> BrokenOff {
        match self.state {
            State::Held => return BrokenOff::Unsent,
            // No chunk begins like this: the client gives up at once instead of waiting for more.
            State::Chunks => {
                let _ = self.out.write_all(b"!\r\n").and_then(|()| self.out.flush());
            }
        }
        BrokenOff::Sent
    }

    /// How an answer that was never begun is delimited; a `HEAD` tells what a `GET` would.
    fn length_of_whole(&self) -> Length {
        let is_long = self.counted > limits::API_REPLY_HELD_BYTES_MAX as u64;
        if is_long && self.head.manner.takes_gzip { Length::Gzip } else { Length::Known(self.counted) }
    }

    fn begin_streaming(&mut self) -> io::Result<()> {
        self.state = State::Chunks;
        if self.head.manner.takes_gzip {
            self.gzip = Some(GzEncoder::new(Vec::new(), Compression::fast()));
            return self.head.write(&mut self.out, &Length::Gzip);
        }
        self.head.write(&mut self.out, &Length::Chunked)
    }

    fn send_held(&mut self) -> io::Result<()> {
        match (&mut self.gzip, self.state) {
            (Some(gzip), _) => {
                gzip.write_all(&self.held)?;
                send_chunk(&mut self.out, gzip.get_ref())?;
                gzip.get_mut().clear();
            }
            (None, State::Chunks) => send_chunk(&mut self.out, &self.held)?,
            (None, State::Held) => self.out.write_all(&self.held)?,
        }
        self.held.clear();
        Ok(())
    }
}

/// A chunk of no bytes would be the last one.
fn send_chunk(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    write!(out, "{:x}\r\n", bytes.len())?;
    out.write_all(bytes)?;
    out.write_all(b"\r\n")
}

impl Write for Reply<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.counted = self.counted.saturating_add(bytes.len() as u64);
        if self.head.manner.head_only {
            return Ok(bytes.len());
        }
        if self.held.len() + bytes.len() > limits::API_REPLY_HELD_BYTES_MAX {
            if self.state == State::Held {
                self.begin_streaming()?;
            }
            self.send_held()?;
        }
        self.held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(manner: Manner) -> Head {
        Head {
            status: 200,
            manner,
            content_type: "application/json; charset=utf-8",
            date: "now".to_owned(),
            allow: None,
            retry_after_s: None,
            tag: None,
        }
    }

    const MODERN: Manner = Manner { head_only: false, takes_gzip: false };

    fn sent(manner: Manner, bytes: usize, end: impl FnOnce(Reply<'_>)) -> String {
        String::from_utf8(sent_bytes(manner, bytes, end)).unwrap()
    }

    fn sent_bytes(manner: Manner, bytes: usize, end: impl FnOnce(Reply<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        let mut reply = Reply::new(&mut out, head(manner));
        for _ in 0..bytes / 100 {
            reply.write_all(&[b'x'; 100]).unwrap();
        }
        end(reply);
        out
    }

    /// The body of a chunked answer; `None` where it is not whole.
    fn dechunked(body: &str) -> Option<usize> {
        let (mut rest, mut length) = (body, 0);
        loop {
            let (size, after) = rest.split_once("\r\n")?;
            let size = usize::from_str_radix(size, 16).ok()?;
            if size == 0 {
                return (after == "\r\n").then_some(length);
            }
            length += size;
            rest = after.get(size..)?.strip_prefix("\r\n")?;
        }
    }

    #[test]
    fn a_short_answer_has_its_length_and_a_long_one_comes_in_chunks() {
        let short = sent(MODERN, 500, |reply| reply.finish().unwrap());
        assert!(short.contains("Content-Length: 500\r\n") && short.ends_with(&"x".repeat(500)));
        let long = sent(MODERN, 100_000, |reply| reply.finish().unwrap());
        let (head, body) = long.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("Transfer-Encoding: chunked") && !head.contains("Content-Length"));
        assert_eq!(dechunked(body), Some(100_000));
    }

    #[test]
    fn an_answer_that_is_broken_off_never_looks_whole() {
        let long = sent(MODERN, 100_000, |reply| assert_eq!(reply.break_off(), BrokenOff::Sent));
        let (_, body) = long.split_once("\r\n\r\n").unwrap();
        assert_eq!(dechunked(body), None);
        let short = sent(MODERN, 500, |reply| assert_eq!(reply.break_off(), BrokenOff::Unsent));
        assert_eq!(short, "");
    }

    #[test]
    fn a_head_tells_the_length_that_the_body_would_have() {
        let manner = Manner { head_only: true, ..MODERN };
        let answer = sent(manner, 100_000, |reply| reply.finish().unwrap());
        assert!(answer.contains("Content-Length: 100000\r\n") && answer.ends_with("\r\n\r\n"));
    }

    const PACKED: Manner = Manner { takes_gzip: true, ..MODERN };

    /// Head and body of an answer, its chunks joined; `None` where it is not whole.
    fn taken_apart(answer: &[u8]) -> Option<(String, Vec<u8>)> {
        let at = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
        let (head, mut rest) = (String::from_utf8(answer[..at].to_vec()).ok()?, &answer[at + 4..]);
        let mut body = Vec::new();
        loop {
            let end = rest.windows(2).position(|two| two == b"\r\n")?;
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
            if size == 0 {
                return Some((head, body));
            }
            body.extend_from_slice(rest.get(end + 2..end + 2 + size)?);
            rest = rest.get(end + 4 + size..)?;
        }
    }

    #[test]
    fn a_long_answer_is_compressed_for_whoever_takes_it_and_a_short_one_is_not() {
        use std::io::Read;
        let (head, body) =
            taken_apart(&sent_bytes(PACKED, 300_000, |reply| reply.finish().unwrap())).unwrap();
        assert!(head.contains("Content-Encoding: gzip\r\n") && head.contains("Vary: Accept-Encoding"));
        assert!(body.len() < 3_000, "{}", body.len());
        let mut plain = String::new();
        flate2::read::GzDecoder::new(body.as_slice()).read_to_string(&mut plain).unwrap();
        assert_eq!(plain, "x".repeat(300_000));
        let short = sent(PACKED, 500, |reply| reply.finish().unwrap());
        assert!(!short.contains("gzip") && short.ends_with(&"x".repeat(500)));
    }

    #[test]
    fn a_compressed_answer_that_is_broken_off_never_looks_whole() {
        let answer = sent_bytes(PACKED, 300_000, |reply| assert_eq!(reply.break_off(), BrokenOff::Sent));
        assert_eq!(taken_apart(&answer), None);
    }

    #[test]
    fn a_head_tells_how_the_body_would_be_compressed() {
        let asked = Manner { head_only: true, ..PACKED };
        let answer = sent(asked, 100_000, |reply| reply.finish().unwrap());
        assert!(answer.contains("Content-Encoding: gzip") && !answer.contains("Content-Length"), "{answer}");
        assert!(sent(asked, 500, |reply| reply.finish().unwrap()).contains("Content-Length: 500\r\n"));
    }

    #[test]
    fn memory_stays_the_same_however_long_the_answer_is() {
        let mut out = io::sink();
        for manner in [MODERN, PACKED] {
            let mut reply = Reply::new(&mut out, head(manner));
            for number in 0..100_000_u32 {
                // Noise, which does not compress.
                let noise: Vec<u8> =
                    (0..25).flat_map(|i| (number ^ i).wrapping_mul(0x9E37_79B1).to_le_bytes()).collect();
                reply.write_all(&noise).unwrap();
                assert!(reply.held.capacity() <= 2 * limits::API_REPLY_HELD_BYTES_MAX);
                let packed = reply.gzip.as_ref().map_or(0, |gzip| gzip.get_ref().capacity());
                assert!(packed <= 128 * 1_024, "{packed}");
            }
            reply.finish().unwrap();
        }
    }
}
