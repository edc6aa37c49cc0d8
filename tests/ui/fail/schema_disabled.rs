//! Without a schema of the custom resource there is none for its template.
use kube::CustomResource;
use kubefed_runtime::{Federate, api::Federated};
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Federate, Serialize, Deserialize, Clone, Debug)]
#[kube(
    group = "example.com",
    version = "v1",
    kind = "Website",
    namespaced,
    schema = "disabled"
)]
struct WebsiteSpec {
    host: String,
}

fn main() {
    let _ = Federated::<Website>::new("web", Default::default());
}
