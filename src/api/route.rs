//! Route: from a request to the answer: where it leads, who asks, what is asked.

use std::sync::Arc;

use tiny_http::{Method, Request};

use super::document::Document;
use super::exchange::header;
use super::fault::Fault;
use super::gate::{GateKey, Tally};
use super::wire::claim::ClaimRequest;
use super::wire::code::Code;
use super::wire::figures::Figures;
use super::wire::operation::{Operation, Place, Subject};
use super::wire::request::Request as Question;
use super::wire::update::read_question;
use super::{auth, body, guard, query_string};
use crate::config::site::{Platform, Scope, Site};
use crate::model::audit::{self, Actor, Deed, Note, Reason, Who};
use crate::model::demand_response::EventOrder;
use crate::ops::Ops;
use crate::ops::claim::ClaimError;
use crate::ops::demand_response::{Entered, OrderError};
use crate::ops::query::Audience;
use crate::update::{Origin, Piece, UpdateError};

/// Methods of the open paths.
const OPEN_ALLOW: &str = "GET, HEAD, OPTIONS";

/// Methods of the path of updates.
const UPDATE_ALLOW: &str = "GET, HEAD, POST, OPTIONS";

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
pub(super) fn route(request: &mut Request, ops: &Arc<Ops>, tally: &Tally) -> Result<Routed, Fault> {
    let url = request.url().to_owned();
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    match Place::of(path) {
        Place::Health => open(request, || health(ops)),
        Place::OpenApi => open(request, || Document::OpenApi),
        Place::Claim if !ops.is_claimed() => claim(request, ops),
        Place::Unknown | Place::Claim => {
            Err(Fault::of(Code::NoSuchOperation, "there is nothing at this path"))
        }
        below => {
            let platform = platform(request, ops)?;
            match below {
                Place::Operation(operation) => operate(request, ops, &platform, (operation, query)),
                Place::Figures => {
                    check_sees_all(&Audience::of(&platform))?;
                    open(request, || figures(ops, tally))
                }
                Place::Audit => {
                    check_admin(&platform)?;
                    open(request, || Document::Audit(Arc::clone(ops)))
                }
                Place::Update => {
                    check_admin(&platform).inspect_err(|_| {
                        ops.note(Note::refused(actor(request, &platform), Deed::Update, Reason::NoRight));
                    })?;
                    update(request, ops, &platform, query)
                }
                _ => Err(no_operation()),
            }
        }
    }
}

/// Lets whoever stands before the box have it.
fn claim(request: &mut Request, ops: &Arc<Ops>) -> Result<Routed, Fault> {
    if *request.method() != Method::Post {
        return Err(Fault::method_not_allowed("POST"));
    }
    let json = json_body(request)?;
    let claim = ClaimRequest::read(&json)?;
    let pair = auth::new_token().map_err(|error| {
        log::error!("no token could be made: {error}");
        Fault::of(Code::Internal, "no token could be made; the gateway's log says why")
    })?;
    let claimed = ops.claim(claim.code, claim.platform, &pair.sha256);
    let note = Note::done(Actor { who: Who::Unknown, from: peer(request) }, Deed::Claim);
    let note = if claimed.is_ok() { note.about(claim.platform) } else { note };
    match ops.noted(claimed, note) {
        Ok(()) => Ok(document(Document::Claimed { platform: claim.platform.to_owned(), token: pair.token })),
        Err(error @ ClaimError::WrongCode) => Err(Fault::of(Code::Unauthorized, error.to_string())),
        Err(error @ (ClaimError::Claimed | ClaimError::Refused(_))) => {
            Err(Fault::of(Code::Conflict, error.to_string()))
        }
    }
}

/// How an update stands, or a piece of one.
fn update(request: &mut Request, ops: &Arc<Ops>, platform: &Platform, query: &str) -> Result<Routed, Fault> {
    let slots = || ops.updates().map_err(|error| update_fault(&error));
    let updates = match request.method() {
        Method::Get | Method::Head => {
            refuse_body(request)?;
            slots()?
        }
        Method::Post => {
            let updates = slots()?;
            let (offset, wish) = read_question(&query_string::pairs(query)?)?;
            let bytes = octets(request)?;
            let origin = Origin::Platform(platform.id.clone());
            let piece = Piece { offset, bytes: &bytes, wish };
            ops.take_update(actor(request, platform), &origin, piece)
                .map_err(|error| update_fault(&error))?;
            updates
        }
        Method::Options => return Ok(Routed::Options(UPDATE_ALLOW)),
        _ => return Err(Fault::method_not_allowed(UPDATE_ALLOW)),
    };
    Ok(document(Document::Update(Box::new(updates.view()))))
}

