//! A whole type gives the schema of its template through `JsonSchema`.
use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::Resource;
use kubefed_runtime::{Federate, api::Federated};
use serde::{Deserialize, Serialize};

#[derive(Resource, Federate, Serialize, Deserialize, Clone, Debug)]
#[resource(inherit = ConfigMap)]
#[federate(group = "", version = "v1", kind = "ConfigMap", namespaced)]
struct Settings {
    metadata: ObjectMeta,
}

fn main() {
    let _ = Federated::<Settings>::new("web", Default::default());
}
