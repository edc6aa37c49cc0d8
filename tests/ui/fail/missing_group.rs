//! The target's group is not given.
use kubefed_runtime::{Federate, api::Federated};

#[derive(Federate)]
#[federate(
    target = k8s_openapi::api::apps::v1::Deployment,
    version = "v1", kind = "Deployment",
    template(schema = "{}"),
)]
struct DeploymentType;

fn main() {
    let _ = Federated::<DeploymentType>::new("web", Default::default());
}
