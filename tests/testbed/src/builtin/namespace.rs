//! Namespaces: they stay until their own finalizer is gone, which the namespace controller removes when they are empty.

use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::registry::ResourceKind;
use crate::resources::meta;

const FINALIZER: &str = "kubernetes";

/// Namespaces that the control plane itself needs.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

pub(super) fn prepare_new(object: &mut Value) {
    object["status"] = json!({"phase": "Active"});
    let finalizers = &mut object["spec"]["finalizers"];
    match finalizers {
        Value::Array(list) if list.iter().any(|one| one == FINALIZER) => {}
        Value::Array(list) => list.push(Value::from(FINALIZER)),
        other => *other = json!([FINALIZER]),
    }
    set_label(object);
}

/// The label is defaulted, too; a generated name is known only now.
fn set_label(object: &mut Value) {
    let name = meta::field(object, "name");
    let metadata = meta::metadata_mut(object);
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    labels["kubernetes.io/metadata.name"] = name;
}

/// The finalizers in the spec have an endpoint of their own.
pub(super) fn prepare_changed(live: &Value, new: &mut Value) {
    match live.get("spec") {
        Some(spec) => new["spec"] = spec.clone(),
        None => {
            if let Value::Object(map) = new {
                map.remove("spec");
            }
        }
    }
}

pub(super) fn check_deletion(kind: &ResourceKind, object: &Value) -> ApiResult<()> {
    let name = meta::text(object, "name");
    if IMMORTAL.contains(&name) {
        return Err(ApiError::forbidden(kind, name, "this namespace may not be deleted"));
    }
    Ok(())
}

/// Namespaces have a deletion of their own, which knows no grace period.
pub(super) fn mark_deleted(object: &mut Value) {
    meta::set(object, "deletionGracePeriodSeconds", Value::Null);
    object["status"]["phase"] = Value::from("Terminating");
}

pub(super) fn holds_deletion(object: &Value) -> bool {
    object["spec"]["finalizers"].as_array().is_some_and(|list| !list.is_empty())
}
