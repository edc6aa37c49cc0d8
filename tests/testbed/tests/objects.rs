//! Creation, reading, update and deletion of objects, and how requests fail.

// Helpers of tests may panic as tests may.
#![allow(clippy::expect_used, clippy::needless_pass_by_value)]

mod support;

use http::Method;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, PostParams, Preconditions};
use kubefed_testbed::ControlPlane as _;
use rstest::rstest;
use serde_json::{Value, json};
use support::{
    CONFIG_MAPS, DEPLOYMENTS, apply, config_map, config_maps, delete, deployment, get, merge, plane, post,
    raw_config_map, send, strategic,
};

#[tokio::test]
async fn an_object_lives_its_life() {
    let plane = plane();
    let api = config_maps(plane.client());
    let created = api.create(&PostParams::default(), &config_map("a", &[("k", "1")])).await.expect("created");
    assert!(created.uid().is_some() && created.creation_timestamp().is_some());
    assert_eq!(created.metadata.generation, None);
    let mut changed = api.get("a").await.expect("read");
    assert_eq!(changed, created);
    changed.data.get_or_insert_default().insert("k".to_owned(), "2".to_owned());
    let replaced = api.replace("a", &PostParams::default(), &changed).await.expect("replaced");
    assert_eq!(replaced.uid(), created.uid());
    assert_ne!(replaced.resource_version(), created.resource_version());
    let same = api.replace("a", &PostParams::default(), &replaced).await.expect("replaced");
    assert_eq!(same.resource_version(), replaced.resource_version());
    let stale = api.replace("a", &PostParams::default(), &created).await.expect_err("stale");
    assert!(stale.to_string().contains("the object has been modified"), "{stale}");
    api.delete("a", &DeleteParams::default()).await.expect("deleted");
    assert!(api.get_opt("a").await.expect("read").is_none());
}

#[tokio::test]
async fn generated_names_do_not_collide() {
    let plane = plane();
    let api = config_maps(plane.client());
    let mut template = ConfigMap::default();
    template.metadata.generate_name = Some("x-".to_owned());
    let mut names = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let name = api.create(&PostParams::default(), &template).await.expect("created").name_any();
        assert!(name.starts_with("x-") && name.len() == 7, "{name}");
        names.insert(name);
    }
    assert_eq!(names.len(), 50);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_identifiers() {
    let mut uids = Vec::new();
    for _ in 0..2 {
        let plane = kubefed_testbed::EmbeddedControlPlane::builder("x").seed(7).in_process().expect("plane");
        let api = config_maps(plane.client());
        uids.push(api.create(&PostParams::default(), &config_map("a", &[])).await.expect("created").uid());
    }
    assert_eq!(uids[0], uids[1]);
}

#[rstest]
#[case::exists("/api/v1/namespaces/default/configmaps", raw_config_map("a", json!({})), 409, "AlreadyExists",
    "configmaps \"a\" already exists")]
#[case::no_namespace("/api/v1/namespaces/none/configmaps", raw_config_map("a", json!({})), 404, "NotFound",
    "namespaces \"none\" not found")]
#[case::other_namespace("/api/v1/namespaces/kube-system/configmaps",
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}}), 400, "BadRequest",
    "the namespace of the provided object does not match the namespace sent on the request")]
#[case::no_name("/api/v1/namespaces/default/configmaps", json!({"apiVersion": "v1", "kind": "ConfigMap"}), 422, "Invalid",
    "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required")]
#[case::bad_key("/api/v1/namespaces/default/configmaps", raw_config_map("b", json!({"a b": "v"})), 422, "Invalid",
    "ConfigMap \"b\" is invalid: data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric \
     characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is \
     '[-._a-zA-Z0-9]+')")]
#[case::wrong_type("/api/v1/namespaces/default/configmaps", raw_config_map("b", json!({"k": 1})), 400, "BadRequest",
    "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field \
     ConfigMap.data of type string")]
#[case::strict("/api/v1/namespaces/default/configmaps?fieldValidation=Strict",
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}, "dta": {}}), 400, "BadRequest",
    "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"dta\"")]
#[case::other_kind("/api/v1/namespaces/default/configmaps", json!({"apiVersion": "v1", "kind": "Secret"}), 400, "BadRequest",
    "Secret in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown \
     conversion")]
