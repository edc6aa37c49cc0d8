//! The server around the objects: discovery, HTTPS, faults, counters.

// Helpers of tests may panic as tests may.
#![allow(clippy::expect_used, clippy::needless_pass_by_value)]

mod support;

use std::time::Duration;

use http::Method;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, Config, Discovery};
use kubefed_testbed::{ControlPlane as _, EmbeddedControlPlane, RequestCounts, RequestMatcher};
use serde_json::{Value, json};
use support::{CONFIG_MAPS, config_map, config_maps, get, plane, post, raw_config_map, send};

#[tokio::test]
async fn discovery_is_the_same_in_both_forms() {
    let plane = plane();
    let names = |discovery: &Discovery| {
        let mut names: Vec<String> = discovery
            .groups()
            .flat_map(|group| group.recommended_resources())
            .map(|(resource, capabilities)| {
                format!("{}/{} {:?}", resource.group, resource.plural, capabilities.scope)
            })
            .collect();
        names.sort();
        names
    };
    let aggregated = Discovery::new(plane.client()).run_aggregated().await.expect("aggregated");
    let legacy = Discovery::new(plane.client()).run().await.expect("legacy");
    assert_eq!(names(&aggregated), names(&legacy));
    assert!(names(&aggregated).contains(&"apps/deployments Namespaced".to_owned()));
    let version = plane.client().apiserver_version().await.expect("version");
    assert_eq!(version.git_version, "v1.36.3");
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(get(&plane, path).await.body, json!("ok"));
    }
    assert_eq!(get(&plane, "/openapi/v2").await.code, 404);
    assert_eq!(get(&plane, "/openapi/v3/apis/apps/v1").await.body["openapi"], "3.0.0");
}

async fn over_https(plane: &EmbeddedControlPlane) -> Client {
    let options = kube::config::KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(plane.kubeconfig(), &options).await.expect("config");
    Client::try_from(config).expect("client")
}

#[tokio::test]
async fn a_kubeconfig_leads_to_the_plane_over_https() {
    let plane = EmbeddedControlPlane::start("member1").await.expect("plane");
    let kubeconfig = plane.kubeconfig();
    assert_eq!(kubeconfig.current_context.as_deref(), Some("member1"));
    let client = over_https(&plane).await;
    let api = config_maps(client);
    api.create(&PostParams::default(), &config_map("a", &[("k", "v")])).await.expect("created");
    let in_process = config_maps(plane.client()).get("a").await.expect("read");
    assert_eq!(in_process.data.expect("data")["k"], "v");
    let endpoint = plane.endpoint();
    assert!(endpoint.starts_with("https://127.0.0.1:"), "{endpoint}");
}

#[tokio::test]
async fn a_dropped_plane_answers_nobody() {
    let plane = EmbeddedControlPlane::start("gone").await.expect("plane");
    let client = over_https(&plane).await;
    let api: Api<Namespace> = Api::all(client);
    api.list(&ListParams::default()).await.expect("list");
    let watch = api.watch(&kube::api::WatchParams::default(), "0").await.expect("watch");
    drop(plane);
    use futures::StreamExt as _;
    let _ = watch.collect::<Vec<_>>().await;
    assert!(api.list(&ListParams::default()).await.is_err());
}

