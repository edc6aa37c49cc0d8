//! Defaults (`pkg/apiserver/schema/defaulting` of apiextensions-apiserver).

use serde_json::Value;

use super::node::Node;

/// Removes nulls that the schema neither allows nor replaces by a default.
pub(super) fn drop_nulls(node: &Node, value: &mut Value) {
    match value {
        Value::Object(map) => map.retain(|name, value| match node.field(name) {
            Some(child) if child.refuses_null(value) && child.default.is_none() => false,
            Some(child) => {
                drop_nulls(child, value);
                true
            }
            None => true,
        }),
        Value::Array(list) => {
            if let Some(items) = &node.items {
                list.iter_mut().for_each(|value| drop_nulls(items, value));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Fills in defaults where a field is absent or null without permission, from the outside in.
pub(super) fn fill(node: &Node, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, child) in &node.properties {
                let Some(default) = &child.default else { continue };
                if map.get(name).is_none_or(|value| child.refuses_null(value)) {
                    map.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in map.iter_mut() {
                let Some(child) = node.field(name) else { continue };
                replace_null(child, value);
                fill(child, value);
            }
        }
        Value::Array(list) => {
            let Some(items) = &node.items else { return };
            for value in list {
                replace_null(items, value);
                fill(items, value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn replace_null(node: &Node, value: &mut Value) {
    if let Some(default) = &node.default
        && node.refuses_null(value)
    {
        *value = default.clone();
    }
}
