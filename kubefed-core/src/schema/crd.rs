//! CustomResourceDefinitions of federated kinds and of KubeFed's own kinds, composed as data.
//!
//! They are plain JSON values: the structs of `k8s-openapi` change shape with its version feature, and libraries must
//! compile with any of them.

use kube_core::CustomResourceExt;
use serde_json::{Map, Value, json};

use super::normalise::open_template;
use crate::api::{ApiResource, Federate, FederatedTypeConfig, KubeFedCluster, KubeFedConfig};

/// Which of the two sets of CRDs a CRD belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CrdShape {
    /// Templates have the fields of the target: mistakes are refused at admission, `kubectl explain` works. For new
    /// installations.
    #[default]
    Typed,
    /// Templates accept any field, as KubeFed's own CRDs do. For taking over an installation, whose stored objects may
    /// hold fields that a typed schema would prune when they are read.
    KubeFed,
}

/// What the CRD of a federated kind is made of.
#[derive(Clone, Debug)]
pub struct FederatedCrd<'a> {
    /// The federated kind.
    pub federated: &'a ApiResource,
    /// Its short names for `kubectl`.
    pub short_names: Vec<String>,
    /// The normalised schema of the template; not used by [`CrdShape::KubeFed`].
    pub template_schema: &'a Value,
    /// Whether the target counts replicas, so that `retainReplicas` means something.
    pub has_replicas: bool,
    /// Which set the CRD is for.
    pub shape: CrdShape,
}

/// The CRD of a federated kind (spec 1.8), with printer columns and the additional fields of the status.
#[must_use]
pub fn federated_crd(parts: &FederatedCrd<'_>) -> Value {
    let federated = parts.federated;
    let mut names = json!({
        "kind": federated.kind,
        "listKind": format!("{}List", federated.kind),
        "plural": federated.plural_name,
        "singular": federated.kind.to_lowercase(),
    });
    if !parts.short_names.is_empty() {
        names["shortNames"] = json!(parts.short_names);
    }
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": federated.group_qualified()},
        "spec": {
            "group": federated.group,
            "names": names,
            "scope": federated.scope,
            "versions": [{
                "name": federated.version,
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": printer_columns(),
                "schema": {"openAPIV3Schema": object_schema(parts)},
            }],
        },
    })
}

/// The CRD of a linked type's federated kind, with a typed template.
#[must_use]
pub fn crd_of<T: Federate>() -> Value {
    crd_of_shape::<T>(CrdShape::Typed)
}

/// The CRD of a linked type's federated kind, for either set.
#[must_use]
pub fn crd_of_shape<T: Federate>(shape: CrdShape) -> Value {
    federated_crd(&FederatedCrd {
        federated: &T::FEDERATED.to_api_resource(),
        short_names: T::SHORT_NAMES.iter().map(|&name| name.to_owned()).collect(),
        template_schema: T::template_schema(),
        has_replicas: T::REPLICAS.is_some(),
        shape,
    })
}

/// The CRDs of KubeFed's own kinds that this controller reads: FederatedTypeConfig, KubeFedCluster, KubeFedConfig.
#[must_use]
pub fn core_crds() -> Vec<Value> {
    vec![core_crd::<FederatedTypeConfig>(), core_crd::<KubeFedCluster>(), core_crd::<KubeFedConfig>()]
}

/// The derived CRD without what KubeFed's lack. `nullable` would make the API server keep nulls that it otherwise
/// drops; `title` says what the kind says.
fn core_crd<T: CustomResourceExt>() -> Value {
    // The CRD is a plain struct of strings, lists and maps with string keys: it always serialises.
    let mut crd = serde_json::to_value(T::crd()).unwrap_or_default();
    if let Some(kind) = crd.pointer("/spec/names/kind").and_then(Value::as_str).map(str::to_owned) {
        crd["spec"]["names"]["listKind"] = json!(format!("{kind}List"));
    }
    if let Some(schema) = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema") {
        for property in ["apiVersion", "kind"] {
            schema["properties"][property] = json!({"type": "string"});
        }
        schema["properties"]["metadata"] = json!({"type": "object"});
        plain(schema);
    }
    crd
}

