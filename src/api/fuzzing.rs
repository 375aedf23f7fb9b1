//! Doors to what a platform sends. No part of the product.

use std::fmt::Write as _;

use serde_json::Value;

use super::fault::Fault;
use super::gate::GateKey;
use super::gate::access::signature::Signature;
use super::gate::chunks::Chunks;
use super::gate::framing::Framing;
use super::gate::head::{self, Field, RequestHead};
use super::gate::relay::{self, Introduction};
use super::wire::operation::{Operation, Subject};
use super::wire::request::Request as Question;
use super::{guard, outline, query_string};
use crate::config::site::ApiCompat;
use crate::limits;
use crate::time::UtcOffset;

/// A head is read whole or refused; what is made of it for the workers is read the same by whoever is as
/// strict, and carries no secret.
pub fn request_head(bytes: &[u8]) {
    let Ok(Some(end)) = head::end_of(bytes) else { return };
    let Ok(head) = RequestHead::parse(&bytes[..end]) else { return };
    let body = vec![b' '; if let Framing::Counted(bytes) = head.framing { bytes.min(9) } else { 0 }];
    let Ok(key) = GateKey::random() else { return };
    let introduction = Introduction { key: &key, from: [192, 0, 2, 1].into(), platform: Some("cloud") };
    let written = relay::canonical(&head, &body, &introduction);
    let end = written.len() - body.len();
    let again = RequestHead::parse(&written[..end]);
    assert!(again.is_ok(), "what goes to the workers is refused: {again:?}");
    let Ok(again) = again else { return };
    assert_eq!((&again.method, &again.target), (&head.method, &head.target));
    let told = if body.is_empty() { Framing::None } else { Framing::Counted(body.len()) };
    assert!(again.framing == told && !again.keeps_alive && !again.expects_continue, "{again:?}");
    assert_eq!(again.value(Field::Authorization), None, "a credential goes further");
}

/// A body in chunks is the same however it is cut, and once it is written as one chunk.
pub fn chunks(bytes: &[u8]) {
    let Some((step, wire)) = bytes.split_first() else { return };
    let whole = joined(wire, wire.len());
    assert_eq!(joined(wire, usize::from(*step)), whole, "the cuts change the body");
    let Some(body) = whole else { return };
    let one = match body.len() {
        0 => b"0\r\n\r\n".to_vec(),
        length => [format!("{length:x}\r\n").as_bytes(), &body, b"\r\n0\r\n\r\n"].concat(),
    };
    assert_eq!(joined(&one, one.len()), Some(body), "one chunk is another body");
}

/// The body in `wire`, which comes in pieces of `step` bytes; `None` where there is none or not all of it.
fn joined(wire: &[u8], step: usize) -> Option<Vec<u8>> {
    let (mut chunks, mut body) = (Chunks::new(), Vec::new());
    for mut part in wire.chunks(step.max(1)) {
        while let Some(piece) = chunks.next_piece(&mut part).ok()? {
            body.extend_from_slice(piece);
        }
        if chunks.is_done() {
            return Some(body);
        }
    }
    None
}

/// A header is a signature or something else; whatever it is, it opens nothing of a key that it was not
/// made with.
pub fn signature(bytes: &[u8]) {
    let Ok(header) = std::str::from_utf8(bytes) else { return };
    let Some(signature) = Signature::parse(header) else { return };
    assert!(signature.time_s >= 0 && signature.nonce.len() <= 64, "{signature:?}");
    let mut key = [0; 32];
    assert!(
        getrandom::fill(&mut key).is_err() || !signature.is_made_with(&key, "GET", "/"),
        "it fits a key by chance"
    );
}

/// Times as long as its source that a guarded text may be: `\n` is written as `\u000a`.
const GUARDED_MAX: usize = 3;

