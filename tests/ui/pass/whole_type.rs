//! The derive on a whole type with metadata.
#![deny(warnings, unused_qualifications)]

use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::Resource;
use kubefed_runtime::Federate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A `ConfigMap` whose keys are known.
#[derive(Resource, Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[resource(inherit = ConfigMap)]
#[federate(group = "", version = "v1", kind = "ConfigMap", namespaced)]
pub struct Settings {
    #[schemars(skip)]
    pub metadata: ObjectMeta,
    pub data: Data,
}

#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Data {
    pub level: String,
}

fn main() {
    assert_eq!(Settings::TARGET.api_version(), "v1");
    assert_eq!(Settings::TARGET.plural, "configmaps");
    assert_eq!(Settings::FEDERATED.kind, "FederatedConfigMap");

    let schema = Settings::template_schema();
    let level = schema.pointer("/properties/data/properties/level/type");
    assert_eq!(level.and_then(|kind| kind.as_str()), Some("string"));
    assert!(schema.pointer("/properties/metadata/properties/labels").is_some());
}
