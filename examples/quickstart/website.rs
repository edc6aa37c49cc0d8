//! A type of our own: the derive is all that it takes to federate it.

use kube::CustomResource;
use kubefed_runtime::Federate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A web site that some operator in each cluster would bring up.
#[derive(CustomResource, Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[kube(group = "quickstart.example.com", version = "v1", kind = "Website", namespaced)]
#[federate(short_names("fweb"), replicas = spec.replicas)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebsiteSpec {
    /// Under which name it is served.
    pub(crate) host: String,
    /// How many servers it has.
    pub(crate) replicas: Option<i32>,
    /// What is written on the front page.
    pub(crate) greeting: Option<String>,
}
