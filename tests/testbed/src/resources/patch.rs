//! Patches: JSON patch, merge patch, strategic merge patch, and server-side apply.

use json_patch::{Patch as JsonPatch, PatchErrorKind, PatchOperation};
use kubefed_core::schema::structural::FieldError;
use serde_json::{Value, json};

use super::update::{OtherUid, Replaced, check_preconditions};
use super::write::{FieldValidation, Live, Outcome, Target, WriteOptions};
use super::{Resources, decode, meta, strategic};
use crate::apply::{self, ApplyError, ApplyRequest, apply, keep_times};
use crate::encode::encode;
use crate::error::{ApiError, ApiResult, details};

/// The kinds of patches, by media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchType {
    Json,
    Merge,
    Strategic,
    Apply,
}

/// A JSON patch may not have more operations than this.
const OPERATIONS_LIMIT: usize = 10_000;

impl Resources {
    /// PATCH.
    pub(crate) fn patch(
        &self,
        target: &Target<'_>,
        patch_type: PatchType,
        patch: &Value,
        options: &WriteOptions,
    ) -> ApiResult<Outcome> {
        if patch_type == PatchType::Apply {
            return self.apply(target, patch, options);
        }
        loop {
            let live = self.live(target).ok_or_else(|| ApiError::not_found(target.kind, target.name))?;
            let patched = patched(target, patch_type, patch, &live)?;
            let (new, warnings) = decode_patched(target, patched, options.validation)?;
            let own_version =
                meta::text(&new, "resourceVersion") != meta::text(&live.object, "resourceVersion");
            match self.replace_live(target, &live, new, options, OtherUid::Immutable)? {
                Replaced::Done(mut outcome) => {
                    outcome.warnings.splice(0..0, warnings);
                    return Ok(outcome);
                }
                Replaced::Again if own_version => return Err(ApiError::modified(target.kind, target.name)),
                Replaced::Again => {}
            }
        }
    }

    fn apply(&self, target: &Target<'_>, body: &Value, options: &WriteOptions) -> ApiResult<Outcome> {
        let mut applied = body.clone();
        check_applied(target, &mut applied)?;
        let api_version = target.kind.api_version();
        loop {
            let live = self.live(target);
            if live.is_none() && target.subresource.is_some() && !target.kind.traits.create_on_update {
                return Err(ApiError::not_found(target.kind, target.name));
            }
            let result = apply(&ApplyRequest {
                schema: &target.kind.schema,
                live: live.as_ref().map(|live| &live.object),
                applied: &applied,
                manager: &options.manager,
                force: options.force,
                subresource: target.subresource,
                api_version: &api_version,
                ignored: &target.ignored_fields(),
                now: &self.clock.now_text(),
            })
            .map_err(|error| refused(target, error))?;
            // What others own is told before what is wrong with the preconditions.
            if let Some(live) = &live {
                check_applied_preconditions(target, live, &applied)?;
            }
            let mut object = result.object;
            match live {
                None => return self.create_applied(target, &applied, object, options),
                Some(live) if !result.changed => {
                    return Ok(Outcome {
                        json: encode(&live.object).into(),
                        created: false,
                        warnings: Vec::new(),
                    });
                }
                Some(live) => {
                    check_convertible(target, &applied, &object)?;
                    decode::fill_defaults(target, &mut object);
                    keep_times(&live.object, &mut object);
                    if let Replaced::Done(outcome) = self.replace_ready(target, &live, object, options)? {
                        return Ok(outcome);
                    }
                }
            }
        }
    }

