//! What is no path.
use kubefed_runtime::{Federate, api::Federated};

#[derive(Federate)]
#[federate(
    target = k8s_openapi::api::apps::v1::Deployment,
    group = "apps", version = "v1", kind = "Deployment", namespaced,
    replicas = ".spec.replicas",
    template(schema = "{}"),
)]
struct InQuotes;

#[derive(Federate)]
#[federate(
    target = k8s_openapi::api::apps::v1::Deployment,
    group = "apps", version = "v1", kind = "Deployment", namespaced,
    replicas = spec.type,
    template(schema = "{}"),
)]
struct Keyword;

#[derive(Federate)]
#[federate(
    target = k8s_openapi::api::apps::v1::Deployment,
    group = "apps", version = "v1", kind = "Deployment", namespaced,
    replicas(path = spec.replicas, json = "spec/replicas"),
    template(schema = "{}"),
)]
struct JsonPointer;

fn main() {
    let _ = Federated::<InQuotes>::new("web", Default::default());
    let _ = Federated::<Keyword>::new("web", Default::default());
    let _ = Federated::<JsonPointer>::new("web", Default::default());
}
