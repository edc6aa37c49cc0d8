//! A scope that does not exist, and one that is given twice.
use kubefed_runtime::{Federate, api::Federated};

#[derive(Federate)]
#[federate(
    target = k8s_openapi::api::apps::v1::Deployment,
    group = "apps", version = "v1", kind = "Deployment", scope = "namespaced",
    template(schema = "{}"),
)]
struct Unknown;

#[derive(Federate)]
#[federate(
    target = k8s_openapi::api::apps::v1::Deployment,
    group = "apps", version = "v1", kind = "Deployment", namespaced, scope = "Cluster",
    template(schema = "{}"),
)]
struct Twice;

fn main() {
    let _ = Federated::<Unknown>::new("web", Default::default());
    let _ = Federated::<Twice>::new("web", Default::default());
}
