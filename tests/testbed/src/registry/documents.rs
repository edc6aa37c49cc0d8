//! The pinned OpenAPI documents of a real API server, and the kinds that their paths serve.
//!
//! They are parsed once per process, one group version at a time, when somebody asks for it; all planes share them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock};

use serde_json::Value;

use super::kind::{GroupVersionKind, ResourceKind, Subresource};
use crate::builtin;
use crate::schema::{Definitions, TypeSchema};
use crate::store::GroupResource;
use crate::structs::{GoType, Structs};

/// The document of one group version.
#[derive(Debug)]
pub(crate) struct Document {
    /// As in the index of `/openapi/v3`: `api/v1`, `apis/apps/v1`.
    pub(crate) path: &'static str,
    pub(crate) json: &'static [u8],
    kinds: OnceLock<Vec<Arc<ResourceKind>>>,
}

macro_rules! documents {
    ($($file:literal => $path:literal,)*) => {
        [$(Document {
            path: $path,
            json: include_bytes!(concat!("../../openapi/", $file)),
            kinds: OnceLock::new(),
        },)*]
    };
}

/// Every pinned document, in the order in which discovery names the groups.
static DOCUMENTS: [Document; 22] = documents![
    "api__v1.json" => "api/v1",
    "apis__apiregistration.k8s.io__v1.json" => "apis/apiregistration.k8s.io/v1",
    "apis__apps__v1.json" => "apis/apps/v1",
    "apis__events.k8s.io__v1.json" => "apis/events.k8s.io/v1",
    "apis__authentication.k8s.io__v1.json" => "apis/authentication.k8s.io/v1",
    "apis__authorization.k8s.io__v1.json" => "apis/authorization.k8s.io/v1",
    "apis__autoscaling__v2.json" => "apis/autoscaling/v2",
    "apis__autoscaling__v1.json" => "apis/autoscaling/v1",
    "apis__batch__v1.json" => "apis/batch/v1",
    "apis__certificates.k8s.io__v1.json" => "apis/certificates.k8s.io/v1",
    "apis__networking.k8s.io__v1.json" => "apis/networking.k8s.io/v1",
    "apis__policy__v1.json" => "apis/policy/v1",
    "apis__rbac.authorization.k8s.io__v1.json" => "apis/rbac.authorization.k8s.io/v1",
    "apis__storage.k8s.io__v1.json" => "apis/storage.k8s.io/v1",
    "apis__admissionregistration.k8s.io__v1.json" => "apis/admissionregistration.k8s.io/v1",
    "apis__apiextensions.k8s.io__v1.json" => "apis/apiextensions.k8s.io/v1",
    "apis__scheduling.k8s.io__v1.json" => "apis/scheduling.k8s.io/v1",
    "apis__coordination.k8s.io__v1.json" => "apis/coordination.k8s.io/v1",
    "apis__node.k8s.io__v1.json" => "apis/node.k8s.io/v1",
    "apis__discovery.k8s.io__v1.json" => "apis/discovery.k8s.io/v1",
    "apis__flowcontrol.apiserver.k8s.io__v1.json" => "apis/flowcontrol.apiserver.k8s.io/v1",
    "apis__resource.k8s.io__v1.json" => "apis/resource.k8s.io/v1",
];

const INDEX: &[u8] = include_bytes!("../../openapi/index.json");

/// The `/version` of the server that the documents were captured from.
pub(crate) static SERVER_VERSION: LazyLock<Value> = LazyLock::new(|| {
    let index: Value = serde_json::from_slice(INDEX).unwrap_or_default();
    index["server"].clone()
});

/// Every pinned document.
pub(crate) fn documents() -> &'static [Document] {
    &DOCUMENTS
}

/// The document of a group version.
pub(crate) fn document(group: &str, version: &str) -> Option<&'static Document> {
    DOCUMENTS.iter().find(|document| document.group() == group && document.version() == version)
}

impl Document {
    /// Empty for the core group.
    pub(crate) fn group(&self) -> &'static str {
        self.path.strip_prefix("apis/").and_then(|rest| rest.split_once('/')).map_or("", |(group, _)| group)
    }

    pub(crate) fn version(&self) -> &'static str {
        self.path.rsplit_once('/').map_or("", |(_, version)| version)
    }

    /// The kinds that the document's paths serve.
    pub(crate) fn kinds(&self) -> &[Arc<ResourceKind>] {
        self.kinds.get_or_init(|| {
            // The documents are part of the crate; a test reads every one of them.
            let document: Value = serde_json::from_slice(self.json).unwrap_or_default();
            read_kinds(self, &document)
        })
    }
}

/// What one path of a document says.
struct Served<'a> {
    resource: &'a str,
    subresource: Option<&'a str>,
    namespaced: bool,
}

/// `/apis/apps/v1/namespaces/{namespace}/deployments/{name}/status`, without the group version.
fn served<'a>(path: &'a str, prefix: &str) -> Option<Served<'a>> {
    let rest = path.strip_prefix('/')?.strip_prefix(prefix)?.strip_prefix('/')?;
    let (namespaced, rest) = match rest.strip_prefix("namespaces/{namespace}/") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let mut parts = rest.split('/');
    let resource = parts.next().filter(|resource| !resource.is_empty() && *resource != "watch")?;
    let subresource = match (parts.next(), parts.next(), parts.next()) {
        (None | Some("{name}"), None, None) => None,
        (Some("{name}"), Some(subresource), None) => Some(subresource),
        // Paths below a proxy subresource.
        _ => return None,
    };
    Some(Served { resource, subresource, namespaced })
}

