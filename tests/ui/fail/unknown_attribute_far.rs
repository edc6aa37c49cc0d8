//! A name that is near to none: all are shown.
use kubefed_runtime::{Federate, api::Federated};

#[derive(Federate)]
#[federate(
    target = k8s_openapi::api::apps::v1::Deployment,
    group = "apps", version = "v1", kind = "Deployment",
    finaliser = "example.com/wait",
    template(schema = "{}"),
)]
struct DeploymentType;

fn main() {
    let _ = Federated::<DeploymentType>::new("web", Default::default());
}
