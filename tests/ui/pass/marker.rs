//! Unit structs that stand for types of another crate, as generated code has them.
#![deny(warnings, missing_docs, unused_qualifications)]

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Namespace};
use kubefed_runtime::{
    Federate,
    api::{Federated, FederatedSpec, Scope, names},
};

/// Deployments.
#[derive(Federate)]
#[federate(
    target = Deployment,
    group = "apps", version = "v1", kind = "Deployment", plural = "deployments", namespaced,
    short_names("fdeploy"),
    replicas = spec.replicas,
    template(schema = r#"{"type":"object","properties":{"spec":{"type":"object"}}}"#),
)]
pub struct DeploymentType;

/// Deployments, by name.
pub type FederatedDeployment = Federated<DeploymentType>;

/// Namespaces, with the target in quotes.
#[derive(Federate)]
#[federate(
    target = "Namespace",
    group = "",
    version = "v1",
    kind = "Namespace",
    plural = "namespaces",
    scope = "Cluster",
    template(schema = r#"{"type":"object"}"#)
)]
pub struct NamespaceType;

fn main() {
    assert_eq!(DeploymentType::REPLICAS, Some(&["spec", "replicas"][..]));
    assert_eq!(DeploymentType::SHORT_NAMES, ["fdeploy"]);
    assert_eq!(DeploymentType::FEDERATED.group, names::TYPES_GROUP);
    assert_eq!(DeploymentType::FEDERATED.version, names::TYPES_VERSION);
    assert!(
        DeploymentType::template_schema()
            .pointer("/properties/spec")
            .is_some()
    );

    let mut spec = FederatedSpec::default();
    spec.template = Some(Deployment::default());
    let federated = FederatedDeployment::new("web", spec).within("shop");
    assert_eq!(
        kube::Resource::meta(&federated).namespace.as_deref(),
        Some("shop")
    );

    // A federated namespace lives in the namespace that it stands for.
    assert_eq!(NamespaceType::TARGET.scope, Scope::Cluster);
    assert_eq!(NamespaceType::FEDERATED.scope, Scope::Namespaced);
    let _: Option<<NamespaceType as Federate>::Target> = None::<Namespace>;
}
