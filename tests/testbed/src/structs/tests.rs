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

/// `kubectl create configmap a --from-literal=k=v`, as it comes over the wire.
#[test]
fn protobuf_is_read() {
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut field = vec![number << 3 | 2, u8::try_from(bytes.len()).expect("short")];
        field.extend_from_slice(bytes);
        field
    }
    let type_meta = [field(1, b"v1"), field(2, b"ConfigMap")].concat();
    let labels = [field(1, b"app"), field(2, b"x")].concat();
    // creationTimestamp is written, and empty.
    let metadata = [field(1, b"a"), field(8, b""), field(11, &labels)].concat();
    let data = [field(1, b"k"), field(2, b"v")].concat();
    let raw = [field(1, &metadata), field(2, &data)].concat();
    let body = [b"k8s\0".to_vec(), field(1, &type_meta), field(2, &raw)].concat();
    let object = go_type("", "configmaps").read_protobuf(&body).expect("object");
    assert_eq!(
        object,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"app": "x"}},
            "data": {"k": "v"}})
    );
    assert!(go_type("", "configmaps").read_protobuf(b"{}").is_err());
    assert!(go_type("", "configmaps").read_protobuf(&body[..body.len() - 1]).is_err());
}
