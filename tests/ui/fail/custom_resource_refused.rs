//! A mistake in `#[kube(…)]` is reported once, by `CustomResource`.
use kube::CustomResource;
use kubefed_runtime::Federate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[kube(version = "v1", kind = "Website", namespaced)]
struct WebsiteSpec {
    host: String,
}

fn main() {}
