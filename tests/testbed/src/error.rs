//! Failures as the API tells them: `metav1.Status` bodies with the real server's reasons and wording.

use kubefed_core::schema::structural::{FieldError, aggregate};
use serde_json::{Map, Value, json};

use crate::registry::ResourceKind;
use crate::store::Expired;

/// A request that failed: what its `Status` body will say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) code: u16,
    /// Empty where the server gives none.
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    /// `details`; null where there are none.
    pub(crate) details: Value,
}

pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Value::Null }
    }

    fn about(mut self, kind: &ResourceKind, name: &str) -> Self {
        self.details = details(&kind.group, &kind.resource, name);
        self
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalError", message)
    }

    pub(crate) fn not_found(kind: &ResourceKind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", kind.qualified())).about(kind, name)
    }

    pub(crate) fn already_exists(kind: &ResourceKind, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", kind.qualified()))
            .about(kind, name)
    }

    pub(crate) fn conflict(kind: &ResourceKind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.qualified());
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// The object has another resourceVersion than the request.
    pub(crate) fn modified(kind: &ResourceKind, name: &str) -> Self {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, why)
    }

    pub(crate) fn forbidden(kind: &ResourceKind, name: &str, why: &str) -> Self {
        let message = match name {
            "" => format!("{} is forbidden: {why}", kind.qualified()),
            name => format!("{} \"{name}\" is forbidden: {why}", kind.qualified()),
        };
        Self::new(403, "Forbidden", message).about(kind, name)
    }

    pub(crate) fn invalid(kind: &ResourceKind, name: &str, errors: &[FieldError]) -> Self {
        let qualified = kind.qualified_kind();
        let mut error =
            Self::new(422, "Invalid", format!("{qualified} \"{name}\" is invalid: {}", aggregate(errors)));
        error.details = details(&kind.group, &kind.kind, name);
        error.details["causes"] = causes(errors);
        error
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        let mut error = Self::new(405, "MethodNotAllowed", message);
        error.details = json!({});
        error
    }

    /// Parameters of a request that are not valid; `options` is their kind, such as `PatchOptions`.
    pub(crate) fn invalid_options(options: &str, errors: &[FieldError]) -> Self {
        let message = format!("{options}.meta.k8s.io \"\" is invalid: {}", aggregate(errors));
        let mut error = Self::new(422, "Invalid", message);
        error.details = details("meta.k8s.io", options, "");
        error.details["causes"] = causes(errors);
        error
    }

    /// The server answers errors that it did not expect with their text alone.
    pub(crate) fn unexpected(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    /// A path that would name a resource if the group version had it.
    pub(crate) fn unknown_resource() -> Self {
        let mut error = Self::new(404, "NotFound", "the server could not find the requested resource");
        error.details = json!({});
        error
    }

    /// What a real server would do here and this one does not.
    pub(crate) fn not_implemented(what: &str) -> Self {
        let message = format!("{what} is not served by the embedded control plane; use a real one");
        Self::new(501, "NotImplemented", message)
    }

    pub(crate) fn expired(expired: Expired) -> Self {
        Self::new(410, "Expired", expired.to_string())
    }

    pub(crate) fn unsupported_media_type(content_type: &str, supported: &[&str]) -> Self {
        tracing::debug!(content_type, "body of an unsupported media type");
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            supported.join(", ")
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn unsupported_patch_type(content_type: &str) -> Self {
        tracing::debug!(content_type, "patch of an unsupported media type");
        let mut error = Self::new(415, "UnsupportedMediaType", "415: Unsupported Media Type");
        error.details = json!({});
        error
    }

    /// The `Status` body.
    pub(crate) fn status(&self) -> Value {
        let mut status = Map::new();
        status.insert("kind".to_owned(), Value::from("Status"));
        status.insert("apiVersion".to_owned(), Value::from("v1"));
        status.insert("metadata".to_owned(), json!({}));
        status.insert("status".to_owned(), Value::from("Failure"));
        status.insert("message".to_owned(), Value::from(self.message.as_str()));
        if !self.reason.is_empty() {
            status.insert("reason".to_owned(), Value::from(self.reason));
        }
        if !self.details.is_null() {
            status.insert("details".to_owned(), self.details.clone());
        }
        status.insert("code".to_owned(), Value::from(self.code));
        Value::Object(status)
    }
}

impl From<Expired> for ApiError {
    fn from(expired: Expired) -> Self {
        Self::expired(expired)
    }
}

fn causes(errors: &[FieldError]) -> Value {
    let cause = |error: &FieldError| json!({"reason": error.kind.reason(), "message": error.body(), "field": error.field});
    errors.iter().map(cause).collect()
}

/// `details` of a Status; empty members are left out, as Go's `omitempty` does.
pub(crate) fn details(group: &str, kind: &str, name: &str) -> Value {
    let mut details = Map::new();
    for (key, value) in [("name", name), ("group", group), ("kind", kind)] {
        if !value.is_empty() {
            details.insert(key.to_owned(), Value::from(value));
        }
    }
    Value::Object(details)
}
