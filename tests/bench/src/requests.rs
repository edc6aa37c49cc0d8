//! Requests of the kind that the controller sends: bytes out, a status code back, nothing looked into.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::BodyExt;
use kube::{Client, client::Body};

/// What is asked for where the answer does not matter: the least that the API server can send.
pub(crate) const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// The whole object.
pub(crate) const WHOLE: &str = "application/json";

/// Sends one request and reads the answer to its end.
///
/// # Errors
///
/// If there is no answer, or one that is no success; says which request and what was answered.
pub(crate) async fn send(
    client: &Client,
    method: Method,
    uri: &str,
    content_type: &str,
    accept: &str,
    body: Bytes,
) -> Result<()> {
    let request = Request::builder()
        .method(method.clone())
        .uri(uri)
        .header(header::ACCEPT, accept)
        .header(header::CONTENT_TYPE, content_type)
        .body(Body::from(Vec::from(body)))?;
    let response = client.send(request).await.with_context(|| format!("{method} {uri}"))?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.with_context(|| format!("{method} {uri}"))?.to_bytes();
    if !head.status.is_success() {
        bail!("{method} {uri}: {}: {}", head.status, String::from_utf8_lossy(&body));
    }
    Ok(())
}
