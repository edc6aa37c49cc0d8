//! From the body of a request to an object of the kind: type and namespace checked, unknown fields dealt with, defaults
//! filled in.

use kubefed_core::schema::structural::{FieldError, go_quote};
use serde_json::Value;

use super::{FieldValidation, Target, meta};
use crate::builtin;
use crate::error::{ApiError, ApiResult};
use crate::registry;

/// What unknown fields led to.
#[derive(Debug)]
pub(super) enum Unknown {
    Nothing,
    Warnings(Vec<String>),
}

/// The object's type must be that of the endpoint; where the body does not say, the endpoint says.
pub(super) fn check_type(target: &Target<'_>, object: &mut Value) -> ApiResult<()> {
    let kind = target.kind;
    if !object.is_object() {
        let message = format!(
            "{} in version \"{}\" cannot be handled as a {}: the object must be a JSON object",
            kind.kind, kind.version, kind.kind
        );
        return Err(ApiError::bad_request(message));
    }
    let api_version = kind.api_version();
    for (field, expected, what) in [("apiVersion", &api_version, "API version"), ("kind", &kind.kind, "kind")]
    {
        let found = object.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        if found.is_empty() {
            if kind.custom.is_some() {
                let missing = if field == "kind" { "Kind" } else { "apiVersion" };
                let text = object.to_string();
                let cut: String = text.chars().take(30).collect();
                return Err(ApiError::bad_request(format!(
                    "the object provided is unrecognized (must be of type {}): Object '{missing}' is missing in '{text}' \
                     ({cut} ...)",
                    kind.kind
                )));
            }
            object[field] = Value::from(expected.as_str());
        } else if found != *expected {
            if kind.custom.is_none() {
                return Err(other_type(target, object));
            }
            if field == "kind" {
                let detail = format!("must be {expected}");
                let error = FieldError::invalid("kind", Value::from(found.as_str()), detail);
                let mut refusal = ApiError::invalid(kind, meta::text(object, "name"), &[error]);
                refusal.message = refusal.message.replacen(&kind.kind, &found, 1);
                refusal.details["kind"] = Value::from(found);
                return Err(refusal);
            }
            return Err(ApiError::bad_request(format!(
                "the {what} in the data ({found}) does not match the expected {what} ({expected})"
            )));
        }
    }
    Ok(())
}

/// An object of another type sent to a built-in kind's endpoint.
fn other_type(target: &Target<'_>, object: &Value) -> ApiError {
    let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
    let (api_version, found) = (text("apiVersion"), text("kind"));
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let known = registry::document(group, version)
        .is_some_and(|document| document.kinds().iter().any(|kind| kind.kind == found));
    let kind = target.kind;
    let internal = match kind.group.as_str() {
        "" => "core",
        group => group.split('.').next().unwrap_or_default(),
    };
    let why = if known {
        format!("converting ({version}.{found}) to ({internal}.{}): unknown conversion", kind.kind)
    } else {
        format!(
            "no kind \"{found}\" is registered for version \"{api_version}\" in scheme \"pkg/runtime/scheme.go:111\""
        )
    };
    ApiError::bad_request(format!(
        "{found} in version \"{version}\" cannot be handled as a {}: {why}",
        kind.kind
    ))
}

/// The body's namespace must be that of the path; it takes it from there where it has none.
pub(super) fn check_namespace(target: &Target<'_>, object: &mut Value) -> ApiResult<()> {
    let namespace = meta::text(object, "namespace");
    if !target.kind.namespaced {
        if !namespace.is_empty() {
            return Err(ApiError::bad_request("namespace may not be set on cluster-scoped resources"));
        }
        meta::set(object, "namespace", Value::Null);
        return Ok(());
    }
    if !namespace.is_empty() && namespace != target.namespace {
        return Err(ApiError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    meta::set(object, "namespace", Value::from(target.namespace));
    Ok(())
}

/// The body's name must be that of the path; it takes it from there where it has none.
pub(super) fn check_name(target: &Target<'_>, object: &mut Value) -> ApiResult<()> {
    let name = meta::text(object, "name");
    if name.is_empty() {
        meta::set(object, "name", Value::from(target.name));
    } else if name != target.name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            target.name
        )));
    }
    Ok(())
}

/// Makes of an object what it is after it was decoded and encoded again.
pub(super) fn settle(target: &Target<'_>, object: &mut Value) {
    target.kind.schema.decode(object);
    if let Some(go_type) = &target.kind.go_type {
        go_type.settle(object);
    }
}

/// Drops what the kind does not declare; fails, with Go's words, where something is of the wrong type.
pub(super) fn drop_unknown(
    target: &Target<'_>,
    object: &mut Value,
    validation: FieldValidation,
) -> Result<Unknown, String> {
    let kind = target.kind;
    if let Some(go_type) = &kind.go_type {
        go_type.check(object)?;
    }
    let mut unknown = match &kind.custom {
        Some(custom) => {
            let mut unknown = custom.structural.prune(object);
            if let (Some(schema), Some(metadata)) =
                (kind.schema.field("metadata"), object.get_mut("metadata"))
            {
                unknown.extend(schema.prune(metadata).into_iter().map(|path| format!("metadata.{path}")));
            }
            unknown
        }
        None => kind.schema.prune(object),
    };
    settle(target, object);
    if unknown.is_empty() || validation == FieldValidation::Ignore {
        return Ok(Unknown::Nothing);
    }
    unknown.sort();
    let texts: Vec<String> = unknown.iter().map(|path| format!("unknown field {}", go_quote(path))).collect();
    match validation {
        FieldValidation::Strict => Err(format!("strict decoding error: {}", texts.join(", "))),
        FieldValidation::Warn | FieldValidation::Ignore => Ok(Unknown::Warnings(texts)),
    }
}

/// Decodes the body of a POST or PUT; answers warnings.
pub(super) fn decode(
    target: &Target<'_>,
    object: &mut Value,
    validation: FieldValidation,
) -> ApiResult<Vec<String>> {
    check_type(target, object)?;
    let kind = target.kind;
    let cannot = |why: &str| {
        let message = format!(
            "{} in version \"{}\" cannot be handled as a {}: {why}",
            kind.kind, kind.version, kind.kind
        );
        ApiError::bad_request(message)
    };
    match drop_unknown(target, object, validation).map_err(|why| cannot(&why))? {
        Unknown::Nothing => Ok(Vec::new()),
        Unknown::Warnings(warnings) => Ok(warnings),
    }
}

/// Fills in the kind's defaults.
pub(super) fn fill_defaults(target: &Target<'_>, object: &mut Value) {
    match &target.kind.custom {
        Some(custom) => custom.structural.default(object),
        None => builtin::fill_defaults(target.kind, object),
    }
}
