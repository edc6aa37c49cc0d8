//! Types of our own that the suite federates by the derive.

use kube::CustomResource;
use kubefed_runtime::Federate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A web site. Both members serve the kind.
#[derive(CustomResource, Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[kube(group = "e2e.example.com", version = "v1", kind = "Website", namespaced, status = "WebsiteStatus")]
#[federate(short_names("fweb"), replicas = spec.replicas)]
#[serde(rename_all = "camelCase")]
pub struct WebsiteSpec {
    /// Under which name it is served.
    pub host: String,
    /// How many servers it has.
    pub replicas: Option<i32>,
    /// What is written on the front page.
    pub greeting: Option<String>,
    /// How it looks.
    pub theme: Option<String>,
}

/// What an operator in a member would report.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default)]
pub struct WebsiteStatus {
    /// How often the site was visited.
    pub visits: Option<i64>,
}

/// Something that only the first member serves.
#[derive(CustomResource, Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[kube(group = "e2e.example.com", version = "v1", kind = "Gadget", namespaced)]
#[federate(short_names("fgadget"))]
pub struct GadgetSpec {
    /// Anything.
    pub colour: Option<String>,
}