#[tokio::test]
async fn a_dropped_plane_refuses_clients_without_a_socket() {
    let plane = plane();
    let api = config_maps(plane.client());
    drop(plane);
    let error = api.list(&ListParams::default()).await.expect_err("gone");
    assert!(matches!(&error, kube::Error::Api(status) if status.code == 503), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_dark_plane_answers_when_it_is_light_again() {
    let plane = plane();
    let api = config_maps(plane.client());
    plane.pause();
    let waiting = tokio::spawn(async move { api.list(&ListParams::default()).await });
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(!waiting.is_finished());
    plane.resume();
    waiting.await.expect("task").expect("list");
}

#[tokio::test(start_paused = true)]
async fn requests_can_be_slow() {
    let plane = plane();
    plane.delay(Duration::from_secs(2));
    let start = tokio::time::Instant::now();
    get(&plane, CONFIG_MAPS).await;
    assert_eq!(start.elapsed().as_secs(), 2);
    plane.delay(Duration::ZERO);
    get(&plane, CONFIG_MAPS).await;
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test]
async fn chosen_requests_are_refused() {
    let plane = plane();
    plane.refuse_times(RequestMatcher::any().verb("POST").resource("", "configmaps"), 503, 1);
    plane.refuse(RequestMatcher::any().name("never").user_agent("tester"), 403);
    let first = post(&plane, CONFIG_MAPS, raw_config_map("a", json!({}))).await;
    assert_eq!((first.code, first.reason()), (503, "ServiceUnavailable"));
    assert_eq!(post(&plane, CONFIG_MAPS, raw_config_map("a", json!({}))).await.code, 201);
    assert_eq!(get(&plane, &format!("{CONFIG_MAPS}/never")).await.code, 403);
    plane.clear_refusals();
    assert_eq!(get(&plane, &format!("{CONFIG_MAPS}/never")).await.code, 404);
}

#[tokio::test]
async fn requests_are_counted_as_the_real_server_counts_them() {
    let plane = plane();
    let before = plane.request_counts().await;
    let api = config_maps(plane.client());
    api.create(&PostParams::default(), &config_map("a", &[])).await.expect("created");
    api.get("a").await.expect("read");
    api.list(&ListParams::default()).await.expect("list");
    let applied =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}});
    for _ in 0..2 {
        api.patch("a", &PatchParams::apply("me").force(), &Patch::Apply(&applied)).await.expect("applied");
    }
    api.patch("a", &PatchParams::default(), &Patch::Merge(json!({"data": {"x": "y"}})))
        .await
        .expect("patched");
    let all: Api<ConfigMap> = Api::all(plane.client());
    drop(all.watch(&kube::api::WatchParams::default(), "0").await.expect("watch"));
    let since = plane.request_counts().await.minus(&before);
    let lines: Vec<String> =
        since.of("", "configmaps").iter().map(|(key, count)| format!("{key} ×{count}")).collect();
    assert_eq!(
        lines,
        [
            "APPLY configmaps 200 ×2",
            "GET configmaps 200 ×1",
            "LIST configmaps 200 ×1",
            "PATCH configmaps 200 ×1",
            "POST configmaps 201 ×1",
            "WATCH configmaps 200 ×1",
        ]
    );
    assert_eq!(since.of("", "configmaps").writes().total(), 4);
    let scrape = get(&plane, "/metrics").await.body;
    let scraped = RequestCounts::from_prometheus(scrape.as_str().expect("text"));
    assert_eq!(scraped.of("", "configmaps"), plane.request_counts().await.of("", "configmaps"));
}

#[tokio::test]
async fn reviews_are_answered() {
    let plane = plane();
    let access = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}});
    let answer = post(&plane, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", access).await;
    assert_eq!((answer.code, &answer.body["status"]["allowed"]), (201, &json!(true)));
    let who = post(&plane, "/apis/authentication.k8s.io/v1/selfsubjectreviews", json!({})).await;
    assert_eq!(who.body["status"]["userInfo"]["username"], "kubernetes-admin");
}

#[tokio::test]
async fn events_have_two_faces() {
    let plane = plane();
    let event = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}, "note": "text",
        "reason": "R", "type": "Warning", "action": "A", "reportingController": "c", "reportingInstance": "i",
        "eventTime": "2026-01-01T00:00:00.000000Z", "regarding": {"kind": "ConfigMap", "name": "a", "namespace": "default"}});
    let path = "/apis/events.k8s.io/v1/namespaces/default/events";
    assert_eq!(post(&plane, path, event).await.code, 201);
    let core =
        get(&plane, "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Da").await.body;
    assert_eq!(
        (&core["items"][0]["message"], &core["items"][0]["reportingComponent"]),
        (&json!("text"), &json!("c"))
    );
    let newer = get(&plane, &format!("{path}?fieldSelector=regarding.name%3Da")).await.body;
    assert_eq!(newer["items"][0]["note"], "text");
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let plane = plane();
    let object = raw_config_map("a", json!({"k": "x".repeat(4 * 1024 * 1024)}));
    let answer =
        send(&plane, Method::POST, CONFIG_MAPS, &[("content-type", "application/json")], &object).await;
    assert_eq!((answer.code, answer.reason()), (413, "RequestEntityTooLarge"));
    let large = raw_config_map("a", json!({"k": "x".repeat(1_048_577)}));
    assert_eq!(post(&plane, CONFIG_MAPS, large).await.code, 422);
    assert_eq!(
        send(&plane, Method::POST, CONFIG_MAPS, &[("content-type", "text/html")], &Value::Null).await.code,
        415
    );
}
