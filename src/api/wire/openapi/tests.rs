use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{DOCUMENT, draw, judge};
use crate::api::wire::operation::Operation;
use crate::api::wire::{names, registry};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

#[test]
fn the_text_is_what_the_tables_draw() {
    let drawn = draw::text(&draw::document());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(root().join("src/api/wire/openapi/openapi.json"), drawn).unwrap();
        return;
    }
    assert!(
        drawn == DOCUMENT.text(),
        "openapi.json is stale; if the change is right, run UPDATE_GOLDEN=1 cargo test --lib openapi"
    );
}

/// Every reference leads somewhere.
#[test]
fn no_reference_leads_nowhere() {
    fn walk(document: &Value, value: &Value, seen: &mut usize) {
        match value {
            Value::Object(members) => {
                if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                    *seen += 1;
                    assert!(document.pointer(&target[1..]).is_some(), "{target}");
                }
                members.values().for_each(|member| walk(document, member, seen));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(document, item, seen)),
            _ => {}
        }
    }
    let document = draw::document();
    let mut seen = 0;
    walk(&document, &document, &mut seen);
    assert!(seen > 100, "only {seen} references");
}

#[test]
fn every_operation_is_drawn_with_its_mark() {
    let document = draw::document();
    for name in Operation::names() {
        let path = &document["paths"][format!("/cems/v1/{name}")];
        let at = path.get("get").unwrap_or(&path["post"]);
        let mark = registry::find(name).unwrap().mark.letter();
        assert_eq!(at["x-confidence"], mark, "{name}");
    }
}

/// Every recorded answer keeps to the schema of its operation, and has no member beside it.
#[test]
fn every_recorded_answer_keeps_to_its_schema() {
    let document = draw::document();
    let mut judged = 0;
    for entry in fs::read_dir(root().join("tests/it/data/api")).unwrap() {
        let path = entry.unwrap().path();
        let recorded: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let Some(schema) = schema_of(&document, &recorded) else { continue };
        let faults = judge::faults(&document, &schema, &recorded["answer"], "answer");
        assert!(faults.is_empty(), "{}: {faults:#?}", path.display());
        judged += 1;
    }
    assert!(judged > 40, "only {judged} answers were judged");
}

/// The schema of a recorded answer by its question and its status.
fn schema_of(document: &Value, recorded: &Value) -> Option<Value> {
    let content = |response: &Value| response["content"]["application/json"]["schema"].clone();
    let status = recorded["status"].as_u64()?;
    if status >= 400 {
        let refused = &document["components"]["responses"][format!("Refused{status}")];
        assert!(!refused.is_null(), "no answer of status {status} is drawn");
        return Some(content(refused));
    }
    let question = &recorded["question"];
    let path = match (question["operation"].as_str(), question["get"].as_str()) {
        (Some(name), _) => {
            let operation = Operation::named(name)?;
            format!("/{}/{}/{}", names::PATH_CEMS, names::PATH_VERSION, operation.name())
        }
        (None, Some(path)) => path.to_owned(),
        _ => return None,
    };
    Some(content(&document["paths"][path]["get"]["responses"]["200"]))
}

#[test]
fn a_member_that_is_not_drawn_or_of_another_type_is_found() {
    let document = draw::document();
    let schema = json!({ "$ref": "#/components/schemas/Page" });
    let right = json!({ "pageNumber": 1, "pageSize": 2, "totalPages": 3, "total": 4 });
    assert_eq!(judge::faults(&document, &schema, &right, "page"), Vec::<String>::new());
    let wrong = json!({ "pageNumber": "1", "pageSize": 2, "totalPages": 3, "totals": 4 });
    assert_eq!(judge::faults(&document, &schema, &wrong, "page").len(), 3);
}
