//! Tag: what tells one answer from another, so that a client need not take the same one twice.
//!
//! The tag is a digest of all that the answer would say, so that nothing can change without it: neither
//! the site nor whether a point is heard. It is weak, because the envelope of each answer is its own.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::document::Document;
use super::hex::hex;
use super::wire::Shown;
use super::wire::answer::Envelope;
use super::wire::code::Code;
use super::wire::compat::ReturnCode;
use crate::time::{UtcOffset, UtcTime};

/// Bytes of the digest that are shown; two answers to one question share them once in 2^64.
const SHOWN_BYTES: usize = 8;

/// The tag of a document that stays the same for long; `None` of others.
pub(super) fn of(document: &Document) -> Option<String> {
    if !matches!(document, Document::Static(_) | Document::OpenApi) {
        return None;
    }
    let at = Shown(UtcTime::from_ms(0).iso(UtcOffset::UTC));
    let envelope =
        Envelope { code: ReturnCode::Number(Code::Success.number()), message: "", request_id: "", at };
    let mut digest = Digested(Sha256::new());
    document.write(&mut digest, &envelope).ok()?;
    let digest = digest.0.finalize();
    digest.get(..SHOWN_BYTES).map(|bytes| format!("W/\"{}\"", hex(bytes)))
}

/// Whether `tag` is among those of an `If-None-Match` (RFC 9110, section 13.1.2).
pub(super) fn is_among(tag: &str, kept: &str) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    kept.split(',').any(|one| one.trim() == "*" || strong(one) == strong(tag))
}

struct Digested(Sha256);

impl Write for Digested {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interface_itself_has_one_tag_and_health_has_none() {
        let tag = of(&Document::OpenApi).unwrap();
        assert_eq!(Some(&tag), of(&Document::OpenApi).as_ref());
        assert_eq!((tag.len(), &tag[..3], &tag[19..]), (20, "W/\"", "\""));
        assert_eq!(of(&Document::About), None);
    }

    #[test]
    fn a_tag_is_known_again_alone_in_a_list_and_by_a_star() {
        for (kept, is_it) in [
            ("W/\"ab\"", true),
            ("\"ab\"", true),
            ("\"x\", W/\"ab\"", true),
            ("*", true),
            ("\"abc\"", false),
            ("ab", false),
            ("", false),
        ] {
            assert_eq!(is_among("W/\"ab\"", kept), is_it, "{kept}");
        }
    }
}
