//! What happens by itself: namespaces, garbage collection, accounts and tokens.

// Helpers of tests may panic as tests may.
#![allow(clippy::expect_used, clippy::needless_pass_by_value)]

mod support;

use http::{Method, Request};
use http_body_util::BodyExt as _;
use kubefed_testbed::{ControlPlane as _, EmbeddedControlPlane};
use rstest::rstest;
use serde_json::{Value, json};
use support::{CONFIG_MAPS, delete, eventually, get, merge, plane, post, raw_config_map};
use tower::ServiceExt as _;

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

#[tokio::test]
async fn namespaces_are_equipped() {
    let plane = plane();
    let created = post(&plane, "/api/v1/namespaces", namespace("team")).await.body;
    assert_eq!(created["status"], json!({"phase": "Active"}));
    assert_eq!(created["spec"], json!({"finalizers": ["kubernetes"]}));
    assert_eq!(created["metadata"]["labels"], json!({"kubernetes.io/metadata.name": "team"}));
    for path in ["serviceaccounts/default", "configmaps/kube-root-ca.crt"] {
        let path = format!("/api/v1/namespaces/team/{path}");
        eventually(&path, || async { (get(&plane, &path).await.code == 200).then_some(()) }).await;
    }
    let certificate = get(&plane, "/api/v1/namespaces/team/configmaps/kube-root-ca.crt").await.body;
    assert_eq!(certificate["data"]["ca.crt"], plane.ca_pem());
    for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        assert_eq!(get(&plane, &format!("/api/v1/namespaces/{name}")).await.code, 200);
    }
}

#[tokio::test]
async fn a_namespace_goes_after_its_content() {
    let plane = plane();
    post(&plane, "/api/v1/namespaces", namespace("team")).await;
    let content = "/api/v1/namespaces/team/configmaps";
    let mut held = raw_config_map("held", json!({}));
    held["metadata"]["finalizers"] = json!(["example.com/x"]);
    post(&plane, content, held).await;
    post(&plane, content, raw_config_map("free", json!({}))).await;
    let marked = delete(&plane, "/api/v1/namespaces/team", Value::Null).await.body;
    assert_eq!(marked["status"]["phase"], "Terminating");
    eventually("removal of the content", || async {
        (get(&plane, &format!("{content}/free")).await.code == 404).then_some(())
    })
    .await;
    let late = post(&plane, content, raw_config_map("late", json!({}))).await;
    assert_eq!(late.code, 403);
    assert_eq!(
        late.message(),
        "configmaps \"late\" is forbidden: unable to create new content in namespace team because it is being terminated"
    );
    assert_eq!(late.body["details"]["causes"][0]["reason"], "NamespaceTerminating");
    merge(&plane, &format!("{content}/held"), json!({"metadata": {"finalizers": null}})).await;
    eventually("removal of the namespace", || async {
        (get(&plane, "/api/v1/namespaces/team").await.code == 404).then_some(())
    })
    .await;
    assert_eq!(delete(&plane, "/api/v1/namespaces/default", Value::Null).await.code, 403);
}

async fn family(plane: &EmbeddedControlPlane, blocks: bool) {
    let owner = post(plane, CONFIG_MAPS, raw_config_map("owner", json!({}))).await.body;
    let mut child = raw_config_map("child", json!({}));
    child["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"],
        "blockOwnerDeletion": blocks}]);
    assert_eq!(post(plane, CONFIG_MAPS, child).await.code, 201);
}

async fn gone(plane: &EmbeddedControlPlane, name: &str) {
    let path = format!("{CONFIG_MAPS}/{name}");
    eventually(&format!("removal of {name}"), || async {
        (get(plane, &path).await.code == 404).then_some(())
    })
    .await;
}

#[rstest]
#[case::background("Background")]
#[case::foreground("Foreground")]
#[tokio::test]
async fn dependents_go_with_their_owner(#[case] policy: &str) {
    let plane = plane();
    family(&plane, true).await;
    delete(&plane, &format!("{CONFIG_MAPS}/owner"), json!({"propagationPolicy": policy})).await;
    gone(&plane, "owner").await;
    gone(&plane, "child").await;
}

