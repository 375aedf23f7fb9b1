//! Draws the document from the tables of the wire.

use serde_json::{Map, Value, json};

use super::answers::{SCHEMAS, Shapes};
use super::questions;
use crate::api::wire::code::{CODES, Code};
use crate::api::wire::operation::{Operation, Scope, Subject};
use crate::api::wire::registry::{self, REVISION};
use crate::api::wire::{names, word};
use crate::model::category::CodeSystem;
use crate::model::cems::{BasicChargeMode, UserType};
use crate::model::point::PointRole;
use crate::ops::query::PointStatus;

const DESCRIPTION: &str = "Application-side interface of an energy gateway, prepared for GB/T 35031.5-2025. \
    The full text of the standard is not public and the wire names are provisional: x-confidence says of \
    each how sure it is (K stated in the public part of the standard, T deduced from its contents list, S \
    stated by another public source, I inferred). Everything can only be read. A site that sets [api.compat] \
    in its file answers with another success code, status or first page than is written here. Receivers \
    ignore members that they do not know.";

/// The whole document.
pub(super) fn document() -> Value {
    let mut shapes = Shapes::new();
    let mut bodies = Map::new();
    let mut parameters = Map::new();
    let mut paths = Map::new();
    for operation in Operation::all() {
        let answer = shapes.answer(operation.subject);
        let path = format!("/{}/{}/{}", names::PATH_CEMS, names::PATH_VERSION, operation.name());
        let mut at_path = json!({});
        if operation.subject != Subject::PutDrEvent {
            at_path["get"] = get(operation, &answer, &mut parameters);
        }
        if operation.subject != Subject::About {
            at_path["post"] = post(operation, &answer, &mut bodies);
        }
        paths.insert(path, at_path);
    }
    let health = shapes.health();
    paths.insert(
        format!("/{}", names::PATH_HEALTH),
        json!({ "get": open("health", "How the gateway is", &health) }),
    );
    let this = json!({ "type": "object" });
    paths.insert(
        format!("/{}", names::PATH_OPENAPI),
        json!({ "get": open("openapi", "This document", &this) }),
    );
    let update = shapes.update();
    paths.insert(
        format!("/{}", names::PATH_UPDATE),
        json!({ "get": update_state(&update), "post": update_piece(&update) }),
    );
    shapes.refusal();
    let mut schemas = shapes.into_named();
    schemas.extend(bodies);
    let responses = refusals(&mut schemas);
    describe(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "CEMS application-side interface (provisional)",
            "version": REVISION,
            "description": DESCRIPTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas,
            "parameters": parameters,
            "responses": responses,
        },
    })
}

fn get(operation: Operation, answer: &Value, parameters: &mut Map<String, Value>) -> Value {
    let query = questions::query(operation, parameters);
    let mut described = operated(operation, "get", answer);
    if !query.is_empty() {
        described["parameters"] = json!(query);
    }
    if operation.subject == Subject::Static {
        described["responses"]["200"]["headers"] =
            json!({ "ETag": { "schema": { "type": "string" }, "description": "for If-None-Match" } });
        described["responses"]["304"] = json!({ "description": "what was answered before still holds" });
    }
    described
}

fn post(operation: Operation, answer: &Value, bodies: &mut Map<String, Value>) -> Value {
    let body = questions::body(operation, bodies);
    let mut described = operated(operation, "post", answer);
    described["requestBody"] = json!({
        "required": !questions::may_be_left_out(operation),
        "content": { "application/json": {
            "schema": body,
            "examples": { "demo": { "value": questions::example(operation) } },
        } },
    });
    described
}

fn operated(operation: Operation, method: &str, answer: &Value) -> Value {
    let name = operation.name();
    let entry = registry::find(name).unwrap();
    let mut responses = Map::new();
    responses.insert(
        "200".to_owned(),
        json!({
            "description": Code::Success.meaning(),
            "content": { "application/json": { "schema": answer } },
        }),
    );
    for status in statuses() {
        let wants_body = matches!(status, 413 | 415);
        if !(wants_body && method == "get") {
            let place = format!("#/components/responses/Refused{status}");
            responses.insert(status.to_string(), json!({ "$ref": place }));
        }
    }
    let scope = match operation.scope {
        Scope::Cems => "of the whole site or a part of it",
        Scope::Category => "of the categories that it names",
        Scope::Point => "of the points that it names",
    };
    json!({
        "operationId": format!("{method}{}", questions::capital(name.trim_start_matches("Get"))),
        "summary": entry.meaning.trim_start_matches("operation: "),
        "description": format!("Asked with {}, {scope}.", method.to_uppercase()),
        "x-confidence": entry.mark.letter(),
        "responses": responses,
    })
}

/// A path that needs no token.
fn open(id: &str, summary: &str, answer: &Value) -> Value {
    let refused = |status: u16| json!({ "$ref": format!("#/components/responses/Refused{status}") });
    json!({
        "operationId": id,
        "summary": summary,
        "security": [],
        "responses": {
            "200": { "description": "success", "content": { "application/json": { "schema": answer } } },
            "400": refused(400),
            "405": refused(405),
            "414": refused(414),
        },
    })
}

/// How an update stands, for whoever administers.
fn update_state(answer: &Value) -> Value {
    let refused = |status: u16| json!({ "$ref": format!("#/components/responses/Refused{status}") });
    json!({
        "operationId": "update",
        "summary": "How an update stands; wants the scope admin",
        "responses": {
            "200": { "description": "success", "content": { "application/json": { "schema": answer } } },
            "400": refused(400),
            "401": refused(401),
            "403": refused(403),
            "404": refused(404),
            "405": refused(405),
            "429": refused(429),
            "503": refused(503),
        },
    })
}