#[derive(Default)]
struct Found {
    namespaced: bool,
    verbs: Vec<&'static str>,
    kind: Option<GroupVersionKind>,
    subresources: BTreeMap<String, Subresource>,
}

fn read_kinds(document: &Document, openapi: &Value) -> Vec<Arc<ResourceKind>> {
    let mut definitions = Definitions::default();
    if let Err(error) = definitions.add_openapi(openapi) {
        tracing::error!(path = document.path, %error, "a pinned document cannot be read");
    }
    let structs = Arc::new(Structs::read(openapi));
    let mut resources: BTreeMap<&str, Found> = BTreeMap::new();
    for (path, item) in openapi["paths"].as_object().into_iter().flatten() {
        let Some(served) = served(path, document.path) else {
            continue;
        };
        let found = resources.entry(served.resource).or_default();
        found.namespaced |= served.namespaced;
        for operation in item.as_object().into_iter().flatten().map(|(_, operation)| operation) {
            let Some(action) = operation["x-kubernetes-action"].as_str() else {
                continue;
            };
            let kind = GroupVersionKind::read(&operation["x-kubernetes-group-version-kind"]);
            match served.subresource {
                None => {
                    found.verbs.extend(verbs(action));
                    found.kind = found.kind.take().or(kind);
                }
                Some(name) => {
                    let subresource = found.subresources.entry(name.to_owned()).or_default();
                    subresource.verbs.extend(verbs(action));
                    subresource.kind = subresource.kind.take().or(kind);
                }
            }
        }
    }
    resources
        .into_iter()
        .filter_map(|(resource, found)| build(document, resource, found, &definitions, &structs))
        .collect()
}

/// The verbs of discovery that an action of OpenAPI stands for.
fn verbs(action: &str) -> &'static [&'static str] {
    match action {
        "get" => &["get"],
        "list" => &["list", "watch"],
        "post" => &["create"],
        "put" => &["update"],
        "patch" => &["patch"],
        "delete" => &["delete"],
        "deletecollection" => &["deletecollection"],
        "connect" => &["create", "get"],
        _ => &[],
    }
}

fn build(
    document: &Document,
    resource: &str,
    found: Found,
    definitions: &Definitions,
    structs: &Arc<Structs>,
) -> Option<Arc<ResourceKind>> {
    let kind = found.kind?;
    let (group, version) = (document.group(), document.version());
    let traits = builtin::traits(group, resource);
    let (stored_group, stored_resource) = traits.stored_as.unwrap_or((group, resource));
    let mut verbs = found.verbs;
    verbs.sort_unstable();
    verbs.dedup();
    let mut subresources = found.subresources;
    for subresource in subresources.values_mut() {
        subresource.verbs.sort_unstable();
        subresource.verbs.dedup();
    }
    Some(Arc::new(ResourceKind {
        group: group.to_owned(),
        version: version.to_owned(),
        resource: resource.to_owned(),
        singular: kind.kind.to_lowercase(),
        list_kind: format!("{}List", kind.kind),
        schema: definitions.kind(&kind.group, &kind.version, &kind.kind).unwrap_or_else(TypeSchema::untyped),
        go_type: GoType::of(structs, &kind.group, &kind.version, &kind.kind),
        kind: kind.kind,
        namespaced: found.namespaced,
        verbs,
        subresources,
        short_names: traits.short_names.iter().map(|name| (*name).to_owned()).collect(),
        categories: traits.categories.iter().map(|name| (*name).to_owned()).collect(),
        storage: GroupResource::new(stored_group, stored_resource),
        traits,
        custom: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_of_the_index_is_here_and_readable() {
        let index: Value = serde_json::from_slice(INDEX).expect("index");
        let indexed: Vec<&str> = index["documents"]
            .as_array()
            .expect("list")
            .iter()
            .filter_map(|one| one["path"].as_str())
            .collect();
        for path in &indexed {
            assert!(DOCUMENTS.iter().any(|document| document.path == *path), "{path} is not embedded");
        }
        assert_eq!(indexed.len(), DOCUMENTS.len());
        for document in &DOCUMENTS {
            assert!(!document.kinds().is_empty(), "{}", document.path);
        }
        assert_eq!(SERVER_VERSION["gitVersion"], "v1.36.3");
    }

    #[test]
    fn kinds_are_read_from_paths() {
        let apps = document("apps", "v1").expect("apps");
        let deployments =
            apps.kinds().iter().find(|kind| kind.resource == "deployments").expect("deployments");
        assert_eq!(deployments.kind, "Deployment");
        assert!(deployments.namespaced);
        assert_eq!(
            deployments.verbs,
            ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
        );
        assert_eq!(deployments.subresources.keys().collect::<Vec<_>>(), ["scale", "status"]);
        let scale = &deployments.subresources["scale"];
        assert_eq!(scale.kind.as_ref().map(|kind| kind.kind.as_str()), Some("Scale"));
        let core = document("", "v1").expect("core");
        let names: Vec<_> =
            core.kinds().iter().filter(|kind| !kind.namespaced).map(|kind| &kind.resource).collect();
        assert_eq!(names, ["componentstatuses", "namespaces", "nodes", "persistentvolumes"]);
    }
}
