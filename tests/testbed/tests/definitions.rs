//! CustomResourceDefinitions and what they define.

// Helpers of tests may panic as tests may.
#![allow(clippy::expect_used, clippy::needless_pass_by_value)]

mod support;

use http::Method;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, PostParams};
use kube::runtime::{conditions, wait::await_condition};
use kube::{Api, Discovery};
use kubefed_testbed::{ControlPlane as _, EmbeddedControlPlane};
use rstest::rstest;
use serde_json::{Value, json};
use support::{
    DEFINITIONS, WEBSITES, apply, create_dynamic, delete, eventually, get, merge, plane, post, send, website,
    website_definition, website_resource,
};

async fn with_websites() -> EmbeddedControlPlane {
    let plane = plane();
    assert_eq!(post(&plane, DEFINITIONS, website_definition()).await.code, 201);
    plane
}

#[tokio::test]
async fn a_definition_is_established_and_served() {
    let plane = plane();
    let client = plane.client();
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition = serde_json::from_value(website_definition()).expect("definition");
    definitions.create(&PostParams::default(), &definition).await.expect("created");
    await_condition(definitions, "websites.example.com", conditions::is_crd_established())
        .await
        .expect("established");
    let discovery = Discovery::new(client.clone()).run_aggregated().await.expect("discovery");
    let (resource, capabilities) = discovery
        .groups()
        .flat_map(|group| group.recommended_resources())
        .find(|(one, _)| one.kind == "Website")
        .expect("kind");
    assert_eq!((resource.plural.as_str(), resource.version.as_str()), ("websites", "v1"));
    assert!(capabilities.supports_operation("watch"));
    let api: Api<DynamicObject> = Api::namespaced_with(client, "default", &resource);
    let object = DynamicObject::new("w", &resource).data(json!({"spec": {"host": "h"}}));
    assert_eq!(create_dynamic(&api, &object).await.data, json!({"spec": {"host": "h", "replicas": 1}}));
    let openapi = get(&plane, "/openapi/v3/apis/example.com/v1").await.body;
    assert!(openapi["components"]["schemas"]["com.example.v1.Website"]["properties"]["spec"].is_object());
    let index = get(&plane, "/openapi/v3").await.body;
    assert!(index["paths"]["apis/example.com/v1"]["serverRelativeURL"].is_string());
}

#[tokio::test]
async fn objects_are_pruned_defaulted_and_have_their_own_status() {
    let plane = with_websites().await;
    let mut object = website("w", json!({"host": "h", "colour": "red", "replicas": null}));
    object["status"] = json!({"phase": "Mine"});
    let created = post(&plane, WEBSITES, object).await;
    assert_eq!(created.headers["warning"], "299 - \"unknown field \\\"spec.colour\\\"\"");
    assert_eq!(created.body["spec"], json!({"host": "h", "replicas": 1}));
    assert!(created.body.get("status").is_none());
    let path = format!("{WEBSITES}/w");
    let status =
        merge(&plane, &format!("{path}/status"), json!({"status": {"phase": "Up"}, "spec": {"host": "no"}}))
            .await
            .body;
    assert_eq!((&status["status"]["phase"], &status["spec"]["host"]), (&json!("Up"), &json!("h")));
    assert_eq!(status["metadata"]["generation"], 1);
    let labelled = merge(&plane, &path, json!({"metadata": {"labels": {"a": "b"}}})).await.body;
    assert_eq!(
        (&labelled["metadata"]["generation"], &labelled["status"]["phase"]),
        (&json!(1), &json!("Up"))
    );
    assert_eq!(
        merge(&plane, &path, json!({"spec": {"replicas": 2}})).await.body["metadata"]["generation"],
        2
    );
    let scaled = merge(&plane, &format!("{path}/scale"), json!({"spec": {"replicas": 5}})).await.body;
    assert_eq!((&scaled["kind"], &scaled["spec"]["replicas"]), (&json!("Scale"), &json!(5)));
}

#[rstest]
#[case::invalid(json!({"host": "A", "replicas": -1}), 422,
    "Website.example.com \"w\" is invalid: [spec.host: Invalid value: \"A\": spec.host in body should match '^[a-z.]+$', \
     spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal to 0]")]
#[case::required(json!({}), 422, "Website.example.com \"w\" is invalid: spec.host: Required value")]
#[case::duplicate(json!({"host": "h", "routes": [{"name": "r"}, {"name": "r"}]}), 422,
    "Website.example.com \"w\" is invalid: spec.routes[1]: Duplicate value: {\"name\":\"r\"}")]
#[case::type_of_a_field(json!({"host": 1}), 422,
    "Website.example.com \"w\" is invalid: spec.host: Invalid value: \"integer\": spec.host in body must be of type string: \
     \"integer\"")]
#[tokio::test]
async fn objects_are_validated(#[case] spec: Value, #[case] code: u16, #[case] message: &str) {
    let plane = with_websites().await;
    let answer = post(&plane, WEBSITES, website("w", spec)).await;
    assert_eq!((answer.code, answer.message()), (code, message));
}

