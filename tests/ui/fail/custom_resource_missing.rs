//! `#[kube(…)]` without the derive that it belongs to.
use kubefed_runtime::Federate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[kube(group = "example.com", version = "v1", kind = "Website", namespaced)]
struct WebsiteSpec {
    host: String,
}

fn main() {}
