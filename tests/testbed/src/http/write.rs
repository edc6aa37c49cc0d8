//! POST, PUT, PATCH and DELETE.

use bytes::Bytes;
use http::header;
use kubefed_core::schema::structural::FieldError;
use serde_json::{Value, json};

use super::answer::{self, ApiResponse, ListMetadata, View};
use super::request_info::Query;
use super::selector;
use crate::apply::manager_name;
use crate::encode::encode;
use crate::error::{ApiError, ApiResult};
use crate::resources::{
    DeleteOptions, FieldValidation, Outcome, PatchType, Propagation, Resources, Target, WriteOptions,
};

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// Bodies larger than this are refused.
pub(super) const BODY_LIMIT: usize = 3 * 1024 * 1024;

/// A write request.
pub(super) struct Write<'a> {
    pub(super) resources: &'a Resources,
    pub(super) target: Target<'a>,
    pub(super) view: View<'a>,
    pub(super) query: &'a Query,
    pub(super) headers: &'a http::HeaderMap,
    pub(super) body: &'a Bytes,
}

/// A header as text; empty where absent.
pub(super) fn header_text(headers: &http::HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A JSON or YAML body.
fn parse(body: &[u8], content_type: &str) -> ApiResult<Value> {
    match serde_json::from_slice(body) {
        Ok(value) => Ok(value),
        Err(error) if content_type.contains("yaml") => serde_saphyr::from_slice(body)
            .map_err(|yaml| ApiError::bad_request(format!("error decoding YAML: {yaml} (as JSON: {error})"))),
        Err(error) => Err(ApiError::bad_request(error.to_string())),
    }
}

/// The beginning of a body that could not be read, for messages.
fn summary(body: &[u8]) -> String {
    const LENGTH: usize = 30;
    let cut = &body[..body.len().min(LENGTH)];
    let text = match body.first() {
        None => return "<empty>".to_owned(),
        Some(b'{') => String::from_utf8_lossy(cut).into_owned(),
        Some(_) => cut.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    if body.len() > LENGTH { format!("{text} ...") } else { text }
}

impl Write<'_> {
    fn content_type(&self) -> &str {
        let text = header_text(self.headers, header::CONTENT_TYPE);
        text.split(';').next().unwrap_or_default().trim()
    }

    fn options(&self, options: &str, patch: Option<PatchType>) -> ApiResult<WriteOptions> {
        let manager = self.query.text("fieldManager");
        let invalid = |error: FieldError| ApiError::invalid_options(options, &[error]);
        if patch == Some(PatchType::Apply) && manager.is_empty() {
            return Err(invalid(FieldError::required("fieldManager", "is required for apply patch")));
        }
        if patch.is_some_and(|patch| patch != PatchType::Apply) && self.query.has("force") {
            return Err(invalid(FieldError::forbidden("force", "may not be specified for non-apply patch")));
        }
        if manager.len() > 128 {
            return Err(invalid(FieldError::too_long("fieldManager", 128)));
        }
        let dry_run = match self.query.text("dryRun") {
            "" => false,
            "All" => true,
            other => {
                let supported = ["All".to_owned()];
                return Err(invalid(FieldError::not_supported("dryRun", json!([other]), &supported)));
            }
        };
        let validation = match self.query.text("fieldValidation") {
            "" | "Warn" => FieldValidation::Warn,
            "Ignore" => FieldValidation::Ignore,
            "Strict" => FieldValidation::Strict,
            other => {
                let supported = ["", "Ignore", "Strict", "Warn"].map(str::to_owned);
                return Err(invalid(FieldError::not_supported(
                    "fieldValidation",
                    Value::from(other),
                    &supported,
                )));
            }
        };
        let user_agent = header_text(self.headers, header::USER_AGENT);
        Ok(WriteOptions {
            manager: manager_name((!manager.is_empty()).then_some(manager), user_agent),
            dry_run,
            force: self.query.flag("force"),
            validation,
        })
    }

    pub(super) fn json_body(&self) -> ApiResult<Value> {
        let content_type = self.content_type();
        if let (PROTOBUF, Some(go_type)) = (content_type, &self.target.kind.go_type) {
            return go_type
                .read_protobuf(self.body)
                .map_err(|error| ApiError::bad_request(error.to_string()));
        }
        if !matches!(content_type, "" | "application/json" | "application/yaml" | "*/*") {
            return Err(ApiError::unsupported_media_type(
                content_type,
                &["application/json", "application/yaml"],
            ));
        }
        parse(self.body, content_type).map_err(|error| {
            let (kind, why) = (&self.target.kind.kind, &error.message);
            ApiError::bad_request(format!(
                "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: \
                 {why} ({})",
                summary(self.body)
            ))
        })
    }

    fn respond(&self, outcome: &Outcome) -> ApiResponse {
        let code = if outcome.created { 201 } else { 200 };
        let body = match self.target.subresource {
            Some("scale") => outcome.json.clone(),
            _ => self.view.object(&outcome.json),
        };
        let mut response = answer::json(code, body);
        answer::warn(&mut response, &outcome.warnings);
        response
    }

    pub(super) fn create(&self) -> ApiResult<ApiResponse> {
        let options = self.options("CreateOptions", None)?;
        let outcome = self.resources.create(&self.target, self.json_body()?, &options)?;
        Ok(self.respond(&outcome))
    }

    pub(super) fn replace(&self) -> ApiResult<ApiResponse> {
        let options = self.options("UpdateOptions", None)?;
        let body = self.json_body()?;
        let outcome = match self.target.subresource {
            Some("scale") => self.resources.replace_scale(&self.target, &body, &options)?,
            _ => self.resources.replace(&self.target, body, &options)?,
        };
        Ok(self.respond(&outcome))
    }

    pub(super) fn patch(&self) -> ApiResult<ApiResponse> {
        let content_type = self.content_type();
        let patch_type = match content_type {
            "application/json-patch+json" => PatchType::Json,
            "application/merge-patch+json" => PatchType::Merge,
            "application/strategic-merge-patch+json" => PatchType::Strategic,
            "application/apply-patch+yaml" => PatchType::Apply,
            other => {
                let supported = [
                    "application/json-patch+json",
                    "application/merge-patch+json",
                    "application/strategic-merge-patch+json",
                    "application/apply-patch+yaml",
                ];
                tracing::debug!(supported = supported.join(", "), "patch of an unknown type");
                return Err(ApiError::unsupported_patch_type(other));
            }
        };
        let options = self.options("PatchOptions", Some(patch_type))?;
        let patch = parse(self.body, content_type)?;
        let outcome = match self.target.subresource {
            Some("scale") => self.resources.patch_scale(&self.target, patch_type, &patch, &options)?,
            _ => self.resources.patch(&self.target, patch_type, &patch, &options)?,
        };
        Ok(self.respond(&outcome))
    }

    fn delete_options(&self) -> ApiResult<DeleteOptions> {
        let mut options = if self.body.is_empty() {
            DeleteOptions::default()
        } else {
            DeleteOptions::read(&self.json_body()?)?
        };
        let policy = self.query.text("propagationPolicy");
        if !policy.is_empty() {
            options.propagation = Some(Propagation::read(policy)?);
        }
        if self.query.has("orphanDependents") && options.propagation.is_none() {
            let orphan = self.query.flag("orphanDependents");
            options.propagation = Some(if orphan { Propagation::Orphan } else { Propagation::Background });
            options.legacy_cascade = !orphan;
        }
        options.dry_run |= self.query.has("dryRun");
        Ok(options)
    }

    pub(super) fn delete(&self) -> ApiResult<ApiResponse> {
        let options = self.delete_options()?;
        let deleted = self.resources.delete(&self.target, &options)?;
        let code = if !deleted.removed && options.legacy_cascade { 202 } else { 200 };
        let json = Bytes::from(encode(&deleted.answer));
        let is_status = deleted.answer["kind"] == "Status" && self.target.kind.kind != "Status";
        Ok(answer::json(code, if is_status { json } else { self.view.object(&json) }))
    }

    pub(super) fn delete_collection(&self) -> ApiResult<ApiResponse> {
        let options = self.delete_options()?;
        let selection = selector::selection(
            self.target.kind,
            self.target.namespace,
            self.query.text("labelSelector"),
            self.query.text("fieldSelector"),
        )?;
        let deleted = self.resources.delete_collection(self.target.kind, &selection, &options)?;
        let objects: Vec<Bytes> = deleted.iter().map(|object| encode(object).into()).collect();
        let metadata =
            ListMetadata { resource_version: self.resources.store.revision(), ..ListMetadata::default() };
        Ok(answer::json(200, self.view.list(objects.iter(), &metadata)))
    }
}
