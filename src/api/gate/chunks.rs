//! Chunks: a body that comes in pieces (RFC 9112, section 7.1), followed byte by byte.
//!
//! Neither extensions nor trailers are taken: nobody here has a use for them, and programs differ in
//! where they see their ends.

use thiserror::Error;

/// Digits of a chunk's length; nothing here is longer than 4 GiB.
const DIGITS_MAX: u8 = 8;

/// Why a body in chunks is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(in crate::api) enum ChunkFault {
    /// The line before a chunk.
    #[error("a chunk must begin with its length: 1 to {DIGITS_MAX} hexadecimal digits and CR LF")]
    Size,
    /// What follows a chunk.
    #[error("a chunk must end with CR LF where its length says")]
    End,
    /// What follows the last chunk.
    #[error("the last chunk must be followed by CR LF; trailers are not taken")]
    Trailer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the length, after so many digits of it.
    Size {
        digits: u8,
        bytes: u64,
    },
    /// After the CR behind a length.
    SizeLf {
        bytes: u64,
    },
    /// In a chunk of which so much is to come.
    Data {
        left: u64,
    },
    /// After a chunk.
    DataCr,
    /// After the CR behind a chunk.
    DataLf,
    /// After the last chunk.
    LastCr,
    /// After the CR behind the last chunk.
    LastLf,
    Done,
}

/// A place in a body that comes in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) struct Chunks(State);

const BEGIN: State = State::Size { digits: 0, bytes: 0 };

impl Chunks {
    /// Before the first chunk.
    pub(in crate::api) const fn new() -> Self {
        Self(BEGIN)
    }

    /// Whether the whole body has gone by.
    pub(in crate::api) fn is_done(self) -> bool {
        self.0 == State::Done
    }

    /// Bytes that are still to come of the chunk that has begun.
    pub(in crate::api) fn announced(self) -> u64 {
        match self.0 {
            State::Data { left } => left,
            _ => 0,
        }
    }

    /// Moves on in `bytes` to behind the next piece of the body, and gives that. `None` at the end of
    /// `bytes` or of the body; what is left of `bytes` then belongs to something else.
    ///
    /// # Errors
    /// When these are no chunks.
    pub(in crate::api) fn next_piece<'b>(
        &mut self,
        bytes: &mut &'b [u8],
    ) -> Result<Option<&'b [u8]>, ChunkFault> {
        while self.0 != State::Done {
            if let State::Data { left } = self.0 {
                let length = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                let (piece, rest) = bytes.split_at(length);
                *bytes = rest;
                let left = left - length as u64;
                self.0 = if left == 0 { State::DataCr } else { State::Data { left } };
                return Ok((length > 0).then_some(piece));
            }
            let Some((byte, rest)) = bytes.split_first() else { return Ok(None) };
            self.0 = step(self.0, *byte)?;
            *bytes = rest;
        }
        Ok(None)
    }
}

fn step(state: State, byte: u8) -> Result<State, ChunkFault> {
    match (state, byte) {
        (State::Size { digits, bytes }, _) if byte.is_ascii_hexdigit() && digits < DIGITS_MAX => {
            let digit = char::from(byte).to_digit(16).ok_or(ChunkFault::Size)?;
            Ok(State::Size { digits: digits + 1, bytes: bytes * 16 + u64::from(digit) })
        }
        (State::Size { digits: 1.., bytes }, b'\r') => Ok(State::SizeLf { bytes }),
        (State::SizeLf { bytes: 0 }, b'\n') => Ok(State::LastCr),
        (State::SizeLf { bytes }, b'\n') => Ok(State::Data { left: bytes }),
        (State::DataCr, b'\r') => Ok(State::DataLf),
        (State::DataLf, b'\n') => Ok(BEGIN),
        (State::LastCr, b'\r') => Ok(State::LastLf),
        (State::LastLf, b'\n') => Ok(State::Done),
        (State::Size { .. } | State::SizeLf { .. }, _) => Err(ChunkFault::Size),
        (State::DataCr | State::DataLf, _) => Err(ChunkFault::End),
        (State::LastCr | State::LastLf | State::Data { .. } | State::Done, _) => Err(ChunkFault::Trailer),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The body in `bytes`, which come in pieces of `step` bytes, and what is left behind it.
    fn joined(bytes: &[u8], step: usize) -> Result<(Vec<u8>, bool, Vec<u8>), ChunkFault> {
        let (mut chunks, mut body, mut behind) = (Chunks::new(), Vec::new(), Vec::new());
        for mut part in bytes.chunks(step.max(1)) {
            while let Some(piece) = chunks.next_piece(&mut part)? {
                body.extend_from_slice(piece);
            }
            behind.extend_from_slice(part);
        }
        Ok((body, chunks.is_done(), behind))
    }

    #[test]
    fn chunks_are_joined_and_their_end_is_seen() {
        let (body, is_done, behind) = joined(b"5\r\nhello\r\nA\r\n, electric\r\n0\r\n\r\nGET /", 3).unwrap();
        assert_eq!(
            (body.as_slice(), is_done, behind.as_slice()),
            (&b"hello, electric"[..], true, &b"GET /"[..])
        );
        assert_eq!(joined(b"5\r\nhel", 9).unwrap(), (b"hel".to_vec(), false, Vec::new()));
        assert_eq!(joined(b"0\r\n\r", 9).unwrap(), (Vec::new(), false, Vec::new()));
    }

    #[test]
    fn what_is_not_exactly_a_chunk_is_refused() {
        for (bytes, fault) in [
            ("\r\n", ChunkFault::Size),
            ("x\r\n", ChunkFault::Size),
            ("+5\r\nhello", ChunkFault::Size),
            ("0x5\r\nhello", ChunkFault::Size),
            (" 5\r\nhello", ChunkFault::Size),
            ("5 \r\nhello", ChunkFault::Size),
            ("5;a=b\r\nhello", ChunkFault::Size),
            ("5\nhello", ChunkFault::Size),
            ("5\r\r", ChunkFault::Size),
            ("100000000\r\n", ChunkFault::Size),
            ("5\r\nhello5\r\n", ChunkFault::End),
            ("5\r\nhello\n", ChunkFault::End),
            ("0\r\nA: b\r\n\r\n", ChunkFault::Trailer),
            ("0\r\n\n", ChunkFault::Trailer),
        ] {
            assert_eq!(joined(bytes.as_bytes(), 9), Err(fault), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_body_is_the_same(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8),
            step in 1..50_usize,
        ) {
            let mut wire = Vec::new();
            for piece in &pieces {
                wire.extend(format!("{:x}\r\n", piece.len()).into_bytes());
                wire.extend(piece);
                wire.extend(b"\r\n");
            }
            wire.extend(b"0\r\n\r\nrest");
            prop_assert_eq!(joined(&wire, step), Ok((pieces.concat(), true, b"rest".to_vec())));
        }
    }
}
