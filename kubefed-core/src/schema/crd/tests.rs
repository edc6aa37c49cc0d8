use rstest::rstest;

use super::*;
use crate::{
    api::Scope,
    schema::{normalise::violations, structural::Structural},
};

fn federated() -> ApiResource {
    ApiResource {
        group: "types.kubefed.io".to_owned(),
        version: "v1beta1".to_owned(),
        kind: "FederatedDeployment".to_owned(),
        plural_name: "federateddeployments".to_owned(),
        scope: Scope::Namespaced,
    }
}

fn crd(has_replicas: bool, shape: CrdShape) -> Value {
    let template = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {"replicas": {"type": "integer"}}}}});
    federated_crd(&FederatedCrd {
        federated: &federated(),
        short_names: vec!["fdeploy".to_owned()],
        template_schema: &template,
        has_replicas,
        shape,
    })
}

fn schema_of(crd: &Value) -> &Value {
    &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

#[test]
fn names_scope_and_subresource_are_those_of_the_federated_kind() {
    let crd = crd(true, CrdShape::Typed);
    assert_eq!(crd["metadata"]["name"], "federateddeployments.types.kubefed.io");
    assert_eq!(
        crd["spec"]["names"],
        json!({"kind": "FederatedDeployment", "listKind": "FederatedDeploymentList", "plural": "federateddeployments",
               "singular": "federateddeployment", "shortNames": ["fdeploy"]})
    );
    assert_eq!(crd["spec"]["scope"], "Namespaced");
    assert_eq!(crd["spec"]["versions"][0]["name"], "v1beta1");
    assert_eq!(crd["spec"]["versions"][0]["subresources"], json!({"status": {}}));
}

#[rstest]
#[case(true, CrdShape::Typed)]
#[case(false, CrdShape::Typed)]
#[case(true, CrdShape::KubeFed)]
fn the_schema_is_structural_and_retains_replicas_only_where_there_are_any(
    #[case] has_replicas: bool,
    #[case] shape: CrdShape,
) {
    let crd = crd(has_replicas, shape);
    let schema = schema_of(&crd);
    assert_eq!(violations(schema), Vec::<String>::new());
    assert_eq!(schema["required"], json!(["spec"]));
    assert_eq!(schema.pointer("/properties/spec/properties/retainReplicas").is_some(), has_replicas);
    let open =
        schema.pointer("/properties/spec/properties/template/x-kubernetes-preserve-unknown-fields").is_some();
    assert_eq!(open, shape == CrdShape::KubeFed);
}

fn object() -> Value {
    json!({
        "apiVersion": "types.kubefed.io/v1beta1", "kind": "FederatedDeployment", "metadata": {"name": "a"},
        "spec": {
            "template": {"spec": {"replicas": 3}},
            "retainReplicas": true,
            "placement": {"clusters": [{"name": "c1"}], "clusterSelector": {
                "matchLabels": {"a": "b"}, "matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}]}},
            "overrides": [
                {"clusterName": "c1", "clusterOverrides": [{"op": "", "path": "/spec/x", "value": {"any": [1]}}]},
                {"clusterOverrides": [{"path": "/spec/y", "value": 3}]}]},
        "status": {
            "observedGeneration": 1,
            "conditions": [{"type": "Propagation", "status": "True", "reason": "", "lastUpdateTime": "2024-01-01T00:00:00Z",
                            "lastTransitionTime": "2024-01-01T00:00:00Z"}],
            "clusters": [{"name": "c1", "status": "CreationFailed", "message": "no", "remoteStatus": {"any": true}}],
            "applied": [{"rendered": "a", "ownership": "b", "clusters": ["c1"]}],
            "ready": "1/2"},
    })
}

#[test]
fn a_full_object_passes_without_losing_a_field() {
    let crd = crd(true, CrdShape::Typed);
    let schema = Structural::parse(schema_of(&crd)).unwrap();
    let mut stored = object();
    assert_eq!(schema.prune(&mut stored), Vec::<String>::new());
    schema.default(&mut stored);
    assert_eq!(stored, object(), "nothing is filled in");
    assert!(schema.validate(&stored).is_empty());
}

#[test]
fn an_empty_spec_is_fine() {
    let crd = crd(true, CrdShape::Typed);
    let schema = Structural::parse(schema_of(&crd)).unwrap();
    assert!(schema.validate(&json!({"metadata": {"name": "a"}, "spec": {}})).is_empty());
}

#[rstest]
#[case("/spec/overrides/0/clusterOverrides/0/op", json!("move"))]
#[case("/spec/overrides/0/clusterOverrides/0", json!({"op": "remove"}))]
#[case("/spec/placement/clusters/0", json!({}))]
#[case("/spec/template/spec/replicas", json!("three"))]
#[case("/spec", Value::Null)]
fn bad_objects_are_refused(#[case] pointer: &str, #[case] value: Value) {
    let crd = crd(true, CrdShape::Typed);
    let schema = Structural::parse(schema_of(&crd)).unwrap();
    let mut bad = object();
    *bad.pointer_mut(pointer).unwrap() = value;
    assert!(!schema.validate(&bad).is_empty());
}

#[test]
fn columns_show_what_people_look_for() {
    let crd = crd(true, CrdShape::Typed);
    let columns = crd["spec"]["versions"][0]["additionalPrinterColumns"].as_array().unwrap();
    let names: Vec<&str> = columns.iter().map(|column| column["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Ready", "Propagated", "Reason", "Age"]);
}

#[test]
fn core_crds_are_structural_and_named_as_kubefed_names_them() {
    let crds = core_crds();
    let names: Vec<&str> = crds.iter().map(|crd| crd["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "federatedtypeconfigs.core.kubefed.io",
            "kubefedclusters.core.kubefed.io",
            "kubefedconfigs.core.kubefed.io"
        ]
    );
    for crd in &crds {
        assert_eq!(violations(schema_of(crd)), Vec::<String>::new());
        assert_eq!(schema_of(crd)["required"], json!(["spec"]));
        assert!(!crd.to_string().contains("nullable"), "KubeFed's CRDs know no nullable: {crd:#}");
        assert_eq!(crd["spec"]["versions"][0]["served"], true);
    }
    let status = |crd: &Value| crd["spec"]["versions"][0]["subresources"]["status"].is_object();
    assert_eq!(crds.iter().map(status).collect::<Vec<_>>(), [true, true, false]);
}

#[rstest]
#[case(0, json!({"targetType": {"version": "v1", "kind": "ConfigMap", "pluralName": "configmaps", "scope": "Namespaced"},
    "propagation": "Enabled", "federatedType": {"group": "types.kubefed.io", "version": "v1beta1",
    "kind": "FederatedConfigMap", "pluralName": "federatedconfigmaps", "scope": "Namespaced"}, "statusCollection": "Enabled"}))]
