//! What is stored of one object, and of one change.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use serde_json::Value;

use super::key::ObjectKey;
use crate::encode::encode;

/// Stands in for the resource version while an object is serialised: the version is known only when the store commits,
/// and serialising is too dear to do under the store's lock. Unguessable, so no user data can contain it.
static VERSION_MARKER: LazyLock<String> = LazyLock::new(|| uuid::Uuid::new_v4().to_string());

/// Name and value pairs that selectors look at, sorted by name.
pub(crate) type Attributes = Box<[(Box<str>, Box<str>)]>;

/// One version of one object. Never changes.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) key: ObjectKey,
    pub(crate) revision: u64,
    pub(crate) uid: Box<str>,
    pub(crate) labels: Attributes,
    /// Values of the fields that field selectors may name, besides metadata.name and metadata.namespace.
    pub(crate) fields: Attributes,
    /// The object names owners.
    pub(crate) owned: bool,
    /// The object is marked as being deleted.
    pub(crate) deleting: bool,
    /// The whole object as compact JSON, resourceVersion included.
    pub(crate) json: Bytes,
    /// Where in `json` the digits of the resourceVersion begin.
    version_at: usize,
}

impl Record {
    /// The object as a JSON value.
    pub(crate) fn value(&self) -> Value {
        // Only JSON that was serialised from a value gets into the store.
        serde_json::from_slice(&self.json).unwrap_or_default()
    }

    /// The object's JSON with another resourceVersion.
    pub(crate) fn json_at(&self, revision: u64) -> Bytes {
        let digits = self.revision.to_string().len();
        splice(&self.json[..self.version_at], revision, &self.json[self.version_at + digits..])
    }

    /// The same object under another resourceVersion: what a watch shows of a deleted object.
    pub(crate) fn at(&self, revision: u64) -> Self {
        Self {
            key: self.key.clone(),
            revision,
            uid: self.uid.clone(),
            labels: self.labels.clone(),
            fields: self.fields.clone(),
            owned: self.owned,
            deleting: self.deleting,
            json: self.json_at(revision),
            version_at: self.version_at,
        }
    }
}

fn splice(before: &[u8], revision: u64, after: &[u8]) -> Bytes {
    let digits = revision.to_string();
    let mut json = Vec::with_capacity(before.len() + digits.len() + after.len());
    json.extend_from_slice(before);
    json.extend_from_slice(digits.as_bytes());
    json.extend_from_slice(after);
    Bytes::from(json)
}

/// An object that is ready to be committed: everything but its resourceVersion.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) key: ObjectKey,
    uid: Box<str>,
    labels: Attributes,
    fields: Attributes,
    owned: bool,
    deleting: bool,
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Draft {
    /// Serialises an object. `fields` are the values of selectable fields.
    pub(crate) fn new(key: ObjectKey, mut object: Value, fields: Attributes) -> Self {
        let metadata = &mut object["metadata"];
        let uid = metadata["uid"].as_str().unwrap_or_default().into();
        let mut labels = Vec::new();
        if let Some(Value::Object(map)) = metadata.get("labels") {
            for (name, value) in map {
                labels.push((name.as_str().into(), value.as_str().unwrap_or_default().into()));
            }
        }
        let owned = metadata
            .get("ownerReferences")
            .and_then(Value::as_array)
            .is_some_and(|owners| !owners.is_empty());
        let deleting = metadata.get("deletionTimestamp").is_some_and(Value::is_string);
        metadata["resourceVersion"] = Value::from(VERSION_MARKER.as_str());
        let json = encode(&object);
        let marker = VERSION_MARKER.as_bytes();
        let at = json.windows(marker.len()).position(|window| window == marker).unwrap_or(json.len());
        let after = json.get(at + marker.len()..).unwrap_or_default().to_vec();
        let mut before = json;
        before.truncate(at);
        Self { key, uid, labels: labels.into_boxed_slice(), fields, owned, deleting, before, after }
    }

    /// Length of the object in bytes, give or take the digits of its resourceVersion.
    pub(crate) fn len(&self) -> usize {
        self.before.len() + self.after.len()
    }

    /// The object as it will look when committed at `revision`.
    pub(crate) fn record(self, revision: u64) -> Record {
        Record {
            json: splice(&self.before, revision, &self.after),
            version_at: self.before.len(),
            key: self.key,
            revision,
            uid: self.uid,
            labels: self.labels,
            fields: self.fields,
            owned: self.owned,
            deleting: self.deleting,
        }
    }
}

/// One committed change of one object.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) revision: u64,
    /// The object after the change; for a removal its last state under the removal's revision.
    pub(crate) record: Arc<Record>,
    /// The object before the change; none for a creation.
    pub(crate) previous: Option<Arc<Record>>,
    pub(crate) removed: bool,
}
