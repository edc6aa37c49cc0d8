//! From the schema of a target to the structural schema of its template.
//!
//! A template is a *partial* object: whatever the target's own defaulting fills in may be left out. So a template
//! schema requires nothing and defaults nothing (a default that the host materialised would become a field that we own
//! in every member). The one exception is the key of a list that is merged as a map: the API server accepts such a
//! list only if the key is required or has a default.
//!
//! Sources differ in form: OpenAPI documents refer to shared definitions and wrap each reference in an `allOf` of one
//! element; schemas of `schemars` and of CRDs are inlined. All pass the same walk:
//!
//! * references and merged `allOf`s are inlined; recursion is cut with a node that accepts any content;
//! * number-or-string values become `x-kubernetes-int-or-string`; objects of which the source says nothing
//!   (`RawExtension`, `FieldsV1`) and values of any type keep all content;
//! * what CRDs do not know, or what holds for whole objects only, is left out: `required`, `default`, alternatives of
//!   object shapes, validation rules, strategic-merge hints;
//! * at the root `status` goes, `apiVersion` and `kind` are optional strings, and `metadata` offers labels,
//!   annotations and finalizers.

mod check;
mod derived;
mod error;
mod flatten;
mod keywords;
mod walk;

use serde_json::{Map, Value, json};

pub use check::violations;
pub use derived::{custom_resource_template, derived_template_schema, embedded_template, plain_template};
pub use error::NormaliseError;

use flatten::Flat;
use walk::Walk;

/// How much of the source's descriptions a template schema carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Descriptions {
    /// None: the smallest CRDs; `kubectl explain` shows names and types.
    #[default]
    None,
    /// The first sentence of each.
    Short,
    /// All of them. The CRD of a pod-bearing kind then exceeds the 256 KiB up to which client-side `kubectl apply`
    /// works; `kubectl apply --server-side` has no such limit.
    Full,
}

/// What is adjustable about a template schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NormaliseOptions {
    /// How much of the source's descriptions is carried over.
    pub descriptions: Descriptions,
}

/// The template schema of a target.
///
/// `target` is the schema of the whole target object, or a reference to it; `document` is what references
/// (`#/components/schemas/…`, `#/definitions/…`, `#/$defs/…`) point into. Both may be the same value.
///
/// # Errors
///
/// The schema is malformed, refers to something that is not in the document, is nested too deeply, expands to too many
/// nodes, or does not describe an object. The error carries the JSON pointer of the place.
pub fn template_schema(
    target: &Value,
    document: &Value,
    options: NormaliseOptions,
) -> Result<Value, NormaliseError> {
    root(&mut Walk::new(document, options, walk::OnError::Fail), target)
}

/// A template that accepts any field: for targets without a schema, and for the CRDs of a take-over, where stored
/// objects must not lose fields.
#[must_use]
pub fn open_template() -> Value {
    json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// Whether a normalised template schema has an integer at the path, as `["spec", "replicas"]` for things that scale.
#[must_use]
pub fn has_integer_at(template: &Value, path: &[&str]) -> bool {
    path.iter()
        .try_fold(template, |schema, segment| schema.get("properties")?.get(segment))
        .is_some_and(|schema| schema.get("type").and_then(Value::as_str) == Some("integer"))
}

/// Whether a template can have an integer at the path: its schema has one there, or is open somewhere on the way.
#[must_use]
pub fn admits_integer_at(template: &Value, path: &[&str]) -> bool {
    let is_open = |schema: &Value| schema["x-kubernetes-preserve-unknown-fields"] == true;
    match path.split_first() {
        _ if is_open(template) => true,
        None => template["type"] == "integer",
        Some((segment, rest)) => template
            .get("properties")
            .and_then(|properties| properties.get(segment))
            .is_some_and(|schema| admits_integer_at(schema, rest)),
    }
}

/// Handles what is special about the root, and leaves the rest to the walk.
fn root<'a>(walk: &mut Walk<'a>, target: &'a Value) -> Result<Value, NormaliseError> {
    let flat = walk.enter(target, String::new())?;
    if !is_object(&flat) {
        return Err(NormaliseError::NotAnObject { pointer: flat.pointer().to_owned() });
    }
    let mut template = walk.emit(&flat, &[])?;
    let properties = template.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    if let Some(properties) = properties.as_object_mut() {
        properties.remove("status");
        properties.insert("apiVersion".to_owned(), json!({"type": "string"}));
        properties.insert("kind".to_owned(), json!({"type": "string"}));
        properties.insert("metadata".to_owned(), metadata());
    }
    template.remove("additionalProperties");
    template.remove("description");
    template.remove("nullable");
    Ok(Value::Object(template))
}

fn is_object(flat: &Flat<'_>) -> bool {
    match flat.get("type") {
        Some(Value::String(name)) => name == "object",
        Some(_) => false,
        None => flat.get("properties").is_some() || flat.get(keywords::PRESERVE) == Some(&Value::Bool(true)),
    }
}

/// What a template may say of its metadata. Names come from the federated object; finalizers are not propagated, and
/// stay in the schema so that they can be warned of instead of vanishing (spec 3.5).
fn metadata() -> Value {
    let map = json!({"type": "object", "additionalProperties": {"type": "string"}});
    json!({
        "type": "object",
        "properties": {
            "annotations": map,
            "finalizers": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            "labels": map,
        },
    })
}

#[cfg(test)]
mod tests;