#[case::no_selector("/apis/apps/v1/namespaces/default/deployments",
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template":
        {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}), 422, "Invalid",
    "Deployment.apps \"d\" is invalid: [spec.selector: Required value, spec.template.metadata.labels: Invalid value: \
     {\"a\":\"b\"}: `selector` does not match template `labels`]")]
#[case::not_stored("/api/v1/namespaces/default/bindings", json!({}), 501, "NotImplemented",
    "bindings is not served by the embedded control plane; use a real one")]
#[tokio::test]
async fn what_cannot_be_created_is_refused(
    #[case] path: &str,
    #[case] object: Value,
    #[case] code: u16,
    #[case] reason: &str,
    #[case] message: &str,
) {
    let plane = plane();
    post(&plane, CONFIG_MAPS, raw_config_map("a", json!({}))).await;
    let before = plane.resource_version();
    let answer = post(&plane, path, object).await;
    assert_eq!((answer.code, answer.reason(), answer.message()), (code, reason, message));
    assert_eq!(answer.body["kind"], "Status");
    assert_eq!(plane.resource_version(), before);
}

#[tokio::test]
async fn unknown_fields_are_dropped_with_a_warning() {
    let plane = plane();
    let object =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "dta": {"k": "v"}});
    let answer = post(&plane, CONFIG_MAPS, object).await;
    assert_eq!(answer.code, 201);
    assert!(answer.body.get("dta").is_none());
    assert_eq!(answer.headers["warning"], "299 - \"unknown field \\\"dta\\\"\"");
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let plane = plane();
    let path = format!("{CONFIG_MAPS}?dryRun=All");
    let before = plane.resource_version();
    assert_eq!(post(&plane, &path, raw_config_map("a", json!({"k": "v"}))).await.code, 201);
    assert_eq!(plane.resource_version(), before);
    assert_eq!(get(&plane, &format!("{CONFIG_MAPS}/a")).await.code, 404);
}

#[tokio::test]
async fn defaults_are_those_of_the_real_server() {
    let plane = plane();
    let created = post(&plane, DEPLOYMENTS, deployment("d", json!({}))).await.body;
    assert_eq!(
        created["spec"],
        json!({
            "progressDeadlineSeconds": 600, "replicas": 1, "revisionHistoryLimit": 10,
            "selector": {"matchLabels": {"app": "x"}},
            "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}, "type": "RollingUpdate"},
            "template": {"metadata": {"labels": {"app": "x"}}, "spec": {
                "containers": [{"image": "nginx:1", "imagePullPolicy": "IfNotPresent", "name": "c", "resources": {},
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
                "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
                "securityContext": {}, "terminationGracePeriodSeconds": 30}},
        })
    );
    assert_eq!(created["status"], json!({}));
    assert_eq!(created["metadata"]["generation"], 1);
}

#[tokio::test]
async fn services_get_addresses_and_node_ports() {
    let plane = plane();
    let service = |name: &str, spec: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec});
    let path = "/api/v1/namespaces/default/services";
    let first = post(&plane, path, service("a", json!({"ports": [{"port": 80}]}))).await.body["spec"].clone();
    let second = post(&plane, path, service("b", json!({"type": "NodePort", "ports": [{"port": 80}]})))
        .await
        .body["spec"]
        .clone();
    assert!(first["clusterIP"].as_str().expect("address").starts_with("10.96."));
    assert_ne!(first["clusterIP"], second["clusterIP"]);
    assert_eq!(first["clusterIPs"], json!([first["clusterIP"]]));
    assert_eq!(first["ports"], json!([{"port": 80, "protocol": "TCP", "targetPort": 80}]));
    let port = second["ports"][0]["nodePort"].as_u64().expect("port");
    let replaced = send(
        &plane,
        Method::PUT,
        &format!("{path}/b"),
        &[("content-type", "application/json")],
        &service("b", json!({"type": "NodePort", "ports": [{"port": 80}]})),
    )
    .await;
    assert_eq!(replaced.body["spec"]["ports"][0]["nodePort"], port);
    assert_eq!(replaced.body["spec"]["clusterIP"], second["clusterIP"]);
    let back = merge(&plane, &format!("{path}/b"), json!({"spec": {"type": "ClusterIP"}})).await.body["spec"]
        .clone();
    assert!(
        back["ports"][0].get("nodePort").is_none() && back.get("externalTrafficPolicy").is_none(),
        "{back}"
    );
    let taken =
        post(&plane, path, service("c", json!({"clusterIP": first["clusterIP"], "ports": [{"port": 1}]})))
            .await;
    assert_eq!(taken.code, 422);
}

