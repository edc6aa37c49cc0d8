//! A whole type has metadata.
use kubefed_runtime::{Federate, api::Federated};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[federate(group = "example.com", version = "v1", kind = "Website", namespaced)]
struct Website {
    host: String,
}

fn main() {
    let _ = Federated::<Website>::new("web", Default::default());
}
