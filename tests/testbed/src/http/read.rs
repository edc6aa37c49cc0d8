//! GET of one object and of lists.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use kubefed_core::schema::structural::FieldError;
use serde_json::{Value, json};

use super::answer::{self, ApiResponse, ListMetadata, View};
use super::request_info::Query;
use super::selector;
use crate::encode::encode;
use crate::error::{ApiError, ApiResult};
use crate::registry::ResourceKind;
use crate::resources::{Resources, Target, present};
use crate::store::{Continue, Expired, ObjectKey};

/// GET of one object, or of a subresource that is read as the object itself.
pub(super) fn get(
    resources: &Resources,
    target: &Target<'_>,
    view: &View<'_>,
    query: &Query,
) -> ApiResult<ApiResponse> {
    check_version(resources, query.text("resourceVersion"))?;
    if target.subresource == Some("scale") {
        return Ok(answer::json(200, encode(&resources.get_scale(target)?)));
    }
    let json = resources.get(target.kind, target.namespace, target.name)?;
    Ok(answer::json(200, view.object(&json)))
}

/// A list, or a page of one.
pub(super) fn list(
    resources: &Resources,
    kind: &ResourceKind,
    namespace: &str,
    view: &View<'_>,
    query: &Query,
) -> ApiResult<ApiResponse> {
    let selection =
        selector::selection(kind, namespace, query.text("labelSelector"), query.text("fieldSelector"))?;
    let from = position(resources, query)?;
    let limit = usize::try_from(query.number("limit").unwrap_or(0)).unwrap_or(0);
    let page = resources
        .store
        .list(&kind.storage, &selection, limit, from.as_ref())
        .map_err(|expired| expired_list(query, expired))?;
    let objects: Vec<Bytes> = page.records.iter().map(|record| present(kind, &record.json)).collect();
    let metadata = ListMetadata {
        resource_version: page.revision,
        continue_token: page.next.as_ref().map(|after| encode_token(page.revision, after)),
        remaining: page.remaining,
    };
    Ok(answer::json(200, view.list(objects.iter(), &metadata)))
}

/// Where the list begins: from a token, or at an exact version.
fn position(resources: &Resources, query: &Query) -> ApiResult<Option<Continue>> {
    let token = query.text("continue");
    let version = query.text("resourceVersion");
    let match_rule = query.text("resourceVersionMatch");
    if !token.is_empty() {
        if !version.is_empty() && version != "0" {
            let message = "specifying resource version is not allowed when using continue";
            return Err(ApiError::bad_request(message));
        }
        return decode_token(token).map(Some);
    }
    if !match_rule.is_empty() && version.is_empty() {
        let detail = "resourceVersionMatch is forbidden unless resourceVersion is provided";
        return Err(ApiError::invalid_options(
            "ListOptions",
            &[FieldError::forbidden("resourceVersionMatch", detail)],
        ));
    }
    check_version(resources, version)?;
    match match_rule {
        "Exact" => {
            let revision = version.parse().unwrap_or(0);
            // Keys sort after the empty key, which no object has.
            Ok(Some(Continue { revision, after: ObjectKey::new("", "") }))
        }
        "" | "NotOlderThan" => Ok(None),
        other => {
            let supported = ["Exact", "NotOlderThan", ""].map(str::to_owned);
            let error = FieldError::not_supported("resourceVersionMatch", Value::from(other), &supported);
            Err(ApiError::invalid_options("ListOptions", &[error]))
        }
    }
}

/// A version that is ahead of the server cannot be waited for forever.
pub(super) fn check_version(resources: &Resources, version: &str) -> ApiResult<()> {
    if version.is_empty() || version == "0" {
        return Ok(());
    }
    let wanted: u64 = version.parse().map_err(|_| {
        ApiError::bad_request(format!(
            "invalid resource version: resourceVersion: Invalid value: \"{version}\": strconv.ParseUint: parsing \"{version}\": \
             invalid syntax"
        ))
    })?;
    let current = resources.store.revision();
    if wanted <= current {
        return Ok(());
    }
    let message = format!("Timeout: Too large resource version: {wanted}, current: {current}");
    let mut error = ApiError::new(504, "Timeout", message);
    error.details = json!({
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    });
    Err(error)
}

fn encode_token(revision: u64, after: &ObjectKey) -> String {
    let token = json!({"v": "meta.k8s.io/v1", "rv": revision, "start": after.as_str()});
    URL_SAFE_NO_PAD.encode(token.to_string())
}

fn decode_token(token: &str) -> ApiResult<Continue> {
    let decoded = URL_SAFE_NO_PAD.decode(token.trim_end_matches('=')).ok();
    let value: Option<Value> = decoded.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let position = value.and_then(|value| {
        Some(Continue { revision: value["rv"].as_u64()?, after: ObjectKey::parse(value["start"].as_str()?)? })
    });
    position.ok_or_else(|| {
        ApiError::bad_request("invalid continue token: continue key is not valid: the token cannot be read")
    })
}

fn expired_list(query: &Query, expired: Expired) -> ApiError {
    tracing::debug!(%expired, "list from the past");
    if query.text("continue").is_empty() {
        return ApiError::new(410, "Expired", "The resourceVersion for the provided list is too old.");
    }
    let message = "The provided continue parameter is too old to display a consistent list result. You can start a new list \
                   without the continue parameter, or use the continue token in this response to retrieve the remainder of \
                   the results. Continuing with the provided token results in an inconsistent list - objects that were \
                   created, modified, or deleted between the time the first chunk was returned and now may show up in the \
                   list.";
    ApiError::new(410, "Expired", message)
}

/// The error of a watch that begins too far back.
pub(super) fn expired_watch(expired: Expired) -> ApiError {
    ApiError::expired(expired)
}

/// The kinds behind a path, shared by what outlives a request.
pub(super) type SharedKind = Arc<ResourceKind>;