/// A body goes through exactly when `serde_json` takes it, and then means the same; what went through goes
/// through once more as it is, and so does every part of it. As a question it is taken or refused.
pub fn json_guard(bytes: &[u8]) {
    let theirs = serde_json::from_slice::<Value>(bytes);
    let json = match guard::normalise(bytes) {
        Ok(json) => json,
        Err(guard::GuardFault::TooDeep { .. }) => return,
        Err(why) => {
            assert!(theirs.is_err(), "what is JSON is refused: {why}");
            return;
        }
    };
    let ours = serde_json::from_str::<Value>(&json);
    assert!(ours.is_ok() && ours.ok() == theirs.ok(), "the body means something else now: {json}");
    assert!(json.len() <= GUARDED_MAX * bytes.len(), "it grows beyond every bound");
    assert_eq!(guard::normalise(json.as_bytes()).as_ref(), Ok(&json), "it changes a second time");
    check_outline(&json);
    for operation in Operation::all() {
        ask(Question::from_body(&json, operation), operation);
    }
}

/// The parts of a text make the text.
fn check_outline(json: &str) {
    if let Some(members) = outline::members(json) {
        let parts = members.iter().map(|(name, value)| format!("\"{name}\":{value}"));
        assert_eq!(format!("{{{}}}", parts.collect::<Vec<_>>().join(",")), json);
        for (_, value) in members {
            check_part(value);
        }
    } else if let Some(elements) = outline::elements(json) {
        assert_eq!(format!("[{}]", elements.join(",")), json);
        for element in elements {
            check_part(element);
        }
    }
}

fn check_part(json: &str) {
    assert_eq!(guard::normalise(json.as_bytes()).as_deref(), Ok(json), "a part of a body is no JSON");
    check_outline(json);
}

/// A query string is pairs or is refused; the pairs are the same once they are written again. As a question
/// it is taken or refused.
pub fn query_string(bytes: &[u8]) {
    let Ok(query) = std::str::from_utf8(bytes) else { return };
    if query.len() > limits::API_TARGET_BYTES_MAX {
        return;
    }
    let Ok(pairs) = query_string::pairs(query) else { return };
    let decoded: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(decoded <= query.len(), "the pairs are longer than the query string");
    let written: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", coded(name), coded(value))).collect();
    assert_eq!(query_string::pairs(&written.join("&")).as_ref(), Ok(&pairs));
    for operation in Operation::all() {
        ask(Question::from_query(&pairs, operation), operation);
    }
}

/// Every byte as an escape, so that nothing depends on which need one.
fn coded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(3 * text.len()), |mut coded, byte| {
        // Writing to a string cannot fail.
        let _ = write!(coded, "%{byte:02X}");
        coded
    })
}

/// Makes of a question what its operation takes, as `route` does.
fn ask(question: Result<Question, Fault>, operation: Operation) {
    let Ok(question) = question else { return };
    let lists = [&question.point_ids, &question.category_ids, &question.parameter_ids, &question.event_ids];
    for list in lists.into_iter().flatten() {
        assert!(list.len() <= limits::API_LIST_MAX, "a list is longer than it may be");
    }
    let _ = question.check_scope(operation);
    let other_form =
        ApiCompat { first_page: 0, local_time: true, other_reading_types: true, ..ApiCompat::default() };
    let (own, offset) = (question.clone(), UtcOffset::UTC);
    make(own, operation, offset);
    make(question.in_own_form(&other_form, offset), operation, offset);
}

fn make(question: Question, operation: Operation, offset: UtcOffset) {
    match operation.subject {
        Subject::Static => drop(question.into_static()),
        Subject::Dynamic => drop(question.into_dynamic()),
        Subject::Historical => drop(question.into_historical(offset)),
        Subject::Statistical => drop(question.into_statistical(offset, operation.scope)),
        Subject::DrDynamic => drop(question.into_dr_now()),
        Subject::DrHistorical => {
            let _ = question.dr_parts();
            drop(question.into_dr(offset));
        }
        Subject::DrStatistical => drop(question.into_dr_range(offset)),
        Subject::PutDrEvent => drop(question.into_event_order(offset)),
        Subject::DmHistorical => drop(question.into_demand_history(offset)),
        Subject::DrStatic | Subject::DmStatic | Subject::DmDynamic | Subject::About => {
            drop(question.into_cems_id());
        }
    }
}
