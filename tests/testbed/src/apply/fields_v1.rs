//! The wire form of a field set, `fieldsV1`: a tree of objects whose keys are `f:` and a field name, `k:` and the key
//! fields of a list item as JSON, `v:` and a set item as JSON, or `i:` and an index; `.` marks the node itself.

use serde_json::{Map, Value};

use super::field_set::FieldSet;
use super::path::{KeyValue, PathElement};

/// Why a `fieldsV1` could not be read.
#[derive(Debug, thiserror::Error)]
#[error("invalid fieldsV1: {0}")]
pub(crate) struct FieldsError(String);

impl FieldSet {
    /// Reads the wire form. Keys of kinds that are not known are left out with what is below them, as the server does.
    ///
    /// # Errors
    /// When a node is no object, or a key is malformed.
    pub(crate) fn from_fields_v1(value: &Value) -> Result<Self, FieldsError> {
        read(value).map(|(_, set)| set)
    }

    /// The wire form, entries in the server's order where the JSON map keeps any.
    pub(crate) fn to_fields_v1(&self) -> Value {
        let mut object = Map::new();
        for (element, node) in self.nodes() {
            let mut below = node.below.to_fields_v1();
            if node.member
                && let Some(object) = below.as_object_mut().filter(|object| !object.is_empty())
            {
                object.insert(".".to_owned(), Value::Object(Map::new()));
            }
            object.insert(element_key(element), below);
        }
        Value::Object(object)
    }
}

/// Whether the node itself is a member, and what is below. A node with nothing below is a member.
fn read(value: &Value) -> Result<(bool, FieldSet), FieldsError> {
    let mut member = false;
    let mut set = FieldSet::default();
    match value {
        Value::Null => {}
        Value::Object(object) => {
            for (key, child) in object {
                if key == "." {
                    member = true;
                } else if let Some(element) = element_of(key)? {
                    let (member, below) = read(child)?;
                    set.put(element, member, below);
                }
            }
        }
        other => return Err(FieldsError(format!("expected an object, got {other}"))),
    }
    Ok((member || set.is_empty(), set))
}

fn element_of(key: &str) -> Result<Option<PathElement>, FieldsError> {
    let malformed = |error: String| FieldsError(format!("key {key:?}: {error}"));
    let Some((kind, content)) = key.split_once(':').filter(|(kind, _)| kind.len() == 1) else {
        return Err(malformed("missing the kind and its colon".to_owned()));
    };
    let element = match kind {
        "f" => PathElement::field(content),
        "v" => {
            let value = serde_json::from_str(content).map_err(|error| malformed(error.to_string()))?;
            PathElement::Value(KeyValue(value))
        }
        "k" => {
            let keys: Map<String, Value> =
                serde_json::from_str(content).map_err(|error| malformed(error.to_string()))?;
            let mut keys: Vec<_> = keys.into_iter().map(|(name, value)| (name, KeyValue(value))).collect();
            keys.sort();
            PathElement::Key(keys)
        }
        "i" => PathElement::Index(content.parse().map_err(|_| malformed("not an index".to_owned()))?),
        _ => return Ok(None),
    };
    Ok(Some(element))
}

fn element_key(element: &PathElement) -> String {
    match element {
        PathElement::Field(name) => format!("f:{name}"),
        PathElement::Key(keys) => {
            let fields: Vec<_> = keys
                .iter()
                .map(|(name, key)| format!("{}:{}", Value::from(name.as_str()), json_text(&key.0)))
                .collect();
            format!("k:{{{}}}", fields.join(","))
        }
        PathElement::Value(item) => format!("v:{}", json_text(&item.0)),
        PathElement::Index(index) => format!("i:{index}"),
    }
}

/// JSON as Go writes it: characters that HTML gives a meaning are escaped inside strings.
fn json_text(value: &Value) -> String {
    let text = value.to_string();
    if !text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        return text;
    }
    text.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}
