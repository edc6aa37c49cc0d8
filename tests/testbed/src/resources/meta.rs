//! Access to the metadata of objects that are JSON values.

use serde_json::{Map, Value};

/// A text inside metadata; empty where absent.
pub(crate) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object
        .get("metadata")
        .and_then(|metadata| metadata.get(field))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The metadata for writing; made where absent.
pub(crate) fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let metadata = &mut object["metadata"];
    if !metadata.is_object() {
        *metadata = Value::Object(Map::new());
    }
    match metadata {
        Value::Object(map) => map,
        // Made an object just above.
        _ => unreachable!("metadata is an object"),
    }
}

/// Sets or, where `value` is null, removes a field of metadata.
pub(crate) fn set(object: &mut Value, field: &str, value: Value) {
    let metadata = metadata_mut(object);
    if value.is_null() {
        metadata.remove(field);
    } else {
        metadata.insert(field.to_owned(), value);
    }
}

/// A field of metadata; null where absent.
pub(crate) fn field(object: &Value, name: &str) -> Value {
    object.get("metadata").and_then(|metadata| metadata.get(name)).cloned().unwrap_or_default()
}

/// A list of texts inside metadata.
pub(crate) fn texts(object: &Value, field: &str) -> Vec<String> {
    let list = object.get("metadata").and_then(|metadata| metadata.get(field)).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(crate) fn finalizers(object: &Value) -> Vec<String> {
    texts(object, "finalizers")
}

pub(crate) fn is_being_deleted(object: &Value) -> bool {
    !text(object, "deletionTimestamp").is_empty()
}

/// The value at a dotted path.
pub(crate) fn at_dotted<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.trim_start_matches('.').split('.').try_fold(object, |value, name| value.get(name))
}

/// Sets or, where `value` is none, removes what stands at a dotted path. Parents are made where needed.
pub(crate) fn put_dotted(object: &mut Value, path: &str, value: Option<Value>) {
    let path = path.trim_start_matches('.');
    let (parents, last) = path.rsplit_once('.').map_or((None, path), |(parents, last)| (Some(parents), last));
    let mut place = object;
    for name in parents.into_iter().flat_map(|parents| parents.split('.')) {
        let Value::Object(map) = place else { return };
        if value.is_none() && !map.contains_key(name) {
            return;
        }
        place = map.entry(name).or_insert_with(|| Value::Object(Map::new()));
    }
    let Value::Object(map) = place else { return };
    match value {
        Some(value) => map.insert(last.to_owned(), value),
        None => map.remove(last),
    };
}
