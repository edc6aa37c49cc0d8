//! From the JSON of an OpenAPI v3 document, or of a custom type's structural schema, to the type model.
//!
//! Both are read by the same rules as kube-apiserver reads them for apply: no `type` means any form, an object without
//! properties is free-form, lists are atomic unless they say otherwise.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value, json};

use super::SchemaError;
use super::model::{
    Field, ListKind, ListType, MapType, ScalarType, TypeNode, TypeRef, Types, UNTYPED_ATOMIC,
};

/// Components whose declaration says less than their Go marshaller does.
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const RAW_EXTENSION: &str = "io.k8s.apimachinery.pkg.runtime.RawExtension";

/// The metadata of every custom object: the API server adds it to the root and to embedded resources, whatever the
/// custom type's own schema says there.
static OBJECT_META: LazyLock<Arc<TypeNode>> = LazyLock::new(|| {
    let text = json!({"type": "string"});
    let name = json!({"type": "string", "default": ""});
    let texts = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let time = json!({"type": "string", "format": "date-time"});
    let owner = json!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "required": ["apiVersion", "kind", "name", "uid"],
        "properties": {
            "apiVersion": name, "kind": name, "name": name, "uid": name,
            "controller": {"type": "boolean"}, "blockOwnerDeletion": {"type": "boolean"},
        },
    });
    let entry = json!({
        "type": "object",
        "properties": {
            "manager": text, "operation": text, "apiVersion": text, "time": time, "fieldsType": text,
            "fieldsV1": {"type": "object"}, "subresource": text,
        },
    });
    let meta = json!({
        "type": "object",
        "properties": {
            "annotations": texts,
            "creationTimestamp": time,
            "deletionGracePeriodSeconds": {"type": "integer"},
            "deletionTimestamp": time,
            "finalizers": {"type": "array", "items": text, "x-kubernetes-list-type": "set"},
            "generateName": text,
            "generation": {"type": "integer"},
            "labels": texts,
            "managedFields": {"type": "array", "items": entry, "x-kubernetes-list-type": "atomic"},
            "name": text,
            "namespace": text,
            "ownerReferences": {
                "type": "array", "items": owner,
                "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["uid"],
            },
            "resourceVersion": text,
            "selfLink": text,
            "uid": text,
        },
    });
    // The literal above is well-formed; an empty node would only make metadata free-form.
    Arc::new(Conversion::default().node(&meta).unwrap_or_default())
});

/// The named components of one document that `known` does not hold yet.
pub(super) fn components(
    schemas: &Map<String, Value>,
    known: &Types,
) -> Result<Vec<(String, Arc<TypeNode>)>, SchemaError> {
    let mut added = Vec::new();
    for (name, schema) in schemas {
        if known.contains_key(name) || schema.get("$ref").is_some() {
            continue;
        }
        let node = match name.as_str() {
            QUANTITY => Arc::new(TypeNode { scalar: Some(ScalarType::Quantity), ..TypeNode::default() }),
            RAW_EXTENSION => Arc::clone(&UNTYPED_ATOMIC),
            _ => Arc::new(Conversion::default().node(schema).map_err(|error| error.within(name))?),
        };
        added.push((name.clone(), node));
    }
    Ok(added)
}

/// The root type of a custom kind: its own schema with apiVersion, kind and metadata as the API server adds them.
pub(super) fn custom(schema: &Value) -> Result<TypeNode, SchemaError> {
    let conversion = Conversion { root: true, ..Conversion::default() };
    conversion.node(schema)
}

/// Gives a type the three fields that every object has.
fn embed(map: &mut MapType) {
    map.resource = true;
    let text = Arc::new(TypeNode { scalar: Some(ScalarType::String), ..TypeNode::default() });
    for name in ["apiVersion", "kind"] {
        map.fields.insert(name.to_owned(), plain_field(TypeRef::Inline(Arc::clone(&text))));
    }
    map.fields.insert("metadata".to_owned(), plain_field(TypeRef::Inline(Arc::clone(&OBJECT_META))));
}

fn plain_field(type_ref: TypeRef) -> Field {
    Field { type_ref, default: None, merge_key: None, patch_strategy: None }
}

/// What a node inherits from the nodes above it.
#[derive(Clone, Copy, Default)]
struct Conversion {
    /// `x-kubernetes-preserve-unknown-fields` of this node or of one above: undeclared fields are free-form.
    preserve: bool,
    /// The node is the root of a custom kind.
    root: bool,
}

impl Conversion {
    fn node(mut self, schema: &Value) -> Result<TypeNode, SchemaError> {
        self.preserve |= flag(schema, "x-kubernetes-preserve-unknown-fields");
        match text(schema, "type") {
            None => Ok(TypeNode {
                scalar: Some(ScalarType::Untyped),
                list: Some(self.list(schema)?),
                map: Some(self.map(schema)?),
            }),
            Some("object") => Ok(TypeNode { map: Some(self.map(schema)?), ..TypeNode::default() }),
            Some("array") => Ok(TypeNode { list: Some(self.list(schema)?), ..TypeNode::default() }),
            Some(name) => Ok(TypeNode { scalar: Some(scalar(name, schema)?), ..TypeNode::default() }),
        }
    }

