//! Asked: what an answer repeats of its request, and how the client wants it.

use std::io::Write;
use std::sync::Arc;

use super::document;
use super::fault::Fault;
use super::hex::hex;
use super::reply::{Head, Manner, Reply};
use super::wire::Shown;
use super::wire::answer::Envelope;
use super::wire::code::Code;
use super::wire::compat::ReturnCode;
use super::wire::json_stream::WriteError;
use crate::config::site::ApiCompat;
use crate::ops::Ops;
use crate::time::UtcTime;

/// Characters of a request's own ID; a longer one is replaced.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// What an answer repeats of its request.
pub(super) struct Asked {
    manner: Manner,
    request_id: String,
    now: UtcTime,
    /// What the client has already, where it asks in a way that lets answers be kept.
    kept: Option<String>,
    compat: ApiCompat,
}

impl Asked {
    /// What a request of `method` says, whose headers `value` gives by their name in lower case.
    pub(super) fn of(method: &str, value: impl Fn(&'static str) -> Option<String>, ops: &Ops) -> Self {
        let manner = Manner {
            head_only: method == "HEAD",
            takes_gzip: value("accept-encoding").is_some_and(|accepted| takes_gzip(&accepted)),
        };
        let may_keep = matches!(method, "GET" | "HEAD");
        let kept = may_keep.then(|| value("if-none-match").unwrap_or_default());
        let request_id = value("x-request-id").filter(|id| is_sane(id)).unwrap_or_else(random_id);
        Self { manner, request_id, now: ops.clock().now(), kept, compat: ops.site().api.compat.clone() }
    }

    /// What a request says of which nothing could be read.
    pub(super) fn unread(ops: &Ops) -> Self {
        Self::of("", |_| None, ops)
    }

    /// What the client has already; `None` where it asks in a way that lets no answer be kept.
    pub(super) fn kept(&self) -> Option<&str> {
        self.kept.as_deref()
    }

    /// Writes the answer to a request that is refused.
    ///
    /// # Errors
    /// When `out` takes no more.
    pub(super) fn write_refusal(
        &self,
        out: &mut dyn Write,
        fault: &Fault,
        ops: &Arc<Ops>,
    ) -> Result<(), WriteError> {
        let envelope = self.envelope(fault.code, &fault.message, ops);
        let head = Head {
            allow: fault.allow,
            retry_after_s: fault.retry_after_s,
            ..self.head(self.status(fault.code))
        };
        let mut reply = Reply::new(out, head);
        document::write_refusal(&mut reply, &envelope)?;
        Ok(reply.finish()?)
    }

    /// The members that every answer begins with.
    pub(super) fn envelope<'a>(&'a self, code: Code, message: &'a str, ops: &Arc<Ops>) -> Envelope<'a> {
        let at = Shown(self.now.iso(ops.site().cems.offset));
        Envelope { code: ReturnCode::of(code, &self.compat), message, request_id: &self.request_id, at }
    }

    /// The head of an answer with `status`.
    pub(super) fn head(&self, status: u16) -> Head {
        let date = self.now.http_date();
        let (manner, content_type) = (self.manner, document::JSON);
        Head { status, manner, content_type, date, allow: None, retry_after_s: None, tag: None }
    }

    /// The HTTP status of a refusal.
    fn status(&self, code: Code) -> u16 {
        if self.compat.http_status_200 { Code::Success.status() } else { code.status() }
    }
}

/// Whether an `Accept-Encoding` (RFC 9110, section 12.5.3) takes gzip.
fn takes_gzip(accepted: &str) -> bool {
    let weight = |coding: &str| {
        let of_coding = accepted.split(',').find_map(|piece| {
            let mut parts = piece.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
            named.then(|| parts.find_map(|part| part.strip_prefix("q=")).unwrap_or("1").to_owned())
        });
        of_coding.map(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight > 0.0))
    };
    weight("gzip").or_else(|| weight("x-gzip")).or_else(|| weight("*")).unwrap_or(false)
}

/// Only what cannot be mistaken for anything else anywhere is repeated.
fn is_sane(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !id.is_empty() && id.len() <= REQUEST_ID_CHARS_MAX && id.bytes().all(plain)
}

fn random_id() -> String {
    let mut random = [0; 8];
    // An ID of zeros is no harm: it only helps to find an answer again.
    let _ = getrandom::fill(&mut random);
    hex(&random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_compressed_only_for_whoever_says_so() {
        for (accepted, takes) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("x-gzip", true),
            ("*", true),
            ("br, *;q=0.1", true),
            ("gzip;q=0", false),
            ("*, gzip;q=0.0", false),
            ("gzip;q=x", false),
            ("identity", false),
            ("", false),
        ] {
            assert_eq!(takes_gzip(accepted), takes, "{accepted}");
        }
    }

    #[test]
    fn only_a_plain_request_id_is_repeated() {
        for (id, sane) in [
            ("a1", true),
            ("7f3c1d52-0000_x.Y", true),
            ("", false),
            ("a b", false),
            ("a\"b", false),
            ("电", false),
            (&"x".repeat(65), false),
        ] {
            assert_eq!(is_sane(id), sane, "{id}");
        }
        assert_ne!(random_id(), random_id());
    }
}
