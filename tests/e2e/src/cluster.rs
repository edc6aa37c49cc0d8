//! A control plane as an administrator sees it: objects as JSON, and answers with their status codes.

use std::{fmt, sync::Arc};

use anyhow::{Context, Result, bail, ensure};
use http::{Method, Request, header};
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use kubefed_runtime::api::{ApiResource, Scope, names};
use kubefed_testbed::{ControlPlane, RequestCounts};
use serde_json::Value;

/// One control plane, reached with the administrator's rights and without any faults.
#[derive(Clone)]
pub struct Cluster {
    plane: Arc<dyn ControlPlane>,
    client: Client,
}

impl Cluster {
    pub(crate) fn new(plane: &Arc<dyn ControlPlane>) -> Self {
        Self { plane: Arc::clone(plane), client: plane.client() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.plane.name()
    }

    /// The plane itself.
    #[must_use]
    pub fn plane(&self) -> &dyn ControlPlane {
        &*self.plane
    }

    /// The administrator's client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// How many requests of each sort it has served, whoever sent them.
    pub async fn counts(&self) -> RequestCounts {
        self.plane.request_counts().await
    }

    /// The objects of one resource in a namespace; in all of them, or without any, for `None`.
    #[must_use]
    pub fn objects(&self, resource: &ApiResource, namespace: Option<&str>) -> Objects {
        let mut path = if resource.group.is_empty() {
            format!("/api/{}", resource.version)
        } else {
            format!("/apis/{}/{}", resource.group, resource.version)
        };
        if let Some(namespace) = namespace {
            path.push_str("/namespaces/");
            path.push_str(namespace);
        }
        path.push('/');
        path.push_str(&resource.plural_name);
        Objects {
            client: self.client.clone(),
            path,
            subresource: String::new(),
            manager: "administrator".to_owned(),
        }
    }

    /// Its CustomResourceDefinitions.
    #[must_use]
    pub fn definitions(&self) -> Objects {
        self.objects(
            &ApiResource {
                group: "apiextensions.k8s.io".to_owned(),
                version: "v1".to_owned(),
                kind: "CustomResourceDefinition".to_owned(),
                plural_name: "customresourcedefinitions".to_owned(),
                scope: Scope::Cluster,
            },
            None,
        )
    }

    /// Reads the object that a manifest names.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub async fn read(&self, manifest: &Value) -> Result<Value> {
        self.get(&manifest_path(manifest)?).await?.ok()
    }

    /// Applies a manifest strictly and without effect, in the name of the one who installs.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn try_out(&self, manifest: &Value) -> Result<Answer> {
        let path = manifest_path(manifest)?;
        let path = format!("{path}?fieldManager=kubefed&force=true&fieldValidation=Strict&dryRun=All");
        let headers = [(header::CONTENT_TYPE, "application/apply-patch+yaml")];
        send(&self.client, Method::PATCH, &path, &headers, Some(manifest)).await
    }

    /// A GET of any path.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        send(&self.client, Method::GET, path, &[], None).await
    }
}

/// The path of the object that a manifest names. The plural is guessed from the kind, which is right for all that we
/// generate.
fn manifest_path(manifest: &Value) -> Result<String> {
    let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
    let api_version = text("/apiVersion").context("a manifest without apiVersion")?;
    let kind = text("/kind").context("a manifest without kind")?;
    let name = text("/metadata/name").context("a manifest without a name")?;
    let prefix = if api_version.contains('/') { "apis" } else { "api" };
    let namespace = text("/metadata/namespace").map(|namespace| format!("namespaces/{namespace}/"));
    let plural = names::plural_of(kind);
    Ok(format!("/{prefix}/{api_version}/{}{plural}/{name}", namespace.unwrap_or_default()))
}

/// How a patch is written.
#[derive(Clone, Copy, Debug)]
pub enum Patch {
    /// RFC 7386.
    Merge,
    /// RFC 6902.
    Json,
    /// Server-side apply that gives way to others.
    Apply,
    /// Server-side apply that does not.
    ForcedApply,
}

/// The objects of one resource, in the name of one field manager.
#[derive(Clone)]
pub struct Objects {
    client: Client,
    path: String,
    subresource: String,
    manager: String,
}

impl Objects {
    /// The same in the name of another field manager.
    #[must_use]
    pub fn by(mut self, manager: &str) -> Self {
        manager.clone_into(&mut self.manager);
        self
    }

    /// A subresource of the same objects.
    #[must_use]
    pub fn subresource(mut self, subresource: &str) -> Self {
        self.subresource = format!("/{subresource}");
        self
    }

