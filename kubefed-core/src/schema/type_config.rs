//! FederatedTypeConfigs (spec 1.4).

use kube_core::ObjectMeta;

use crate::api::{ApiResource, Federate, FederatedTypeConfig, FederatedTypeConfigSpec, PropagationMode};

/// The FederatedTypeConfig that switches a linked type on, for a control plane in `namespace`.
#[must_use]
pub fn type_config_of<T: Federate>(namespace: &str) -> FederatedTypeConfig {
    type_config(T::TARGET.to_api_resource(), T::FEDERATED.to_api_resource(), namespace)
}

/// The FederatedTypeConfig that switches the propagation of `target` by `federated` on. Its name is the target's
/// plural and group.
#[must_use]
pub fn type_config(target: ApiResource, federated: ApiResource, namespace: &str) -> FederatedTypeConfig {
    FederatedTypeConfig {
        metadata: ObjectMeta {
            name: Some(target.group_qualified()),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        },
        spec: FederatedTypeConfigSpec {
            target_type: target,
            propagation: PropagationMode::Enabled,
            federated_type: federated,
            status_type: None,
            status_collection: None,
        },
        status: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Scope;

    fn resource(group: &str, kind: &str, plural: &str) -> ApiResource {
        ApiResource {
            group: group.to_owned(),
            version: "v1".to_owned(),
            kind: kind.to_owned(),
            plural_name: plural.to_owned(),
            scope: Scope::Namespaced,
        }
    }

    #[rstest::rstest]
    #[case("apps", "deployments.apps")]
    #[case("", "deployments")]
    fn it_is_named_after_the_target(#[case] group: &str, #[case] name: &str) {
        let target = resource(group, "Deployment", "deployments");
        let federated = resource("types.kubefed.io", "FederatedDeployment", "federateddeployments");
        let config = type_config(target.clone(), federated.clone(), "fed");
        assert_eq!(config.metadata.name.as_deref(), Some(name));
        assert_eq!(config.metadata.namespace.as_deref(), Some("fed"));
        let mut spec = config.spec.clone();
        spec.set_defaults(name);
        assert_eq!(spec, config.spec, "nothing is left for defaulting");
        assert_eq!((spec.target_type, spec.federated_type), (target, federated));
    }
}
