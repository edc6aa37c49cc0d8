//! A type that stands for another one has nothing of its own.
use kubefed_runtime::{Federate, api::Federated};

#[derive(Federate)]
#[federate(
    target = k8s_openapi::api::apps::v1::Deployment,
    group = "apps", version = "v1", kind = "Deployment",
    template(schema = "{}"),
)]
struct DeploymentType {
    name: String,
}

fn main() {
    let _ = Federated::<DeploymentType>::new("web", Default::default());
}