    /// Reads an object; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub async fn get(&self, name: &str) -> Result<Option<Value>> {
        let answer = self.send(Method::GET, name, "", &[], None).await?;
        if answer.code == 404 { Ok(None) } else { answer.ok().map(Some) }
    }

    /// All objects; `query` for example `labelSelector=a%3Db`.
    ///
    /// # Errors
    ///
    /// If they cannot be listed.
    pub async fn list(&self, query: &str) -> Result<Vec<Value>> {
        let path = format!("{}?{query}", self.path);
        let mut list = send(&self.client, Method::GET, &path, &[], None).await?.ok()?;
        Ok(list["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// Creates an object, or fails if there is one.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn post(&self, object: &Value) -> Result<Answer> {
        let path = format!("{}?fieldManager={}", self.path, self.manager);
        let headers = [(header::CONTENT_TYPE, "application/json")];
        send(&self.client, Method::POST, &path, &headers, Some(object)).await
    }

    /// As [`post`](Self::post), but any unknown field is an error, as kubectl asks for by default.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn post_strictly(&self, object: &Value) -> Result<Answer> {
        let path = format!("{}?fieldManager={}&fieldValidation=Strict", self.path, self.manager);
        let headers = [(header::CONTENT_TYPE, "application/json")];
        send(&self.client, Method::POST, &path, &headers, Some(object)).await
    }

    /// Replaces an object.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn put(&self, name: &str, object: &Value) -> Result<Answer> {
        let headers = [(header::CONTENT_TYPE, "application/json")];
        self.send(Method::PUT, name, "", &headers, Some(object)).await
    }

    /// Patches an object.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn patch(&self, name: &str, kind: Patch, patch: &Value) -> Result<Answer> {
        self.patch_as(name, kind, patch, "application/json").await
    }

    /// Patches an object and asks for the answer in a certain form.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn patch_as(
        &self,
        name: &str,
        kind: Patch,
        patch: &Value,
        accept: &'static str,
    ) -> Result<Answer> {
        let (content_type, query) = match kind {
            Patch::Merge => ("application/merge-patch+json", ""),
            Patch::Json => ("application/json-patch+json", ""),
            Patch::Apply => ("application/apply-patch+yaml", ""),
            Patch::ForcedApply => ("application/apply-patch+yaml", "&force=true"),
        };
        let headers = [(header::CONTENT_TYPE, content_type), (header::ACCEPT, accept)];
        self.send(Method::PATCH, name, query, &headers, Some(patch)).await
    }

    /// Deletes an object.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn delete(&self, name: &str) -> Result<Answer> {
        self.send(Method::DELETE, name, "", &[], None).await
    }

    /// Deletes an object with options.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn delete_with(&self, name: &str, options: &Value) -> Result<Answer> {
        let headers = [(header::CONTENT_TYPE, "application/json")];
        self.send(Method::DELETE, name, "", &headers, Some(options)).await
    }

    async fn send(
        &self,
        method: Method,
        name: &str,
        query: &str,
        headers: &[(header::HeaderName, &'static str)],
        body: Option<&Value>,
    ) -> Result<Answer> {
        let path = format!("{}/{name}{}?fieldManager={}{query}", self.path, self.subresource, self.manager);
        send(&self.client, method, &path, headers, body).await
    }
}

async fn send(
    client: &Client,
    method: Method,
    path: &str,
    headers: &[(header::HeaderName, &'static str)],
    body: Option<&Value>,
) -> Result<Answer> {
    let title = format!("{method} {path}");
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    let body = body.map(Value::to_string).unwrap_or_default();
    let answer =
        client.send(request.body(Body::from(body.into_bytes()))?).await.with_context(|| title.clone())?;
    let code = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.with_context(|| title.clone())?.to_bytes();
    let text = String::from_utf8_lossy(&bytes);
    let body = serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.into_owned()));
    Ok(Answer { title, code, body })
}

/// What a control plane answered.
#[derive(Clone, Debug)]
pub struct Answer {
    title: String,
    /// The status code.
    pub code: u16,
    /// The body; a string where it is no JSON.
    pub body: Value,
}

impl Answer {
    /// The body of a success.
    ///
    /// # Errors
    ///
    /// If the answer is none.
    pub fn ok(self) -> Result<Value> {
        if (200..300).contains(&self.code) { Ok(self.body) } else { bail!("{self}") }
    }

    /// The body, whatever it is, of an answer with this code.
    ///
    /// # Errors
    ///
    /// If it has another code.
    pub fn with_code(self, code: u16) -> Result<Value> {
        ensure!(self.code == code, "expected {code}: {self}");
        Ok(self.body)
    }

    /// The message of a failure.
    #[must_use]
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {} {}", self.title, self.code, self.body)
    }
}
