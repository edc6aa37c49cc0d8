//! Strategic merge patch: a merge patch that knows the keys of lists, from the patch markers of the schema.

use serde_json::{Map, Value};

use crate::error::{ApiError, ApiResult};
use crate::schema::TypeSchema;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList/";
const SET_ORDER: &str = "$setElementOrder/";

/// Merges `patch` into `object`.
pub(super) fn merge(schema: &TypeSchema, object: &mut Value, patch: &Value) -> ApiResult<()> {
    let (Value::Object(into), Value::Object(patch)) = (object, patch) else {
        return Err(ApiError::bad_request("a strategic merge patch must be a JSON object"));
    };
    merge_map(Some(schema), into, patch)
}

fn merge_map(
    schema: Option<&TypeSchema>,
    into: &mut Map<String, Value>,
    patch: &Map<String, Value>,
) -> ApiResult<()> {
    match patch.get(DIRECTIVE).and_then(Value::as_str) {
        Some("replace") => {
            *into = patch.clone();
            into.remove(DIRECTIVE);
            return Ok(());
        }
        Some("delete") => {
            into.clear();
            return Ok(());
        }
        _ => {}
    }
    let before = if patch.keys().any(|name| name.starts_with(SET_ORDER)) { into.clone() } else { Map::new() };
    if let Some(keep) = patch.get(RETAIN_KEYS).and_then(Value::as_array) {
        into.retain(|name, _| keep.iter().any(|one| one.as_str() == Some(name)));
    }
    for (name, value) in patch {
        if let Some(list) = name.strip_prefix(DELETE_FROM_LIST) {
            let gone = value.as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(Value::Array(items)) = into.get_mut(list) {
                items.retain(|item| !gone.contains(item));
            }
            continue;
        }
        if name.starts_with('$') {
            continue;
        }
        merge_field(schema.and_then(|schema| schema.field(name)).as_ref(), into, name, value)?;
    }
    for (name, order) in patch {
        let Some(list) = name.strip_prefix(SET_ORDER) else { continue };
        let key = schema.and_then(|schema| schema.field(list));
        let key = key.as_ref().and_then(|field| field.patch_merge_key());
        if let (Some(Value::Array(items)), Value::Array(order)) = (into.get_mut(list), order) {
            let server = before.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            put_in_order(items, order, server, key);
        }
    }
    Ok(())
}

fn merge_field(
    schema: Option<&TypeSchema>,
    into: &mut Map<String, Value>,
    name: &str,
    value: &Value,
) -> ApiResult<()> {
    let merges =
        schema.and_then(TypeSchema::patch_strategy).unwrap_or_default().split(',').any(|one| one == "merge");
    let replaces = schema
        .and_then(TypeSchema::patch_strategy)
        .unwrap_or_default()
        .split(',')
        .any(|one| one == "replace");
    match value {
        Value::Null => {
            into.remove(name);
        }
        Value::Object(patch) if !replaces => {
            if !into.get(name).is_some_and(Value::is_object) {
                if patch.get(DIRECTIVE).and_then(Value::as_str) == Some("delete") {
                    into.remove(name);
                    return Ok(());
                }
                into.insert(name.to_owned(), Value::Object(Map::new()));
            }
            let deletes = patch.get(DIRECTIVE).and_then(Value::as_str) == Some("delete");
            if deletes {
                into.remove(name);
            } else if let Some(Value::Object(map)) = into.get_mut(name) {
                merge_map(schema, map, patch)?;
            }
        }
        Value::Array(patch) if merges => {
            let place = into.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if !place.is_array() {
                *place = Value::Array(Vec::new());
            }
            if let Value::Array(items) = place {
                merge_list(schema, items, patch)?;
            }
        }
        other => {
            into.insert(name.to_owned(), other.clone());
        }
    }
    Ok(())
}

fn merge_list(schema: Option<&TypeSchema>, items: &mut Vec<Value>, patch: &[Value]) -> ApiResult<()> {
    let Some(key) = schema.and_then(TypeSchema::patch_merge_key) else {
        // A list of scalars is a set.
        let server = items.clone();
        for value in patch {
            if !items.contains(value) {
                items.push(value.clone());
            }
        }
        put_in_order(items, patch, &server, None);
        return Ok(());
    };
    let directive = |value: &Value| value.get(DIRECTIVE).and_then(Value::as_str).map(str::to_owned);
    if patch.iter().any(|value| directive(value).as_deref() == Some("replace")) {
        *items = patch.iter().filter(|value| directive(value).is_none()).cloned().collect();
        return Ok(());
    }
    let server = items.clone();
    let item_schema = schema.and_then(TypeSchema::items);
    for value in patch {
        let Some(wanted) = value.get(key) else {
            return Err(ApiError::bad_request(format!(
                "map: {value} does not contain declared merge key: {key}"
            )));
        };
        let position = items.iter().position(|item| item.get(key) == Some(wanted));
        match (directive(value).as_deref(), position) {
            (Some("delete"), Some(position)) => {
                items.remove(position);
            }
            (Some("delete"), None) => {}
            (_, Some(position)) => {
                if let (Value::Object(item), Value::Object(value)) = (&mut items[position], value) {
                    merge_map(item_schema.as_ref(), item, value)?;
                }
            }
            (_, None) => {
                let mut item = Map::new();
                if let Value::Object(value) = value {
                    merge_map(item_schema.as_ref(), &mut item, value)?;
                }
                items.push(Value::Object(item));
            }
        }
    }
    put_in_order(items, patch, &server, Some(key));
    Ok(())
}

/// Elements that the patch names come in the patch's order, the others in the server's; where the two meet, the server's
/// order decides as far as it knows both.
fn put_in_order(items: &mut Vec<Value>, order: &[Value], server: &[Value], key: Option<&str>) {
    let same = |a: &Value, b: &Value| match key {
        Some(key) => a.get(key).is_some() && a.get(key) == b.get(key),
        None => a == b,
    };
    let index = |list: &[Value], item: &Value| list.iter().position(|other| same(other, item));
    let (mut named, mut others): (Vec<Value>, Vec<Value>) =
        items.drain(..).partition(|item| index(order, item).is_some());
    named.sort_by_key(|item| index(order, item));
    others.sort_by_key(|item| index(server, item));
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    loop {
        let other_first = match (others.peek(), named.peek()) {
            (Some(other), Some(named)) => {
                matches!((index(server, other), index(server, named)), (Some(other), Some(named)) if other < named)
            }
            (Some(_), None) => true,
            (None, _) => false,
        };
        match if other_first { others.next() } else { named.next() } {
            Some(item) => items.push(item),
            None => return,
        }
    }
}
