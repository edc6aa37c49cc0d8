//! The API server's face: paths, verbs, media types, errors. Everything behind it is in [`resources`](crate::resources).

mod answer;
mod body;
mod columns;
mod discovery;
mod metrics;
mod openapi;
mod read;
mod request_info;
mod reviews;
mod selector;
mod service;
mod table;
mod tls;
mod watch;
mod write;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use answer::{ApiResponse, Form, IncludeObject, View, failure, page_not_found};
pub use body::ResponseBody;
pub(crate) use metrics::Metrics;
use metrics::Pending;
use request_info::{Query, RequestLabels, ResourcePath};
pub use service::ApiService;
pub(crate) use tls::Listener;
use watch::WatchRequest;
use write::{Write, header_text};

use crate::authentication::{Authenticator, Identity};
use crate::error::{ApiError, ApiResult};
use crate::faults::{self, Faults};
use crate::registry::{self, SERVER_VERSION};
use crate::resources::{Resources, Target};

/// Everything that a request meets.
#[derive(Debug)]
pub(crate) struct ApiServer {
    pub(crate) resources: Arc<Resources>,
    pub(crate) authenticator: Authenticator,
    pub(crate) faults: Faults,
    pub(crate) metrics: Arc<Metrics>,
}

/// The parts of a request that handlers look at.
struct Parts<'a> {
    method: &'a Method,
    path: &'a str,
    resource: Option<ResourcePath>,
    query: Query,
    headers: &'a http::HeaderMap,
}

