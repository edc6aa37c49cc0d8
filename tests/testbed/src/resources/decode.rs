//! From the body of a request to an object of the kind: type and namespace checked, unknown fields dealt with, defaults
//! filled in.

use kubefed_core::schema::structural::go_quote;
use serde_json::Value;

use super::{FieldValidation, Target, meta};
use crate::builtin;
use crate::error::{ApiError, ApiResult};

/// What unknown fields led to.
#[derive(Debug)]
pub(super) enum Unknown {
    Nothing,
    Warnings(Vec<String>),
    /// `strict decoding error: …`
    Refused(String),
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
    for (field, expected, what) in [
        ("apiVersion", &api_version, "API version"),
        ("kind", &kind.kind, "kind"),
    ] {
        let found = object
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if found.is_empty() {
            if kind.custom.is_some() {
                let missing = if field == "kind" { "Kind" } else { "apiVersion" };
                return Err(ApiError::bad_request(format!(
                    "Object '{missing}' is missing in '{object}'"
                )));
            }
            object[field] = Value::from(expected.as_str());
        } else if found != *expected {
            return Err(ApiError::bad_request(format!(
                "the {what} in the data ({found}) does not match the expected {what} ({expected})"
            )));
        }
    }
    Ok(())
}

/// The body's namespace must be that of the path; it takes it from there where it has none.
pub(super) fn check_namespace(target: &Target<'_>, object: &mut Value) -> ApiResult<()> {
    let namespace = meta::text(object, "namespace");
    if !target.kind.namespaced {
        if !namespace.is_empty() {
            return Err(ApiError::bad_request(
                "namespace may not be set on cluster-scoped resources",
            ));
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

/// Drops what the kind does not declare.
pub(super) fn drop_unknown(target: &Target<'_>, object: &mut Value, validation: FieldValidation) -> Unknown {
    let kind = target.kind;
    let mut unknown = match &kind.custom {
        Some(custom) => {
            let mut unknown = custom.structural.prune(object);
            if let (Some(schema), Some(metadata)) =
                (kind.schema.field("metadata"), object.get_mut("metadata"))
            {
                unknown.extend(
                    schema
                        .prune(metadata)
                        .into_iter()
                        .map(|path| format!("metadata.{path}")),
                );
            }
            unknown
        }
        None => kind.schema.prune(object),
    };
    kind.schema.decode(object);
    if unknown.is_empty() || validation == FieldValidation::Ignore {
        return Unknown::Nothing;
    }
    unknown.sort();
    let texts: Vec<String> = unknown
        .iter()
        .map(|path| format!("unknown field {}", go_quote(path)))
        .collect();
    match validation {
        FieldValidation::Strict => Unknown::Refused(format!("strict decoding error: {}", texts.join(", "))),
        FieldValidation::Warn | FieldValidation::Ignore => Unknown::Warnings(texts),
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
    match drop_unknown(target, object, validation) {
        Unknown::Nothing => Ok(Vec::new()),
        Unknown::Warnings(warnings) => Ok(warnings),
        Unknown::Refused(why) => Err(cannot(&why)),
    }
}

/// Fills in the kind's defaults.
pub(super) fn fill_defaults(target: &Target<'_>, object: &mut Value) {
    match &target.kind.custom {
        Some(custom) => custom.structural.default(object),
        None => builtin::fill_defaults(target.kind, object),
    }
}
