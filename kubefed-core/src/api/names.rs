//! Names that KubeFed, its tools and its users rely on (spec section 0), and how names of federated types are made.

/// API group of KubeFed's own objects.
pub const CORE_GROUP: &str = "core.kubefed.io";
/// Default API group of federated types.
pub const TYPES_GROUP: &str = "types.kubefed.io";
/// Default version of federated types.
pub const TYPES_VERSION: &str = "v1beta1";
/// Default namespace of a control plane.
pub const DEFAULT_KUBEFED_NAMESPACE: &str = "kube-federation-system";
/// Name of the one [`KubeFedConfig`](super::KubeFedConfig) that a control plane reads.
pub const KUBEFED_CONFIG_NAME: &str = "kubefed";
/// Label on every object that a control plane manages in a member.
pub const MANAGED_LABEL: &str = "kubefed.io/managed";
/// Value of [`MANAGED_LABEL`] on managed objects.
pub const MANAGED_TRUE: &str = "true";
/// Value of [`MANAGED_LABEL`] that tells the controller to keep its hands off.
pub const MANAGED_FALSE: &str = "false";
/// Annotation on a federated object: with the value `true`, deletion leaves the objects in the members.
pub const ORPHAN_ANNOTATION: &str = "kubefed.io/orphan";
/// Annotation on a federated object: the `DeleteOptions` for its objects in the members, as JSON.
pub const DELETE_OPTIONS_ANNOTATION: &str = "kubefed.io/deleteoption";
/// Finalizer that holds a federated object until its objects are gone from the members.
pub const SYNC_FINALIZER: &str = "kubefed.io/sync-controller";
/// Finalizer on a [`FederatedTypeConfig`](super::FederatedTypeConfig).
pub const TYPE_CONFIG_FINALIZER: &str = "core.kubefed.io/federated-type-config";
/// Name of the FederatedTypeConfig of namespaces.
pub const NAMESPACES_TYPE_CONFIG: &str = "namespaces";
/// Our field manager in members and on the host.
pub const FIELD_MANAGER: &str = "kubefed";
/// Name of the lock that the leader holds.
pub const LEADER_LOCK: &str = "kubefed-controller-manager";
/// Namespaces that are never propagated, besides the namespace of the control plane.
pub const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "default"];

/// The plural that KubeFed computes from a kind (`PluralName`, spec 1.4).
///
/// Lower case; `es` after s, x, ch, sh, z and o; `y` becomes `ies`, also after a vowel; otherwise `s`.
#[must_use]
pub fn plural_of(kind: &str) -> String {
    let lower = kind.to_lowercase();
    if ["s", "x", "ch", "sh", "z", "o"].iter().any(|suffix| lower.ends_with(suffix)) {
        return format!("{lower}es");
    }
    match lower.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{lower}s"),
    }
}

/// The name of a CRD or FederatedTypeConfig: the plural, and the group behind a dot where there is one.
#[must_use]
pub fn group_qualified(plural: &str, group: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}

/// `group/version`, or the version alone for the core group.
#[must_use]
pub fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("Website", "websites")]
    #[case("Ingress", "ingresses")]
    #[case("NetworkPolicy", "networkpolicies")]
    #[case("Gateway", "gatewaies")]
    #[case("Batch", "batches")]
    #[case("Foo", "fooes")]
    fn plurals_are_those_of_kubefed(#[case] kind: &str, #[case] plural: &str) {
        assert_eq!(plural_of(kind), plural);
    }

    #[test]
    fn the_core_group_leaves_no_trace() {
        assert_eq!(group_qualified("configmaps", ""), "configmaps");
        assert_eq!(group_qualified("deployments", "apps"), "deployments.apps");
        assert_eq!(api_version("", "v1"), "v1");
        assert_eq!(api_version("apps", "v1"), "apps/v1");
    }
}