fn update_fault(error: &UpdateError) -> Fault {
    let code = match error {
        UpdateError::NoSlots => Code::NoSuchOperation,
        UpdateError::Bundle(_) | UpdateError::Piece(_) => Code::Malformed,
        UpdateError::Medium(_) | UpdateError::ReadBack { .. } => {
            log::error!("update: {error}");
            return Fault::of(Code::Internal, "the slot cannot be written; the gateway's log says why");
        }
        _ => Code::Conflict,
    };
    Fault::of(code, error.to_string())
}

fn no_operation() -> Fault {
    let names = Operation::names().join(", ");
    Fault::of(Code::NoSuchOperation, format!("there is no such operation; there are {names}"))
}

/// The platform that asks, as the gate has seen it; gone where the site file has changed meanwhile.
fn platform(request: &Request, ops: &Arc<Ops>) -> Result<Platform, Fault> {
    let id = header(request, GateKey::PLATFORM_HEADER);
    let site = ops.site();
    let platform = site.platforms.iter().find(|platform| Some(platform.id.as_str()) == id);
    platform.cloned().ok_or_else(|| Fault::of(Code::Unauthorized, "this platform is not known any more"))
}

/// Answers at a path that is only read.
fn open(request: &Request, answer: impl FnOnce() -> Document) -> Result<Routed, Fault> {
    match request.method() {
        Method::Get | Method::Head => {
            refuse_body(request)?;
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
    let moves = settings_move_equipment(&site);
    if moves && !platform.may(Scope::Control) {
        return refusal(
            "events move equipment here; the site file would say scopes = [\"read\", \"events\", \"control\"]",
        );
    }
    if !platform.may(Scope::Events) {
        return refusal(
            "this token may enter no events; the site file would say scopes = [\"read\", \"events\"]",
        );
    }
    Ok(())
}

/// Whether an event that is promised is carried out by this gateway.
fn settings_move_equipment(site: &Site) -> bool {
    let resources = site.demand_response.iter().flat_map(|settings| &settings.resources);
    resources.into_iter().any(|resource| resource.control.is_some())
}

/// Who did what is for whoever administers the gateway.
fn check_admin(platform: &Platform) -> Result<(), Fault> {
    if platform.may(Scope::Admin) {
        return Ok(());
    }
    Err(Fault::of(
        Code::Forbidden,
        "this token does not administer; the site file would say scopes = [\"admin\"]",
    ))
}

/// What is told of the whole site is not for whoever sees a part of it.
fn check_sees_all(audience: &Audience) -> Result<(), Fault> {
    if audience.sees_all() {
        return Ok(());
    }
    Err(Fault::of(Code::Forbidden, "this tells of the whole site, and this token is for a part of it"))
}

fn health(ops: &Arc<Ops>) -> Document {
    let durable = ops.store().durable();
    let run = ops.store().run_of(durable.sequence).map(|(run, _)| run);
    Document::Health { durable, run, alarms: ops.alarms(), offset: ops.site().cems.offset }
}

fn figures(ops: &Arc<Ops>, tally: &Tally) -> Document {
    let (lines, store, alarms) = (ops.lines(), ops.store().status(), ops.alarms());
    let (gate, condition) = (tally.figures(), ops.condition());
    Document::Figures(Arc::new(Figures { lines, store, alarms, gate, condition }))
}

/// What a platform may do at all.
fn check_scope(platform: &Platform, operation: Operation) -> Result<(), Fault> {
    if operation.subject == Subject::PutDrEvent || platform.may(Scope::Read) {
        return Ok(());
    }
    Err(Fault::of(Code::Forbidden, "this token may not ask; the site file would say scopes = [\"read\"]"))
}

fn operate(
    request: &mut Request,
    ops: &Arc<Ops>,
    platform: &Platform,
    (operation, query): (Operation, &str),
) -> Result<Routed, Fault> {
    check_scope(platform, operation)?;
    let is_order = operation.subject == Subject::PutDrEvent;
    if *request.method() == Method::Post {
        check_right(operation, ops, platform).inspect_err(|_| {
            ops.note(Note::refused(actor(request, platform), Deed::EnterEvent, Reason::NoRight));
        })?;
    }
    let question = match request.method() {
        Method::Options => return Ok(Routed::Options(operation.allow())),
        Method::Get | Method::Head if !is_order => {
            refuse_body(request)?;
            let pairs = query_string::pairs(query)?;
            Question::from_query(&pairs, operation)?
        }
        Method::Post if operation.subject != Subject::About => {
            if !query.is_empty() {
                return Err(Fault::malformed("a POST is asked in its body; leave the query string out"));
            }
            posted(request, operation)?
        }
        _ => return Err(Fault::method_not_allowed(operation.allow())),
    };
    answer(ops, (platform, &actor(request, platform)), operation, question).map(document)
}

/// The platform that asks, and from where.
fn actor(request: &Request, platform: &Platform) -> Actor {
    Actor { who: Who::Platform(platform.id.clone()), from: peer(request) }
}

/// Where a request comes from, as the gate has seen it.
fn peer(request: &Request) -> audit::Place {
    let address = header(request, GateKey::PEER_HEADER).and_then(|address| address.parse().ok());
    address.map_or(audit::Place::Inside, audit::Place::Address)
}

fn refuse_body(request: &Request) -> Result<(), Fault> {
    if body::is_there(request) {
        return Err(Fault::malformed("a GET has no body; ask in the query string or with POST"));
    }
    Ok(())
}

fn posted(request: &mut Request, operation: Operation) -> Result<Question, Fault> {
    if !body::is_there(request) {
        return Ok(Question::default());
    }
    Question::from_body(&json_body(request)?, operation)
}

/// The body as JSON that nothing behind here can trip over.
fn json_body(request: &mut Request) -> Result<String, Fault> {
    check_media_type(request)?;
    let bytes = body::read(request)?;
    guard::normalise(&bytes).map_err(|why| Fault::malformed(format!("the body is refused: {why}")))
}

/// The body as it is.
fn octets(request: &mut Request) -> Result<Vec<u8>, Fault> {
    let given = header(request, "content-type").unwrap_or_default();
    if !given.eq_ignore_ascii_case("application/octet-stream") {
        let message = "the body must be sent as Content-Type: application/octet-stream";
        return Err(Fault::of(Code::MediaType, message));
    }
    body::read(request)
}

fn check_media_type(request: &Request) -> Result<(), Fault> {
    let given = header(request, "content-type").unwrap_or_default().to_ascii_lowercase();
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
    (platform, actor): (&Platform, &Actor),
    operation: Operation,
    question: Question,
) -> Result<Document, Fault> {
    let site = ops.site();
    let offset = site.cems.offset;
    let audience = Audience::of(platform);
    if operation.subject.is_of_whole_site() {
        check_sees_all(&audience)?;
    }
    question.check_scope(operation)?;
    let question = question.in_own_form(&site.api.compat, offset);
    Ok(match operation.subject {
        Subject::Static => {
            let mut query = question.into_static()?;
            query.selection.audience = audience;
            Document::Static(ops.static_data(&query)?)
        }
        Subject::Dynamic => {
            let mut query = question.into_dynamic()?;
            query.selection.audience = audience;
            Document::Dynamic(ops.dynamic_data(&query)?)
        }
        Subject::Historical => {
            let mut query = question.into_historical(offset)?;
            query.selection.audience = audience;
            Document::Historical(ops.historical_data(query)?)
        }
        Subject::Statistical => {
            let mut query = question.into_statistical(offset, operation.scope)?;
            query.selection.audience = audience;
            Document::Statistical(ops.statistical_data(query)?)
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
            let entered = enter_event(ops, actor, question.into_event_order(offset)?)?;
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

/// Enters an event, and notes who did so.
fn enter_event(ops: &Ops, actor: &Actor, order: EventOrder) -> Result<Entered, OrderError> {
    let (id, wanted_kw) = (order.id.clone(), order.invitation.wanted_kw);
    let entered = ops.enter_event(order, actor.who.name());
    let note = Note::done(actor.clone(), Deed::EnterEvent);
    ops.noted(entered, note.about(ops.known_event(&id)).value(wanted_kw))
}
