//! Exchange: one request of the gate and its answer, from the first header to the last byte.

use std::io::Write;
use std::sync::Arc;

use tiny_http::{Request, Response};

use super::asked::Asked;
use super::document::{Document, DocumentError};
use super::fault::Fault;
use super::gate::{GateKey, Tally};
use super::reply::{self, BrokenOff, Head, Reply};
use super::route::{Routed, route};
use super::tag;
use super::wire::code::Code;
use super::wire::json_stream::WriteError;
use crate::ops::Ops;

/// Status of an answer to whoever is not the gate.
const FORBIDDEN: u16 = 403;

/// Answers `request`, if it comes through the gate that has `key`.
pub(super) fn answer(mut request: Request, ops: &Arc<Ops>, (key, tally): (&GateKey, &Tally)) {
    if !key.opens(header(&request, GateKey::HEADER)) {
        log::warn!("a request that did not come through the gate was refused");
        // Whoever asked is none of ours.
        let _ = request.respond(Response::empty(FORBIDDEN));
        return;
    }
    let value = |name| header(&request, name).map(str::to_owned);
    let asked = Asked::of(request.method().as_str(), value, ops);
    let routed = route(&mut request, ops, tally);
    let out: &mut dyn Write = &mut request.into_writer();
    let sent = match routed {
        Ok(Routed::Options(allow)) => {
            let head = Head { allow: Some(allow), ..asked.head(204) };
            reply::send_without_body(out, &head).map_err(WriteError::from)
        }
        Ok(Routed::Document(document)) => send_document(out, &asked, &document, ops),
        Err(fault) => asked.write_refusal(out, &fault, ops),
    };
    if let Err(error) = sent {
        log::debug!("an answer was not taken: {error}");
    }
}

/// The value of the first header of this name.
pub(super) fn header<'r>(request: &'r Request, name: &'static str) -> Option<&'r str> {
    let header = request.headers().iter().find(|header| header.field.equiv(name));
    header.map(|header| header.value.as_str().trim())
}

fn send_document(
    out: &mut dyn Write,
    asked: &Asked,
    document: &Document,
    ops: &Arc<Ops>,
) -> Result<(), WriteError> {
    let envelope = asked.envelope(Code::Success, Code::Success.meaning(), ops);
    let tag = asked.kept().and_then(|kept| Some((tag::of(document)?, kept)));
    if let Some((tag, _)) = tag.as_ref().filter(|(tag, kept)| tag::is_among(tag, kept)) {
        let head = Head { tag: Some(tag.clone()), ..asked.head(reply::NOT_MODIFIED) };
        return Ok(reply::send_without_body(out, &head)?);
    }
    let (tag, content_type) = (tag.map(|(tag, _)| tag), document.content_type());
    let head = Head { content_type, tag, ..asked.head(Code::Success.status()) };
    let mut reply = Reply::new(&mut *out, head);
    let error = match document.write(&mut reply, &envelope) {
        Ok(()) => return Ok(reply.finish()?),
        Err(error) => error,
    };
    match (reply.break_off(), error) {
        (_, DocumentError::Write(WriteError::Io(error))) => Err(error.into()),
        (BrokenOff::Unsent, error) => asked.write_refusal(out, &fault_of(error), ops),
        (BrokenOff::Sent, error) => {
            log::error!("an answer was broken off: {error}");
            Ok(())
        }
    }
}

/// What a client is told of a document that failed before any of it was sent.
fn fault_of(error: DocumentError) -> Fault {
    match error {
        DocumentError::Query(error) => Fault::from(error),
        DocumentError::Write(error) => {
            log::error!("an answer could not be written: {error}");
            Fault::of(Code::Internal, "the answer could not be written; the gateway's log says why")
        }
    }
}
