//! `KubeFedCluster`: a member cluster (spec 1.2, with the newer fields of spec 17).

use k8s_openapi::{ByteString, jiff::Timestamp};
use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a member cluster is reached.
#[allow(clippy::duplicated_attributes, reason = "several printer columns, each with the same words")]
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "core.kubefed.io",
    version = "v1beta1",
    kind = "KubeFedCluster",
    plural = "kubefedclusters",
    singular = "kubefedcluster",
    shortname = "kfc",
    namespaced,
    status = "KubeFedClusterStatus",
    derive = "PartialEq",
    doc = "A member cluster: where it is, how it is reached, and whether it is ready.",
    printcolumn(name = "age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status"
    ),
    printcolumn(name = "kubernetes-version", type_ = "string", json_path = ".status.kubernetesVersion"),
    crates(
        kube_core = "::kube_core",
        k8s_openapi = "::k8s_openapi",
        schemars = "::schemars",
        serde = "::serde",
        serde_json = "::serde_json"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct KubeFedClusterSpec {
    /// Where the member's API server listens: a URL, or host and optional port. A path prefix is honoured.
    pub api_endpoint: String,
    /// PEM certificates that replace the system's roots, base64 on the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bytes_schema")]
    pub ca_bundle: Option<ByteString>,
    /// The secret, in the same namespace, whose key `token` holds the bearer token.
    pub secret_ref: SecretReference,
    /// TLS checks that are left out: `*` alone, or `SubjectName` and `ValidityPeriod`.
    #[serde(default, rename = "disabledTLSValidations", skip_serializing_if = "Option::is_none")]
    pub disabled_tls_validations: Option<Vec<String>>,
    /// Proxy for all requests to the member: an `http`, `https` or `socks5` URL. Empty means none.
    #[serde(default, rename = "proxyURL", skip_serializing_if = "Option::is_none")]
    pub proxy_url: Option<String>,
}

/// The name of a secret in the namespace of the object that refers to it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretReference {
    /// Name of the secret.
    pub name: String,
}

/// What the health checks found.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct KubeFedClusterStatus {
    /// `Ready`, `Offline` or `ConfigMalformed`.
    pub conditions: Vec<ClusterCondition>,
    /// Zones of the member's nodes. Not written by this controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zones: Option<Vec<String>>,
    /// Region of the member. Not written by this controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The member's Kubernetes version, as its `/version` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
}

impl KubeFedClusterStatus {
    /// A cluster is ready iff some condition is `Ready` with status `True` (spec 2.3).
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.conditions.iter().any(|c| c.type_ == ClusterConditionType::Ready && c.status == "True")
    }
}

/// One aspect of a member's health.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ClusterCondition {
    /// Which aspect.
    #[serde(rename = "type")]
    pub type_: ClusterConditionType,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// When it was last probed.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub last_probe_time: Timestamp,
    /// When the status last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time_schema")]
    pub last_transition_time: Option<Timestamp>,
    /// One word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// One sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Which aspect of a member's health a condition speaks of.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(with = "String")]
pub enum ClusterConditionType {
    /// The member answers and says that it is well.
    Ready,
    /// The member cannot be reached.
    Offline,
    /// No client could be built from the object.
    ConfigMalformed,
}

impl KubeFedCluster {
    /// Whether the last health check found the member ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.status.as_ref().is_some_and(KubeFedClusterStatus::is_ready)
    }
}

fn bytes_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "format": "byte"})
}

fn time_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "format": "date-time"})
}