impl ApiServer {
    /// Answers one request. `trusted` is who the transport vouches for, if anybody.
    pub(crate) async fn handle<B>(&self, request: Request<B>, trusted: Option<Identity>) -> ApiResponse
    where
        B: http_body::Body + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let query = Query::parse(&head.uri);
        let resource = ResourcePath::parse(&path);
        let content_type = header_text(&head.headers, header::CONTENT_TYPE);
        let labels = RequestLabels::new(&head.method, &path, resource.as_ref(), &query, content_type);
        self.faults.hold_request().await;
        let stopped = self.faults.is_stopped().then_some(503);
        let fault = stopped.or_else(|| {
            self.faults.refusal(&faults::Request {
                key: &labels.key,
                namespace: resource.as_ref().map(|one| one.namespace.as_str()).unwrap_or_default(),
                name: resource.as_ref().map(|one| one.name.as_str()).unwrap_or_default(),
                user_agent: header_text(&head.headers, header::USER_AGENT),
            })
        });
        let mut pending = self.metrics.begin(labels);
        let parts = Parts { method: &head.method, path: &path, resource, query, headers: &head.headers };
        let result = match fault {
            Some(code) => Err(refusal(code)),
            None => match read_body(body).await {
                Ok(body) => self.answer(&parts, &body, trusted, &mut pending),
                Err(error) => Err(error),
            },
        };
        let response = result.unwrap_or_else(|error| failure(&error));
        pending.set_code(response.status().as_u16());
        // What was done while the server went dark is not told before it is light again.
        self.faults.wait_for_light().await;
        response
    }

    fn answer(
        &self,
        parts: &Parts<'_>,
        body: &Bytes,
        trusted: Option<Identity>,
        pending: &mut Pending,
    ) -> ApiResult<ApiResponse> {
        let token = header_text(parts.headers, header::AUTHORIZATION);
        let identity = match token {
            "" => trusted,
            token => Some(self.authenticator.authenticate(&self.resources, token)?),
        };
        if let Some(response) = self.open_path(parts) {
            return Ok(response);
        }
        let Some(identity) = identity else { return Err(anonymous(parts)) };
        let accept = header_text(parts.headers, header::ACCEPT);
        match &parts.resource {
            Some(path) => self.resource(parts, path, body, &identity, pending),
            None => Ok(self.other_path(parts, accept)),
        }
    }

    /// Paths that everybody may read.
    fn open_path(&self, parts: &Parts<'_>) -> Option<ApiResponse> {
        match parts.path {
            "/healthz" | "/livez" | "/readyz" => Some(answer::text(200, "ok")),
            "/version" | "/version/" => Some(answer::json(200, version())),
            _ => None,
        }
    }

    fn other_path(&self, parts: &Parts<'_>, accept: &str) -> ApiResponse {
        let registry = &self.resources.registry;
        let response = match parts.path {
            "/metrics" => Some(answer::text(200, self.metrics.expose())),
            path if path.starts_with("/openapi/v3") => openapi::answer(registry, path),
            path => discovery::answer(registry, path, accept),
        };
        response.unwrap_or_else(page_not_found)
    }

    fn resource(
        &self,
        parts: &Parts<'_>,
        path: &ResourcePath,
        body: &Bytes,
        identity: &Identity,
        pending: &mut Pending,
    ) -> ApiResult<ApiResponse> {
        let registry = &self.resources.registry;
        let Some(kind) = registry.find(&path.group, &path.version, &path.resource) else {
            // Groups of definitions alone are served by another handler, which answers differently.
            let known = registry::document(&path.group, &path.version).is_some();
            return if known { Err(ApiError::unknown_resource()) } else { Ok(page_not_found()) };
        };
        if let Some(subresource) = &path.subresource {
            if !kind.subresources.contains_key(subresource) {
                return Err(match &kind.custom {
                    Some(_) => ApiError::not_found(&kind, &path.name),
                    None => ApiError::unknown_resource(),
                });
            }
            if !matches!(subresource.as_str(), "status" | "scale" | "finalize") {
                return Err(ApiError::not_implemented(&format!("{}/{subresource}", kind.qualified())));
            }
        }
        let form = Form::negotiate(header_text(parts.headers, header::ACCEPT))?;
        let include = IncludeObject::read(parts.query.text("includeObject"));
        let watches = matches!(*parts.method, Method::GET | Method::HEAD) && parts.query.flag("watch");
        if watches && path.subresource.is_none() {
            let request = WatchRequest {
                kind,
                namespace: path.object_namespace(),
                name: &path.name,
                form,
                include,
                query: &parts.query,
                pending: pending.take(),
            };
            return watch::watch(&self.resources, &self.faults, request);
        }
        let view = View { kind: &kind, form, include };
        let target = Target {
            kind: &kind,
            namespace: path.object_namespace(),
            name: &path.name,
            subresource: path.subresource.as_deref(),
        };
        if kind.namespaced
            && target.namespace.is_empty()
            && !(target.name.is_empty() && *parts.method == Method::GET)
        {
            return Err(ApiError::method_not_allowed());
        }
        let write = Write {
            resources: &self.resources,
            target,
            view,
            query: &parts.query,
            headers: parts.headers,
            body,
        };
        if reviews::is_review(&kind) && *parts.method == Method::POST {
            return reviews::review(
                &self.resources,
                &self.authenticator,
                identity,
                &kind,
                write.json_body()?,
            );
        }
        if !kind.is_stored() {
            return Err(ApiError::not_implemented(&kind.qualified()));
        }
        if target.subresource.is_none() && !kind.has_verb(verb(parts.method, target.name.is_empty())) {
            return Err(ApiError::method_not_allowed());
        }
        let answered = match (parts.method.as_str(), target.name.is_empty()) {
            ("GET" | "HEAD", true) => {
                read::list(&self.resources, &kind, target.namespace, &view, &parts.query)
            }
            ("GET" | "HEAD", false) => read::get(&self.resources, &target, &view, &parts.query),
            ("POST", true) => write.create(),
            ("PUT", false) => write.replace(),
            ("PATCH", false) => write.patch(),
            ("DELETE", false) if target.subresource.is_none() => write.delete(),
            ("DELETE", true) => write.delete_collection(),
            _ => Err(ApiError::method_not_allowed()),
        };
        let deprecation = kind.custom.as_ref().and_then(|custom| custom.deprecation.clone());
        answered.map(|mut response| {
            answer::warn(&mut response, deprecation.as_slice());
            response
        })
    }
}

/// What discovery calls a method.
fn verb(method: &Method, collection: bool) -> &'static str {
    match (method.as_str(), collection) {
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "deletecollection",
        ("DELETE", false) => "delete",
        (_, true) => "list",
        (_, false) => "get",
    }
}

