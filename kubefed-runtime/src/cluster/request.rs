//! Requests about single objects of members, with answers that tell what the engine needs: the status code, the
//! metadata, and of failures whether the object or the member is at fault.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Client, client::Body};
use kubefed_core::api::{ApiResource, names};
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

/// What is asked for where the metadata is all that matters: 200 bytes instead of the object.
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// After how long a server gives up a write, so that none takes effect long after we have stopped waiting for it. A little
/// longer than the ten seconds for which it waits for a webhook by default: then the answer says so.
const SERVER_TIMEOUT: &str = "timeout=15s";

/// The message that kube-apiserver gives, with code 500, when an applied object has an unknown field, a duplicate list
/// key or a scalar of the wrong type. It is the object that is refused, not the server that is ill.
const TYPED_PATCH_REFUSED: &str = "failed to create typed patch object";
/// The message, with code 500 as well, when a webhook of the member does not answer. It is asked about some kinds only.
const WEBHOOK_FAILED: &str = "failed calling webhook";
const REFUSED_WITH_500: [&str; 2] = [TYPED_PATCH_REFUSED, WEBHOOK_FAILED];

/// Why a request failed.
#[derive(Clone, Debug, Error)]
pub(crate) enum RequestError {
    /// The member does not accept this object; others may well be fine.
    #[error("{message}")]
    Refused { code: u16, message: String },
    /// Somebody else was faster: read again.
    #[error("{0}")]
    Conflict(String),
    /// What was to be created is there.
    #[error("{0}")]
    AlreadyExists(String),
    /// There is no such object, no such namespace, or no such type.
    #[error("{0}")]
    NotFound(String),
    /// The member cannot serve requests now; or, where that is not `certain`, it failed with this object and may well
    /// serve others: it answered with an error of its own, or not in time.
    #[error("{message}")]
    Unavailable { message: String, retry_after: Option<Duration>, certain: bool },
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Bytes,
}

#[derive(Deserialize)]
struct WithMetadata {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    metadata: ObjectMeta,
}

impl Answer {
    /// The metadata of the object in the answer; `None` where the answer is a `Status`, as after a completed deletion.
    pub(crate) fn metadata(&self) -> Option<ObjectMeta> {
        let object: WithMetadata = serde_json::from_slice(&self.body).ok()?;
        (object.kind != "Status").then_some(object.metadata)
    }
}

/// The objects of one type behind one client.
#[derive(Clone, Copy)]
pub(crate) struct Objects<'a> {
    pub(crate) client: &'a Client,
    pub(crate) resource: &'a ApiResource,
    pub(crate) timeout: Duration,
}

