//! The schema is JSON text.
use kubefed_runtime::{Federate, api::Federated};

#[derive(Federate)]
#[federate(
    target = k8s_openapi::api::apps::v1::Deployment,
    group = "apps", version = "v1", kind = "Deployment", namespaced,
    template(schema = 42),
)]
struct DeploymentType;

fn main() {
    let _ = Federated::<DeploymentType>::new("web", Default::default());
}
