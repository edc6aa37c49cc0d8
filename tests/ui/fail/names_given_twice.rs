//! The names are those of `#[kube(…)]`, so none is given again.
use kube::CustomResource;
use kubefed_runtime::{Federate, api::Federated};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[kube(group = "example.com", version = "v1", kind = "Website", namespaced)]
#[federate(group = "example.org")]
struct WebsiteSpec {
    host: String,
}

#[derive(CustomResource, Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[kube(group = "example.com", version = "v1", kind = "Shop", namespaced)]
#[federate(target = Shop)]
struct ShopSpec {
    host: String,
}

fn main() {
    let _ = Federated::<Website>::new("web", Default::default());
    let _ = Federated::<Shop>::new("web", Default::default());
}