    /// The type of a member, item or element: a reference (plain, or wrapped in an `allOf` of one) or a type in place.
    fn type_ref(self, schema: &Value) -> Result<TypeRef, SchemaError> {
        let wrapped = schema.get("allOf").and_then(Value::as_array).filter(|all| all.len() == 1);
        let reference = text(schema, "$ref").or_else(|| wrapped.and_then(|all| text(&all[0], "$ref")));
        let Some(reference) = reference else {
            return Ok(TypeRef::Inline(Arc::new(self.node(schema)?)));
        };
        let name = reference.rsplit('/').next().unwrap_or(reference).replace("~1", "/").replace("~0", "~");
        Ok(TypeRef::Named { name, atomic: map_type(schema)? })
    }

    fn map(mut self, schema: &Value) -> Result<MapType, SchemaError> {
        let embedded = std::mem::take(&mut self.root) || flag(schema, "x-kubernetes-embedded-resource");
        let mut fields = BTreeMap::new();
        for (name, member) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let field = Field {
                type_ref: self.type_ref(member).map_err(|error| error.within(name))?,
                default: member.get("default").cloned(),
                merge_key: text(member, "x-kubernetes-patch-merge-key").map(str::to_owned),
                patch_strategy: text(member, "x-kubernetes-patch-strategy").map(str::to_owned),
            };
            fields.insert(name.clone(), field);
        }
        let additional = schema.get("additionalProperties");
        let element = match additional {
            None if self.preserve || (fields.is_empty() && !embedded) => Some(TypeRef::Deduced),
            None | Some(Value::Bool(false)) => None,
            Some(Value::Bool(true)) => Some(TypeRef::Deduced),
            Some(element) => {
                Some(self.type_ref(element).map_err(|error| error.within("additionalProperties"))?)
            }
        };
        let mut map = MapType {
            fields,
            element,
            atomic: map_type(schema)?.unwrap_or(false),
            required: texts(schema, "required"),
            resource: false,
        };
        if embedded {
            embed(&mut map);
        }
        Ok(map)
    }

    fn list(self, schema: &Value) -> Result<ListType, SchemaError> {
        let items = match schema.get("items") {
            Some(items) => self.type_ref(items).map_err(|error| error.within("items"))?,
            None => TypeRef::UntypedAtomic,
        };
        Ok(ListType { kind: list_kind(schema)?, items })
    }
}

fn scalar(name: &str, schema: &Value) -> Result<ScalarType, SchemaError> {
    match (name, text(schema, "format")) {
        ("integer" | "number", _) => Ok(ScalarType::Numeric),
        ("boolean", _) => Ok(ScalarType::Boolean),
        // Bytes are plain strings in JSON; every other format may have a marshaller of its own.
        ("string", None | Some("" | "byte")) => Ok(ScalarType::String),
        ("string", Some(_)) => Ok(ScalarType::Untyped),
        _ => Err(SchemaError::new(format!("unrecognized type {name:?}"))),
    }
}

fn list_kind(schema: &Value) -> Result<ListKind, SchemaError> {
    match text(schema, "x-kubernetes-list-type") {
        Some("atomic") => return Ok(ListKind::Atomic),
        Some("set") => return Ok(ListKind::Set),
        Some("map") => {
            let keys = texts(schema, "x-kubernetes-list-map-keys");
            if keys.is_empty() {
                return Err(SchemaError::new("a list of type map names no keys"));
            }
            return Ok(ListKind::Map(keys));
        }
        Some(other) => return Err(SchemaError::new(format!("unknown list type {other:?}"))),
        None => {}
    }
    // Lists from before the list types: the strategic merge patch markers say the same.
    match text(schema, "x-kubernetes-patch-strategy") {
        Some("merge" | "merge,retainKeys") => Ok(text(schema, "x-kubernetes-patch-merge-key")
            .map_or(ListKind::Set, |key| ListKind::Map(vec![key.to_owned()]))),
        _ => Ok(ListKind::Atomic),
    }
}

/// `Some(true)` atomic, `Some(false)` granular, `None` not declared (granular, unless the referred type says otherwise).
fn map_type(schema: &Value) -> Result<Option<bool>, SchemaError> {
    match text(schema, "x-kubernetes-map-type") {
        None => Ok(None),
        Some("atomic") => Ok(Some(true)),
        Some("granular") => Ok(Some(false)),
        Some(other) => Err(SchemaError::new(format!("unknown map type {other:?}"))),
    }
}

fn text<'v>(schema: &'v Value, key: &str) -> Option<&'v str> {
    schema.get(key).and_then(Value::as_str)
}

fn flag(schema: &Value, key: &str) -> bool {
    schema.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn texts(schema: &Value, key: &str) -> Vec<String> {
    let items = schema.get(key).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Names that a type refers to, for the check that a document is complete.
pub(super) fn references<'n>(node: &'n TypeNode, found: &mut Vec<&'n str>) {
    let from_map = node
        .map
        .iter()
        .flat_map(|map| map.fields.values().map(|field| &field.type_ref).chain(map.element.as_ref()));
    for type_ref in from_map.chain(node.list.iter().map(|list| &list.items)) {
        match type_ref {
            TypeRef::Named { name, .. } => found.push(name),
            TypeRef::Inline(inner) => references(inner, found),
            TypeRef::Deduced | TypeRef::UntypedAtomic => {}
        }
    }
}