impl Objects<'_> {
    fn path(&self, namespace: Option<&str>, name: Option<&str>) -> String {
        let mut path = if self.resource.group.is_empty() {
            format!("/api/{}", self.resource.version)
        } else {
            format!("/apis/{}/{}", self.resource.group, self.resource.version)
        };
        if let Some(namespace) = namespace {
            path.push_str("/namespaces/");
            path.push_str(namespace);
        }
        path.push('/');
        path.push_str(&self.resource.plural_name);
        if let Some(name) = name {
            path.push('/');
            path.push_str(name);
        }
        path
    }

    /// Server-side apply in our name, forced.
    pub(crate) async fn apply(
        &self,
        namespace: Option<&str>,
        name: &str,
        object: &Value,
    ) -> Result<Answer, RequestError> {
        let path = self.path(namespace, Some(name));
        let uri = format!("{path}?fieldManager={}&force=true", names::FIELD_MANAGER);
        self.send(Method::PATCH, uri, Some(("application/apply-patch+yaml", object)), METADATA_ONLY).await
    }

    /// Creates the object, and fails if there is one.
    pub(crate) async fn create(
        &self,
        namespace: Option<&str>,
        object: &Value,
    ) -> Result<Answer, RequestError> {
        // An apply refuses unknown fields by itself; a POST drops them silently unless it is told to be strict.
        let path = self.path(namespace, None);
        let uri = format!("{path}?fieldManager={}&fieldValidation=Strict", names::FIELD_MANAGER);
        self.send(Method::POST, uri, Some(("application/json", object)), METADATA_ONLY).await
    }

    /// A JSON patch.
    pub(crate) async fn json_patch(
        &self,
        namespace: Option<&str>,
        name: &str,
        patch: &Value,
    ) -> Result<Answer, RequestError> {
        let path = self.path(namespace, Some(name));
        let uri = format!("{path}?fieldManager={}", names::FIELD_MANAGER);
        self.send(Method::PATCH, uri, Some(("application/json-patch+json", patch)), METADATA_ONLY).await
    }

    /// A merge patch of the object, or of its status.
    pub(crate) async fn merge_patch(
        &self,
        namespace: Option<&str>,
        name: &str,
        status: bool,
        patch: &Value,
    ) -> Result<Answer, RequestError> {
        let mut uri = self.path(namespace, Some(name));
        if status {
            uri.push_str("/status");
        }
        uri.push_str("?fieldManager=");
        uri.push_str(names::FIELD_MANAGER);
        self.send(Method::PATCH, uri, Some(("application/merge-patch+json", patch)), "application/json").await
    }

    /// Deletes the object with the given options.
    pub(crate) async fn delete(
        &self,
        namespace: Option<&str>,
        name: &str,
        options: &Value,
    ) -> Result<Answer, RequestError> {
        let uri = self.path(namespace, Some(name));
        self.send(Method::DELETE, uri, Some(("application/json", options)), METADATA_ONLY).await
    }

    /// Reads the metadata of the object.
    pub(crate) async fn metadata(&self, namespace: Option<&str>, name: &str) -> Result<Answer, RequestError> {
        self.send(Method::GET, self.path(namespace, Some(name)), None, METADATA_ONLY).await
    }

    /// Reads the object.
    pub(crate) async fn get(&self, namespace: Option<&str>, name: &str) -> Result<Answer, RequestError> {
        self.send(Method::GET, self.path(namespace, Some(name)), None, "application/json").await
    }

    async fn send(
        &self,
        method: Method,
        uri: String,
        content: Option<(&str, &Value)>,
        accept: &str,
    ) -> Result<Answer, RequestError> {
        let mut uri = uri;
        if method != Method::GET {
            uri.push_str(if uri.contains('?') { "&" } else { "?" });
            uri.push_str(SERVER_TIMEOUT);
        }
        let mut request = Request::builder().method(method).uri(uri).header(header::ACCEPT, accept);
        let mut body = Vec::new();
        if let Some((content_type, value)) = content {
            request = request.header(header::CONTENT_TYPE, content_type);
            body = serde_json::to_vec(value).map_err(unusable)?;
        }
        let request = request.body(Body::from(body)).map_err(unusable)?;
        let exchange = async {
            let response = self.client.send(request).await.map_err(unavailable)?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(unavailable)?.to_bytes();
            Ok((head, body))
        };
        let (head, body) = tokio::time::timeout(self.timeout, exchange).await.map_err(|_| {
            let message = format!("no answer within {:?}", self.timeout);
            RequestError::Unavailable { message, retry_after: None, certain: false }
        })??;
        if head.status.is_success() {
            return Ok(Answer { body });
        }
        let retry_after = head
            .headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        Err(classify(head.status, &body, retry_after))
    }
}

fn unusable(error: impl std::fmt::Display) -> RequestError {
    RequestError::Refused { code: 0, message: format!("no request could be made of it: {error}") }
}

fn unavailable(error: impl std::error::Error) -> RequestError {
    RequestError::Unavailable { message: with_causes(&error), retry_after: None, certain: true }
}

