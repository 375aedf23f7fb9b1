//! Framing: where the body of a request ends, told in one way only.

use thiserror::Error;

/// How the body of a request is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Framing {
    /// There is none.
    None,
    /// Its length is told.
    Counted(usize),
    /// It comes in chunks.
    Chunked,
}

/// Why a body cannot be delimited, or is not wanted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(in crate::api) enum FramingFault {
    /// `Content-Length` is no number.
    #[error("Content-Length must be one whole number")]
    Length,
    /// Several lengths.
    #[error("Content-Length is given more than once")]
    LengthRepeated,
    /// Chunks and a length.
    #[error("give either Content-Length or Transfer-Encoding, not both")]
    LengthAndEncoding,
    /// Another coding than chunks.
    #[error("Transfer-Encoding must be chunked, or left out for Content-Length")]
    Encoding,
    /// A body where none can be.
    #[error("a {method} has no body; ask in the query string or with POST")]
    NotWanted {
        /// The method.
        method: &'static str,
    },
}

/// Methods whose body means nothing (RFC 9110, section 9.3), so that some programs skip it and some
/// take it for the next request.
const WITHOUT_BODY: [&str; 5] = ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"];

impl Framing {
    /// What the values of `Content-Length` and `Transfer-Encoding` say.
    ///
    /// # Errors
    /// When they say nothing, or more than one thing.
    pub(in crate::api) fn told(
        method: &str,
        is_http_1_0: bool,
        lengths: &[&[u8]],
        encodings: &[&[u8]],
    ) -> Result<Self, FramingFault> {
        let framing = match (lengths, encodings) {
            ([], []) => Self::None,
            ([length], []) => match decimal(length).ok_or(FramingFault::Length)? {
                0 => Self::None,
                bytes => Self::Counted(bytes),
            },
            ([], [encoding]) if encoding.eq_ignore_ascii_case(b"chunked") && !is_http_1_0 => Self::Chunked,
            ([], _) => return Err(FramingFault::Encoding),
            (_, []) => return Err(FramingFault::LengthRepeated),
            (_, _) => return Err(FramingFault::LengthAndEncoding),
        };
        match WITHOUT_BODY.iter().find(|known| **known == method) {
            Some(method) if framing != Self::None => Err(FramingFault::NotWanted { method }),
            _ => Ok(framing),
        }
    }
}

/// Digits and nothing else; more than a number holds is a very long body all the same.
fn decimal(text: &[u8]) -> Option<usize> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = std::str::from_utf8(text).ok()?;
    Some(digits.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(method: &str, lengths: &[&str], encodings: &[&str]) -> Result<Framing, FramingFault> {
        let lengths: Vec<&[u8]> = lengths.iter().map(|text| text.as_bytes()).collect();
        let encodings: Vec<&[u8]> = encodings.iter().map(|text| text.as_bytes()).collect();
        Framing::told(method, false, &lengths, &encodings)
    }

    #[test]
    fn a_body_is_delimited_in_one_way() {
        for (lengths, encodings, framing) in [
            (&[][..], &[][..], Ok(Framing::None)),
            (&["0"], &[], Ok(Framing::None)),
            (&["5"], &[], Ok(Framing::Counted(5))),
            (&[], &["chunked"], Ok(Framing::Chunked)),
            (&[], &["CHUNKED"], Ok(Framing::Chunked)),
            (&["5", "5"], &[], Err(FramingFault::LengthRepeated)),
            (&["5"], &["chunked"], Err(FramingFault::LengthAndEncoding)),
            (&["5", "6"], &["chunked"], Err(FramingFault::LengthAndEncoding)),
            (&[], &["gzip"], Err(FramingFault::Encoding)),
            (&[], &["gzip, chunked"], Err(FramingFault::Encoding)),
            (&[], &["chunked", "chunked"], Err(FramingFault::Encoding)),
            (&[], &["identity"], Err(FramingFault::Encoding)),
            (&[], &[""], Err(FramingFault::Encoding)),
        ] {
            assert_eq!(told("POST", lengths, encodings), framing, "{lengths:?} {encodings:?}");
        }
    }

    #[test]
    fn a_length_is_digits_and_nothing_else() {
        for length in ["", "-1", "+5", "0x10", "5, 5", "5;", "1e3", " ", "５"] {
            assert_eq!(told("POST", &[length], &[]), Err(FramingFault::Length), "{length}");
        }
        let long = "99999999999999999999999999";
        assert_eq!(told("POST", &[long], &[]), Ok(Framing::Counted(usize::MAX)));
    }

    #[test]
    fn a_question_without_body_has_none() {
        for method in WITHOUT_BODY {
            assert_eq!(told(method, &["1"], &[]), Err(FramingFault::NotWanted { method }));
            assert_eq!(told(method, &[], &["chunked"]), Err(FramingFault::NotWanted { method }));
            assert_eq!(told(method, &["0"], &[]), Ok(Framing::None));
        }
    }

    #[test]
    fn an_old_client_sends_no_chunks() {
        assert_eq!(Framing::told("POST", true, &[], &[b"chunked"]), Err(FramingFault::Encoding));
    }
}