fn plain(schema: &mut Value) {
    let Value::Object(keywords) = schema else { return };
    keywords.remove("nullable");
    keywords.remove("title");
    for (keyword, value) in keywords.iter_mut() {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(plain),
            ("items" | "additionalProperties", schema) => plain(schema),
            _ => {}
        }
    }
}

fn printer_columns() -> Value {
    let column = |name: &str, kind: &str, path: &str| json!({"name": name, "type": kind, "jsonPath": path});
    json!([
        column("Ready", "string", ".status.ready"),
        column("Propagated", "string", ".status.conditions[?(@.type==\"Propagation\")].status"),
        column("Reason", "string", ".status.conditions[?(@.type==\"Propagation\")].reason"),
        column("Age", "date", ".metadata.creationTimestamp"),
    ])
}

fn object_schema(parts: &FederatedCrd<'_>) -> Value {
    object(
        &["spec"],
        [
            ("apiVersion", string()),
            ("kind", string()),
            ("metadata", json!({"type": "object"})),
            ("spec", spec(parts)),
            ("status", status()),
        ],
    )
}

fn spec(parts: &FederatedCrd<'_>) -> Value {
    let template = match parts.shape {
        CrdShape::Typed => parts.template_schema.clone(),
        CrdShape::KubeFed => open_template(),
    };
    let mut spec =
        object(&[], [("template", template), ("placement", placement()), ("overrides", overrides())]);
    if parts.has_replicas {
        spec["properties"]["retainReplicas"] = json!({"type": "boolean"});
    }
    spec
}

fn placement() -> Value {
    let expression = object(
        &["key", "operator"],
        [("key", string()), ("operator", string()), ("values", list(&string()))],
    );
    let selector = object(
        &[],
        [
            ("matchExpressions", list(&expression)),
            ("matchLabels", json!({"type": "object", "additionalProperties": string()})),
        ],
    );
    object(&[], [("clusters", list(&object(&["name"], [("name", string())]))), ("clusterSelector", selector)])
}

fn overrides() -> Value {
    let operation = object(
        &["path"],
        [
            ("op", json!({"type": "string", "pattern": "^(add|remove|replace)?$"})),
            ("path", string()),
            ("value", json!({"x-kubernetes-preserve-unknown-fields": true})),
        ],
    );
    // The name is not required, and one name may stand here twice: that is KubeFed's shape, and existing objects pass.
    list(&object(&[], [("clusterName", string()), ("clusterOverrides", list(&operation))]))
}

fn status() -> Value {
    let condition = object(
        &["type", "status"],
        [
            ("type", string()),
            ("status", string()),
            ("reason", string()),
            ("lastUpdateTime", time()),
            ("lastTransitionTime", time()),
        ],
    );
    let cluster = object(
        &["name"],
        [("name", string()), ("status", string()), ("message", string()), ("remoteStatus", open_template())],
    );
    let applied = object(
        &["rendered", "ownership", "clusters"],
        [("rendered", string()), ("ownership", string()), ("clusters", atomic(&string()))],
    );
    object(
        &[],
        [
            ("observedGeneration", json!({"type": "integer", "format": "int64"})),
            ("conditions", list(&condition)),
            ("clusters", list(&cluster)),
            ("applied", atomic(&applied)),
            ("ready", string()),
        ],
    )
}

fn object<const N: usize>(required: &[&str], properties: [(&str, Value); N]) -> Value {
    let properties: Map<String, Value> =
        properties.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

fn atomic(items: &Value) -> Value {
    let mut schema = list(items);
    schema["x-kubernetes-list-type"] = json!("atomic");
    schema
}

fn string() -> Value {
    json!({"type": "string"})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

#[cfg(test)]
mod tests;
