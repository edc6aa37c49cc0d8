//! Names that no API server takes: each has its error.
use kubefed_runtime::{Federate, api::Federated};

#[derive(Federate)]
#[federate(
    target = k8s_openapi::api::apps::v1::Deployment,
    group = "Apps", version = "1", kind = "deployment", plural = "Deployments",
    federated(group = "", kind = "Federated Deployment"),
    short_names("F"),
    template(schema = "{}"),
)]
struct DeploymentType;

#[derive(Federate)]
#[federate(
    target = k8s_openapi::api::apps::v1::Deployment,
    group = apps, version, kind = 1, namespaced = true, short_names = "f",
    template(schema = "{}"),
)]
struct NoText;

fn main() {
    let _ = Federated::<DeploymentType>::new("web", Default::default());
    let _ = Federated::<NoText>::new("web", Default::default());
}
