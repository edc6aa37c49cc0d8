//! What a CustomResourceDefinition says of one of its versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use kubefed_core::schema::structural::{SchemaError, Structural};
use serde_json::Value;

use super::kind::{GroupVersionKind, ResourceKind, Subresource};
use super::version::preferred;
use crate::builtin;
use crate::schema::{Definitions, TypeSchema};
use crate::store::GroupResource;

/// One version of a custom kind.
#[derive(Debug)]
pub(crate) struct CustomKind {
    pub(crate) structural: Structural,
    /// `openAPIV3Schema` as written.
    pub(crate) schema: Value,
    /// `additionalPrinterColumns` as written.
    pub(crate) columns: Vec<Value>,
    pub(crate) scale: Option<ScalePaths>,
    /// Fields that field selectors may name.
    pub(crate) selectable: Vec<String>,
    /// The version that objects are stored in.
    pub(crate) storage_version: String,
    /// Shown to clients that use a deprecated version.
    pub(crate) deprecation: Option<String>,
    /// The schema has changed since objects may have been stored: they are pruned and defaulted when read.
    pub(crate) coerce_on_read: bool,
}

/// Where the scale subresource finds its numbers; paths as in a definition, `.spec.replicas`.
#[derive(Debug, Clone)]
pub(crate) struct ScalePaths {
    pub(crate) spec: String,
    pub(crate) status: String,
    pub(crate) selector: Option<String>,
}

/// In the order in which discovery shows them.
const VERBS: [&str; 8] = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
const SUBRESOURCE_VERBS: [&str; 3] = ["get", "patch", "update"];

/// A definition without a schema accepts everything.
fn open_schema() -> Value {
    serde_json::json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// The served versions of a definition, with their schemas added to `definitions`.
pub(super) fn served_kinds(
    definition: &Value,
    definitions: &mut Definitions,
    coerce_on_read: bool,
) -> Result<Vec<ResourceKind>, SchemaError> {
    let spec = &definition["spec"];
    let names = &spec["names"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| one.as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let (group, resource, kind) = (text(&spec["group"]), text(&names["plural"]), text(&names["kind"]));
    let versions = spec["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let storage_version =
        versions.iter().find(|version| version["storage"] == true).map(|one| text(&one["name"]));
    let mut kinds = Vec::new();
    for version in versions.iter().filter(|version| version["served"] == true) {
        let name = text(&version["name"]);
        let schema = version["schema"]["openAPIV3Schema"].clone();
        let schema = if schema.is_object() { schema } else { open_schema() };
        let structural = Structural::parse(&schema)?;
        if let Err(error) = definitions.add_custom(&group, &name, &kind, Some(&schema)) {
            return Err(SchemaError { path: "openAPIV3Schema".to_owned(), problem: error.to_string() });
        }
        let subresources = subresources(version, &group, &name, &kind);
        let custom = CustomKind {
            structural,
            columns: version["additionalPrinterColumns"].as_array().cloned().unwrap_or_default(),
            scale: scale(&version["subresources"]["scale"]),
            selectable: version["selectableFields"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|field| text(&field["jsonPath"]).trim_start_matches('.').to_owned())
                .collect(),
            storage_version: storage_version.clone().unwrap_or_else(|| name.clone()),
            deprecation: deprecation(version, versions, &group, &kind),
            coerce_on_read,
            schema,
        };
        kinds.push(ResourceKind {
            schema: definitions.kind(&group, &name, &kind).unwrap_or_else(TypeSchema::untyped),
            group: group.clone(),
            version: name,
            resource: resource.clone(),
            singular: names["singular"].as_str().map_or_else(|| kind.to_lowercase(), str::to_owned),
            kind: kind.clone(),
            list_kind: names["listKind"].as_str().map_or_else(|| format!("{kind}List"), str::to_owned),
            namespaced: spec["scope"] == "Namespaced",
            verbs: VERBS.to_vec(),
            subresources,
            short_names: list(&names["shortNames"]),
            categories: list(&names["categories"]),
            go_type: None,
            storage: GroupResource::new(&group, &resource),
            traits: &builtin::PLAIN,
            custom: Some(Arc::new(custom)),
        });
    }
    Ok(kinds)
}

/// What clients of a deprecated version are told.
fn deprecation(version: &Value, versions: &[Value], group: &str, kind: &str) -> Option<String> {
    if version["deprecated"] != true {
        return None;
    }
    if let Some(text) = version["deprecationWarning"].as_str() {
        return Some(text.to_owned());
    }
    let name = version["name"].as_str().unwrap_or_default();
    let mut better: Vec<&str> = versions
        .iter()
        .filter(|other| other["served"] == true && other["deprecated"] != true)
        .filter_map(|other| other["name"].as_str())
        .filter(|other| preferred(other, name).is_lt())
        .collect();
    better.sort_by(|a, b| preferred(a, b));
    let instead = better.first().map(|better| format!("; use {group}/{better} {kind}")).unwrap_or_default();
    Some(format!("{group}/{name} {kind} is deprecated{instead}"))
}

fn subresources(version: &Value, group: &str, name: &str, kind: &str) -> BTreeMap<String, Subresource> {
    let mut subresources = BTreeMap::new();
    let mut add = |subresource: &str, group: &str, version: &str, kind: &str| {
        let kind =
            GroupVersionKind { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() };
        let served = Subresource { kind: Some(kind), verbs: SUBRESOURCE_VERBS.to_vec() };
        subresources.insert(subresource.to_owned(), served);
    };
    if version["subresources"]["status"].is_object() {
        add("status", group, name, kind);
    }
    if version["subresources"]["scale"].is_object() {
        add("scale", "autoscaling", "v1", "Scale");
    }
    subresources
}

fn scale(scale: &Value) -> Option<ScalePaths> {
    Some(ScalePaths {
        spec: scale.get("specReplicasPath")?.as_str()?.to_owned(),
        status: scale.get("statusReplicasPath")?.as_str()?.to_owned(),
        selector: scale.get("labelSelectorPath").and_then(Value::as_str).map(str::to_owned),
    })
}