#[tokio::test]
async fn generation_moves_with_what_controllers_act_on() {
    let plane = plane();
    post(&plane, DEPLOYMENTS, deployment("d", json!({}))).await;
    let path = format!("{DEPLOYMENTS}/d");
    let generation = async |path: &str, patch: Value| {
        merge(&plane, path, patch).await.body["metadata"]["generation"].clone()
    };
    assert_eq!(generation(&path, json!({"spec": {"replicas": 2}})).await, 2);
    assert_eq!(generation(&path, json!({"metadata": {"labels": {"a": "b"}}})).await, 2);
    assert_eq!(generation(&path, json!({"metadata": {"annotations": {"a": "b"}}})).await, 3);
    assert_eq!(generation(&format!("{path}/status"), json!({"status": {"replicas": 2}})).await, 3);
    assert_eq!(generation(&path, json!({"status": {"replicas": 7}})).await, 3);
    assert_eq!(get(&plane, &path).await.body["status"]["replicas"], 2);
}

#[tokio::test]
async fn the_scale_moves_the_replica_count() {
    let plane = plane();
    apply(&plane, &format!("{DEPLOYMENTS}/d"), "me", deployment("d", json!({"replicas": 3}))).await;
    let scale = get(&plane, &format!("{DEPLOYMENTS}/d/scale")).await.body;
    assert_eq!(
        (&scale["kind"], &scale["spec"]["replicas"], &scale["status"]["selector"]),
        (&json!("Scale"), &json!(3), &json!("app=x"))
    );
    let path = format!("{DEPLOYMENTS}/d/scale?fieldManager=hpa");
    assert_eq!(merge(&plane, &path, json!({"spec": {"replicas": 7}})).await.body["spec"]["replicas"], 7);
    let kept = apply(&plane, &format!("{DEPLOYMENTS}/d"), "me", deployment("d", json!({}))).await.body;
    assert_eq!(kept["spec"]["replicas"], 7);
    let entries = kept["metadata"]["managedFields"].as_array().expect("list").clone();
    let hpa = entries.iter().find(|entry| entry["manager"] == "hpa").expect("entry");
    assert_eq!(
        (&hpa["subresource"], &hpa["fieldsV1"]),
        (&json!("scale"), &json!({"f:spec": {"f:replicas": {}}}))
    );
}