fn update_piece(answer: &Value) -> Value {
    let parameter = |name: &str, required: bool, schema: Value| {
        let entry = registry::find(name).unwrap();
        json!({ "name": name, "in": "query", "required": required, "schema": schema,
            "description": entry.meaning, "x-confidence": entry.mark.letter() })
    };
    let mut described = update_state(answer);
    described["operationId"] = json!("putUpdate");
    described["summary"] = json!("Brings a piece of an update, at most 64 KiB; wants the scope admin");
    described["parameters"] = json!([
        parameter(names::OFFSET, true, json!({ "type": "integer", "minimum": 0 })),
        parameter(names::FORCE, false, json!({ "type": "boolean" })),
        parameter(names::RESTART, false, json!({ "type": "boolean" })),
    ]);
    described["requestBody"] = json!({
        "required": true,
        "content": { "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } },
    });
    for status in [409, 413, 415, 500] {
        let place = format!("#/components/responses/Refused{status}");
        described["responses"][status.to_string()] = json!({ "$ref": place });
    }
    described
}

fn statuses() -> Vec<u16> {
    let mut statuses: Vec<u16> =
        CODES.iter().map(|(_, _, status, _)| *status).filter(|s| *s >= 400).collect();
    statuses.dedup();
    statuses
}

/// Adds what refusals look like: an envelope whose code is one of the status.
fn refusals(schemas: &mut Map<String, Value>) -> Map<String, Value> {
    let mut responses = Map::new();
    for status in statuses() {
        let of_status: Vec<_> = CODES.iter().filter(|(_, _, of, _)| *of == status).collect();
        let told: Vec<String> =
            of_status.iter().map(|(_, number, _, meaning)| format!("{number}: {meaning}")).collect();
        let numbers: Vec<u32> = of_status.iter().map(|(_, number, ..)| *number).collect();
        let mut envelope = schemas["Envelope"].clone();
        envelope["properties"][names::CODE] = json!({ "type": "integer", "enum": numbers });
        let name = format!("Refusal{status}");
        let place = json!({ "$ref": format!("{SCHEMAS}/{name}") });
        schemas.insert(name, envelope);
        responses.insert(
            format!("Refused{status}"),
            json!({
                "description": told.join("; "),
                "content": { "application/json": { "schema": place } },
            }),
        );
    }
    responses
}

/// Members whose values are words of a list; by the schema that they stand in where that matters.
fn words_of(schema: &str, member: &str) -> Option<Vec<&'static str>> {
    fn each<T>(table: &[(&'static str, T)]) -> Vec<&'static str> {
        table.iter().map(|(word, _)| *word).collect()
    }
    Some(match (schema, member) {
        ("Health", "status") => [true, false].map(word::health).to_vec(),
        (_, "status") => [PointStatus::Online, PointStatus::Offline].map(word::point_status).to_vec(),
        (_, "pointRole") => POINT_ROLES.map(word::point_role).to_vec(),
        (_, "codeSystem") => CODE_SYSTEMS.map(word::code_system).to_vec(),
        (_, "userType") => USER_TYPES.map(word::user_type).to_vec(),
        (_, "basicChargeMode") => CHARGE_MODES.map(word::basic_charge_mode).to_vec(),
        ("StatItem", "function") => each(&word::FUNCTIONS),
        ("StatisticalData", "period") => each(&word::PERIODS),
        ("CounterEvent", "verdict") => each(&word::VERDICTS),
        ("CounterEvent", "basis") => vec!["assumed", "confirmed", "corrected"],
        _ => return None,
    })
}

const POINT_ROLES: [PointRole; 9] = [
    PointRole::Gateway,
    PointRole::Main,
    PointRole::Branch,
    PointRole::Sub,
    PointRole::Check,
    PointRole::Virtual,
    PointRole::Production,
    PointRole::Der,
    PointRole::Environment,
];
const CODE_SYSTEMS: [CodeSystem; 3] = [CodeSystem::GbZ32500, CodeSystem::Mohurd2008, CodeSystem::Local];
const USER_TYPES: [UserType; 4] =
    [UserType::Industrial, UserType::Commercial, UserType::Public, UserType::Residential];
const CHARGE_MODES: [BasicChargeMode; 3] =
    [BasicChargeMode::Capacity, BasicChargeMode::ContractDemand, BasicChargeMode::ActualDemand];

/// Gives every member the meaning and the mark that the registry has for its name.
fn describe(schemas: &mut Map<String, Value>) {
    for (schema, described) in schemas.iter_mut() {
        let Some(properties) = described["properties"].as_object_mut() else { continue };
        for (name, property) in properties {
            let entry = registry::find(name).unwrap_or_else(|| panic!("'{name}' of {schema} is unknown"));
            property["description"] = json!(entry.meaning);
            property["x-confidence"] = json!(entry.mark.letter());
            if let Some(words) = words_of(schema, name) {
                property["enum"] = json!(words);
                property["type"] = json!("string");
            }
        }
    }
}

/// The document as text: a line for each thing that somebody would look for, no more.
pub(super) fn text(document: &Value) -> String {
    let mut text = String::new();
    write(document, 0, &mut text);
    text.push('\n');
    text
}

/// Objects are broken into lines down to this depth.
const DEPTH_BROKEN: usize = 4;

fn write(value: &Value, depth: usize, text: &mut String) {
    let Some(members) = value.as_object().filter(|members| depth < DEPTH_BROKEN && !members.is_empty())
    else {
        text.push_str(&value.to_string());
        return;
    };
    text.push_str("{\n");
    for (place, (name, member)) in members.iter().enumerate() {
        text.push_str(&json!(name).to_string());
        text.push(':');
        write(member, depth + 1, text);
        text.push_str(if place + 1 < members.len() { ",\n" } else { "\n" });
    }
    text.push('}');
}
