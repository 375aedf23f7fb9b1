//! Route: from a request to the answer: where it leads, who asks, what is asked.

use std::sync::Arc;

use tiny_http::{Method, Request};

use super::body::Body;
use super::document::Document;
use super::fault::Fault;
use super::wire::code::Code;
use super::wire::figures::Figures;
use super::wire::operation::{Operation, Place, Subject};
use super::wire::request::Request as Question;
use super::{auth, guard, query_string};
use crate::config::site::Platform;
use crate::limits;
use crate::ops::Ops;

/// Methods of the open paths.
const OPEN_ALLOW: &str = "GET, HEAD, OPTIONS";

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
        Place::Health => open(request, body, || health(ops)),
        Place::OpenApi => open(request, body, || Document::OpenApi),
        Place::Unknown => Err(Fault::of(Code::NoSuchOperation, "there is nothing at this path")),
        below => {
            // Whoever may not ask is not told which operations there are.
            let platform = authorise(request, ops)?;
            match below {
                Place::Operation(operation) => operate((request, body), ops, &platform, (operation, query)),
                Place::Figures => open(request, body, || figures(ops)),
                _ => Err(no_operation()),
            }
        }
    }
}

fn no_operation() -> Fault {
    let names = Operation::names().join(", ");
    Fault::of(Code::NoSuchOperation, format!("there is no such operation; there are {names}"))
}

fn authorise(request: &Request, ops: &Arc<Ops>) -> Result<Platform, Fault> {
    let mut given = request.headers().iter().filter(|header| header.field.equiv("Authorization"));
    let header = given.next().map(|header| header.value.as_str());
    let site = ops.site();
    match auth::platform(header, &site.platforms) {
        Some(platform) if given.next().is_none() => Ok(platform.clone()),
        _ => Err(Fault::of(Code::Unauthorized, "a valid token is needed: Authorization: Bearer TOKEN")),
    }
}

/// Answers at a path that is only read.
fn open(request: &Request, body: &Body<'_>, answer: impl FnOnce() -> Document) -> Result<Routed, Fault> {
    match request.method() {
        Method::Get | Method::Head => {
            refuse_body(body)?;
            Ok(document(answer()))
        }
        Method::Options => Ok(Routed::Options(OPEN_ALLOW)),
        _ => Err(Fault::method_not_allowed(OPEN_ALLOW)),
    }
}

/// A platform may enter events only where the site takes them, and where it has the right.
fn check_right(operation: Operation, ops: &Arc<Ops>, platform: &Platform) -> Result<(), Fault> {
    if operation.subject != Subject::PutDrEvent {
        return Ok(());
    }
    let site = ops.site();
    let refusal = |why| Err(Fault::of(Code::Forbidden, why));
    match &site.demand_response {
        Some(settings) if settings.accepts_events => {}
        _ => return refusal("no events are taken here; the site file would say accept_events = true"),
    }
    if !platform.may_order_events {
        return refusal("this token may enter no events; the site file would say may_order_events = true");
    }
    Ok(())
}

fn health(ops: &Arc<Ops>) -> Document {
    let durable = ops.store().durable();
    let run = ops.store().run_of(durable.sequence).map(|(run, _)| run);
    Document::Health { durable, run, alarms: ops.alarms(), offset: ops.site().cems.offset }
}

fn figures(ops: &Arc<Ops>) -> Document {
    let (lines, store, alarms) = (ops.lines(), ops.store().status(), ops.alarms());
    Document::Figures(Arc::new(Figures { lines, store, alarms }))
}

fn operate(
    (request, body): (&mut Request, &mut Body<'_>),
    ops: &Arc<Ops>,
    platform: &Platform,
    (operation, query): (Operation, &str),
) -> Result<Routed, Fault> {
    let is_order = operation.subject == Subject::PutDrEvent;
    if *request.method() == Method::Post {
        check_right(operation, ops, platform)?;
    }
    let question = match request.method() {
        Method::Options => return Ok(Routed::Options(operation.allow())),
        Method::Get | Method::Head if !is_order => {
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
    answer(ops, platform, operation, question).map(document)
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

fn answer(
    ops: &Arc<Ops>,
    platform: &Platform,
    operation: Operation,
    question: Question,
) -> Result<Document, Fault> {
    let site = ops.site();
    let offset = site.cems.offset;
    question.check_scope(operation)?;
    let question = question.in_own_form(&site.api.compat, offset);
    Ok(match operation.subject {
        Subject::Static => Document::Static(ops.static_data(&question.into_static()?)?),
        Subject::Dynamic => Document::Dynamic(ops.dynamic_data(&question.into_dynamic()?)?),
        Subject::Historical => Document::Historical(ops.historical_data(question.into_historical(offset)?)?),
        Subject::Statistical => {
            Document::Statistical(ops.statistical_data(question.into_statistical(offset, operation.scope)?)?)
        }
        Subject::DrStatic => Document::DrStatic(ops.dr_site(question.cems_id)?),
        Subject::DrDynamic => Document::DrDynamic(ops.dr_dynamic(question.into_dr_now()?)?),
        Subject::DrHistorical => {
            let parts = question.dr_parts()?;
            Document::DrHistorical(ops.dr_historical(question.into_dr(offset)?)?, parts)
        }
        Subject::DrStatistical => {
            let (cems_id, range) = question.into_dr_range(offset)?;
            Document::DrStatistical(ops.dr_statistical(cems_id, range)?)
        }
        Subject::PutDrEvent => {
            let site = ops.dr_site(question.cems_id.clone())?;
            let entered = ops.enter_event(question.into_event_order(offset)?, &platform.id)?;
            let is_new = entered.is_new;
            Document::DrEntered(site, Box::new(ops.dr_row_now(entered.event)?), is_new)
        }
        Subject::DmStatic => {
            Document::DemandStatic(Box::new(ops.demand_static(question.into_cems_id().as_deref())?))
        }
        Subject::DmDynamic => {
            Document::DemandNow(Box::new(ops.demand_now(question.into_cems_id().as_deref())?))
        }
        Subject::DmHistorical => {
            let query = question.into_demand_history(offset)?;
            Document::DemandHistory(Box::new(ops.demand_history(query)?))
        }
        Subject::About => Document::About,
    })
}
