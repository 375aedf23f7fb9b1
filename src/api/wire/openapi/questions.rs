//! What questions look like: the members of the table that requests are read by.

use serde_json::{Map, Value, json};

use super::answers::SCHEMAS;
use crate::api::wire::operation::{Operation, Scope, Subject};
use crate::api::wire::request::{self, Kind};
use crate::api::wire::response::{DR_PARTS, RESPONSE_TYPES, TIME_TYPES};
use crate::api::wire::word;
use crate::limits;
use crate::model::tou::Rate;

const ID_PATTERN: &str = "^[A-Za-z0-9._-]{1,64}$";
/// One word of a list; in a query string a comma would part it.
const WORD_PATTERN: &str = "^[^,]{1,64}$";
/// Printable characters.
const NAME_PATTERN: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]{1,64}$";
const READING_TYPE_PATTERN: &str = "^(\\*|-?[0-9]{1,4})(\\.(\\*|-?[0-9]{1,4})){17}$";
/// Whether there is such a day and such a time is told by the answer.
const TIME_PATTERN: &str = "^([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{7,8}|[0-9]{4}-[0-9]{3}|\
     [0-9]{4}-W[0-9]{2}-[0-9]|[0-9]{4}W[0-9]{3})\
     ([Tt]([0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?|[0-9]{4}([0-9]{2}([.,][0-9]{1,9})?)?)\
     ([Zz]|[+-]((0[0-9]|1[0-3])(:?[0-5][0-9])?|14(:?00)?)))?$";
/// Each unit at most once and in order, at least one of them.
const INTERVAL_PATTERN: &str = "^P([0-9]{1,9}W([0-9]{1,9}D)?|[0-9]{1,9}D|\
     ([0-9]{1,9}W)?([0-9]{1,9}D)?T([0-9]{1,9}H([0-9]{1,9}M)?([0-9]{1,9}(\\.[0-9]{1,3})?S)?|\
     [0-9]{1,9}M([0-9]{1,9}(\\.[0-9]{1,3})?S)?|[0-9]{1,9}(\\.[0-9]{1,3})?S))$";

