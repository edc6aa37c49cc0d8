//! Forms of an answer: the object, its metadata only, or a table; and the answers themselves.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json as json_value};

use super::body::ResponseBody;
use super::table;
use crate::encode::{encode, type_prefix, without_type};
use crate::error::{ApiError, ApiResult};
use crate::registry::ResourceKind;

pub(super) type ApiResponse = Response<ResponseBody>;

/// What a client wants to see of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Object,
    Metadata,
    Table,
}

/// What rows of tables carry besides their cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IncludeObject {
    None,
    Metadata,
    Object,
}

/// How objects of a kind are shown in one answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) kind: &'a ResourceKind,
    pub(super) form: Form,
    pub(super) include: IncludeObject,
}

impl Form {
    /// From an Accept header: the first form that is served here.
    pub(super) fn negotiate(accept: &str) -> ApiResult<Self> {
        if accept.trim().is_empty() {
            return Ok(Self::Object);
        }
        for part in accept.split(',') {
            let mut parameters = part.split(';').map(str::trim);
            let media_type = parameters.next().unwrap_or_default();
            if !matches!(media_type, "application/json" | "application/*" | "*/*") {
                continue;
            }
            let (mut form, mut group, mut version) = ("", "", "");
            for parameter in parameters {
                match parameter.split_once('=') {
                    Some(("as", value)) => form = value,
                    Some(("g", value)) => group = value,
                    Some(("v", value)) => version = value,
                    _ => {}
                }
            }
            match (form, group, version) {
                ("", _, _) => return Ok(Self::Object),
                ("PartialObjectMetadata" | "PartialObjectMetadataList", "meta.k8s.io", "v1") => {
                    return Ok(Self::Metadata);
                }
                ("Table", "meta.k8s.io", "v1") => return Ok(Self::Table),
                _ => {}
            }
        }
        let message = "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, \
                       application/vnd.kubernetes.protobuf, application/json;stream=watch, \
                       application/vnd.kubernetes.protobuf;stream=watch";
        let mut error = ApiError::new(406, "NotAcceptable", message);
        error.details = json_value!({});
        Err(error)
    }
}

impl IncludeObject {
    pub(super) fn read(text: &str) -> Self {
        match text {
            "None" => Self::None,
            "Object" => Self::Object,
            _ => Self::Metadata,
        }
    }
}

#[derive(Deserialize)]
struct WithMetadata<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
}

/// The metadata of an object as an object of its own.
pub(super) fn metadata_only(json: &[u8]) -> Bytes {
    let metadata =
        serde_json::from_slice::<WithMetadata<'_>>(json).map_or("{}", |object| object.metadata.get());
    let mut partial =
        br#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":"#.to_vec();
    partial.extend_from_slice(metadata.as_bytes());
    partial.push(b'}');
    partial.into()
}

/// Metadata of a list.
#[derive(Debug, Clone, Default)]
pub(super) struct ListMetadata {
    pub(super) resource_version: u64,
    pub(super) continue_token: Option<String>,
    pub(super) remaining: Option<usize>,
}

impl ListMetadata {
    fn value(&self, unstructured: bool) -> Value {
        let mut metadata = serde_json::Map::new();
        if unstructured {
            // Lists of custom kinds are no Go structs: nothing leaves out what is empty.
            metadata.insert("continue".to_owned(), Value::from(""));
        }
        metadata.insert("resourceVersion".to_owned(), Value::from(self.resource_version.to_string()));
        if let Some(token) = &self.continue_token {
            metadata.insert("continue".to_owned(), Value::from(token.as_str()));
        }
        if let Some(remaining) = self.remaining {
            metadata.insert("remainingItemCount".to_owned(), Value::from(remaining));
        }
        Value::Object(metadata)
    }
}

impl View<'_> {
    /// One object.
    pub(super) fn object(&self, json: &Bytes) -> Bytes {
        match self.form {
            Form::Object => json.clone(),
            Form::Metadata => metadata_only(json),
            Form::Table => {
                let version = serde_json::from_slice::<Value>(json).unwrap_or_default();
                let version = crate::resources::meta::text(&version, "resourceVersion").parse().unwrap_or(0);
                let metadata = ListMetadata { resource_version: version, ..ListMetadata::default() };
                let table = table::table(self, std::iter::once(json), &metadata.value(false), true);
                encode(&table).into()
            }
        }
    }

    /// One row for a watch: later rows come without the columns' definitions.
    pub(super) fn row(&self, json: &Bytes, with_columns: bool) -> Bytes {
        let version = serde_json::from_slice::<Value>(json).unwrap_or_default();
        let version = crate::resources::meta::text(&version, "resourceVersion").parse().unwrap_or(0);
        let metadata = ListMetadata { resource_version: version, ..ListMetadata::default() };
        encode(&table::table(self, std::iter::once(json), &metadata.value(false), with_columns)).into()
    }

    /// A list of objects.
    pub(super) fn list<'b>(
        &self,
        objects: impl Iterator<Item = &'b Bytes>,
        metadata: &ListMetadata,
    ) -> Bytes {
        let unstructured = self.form == Form::Object && self.kind.custom.is_some();
        let (api_version, kind) = match self.form {
            Form::Table => return encode(&table::table(self, objects, &metadata.value(false), true)).into(),
            Form::Metadata => ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadataList"),
            Form::Object => (self.kind.api_version(), self.kind.list_kind.as_str()),
        };
        let mut json = Vec::with_capacity(4096);
        json.extend_from_slice(
            format!(
                r#"{{"kind":"{kind}","apiVersion":"{api_version}","metadata":{},"items":["#,
                metadata.value(unstructured)
            )
            .as_bytes(),
        );
        // Lists of built-in kinds are lists of Go structs, whose items carry no type.
        let prefix = type_prefix(&api_version, &self.kind.kind);
        for (index, object) in objects.enumerate() {
            if index > 0 {
                json.push(b',');
            }
            match self.form {
                Form::Metadata => json.extend_from_slice(&metadata_only(object)),
                Form::Object | Form::Table if self.kind.custom.is_some() => json.extend_from_slice(object),
                Form::Object | Form::Table => without_type(&mut json, &prefix, object),
            }
        }
        json.extend_from_slice(b"]}");
        json.into()
    }
}

/// An answer with a JSON body.
pub(super) fn json(code: u16, body: impl Into<Bytes>) -> ApiResponse {
    typed(code, "application/json", body)
}

/// An answer with a plain text body.
pub(super) fn text(code: u16, body: impl Into<Bytes>) -> ApiResponse {
    typed(code, "text/plain; charset=utf-8", body)
}

/// An answer of any content type.
pub(super) fn typed(code: u16, content_type: &'static str, body: impl Into<Bytes>) -> ApiResponse {
    let mut response = Response::new(ResponseBody::full(body));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A failure as a Status.
pub(super) fn failure(error: &ApiError) -> ApiResponse {
    let mut response = json(error.code, encode(&error.status()));
    if error.code == 429 {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// What a path that nothing is served under gets.
pub(super) fn page_not_found() -> ApiResponse {
    text(404, "404 page not found\n")
}

/// Adds `Warning` headers.
pub(super) fn warn(response: &mut ApiResponse, warnings: &[String]) {
    for warning in warnings {
        let text = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{text}\"")) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
}