    /// An apply that finds no object creates it.
    fn create_applied(
        &self,
        target: &Target<'_>,
        applied: &Value,
        mut object: Value,
        options: &WriteOptions,
    ) -> ApiResult<Outcome> {
        let uid = meta::text(&object, "uid");
        if !uid.is_empty() {
            let why = format!(
                "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            );
            return Err(ApiError::conflict(target.kind, target.name, &why));
        }
        decode::check_namespace(target, &mut object)?;
        check_convertible(target, applied, &object)?;
        decode::fill_defaults(target, &mut object);
        self.create_ready(target, object, options, false)
    }
}

/// Type, name, namespace and managedFields of an applied object.
fn check_applied(target: &Target<'_>, applied: &mut Value) -> ApiResult<()> {
    let text = |field: &str| applied.get(field).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if api_version.is_empty() || kind.is_empty() {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        return Err(ApiError::bad_request(format!("invalid object type: {group}/{version}, Kind={kind}")));
    }
    decode::check_type(target, applied)?;
    let managed = meta::field(applied, "managedFields");
    if managed.as_array().is_some_and(|list| !list.is_empty()) {
        return Err(ApiError::bad_request(apply::MANAGED_FIELDS_MUST_BE_NIL));
    }
    meta::set(applied, "managedFields", Value::Null);
    // Messages about the object name the namespace only where it does itself.
    decode::check_namespace(target, &mut applied.clone())?;
    decode::check_name(target, applied)
}

fn check_applied_preconditions(target: &Target<'_>, live: &Live, applied: &Value) -> ApiResult<()> {
    let version = meta::text(applied, "resourceVersion");
    let mut probe = json!({"metadata": {"uid": meta::field(applied, "uid"), "resourceVersion": version}});
    if version.is_empty() || version == "0" {
        probe["metadata"]["resourceVersion"] = meta::field(&live.object, "resourceVersion");
    }
    check_preconditions(target, live, &mut probe, OtherUid::Immutable)
}

/// What fits the type by its schema need not fit the Go struct: base64 text, for example.
fn check_convertible(target: &Target<'_>, applied: &Value, object: &Value) -> ApiResult<()> {
    let kind = target.kind;
    let Some(go_type) = &kind.go_type else { return Ok(()) };
    go_type.check(object).map_err(|why| {
        let (group, version) = (&kind.group, &kind.version);
        let name = format!("{}/{}", meta::text(applied, "namespace"), target.name);
        let type_name = format!("{group}/{version}, Kind={}", kind.kind);
        ApiError::unexpected(format!(
            "failed to convert new object ({name}; {type_name}) to proper version: unable to convert unstructured object to \
             {type_name}: error decoding from json: {why}"
        ))
    })
}

fn refused(target: &Target<'_>, error: ApplyError) -> ApiError {
    let message = error.to_string();
    match error {
        ApplyError::Conflict(conflicts) => {
            let mut refusal = ApiError::new(409, "Conflict", message);
            let causes = conflicts.iter().map(
                |conflict| json!({"reason": "FieldManagerConflict", "message": conflict.message(), "field": conflict.field}),
            );
            refusal.details = json!({"causes": causes.collect::<Vec<_>>()});
            refusal
        }
        ApplyError::Typed { .. } | ApplyError::TypedLive { .. } => {
            tracing::debug!(
                kind = target.kind.kind,
                name = target.name,
                "apply of an object that is not of its type"
            );
            ApiError::new(500, "", message)
        }
    }
}

/// The live object with the patch on it.
fn patched(target: &Target<'_>, patch_type: PatchType, patch: &Value, live: &Live) -> ApiResult<Value> {
    let mut object = live.object.clone();
    match patch_type {
        PatchType::Json => {
            let operations = operations(patch)?;
            if operations.0.len() > OPERATIONS_LIMIT {
                let message = format!(
                    "Request entity too large: The allowed maximum operations in a JSON patch is {OPERATIONS_LIMIT}, got {}",
                    operations.0.len()
                );
                return Err(ApiError::new(413, "RequestEntityTooLarge", message));
            }
            carry_out(&operations, &mut object)?;
        }
        PatchType::Merge => {
            if !patch.is_object() {
                let found = if patch.is_array() { "array" } else { "value" };
                return Err(ApiError::bad_request(format!(
                    "error decoding patch: json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
                )));
            }
            json_patch::merge(&mut object, patch);
        }
        PatchType::Strategic | PatchType::Apply => {
            if target.kind.custom.is_some() {
                let supported = [
                    "application/json-patch+json",
                    "application/merge-patch+json",
                    "application/apply-patch+yaml",
                ];
                return Err(ApiError::unsupported_media_type(
                    "application/strategic-merge-patch+json",
                    &supported,
                ));
            }
            strategic::merge(&target.kind.schema, &mut object, patch)?;
        }
    }
    Ok(object)
}

/// The operations of a JSON patch. What is no list of objects is a bad request, an unknown operation one that fails.
pub(super) fn operations(patch: &Value) -> ApiResult<JsonPatch> {
    let found = match patch {
        Value::Array(list) if list.iter().all(Value::is_object) => {
            return serde_json::from_value(patch.clone()).map_err(|error| {
                tracing::debug!(%error, "JSON patch with an unknown operation");
                unprocessable_patch()
            });
        }
        Value::Object(_) => "object",
        _ => "value",
    };
    Err(ApiError::bad_request(format!(
        "error decoding patch: json: cannot unmarshal {found} into Go value of type []handlers.jsonPatchOp"
    )))
}

/// Carries out a JSON patch as the server's library does. Unlike RFC 6902 it lets `replace` set a field that an object does
/// not have, and takes a `test` for null as passed where there is nothing at the path.
pub(super) fn carry_out(operations: &JsonPatch, object: &mut Value) -> ApiResult<()> {
    for operation in &operations.0 {
        let operation = match operation {
            PatchOperation::Replace(replace) if is_field(object, replace.path.as_str()) => {
                PatchOperation::Add(json_patch::AddOperation {
                    path: replace.path.clone(),
                    value: replace.value.clone(),
                })
            }
            PatchOperation::Test(test)
                if test.value.is_null() && object.pointer(test.path.as_str()).is_none() =>
            {
                continue;
            }
            other => other.clone(),
        };
        json_patch::patch(object, &[operation]).map_err(|error| unprocessable(&error.kind))?;
    }
    Ok(())
}

/// Whether a pointer names a field of an object that is there.
fn is_field(object: &Value, pointer: &str) -> bool {
    pointer.rsplit_once('/').and_then(|(parent, _)| object.pointer(parent)).is_some_and(Value::is_object)
}

/// A patch that cannot be carried out is a 422 with a general text on the real server; what failed is only logged.
fn unprocessable(kind: &PatchErrorKind) -> ApiError {
    tracing::debug!(%kind, "JSON patch failed");
    unprocessable_patch()
}

fn unprocessable_patch() -> ApiError {
    let mut error =
        ApiError::new(422, "Invalid", "the server rejected our request due to an error in our request");
    error.details = details("", "", "");
    error
}

fn decode_patched(
    target: &Target<'_>,
    mut object: Value,
    validation: FieldValidation,
) -> ApiResult<(Value, Vec<String>)> {
    let text = object.to_string();
    decode::check_type(target, &mut object)?;
    let warnings = match decode::drop_unknown(target, &mut object, validation) {
        Ok(decode::Unknown::Nothing) => Vec::new(),
        Ok(decode::Unknown::Warnings(warnings)) => warnings,
        Err(why) => {
            let mut error =
                ApiError::invalid(target.kind, "", &[FieldError::invalid("patch", Value::from(text), why)]);
            // The server names no kind here.
            error.message = error.message.replacen(&target.kind.qualified_kind(), "", 1);
            error.details = json!({"causes": error.details["causes"]});
            return Err(error);
        }
    };
    decode::check_name(target, &mut object)?;
    decode::check_namespace(target, &mut object)?;
    decode::fill_defaults(target, &mut object);
    Ok((object, warnings))
}