#[tokio::test]
async fn finalizers_hold_an_object() {
    let plane = plane();
    let path = format!("{CONFIG_MAPS}/a");
    post(&plane, CONFIG_MAPS, raw_config_map("a", json!({}))).await;
    merge(&plane, &path, json!({"metadata": {"finalizers": ["example.com/x"]}})).await;
    let marked = delete(&plane, &path, Value::Null).await;
    assert_eq!(marked.code, 200);
    assert!(marked.body["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(marked.body["metadata"]["deletionGracePeriodSeconds"], 0);
    let again = delete(&plane, &path, Value::Null).await.body;
    assert_eq!(again["metadata"]["resourceVersion"], marked.body["metadata"]["resourceVersion"]);
    let added =
        merge(&plane, &path, json!({"metadata": {"finalizers": ["example.com/x", "example.com/y"]}})).await;
    assert_eq!(
        added.message(),
        "ConfigMap \"a\" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being \
         deleted, found new finalizers []string{\"example.com/y\"}"
    );
    assert_eq!(merge(&plane, &path, json!({"metadata": {"finalizers": null}})).await.code, 200);
    assert_eq!(get(&plane, &path).await.code, 404);
}

#[tokio::test]
async fn deletions_have_preconditions() {
    let plane = plane();
    let api = config_maps(plane.client());
    let created = api.create(&PostParams::default(), &config_map("a", &[])).await.expect("created");
    let with = |uid: Option<String>, resource_version: Option<String>| DeleteParams {
        preconditions: Some(Preconditions { uid, resource_version }),
        ..DeleteParams::default()
    };
    let error = api.delete("a", &with(Some("other".to_owned()), None)).await.expect_err("other uid");
    assert!(error.to_string().contains("the UID in the precondition (other) does not match"), "{error}");
    let error = api.delete("a", &with(created.uid(), Some("1".to_owned()))).await.expect_err("other version");
    assert!(
        error.to_string().contains("the ResourceVersion in the precondition (1) does not match"),
        "{error}"
    );
    api.delete("a", &with(created.uid(), created.resource_version())).await.expect("deleted");
}

#[rstest]
#[case::equal("app=web", &["a", "b"])]
#[case::unequal("app!=web", &["c", "d"])]
#[case::one_of("app in (api, other)", &["c"])]
#[case::none_of("app notin (api)", &["a", "b", "d"])]
#[case::exists("app", &["a", "b", "c"])]
#[case::absent("!app", &["d"])]
#[case::both("app=web,tier=1", &["a"])]
#[case::more("tier>1", &["b"])]
#[tokio::test]
async fn label_selectors(#[case] selector: &str, #[case] expected: &[&str]) {
    let plane = plane();
    let api = config_maps(plane.client());
    for (name, labels) in [("a", "web 1"), ("b", "web 2"), ("c", "api 0"), ("d", "")] {
        let mut object = config_map(name, &[]);
        if let Some((app, tier)) = labels.split_once(' ') {
            object.labels_mut().insert("app".to_owned(), app.to_owned());
            object.labels_mut().insert("tier".to_owned(), tier.to_owned());
        }
        api.create(&PostParams::default(), &object).await.expect("created");
    }
    let fields = "metadata.name!=kube-root-ca.crt";
    let list = api.list(&ListParams::default().labels(selector).fields(fields)).await.expect("list");
    assert_eq!(list.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn field_selectors() {
    let plane = plane();
    for name in ["a", "b"] {
        post(&plane, CONFIG_MAPS, raw_config_map(name, json!({}))).await;
    }
    let list = get(&plane, "/api/v1/configmaps?fieldSelector=metadata.name%3Da,metadata.namespace%3Ddefault")
        .await
        .body;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    let refused = get(&plane, "/api/v1/configmaps?fieldSelector=spec.x%3D1").await;
    assert_eq!(refused.code, 400);
    assert_eq!(
        refused.message(),
        "\"spec.x\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
    );
    let secrets = get(&plane, "/api/v1/secrets?fieldSelector=type%3DOpaque").await;
    assert_eq!(secrets.code, 200);
}

#[tokio::test]
async fn pages_of_a_list_are_consistent() {
    let plane = plane();
    let api = config_maps(plane.client());
    for index in 0..5 {
        api.create(&PostParams::default(), &config_map(&format!("a{index}"), &[])).await.expect("created");
    }
    let parameters = ListParams::default().limit(2).labels("!x");
    let first = api.list(&parameters).await.expect("page");
    api.delete("a3", &DeleteParams::default()).await.expect("deleted");
    api.create(&PostParams::default(), &config_map("a5", &[])).await.expect("created");
    let mut names: Vec<String> = first.iter().map(ResourceExt::name_any).collect();
    let mut token = first.metadata.continue_.clone();
    while let Some(next) = token.filter(|token| !token.is_empty()) {
        let page = api.list(&parameters.clone().continue_token(&next)).await.expect("page");
        names.extend(page.iter().map(ResourceExt::name_any));
        assert_eq!(page.metadata.resource_version, first.metadata.resource_version);
        token = page.metadata.continue_;
    }
    names.retain(|name| name != "kube-root-ca.crt");
    assert_eq!(names, ["a0", "a1", "a2", "a3", "a4"]);
    plane.compact();
    let mut expired = parameters;
    expired.continue_token = first.metadata.continue_;
    let error = api.list(&expired).await.expect_err("expired");
    assert!(matches!(&error, kube::Error::Api(status) if status.code == 410), "{error}");
}

#[tokio::test]
async fn answers_come_in_the_form_that_was_asked_for() {
    let plane = plane();
    post(&plane, CONFIG_MAPS, raw_config_map("a", json!({"k": "v"}))).await;
    let path = format!("{CONFIG_MAPS}/a");
    let metadata = [("accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")];
    let answer = send(&plane, Method::GET, &path, &metadata, &Value::Null).await.body;
    assert_eq!(
        (&answer["kind"], &answer["metadata"]["name"]),
        (&json!("PartialObjectMetadata"), &json!("a"))
    );
    assert!(answer.get("data").is_none());
    let lists = [("accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")];
    let answer = send(&plane, Method::GET, CONFIG_MAPS, &lists, &Value::Null).await.body;
    assert_eq!(answer["kind"], "PartialObjectMetadataList");
    assert_eq!(answer["items"][0]["kind"], "PartialObjectMetadata");
    let table = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")];
    let answer = send(&plane, Method::GET, &path, &table, &Value::Null).await.body;
    let names: Vec<_> = answer["columnDefinitions"]
        .as_array()
        .expect("columns")
        .iter()
        .map(|column| &column["name"])
        .collect();
    assert_eq!(names, ["Name", "Data", "Age"]);
    assert_eq!(answer["rows"][0]["cells"][1], 1);
    assert_eq!(send(&plane, Method::GET, &path, &[("accept", "text/html")], &Value::Null).await.code, 406);
}

#[tokio::test]
async fn strategic_patches_know_list_keys() {
    let plane = plane();
    let container = |name: &str, env: Value| json!({"name": name, "image": "i:1", "env": env});
    let template = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [
        container("c", json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])), container("d", json!([]))]}});
    post(&plane, DEPLOYMENTS, deployment("d", json!({"template": template}))).await;
    let patch = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "c", "env": [{"name": "A", "value": "9"}, {"name": "Z", "value": "z"}]},
        {"name": "d", "$patch": "delete"}]}}}});
    let patched = strategic(&plane, &format!("{DEPLOYMENTS}/d"), patch).await.body;
    let containers = &patched["spec"]["template"]["spec"]["containers"];
    assert_eq!(containers.as_array().map(Vec::len), Some(1));
    assert_eq!(
        containers[0]["env"],
        json!([{"name": "A", "value": "9"}, {"name": "Z", "value": "z"}, {"name": "B", "value": "2"}])
    );
}

