//! A path with a typo: the error is at the segment.
use kube::CustomResource;
use kubefed_runtime::{Federate, api::Federated};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[kube(group = "example.com", version = "v1", kind = "Website", namespaced)]
#[federate(replicas = spec.scale.replcas)]
struct WebsiteSpec {
    scale: Option<Scale>,
}

#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
struct Scale {
    replicas: Option<i32>,
}

fn main() {
    let _ = Federated::<Website>::new("web", Default::default());
}
