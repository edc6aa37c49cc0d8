//! A path through a list and one through a map.
use kubefed_runtime::{Federate, api::Federated};

#[derive(Federate)]
#[federate(
    target = k8s_openapi::api::apps::v1::Deployment,
    group = "apps", version = "v1", kind = "Deployment", namespaced,
    replicas = spec.template.spec.containers.replicas,
    template(schema = "{}"),
)]
struct ThroughList;

#[derive(Federate)]
#[federate(
    target = k8s_openapi::api::apps::v1::Deployment,
    group = "apps", version = "v1", kind = "Deployment", namespaced,
    replicas = metadata.annotations.replicas,
    template(schema = "{}"),
)]
struct ThroughMap;

#[derive(Federate)]
#[federate(
    target = k8s_openapi::api::apps::v1::Deployment,
    group = "apps", version = "v1", kind = "Deployment", namespaced,
    replicas = spec.template.spec.containers[0].replicas,
    template(schema = "{}"),
)]
struct ThroughIndex;

fn main() {
    let _ = Federated::<ThroughList>::new("web", Default::default());
    let _ = Federated::<ThroughMap>::new("web", Default::default());
    let _ = Federated::<ThroughIndex>::new("web", Default::default());
}