#[tokio::test]
async fn an_apply_merges_by_the_schema() {
    let plane = with_websites().await;
    let path = format!("{WEBSITES}/w");
    let first = website("w", json!({"host": "h", "routes": [{"name": "a", "to": "1"}]}));
    assert_eq!(apply(&plane, &path, "one", first).await.code, 201);
    apply(&plane, &path, "two", website("w", json!({"host": "h", "routes": [{"name": "b", "to": "2"}]})))
        .await;
    let dropped = apply(&plane, &path, "one", website("w", json!({"host": "h"}))).await.body;
    assert_eq!(dropped["spec"]["routes"], json!([{"name": "b", "to": "2"}]));
    let unknown = apply(&plane, &path, "one", website("w", json!({"host": "h", "colour": "red"}))).await;
    assert_eq!(unknown.code, 500);
    assert_eq!(
        unknown.message(),
        "failed to create typed patch object (/w; example.com/v1, Kind=Website): .spec.colour: field not declared in schema"
    );
}

#[tokio::test]
async fn every_version_serves_every_object() {
    let plane = with_websites().await;
    post(&plane, WEBSITES, website("w", json!({"host": "h"}))).await;
    let beta = "/apis/example.com/v1beta1/namespaces/default/websites";
    let read = get(&plane, &format!("{beta}/w")).await.body;
    assert_eq!((&read["apiVersion"], &read["spec"]["host"]), (&json!("example.com/v1beta1"), &json!("h")));
    let mut object = website("b", json!({"host": "b"}));
    object["apiVersion"] = json!("example.com/v1beta1");
    assert_eq!(post(&plane, beta, object).await.body["apiVersion"], "example.com/v1beta1");
    let list = get(&plane, WEBSITES).await.body;
    let versions: Vec<_> =
        list["items"].as_array().expect("items").iter().map(|item| &item["apiVersion"]).collect();
    assert_eq!(versions, ["example.com/v1", "example.com/v1"]);
}

#[tokio::test]
async fn a_changed_schema_counts_for_stored_objects() {
    let plane = with_websites().await;
    post(&plane, WEBSITES, website("w", json!({"host": "h", "routes": [{"name": "r"}]}))).await;
    let mut definition = website_definition();
    for version in definition["spec"]["versions"].as_array_mut().expect("versions") {
        let spec = &mut version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
        spec.as_object_mut().expect("properties").remove("routes");
        spec["added"] = json!({"type": "string", "default": "new"});
    }
    let patch = json!({"spec": {"versions": definition["spec"]["versions"]}});
    assert_eq!(merge(&plane, &format!("{DEFINITIONS}/websites.example.com"), patch).await.code, 200);
    let read = get(&plane, &format!("{WEBSITES}/w")).await.body;
    assert_eq!(read["spec"], json!({"host": "h", "replicas": 1, "added": "new"}));
    assert_eq!(get(&plane, WEBSITES).await.body["items"][0]["spec"], read["spec"]);
}

#[tokio::test]
async fn a_definition_goes_after_its_objects() {
    let plane = with_websites().await;
    let mut held = website("held", json!({"host": "h"}));
    held["metadata"]["finalizers"] = json!(["example.com/x"]);
    post(&plane, WEBSITES, held).await;
    post(&plane, WEBSITES, website("free", json!({"host": "h"}))).await;
    let path = format!("{DEFINITIONS}/websites.example.com");
    delete(&plane, &path, Value::Null).await;
    eventually("removal of the free object", || async {
        (get(&plane, &format!("{WEBSITES}/free")).await.code == 404).then_some(())
    })
    .await;
    assert_eq!(get(&plane, &path).await.code, 200);
    merge(&plane, &format!("{WEBSITES}/held"), json!({"metadata": {"finalizers": null}})).await;
    eventually("removal of the definition", || async {
        (get(&plane, &path).await.code == 404).then_some(())
    })
    .await;
    assert_eq!(get(&plane, WEBSITES).await.body, json!("404 page not found\n"));
}

#[tokio::test]
async fn tables_have_the_columns_of_the_definition() {
    let plane = with_websites().await;
    post(&plane, WEBSITES, website("w", json!({"host": "h"}))).await;
    let table = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
    let answer = send(&plane, Method::GET, WEBSITES, &table, &Value::Null).await.body;
    assert_eq!(answer["rows"][0]["cells"], json!(["w", "h"]));
}

#[rstest]
#[case::name(json!({"metadata": {"name": "x"}}), "metadata.name: Invalid value: \"x\": must be spec.names.plural+\".\"+spec.group")]
#[case::scope(json!({"spec": {"scope": "World"}}),
    "spec.scope: Unsupported value: \"World\": supported values: \"Cluster\", \"Namespaced\"")]
#[tokio::test]
async fn definitions_are_validated(#[case] change: Value, #[case] message: &str) {
    let plane = plane();
    let mut definition = website_definition();
    for (section, fields) in change.as_object().expect("sections") {
        for (name, value) in fields.as_object().expect("fields") {
            definition[section][name] = value.clone();
        }
    }
    let answer = post(&plane, DEFINITIONS, definition).await;
    assert_eq!(answer.code, 422);
    assert!(answer.message().ends_with(message), "{}", answer.message());
}

#[tokio::test]
async fn a_resource_type_is_enough_for_a_dynamic_client() {
    let plane = with_websites().await;
    let resource = website_resource();
    let api: Api<DynamicObject> = Api::namespaced_with(plane.client(), "default", &resource);
    let object = DynamicObject::new("w", &resource).data(json!({"spec": {"host": "h"}}));
    create_dynamic(&api, &object).await;
    assert_eq!(api.list(&kube::api::ListParams::default()).await.expect("list").items.len(), 1);
}
