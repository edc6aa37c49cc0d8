//! Whether a schema is structural, by the rules that the API server applies to a CRD.

use serde_json::{Map, Value};

use super::{
    flatten::escape,
    keywords::{EMBEDDED_RESOURCE, INT_OR_STRING, JUNCTORS, LIST_MAP_KEYS, LIST_TYPE, MAP_TYPE, PRESERVE},
};

/// Keywords that CRDs know and that need no look at their value here.
const PLAIN: [&str; 23] = [
    "anyOf",
    "allOf",
    "default",
    "description",
    "enum",
    "example",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "externalDocs",
    "format",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "title",
];

/// What an API server would refuse of a schema in a CRD, as `pointer: what is wrong`. Empty means structural.
///
/// Covers types, unknown and forbidden keywords, what may stand inside `allOf`, `anyOf`, `oneOf` and `not`, and the
/// rules of list types and their keys. It does not evaluate CEL rules or their cost, nor defaults.
#[must_use]
pub fn violations(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    node(schema, "", &mut found);
    found
}

fn node(schema: &Value, at: &str, found: &mut Vec<String>) {
    let Value::Object(keywords) = schema else {
        found.push(format!("{at}: a schema must be an object"));
        return;
    };
    let kind = keywords.get("type").and_then(Value::as_str);
    let flag = |keyword: &str| keywords.get(keyword) == Some(&Value::Bool(true));
    match kind {
        None if !flag(PRESERVE) && !flag(INT_OR_STRING) => found.push(format!("{at}: has no type")),
        Some(_) if flag(INT_OR_STRING) => found.push(format!("{at}: has a type beside {INT_OR_STRING}")),
        None | Some("object" | "array" | "string" | "integer" | "number" | "boolean") => {}
        Some(other) => found.push(format!("{at}: {other} is no type")),
    }
    for (keyword, value) in keywords {
        match keyword.as_str() {
            "properties" => {
                for (name, schema) in value.as_object().into_iter().flatten() {
                    node(schema, &format!("{at}/properties/{}", escape(name)), found);
                }
            }
            "items" => node(value, &format!("{at}/items"), found),
            "additionalProperties" => node(value, &format!("{at}/additionalProperties"), found),
            "type" | "nullable" | "required" | "x-kubernetes-validations" => {}
            PRESERVE | INT_OR_STRING | EMBEDDED_RESOURCE | LIST_TYPE | LIST_MAP_KEYS | MAP_TYPE => {}
            plain if PLAIN.contains(&plain) => {}
            other => found.push(format!("{at}: {other} is not a keyword of CRDs")),
        }
    }
    if kind != Some("array") && keywords.contains_key("items") {
        found.push(format!("{at}: items beside a type that is not array"));
    }
    if kind == Some("array") && !keywords.contains_key("items") {
        found.push(format!("{at}: an array without items"));
    }
    if keywords.contains_key("properties") && keywords.contains_key("additionalProperties") {
        found.push(format!("{at}: properties and additionalProperties exclude each other"));
    }
    if keywords.get("enum").and_then(Value::as_array).is_some_and(|values| values.contains(&Value::Null))
        && !flag("nullable")
    {
        found.push(format!("{at}: null is in enum and the value is not nullable"));
    }
    list(keywords, at, found);
    junctors(keywords, at, flag(INT_OR_STRING), found);
}

fn list(keywords: &Map<String, Value>, at: &str, found: &mut Vec<String>) {
    let keys: Vec<&str> = keywords
        .get(LIST_MAP_KEYS)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let of_items = |keyword: &str| keywords.get("items").and_then(|items| items.get(keyword));
    match keywords.get(LIST_TYPE).and_then(Value::as_str) {
        Some("map") if keys.is_empty() => found.push(format!("{at}: a list of type map without keys")),
        Some("map") => {
            for key in keys {
                let Some(property) = of_items("properties").and_then(|properties| properties.get(key)) else {
                    found.push(format!("{at}: the key {key} is no property of the items"));
                    continue;
                };
                let kind = property.get("type").and_then(Value::as_str);
                if !matches!(kind, Some("string" | "integer" | "number" | "boolean")) {
                    found.push(format!("{at}: the key {key} is no scalar"));
                }
                let required = of_items("required").and_then(Value::as_array);
                let required = required.is_some_and(|names| names.iter().any(|name| name == key));
                if !required && property.get("default").is_none() {
                    found.push(format!("{at}: the key {key} is neither required nor has a default"));
                }
            }
            if of_items("nullable").is_some_and(|nullable| nullable == true) {
                found.push(format!("{at}: items of a list of type map are nullable"));
            }
        }
        Some("set") => {
            let atomic = |of: &str| of_items(of).is_some_and(|of| of == "atomic");
            let fits = match of_items("type").and_then(Value::as_str) {
                Some("object") => atomic(MAP_TYPE),
                Some("array") => atomic(LIST_TYPE) || of_items(LIST_TYPE).is_none(),
                Some(_) => true,
                None => false,
            };
            if !fits {
                found.push(format!("{at}: items of a set must be scalar or atomic"));
            }
        }
        _ if !keys.is_empty() => found.push(format!("{at}: keys of a list that is not of type map")),
        _ => {}
    }
}

fn junctors(keywords: &Map<String, Value>, at: &str, int_or_string: bool, found: &mut Vec<String>) {
    const FORBIDDEN: [&str; 9] = [
        "type",
        "default",
        "description",
        "nullable",
        "title",
        "additionalProperties",
        PRESERVE,
        INT_OR_STRING,
        EMBEDDED_RESOURCE,
    ];
    for junctor in JUNCTORS {
        let branches = match keywords.get(junctor) {
            Some(Value::Array(branches)) => branches.as_slice(),
            Some(branch) => std::slice::from_ref(branch),
            None => continue,
        };
        for (index, branch) in branches.iter().enumerate() {
            let Value::Object(branch) = branch else {
                found.push(format!("{at}/{junctor}/{index}: a schema must be an object"));
                continue;
            };
            for keyword in FORBIDDEN.iter().filter(|keyword| branch.contains_key(**keyword)) {
                if !(int_or_string && *keyword == "type") {
                    found.push(format!("{at}/{junctor}/{index}: {keyword} must not stand here"));
                }
            }
            junctors(branch, &format!("{at}/{junctor}/{index}"), false, found);
        }
    }
}
