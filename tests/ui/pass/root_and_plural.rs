//! The root type may be called otherwise than the kind; a plural and the scope are those of `#[kube(…)]`.
#![deny(warnings, unused_qualifications)]

use kube::CustomResource;
use kubefed_runtime::{
    Federate,
    api::Scope,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[kube(group = "example.com", version = "v1", kind = "Policy", root = "PolicyObject")]
struct PolicySpec {
    rule: String,
}

#[derive(CustomResource, Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[kube(
    group = "example.com",
    version = "v1",
    kind = "Mouse",
    plural = "mice",
    namespaced
)]
#[federate(federated(
    kind = "MouseEverywhere",
    plural = "miceeverywhere",
    group = "fed.example.com",
    version = "v1"
))]
struct MouseSpec {
    colour: String,
}

fn main() {
    assert_eq!(
        (PolicyObject::TARGET.kind, PolicyObject::TARGET.plural),
        ("Policy", "policies")
    );
    assert_eq!(PolicyObject::TARGET.scope, Scope::Cluster);
    assert_eq!(PolicyObject::FEDERATED.scope, Scope::Cluster);
    assert!(PolicyObject::SHORT_NAMES.is_empty());
    assert_eq!(PolicyObject::REPLICAS, None);

    assert_eq!(Mouse::TARGET.plural, "mice");
    assert_eq!(Mouse::FEDERATED.api_version(), "fed.example.com/v1");
    assert_eq!(
        (Mouse::FEDERATED.kind, Mouse::FEDERATED.plural),
        ("MouseEverywhere", "miceeverywhere")
    );
}
