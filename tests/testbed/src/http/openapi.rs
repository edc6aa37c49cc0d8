//! `/openapi/v3`: the pinned documents as they are, and documents of the custom kinds.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::answer::{self, ApiResponse};
use crate::encode::encode;
use crate::registry::{Registry, ResourceKind, document, documents};

/// Answers a path below `/openapi/v3`; `None` where nothing is served there.
pub(super) fn answer(registry: &Registry, path: &str) -> Option<ApiResponse> {
    let rest = path.strip_prefix("/openapi/v3")?.trim_matches('/');
    if rest.is_empty() {
        return Some(answer::json(200, encode(&index(registry))));
    }
    let (group, version) = match rest.split('/').collect::<Vec<_>>().as_slice() {
        ["api", version] => (String::new(), (*version).to_owned()),
        ["apis", group, version] => ((*group).to_owned(), (*version).to_owned()),
        _ => return None,
    };
    if let Some(document) = document(&group, &version) {
        return Some(answer::json(200, document.json));
    }
    let served = registry.group_version(&group, &version)?;
    Some(answer::json(200, encode(&custom_document(&served.kinds))))
}

/// Clients keep documents by this: it changes with the document.
fn digest(json: &[u8]) -> String {
    Sha256::digest(json).iter().take(32).map(|byte| format!("{byte:02X}")).collect()
}

fn index(registry: &Registry) -> Value {
    let mut paths = Map::new();
    let mut add = |path: &str, json: &[u8]| {
        let url = format!("/openapi/v3/{path}?hash={}", digest(json));
        paths.insert(path.to_owned(), json!({"serverRelativeURL": url}));
    };
    for document in documents() {
        add(document.path, document.json);
    }
    for group in registry.groups() {
        for version in
            group.versions.iter().filter(|version| document(&group.name, &version.version).is_none())
        {
            let path = format!("apis/{}/{}", group.name, version.version);
            add(&path, &encode(&custom_document(&version.kinds)));
        }
    }
    json!({"paths": paths})
}

/// What component a kind is called in documents: `com.example.v1.Website`.
fn component_name(kind: &ResourceKind) -> String {
    let mut group: Vec<&str> = kind.group.split('.').collect();
    group.reverse();
    format!("{}.{}.{}", group.join("."), kind.version, kind.kind)
}

fn custom_document(kinds: &[std::sync::Arc<ResourceKind>]) -> Value {
    let mut schemas = Map::new();
    let mut paths = Map::new();
    for kind in kinds {
        let Some(custom) = &kind.custom else { continue };
        let name = component_name(kind);
        let gvk = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
        let mut schema = custom.schema.clone();
        schema["x-kubernetes-group-version-kind"] = json!([gvk]);
        let properties = &mut schema["properties"];
        properties["apiVersion"] = json!({"type": "string"});
        properties["kind"] = json!({"type": "string"});
        properties["metadata"] = json!({"allOf": [{"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}]});
        schemas.insert(name.clone(), schema);
        schemas.insert(format!("{name}List"), list_schema(kind, &name));
        paths.extend(kind_paths(kind, &name, &gvk));
    }
    add_meta_schemas(&mut schemas);
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes CRD Swagger", "version": "v0.1.0"},
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

fn list_schema(kind: &ResourceKind, name: &str) -> Value {
    json!({
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"allOf": [{"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"}]},
            "items": {"type": "array", "items": {"allOf": [{"$ref": format!("#/components/schemas/{name}")}]}},
        },
        "x-kubernetes-group-version-kind":
            [{"group": kind.group, "version": kind.version, "kind": kind.list_kind}],
    })
}

/// The components that custom kinds refer to are in every pinned document.
fn add_meta_schemas(schemas: &mut Map<String, Value>) {
    let Some(apps) = document("apps", "v1") else {
        return;
    };
    let document: Value = serde_json::from_slice(apps.json).unwrap_or_default();
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        if name.starts_with("io.k8s.apimachinery.pkg.apis.meta.v1.") {
            schemas.entry(name.as_str()).or_insert_with(|| schema.clone());
        }
    }
}

fn parameters(names: &[(&str, &str)]) -> Value {
    let parameter = |(name, kind): &(&str, &str)| json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}});
    names.iter().map(parameter).collect()
}

const WRITE: &[(&str, &str)] =
    &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string")];
const APPLY: &[(&str, &str)] =
    &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string"), ("force", "boolean")];
const DELETE: &[(&str, &str)] = &[
    ("dryRun", "string"),
    ("gracePeriodSeconds", "integer"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
];
const LIST: &[(&str, &str)] = &[
    ("allowWatchBookmarks", "boolean"),
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
];

fn operation(action: &str, gvk: &Value, schema: &str, query: &[(&str, &str)]) -> Value {
    let reference = json!({"$ref": format!("#/components/schemas/{schema}")});
    json!({
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": gvk,
        "parameters": parameters(query),
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": reference}}}},
    })
}

fn kind_paths(kind: &ResourceKind, name: &str, gvk: &Value) -> Map<String, Value> {
    let root = format!("/apis/{}/{}", kind.group, kind.version);
    let base = if kind.namespaced { format!("{root}/namespaces/{{namespace}}") } else { root.clone() };
    let collection = format!("{base}/{}", kind.resource);
    let object = format!("{collection}/{{name}}");
    let list = format!("{name}List");
    let status = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
    let mut paths = Map::new();
    paths.insert(
        collection,
        json!({
            "get": operation("list", gvk, &list, LIST),
            "post": operation("post", gvk, name, WRITE),
            "delete": operation("deletecollection", gvk, status, LIST),
        }),
    );
    let item = json!({
        "get": operation("get", gvk, name, &[("resourceVersion", "string")]),
        "put": operation("put", gvk, name, WRITE),
        "patch": operation("patch", gvk, name, APPLY),
        "delete": operation("delete", gvk, status, DELETE),
    });
    paths.insert(object.clone(), item);
    for subresource in kind.subresources.keys() {
        paths.insert(
            format!("{object}/{subresource}"),
            json!({
                "get": operation("get", gvk, name, &[("resourceVersion", "string")]),
                "put": operation("put", gvk, name, WRITE),
                "patch": operation("patch", gvk, name, APPLY),
            }),
        );
    }
    if kind.namespaced {
        paths
            .insert(format!("{root}/{}", kind.resource), json!({"get": operation("list", gvk, &list, LIST)}));
    }
    paths
}
