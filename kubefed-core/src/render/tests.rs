use rstest::rstest;
use serde_json::json;

use super::*;
use crate::api::{ApiResource, Scope};

fn resource(group: &str, kind: &str, plural: &str, scope: Scope) -> ApiResource {
    ApiResource {
        group: group.to_owned(),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
        plural_name: plural.to_owned(),
        scope,
    }
}

fn descriptor(group: &str, kind: &str, plural: &str, scope: Scope) -> TypeDescriptor {
    TypeDescriptor {
        target: resource(group, kind, plural, scope),
        federated: resource("types.kubefed.io", &format!("Federated{kind}"), "x", Scope::Namespaced),
        replicas: Some(vec!["spec".to_owned(), "replicas".to_owned()]),
        collects_status: false,
    }
}

fn deployments() -> TypeDescriptor {
    descriptor("apps", "Deployment", "deployments", Scope::Namespaced)
}

fn federated(spec: &Value) -> RawFederated {
    serde_json::from_value(json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": spec})).unwrap()
}

fn render(descriptor: &TypeDescriptor, spec: &Value, cluster: &str) -> Result<Value, RenderError> {
    let federated = federated(spec);
    let rendered = Renderer::new(descriptor, &federated).render(cluster, Replicas::FromTemplate)?;
    assert_eq!(rendered.hash, hash::rendered(&rendered.object));
    Ok(rendered.object.clone())
}

#[test]
fn an_object_without_a_template_has_an_identity_and_the_label() {
    assert_eq!(
        render(&deployments(), &json!({}), "c").unwrap(),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata":
            {"name": "web", "namespace": "shop", "labels": {"kubefed.io/managed": "true"}}})
    );
}

#[rstest]
#[case("", "Namespace", "namespaces", Scope::Cluster, "v1", None)]
#[case("", "ConfigMap", "configmaps", Scope::Namespaced, "v1", Some("shop"))]
#[case(
    "rbac.authorization.k8s.io",
    "ClusterRole",
    "clusterroles",
    Scope::Cluster,
    "rbac.authorization.k8s.io/v1",
    None
)]
fn identities_are_those_of_the_target(
    #[case] group: &str,
    #[case] kind: &str,
    #[case] plural: &str,
    #[case] scope: Scope,
    #[case] version: &str,
    #[case] namespace: Option<&str>,
) {
    let spec = json!({"template": {"kind": "Other", "metadata": {"name": "other", "namespace": "other"}}});
    let object = render(&descriptor(group, kind, plural, scope), &spec, "c").unwrap();
    assert_eq!(object["apiVersion"], version);
    assert_eq!(object["kind"], kind);
    assert_eq!(object["metadata"]["name"], "web");
    assert_eq!(object["metadata"].get("namespace").and_then(Value::as_str), namespace);
}

#[test]
fn the_version_of_the_template_counts() {
    let spec = json!({"template": {"apiVersion": "apps/v1beta2"}});
    assert_eq!(render(&deployments(), &spec, "c").unwrap()["apiVersion"], "apps/v1beta2");
}

#[test]
fn what_a_template_cannot_hold_is_dropped_and_warned_of() {
    let spec = json!({"template": {
        "metadata": {"annotations": {"a": "b"}, "finalizers": ["f"], "creationTimestamp": null, "uid": "u",
            "resourceVersion": "7", "labels": {"app": "web"}, "ownerReferences": [{"uid": "o"}]},
        "spec": {"template": {"metadata": {"creationTimestamp": null, "annotations": {"kept": "yes"}}}},
        "status": {"replicas": 3},
    }});
    let (descriptor, federated) = (deployments(), federated(&spec));
    let renderer = Renderer::new(&descriptor, &federated);
    assert_eq!(
        renderer.warnings(),
        [TemplateWarning::AnnotationsNotSupported, TemplateWarning::FinalizersNotSupported]
    );
    assert!(
        renderer.warnings()[0].to_string().starts_with("metadata.annotations cannot be set via template")
    );
    assert_eq!(
        renderer.render("c", Replicas::FromTemplate).unwrap().object,
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "ownerReferences": [{"uid": "o"}],
                "labels": {"app": "web", "kubefed.io/managed": "true"}},
            "spec": {"template": {"metadata": {"annotations": {"kept": "yes"}}}}})
    );
}

#[test]
fn empty_annotations_are_no_reason_to_warn() {
    let spec = json!({"template": {"metadata": {"annotations": {}, "finalizers": null}}});
    let (descriptor, federated) = (deployments(), federated(&spec));
    assert!(Renderer::new(&descriptor, &federated).warnings().is_empty());
}

