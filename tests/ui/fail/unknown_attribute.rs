//! A name that is near to one that exists. The use of the type adds no error.
use kubefed_runtime::{Federate, api::Federated};

#[derive(Federate)]
#[federate(
    target = k8s_openapi::api::apps::v1::Deployment,
    grup = "apps", version = "v1", kind = "Deployment",
    template(schema = "{}"),
)]
struct DeploymentType;

fn main() {
    let _ = Federated::<DeploymentType>::new("web", Default::default());
}
