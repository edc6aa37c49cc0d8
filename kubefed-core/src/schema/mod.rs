//! Structural schemas of templates, and the composition of manifests.
//!
//! * [`normalise`]: turns the schema of a target into the schema of its template.
//! * [`crd`], [`type_config`], [`rbac`]: CRDs of federated kinds, FederatedTypeConfigs and rights, composed as data.
//! * [`structural`]: pruning, defaulting and validation of objects against a structural schema.

pub mod crd;
pub mod normalise;
pub mod rbac;
pub mod structural;
pub mod type_config;
