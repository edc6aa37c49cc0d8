//! The object as one member shall hold it: template, identity, overrides (spec 3.5, 3.6).

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use crate::{
    api::{ClusterOverride, OverrideOperation, RawFederated, TypeDescriptor, names},
    hash::{self, Digest},
    overrides::{self, OverrideError},
    status::PropagationStatus,
};

/// Metadata that only an API server sets. Applying some of it fails, applying the rest means nothing.
const SERVER_METADATA: [&str; 9] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generateName",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Something in a template that is not propagated. Each gives a warning event on the federated object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TemplateWarning {
    /// The template has annotations.
    AnnotationsNotSupported,
    /// The template has finalizers.
    FinalizersNotSupported,
}

impl TemplateWarning {
    /// Reason of the event, as KubeFed writes it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::AnnotationsNotSupported => "AnnotationsNotSupported",
            Self::FinalizersNotSupported => "FinalizersNotSupported",
        }
    }

    /// The field of the template.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::AnnotationsNotSupported => "metadata.annotations",
            Self::FinalizersNotSupported => "metadata.finalizers",
        }
    }
}

/// The text of the event, which is KubeFed's.
impl fmt::Display for TemplateWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cannot be set via template to avoid conflicting with controllers in member clusters. \
             Consider using an override to add or remove elements from this collection.",
            self.field()
        )
    }
}

/// Who decides how many replicas a member runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Replicas {
    /// The template.
    FromTemplate,
    /// The member, for example its autoscaler: the field is left out. An override that sets it wins all the same, as
    /// it does in KubeFed.
    LeftToMember,
}

/// An object as a member shall hold it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// What is applied.
    pub object: Value,
    /// Its hash ([`hash::rendered`]).
    pub hash: Digest,
}

/// Why there is no object for a member.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The overrides are at fault.
    #[error(transparent)]
    Overrides(#[from] OverrideError),
    /// The template is at fault, or what overrides made of it.
    #[error("{field} {problem}")]
    Template {
        /// Path of the field in the federated object, with dots. An override may have made it what it is.
        field: String,
        /// What is wrong, and what to do.
        problem: String,
    },
}

impl RenderError {
    /// The status of the member.
    #[must_use]
    pub fn status(&self) -> PropagationStatus {
        match self {
            Self::Overrides(_) => PropagationStatus::ApplyOverridesFailed,
            Self::Template { .. } => PropagationStatus::ComputeResourceFailed,
        }
    }

    fn template(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Template { field: field.into(), problem: problem.into() }
    }
}

/// Renders one federated object for any number of members; what they have in common is done once.
#[derive(Debug)]
pub struct Renderer<'a> {
    descriptor: &'a TypeDescriptor,
    /// The template with the identity of the object, before overrides.
    base: Result<Value, RenderError>,
    overrides: Result<BTreeMap<&'a str, &'a [ClusterOverride]>, OverrideError>,
    warnings: Vec<TemplateWarning>,
    from_template: OnceLock<Result<Arc<Rendered>, RenderError>>,
    left_to_member: OnceLock<Result<Arc<Rendered>, RenderError>>,
}

impl<'a> Renderer<'a> {
    /// Does what all members have in common. What is wrong with the object shows when it is rendered.
    #[must_use]
    pub fn new(descriptor: &'a TypeDescriptor, federated: &'a RawFederated) -> Self {
        let mut warnings = Vec::new();
        let list = federated.spec.overrides.as_deref().unwrap_or_default();
        let overrides = overrides::validate(list).map(|()| {
            let pairs = list.iter().filter_map(|item| {
                let overrides =
                    item.cluster_overrides.as_deref().filter(|overrides| !overrides.is_empty())?;
                Some((item.cluster_name.as_str(), overrides))
            });
            pairs.collect()
        });
        Self {
            descriptor,
            base: base(descriptor, federated, &mut warnings),
            overrides,
            warnings,
            from_template: OnceLock::new(),
            left_to_member: OnceLock::new(),
        }
    }

    /// What the template holds and is not propagated.
    #[must_use]
    pub fn warnings(&self) -> &[TemplateWarning] {
        &self.warnings
    }

    /// The object for a member. Members without overrides share one.
    ///
    /// # Errors
    ///
    /// Invalid overrides, whichever cluster they are for; overrides of this cluster that do not fit; a template whose
    /// fields have types that no object has.
    pub fn render(&self, cluster: &str, replicas: Replicas) -> Result<Arc<Rendered>, RenderError> {
        let base = self.base.as_ref().map_err(Clone::clone)?;
        let overrides = self.overrides.as_ref().map_err(Clone::clone)?;
        let Some(overrides) = overrides.get(cluster) else {
            let shared = match replicas {
                Replicas::FromTemplate => &self.from_template,
                Replicas::LeftToMember => &self.left_to_member,
            };
            return shared.get_or_init(|| self.finish(base.clone(), replicas)).clone();
        };
        let changed = overrides::applied(base, overrides)?;
        check_identity(base, &changed)?;
        let replicas = if self.set_replicas(overrides) { Replicas::FromTemplate } else { replicas };
        self.finish(changed, replicas)
    }

    /// Whether an override sets the replica count, itself or with an object around it.
    fn set_replicas(&self, overrides: &[ClusterOverride]) -> bool {
        let Some(path) = &self.descriptor.replicas else {
            return false;
        };
        overrides.iter().filter(|item| item.op != Some(OverrideOperation::Remove)).any(|item| {
            overrides::segments(&item.path).is_some_and(|segments| {
                segments.len() <= path.len() && segments.iter().zip(path).all(|(segment, key)| segment == key)
            })
        })
    }

