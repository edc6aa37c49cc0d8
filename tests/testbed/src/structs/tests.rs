use rstest::rstest;
use serde_json::{Value, json};

use crate::registry::document;

fn go_type(group: &str, resource: &str) -> super::GoType {
    let document = document(group, "v1").expect("document");
    let kind = document.kinds().iter().find(|kind| kind.resource == resource).expect("kind");
    kind.go_type.clone().expect("struct")
}

#[rstest]
#[case::number_for_text("", "configmaps", json!({"data": {"k": 1}}),
    "json: cannot unmarshal number into Go struct field ConfigMap.data of type string")]
#[case::list_for_map("", "configmaps", json!({"data": [1]}),
    "json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string")]
#[case::text_for_number("apps", "deployments", json!({"spec": {"replicas": "3"}}),
    "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32")]
#[case::text_for_struct("apps", "deployments", json!({"spec": "x"}),
    "json: cannot unmarshal string into Go struct field Deployment.spec of type v1.DeploymentSpec")]
#[case::deep("apps", "deployments", json!({"spec": {"template": {"spec": {"containers": [{"name": 1}]}}}}),
    "json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.name of type string")]
#[case::base64("", "secrets", json!({"data": {"k": "***"}}), "illegal base64 data at input byte 0")]
fn what_go_says_of_a_wrong_type(
    #[case] group: &str,
    #[case] resource: &str,
    #[case] object: Value,
    #[case] expected: &str,
) {
    assert_eq!(go_type(group, resource).check(&object), Err(expected.to_owned()));
}

#[test]
fn zeros_stay_only_behind_pointers() {
    let mut object = json!({"spec": {"replicas": 0, "paused": false, "minReadySeconds": 0, "selector": {},
        "template": {"spec": {"containers": [], "hostNetwork": false, "terminationGracePeriodSeconds": 0}}}});
    go_type("apps", "deployments").settle(&mut object);
    assert_eq!(
        object["spec"],
        json!({"replicas": 0, "selector": {},
            "template": {"spec": {"containers": [], "terminationGracePeriodSeconds": 0}}})
    );
}

#[test]
fn required_fields_are_written_when_they_are_zero() {
    let mut replica_set = json!({"spec": {"selector": {}}, "status": {}});
    go_type("apps", "replicasets").settle(&mut replica_set);
    assert_eq!(replica_set["status"], json!({"replicas": 0}));
    let mut role = json!({});
    go_type("rbac.authorization.k8s.io", "clusterroles").settle(&mut role);
    assert_eq!(role["rules"], Value::Null);
    assert!(role.as_object().expect("object").contains_key("rules"));
    let mut deployment = json!({"status": {"conditions": [{"type": "Available", "status": "True"}]}});
    go_type("apps", "deployments").settle(&mut deployment);
    assert_eq!(
        deployment["status"]["conditions"][0],
        json!({"type": "Available", "status": "True", "lastTransitionTime": null, "lastUpdateTime": null})
    );
}
