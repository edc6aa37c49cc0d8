//! `FederatedTypeConfig`: says that a type is federated, and how (spec 1.4).

use std::fmt;

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names;

/// Which type is federated by which, and whether it is propagated.
#[allow(clippy::duplicated_attributes, reason = "several printer columns, each with the same words")]
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[kube(
    group = "core.kubefed.io",
    version = "v1beta1",
    kind = "FederatedTypeConfig",
    plural = "federatedtypeconfigs",
    singular = "federatedtypeconfig",
    shortname = "ftc",
    namespaced,
    status = "FederatedTypeConfigStatus",
    derive = "PartialEq",
    doc = "Says that a type is federated: the type in the members, the federated type on the host, and whether it is propagated.",
    printcolumn(name = "kind", type_ = "string", json_path = ".spec.federatedType.kind"),
    printcolumn(name = "propagation", type_ = "string", json_path = ".status.propagationController"),
    printcolumn(name = "age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    crates(
        kube_core = "::kube_core",
        k8s_openapi = "::k8s_openapi",
        schemars = "::schemars",
        serde = "::serde",
        serde_json = "::serde_json"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct FederatedTypeConfigSpec {
    /// The type of the objects in the members.
    pub target_type: ApiResource,
    /// Whether federated objects of this type are propagated.
    pub propagation: PropagationMode,
    /// The type of the federated objects on the host.
    pub federated_type: ApiResource,
    /// The type of status objects (the old way of status collection, for services only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = null))]
    pub status_type: Option<ApiResource>,
    /// Whether the status of the member objects is collected. Absent means disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_collection: Option<StatusCollectionMode>,
}

/// A type as a Kubernetes API serves it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub struct ApiResource {
    /// API group; empty for the core group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Plural, as it stands in paths.
    pub plural_name: String,
    /// Whether objects live in namespaces.
    pub scope: Scope,
}

impl ApiResource {
    /// `group/version`, or the version alone for the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        names::api_version(&self.group, &self.version)
    }

    /// The plural and, behind a dot, the group where there is one: `deployments.apps`.
    #[must_use]
    pub fn group_qualified(&self) -> String {
        names::group_qualified(&self.plural_name, &self.group)
    }

    /// Whether objects of the type live in namespaces.
    #[must_use]
    pub fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }

    /// The same as kube's clients want it.
    #[must_use]
    pub fn to_kube(&self) -> kube_core::ApiResource {
        kube_core::ApiResource {
            group: self.group.clone(),
            version: self.version.clone(),
            api_version: self.api_version(),
            kind: self.kind.clone(),
            plural: self.plural_name.clone(),
        }
    }
}

impl fmt::Display for ApiResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.kind, self.api_version())
    }
}

/// Whether objects of a type live in namespaces.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[schemars(with = "String")]
pub enum Scope {
    /// They do.
    Namespaced,
    /// They belong to the cluster.
    Cluster,
}

/// Whether a type is propagated.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(with = "String")]
pub enum PropagationMode {
    /// Federated objects are propagated.
    Enabled,
    /// They are left alone; their finalizers stay.
    Disabled,
}

/// Whether the status of member objects is collected.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(with = "String")]
pub enum StatusCollectionMode {
    /// It is.
    Enabled,
    /// It is not.
    Disabled,
}

/// What runs for the type.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FederatedTypeConfigStatus {
    /// The generation that this status speaks of.
    pub observed_generation: i64,
    /// Whether objects of the type are propagated now.
    pub propagation_controller: ControllerState,
    /// Whether the old status controller runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_controller: Option<ControllerState>,
}

/// Whether a controller runs.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(with = "String")]
pub enum ControllerState {
    /// It was started and was not stopped.
    Running,
    /// It was not started, or was stopped.
    NotRunning,
}

impl FederatedTypeConfigSpec {
    /// Fills what KubeFed leaves open, in memory only (`SetFederatedTypeConfigDefaults`, spec 1.4): an empty target
    /// plural and group from the object's name, empty plurals of the others from their kinds.
    pub fn set_defaults(&mut self, name: &str) {
        let (plural, group) = name.split_once('.').unwrap_or((name, ""));
        if self.target_type.plural_name.is_empty() {
            plural.clone_into(&mut self.target_type.plural_name);
        }
        if self.target_type.group.is_empty() {
            group.clone_into(&mut self.target_type.group);
        }
        if self.federated_type.plural_name.is_empty() {
            self.federated_type.plural_name = names::plural_of(&self.federated_type.kind);
        }
        if let Some(status) = &mut self.status_type {
            if status.plural_name.is_empty() {
                status.plural_name = names::plural_of(&status.kind);
            }
            if status.group.is_empty() {
                status.group.clone_from(&self.federated_type.group);
            }
            if status.version.is_empty() {
                status.version.clone_from(&self.federated_type.version);
            }
        }
    }
}
