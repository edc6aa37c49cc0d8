use rstest::rstest;

use super::*;
use crate::api::{ApiResource, Scope};

fn descriptor(group: &str, kind: &str, plural: &str) -> TypeDescriptor {
    let resource = |group: &str, kind: String, plural: String| ApiResource {
        group: group.to_owned(),
        version: "v1".to_owned(),
        kind,
        plural_name: plural,
        scope: Scope::Namespaced,
    };
    TypeDescriptor {
        target: resource(group, kind.to_owned(), plural.to_owned()),
        federated: resource(names::TYPES_GROUP, format!("Federated{kind}"), format!("federated{plural}")),
        replicas: None,
        collects_status: false,
    }
}

fn types() -> Vec<TypeDescriptor> {
    vec![descriptor("apps", "Deployment", "deployments"), descriptor("", "ConfigMap", "configmaps")]
}

/// Whether some rule grants the verb on the resource.
fn grants(role: &Value, group: &str, resource: &str, verb: &str) -> bool {
    let has = |rule: &Value, field: &str, value: &str| {
        rule[field].as_array().is_some_and(|values| values.iter().any(|one| one == value))
    };
    role["rules"].as_array().unwrap().iter().any(|rule| {
        has(rule, "apiGroups", group) && has(rule, "resources", resource) && has(rule, "verbs", verb)
    })
}

#[rstest]
#[case("types.kubefed.io", "federateddeployments", "patch", true)]
#[case("types.kubefed.io", "federateddeployments", "watch", true)]
#[case("types.kubefed.io", "federateddeployments/status", "patch", true)]
#[case("types.kubefed.io", "federatednamespaces", "list", true)]
#[case("types.kubefed.io", "federatednamespaces", "patch", false)]
#[case("types.kubefed.io", "federateddeployments", "delete", false)]
#[case("types.kubefed.io", "federatedsecrets", "get", false)]
#[case("", "namespaces", "watch", true)]
#[case("", "secrets", "get", false)]
#[case("events.k8s.io", "events", "create", true)]
fn the_host_role_has_the_linked_types_and_no_others(
    #[case] group: &str,
    #[case] resource: &str,
    #[case] verb: &str,
    #[case] granted: bool,
) {
    assert_eq!(grants(&host_role(&types(), "kube-federation-system"), group, resource, verb), granted);
}

#[test]
fn a_linked_namespace_is_written_and_not_granted_twice() {
    let mut types = types();
    types.push(descriptor("", "Namespace", "namespaces"));
    let role = host_role(&types, "kube-federation-system");
    assert!(grants(&role, names::TYPES_GROUP, "federatednamespaces", "patch"));
    let granting = role["rules"].as_array().unwrap().iter();
    let granting =
        granting.filter(|rule| rule["resources"].to_string().contains("\"federatednamespaces\"")).count();
    assert_eq!(granting, 1);
    assert!(grants(&member_role(&types, "r"), "", "namespaces", "delete"));
    assert!(!grants(&member_role(&self::types(), "r"), "", "namespaces", "delete"));
}

#[rstest]
#[case("", "secrets", "get", true)]
#[case("", "secrets", "list", false)]
#[case("coordination.k8s.io", "leases", "create", true)]
#[case("core.kubefed.io", "kubefedclusters", "watch", true)]
#[case("core.kubefed.io", "kubefedclusters/status", "patch", true)]
#[case("core.kubefed.io", "federatedtypeconfigs", "patch", true)]
#[case("core.kubefed.io", "kubefedclusters", "patch", false)]
fn the_namespace_role_has_what_the_control_plane_holds(
    #[case] group: &str,
    #[case] resource: &str,
    #[case] verb: &str,
    #[case] granted: bool,
) {
    assert_eq!(grants(&namespace_role("fed"), group, resource, verb), granted);
}

#[rstest]
#[case("roles", "roles", "escalate")]
#[case("clusterroles", "clusterroles", "escalate")]
#[case("rolebindings", "clusterroles", "bind")]
fn federated_rights_need_the_right_to_hand_them_out(
    #[case] plural: &str,
    #[case] resource: &str,
    #[case] verb: &str,
) {
    let role = member_role(&[descriptor(RBAC_GROUP, "K", plural)], "r");
    assert!(grants(&role, RBAC_GROUP, plural, "create"));
    assert!(grants(&role, RBAC_GROUP, resource, verb));
    assert!(!grants(&member_role(&types(), "r"), RBAC_GROUP, resource, verb));
}

#[test]
fn nothing_is_a_wildcard_and_the_order_of_types_does_not_matter() {
    let mut reversed = types();
    reversed.reverse();
    let manifests = |types: &[TypeDescriptor]| {
        let mut all = host_manifests(types, "fed");
        all.push(member_role(types, "kubefed-member"));
        all
    };
    assert_eq!(manifests(&types()), manifests(&reversed));
    assert!(!serde_json::to_string(&manifests(&types())).unwrap().contains('*'));
}

#[test]
fn bindings_point_at_the_roles_and_the_account() {
    let manifests = host_manifests(&types(), "fed");
    let names: Vec<&str> =
        manifests.iter().map(|object| object["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "kubefed-controller",
            "kubefed-controller-fed",
            "kubefed-controller-fed",
            "kubefed-controller",
            "kubefed-controller"
        ]
    );
    for binding in manifests.iter().filter(|object| object["kind"].as_str().unwrap().ends_with("Binding")) {
        assert_eq!(binding["subjects"][0]["namespace"], "fed");
        assert_eq!(binding["subjects"][0]["name"], SERVICE_ACCOUNT);
        assert_eq!(binding["roleRef"]["name"], binding["metadata"]["name"]);
    }
}
