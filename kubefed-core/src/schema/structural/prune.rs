//! Removal of undeclared fields (`pkg/apiserver/schema/pruning` of apiextensions-apiserver).

use serde_json::Value;

use super::node::{Additional, Node};

const META_FIELDS: [&str; 3] = ["apiVersion", "kind", "metadata"];

pub(super) fn prune(root: &Node, object: &mut Value) -> Vec<String> {
    let mut pruned = Vec::new();
    walk(Some(root), object, "", &mut pruned);
    pruned.sort();
    pruned
}

fn child_path(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

/// `None` stands for "nothing is known here": every field goes.
fn walk(node: Option<&Node>, value: &mut Value, path: &str, pruned: &mut Vec<String>) {
    let preserve = node.is_some_and(|node| node.preserve_unknown_fields);
    match value {
        Value::Object(map) => map.retain(|name, value| {
            let Some(node) = node else {
                pruned.push(child_path(path, name));
                return false;
            };
            if node.embedded_resource && META_FIELDS.contains(&name.as_str()) {
                return true;
            }
            if let Some(child) = node.field(name) {
                walk(Some(child), value, &child_path(path, name), pruned);
                return true;
            }
            if preserve {
                return true;
            }
            if node.additional_any || matches!(node.additional, Additional::Forbidden) {
                // A Boolean `additionalProperties` keeps the key; nothing is known of what is below it.
                walk(None, value, &child_path(path, name), pruned);
                return true;
            }
            pruned.push(child_path(path, name));
            false
        }),
        Value::Array(list) => {
            let items = node.and_then(|node| node.items.as_deref());
            if preserve && items.is_none() {
                return;
            }
            for (index, value) in list.iter_mut().enumerate() {
                walk(items, value, &format!("{path}[{index}]"), pruned);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
