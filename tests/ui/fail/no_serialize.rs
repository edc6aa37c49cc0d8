//! A whole type is written to members.
use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::Resource;
use kubefed_runtime::Federate;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Resource, Federate, Deserialize, JsonSchema, Clone, Debug)]
#[resource(inherit = ConfigMap)]
#[federate(group = "", version = "v1", kind = "ConfigMap", namespaced)]
struct Settings {
    #[schemars(skip)]
    metadata: ObjectMeta,
}

fn main() {}