fn words<T>(table: &[(&'static str, T)]) -> Value {
    json!({ "type": "string", "enum": table.iter().map(|(word, _)| *word).collect::<Vec<_>>() })
}

fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

/// Words of `include` in a question about events.
const DR_INCLUDE: &str = "drInclude";
/// The one event, and the one point, that an order is about.
const ORDER_EVENT_ID: &str = "orderEventID";
const ORDER_POINT_ID: &str = "orderPointID";

/// The name that a member is described under: the same one means something else in some questions.
fn described_as(name: &'static str, subject: Subject) -> &'static str {
    match (name, subject) {
        (request::INCLUDE, Subject::DrHistorical) => DR_INCLUDE,
        (request::EVENT_ID, Subject::PutDrEvent) => ORDER_EVENT_ID,
        (request::POINT_ID, Subject::PutDrEvent) => ORDER_POINT_ID,
        _ => name,
    }
}

/// One value of a member, or one entry of its list.
fn value(name: &str, kind: Kind) -> Value {
    match name {
        DR_INCLUDE => words(&DR_PARTS),
        request::EVENT_NAME => pattern(NAME_PATTERN),
        request::REGULATE_CAP | request::INVITATION_CAP | request::SUBSIDY_PRICE => {
            json!({ "type": "number", "minimum": 0, "maximum": limits::DR_AMOUNT_MAX })
        }
        request::INVITATION_ROUND => json!({ "type": "integer", "minimum": 0, "maximum": u8::MAX }),
        request::TIME_TYPE => words(&TIME_TYPES),
        request::RESPONSE_TYPE => {
            json!({ "type": "integer", "enum": RESPONSE_TYPES.map(|(number, _)| number) })
        }
        request::CEMS_ID
        | request::CATEGORY_ID
        | request::POINT_ID
        | request::PARAMETER_ID
        | request::PRODUCT_ID
        | request::EVENT_ID
        | request::EVENT_NO
        | request::INVITATION_ID
        | ORDER_EVENT_ID
        | ORDER_POINT_ID => pattern(ID_PATTERN),
        request::READING_TYPE_ID => pattern(READING_TYPE_PATTERN),
        request::START_TIME | request::END_TIME | request::INVITATION_TIME | request::DEADLINE_TIME => {
            pattern(TIME_PATTERN)
        }
        request::INTERVAL => pattern(INTERVAL_PATTERN),
        request::FILL => words(&word::FILLS),
        request::SORT => words(&word::ORDERS),
        request::PERIOD => words(&word::PERIODS),
        request::FUNCTION => words(&word::FUNCTIONS),
        request::INCLUDE => words(&word::INCLUDES),
        request::GROUP_BY => words(&word::GROUPINGS),
        request::TOU => json!({ "type": "integer", "minimum": 0, "maximum": Rate::COUNT }),
        request::PAGE_NUMBER => json!({ "type": "integer", "minimum": 1, "maximum": 999_999_999 }),
        request::PAGE_SIZE => {
            json!({ "type": "integer", "minimum": 1, "maximum": limits::API_PAGE_SIZE_MAX })
        }
        _ if kind.is_text() => pattern(WORD_PATTERN),
        _ => json!({ "type": "integer", "minimum": 0 }),
    }
}

fn list(item: &Value) -> Value {
    json!({ "type": "array", "items": item, "minItems": 1, "maxItems": limits::API_LIST_MAX })
}

/// In a body: a list may be one value, and null counts as left out.
pub(super) fn in_body(name: &str, kind: Kind) -> Value {
    let value = word_or(name, kind);
    let nothing = json!({ "type": "null" });
    if kind.is_list() {
        json!({ "anyOf": [list(&value), value, nothing] })
    } else {
        json!({ "anyOf": [value, nothing] })
    }
}

fn in_query(name: &str, kind: Kind) -> Value {
    let value = word_or(name, kind);
    if kind.is_list() { list(&value) } else { value }
}

/// A value; one out of a list of words by the name of that list, so that it is one type for whoever
/// makes a client.
fn word_or(name: &str, kind: Kind) -> Value {
    let value = value(name, kind);
    if value["enum"].is_null() { value } else { json!({ "$ref": format!("{SCHEMAS}/{}", words_name(name)) }) }
}

fn words_name(name: &str) -> String {
    format!("{}Word", capital(name))
}

pub(super) fn capital(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    format!("{}{}", first.into_iter().collect::<String>(), letters.as_str())
}

/// The name of the component that describes a member.
fn component(name: &str) -> String {
    format!("Ask{}", capital(name))
}

/// Members that a question must have, by themselves.
fn required(operation: Operation) -> Vec<&'static str> {
    let mut required = match operation.subject {
        Subject::Historical | Subject::DrStatistical | Subject::DmHistorical => {
            vec![request::START_TIME, request::END_TIME]
        }
        Subject::Statistical => vec![request::START_TIME, request::END_TIME, request::PERIOD],
        Subject::PutDrEvent => request::OF_AN_ORDER.to_vec(),
        _ => Vec::new(),
    };
    if operation.scope == Scope::Point {
        required.push(request::POINT_ID);
    }
    required
}

/// Adds what bodies are made of, and gives the body of `operation`.
pub(super) fn body(operation: Operation, schemas: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    let required = required(operation);
    for (name, kind) in request::members_of(operation.subject) {
        // One event is entered, at one point.
        let is_order = operation.subject == Subject::PutDrEvent;
        let kind = if is_order && kind == Kind::TextList { Kind::Text } else { kind };
        let described = described_as(name, operation.subject);
        if !value(described, kind)["enum"].is_null() {
            schemas.insert(words_name(described), value(described, kind));
        }
        let component = component(described);
        let place = format!("{SCHEMAS}/{component}");
        schemas.insert(component, in_body(described, kind));
        let schema = if required.contains(&name) {
            // What must be there may not be null.
            let value = word_or(described, kind);
            if kind.is_list() { json!({ "anyOf": [list(&value), value] }) } else { value }
        } else {
            json!({ "$ref": place })
        };
        properties.insert(name.to_owned(), schema);
    }
    let mut body = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        body["required"] = json!(required);
    }
    if operation.scope == Scope::Category {
        // One of the two, as conditions say it: of alternatives, generators of clients make two classes.
        let there = |name: &str| {
            let kind = Kind::TextList;
            let there = json!({ "anyOf": [list(&value(name, kind)), value(name, kind)] });
            json!({ "required": [name], "properties": { name: there } })
        };
        body["if"] = there(request::CATEGORY_CODE);
        body["else"] = there(request::CATEGORY_ID);
    }
    let name = format!("{}Question", operation.name().trim_start_matches("Get"));
    let place = json!({ "$ref": format!("{SCHEMAS}/{name}") });
    schemas.insert(name, body);
    place
}

/// Whether a body may be left out.
pub(super) fn may_be_left_out(operation: Operation) -> bool {
    required(operation).is_empty() && operation.scope == Scope::Cems
}

/// Adds what query strings are made of, and gives the parameters of `operation`.
pub(super) fn query(operation: Operation, parameters: &mut Map<String, Value>) -> Vec<Value> {
    let required = required(operation);
    let mut found = Vec::new();
    for (name, kind) in request::members_of(operation.subject) {
        let described = described_as(name, operation.subject);
        let is_required = required.contains(&name);
        let component = format!("{}{}", component(described), if is_required { "Required" } else { "" });
        let place = format!("#/components/parameters/{component}");
        let mut parameter = json!({ "name": name, "in": "query", "schema": in_query(described, kind) });
        if is_required {
            parameter["required"] = json!(true);
        }
        if kind.is_list() {
            parameter["style"] = json!("form");
            parameter["explode"] = json!(true);
        }
        parameters.insert(component, parameter);
        found.push(json!({ "$ref": place }));
    }
    found
}

/// A question that the demo site answers.
pub(super) fn example(operation: Operation) -> Value {
    let mut example = match operation.subject {
        Subject::Static => json!({ request::INCLUDE: ["profile", "category", "point"] }),
        Subject::Dynamic => json!({ request::PAGE_SIZE: 20 }),
        Subject::Historical => json!({
            request::START_TIME: "2024-06-12T08:00:00+08:00", request::END_TIME: "2024-06-12T10:00:00+08:00",
        }),
        Subject::Statistical => json!({
            request::START_TIME: "2024-06-10", request::END_TIME: "2024-06-12", request::PERIOD: "P1D",
        }),
        Subject::DrHistorical | Subject::DrStatistical | Subject::DmHistorical => json!({
            request::START_TIME: "2024-06-01", request::END_TIME: "2024-07-01",
        }),
        Subject::PutDrEvent => json!({
            request::EVENT_ID: "DR-1", request::EVENT_NAME: "DR-1",
            request::START_TIME: "2024-06-13T13:00:00+08:00",
            request::END_TIME: "2024-06-13T15:00:00+08:00",
            request::INVITATION_TIME: "2024-06-12T10:00:00+08:00",
            request::DEADLINE_TIME: "2024-06-12T16:00:00+08:00",
            request::RESPONSE_TYPE: 1,
        }),
        Subject::About | Subject::DrStatic | Subject::DrDynamic | Subject::DmStatic | Subject::DmDynamic => {
            json!({})
        }
    };
    match operation.scope {
        Scope::Cems => {}
        Scope::Category => example[request::CATEGORY_ID] = json!(["CAT-HVAC"]),
        Scope::Point => example[request::POINT_ID] = json!(["PT-CH1"]),
    }
    example
}
