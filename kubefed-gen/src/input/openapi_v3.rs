//! Kinds of an OpenAPI v3 document as API servers publish it, one document per group version.
//!
//! What is served is read from the paths, what it looks like from the components. A kind counts if its objects can be
//! listed, read, created, patched and deleted by name: others cannot be federated.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kubefed_core::api::{Scope, names};
use serde_json::{Map, Value};

use super::short_names;
use crate::{
    Error,
    model::{Document, KindModel},
};

const GROUP_VERSION_KIND: &str = "x-kubernetes-group-version-kind";

/// One resource, as far as its paths were seen.
#[derive(Default)]
struct Resource {
    namespaced: bool,
    /// Group, version and kind that reading one by name yields.
    kind: Option<(String, String, String)>,
    creates: bool,
    lists: bool,
    patches: bool,
    deletes: bool,
    subresources: BTreeSet<String>,
}

/// Appends the kinds of the document, and what is wrong with it.
pub(super) fn kinds(document: &Arc<Document>, kinds: &mut Vec<KindModel>, errors: &mut Vec<Error>) {
    let wrong = |pointer: &str, message: &str| Error::Document {
        file: document.file.clone(),
        pointer: pointer.to_owned(),
        message: message.to_owned(),
    };
    let content = &document.content;
    if !content.get("openapi").and_then(Value::as_str).is_some_and(|version| version.starts_with("3.")) {
        errors.push(wrong("/openapi", "this is no OpenAPI 3 document"));
        return;
    }
    let Some(paths) = content.get("paths").and_then(Value::as_object) else {
        errors.push(wrong("/paths", "an object with the served paths is expected here"));
        return;
    };
    let Some(Value::Object(schemas)) = content.pointer("/components/schemas") else {
        errors.push(wrong("/components/schemas", "an object with the schemas is expected here"));
        return;
    };
    let definitions = definitions(schemas);
    for (plural, resource) in resources(paths) {
        let complete = resource.creates && resource.lists && resource.patches && resource.deletes;
        let (Some(key), true) = (resource.kind, complete) else {
            continue;
        };
        let Some(definition) = definitions.get(&key) else {
            let (group, version, kind) = &key;
            let message = format!(
                "{kind} ({}) is served, and no schema here names it in {GROUP_VERSION_KIND}",
                names::api_version(group, version)
            );
            errors.push(wrong("/components/schemas", &message));
            continue;
        };
        let (group, version, kind) = key;
        kinds.push(KindModel {
            short_names: short_names::of(&group, &plural),
            group,
            version,
            kind,
            plural,
            scope: if resource.namespaced { Scope::Namespaced } else { Scope::Cluster },
            definition: (*definition).to_owned(),
            subresources: resource.subresources,
            source: Arc::clone(document),
        });
    }
}

/// The schemas by group, version and kind. Those that stand for several kinds, as `DeleteOptions`, are left out.
fn definitions(schemas: &Map<String, Value>) -> BTreeMap<(String, String, String), &str> {
    schemas
        .iter()
        .filter_map(|(name, schema)| match schema.get(GROUP_VERSION_KIND)?.as_array()?.as_slice() {
            [only] => Some((group_version_kind(only)?, name.as_str())),
            _ => None,
        })
        .collect()
}

fn group_version_kind(value: &Value) -> Option<(String, String, String)> {
    let text = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    Some((text("group")?, text("version")?, text("kind")?))
}

/// The resources by plural.
fn resources(paths: &Map<String, Value>) -> BTreeMap<String, Resource> {
    let mut resources = BTreeMap::<String, Resource>::new();
    for (path, item) in paths {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        // Behind the group version; what is below `watch` is a deprecated second way to the same objects.
        let rest = match segments.as_slice() {
            ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] if rest.first() != Some(&"watch") => rest,
            _ => continue,
        };
        let (namespaced, rest) = match rest {
            ["namespaces", "{namespace}", rest @ ..] if !rest.is_empty() => (true, rest),
            rest => (false, rest),
        };
        let serves = |method: &str| item.get(method).is_some();
        match rest {
            [plural] => {
                let resource = resources.entry((*plural).to_owned()).or_default();
                resource.creates |= serves("post");
                resource.lists |= serves("get");
            }
            [plural, "{name}"] => {
                let resource = resources.entry((*plural).to_owned()).or_default();
                resource.namespaced |= namespaced;
                resource.patches = serves("patch");
                resource.deletes = serves("delete");
                resource.kind =
                    item.get("get").and_then(|get| group_version_kind(get.get(GROUP_VERSION_KIND)?));
            }
            [plural, "{name}", subresource @ ..] => {
                let resource = resources.entry((*plural).to_owned()).or_default();
                resource.subresources.insert(subresource.join("/"));
            }
            _ => {}
        }
    }
    resources
}