#[test]
fn overrides_differ_by_cluster_and_the_rest_is_shared() {
    let spec = json!({
        "template": {"spec": {"replicas": 1}},
        "overrides": [
            {"clusterName": "a", "clusterOverrides": [
                {"path": "/spec/replicas", "value": 5},
                {"path": "/metadata/labels", "value": {"kubefed.io/managed": "false", "x": "y"}},
                {"path": "/metadata/annotations", "value": {"n": "1"}}]},
            {"clusterName": "b", "clusterOverrides": []},
        ],
    });
    let (descriptor, federated) = (deployments(), federated(&spec));
    let renderer = Renderer::new(&descriptor, &federated);
    let of = |cluster| renderer.render(cluster, Replicas::FromTemplate).unwrap();
    assert!(Arc::ptr_eq(&of("b"), &of("c")));
    assert_eq!(of("a").object["spec"]["replicas"], 5);
    assert_eq!(of("a").object["metadata"]["labels"], json!({"kubefed.io/managed": "true", "x": "y"}));
    assert_eq!(of("a").object["metadata"]["annotations"], json!({"n": "1"}));
    assert_eq!(of("c").object["spec"]["replicas"], 1);
    assert_ne!(of("a").hash, of("c").hash);
}

#[test]
fn one_bad_list_of_overrides_holds_for_all_clusters() {
    let spec = json!({"overrides": [{"clusterName": "a", "clusterOverrides": [{"path": "/kind"}]}]});
    let error = render(&deployments(), &spec, "b").unwrap_err();
    assert_eq!(error.status(), PropagationStatus::ApplyOverridesFailed);
}

#[rstest]
#[case(json!({"path": "/metadata", "value": {"name": "other"}}), "metadata.name")]
#[case(json!({"path": "/metadata", "value": {"name": "web"}}), "metadata.namespace")]
#[case(json!({"path": "x/kind", "value": "Other"}), "kind")]
#[case(json!({"op": "remove", "path": "/apiVersion"}), "apiVersion")]
fn overrides_cannot_make_another_object(#[case] item: Value, #[case] field: &str) {
    let spec = json!({"overrides": [{"clusterName": "a", "clusterOverrides": [item]}]});
    let error = render(&deployments(), &spec, "a").unwrap_err();
    assert!(error.to_string().starts_with(&format!("the overrides change {field} of")), "{error}");
    assert_eq!(error.status(), PropagationStatus::ApplyOverridesFailed);
    assert!(render(&deployments(), &spec, "b").is_ok());
}

#[rstest]
#[case(json!({"template": []}), "spec.template is not an object")]
#[case(json!({"template": {"metadata": 1}}), "spec.template.metadata is not an object")]
#[case(json!({"template": {"metadata": {"labels": "x"}}}), "spec.template.metadata.labels is not an object")]
#[case(json!({"template": {"stringData": []}}), "spec.template.stringData is not an object")]
#[case(json!({"template": {"stringData": {"k": 1}}}), "spec.template.stringData.k is not a string")]
#[case(json!({"template": {"data": 1, "stringData": {"k": "v"}}}), "spec.template.data is not an object")]
fn templates_of_wrong_types_are_named(#[case] spec: Value, #[case] expected: &str) {
    let error = render(&descriptor("", "Secret", "secrets", Scope::Namespaced), &spec, "a").unwrap_err();
    assert!(error.to_string().starts_with(expected), "{error}");
    assert_eq!(error.status(), PropagationStatus::ComputeResourceFailed);
}

#[test]
fn string_data_becomes_data_after_overrides() {
    let spec = json!({
        "template": {"data": {"a": "b2xk", "b": "a2VwdA=="}, "stringData": {"a": "new"}},
        "overrides": [{"clusterName": "a", "clusterOverrides": [{"path": "/stringData/b", "value": "over"}]}],
    });
    let secrets = descriptor("", "Secret", "secrets", Scope::Namespaced);
    let object = render(&secrets, &spec, "a").unwrap();
    assert_eq!(object["data"], json!({"a": "bmV3", "b": "b3Zlcg=="}));
    assert!(object.get("stringData").is_none());
    assert_eq!(render(&secrets, &spec, "c").unwrap()["data"], json!({"a": "bmV3", "b": "a2VwdA=="}));
    let others = descriptor("example.com", "Secret", "secrets", Scope::Namespaced);
    assert_eq!(render(&others, &spec, "c").unwrap()["stringData"], json!({"a": "new"}));
}

#[rstest]
#[case(json!([]), None)]
#[case(json!([{"path": "/spec/replicas", "value": 5}]), Some(5))]
#[case(json!([{"path": "/spec", "value": {"replicas": 6}}]), Some(6))]
#[case(json!([{"path": "/spec/paused", "value": true}]), None)]
#[case(json!([{"op": "remove", "path": "/spec/replicas"}]), None)]
fn replicas_left_to_the_member_are_left_out(#[case] items: Value, #[case] expected: Option<u64>) {
    let spec = json!({
        "template": {"spec": {"replicas": 3, "other": 1}},
        "overrides": [{"clusterName": "a", "clusterOverrides": items}],
    });
    let (descriptor, federated) = (deployments(), federated(&spec));
    let renderer = Renderer::new(&descriptor, &federated);
    let rendered = renderer.render("a", Replicas::LeftToMember).unwrap();
    assert_eq!(rendered.object["spec"].get("replicas").and_then(Value::as_u64), expected);
    let other = renderer.render("b", Replicas::FromTemplate).unwrap();
    assert_eq!(other.object["spec"]["replicas"], 3);
}
