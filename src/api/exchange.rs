//! Exchange: one request and its answer, from the first header to the last byte.

use std::io::Write;
use std::sync::Arc;

use tiny_http::{HTTPVersion, Method, Request};

use super::auth;
use super::body::{self, Body, BodyLane, Framing};
use super::document::{self, Document, DocumentError};
use super::fault::Fault;
use super::reply::{self, BrokenOff, Head, Manner, Reply};
use super::route::{Routed, route};
use super::tag;
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

/// Answers `request`.
pub(super) fn answer(mut request: Request, ops: &Arc<Ops>, lane: &BodyLane) {
    let mut about = About::of(&request, ops);
    let (routed, unread_bytes) = match Framing::of(&request) {
        Ok(framing) => {
            let mut body = Body::new(framing, lane);
            let routed = route(&mut request, &mut body, ops);
            (routed, body.unread_bytes())
        }
        Err(fault) => {
            // Nobody can say where the next request would begin.
            about.manner.keeps_alive = false;
            (Err(fault), None)
        }
    };
    let Some(unread_bytes) = unread_bytes else {
        return about.send(&mut request.into_writer(), routed, ops);
    };
    about.manner.keeps_alive = false;
    let mut answer = Vec::new();
    about.send(&mut answer, routed, ops);
    body::answer_unread(request, &answer, unread_bytes);
}

/// What an answer repeats of its request.
struct About {
    manner: Manner,
    request_id: String,
    now: UtcTime,
    /// What the client has already, where it asks in a way that lets answers be kept.
    kept: Option<String>,
    compat: ApiCompat,
}

impl About {
    fn of(request: &Request, ops: &Ops) -> Self {
        let value = |name: &'static str| {
            let header = request.headers().iter().find(|header| header.field.equiv(name));
            header.map(|header| header.value.as_str().trim().to_owned())
        };
        let takes_chunks = *request.http_version() >= HTTPVersion(1, 1);
        let closes = value("Connection").is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            value.contains("close") || value.contains("upgrade")
        });
        let manner = Manner {
            takes_chunks,
            keeps_alive: takes_chunks && !closes,
            head_only: *request.method() == Method::Head,
            takes_gzip: value("Accept-Encoding").is_some_and(|accepted| takes_gzip(&accepted)),
        };
        let may_keep = matches!(request.method(), Method::Get | Method::Head);
        let kept = may_keep.then(|| value("If-None-Match").unwrap_or_default());
        let request_id = value("X-Request-ID").filter(|id| is_sane(id)).unwrap_or_else(random_id);
        Self { manner, request_id, now: ops.clock().now(), kept, compat: ops.site().api.compat.clone() }
    }

    fn send(&self, out: &mut dyn Write, routed: Result<Routed, Fault>, ops: &Arc<Ops>) {
        let sent = match routed {
            Ok(Routed::Options(allow)) => {
                let head = Head { allow: Some(allow), ..self.head(204) };
                reply::send_without_body(out, &head).map_err(WriteError::from)
            }
            Ok(Routed::Document(document)) => return self.send_document(out, &document, ops),
            Err(fault) => self.send_refusal(out, &fault, ops),
        };
        if let Err(error) = sent {
            log::debug!("an answer was not taken: {error}");
        }
    }

    fn send_document(&self, out: &mut dyn Write, document: &Document, ops: &Arc<Ops>) {
        let envelope = self.envelope(Code::Success, Code::Success.meaning(), ops);
        let tag = self.kept.as_ref().and_then(|kept| Some((tag::of(document)?, kept)));
        if let Some((tag, _)) = tag.as_ref().filter(|(tag, kept)| tag::is_among(tag, kept)) {
            let head = Head { tag: Some(tag.clone()), ..self.head(reply::NOT_MODIFIED) };
            if let Err(error) = reply::send_without_body(out, &head) {
                log::debug!("an answer was not taken: {error}");
            }
            return;
        }
        let (tag, content_type) = (tag.map(|(tag, _)| tag), document.content_type());
        let head = Head { content_type, tag, ..self.head(Code::Success.status()) };
        let mut reply = Reply::new(&mut *out, head);
        let error = match document.write(&mut reply, &envelope) {
            Ok(()) => reply.finish().err().map(|error| DocumentError::Write(error.into())),
            Err(error) => match reply.break_off() {
                BrokenOff::Unsent => return self.send_instead(out, error, ops),
                BrokenOff::Sent => Some(error),
            },
        };
        match error {
            Some(DocumentError::Write(WriteError::Io(error))) => {
                log::debug!("an answer was not taken: {error}");
            }
            Some(error) => log::error!("an answer was broken off: {error}"),
            None => {}
        }
    }

    /// Refuses where a document failed before any of it was sent.
    fn send_instead(&self, out: &mut dyn Write, error: DocumentError, ops: &Arc<Ops>) {
        let fault = match error {
            DocumentError::Query(error) => Fault::from(error),
            DocumentError::Write(error) => {
                log::error!("an answer could not be written: {error}");
                Fault::of(Code::Internal, "the answer could not be written; the gateway's log says why")
            }
        };
        if let Err(error) = self.send_refusal(out, &fault, ops) {
            log::debug!("an answer was not taken: {error}");
        }
    }

    fn send_refusal(&self, out: &mut dyn Write, fault: &Fault, ops: &Arc<Ops>) -> Result<(), WriteError> {
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

    fn envelope<'a>(&'a self, code: Code, message: &'a str, ops: &Arc<Ops>) -> Envelope<'a> {
        let at = Shown(self.now.iso(ops.site().cems.offset));
        Envelope { code: ReturnCode::of(code, &self.compat), message, request_id: &self.request_id, at }
    }

    /// The HTTP status of a refusal.
    fn status(&self, code: Code) -> u16 {
        if self.compat.http_status_200 { Code::Success.status() } else { code.status() }
    }

    fn head(&self, status: u16) -> Head {
        let date = self.now.http_date();
        let (manner, content_type) = (self.manner, document::JSON);
        Head { status, manner, content_type, date, allow: None, retry_after_s: None, tag: None }
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
    auth::hex(&random)
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
