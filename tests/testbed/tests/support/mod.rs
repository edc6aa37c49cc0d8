//! What several test files share.

#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::time::Duration;

use http::{Method, Request};
use http_body_util::BodyExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use kubefed_testbed::EmbeddedControlPlane;
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub fn plane() -> EmbeddedControlPlane {
    EmbeddedControlPlane::in_process("host").expect("plane")
}

pub fn config_maps(client: Client) -> Api<ConfigMap> {
    Api::namespaced(client, "default")
}

pub fn config_map(name: &str, data: &[(&str, &str)]) -> ConfigMap {
    let data: BTreeMap<_, _> =
        data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let mut config_map = ConfigMap { data: (!data.is_empty()).then_some(data), ..ConfigMap::default() };
    config_map.metadata.name = Some(name.to_owned());
    config_map
}

/// An answer to a raw request.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub body: Value,
    pub headers: http::HeaderMap,
}

impl Answer {
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    pub fn reason(&self) -> &str {
        self.body["reason"].as_str().unwrap_or_default()
    }
}

/// A request as curl would send it; the body is JSON unless `content_type` says otherwise.
pub async fn send(
    plane: &EmbeddedControlPlane,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("user-agent", "tester/1.0");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request: Request<String> = request.body(body).expect("request");
    let response = plane.service().oneshot(request).await.expect("answer");
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.expect("body").to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)));
    Answer { code: head.status.as_u16(), body, headers: head.headers }
}

pub async fn get(plane: &EmbeddedControlPlane, path: &str) -> Answer {
    send(plane, Method::GET, path, &[], &Value::Null).await
}

pub async fn post(plane: &EmbeddedControlPlane, path: &str, body: Value) -> Answer {
    send(plane, Method::POST, path, &[("content-type", "application/json")], &body).await
}

pub async fn merge(plane: &EmbeddedControlPlane, path: &str, body: Value) -> Answer {
    send(plane, Method::PATCH, path, &[("content-type", "application/merge-patch+json")], &body).await
}

pub async fn strategic(plane: &EmbeddedControlPlane, path: &str, body: Value) -> Answer {
    send(plane, Method::PATCH, path, &[("content-type", "application/strategic-merge-patch+json")], &body)
        .await
}

pub async fn apply(plane: &EmbeddedControlPlane, path: &str, manager: &str, body: Value) -> Answer {
    let path = format!("{path}?fieldManager={manager}&force=true");
    send(plane, Method::PATCH, &path, &[("content-type", "application/apply-patch+yaml")], &body).await
}

pub async fn delete(plane: &EmbeddedControlPlane, path: &str, options: Value) -> Answer {
    send(plane, Method::DELETE, path, &[("content-type", "application/json")], &options).await
}

pub const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

pub fn raw_config_map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

pub fn deployment(name: &str, spec: Value) -> Value {
    let mut whole = json!({
        "selector": {"matchLabels": {"app": "x"}},
        "template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "nginx:1"}]}},
    });
    json_patch_merge(&mut whole, &spec);
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": whole})
}

fn json_patch_merge(into: &mut Value, from: &Value) {
    for (name, value) in from.as_object().into_iter().flatten() {
        into[name] = value.clone();
    }
}

pub fn website_resource() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("example.com", "v1", "Website"))
}

/// A definition with defaults, list types, a status, a scale and columns, served in two versions.
pub fn website_definition() -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {
        "spec": {"type": "object", "required": ["host"], "properties": {
            "host": {"type": "string", "pattern": "^[a-z.]+$"},
            "replicas": {"type": "integer", "default": 1, "minimum": 0},
            "routes": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "required": ["name"], "properties": {
                    "name": {"type": "string"}, "to": {"type": "string"}}}}}},
        "status": {"type": "object", "properties": {
            "phase": {"type": "string"}, "replicas": {"type": "integer"}}}}}});
    let version = |name: &str, storage: bool| {
        json!({"name": name, "served": true, "storage": storage, "schema": schema,
            "subresources": {
                "status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}},
            "additionalPrinterColumns": [{"name": "Host", "type": "string", "jsonPath": ".spec.host"}]})
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "websites.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced",
            "names": {"plural": "websites", "kind": "Website", "shortNames": ["ws"]},
            "versions": [version("v1", true), version("v1beta1", false)]},
    })
}

pub const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
pub const WEBSITES: &str = "/apis/example.com/v1/namespaces/default/websites";

pub fn website(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Website", "metadata": {"name": name}, "spec": spec})
}

pub async fn create_dynamic(api: &Api<DynamicObject>, object: &DynamicObject) -> DynamicObject {
    api.create(&PostParams::default(), object).await.expect("created")
}

/// Asks again until the answer satisfies, and panics when it does not for a long time: for what the plane's own controllers
/// do by themselves.
pub async fn eventually<T, F, Fut>(what: &str, mut ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    for _ in 0..1000 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{what} did not happen");
}
