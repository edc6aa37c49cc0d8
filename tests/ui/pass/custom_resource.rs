//! The derive on the spec of a custom resource: everything comes from `#[kube(…)]`.
#![deny(warnings, missing_docs, unused_qualifications)]

use kube::CustomResource;
use kubefed_runtime::{
    Federate,
    api::Scope,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A web site.
#[derive(CustomResource, Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[kube(group = "example.com", version = "v1", kind = "Website", namespaced)]
#[federate(short_names("fw", "fws"), replicas = spec.scale.min_replicas)]
#[serde(rename_all = "camelCase")]
pub struct WebsiteSpec {
    /// Where it is.
    pub host: String,
    /// How it grows.
    pub scale: Option<Scale>,
}

/// How a web site grows.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Scale {
    /// At least so many.
    pub min_replicas: Option<i32>,
}

fn main() {
    assert_eq!(Website::TARGET.api_version(), "example.com/v1");
    assert_eq!(
        (Website::TARGET.kind, Website::TARGET.plural),
        ("Website", "websites")
    );
    assert_eq!(Website::TARGET.scope, Scope::Namespaced);
    assert_eq!(Website::FEDERATED.api_version(), "types.kubefed.io/v1beta1");
    assert_eq!(
        (Website::FEDERATED.kind, Website::FEDERATED.plural),
        ("FederatedWebsite", "federatedwebsites")
    );
    assert_eq!(Website::FEDERATED.scope, Scope::Namespaced);
    assert_eq!(Website::SHORT_NAMES, ["fw", "fws"]);
    assert_eq!(Website::REPLICAS, Some(&["spec", "scale", "minReplicas"][..]));

    let schema = Website::template_schema();
    let min = "/properties/spec/properties/scale/properties/minReplicas/type";
    assert_eq!(
        schema.pointer(min).and_then(|kind| kind.as_str()),
        Some("integer")
    );
}