#[rstest]
#[case::stale(json!([{"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}]), 409, "Conflict")]
#[case::failed_test(json!([{"op": "test", "path": "/data/k", "value": "2"}]), 422, "Invalid")]
#[case::missing(json!([{"op": "remove", "path": "/data/none"}]), 422, "Invalid")]
#[case::no_list(json!({"op": "remove", "path": "/data/k"}), 400, "BadRequest")]
#[tokio::test]
async fn json_patches_that_fail(#[case] patch: Value, #[case] code: u16, #[case] reason: &str) {
    let plane = plane();
    post(&plane, CONFIG_MAPS, raw_config_map("a", json!({"k": "1"}))).await;
    let path = format!("{CONFIG_MAPS}/a");
    let answer =
        send(&plane, Method::PATCH, &path, &[("content-type", "application/json-patch+json")], &patch).await;
    assert_eq!((answer.code, answer.reason()), (code, reason));
}

#[tokio::test]
async fn a_secrets_text_is_folded_and_owned_as_on_the_real_server() {
    let plane = plane();
    let path = "/api/v1/namespaces/default/secrets";
    let secret = |name: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"a": "b"}});
    let created = post(&plane, path, secret("posted")).await.body;
    assert_eq!((&created["data"], &created["type"]), (&json!({"a": "Yg=="}), &json!("Opaque")));
    assert_eq!(created["metadata"]["managedFields"][0]["fieldsV1"]["f:data"], json!({".": {}, "f:a": {}}));
    let applied = apply(&plane, &format!("{path}/applied"), "me", secret("applied")).await.body;
    assert_eq!(applied["metadata"]["managedFields"][0]["fieldsV1"], json!({"f:stringData": {"f:a": {}}}));
    let again = apply(&plane, &format!("{path}/applied"), "me", secret("applied")).await.body;
    assert_eq!(again["metadata"]["resourceVersion"], applied["metadata"]["resourceVersion"]);
}
