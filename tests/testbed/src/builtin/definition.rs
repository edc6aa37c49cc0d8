//! CustomResourceDefinitions.

use kubefed_core::schema::structural::{FieldError, Structural};
use serde_json::{Value, json};

use crate::resources::{Resources, meta};

/// Keeps a definition until its objects are gone.
pub(crate) const CLEANUP_FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";
/// The condition that says that the objects are served.
const ESTABLISHED: &str = "Established";

fn condition(kind: &str, status: &str, reason: &str, message: &str, now: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now})
}

/// Nothing can take a name away here, so every definition is accepted and served at once.
pub(super) fn prepare_new(resources: &Resources, object: &mut Value) {
    let now = resources.clock.now_text();
    let stored: Vec<Value> = storage_version(object).into_iter().collect();
    object["status"] = json!({
        "acceptedNames": object["spec"]["names"],
        "conditions": [
            condition("NamesAccepted", "True", "NoConflicts", "no conflicts found", &now),
            condition(ESTABLISHED, "True", "InitialNamesAccepted", "the initial names have been accepted", &now),
        ],
        "storedVersions": stored,
    });
}

pub(super) fn prepare_changed(_resources: &Resources, _live: &Value, new: &mut Value) {
    let accepted = new["spec"]["names"].clone();
    let storage = storage_version(new);
    let status = &mut new["status"];
    status["acceptedNames"] = accepted;
    if let (Some(storage), Some(stored)) = (storage, status["storedVersions"].as_array_mut())
        && !stored.contains(&storage)
    {
        stored.push(storage);
    }
}

fn versions(object: &Value) -> impl Iterator<Item = (usize, &Value)> {
    object["spec"]["versions"].as_array().into_iter().flatten().enumerate()
}

fn storage_version(object: &Value) -> Option<Value> {
    versions(object)
        .find(|(_, version)| version["storage"] == true)
        .map(|(_, version)| version["name"].clone())
}

pub(super) fn check(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (group, plural) = (text(&object["spec"]["group"]), text(&object["spec"]["names"]["plural"]));
    for (field, value) in [
        ("spec.group", &group),
        ("spec.names.plural", &plural),
        ("spec.names.kind", &text(&object["spec"]["names"]["kind"])),
        ("spec.scope", &text(&object["spec"]["scope"])),
    ] {
        if value.is_empty() {
            errors.push(FieldError::required(field, ""));
        }
    }
    let wanted = format!("{plural}.{group}");
    if meta::text(object, "name") != wanted {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        errors.push(FieldError::invalid("metadata.name", Value::from(meta::text(object, "name")), detail));
    }
    if versions(object).filter(|(_, version)| version["storage"] == true).count() != 1 {
        let detail = "must have exactly one version marked as storage version";
        errors.push(FieldError::invalid("spec.versions", object["spec"]["versions"].clone(), detail));
    }
    let scope = object["spec"]["scope"].as_str().unwrap_or_default();
    if !matches!(scope, "" | "Cluster" | "Namespaced") {
        let supported = ["Cluster", "Namespaced"].map(str::to_owned);
        errors.push(FieldError::not_supported("spec.scope", Value::from(scope), &supported));
    }
    check_schemas(object, &mut errors);
    errors
}

/// Schemas must be there, readable and structural. One that all versions share is reported under the name that it had
/// when a definition had only one.
fn check_schemas(object: &Value, errors: &mut Vec<FieldError>) {
    let schemas: Vec<&Value> =
        versions(object).map(|(_, version)| &version["schema"]["openAPIV3Schema"]).collect();
    let shared = schemas.windows(2).all(|pair| pair[0] == pair[1]);
    for (index, schema) in schemas.into_iter().enumerate() {
        let path = format!("spec.versions[{index}].schema.openAPIV3Schema");
        if schema.is_null() {
            errors.push(FieldError::required(path, ""));
            continue;
        }
        let path = if shared { "spec.validation.openAPIV3Schema".to_owned() } else { path };
        if let Err(error) = Structural::parse(schema) {
            let field = error.path.replacen("openAPIV3Schema", &path, 1);
            errors.push(FieldError::invalid(field, Value::from(""), error.problem));
        } else {
            check_structural(schema, &path, "must not be empty at the root", errors);
        }
        if shared {
            return;
        }
    }
}

/// Every specified field and list item has a type.
fn check_structural(schema: &Value, path: &str, empty: &str, errors: &mut Vec<FieldError>) {
    const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
    let is_set = |extension: &str| schema[extension] == true;
    let open = is_set("x-kubernetes-int-or-string") || is_set("x-kubernetes-preserve-unknown-fields");
    match schema["type"].as_str().unwrap_or_default() {
        "" if open => {}
        "" => errors.push(FieldError::required(format!("{path}.type"), empty)),
        known if TYPES.contains(&known) => {}
        other => {
            let supported = TYPES.map(str::to_owned);
            errors.push(FieldError::not_supported(format!("{path}.type"), Value::from(other), &supported));
        }
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.properties[{name}]");
        check_structural(property, &path, "must not be empty for specified object fields", errors);
    }
    if schema["items"].is_object() {
        let empty = "must not be empty for specified array items";
        check_structural(&schema["items"], &format!("{path}.items"), empty, errors);
    }
    if schema["additionalProperties"].is_object() {
        let empty = "must not be empty for specified object fields";
        check_structural(
            &schema["additionalProperties"],
            &format!("{path}.additionalProperties"),
            empty,
            errors,
        );
    }
}

pub(super) fn check_change(live: &Value, new: &Value) -> Vec<FieldError> {
    super::workload::check_same(
        live,
        new,
        &["spec.group", "spec.names.plural", "spec.names.kind", "spec.scope"],
    )
}

/// Definitions have a deletion of their own, which knows no grace period and does not move the generation.
pub(super) fn mark_deleted(object: &mut Value) {
    meta::set(object, "deletionGracePeriodSeconds", Value::Null);
    if let Some(generation) = meta::field(object, "generation").as_i64() {
        meta::set(object, "generation", Value::from(generation - 1));
    }
    let now = meta::text(object, "deletionTimestamp").to_owned();
    let mut finalizers = meta::finalizers(object);
    if !finalizers.iter().any(|one| one == CLEANUP_FINALIZER) {
        finalizers.push(CLEANUP_FINALIZER.to_owned());
        meta::set(object, "finalizers", Value::from(finalizers));
    }
    let message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    let terminating = condition("Terminating", "True", "InstanceDeletionPending", message, &now);
    if let Some(conditions) = object["status"]["conditions"].as_array_mut() {
        conditions.push(terminating);
    }
}

/// A definition is always marked first; its objects go before it does.
pub(super) fn holds_deletion(object: &Value) -> bool {
    !meta::is_being_deleted(object)
}
