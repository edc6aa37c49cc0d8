//! One served kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::custom::CustomKind;
use crate::builtin::Traits;
use crate::schema::TypeSchema;
use crate::store::GroupResource;
use crate::structs::GoType;

/// Group, version and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupVersionKind {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
}

impl GroupVersionKind {
    /// From an `x-kubernetes-group-version-kind` extension.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Self { group: text("group")?, version: text("version")?, kind: text("kind")? })
    }
}

/// A subresource of a kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subresource {
    /// The kind that it speaks, which is the parent's for `status`.
    pub(crate) kind: Option<GroupVersionKind>,
    pub(crate) verbs: Vec<&'static str>,
}

/// A resource in one of the versions that it is served in.
#[derive(Debug)]
pub(crate) struct ResourceKind {
    /// Empty for the core group.
    pub(crate) group: String,
    pub(crate) version: String,
    /// Plural name.
    pub(crate) resource: String,
    pub(crate) singular: String,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) namespaced: bool,
    /// As discovery names them, sorted.
    pub(crate) verbs: Vec<&'static str>,
    pub(crate) subresources: BTreeMap<String, Subresource>,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) schema: TypeSchema,
    /// For built-in kinds the Go struct that their objects are decoded into.
    pub(crate) go_type: Option<GoType>,
    /// Where the objects are kept, whatever the version or group that they are asked for in.
    pub(crate) storage: GroupResource,
    pub(crate) traits: &'static Traits,
    /// For custom resources what their definition says of this version.
    pub(crate) custom: Option<Arc<CustomKind>>,
}

impl ResourceKind {
    /// `apps/v1`, or `v1`.
    pub(crate) fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// `deployments.apps`, or `configmaps`: how messages name the resource.
    pub(crate) fn qualified(&self) -> String {
        match self.group.as_str() {
            "" => self.resource.clone(),
            group => format!("{}.{group}", self.resource),
        }
    }

    /// `Deployment.apps`, or `ConfigMap`: how messages name the kind.
    pub(crate) fn qualified_kind(&self) -> String {
        match self.group.as_str() {
            "" => self.kind.clone(),
            group => format!("{}.{group}", self.kind),
        }
    }

    pub(crate) fn has_verb(&self, verb: &str) -> bool {
        self.verbs.contains(&verb)
    }

    /// Whether its objects are kept at all; reviews and bindings, for example, are not.
    pub(crate) fn is_stored(&self) -> bool {
        self.has_verb("get") && self.has_verb("list") && self.has_verb("create")
    }

    /// Whether writes of the object leave the status alone, which then has an endpoint of its own.
    pub(crate) fn has_status(&self) -> bool {
        self.subresources.contains_key("status")
    }

    /// Whether objects carry `metadata.generation`.
    pub(crate) fn has_generation(&self) -> bool {
        self.custom.is_some() || self.traits.generation
    }
}
