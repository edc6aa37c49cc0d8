//! The shortest way through everything, with plain kube-rs clients in process.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent,
    WatchParams,
};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt as _};
use kubefed_testbed::{ControlPlane as _, EmbeddedControlPlane};
use serde_json::json;

fn config_map(name: &str, value: &str) -> ConfigMap {
    let mut config_map = ConfigMap {
        data: Some(BTreeMap::from([("key".to_owned(), value.to_owned())])),
        ..ConfigMap::default()
    };
    config_map.metadata.name = Some(name.to_owned());
    config_map
}

#[tokio::test]
async fn create_read_watch_apply_delete() {
    let plane = EmbeddedControlPlane::in_process("host").expect("plane");
    let api: Api<ConfigMap> = Api::namespaced(plane.client(), "default");
    let created = api.create(&PostParams::default(), &config_map("a", "1")).await.expect("created");
    assert_eq!(created.data.as_ref().expect("data")["key"], "1");
    let version = created.resource_version().expect("version");
    let mut watch = api.watch(&WatchParams::default(), &version).await.expect("watch").boxed();
    let apply =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"key": "2"}});
    let applied =
        api.patch("a", &PatchParams::apply("tester").force(), &Patch::Apply(&apply)).await.expect("applied");
    assert_eq!(applied.data.as_ref().expect("data")["key"], "2");
    assert!(applied.managed_fields().iter().any(|entry| entry.manager.as_deref() == Some("tester")));
    match watch.try_next().await.expect("event").expect("event") {
        WatchEvent::Modified(object) => assert_eq!(object.resource_version(), applied.resource_version()),
        other => panic!("{other:?}"),
    }
    api.delete("a", &DeleteParams::default()).await.expect("deleted");
    match watch.try_next().await.expect("event").expect("event") {
        WatchEvent::Deleted(object) => assert_eq!(object.name_any(), "a"),
        other => panic!("{other:?}"),
    }
    let error = api.get("a").await.expect_err("gone");
    assert!(error.to_string().contains("configmaps \"a\" not found"), "{error}");
}

#[tokio::test]
async fn custom_kinds_are_served_at_once() {
    let plane = EmbeddedControlPlane::in_process("host").expect("plane");
    let client = plane.client();
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "websites.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "websites", "kind": "Website"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "required": ["host"], "properties": {
                        "host": {"type": "string"}, "replicas": {"type": "integer", "default": 1, "minimum": 0}}},
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}},
            }],
        },
    });
    let definition: CustomResourceDefinition = serde_json::from_value(definition).expect("definition");
    definitions.create(&PostParams::default(), &definition).await.expect("created");
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("example.com", "v1", "Website"));
    let websites: Api<DynamicObject> = Api::namespaced_with(client, "default", &resource);
    let website = DynamicObject::new("w", &resource)
        .data(json!({"spec": {"host": "h", "colour": "red"}, "status": {"x": 1}}));
    let created = websites.create(&PostParams::default(), &website).await.expect("created");
    assert_eq!(created.data, json!({"spec": {"host": "h", "replicas": 1}}));
    assert_eq!(created.metadata.generation, Some(1));
    let bad = DynamicObject::new("bad", &resource).data(json!({"spec": {"replicas": -1}}));
    let error = websites.create(&PostParams::default(), &bad).await.expect_err("invalid");
    assert!(
        error.to_string().contains(
            "Website.example.com \"bad\" is invalid: [spec.replicas: Invalid value: -1: spec.replicas in body should be \
             greater than or equal to 0, spec.host: Required value]"
        ),
        "{error}"
    );
    definitions.delete("websites.example.com", &DeleteParams::default()).await.expect("deleted");
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(websites.list(&ListParams::default()).await.is_err());
}

#[tokio::test]
async fn namespaces_go_with_their_content() {
    let plane = EmbeddedControlPlane::in_process("host").expect("plane");
    let namespaces: Api<Namespace> = Api::all(plane.client());
    let mut namespace = Namespace::default();
    namespace.metadata.name = Some("team".to_owned());
    let created = namespaces.create(&PostParams::default(), &namespace).await.expect("created");
    assert_eq!(created.status.expect("status").phase.as_deref(), Some("Active"));
    let api: Api<ConfigMap> = Api::namespaced(plane.client(), "team");
    api.create(&PostParams::default(), &config_map("a", "1")).await.expect("created");
    namespaces.delete("team", &DeleteParams::default()).await.expect("deleted");
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(namespaces.get_opt("team").await.expect("read").is_none());
    assert!(api.list(&ListParams::default()).await.expect("list").items.is_empty());
}