#[tokio::test]
async fn a_foreground_deletion_waits_for_dependents() {
    let plane = plane();
    family(&plane, true).await;
    let child = format!("{CONFIG_MAPS}/child");
    merge(&plane, &child, json!({"metadata": {"finalizers": ["example.com/x"]}})).await;
    let marked = delete(&plane, &format!("{CONFIG_MAPS}/owner"), json!({"propagationPolicy": "Foreground"}))
        .await
        .body;
    assert_eq!(marked["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    eventually("mark of the dependent", || async {
        get(&plane, &child).await.body["metadata"]["deletionTimestamp"].is_string().then_some(())
    })
    .await;
    assert_eq!(get(&plane, &format!("{CONFIG_MAPS}/owner")).await.code, 200);
    merge(&plane, &child, json!({"metadata": {"finalizers": null}})).await;
    gone(&plane, "owner").await;
}

#[tokio::test]
async fn orphans_stay() {
    let plane = plane();
    family(&plane, false).await;
    delete(&plane, &format!("{CONFIG_MAPS}/owner"), json!({"propagationPolicy": "Orphan"})).await;
    gone(&plane, "owner").await;
    let child = get(&plane, &format!("{CONFIG_MAPS}/child")).await;
    assert_eq!(child.code, 200);
    assert!(child.body["metadata"].get("ownerReferences").is_none());
}

#[tokio::test]
async fn an_object_whose_owner_never_was_goes() {
    let plane = plane();
    let mut child = raw_config_map("child", json!({}));
    child["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "none", "uid": "x"}]);
    post(&plane, CONFIG_MAPS, child).await;
    gone(&plane, "child").await;
}

async fn code_with_token(plane: &EmbeddedControlPlane, token: &str) -> u16 {
    let mut request = Request::builder().method(Method::GET).uri(CONFIG_MAPS);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(String::new()).expect("request");
    let response = plane.anonymous_service().oneshot(request).await.expect("answer");
    let code = response.status().as_u16();
    response.into_body().collect().await.expect("body");
    code
}

#[tokio::test]
async fn a_tokens_secret_is_filled_and_authenticates_until_it_is_deleted() {
    let plane = plane();
    post(
        &plane,
        "/api/v1/namespaces/default/serviceaccounts",
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "bot"}}),
    )
    .await;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "bot-token", "annotations": {"kubernetes.io/service-account.name": "bot"}}});
    let path = "/api/v1/namespaces/default/secrets";
    assert_eq!(post(&plane, path, secret).await.code, 201);
    let path = format!("{path}/bot-token");
    let data = eventually("a token", || async {
        let data = get(&plane, &path).await.body["data"].clone();
        data["token"].is_string().then_some(data)
    })
    .await;
    let decode = |key: &str| {
        use base64::Engine as _;
        let text = data[key].as_str().expect("text");
        String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).expect("base64"))
            .expect("text")
    };
    assert_eq!((decode("namespace"), decode("ca.crt")), ("default".to_owned(), plane.ca_pem()));
    let token = decode("token");
    assert_eq!(code_with_token(&plane, &token).await, 200);
    assert_eq!(code_with_token(&plane, &format!("{token}x")).await, 401);
    assert_eq!(code_with_token(&plane, "").await, 403);
    assert_eq!(code_with_token(&plane, plane.admin_token()).await, 200);
    delete(&plane, &path, Value::Null).await;
    assert_eq!(code_with_token(&plane, &token).await, 401);
}

#[tokio::test]
async fn a_tokens_secret_goes_with_its_account() {
    let plane = plane();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "t", "annotations": {"kubernetes.io/service-account.name": "default"}}});
    eventually("the default account", || async {
        (get(&plane, "/api/v1/namespaces/default/serviceaccounts/default").await.code == 200).then_some(())
    })
    .await;
    post(&plane, "/api/v1/namespaces/default/secrets", secret).await;
    let path = "/api/v1/namespaces/default/secrets/t";
    eventually("a token", || async {
        get(&plane, path).await.body["data"]["token"].is_string().then_some(())
    })
    .await;
    delete(&plane, "/api/v1/namespaces/default/serviceaccounts/default", Value::Null).await;
    eventually("removal of the secret", || async { (get(&plane, path).await.code == 404).then_some(()) })
        .await;
}