/// The text of an error and of what caused it, each said once.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Tells a refused object from an ill server (`ARCHITECTURE.md`, "Invariants").
fn classify(code: StatusCode, body: &[u8], retry_after: Option<Duration>) -> RequestError {
    let status: Value = serde_json::from_slice(body).unwrap_or_else(|_| json!({}));
    let text = status.get("message").and_then(Value::as_str).map(str::to_owned);
    let message = text.map_or_else(|| format!("HTTP status {code}"), |text| shortened(&text));
    match code {
        StatusCode::NOT_FOUND => RequestError::NotFound(message),
        // Others than a name that is taken, for example a quota that somebody else changes, are tried again.
        StatusCode::CONFLICT if status["reason"] == "AlreadyExists" => RequestError::AlreadyExists(message),
        StatusCode::CONFLICT => RequestError::Conflict(message),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED => {
            RequestError::Unavailable { message, retry_after, certain: true }
        }
        StatusCode::REQUEST_TIMEOUT => RequestError::Unavailable { message, retry_after, certain: false },
        code if code.is_client_error() || REFUSED_WITH_500.iter().any(|text| message.contains(text)) => {
            RequestError::Refused { code: code.as_u16(), message }
        }
        code => {
            let certain = code == StatusCode::SERVICE_UNAVAILABLE;
            RequestError::Unavailable { message, retry_after, certain }
        }
    }
}

/// Members quote whole objects in their messages, once per cluster in one status. What is wrong stands at the beginning
/// and at the end.
fn shortened(message: &str) -> String {
    const LONGEST: usize = 512;
    let letters = message.chars().count();
    if letters <= LONGEST {
        return message.to_owned();
    }
    let head: String = message.chars().take(LONGEST / 2).collect();
    let tail: String = message.chars().skip(letters - LONGEST / 2).collect();
    format!("{head} … {tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(message: &str) -> Vec<u8> {
        json!({"kind": "Status", "message": message}).to_string().into_bytes()
    }

    #[test]
    fn a_long_message_keeps_its_beginning_and_its_end() {
        let long = format!("Job is invalid: {}: field is immutable", "é".repeat(3000));
        let error = classify(StatusCode::UNPROCESSABLE_ENTITY, &status(&long), None).to_string();
        assert!(error.chars().count() < 600);
        assert!(error.starts_with("Job is invalid") && error.ends_with("field is immutable"), "{error}");
    }

    #[test]
    fn a_refused_object_is_no_fault_of_the_member() {
        let typed = "failed to create typed patch object (ns/x; apps/v1, Kind=Deployment): .spec.foo: field not declared \
                     in schema";
        let webhook = "Internal error occurred: failed calling webhook \"x.example.com\": connection refused";
        for (code, message) in
            [(422, "invalid"), (403, "forbidden"), (400, "bad"), (500, typed), (500, webhook)]
        {
            let error = classify(StatusCode::from_u16(code).unwrap(), &status(message), None);
            assert!(matches!(error, RequestError::Refused { .. }), "{code}: {error:?}");
            assert_eq!(error.to_string(), message);
        }
        for (code, is_certain) in
            [(429, true), (500, false), (502, false), (503, true), (504, false), (401, true)]
        {
            let error = classify(StatusCode::from_u16(code).unwrap(), &status("busy"), None);
            assert!(
                matches!(error, RequestError::Unavailable { certain, .. } if certain == is_certain),
                "{code}: {error:?}"
            );
        }
    }

    #[test]
    fn a_name_that_is_taken_is_no_quota_that_somebody_else_changes() {
        let body = |reason: &str| json!({"kind": "Status", "reason": reason, "message": "no"}).to_string();
        let classified = |reason| classify(StatusCode::CONFLICT, body(reason).as_bytes(), None);
        assert!(matches!(classified("AlreadyExists"), RequestError::AlreadyExists(_)));
        assert!(matches!(classified("Conflict"), RequestError::Conflict(_)));
    }
}
