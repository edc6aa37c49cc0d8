//! The last steps before an object is stored: what only the server sets, what a write may not change, and validation.

use kubefed_core::schema::structural::{FieldError, FieldErrorKind};
use serde_json::{Value, json};

use super::write::Target;
use super::{Resources, decode, meta, names};
use crate::builtin;
use crate::error::{ApiError, ApiResult};
use crate::registry::ResourceKind;

/// uid, creation time and generation of a new object; what only a deletion may set is cleared.
pub(super) fn system_fields_of_new(resources: &Resources, kind: &ResourceKind, object: &mut Value) {
    for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion"] {
        meta::set(object, field, Value::Null);
    }
    meta::set(object, "uid", Value::from(resources.random.uid()));
    meta::set(object, "creationTimestamp", Value::from(resources.clock.now_text()));
    let generation = if kind.has_generation() { json!(1) } else { Value::Null };
    meta::set(object, "generation", generation);
}

/// Carries over what no update changes.
pub(super) fn keep_system_fields(target: &Target<'_>, live: &Value, new: &mut Value) {
    for field in [
        "creationTimestamp",
        "uid",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "generateName",
        "resourceVersion",
    ] {
        meta::set(new, field, meta::field(live, field));
    }
    if target.kind.namespaced {
        meta::set(new, "namespace", Value::from(target.namespace));
    }
    meta::set(new, "selfLink", Value::Null);
}

impl Resources {
    /// The strategy's PrepareForCreate.
    pub(super) fn prepare_new(&self, target: &Target<'_>, object: &mut Value) -> ApiResult<()> {
        if target.kind.has_status()
            && let Value::Object(map) = object
        {
            map.remove("status");
        }
        if target.kind.custom.is_none() {
            builtin::prepare_new(self, target.kind, object)?;
            decode::settle(target, object);
        }
        Ok(())
    }

    /// The strategy's PrepareForUpdate: what the endpoint does not write stays, and the generation moves.
    pub(super) fn prepare_changed(
        &self,
        target: &Target<'_>,
        live: &Value,
        new: &mut Value,
    ) -> ApiResult<()> {
        let kind = target.kind;
        match target.subresource {
            Some("status") if kind.custom.is_some() => {
                let mut kept = live.clone();
                copy(new, &mut kept, "status");
                meta::set(&mut kept, "managedFields", meta::field(new, "managedFields"));
                *new = kept;
            }
            Some("status") => {
                copy(live, new, "spec");
                for path in kind.traits.status_keeps {
                    meta::put_dotted(new, path, meta::at_dotted(live, path).cloned());
                }
            }
            _ if kind.has_status() => copy(live, new, "status"),
            _ => {}
        }
        if kind.custom.is_none() {
            builtin::prepare_changed(self, target, live, new)?;
            decode::settle(target, new);
        }
        if kind.has_generation() && target.subresource != Some("status") && moves_generation(kind, live, new)
        {
            let generation = meta::field(live, "generation").as_i64().unwrap_or(0) + 1;
            meta::set(new, "generation", Value::from(generation));
        }
        Ok(())
    }
}

/// Whether something was changed that controllers act on.
fn moves_generation(kind: &ResourceKind, live: &Value, new: &Value) -> bool {
    let relevant = |object: &Value| -> serde_json::Map<String, Value> {
        let fields = object.as_object().into_iter().flatten();
        fields
            .filter(|(name, _)| {
                let name = name.as_str();
                !(matches!(name, "metadata" | "apiVersion" | "kind")
                    || (name == "status" && kind.has_status()))
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let annotations = |object: &Value| meta::field(object, "annotations");
    relevant(live) != relevant(new)
        || (kind.traits.annotations_move_generation && annotations(live) != annotations(new))
}

/// Makes a top-level field of `to` what it is in `from`.
fn copy(from: &Value, to: &mut Value, field: &str) {
    if let Value::Object(map) = to {
        match from.get(field) {
            Some(value) => map.insert(field.to_owned(), value.clone()),
            None => map.remove(field),
        };
    }
}

/// Refuses a new object that is not valid.
pub(super) fn check_new(resources: &Resources, target: &Target<'_>, object: &Value) -> ApiResult<()> {
    let kind = target.kind;
    let mut errors = names::check_metadata(kind, object);
    match &kind.custom {
        Some(custom) => errors.extend(custom.structural.validate(object)),
        None => errors.extend(builtin::check_new(resources, kind, object)),
    }
    refuse(kind, meta::text(object, "name"), &errors)
}

/// Refuses a changed object that is not valid, or that changes what must not change.
pub(super) fn check_changed(
    resources: &Resources,
    target: &Target<'_>,
    live: &Value,
    new: &Value,
) -> ApiResult<()> {
    let kind = target.kind;
    let mut errors = names::check_metadata(kind, new);
    if meta::is_being_deleted(live) {
        errors.extend(new_finalizers(live, new));
    }
    match &kind.custom {
        Some(custom) => errors.extend(custom.structural.validate_update(new, Some(live))),
        None => errors.extend(builtin::check_changed(resources, kind, live, new)),
    }
    refuse(kind, target.name, &errors)
}

fn new_finalizers(live: &Value, new: &Value) -> Option<FieldError> {
    let old = meta::finalizers(live);
    let added: Vec<String> = meta::finalizers(new)
        .into_iter()
        .filter(|one| !old.contains(one))
        .map(|one| format!("\"{one}\""))
        .collect();
    (!added.is_empty()).then(|| {
        let detail = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            added.join(", ")
        );
        FieldError::new(FieldErrorKind::Forbidden, "metadata.finalizers", Value::Null, detail)
    })
}

fn refuse(kind: &ResourceKind, name: &str, errors: &[FieldError]) -> ApiResult<()> {
    if errors.is_empty() { Ok(()) } else { Err(ApiError::invalid(kind, name, errors)) }
}
