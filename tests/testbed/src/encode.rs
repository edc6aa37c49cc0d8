//! Objects as JSON text.

use serde_json::{Map, Value};

/// Fields that come first, in this order; the rest follows by name.
const FIRST: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Compact JSON of an object that begins with its type, so that [`without_type`] need not read it again.
pub(crate) fn encode(object: &Value) -> Vec<u8> {
    let Value::Object(map) = object else {
        return object.to_string().into_bytes();
    };
    let mut json = Vec::with_capacity(512);
    json.push(b'{');
    for name in FIRST {
        if let Some(value) = map.get(name) {
            member(&mut json, name, value);
        }
    }
    for (name, value) in map.iter().filter(|(name, _)| !FIRST.contains(&name.as_str())) {
        member(&mut json, name, value);
    }
    json.push(b'}');
    json
}

fn member(json: &mut Vec<u8>, name: &str, value: &Value) {
    if json.len() > 1 {
        json.push(b',');
    }
    write(json, &name);
    json.push(b':');
    write(json, value);
}

fn write(json: &mut Vec<u8>, value: &impl serde::Serialize) {
    // Writing a JSON value into memory cannot fail.
    let _ = value.serialize(&mut serde_json::Serializer::new(json));
}

/// What an encoded object of this type begins with.
pub(crate) fn type_prefix(api_version: &str, kind: &str) -> Vec<u8> {
    let mut map = Map::new();
    map.insert("apiVersion".to_owned(), Value::from(api_version));
    map.insert("kind".to_owned(), Value::from(kind));
    let mut prefix = encode(&Value::Object(map));
    if let Some(last) = prefix.last_mut() {
        *last = b',';
    }
    prefix
}

/// Appends an encoded object without its type: items of typed lists have none.
pub(crate) fn without_type(into: &mut Vec<u8>, prefix: &[u8], json: &[u8]) {
    match json.strip_prefix(prefix) {
        Some(rest) => {
            into.push(b'{');
            into.extend_from_slice(rest);
        }
        None => into.extend_from_slice(json),
    }
}
