//! Rights, generated for exactly the linked types: named resources and verbs, no wildcard.
//!
//! Like the CRDs they are plain JSON values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::api::{TypeDescriptor, names};

/// The ServiceAccount that the controller runs as on the host.
pub const SERVICE_ACCOUNT: &str = "kubefed-controller";

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";
const READ: [&str; 3] = ["get", "list", "watch"];

/// Name of the cluster-wide role of the control plane in `namespace`. A second control plane on the same host has a
/// role of its own, since it may serve other types.
#[must_use]
pub fn host_role_name(namespace: &str) -> String {
    if namespace == names::DEFAULT_KUBEFED_NAMESPACE {
        SERVICE_ACCOUNT.to_owned()
    } else {
        format!("{SERVICE_ACCOUNT}-{namespace}")
    }
}

/// The ClusterRole of the controller on the host: what it does outside its own namespace.
#[must_use]
pub fn host_role(types: &[TypeDescriptor], namespace: &str) -> Value {
    let federated =
        by_group(types.iter().map(|of| (of.federated.group.as_str(), of.federated.plural_name.as_str())));
    let mut rules = Vec::new();
    for (group, plurals) in &federated {
        rules.push(rule(&[group], plurals.iter().copied(), &["get", "list", "watch", "patch"]));
        let status: Vec<String> = plurals.iter().map(|plural| format!("{plural}/status")).collect();
        rules.push(rule(&[group], status.iter().map(String::as_str), &["patch"]));
    }
    if !types.iter().any(TypeDescriptor::is_namespaces) {
        // Namespaces narrow the placement of what they contain, whether or not they are propagated.
        rules.push(rule(&[names::TYPES_GROUP], ["federatednamespaces"], &READ));
    }
    rules.push(rule(&[""], ["namespaces"], &READ));
    rules.push(rule(&["events.k8s.io"], ["events"], &["create", "patch"]));
    role("ClusterRole", &host_role_name(namespace), None, &rules)
}

/// The Role of the controller in its own namespace: KubeFed's objects, the tokens of the members, the leader's lock.
#[must_use]
pub fn namespace_role(namespace: &str) -> Value {
    let core = names::CORE_GROUP;
    let mut update_lock = rule(&["coordination.k8s.io"], ["leases"], &["get", "update"]);
    update_lock["resourceNames"] = json!([names::LEADER_LOCK]);
    let rules = [
        rule(&[core], ["kubefedconfigs"], &["get"]),
        rule(&[core], ["kubefedclusters"], &READ),
        rule(&[core], ["federatedtypeconfigs"], &["get", "list", "watch", "patch"]),
        rule(&[core], ["federatedtypeconfigs/status", "kubefedclusters/status"], &["patch"]),
        rule(&[""], ["secrets"], &["get"]),
        // A name cannot limit who creates: the name is not known to the API server by then.
        rule(&["coordination.k8s.io"], ["leases"], &["create"]),
        update_lock,
    ];
    role("Role", SERVICE_ACCOUNT, Some(namespace), &rules)
}

/// All that the controller needs on the host to have its rights: ServiceAccount, ClusterRole, Role, and their bindings.
#[must_use]
pub fn host_manifests(types: &[TypeDescriptor], namespace: &str) -> Vec<Value> {
    let cluster_role = host_role_name(namespace);
    vec![
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": SERVICE_ACCOUNT, "namespace": namespace},
        }),
        host_role(types, namespace),
        binding("ClusterRoleBinding", "ClusterRole", &cluster_role, None, namespace),
        namespace_role(namespace),
        binding("RoleBinding", "Role", SERVICE_ACCOUNT, Some(namespace), namespace),
    ]
}

/// The rules that the controller needs in each member.
///
/// An API server lets nobody hand out rights that they lack; so federated roles need `escalate`, and federated
/// bindings need `bind`.
#[must_use]
pub fn member_rules(types: &[TypeDescriptor]) -> Vec<Value> {
    const WRITE: [&str; 6] = ["get", "list", "watch", "create", "patch", "delete"];
    const ESCALATING: [&str; 7] = ["get", "list", "watch", "create", "patch", "delete", "escalate"];
    let targets = by_group(types.iter().map(|of| (of.target.group.as_str(), of.target.plural_name.as_str())));
    let mut rules = Vec::new();
    for (&group, plurals) in &targets {
        let is_role = |plural: &&str| group == RBAC_GROUP && matches!(*plural, "roles" | "clusterroles");
        let (roles, others): (Vec<&str>, Vec<&str>) = plurals.iter().copied().partition(is_role);
        if !others.is_empty() {
            rules.push(rule(&[group], others, &WRITE));
        }
        if !roles.is_empty() {
            rules.push(rule(&[group], roles, &ESCALATING));
        }
        if group == RBAC_GROUP && plurals.iter().any(|plural| plural.ends_with("bindings")) {
            rules.push(rule(&[RBAC_GROUP], ["clusterroles", "roles"], &["bind"]));
        }
    }
    if !types.iter().any(TypeDescriptor::is_namespaces) {
        rules.push(rule(&[""], ["namespaces"], &READ));
    }
    rules.push(json!({"nonResourceURLs": ["/healthz", "/version"], "verbs": ["get"]}));
    rules
}

/// The ClusterRole of the controller in a member.
#[must_use]
pub fn member_role(types: &[TypeDescriptor], name: &str) -> Value {
    role("ClusterRole", name, None, &member_rules(types))
}

/// Sorted, so that the same types always give the same role.
fn by_group<'a>(resources: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut groups = BTreeMap::<_, BTreeSet<_>>::new();
    for (group, plural) in resources {
        groups.entry(group).or_default().insert(plural);
    }
    groups
}

fn rule<'a>(groups: &[&str], resources: impl IntoIterator<Item = &'a str>, verbs: &[&str]) -> Value {
    json!({"apiGroups": groups, "resources": resources.into_iter().collect::<Vec<_>>(), "verbs": verbs})
}

fn role(kind: &str, name: &str, namespace: Option<&str>, rules: &[Value]) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata(name, namespace),
        "rules": rules,
    })
}

fn binding(
    kind: &str,
    role_kind: &str,
    role: &str,
    namespace: Option<&str>,
    account_namespace: &str,
) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata(role, namespace),
        "roleRef": {"apiGroup": RBAC_GROUP, "kind": role_kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": account_namespace}],
    })
}

fn metadata(name: &str, namespace: Option<&str>) -> Value {
    match namespace {
        Some(namespace) => json!({"name": name, "namespace": namespace}),
        None => json!({"name": name}),
    }
}

#[cfg(test)]
mod tests;
