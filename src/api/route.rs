//! Route: from a request to the answer: where it leads, who asks, what is asked.

use std::sync::Arc;

use tiny_http::{Method, Request};

use super::body::Body;
use super::document::Document;
use super::fault::Fault;
use super::wire::code::Code;
use super::wire::operation::{Operation, Place, Subject};
use super::wire::request::Request as Question;
use super::{auth, guard, query_string};
use crate::limits;
use crate::ops::Ops;

/// Methods of the health path.
const HEALTH_ALLOW: &str = "GET, HEAD, OPTIONS";

/// What a request comes to.
pub(super) enum Routed {
    /// A document.
    Document(Box<Document>),
    /// Only the methods that the path takes.
    Options(&'static str),
}

fn document(document: Document) -> Routed {
    Routed::Document(Box::new(document))
}

/// Answers one request, or says why not.
pub(super) fn route(request: &mut Request, body: &mut Body<'_>, ops: &Arc<Ops>) -> Result<Routed, Fault> {
    if request.url().len() > limits::API_TARGET_BYTES_MAX {
        let max = limits::API_TARGET_BYTES_MAX;
        return Err(Fault::of(Code::TargetTooLong, format!("the path is longer than {max} bytes; use POST")));
    }
    let url = request.url().to_owned();
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    match Place::of(path) {
        Place::Health => health(request, body, ops),
        Place::Unknown => Err(Fault::of(Code::NoSuchOperation, "there is nothing at this path")),
        below => {
            // Whoever may not ask is not told which operations there are.
            authorise(request, ops)?;
            match below {
                Place::Operation(operation) => operate(request, body, ops, operation, query),
                _ => Err(no_operation()),
            }
        }
    }
}

fn no_operation() -> Fault {
    let names = Operation::names().join(", ");
    Fault::of(Code::NoSuchOperation, format!("there is no such operation; there are {names}"))
}

fn authorise(request: &Request, ops: &Arc<Ops>) -> Result<(), Fault> {
    let mut given = request.headers().iter().filter(|header| header.field.equiv("Authorization"));
    let header = given.next().map(|header| header.value.as_str());
    let site = ops.site();
    match auth::platform(header, &site.platforms) {
        Some(_) if given.next().is_none() => Ok(()),
        _ => Err(Fault::of(Code::Unauthorized, "a valid token is needed: Authorization: Bearer TOKEN")),
    }
}

fn health(request: &Request, body: &Body<'_>, ops: &Arc<Ops>) -> Result<Routed, Fault> {
    match request.method() {
        Method::Get | Method::Head => {
            refuse_body(body)?;
            let durable = ops.store().durable();
            let run = ops.store().run_of(durable.sequence).map(|(run, _)| run);
            Ok(document(Document::Health {
                durable,
                run,
                alarms: ops.alarms(),
                offset: ops.site().cems.offset,
            }))
        }
        Method::Options => Ok(Routed::Options(HEALTH_ALLOW)),
        _ => Err(Fault::method_not_allowed(HEALTH_ALLOW)),
    }
}

fn operate(
    request: &mut Request,
    body: &mut Body<'_>,
    ops: &Arc<Ops>,
    operation: Operation,
    query: &str,
) -> Result<Routed, Fault> {
    let question = match request.method() {
        Method::Options => return Ok(Routed::Options(operation.allow())),
        Method::Get | Method::Head => {
            refuse_body(body)?;
            let pairs = query_string::pairs(query)?;
            Question::from_query(&pairs, operation)?
        }
        Method::Post if operation.subject != Subject::About => {
            if !query.is_empty() {
                return Err(Fault::malformed("a POST is asked in its body; leave the query string out"));
            }
            posted(request, body, operation)?
        }
        _ => return Err(Fault::method_not_allowed(operation.allow())),
    };
    answer(ops, operation, question).map(document)
}

fn refuse_body(body: &Body<'_>) -> Result<(), Fault> {
    if body.is_there() {
        return Err(Fault::malformed("a GET has no body; ask in the query string or with POST"));
    }
    Ok(())
}

fn posted(request: &mut Request, body: &mut Body<'_>, operation: Operation) -> Result<Question, Fault> {
    if !body.is_there() {
        return Ok(Question::default());
    }
    check_media_type(request)?;
    let bytes = body.read(request)?;
    let json =
        guard::normalise(&bytes).map_err(|why| Fault::malformed(format!("the body is refused: {why}")))?;
    Question::from_body(&json, operation)
}

fn check_media_type(request: &Request) -> Result<(), Fault> {
    let header = request.headers().iter().find(|header| header.field.equiv("Content-Type"));
    let given = header.map(|header| header.value.as_str().to_ascii_lowercase()).unwrap_or_default();
    let mut parts = given.split(';').map(str::trim);
    let is_json = parts.next() == Some("application/json");
    let is_utf8 = parts
        .all(|part| part.strip_prefix("charset=").is_none_or(|charset| charset.trim_matches('"') == "utf-8"));
    if is_json && is_utf8 {
        return Ok(());
    }
    Err(Fault::of(Code::MediaType, "the body must be sent as Content-Type: application/json; charset=utf-8"))
}

fn answer(ops: &Arc<Ops>, operation: Operation, question: Question) -> Result<Document, Fault> {
    let offset = ops.site().cems.offset;
    question.check_scope(operation)?;
    Ok(match operation.subject {
        Subject::Static => Document::Static(ops.static_data(&question.into_static()?)?),
        Subject::Dynamic => Document::Dynamic(ops.dynamic_data(&question.into_dynamic()?)?),
        Subject::Historical => Document::Historical(ops.historical_data(question.into_historical(offset)?)?),
        Subject::Statistical => {
            Document::Statistical(ops.statistical_data(question.into_statistical(offset, operation.scope)?)?)
        }
        Subject::About => Document::About,
    })
}
