//! The trait that links a Rust type to its federated kind.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{ApiResource, Scope, names};

/// A type whose objects can be federated.
///
/// Derive it: `#[derive(Federate)]` works on the spec of a `#[derive(CustomResource)]` type, on a whole object type
/// with metadata, and on the zero-sized markers that `kubefed-gen` writes for types of other crates.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a federated type",
    label = "no federated kind is known for this type",
    note = "add `#[derive(Federate)]` to it, or let `kubefed-gen` write a marker for a type of another crate"
)]
pub trait Federate: Sized + 'static {
    /// The whole object as members hold it. A marker names the type of another crate here; otherwise it is the type
    /// that the derive speaks of.
    type Target: Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync + 'static;

    /// Scope of the **federated** kind: [`kube_core::NamespaceResourceScope`] or [`kube_core::ClusterResourceScope`].
    /// A federated namespace is namespaced although its target is not.
    type Scope;

    /// The type of the objects in the members.
    const TARGET: TypeNames;

    /// The type of the federated objects on the host.
    const FEDERATED: TypeNames;

    /// Short names of the federated kind for `kubectl`.
    const SHORT_NAMES: &'static [&'static str] = &[];

    /// Where the target counts its replicas, as the segments of a JSON path: `["spec", "replicas"]`.
    const REPLICAS: Option<&'static [&'static str]> = None;

    /// Structural schema of the template, already normalised ([`schema::normalise`](crate::schema::normalise)).
    ///
    /// Implementations compute it once and keep it.
    fn template_schema() -> &'static Value;
}

/// The names of a type, as constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeNames {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Plural, as it stands in paths.
    pub plural: &'static str,
    /// Whether objects live in namespaces.
    pub scope: Scope,
}

impl TypeNames {
    /// `group/version`, or the version alone for the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        names::api_version(self.group, self.version)
    }

    /// The same in the form of the wire.
    #[must_use]
    pub fn to_api_resource(&self) -> ApiResource {
        ApiResource {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            kind: self.kind.to_owned(),
            plural_name: self.plural.to_owned(),
            scope: self.scope,
        }
    }
}