#[case(1, json!({"apiEndpoint": "https://c1", "caBundle": "YQ==", "secretRef": {"name": "c1"},
    "disabledTLSValidations": ["*"], "proxyURL": ""}))]
#[case(2, json!({"scope": "Cluster", "controllerDuration": {"availableDelay": "20s", "unavailableDelay": "1m0s",
    "cacheSyncTimeout": "5m0s"}, "leaderElect": {"leaseDuration": "15s", "renewDeadline": "10s", "retryPeriod": "5s",
    "resourceLock": "configmaps"}, "featureGates": [{"name": "PushReconciler", "configuration": "Enabled"}],
    "clusterHealthCheck": {"period": "10s", "failureThreshold": 3, "successThreshold": 1, "timeout": "3s"},
    "syncController": {"maxConcurrentReconciles": 1, "adoptResources": "Enabled"},
    "statusController": {"maxConcurrentReconciles": 1}}))]
fn objects_of_kubefed_pass_the_core_crds_unchanged(#[case] index: usize, #[case] spec: Value) {
    let crds = core_crds();
    let schema = Structural::parse(schema_of(&crds[index])).unwrap();
    let object = json!({"apiVersion": "core.kubefed.io/v1beta1", "kind": "K", "metadata": {"name": "a"}, "spec": spec});
    let mut stored = object.clone();
    assert_eq!(schema.prune(&mut stored), Vec::<String>::new());
    schema.default(&mut stored);
    assert_eq!(stored, object);
    assert!(schema.validate(&stored).is_empty());
}