async fn read_body<B>(body: B) -> ApiResult<Bytes>
where
    B: http_body::Body + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match Limited::new(body, write::BODY_LIMIT).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            let message = format!("Request entity too large: limit is {}", write::BODY_LIMIT);
            Err(ApiError::new(413, "RequestEntityTooLarge", message))
        }
        Err(error) => Err(ApiError::bad_request(format!("the body cannot be read: {error}"))),
    }
}

/// A refusal that a test asked for, worded as the server words that code.
fn refusal(code: u16) -> ApiError {
    let (reason, message) = match code {
        400 => ("BadRequest", "refused by the test"),
        401 => ("Unauthorized", "Unauthorized"),
        403 => ("Forbidden", "forbidden: refused by the test"),
        404 => ("NotFound", "the server could not find the requested resource"),
        409 => (
            "Conflict",
            "the object has been modified; please apply your changes to the latest version and try again",
        ),
        410 => ("Expired", "too old resource version"),
        422 => ("Invalid", "refused by the test"),
        429 => ("TooManyRequests", "Too many requests, please try again later."),
        503 => ("ServiceUnavailable", "the server is currently unable to handle the request"),
        504 => ("Timeout", "request did not complete within the allotted timeout"),
        _ => (
            "InternalError",
            "an error on the server (\"refused by the test\") has prevented the request from succeeding",
        ),
    };
    ApiError::new(code, reason, message)
}

/// Nobody in particular may do nothing in particular.
fn anonymous(parts: &Parts<'_>) -> ApiError {
    let Some(path) = &parts.resource else {
        let verb = parts.method.as_str().to_lowercase();
        let message = format!("forbidden: User \"system:anonymous\" cannot {verb} path \"{}\"", parts.path);
        let mut error = ApiError::new(403, "Forbidden", message);
        error.details = serde_json::json!({});
        return error;
    };
    let one = !path.name.is_empty();
    let verb = match *parts.method {
        Method::GET | Method::HEAD if parts.query.flag("watch") => "watch",
        Method::GET | Method::HEAD if one => "get",
        Method::GET | Method::HEAD => "list",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if !one => "deletecollection",
        _ => "delete",
    };
    let qualified = if path.group.is_empty() {
        path.resource.clone()
    } else {
        format!("{}.{}", path.resource, path.group)
    };
    let object = if one { format!("{qualified} \"{}\"", path.name) } else { qualified };
    let resource = match &path.subresource {
        Some(subresource) => format!("{}/{subresource}", path.resource),
        None => path.resource.clone(),
    };
    let place = match path.namespace.as_str() {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace \"{namespace}\""),
    };
    let message = format!(
        "{object} is forbidden: User \"system:anonymous\" cannot {verb} resource \"{resource}\" in API group \"{}\" {place}",
        path.group
    );
    let mut error = ApiError::new(403, "Forbidden", message);
    error.details = crate::error::details(&path.group, &path.resource, &path.name);
    error
}

/// The version of the server that the pinned documents come from.
fn version() -> Vec<u8> {
    let mut version = SERVER_VERSION.clone();
    let text = |field: &str| version[field].as_str().unwrap_or_default().to_owned();
    let (major, minor) = (text("major"), text("minor"));
    let before = minor.parse::<u32>().unwrap_or(0).saturating_sub(1).to_string();
    for (field, value) in [
        ("emulationMajor", &major),
        ("emulationMinor", &minor),
        ("minCompatibilityMajor", &major),
        ("minCompatibilityMinor", &before),
    ] {
        version[field] = serde_json::Value::from(value.as_str());
    }
    for (field, value) in [
        ("gitCommit", ""),
        ("gitTreeState", ""),
        ("buildDate", "1970-01-01T00:00:00Z"),
        ("goVersion", ""),
        ("compiler", "gc"),
        ("platform", "linux/amd64"),
    ] {
        if version[field].is_null() {
            version[field] = serde_json::Value::from(value);
        }
    }
    version.to_string().into_bytes()
}
