//! A unit struct has to say what it stands for.
use kubefed_runtime::{Federate, api::Federated};

#[derive(Federate)]
#[federate(group = "apps", version = "v1", kind = "Deployment", template(schema = "{}"))]
struct DeploymentType;

fn main() {
    let _ = Federated::<DeploymentType>::new("web", Default::default());
}
