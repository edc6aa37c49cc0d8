//! Tests of ownership and merging.

mod codec;
mod entries;
mod merging;
mod ownership;
mod properties;
mod recorded;
mod sets;

use serde_json::{Value, json};

use crate::schema::{Definitions, TypeSchema};

use super::{Applied, ApplyError, ApplyRequest, FieldSet, UpdateRequest, apply, update};

pub(super) const NOW: &str = "2026-01-02T03:04:05Z";
pub(super) const LATER: &str = "2026-01-02T03:05:00Z";

/// A custom kind with one field of every sort that merges in its own way.
pub(super) fn widget() -> TypeSchema {
    let text = json!({"type": "string"});
    let item = json!({
        "type": "object",
        "required": ["port"],
        "properties": {
            "port": {"type": "integer"},
            "protocol": {"type": "string", "default": "TCP"},
            "name": text,
            "tags": {"type": "array", "items": text, "x-kubernetes-list-type": "set"},
        },
    });
    let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {
            "text": text,
            "count": {"type": "integer"},
            "on": {"type": "boolean"},
            "set": {"type": "array", "items": text, "x-kubernetes-list-type": "set"},
            "list": {"type": "array", "items": text},
            "items": {
                "type": "array", "items": item,
                "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
            },
            "labels": {"type": "object", "additionalProperties": text},
            "nested": {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": text, "b": text}}},
            "atomic": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"a": text, "b": text}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        }},
        "status": {"type": "object", "properties": {"phase": text}},
    }});
    let mut definitions = Definitions::default();
    definitions.add_custom("example.com", "v1", "Widget", Some(&schema)).unwrap();
    definitions.kind("example.com", "v1", "Widget").unwrap()
}

/// A widget with this spec.
pub(super) fn object(spec: Value) -> Value {
    let mut object = json!({
        "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "ns"},
    });
    object["spec"] = spec;
    object
}

/// One widget and the requests that it gets.
pub(super) struct Stage {
    pub(super) schema: TypeSchema,
    pub(super) live: Option<Value>,
    ignored: FieldSet,
    pub(super) now: &'static str,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self { schema: widget(), live: None, ignored: FieldSet::of(&["status"]), now: NOW }
    }

    /// Applies a spec without storing the outcome.
    pub(super) fn try_apply(&self, manager: &str, spec: Value, force: bool) -> Result<Applied, ApplyError> {
        apply(&ApplyRequest {
            schema: &self.schema,
            live: self.live.as_ref(),
            applied: &object(spec),
            manager,
            force,
            subresource: None,
            api_version: "example.com/v1",
            ignored: &self.ignored,
            now: self.now,
        })
    }

    /// Applies a spec by force and stores the outcome; returns whether anything changed.
    pub(super) fn apply(&mut self, manager: &str, spec: Value) -> bool {
        let applied = self.try_apply(manager, spec, true).unwrap();
        self.live = Some(applied.object);
        applied.changed
    }

    /// The object after a manager applies nothing but the name, not even an empty spec.
    pub(super) fn try_apply_nothing(&self, manager: &str) -> Value {
        let mut applied = object(Value::Null);
        applied.as_object_mut().unwrap().remove("spec");
        let request = ApplyRequest {
            schema: &self.schema,
            live: self.live.as_ref(),
            applied: &applied,
            manager,
            force: false,
            subresource: None,
            api_version: "example.com/v1",
            ignored: &self.ignored,
            now: self.now,
        };
        apply(&request).unwrap().object
    }

    /// Writes the whole object and stores the outcome.
    pub(super) fn put(&mut self, manager: &str, new: &Value, subresource: Option<&str>) {
        let new = update(&UpdateRequest {
            schema: &self.schema,
            live: self.live.as_ref(),
            new,
            manager,
            subresource,
            api_version: "example.com/v1",
            ignored: &self.ignored,
            now: self.now,
        });
        self.live = Some(new);
    }

    /// Writes a spec and stores the outcome.
    pub(super) fn put_spec(&mut self, manager: &str, spec: Value) {
        self.put(manager, &object(spec), None);
    }

    pub(super) fn spec(&self) -> Value {
        self.live.as_ref().unwrap().get("spec").cloned().unwrap_or(Value::Null)
    }

    pub(super) fn entries(&self) -> Vec<Value> {
        let entries = self.live.as_ref().unwrap().pointer("/metadata/managedFields");
        entries.and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// What one manager's entry of an operation says; null where it has none.
    pub(super) fn entry(&self, manager: &str, operation: &str) -> Value {
        let is = |entry: &&Value| entry["manager"] == manager && entry["operation"] == operation;
        self.entries().iter().find(is).cloned().unwrap_or(Value::Null)
    }

    /// What one manager owns of the spec by an operation; null where it owns nothing.
    pub(super) fn owned(&self, manager: &str, operation: &str) -> Value {
        self.entry(manager, operation).pointer("/fieldsV1/f:spec").cloned().unwrap_or(Value::Null)
    }
}
