//! Versions of a kind: from the one that is stored to the one that is asked for, and back.
//!
//! Custom kinds know one strategy, None: only `apiVersion` differs. Of the built-in kinds only events are served by two
//! groups; they differ in the names of some fields.

use bytes::Bytes;
use serde_json::Value;

use super::meta;
use crate::encode::encode;
use crate::registry::ResourceKind;

/// Fields of `events.k8s.io/v1` and what they are called in the core group, where events are stored.
const EVENT_FIELDS: &[(&str, &str)] = &[
    ("note", "message"),
    ("regarding", "involvedObject"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

/// The apiVersion that objects of the kind are stored in.
fn storage_api_version(kind: &ResourceKind) -> String {
    match &kind.custom {
        Some(custom) => format!("{}/{}", kind.group, custom.storage_version),
        None if kind.storage.group == kind.group => kind.api_version(),
        // Served under two groups: the other one's only version is v1.
        None => "v1".to_owned(),
    }
}

fn rename(object: &mut Value, from: &str, to: &str) {
    if let Value::Object(map) = object
        && let Some(value) = map.remove(from)
    {
        map.insert(to.to_owned(), value);
    }
}

/// From the version of a request to the stored one.
pub(super) fn to_storage(kind: &ResourceKind, object: &mut Value) {
    object["apiVersion"] = Value::from(storage_api_version(kind));
    if kind.custom.is_none() && kind.storage.group != kind.group {
        EVENT_FIELDS.iter().for_each(|(here, stored)| rename(object, here, stored));
    }
}

/// From the stored version to that of a request; fields that a changed definition no longer knows disappear, and its new
/// defaults appear.
pub(super) fn from_storage(kind: &ResourceKind, object: &mut Value) {
    object["apiVersion"] = Value::from(kind.api_version());
    match &kind.custom {
        Some(custom) if custom.coerce_on_read => {
            custom.structural.prune(object);
            custom.structural.default(object);
        }
        None if kind.storage.group != kind.group => {
            EVENT_FIELDS.iter().for_each(|(here, stored)| rename(object, stored, here));
            if let Some(go_type) = &kind.go_type {
                go_type.settle(object);
            }
        }
        _ => {}
    }
}

/// Stored JSON as an answer in the version of a request.
pub(crate) fn present(kind: &ResourceKind, json: &Bytes) -> Bytes {
    let as_stored = match &kind.custom {
        Some(custom) => custom.storage_version == kind.version && !custom.coerce_on_read,
        None => kind.storage.group == kind.group,
    };
    if as_stored {
        return json.clone();
    }
    let mut object: Value = serde_json::from_slice(json).unwrap_or_default();
    from_storage(kind, &mut object);
    Bytes::from(encode(&object))
}

/// Values of the fields that field selectors may name, as stored.
pub(super) fn selectable_fields(kind: &ResourceKind, object: &Value) -> crate::store::Attributes {
    let mut fields: Vec<(Box<str>, Box<str>)> = Vec::new();
    let mut add = |name: &str| {
        let text = match meta::at_dotted(object, name) {
            None | Some(Value::Null) => return,
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        fields.push((name.into(), text.into()));
    };
    kind.traits.selectable.iter().for_each(|name| add(name));
    kind.custom.iter().flat_map(|custom| &custom.selectable).for_each(|name| add(name));
    fields.sort();
    fields.into_boxed_slice()
}
