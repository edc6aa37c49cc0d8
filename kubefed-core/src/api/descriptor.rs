//! One description of a federated type, whether it is linked or known from its FederatedTypeConfig only.

use super::{ApiResource, Federate, FederatedTypeConfigSpec, StatusCollectionMode, names};

/// What the engine knows of a federated type. The engine is not generic: a linked type and one that is known from its
/// `FederatedTypeConfig` only both become this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeDescriptor {
    /// The type of the objects in the members.
    pub target: ApiResource,
    /// The type of the federated objects on the host.
    pub federated: ApiResource,
    /// Where the target counts its replicas.
    pub replicas: Option<ReplicasPath>,
    /// Whether the status of member objects is collected.
    pub collects_status: bool,
}

/// The segments of a JSON path to a replica count, for example `spec`, `replicas`.
pub type ReplicasPath = Vec<String>;

impl TypeDescriptor {
    /// The descriptor of a linked type.
    #[must_use]
    pub fn of<T: Federate>() -> Self {
        Self {
            target: T::TARGET.to_api_resource(),
            federated: T::FEDERATED.to_api_resource(),
            replicas: T::REPLICAS.map(|path| path.iter().map(|&segment| segment.to_owned()).collect()),
            collects_status: false,
        }
    }

    /// The descriptor of a type that is known from its FederatedTypeConfig only, with the defaults of
    /// [`FederatedTypeConfigSpec::set_defaults`] applied. `spec.replicas` is where KubeFed looks for replicas.
    #[must_use]
    pub fn from_config(name: &str, config: &FederatedTypeConfigSpec) -> Self {
        let mut config = config.clone();
        config.set_defaults(name);
        Self {
            collects_status: config.status_collection == Some(StatusCollectionMode::Enabled),
            target: config.target_type,
            federated: config.federated_type,
            replicas: Some(vec!["spec".to_owned(), "replicas".to_owned()]),
        }
    }

    /// Name of the FederatedTypeConfig: `deployments.apps`.
    #[must_use]
    pub fn type_config_name(&self) -> String {
        self.target.group_qualified()
    }

    /// Whether this is the type of namespaces, which are propagated from `FederatedNamespace` objects that live in the
    /// namespace they stand for.
    #[must_use]
    pub fn is_namespaces(&self) -> bool {
        self.target.group.is_empty() && self.target.plural_name == names::NAMESPACES_TYPE_CONFIG
    }

    /// Whether federated objects live in namespaces: as the target, except for namespaces themselves.
    #[must_use]
    pub fn is_federated_namespaced(&self) -> bool {
        self.is_namespaces() || self.target.is_namespaced()
    }
}
