//! A typo at the beginning: what follows adds no error.
use kubefed_runtime::{Federate, api::Federated};

#[derive(Federate)]
#[federate(
    target = k8s_openapi::api::apps::v1::Deployment,
    group = "apps", version = "v1", kind = "Deployment", namespaced,
    replicas = spek.replicas,
    template(schema = "{}"),
)]
struct DeploymentType;

fn main() {
    let _ = Federated::<DeploymentType>::new("web", Default::default());
}