    /// What comes after the overrides, whatever they did.
    fn finish(&self, mut object: Value, replicas: Replicas) -> Result<Arc<Rendered>, RenderError> {
        if let (Replicas::LeftToMember, Some(path)) = (replicas, &self.descriptor.replicas) {
            remove_path(&mut object, path);
        }
        if let Some(fields) = object.as_object_mut() {
            fields.remove("status");
            clean_metadata(fields)?;
            if self.descriptor.target.group.is_empty() && self.descriptor.target.kind == "Secret" {
                fold_string_data(fields)?;
            }
        }
        drop_null_timestamps(&mut object);
        let hash = hash::rendered(&object);
        Ok(Arc::new(Rendered { object, hash }))
    }
}

/// Only an object around a protected path, or another spelling of it, can change it; KubeFed lets them. A version
/// may be overridden as in KubeFed, but not lost.
fn check_identity(base: &Value, changed: &Value) -> Result<(), OverrideError> {
    let protected = [
        ("kind", "/kind"),
        ("metadata.name", "/metadata/name"),
        ("metadata.namespace", "/metadata/namespace"),
    ];
    for (field, pointer) in protected {
        if changed.pointer(pointer) != base.pointer(pointer) {
            return Err(OverrideError::ChangesIdentity { field });
        }
    }
    if changed["apiVersion"].as_str().is_none_or(str::is_empty) {
        return Err(OverrideError::ChangesIdentity { field: "apiVersion" });
    }
    Ok(())
}

/// The template with the identity of the object, without what is not propagated.
fn base(
    descriptor: &TypeDescriptor,
    federated: &RawFederated,
    warnings: &mut Vec<TemplateWarning>,
) -> Result<Value, RenderError> {
    let mut object = match &federated.spec.template {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(template)) => template.clone(),
        Some(_) => {
            return Err(RenderError::template(
                "spec.template",
                "is not an object; write the object to propagate",
            ));
        }
    };
    object.remove("status");
    let metadata = object_at(&mut object, "metadata", "spec.template.metadata")?;
    for warning in [TemplateWarning::AnnotationsNotSupported, TemplateWarning::FinalizersNotSupported] {
        let key = warning.field().trim_start_matches("metadata.");
        if metadata.remove(key).is_some_and(|value| !is_empty(&value)) {
            warnings.push(warning);
        }
    }
    for key in SERVER_METADATA {
        metadata.remove(key);
    }
    metadata.insert("name".to_owned(), federated.metadata.name.clone().unwrap_or_default().into());
    match federated.metadata.namespace.as_deref() {
        Some(namespace) if descriptor.target.is_namespaced() && !namespace.is_empty() => {
            metadata.insert("namespace".to_owned(), namespace.into());
        }
        _ => {
            metadata.remove("namespace");
        }
    }
    object.insert("kind".to_owned(), descriptor.target.kind.clone().into());
    let has_version =
        object.get("apiVersion").and_then(Value::as_str).is_some_and(|version| !version.is_empty());
    if !has_version {
        object.insert("apiVersion".to_owned(), descriptor.target.api_version().into());
    }
    Ok(Value::Object(object))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The object under a key, made where it is absent or null.
fn object_at<'o>(
    fields: &'o mut Map<String, Value>,
    key: &str,
    name: &str,
) -> Result<&'o mut Map<String, Value>, RenderError> {
    let value = fields.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().ok_or_else(|| {
        RenderError::template(name, "is not an object; write key and value pairs, or leave it out")
    })
}

/// Sets the managed label last, so that no override can take it away, and drops what only API servers set.
fn clean_metadata(object: &mut Map<String, Value>) -> Result<(), RenderError> {
    let metadata = object_at(object, "metadata", "spec.template.metadata")?;
    for key in SERVER_METADATA {
        metadata.remove(key);
    }
    let labels = object_at(metadata, "labels", "spec.template.metadata.labels")?;
    labels.insert(names::MANAGED_LABEL.to_owned(), names::MANAGED_TRUE.into());
    Ok(())
}

/// Moves `stringData` of a Secret into `data`, where it wins, as the API server does. Applied as it stands, its keys
/// would be owned under `stringData` only, and a key that is dropped later would stay in the member for ever.
fn fold_string_data(secret: &mut Map<String, Value>) -> Result<(), RenderError> {
    let texts = match secret.remove("stringData") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(texts)) => texts,
        Some(_) => {
            return Err(RenderError::template(
                "spec.template.stringData",
                "is not an object; write key and value pairs, or leave it out",
            ));
        }
    };
    if texts.is_empty() {
        return Ok(());
    }
    let data = object_at(secret, "data", "spec.template.data")?;
    for (key, text) in texts {
        let Value::String(text) = text else {
            return Err(RenderError::template(
                format!("spec.template.stringData.{key}"),
                "is not a string; put it in quotes",
            ));
        };
        data.insert(key, STANDARD.encode(text).into());
    }
    Ok(())
}

/// Drops `creationTimestamp: null` from all metadata in the object, for example that of pod templates: clients write it
/// because Go cannot leave it out, and applied it would be a field that we own and that no member ever holds.
fn drop_null_timestamps(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(drop_null_timestamps),
        Value::Object(fields) => {
            if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut)
                && metadata.get("creationTimestamp").is_some_and(Value::is_null)
            {
                metadata.remove("creationTimestamp");
            }
            fields.values_mut().for_each(drop_null_timestamps);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn remove_path(object: &mut Value, path: &[String]) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let mut fields = object.as_object_mut();
    for key in parents {
        fields = fields.and_then(|fields| fields.get_mut(key)).and_then(Value::as_object_mut);
    }
    if let Some(fields) = fields {
        fields.remove(last);
    }
}

#[cfg(test)]
mod tests;
