//! Judge: whether a value keeps to a schema, as far as schemas are drawn here. Stricter than the
//! standard: a member that the schema does not have is a fault.

use serde_json::Value;

/// What is wrong with `value`, at which place; nothing when it keeps to `schema`.
pub(super) fn faults(document: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    if let Some(target) = schema["$ref"].as_str() {
        let found = document.pointer(target.trim_start_matches('#'));
        let found = found.unwrap_or_else(|| panic!("{target} is nowhere"));
        return faults(document, found, value, place);
    }
    if let Some(choices) = schema["anyOf"].as_array().filter(|_| schema["properties"].is_null()) {
        let each: Vec<_> = choices.iter().map(|choice| faults(document, choice, value, place)).collect();
        return if each.iter().any(Vec::is_empty) { Vec::new() } else { each.concat() };
    }
    let mut found = Vec::new();
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind, value)) {
        found.push(format!("{place}: {value} is none of {kinds:?}"));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        found.push(format!("{place}: {value} is none of {}", schema["enum"]));
    }
    if let (Some(items), Some(of)) = (value.as_array(), schema.get("items")) {
        for (index, item) in items.iter().enumerate() {
            found.extend(faults(document, of, item, &format!("{place}[{index}]")));
        }
    }
    if let (Some(members), Some(of)) = (value.as_object(), schema["properties"].as_object()) {
        for (name, member) in members {
            match of.get(name) {
                Some(schema) => found.extend(faults(document, schema, member, &format!("{place}.{name}"))),
                None => found.push(format!("{place}.{name} is not in the schema")),
            }
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let absent = required.filter(|name| !members.contains_key(*name));
        found.extend(absent.map(|name| format!("{place}.{name} is missing")));
    }
    found
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}
