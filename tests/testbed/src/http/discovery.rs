//! Discovery: `/api`, `/apis` and below, in the old form and in the aggregated one.

use serde_json::{Map, Value, json};

use super::answer::{self, ApiResponse};
use crate::encode::encode;
use crate::registry::{Group, GroupVersion, Registry, ResourceKind};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Answers a discovery path; `None` where nothing is served there.
pub(super) fn answer(registry: &Registry, path: &str, accept: &str) -> Option<ApiResponse> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let aggregated = accept.contains("as=APIGroupDiscoveryList") && accept.contains("v=v2");
    let document = match parts.as_slice() {
        ["api"] if aggregated => return Some(aggregated_list(&registry.groups(), |group| group.is_empty())),
        ["apis"] if aggregated => {
            return Some(aggregated_list(&registry.groups(), |group| !group.is_empty()));
        }
        ["api"] => json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [],
        }),
        ["apis"] => {
            let groups = registry.groups();
            let groups = groups.iter().filter(|group| !group.name.is_empty()).map(api_group);
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups.collect::<Vec<_>>()})
        }
        ["apis", name] => {
            let groups = registry.groups();
            let mut group = api_group(groups.iter().find(|group| group.name == *name)?);
            group["kind"] = json!("APIGroup");
            group["apiVersion"] = json!("v1");
            group
        }
        ["api", version] => resource_list("", &registry.group_version("", version)?),
        ["apis", group, version] => resource_list(group, &registry.group_version(group, version)?),
        _ => return None,
    };
    Some(answer::json(200, encode(&document)))
}

fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

fn api_group(group: &Group) -> Value {
    let version = |version: &GroupVersion| json!({"groupVersion": api_version(&group.name, &version.version), "version": version.version});
    json!({
        "name": group.name,
        "versions": group.versions.iter().map(version).collect::<Vec<_>>(),
        "preferredVersion": group.versions.first().map(version),
    })
}

fn resource_list(group: &str, version: &GroupVersion) -> Value {
    let mut resources = Vec::new();
    for kind in &version.kinds {
        let mut resource = json!({
            "name": kind.resource,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": kind.verbs,
        });
        add_names(&mut resource, kind);
        resources.push(resource);
        for (name, subresource) in &kind.subresources {
            let mut entry = json!({
                "name": format!("{}/{name}", kind.resource),
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": subresource.kind.as_ref().map_or(kind.kind.as_str(), |kind| kind.kind.as_str()),
                "verbs": subresource.verbs,
            });
            if let Some(speaks) = subresource.kind.as_ref().filter(|speaks| speaks.group != kind.group) {
                entry["group"] = Value::from(speaks.group.as_str());
                entry["version"] = Value::from(speaks.version.as_str());
            }
            resources.push(entry);
        }
    }
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version(group, &version.version),
        "resources": resources,
    })
}

fn add_names(resource: &mut Value, kind: &ResourceKind) {
    if !kind.short_names.is_empty() {
        resource["shortNames"] = Value::from(kind.short_names.clone());
    }
    if !kind.categories.is_empty() {
        resource["categories"] = Value::from(kind.categories.clone());
    }
}

fn aggregated_list(groups: &[Group], wanted: impl Fn(&str) -> bool) -> ApiResponse {
    let items: Vec<Value> = groups.iter().filter(|group| wanted(&group.name)).map(aggregated_group).collect();
    let list = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    });
    answer::typed(200, AGGREGATED, encode(&list))
}

fn aggregated_group(group: &Group) -> Value {
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|version| {
            json!({
                "version": version.version,
                "resources": version.kinds.iter().map(|kind| aggregated_resource(kind)).collect::<Vec<_>>(),
                "freshness": "Current",
            })
        })
        .collect();
    let metadata = if group.name.is_empty() { json!({}) } else { json!({"name": group.name}) };
    json!({"metadata": metadata, "versions": versions})
}

fn aggregated_resource(kind: &ResourceKind) -> Value {
    let response_kind = |group: &str, version: &str, kind: &str| {
        let mut map = Map::new();
        map.insert("group".to_owned(), Value::from(group));
        map.insert("version".to_owned(), Value::from(version));
        map.insert("kind".to_owned(), Value::from(kind));
        Value::Object(map)
    };
    let mut resource = json!({
        "resource": kind.resource,
        "responseKind": response_kind(&kind.group, &kind.version, &kind.kind),
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular,
        "verbs": kind.verbs,
    });
    add_names(&mut resource, kind);
    let subresources: Vec<Value> = kind
        .subresources
        .iter()
        .map(|(name, subresource)| {
            let speaks = subresource.kind.as_ref().map_or_else(
                || response_kind(&kind.group, &kind.version, &kind.kind),
                |speaks| response_kind(&speaks.group, &speaks.version, &speaks.kind),
            );
            json!({"subresource": name, "responseKind": speaks, "verbs": subresource.verbs})
        })
        .collect();
    if !subresources.is_empty() {
        resource["subresources"] = Value::Array(subresources);
    }
    resource
}
