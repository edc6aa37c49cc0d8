//! Uniqueness in lists of type set and map (`pkg/apiserver/schema/listtype` of apiextensions-apiserver).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::field_error::FieldError;
use super::node::{ListType, Node};

pub(super) fn duplicates(root: &Node, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    walk(root, object, "", &mut errors);
    errors
}

fn walk(node: &Node, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let declared = node.properties.get(name);
                let Some(child) = declared.or_else(|| node.field(name)) else {
                    continue;
                };
                let child_path = match (declared.is_some(), path.is_empty()) {
                    (true, true) => name.clone(),
                    (true, false) => format!("{path}.{name}"),
                    (false, _) => format!("{path}[{name}]"),
                };
                walk(child, value, &child_path, errors);
            }
        }
        Value::Array(list) => {
            check_list(node, list, path, errors);
            if let Some(items) = &node.items {
                for (index, value) in list.iter().enumerate() {
                    walk(items, value, &format!("{path}[{index}]"), errors);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn check_list(node: &Node, list: &[Value], path: &str, errors: &mut Vec<FieldError>) {
    match &node.list_type {
        ListType::Atomic => {}
        ListType::Set => {
            for index in repeated(list) {
                errors.push(FieldError::duplicate(format!("{path}[{index}]"), list[index].clone()));
            }
        }
        ListType::Map(keys) => {
            for (index, value) in list.iter().enumerate() {
                if !value.is_object() && !value.is_null() {
                    let detail = "must be an object for an array of list-type map";
                    errors.push(FieldError::invalid(format!("{path}[{index}]"), value.clone(), detail));
                    return;
                }
            }
            let keyed: Vec<Value> = list.iter().map(|value| Value::Object(key_of(value, keys))).collect();
            for index in repeated(&keyed) {
                errors.push(FieldError::duplicate(format!("{path}[{index}]"), keyed[index].clone()));
            }
        }
    }
}

/// The key fields of one element.
pub(super) fn key_of(element: &Value, keys: &[String]) -> Map<String, Value> {
    keys.iter().filter_map(|key| Some((key.clone(), element.get(key)?.clone()))).collect()
}

/// Indices at which a value occurs for the second time; further repetitions are not named, as on the server.
fn repeated(list: &[Value]) -> Vec<usize> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut repeated = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let times = seen.entry(value.to_string()).or_default();
        *times += 1;
        if *times == 2 {
            repeated.push(index);
        }
    }
    repeated
}
