//! The objects of KubeFed as they are on the wire, and the names that belong to them.
//!
//! Groups, kinds, fields, labels, annotations and finalizers are those of KubeFed v2, so that existing objects are
//! served unchanged. The only additions are optional fields in the status of federated objects, see
//! [`FederatedStatus`].

mod cluster;
mod config;
mod descriptor;
mod federate;
mod federated;
pub mod names;
mod type_config;

pub use cluster::{
    ClusterCondition, ClusterConditionType, KubeFedCluster, KubeFedClusterSpec, KubeFedClusterStatus,
    SecretReference,
};
pub use config::{
    AdoptResources, ClusterHealthCheck, ConfigurationMode, ControllerDuration, FeatureGate, KubeFedConfig,
    KubeFedConfigSpec, LeaderElection, ResourceLock, StatusController, SyncController,
};
pub use descriptor::{ReplicasPath, TypeDescriptor};
pub use federate::{Federate, TypeNames};
pub use federated::{
    Applied, ClusterOverride, ClusterOverrides, ClusterReference, ClusterStatus, Federated, FederatedSpec,
    FederatedStatus, OverrideOperation, Placement, PropagationCondition, RawFederated,
};
pub use type_config::{
    ApiResource, ControllerState, FederatedTypeConfig, FederatedTypeConfigSpec, FederatedTypeConfigStatus,
    PropagationMode, Scope, StatusCollectionMode,
};
