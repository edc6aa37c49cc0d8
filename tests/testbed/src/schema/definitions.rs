//! The table of all types, and a type as its users hold it.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::model::{DEDUCED, Shape, TypeNode, TypeRef, Types};
use super::{SchemaError, convert, decode};

/// All types that an API server knows: built-in ones from OpenAPI v3 documents, custom ones from their definitions.
///
/// A clone costs nothing and shares the table until one side changes its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Definitions {
    types: Arc<Types>,
    kinds: Arc<HashMap<String, Kind>>,
}

#[derive(Clone, Debug)]
struct Kind {
    node: Arc<TypeNode>,
    origin: Origin,
}

/// Decides how objects are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    BuiltIn,
    Custom,
}

fn key(group: &str, version: &str, kind: &str) -> String {
    format!("{group}/{version}/{kind}")
}

impl Definitions {
    /// Adds one OpenAPI v3 document as an API server serves it. Documents overlap: a component that is already known by
    /// its name, and a kind that is already known, stay as they are.
    ///
    /// # Errors
    /// When the document has no components, or a reference leads nowhere.
    pub(crate) fn add_openapi(&mut self, document: &Value) -> Result<(), SchemaError> {
        let schemas = document
            .pointer("/components/schemas")
            .and_then(Value::as_object)
            .ok_or_else(|| SchemaError::new("not an OpenAPI v3 document: components.schemas is missing"))?;
        let added = convert::components(schemas, &self.types)?;
        for (name, node) in &added {
            let mut references = Vec::new();
            convert::references(node, &mut references);
            if let Some(missing) =
                references.iter().find(|to| !schemas.contains_key(**to) && !self.types.contains_key(**to))
            {
                return Err(SchemaError::new(format!("$ref to unknown component {missing:?}")).within(name));
            }
        }
        Arc::make_mut(&mut self.types).extend(added);
        let kinds = Arc::make_mut(&mut self.kinds);
        for (name, schema) in schemas {
            let Some(node) = self.types.get(name) else {
                continue;
            };
            let names = schema.get("x-kubernetes-group-version-kind").and_then(Value::as_array);
            for gvk in names.into_iter().flatten() {
                let part = |key| gvk.get(key).and_then(Value::as_str).unwrap_or_default();
                let kind = Kind { node: Arc::clone(node), origin: Origin::BuiltIn };
                kinds.entry(key(part("group"), part("version"), part("kind"))).or_insert(kind);
            }
        }
        Ok(())
    }

    /// Adds or replaces one version of a custom kind. `schema` is its `openAPIV3Schema`; without one every field is
    /// accepted and owned by its own name. apiVersion, kind and the standard metadata are added to the root.
    ///
    /// # Errors
    /// When the schema is not a structural one.
    pub(crate) fn add_custom(
        &mut self,
        group: &str,
        version: &str,
        kind: &str,
        schema: Option<&Value>,
    ) -> Result<(), SchemaError> {
        let node = match schema {
            Some(schema) => Arc::new(convert::custom(schema).map_err(|error| error.within(kind))?),
            None => Arc::clone(&DEDUCED),
        };
        let kinds = Arc::make_mut(&mut self.kinds);
        kinds.insert(key(group, version, kind), Kind { node, origin: Origin::Custom });
        Ok(())
    }

    /// Forgets one version of a kind; types that are already handed out stay valid.
    pub(crate) fn remove(&mut self, group: &str, version: &str, kind: &str) {
        Arc::make_mut(&mut self.kinds).remove(&key(group, version, kind));
    }

    /// The type of a kind; the core group is "".
    pub(crate) fn kind(&self, group: &str, version: &str, kind: &str) -> Option<TypeSchema> {
        let found = self.kinds.get(&key(group, version, kind))?;
        Some(TypeSchema {
            types: Arc::clone(&self.types),
            node: Arc::clone(&found.node),
            atomic: None,
            origin: found.origin,
            patch: None,
        })
    }
}

/// One type, as the root of a kind or reached from one. A clone costs nothing.
#[derive(Clone, Debug)]
pub(crate) struct TypeSchema {
    types: Arc<Types>,
    node: Arc<TypeNode>,
    atomic: Option<bool>,
    origin: Origin,
    patch: Option<Arc<PatchMarkers>>,
}

/// What strategic merge patch wants to know of a field.
#[derive(Debug)]
struct PatchMarkers {
    merge_key: Option<String>,
    strategy: Option<String>,
}

impl TypeSchema {
    /// The type of free-form data: maps granular, lists atomic.
    pub(crate) fn untyped() -> Self {
        Self {
            types: Arc::default(),
            node: Arc::clone(&DEDUCED),
            atomic: None,
            origin: Origin::Custom,
            patch: None,
        }
    }

    /// The type resolved for a walk.
    pub(crate) fn shape(&self) -> Shape<'_> {
        Shape::new(&self.types, &self.node, self.atomic)
    }

    fn reached(&self, type_ref: &TypeRef, patch: Option<Arc<PatchMarkers>>) -> Self {
        Self {
            types: Arc::clone(&self.types),
            node: Arc::clone(type_ref.node(&self.types)),
            atomic: type_ref.atomic_override(),
            origin: self.origin,
            patch,
        }
    }

    /// A declared field of a map, or the type of its undeclared keys; `None` where the key is not allowed or the type is
    /// no map.
    pub(crate) fn field(&self, name: &str) -> Option<Self> {
        let map = self.node.map.as_ref()?;
        let patch = map.fields.get(name).map(|field| {
            Arc::new(PatchMarkers {
                merge_key: field.merge_key.clone(),
                strategy: field.patch_strategy.clone(),
            })
        });
        Some(self.reached(map.type_of(name)?, patch))
    }

    /// The type of a list's items, `None` where the type is no list.
    pub(crate) fn items(&self) -> Option<Self> {
        self.node.list.as_ref().map(|list| self.reached(&list.items, None))
    }

    /// `x-kubernetes-patch-merge-key` of the field through which this type was reached.
    pub(crate) fn patch_merge_key(&self) -> Option<&str> {
        self.patch.as_ref()?.merge_key.as_deref()
    }

    /// `x-kubernetes-patch-strategy` of the field through which this type was reached, for example `merge,retainKeys`.
    pub(crate) fn patch_strategy(&self) -> Option<&str> {
        self.patch.as_ref()?.strategy.as_deref()
    }

    /// Removes what the type does not declare and returns the paths as strict decoding prints them, for example
    /// `spec.containers[0].bar`. Free-form data is left alone.
    pub(crate) fn prune(&self, object: &mut Value) -> Vec<String> {
        let mut dropped = Vec::new();
        decode::prune(self.shape(), object, &mut String::new(), &mut dropped);
        dropped
    }

    /// What an object of this type becomes on its way through the API server's decoder: a built-in kind passes through
    /// a Go struct, of a custom kind only the metadata does.
    pub(crate) fn decode(&self, object: &mut Value) {
        match self.origin {
            Origin::BuiltIn => decode::through_struct(self.shape(), object),
            Origin::Custom => decode::custom(self.shape(), object),
        }
    }

    /// The object that a creation is compared with.
    pub(crate) fn empty_object(&self) -> Value {
        match self.origin {
            Origin::BuiltIn => decode::empty_struct(self.shape()),
            Origin::Custom => json!({}),
        }
    }
}
