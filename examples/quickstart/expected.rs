//! What every cluster must hold, as literal values. Nothing here comes from what the controller was given.

use serde_json::{Value, json};

use crate::{
    check::Expected,
    planes::{HOST, MEMBERS},
};

pub(crate) const NAMESPACE: &str = "demo";
const FEDERATED: &str = "types.kubefed.io/v1beta1";

/// The same object, which must not exist.
pub(crate) fn gone(expected: &Expected) -> Expected {
    Expected { values: None, ..*expected }
}

/// What the members hold when the story is over, and what they do not hold any more.
pub(crate) fn in_the_end() -> Vec<Expected> {
    let in_both = MEMBERS.into_iter().zip([3, 5]).flat_map(|(cluster, replicas)| {
        [namespace_in(cluster), web_in(cluster, replicas), gone(&settings_in(cluster, Value::Null))]
    });
    in_both.chain([website_in("member1"), gone(&website_in("member2"))]).collect()
}

/// What the host says of it. Each generation is 1 plus the number of edits of the spec.
pub(crate) fn on_the_host() -> Vec<Expected> {
    vec![
        federated("FederatedNamespace demo", "FederatedNamespace", NAMESPACE, 1, &MEMBERS),
        federated("FederatedDeployment web", "FederatedDeployment", "web", 1, &MEMBERS),
        federated("FederatedWebsite front", "FederatedWebsite", "front", 2, &["member1"]),
        gone(&federated_settings()),
    ]
}

/// The ConfigMap on the host, after its one edit.
pub(crate) fn federated_settings() -> Expected {
    federated("FederatedConfigMap settings", "FederatedConfigMap", "settings", 2, &MEMBERS)
}

/// A federated object of which all is well in these members.
fn federated(
    title: &'static str,
    kind: &'static str,
    name: &'static str,
    generation: i64,
    members: &[&str],
) -> Expected {
    let clusters: Vec<Value> = members.iter().map(|member| json!({ "name": member })).collect();
    Expected {
        title,
        cluster: HOST,
        api_version: FEDERATED,
        kind,
        namespace: Some(NAMESPACE),
        name,
        values: Some(vec![
            ("/metadata/generation", json!(generation)),
            ("/status/observedGeneration", json!(generation)),
            ("/status/conditions/0/type", json!("Propagation")),
            ("/status/conditions/0/status", json!("True")),
            ("/status/conditions/0/reason", Value::Null),
            ("/status/conditions/1", Value::Null),
            ("/status/clusters", json!(clusters)),
            ("/status/ready", json!(format!("{0}/{0}", members.len()))),
        ]),
    }
}

pub(crate) fn namespace_in(cluster: &'static str) -> Expected {
    Expected {
        title: "Namespace demo",
        cluster,
        api_version: "v1",
        kind: "Namespace",
        namespace: None,
        name: NAMESPACE,
        values: Some(vec![
            (
                "/metadata/labels",
                json!({"kubefed.io/managed": "true", "kubernetes.io/metadata.name": "demo"}),
            ),
            ("/metadata/deletionTimestamp", Value::Null),
            ("/status/phase", json!("Active")),
        ]),
    }
}

pub(crate) fn settings_in(cluster: &'static str, data: Value) -> Expected {
    Expected {
        title: "ConfigMap settings",
        cluster,
        api_version: "v1",
        kind: "ConfigMap",
        namespace: Some(NAMESPACE),
        name: "settings",
        values: Some(vec![("/data", data), ("/binaryData", Value::Null), managed()]),
    }
}

/// Pointers only: a cluster adds defaults to the spec.
pub(crate) fn web_in(cluster: &'static str, replicas: i64) -> Expected {
    Expected {
        title: "Deployment web",
        cluster,
        api_version: "apps/v1",
        kind: "Deployment",
        namespace: Some(NAMESPACE),
        name: "web",
        values: Some(vec![
            ("/spec/replicas", json!(replicas)),
            ("/spec/selector", json!({"matchLabels": {"app": "web"}})),
            ("/spec/template/metadata/labels", json!({"app": "web"})),
            ("/spec/template/spec/containers/0/name", json!("web")),
            ("/spec/template/spec/containers/0/image", json!("registry.example.com/web:1.0")),
            ("/spec/template/spec/containers/1", Value::Null),
            ("/metadata/labels", json!({"app": "web", "kubefed.io/managed": "true"})),
        ]),
    }
}

/// The whole spec: nobody else writes this type.
pub(crate) fn website_in(cluster: &'static str) -> Expected {
    let spec = json!({"host": "www.example.com", "replicas": 2, "greeting": "Hello"});
    Expected {
        title: "Website front",
        cluster,
        api_version: "quickstart.example.com/v1",
        kind: "Website",
        namespace: Some(NAMESPACE),
        name: "front",
        values: Some(vec![("/spec", spec), managed()]),
    }
}

/// The labels of an object that has none of its own.
fn managed() -> (&'static str, Value) {
    ("/metadata/labels", json!({"kubefed.io/managed": "true"}))
}
