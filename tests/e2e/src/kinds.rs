//! The table of kinds that the suite federates: what each is made of, and how it is edited, overridden and disturbed.

use serde_json::{Value, json};

/// One kind, and what is done with its objects. `expected` values are what a member must hold afterwards; an expected
/// null means that there must be nothing.
#[derive(Clone, Debug)]
pub struct Kind {
    /// The kind of the target.
    pub name: &'static str,
    /// What is federated.
    pub template: Value,
    /// What members hold of it.
    pub created: Value,
    /// A merge patch of the template; where the kind allows it, it also takes a field away.
    pub edit: Value,
    /// What members hold after the edit.
    pub edited: Value,
    /// Path and value of an override.
    pub override_: (&'static str, Value),
    /// What the overridden member holds.
    pub overridden: Value,
    /// A merge patch that changes one of our fields in a member.
    pub drift: Value,
    /// A merge patch of a member's object that adds what is not ours, and what is there afterwards.
    pub foreign: Value,
    /// A merge patch of the status of a member's object, for kinds that have one.
    pub status: Option<Value>,
    /// An object that is in a member before: one of our fields is different, the one that the edit takes away has our
    /// value already, and there is more than ours.
    pub existing: Value,
}

impl Kind {
    /// The kind of this name.
    ///
    /// # Panics
    ///
    /// If the table has none.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match name {
            "ConfigMap" => config_map(),
            "Secret" => secret(),
            "Service" => service(),
            "ServiceAccount" => service_account(),
            "Namespace" => namespace(),
            "ClusterRole" => cluster_role(),
            "Deployment" => deployment(),
            "ReplicaSet" => replica_set(),
            "Job" => job(),
            "Ingress" => ingress(),
            "Website" => website(),
            other => panic!("no kind {other}"),
        }
    }
}

/// What holds after `change` where `before` held; a null stays, and means that there must be nothing.
#[must_use]
pub fn merged(before: &Value, change: &Value) -> Value {
    let (Value::Object(fields), Value::Object(changes)) = (before, change) else {
        return change.clone();
    };
    let mut fields = fields.clone();
    for (key, change) in changes {
        let before = fields.get(key).cloned().unwrap_or_default();
        fields.insert(key.clone(), merged(&before, change));
    }
    Value::Object(fields)
}

/// Labels and annotations that somebody else adds in a member.
fn marks() -> Value {
    json!({"labels": {"theirs": "label"}, "annotations": {"theirs": "annotation"}})
}

fn with_marks(mut object: Value) -> Value {
    let metadata = merged(&object["metadata"], &marks());
    object["metadata"] = metadata;
    object
}

/// As somebody else has made it in a member: with marks, and with a finalizer that only they can take off.
fn theirs(object: Value) -> Value {
    let mut object = with_marks(object);
    object["metadata"]["finalizers"] = json!(["example.com/theirs"]);
    object
}

/// A condition that no controller knows.
fn condition() -> Value {
    json!([{
        "type": "Noticed",
        "status": "True",
        "reason": "Test",
        "message": "by the test",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }])
}

fn config_map() -> Kind {
    Kind {
        name: "ConfigMap",
        template: json!({"data": {"colour": "blue", "size": "large"}}),
        created: json!({"data": {"colour": "blue", "size": "large"}}),
        edit: json!({"data": {"colour": "green", "size": null}}),
        edited: json!({"data": {"colour": "green", "size": null}}),
        override_: ("/data/colour", json!("red")),
        overridden: json!({"data": {"colour": "red"}}),
        drift: json!({"data": {"colour": "black"}}),
        foreign: with_marks(json!({"data": {"note": "theirs"}})),
        status: None,
        existing: theirs(json!({"data": {"colour": "grey", "size": "large", "note": "theirs"}})),
    }
}

fn secret() -> Kind {
    // "admin", "one", "two", "root" and "theirs" in base64.
    let [admin, one, two, root, other] = ["YWRtaW4=", "b25l", "dHdv", "cm9vdA==", "dGhlaXJz"];
    Kind {
        name: "Secret",
        template: json!({"data": {"user": admin}, "stringData": {"password": "one", "old": "one"}}),
        created: json!({"data": {"user": admin, "password": one, "old": one}, "type": "Opaque"}),
        edit: json!({"stringData": {"password": "two", "old": null}}),
        edited: json!({"data": {"user": admin, "password": two, "old": null}}),
        override_: ("/data/user", json!(root)),
        overridden: json!({"data": {"user": root, "password": two}}),
        drift: json!({"data": {"user": other}}),
        foreign: with_marks(json!({"data": {"note": other}})),
        status: None,
        existing: theirs(json!({"data": {"user": other, "old": one, "note": other}})),
    }
}

fn service() -> Kind {
    let port = |number: u16| json!([{"name": "http", "port": number, "protocol": "TCP", "targetPort": 8080}]);
    Kind {
        name: "Service",
        template: json!({"spec": {"selector": {"app": "web", "tier": "front"}, "ports": port(80)}}),
        created: json!({"spec": {"selector": {"app": "web", "tier": "front"}, "ports": port(80)}}),
        edit: json!({"spec": {"selector": {"tier": null}, "ports": port(81)}}),
        edited: json!({"spec": {"selector": {"app": "web", "tier": null}, "ports": port(81)}}),
        override_: ("/spec/sessionAffinity", json!("ClientIP")),
        overridden: json!({"spec": {"sessionAffinity": "ClientIP"}}),
        drift: json!({"spec": {"selector": {"app": "other"}}}),
        foreign: with_marks(json!({"spec": {"externalIPs": ["192.0.2.1"]}})),
        status: Some(json!({"status": {"conditions": condition()}})),
        existing: theirs(json!({"spec": {
            "selector": {"app": "old", "tier": "front"}, "ports": port(80), "externalIPs": ["192.0.2.1"],
        }})),
    }
}

fn service_account() -> Kind {
    Kind {
        name: "ServiceAccount",
        template: json!({
            "metadata": {"labels": {"team": "blue", "size": "large"}},
            "automountServiceAccountToken": false,
            "imagePullSecrets": [{"name": "one"}],
        }),
        created: json!({
            "metadata": {"labels": {"team": "blue", "size": "large"}},
            "automountServiceAccountToken": false,
            "imagePullSecrets": [{"name": "one"}],
        }),
        edit: json!({"metadata": {"labels": {"size": null}}, "imagePullSecrets": [{"name": "two"}]}),
        edited: json!({
            "metadata": {"labels": {"team": "blue", "size": null}},
            "imagePullSecrets": [{"name": "two"}],
        }),
        override_: ("/metadata/labels/team", json!("red")),
        overridden: json!({"metadata": {"labels": {"team": "red"}}}),
        drift: json!({"automountServiceAccountToken": true}),
        foreign: with_marks(json!({"secrets": [{"name": "theirs"}]})),
        status: None,
        existing: theirs(json!({
            "metadata": {"labels": {"size": "large"}},
            "automountServiceAccountToken": true,
            "secrets": [{"name": "theirs"}],
        })),
    }
}

fn namespace() -> Kind {
    Kind {
        name: "Namespace",
        template: json!({"metadata": {"labels": {"team": "blue", "size": "large"}}}),
        created: json!({"metadata": {"labels": {"team": "blue", "size": "large"}}}),
        edit: json!({"metadata": {"labels": {"team": "green", "size": null}}}),
        edited: json!({"metadata": {"labels": {"team": "green", "size": null}}}),
        override_: ("/metadata/labels/team", json!("red")),
        overridden: json!({"metadata": {"labels": {"team": "red"}}}),
        drift: json!({"metadata": {"labels": {"team": "black"}}}),
        foreign: json!({"metadata": marks()}),
        status: Some(json!({"status": {"conditions": condition()}})),
        existing: theirs(json!({"metadata": {"labels": {"team": "grey", "size": "large"}}})),
    }
}

fn cluster_role() -> Kind {
    let rules = |verbs: Value| json!([{"apiGroups": [""], "resources": ["pods"], "verbs": verbs}]);
    Kind {
        name: "ClusterRole",
        template: json!({"metadata": {"labels": {"size": "large"}}, "rules": rules(json!(["get"]))}),
        created: json!({"metadata": {"labels": {"size": "large"}}, "rules": rules(json!(["get"]))}),
        edit: json!({"metadata": {"labels": {"size": null}}, "rules": rules(json!(["get", "list"]))}),
        edited: json!({"metadata": {"labels": {"size": null}}, "rules": rules(json!(["get", "list"]))}),
        override_: ("/rules/0/verbs", json!(["watch"])),
        overridden: json!({"rules": rules(json!(["watch"]))}),
        drift: json!({"rules": rules(json!(["delete"]))}),
        foreign: json!({"metadata": marks()}),
        status: None,
        existing: theirs(
            json!({"metadata": {"labels": {"size": "large"}}, "rules": rules(json!(["delete"]))}),
        ),
    }
}

fn pods(image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": image}]},
    })
}

const IMAGES: [&str; 2] = ["registry.example.com/web:1.0", "registry.example.com/web:2.0"];

/// No replicas: there is nobody to run them.
fn deployment() -> Kind {
    let selector = json!({"matchLabels": {"app": "web"}});
    let spec = json!({
        "replicas": 0, "minReadySeconds": 5, "revisionHistoryLimit": 3, "selector": selector,
        "template": pods(IMAGES[0]),
    });
    Kind {
        name: "Deployment",
        template: json!({ "spec": spec }),
        created: json!({"spec": {"replicas": 0, "minReadySeconds": 5, "revisionHistoryLimit": 3}}),
        edit: json!({"spec": {"revisionHistoryLimit": null, "template": pods(IMAGES[1])}}),
        // What is left out is defaulted again.
        edited: json!({"spec": {"revisionHistoryLimit": 10, "template": {"spec": {"containers": [{"image": IMAGES[1]}]}}}}),
        override_: ("/spec/replicas", json!(1)),
        overridden: json!({"spec": {"replicas": 1}}),
        drift: json!({"spec": {"minReadySeconds": 99}}),
        foreign: with_marks(json!({"spec": {"progressDeadlineSeconds": 700}})),
        status: Some(json!({"status": {"conditions": condition()}})),
        existing: theirs(json!({"spec": {
            "replicas": 0, "minReadySeconds": 77, "revisionHistoryLimit": 3, "progressDeadlineSeconds": 700,
            "selector": selector, "template": pods(IMAGES[0]),
        }})),
    }
}

fn replica_set() -> Kind {
    let selector = json!({"matchLabels": {"app": "web"}});
    let spec = json!({
        "replicas": 0, "minReadySeconds": 5, "selector": selector, "template": pods(IMAGES[0]),
    });
    Kind {
        name: "ReplicaSet",
        template: json!({"metadata": {"labels": {"size": "large"}}, "spec": spec}),
        created: json!({"metadata": {"labels": {"size": "large"}}, "spec": {"replicas": 0, "minReadySeconds": 5}}),
        edit: json!({"metadata": {"labels": {"size": null}}, "spec": {"template": pods(IMAGES[1])}}),
        edited: json!({
            "metadata": {"labels": {"size": null}},
            "spec": {"template": {"spec": {"containers": [{"image": IMAGES[1]}]}}},
        }),
        override_: ("/spec/minReadySeconds", json!(8)),
        overridden: json!({"spec": {"minReadySeconds": 8}}),
        drift: json!({"spec": {"minReadySeconds": 99}}),
        foreign: json!({"metadata": marks()}),
        status: Some(json!({"status": {"conditions": condition()}})),
        existing: theirs(json!({"metadata": {"labels": {"size": "large"}}, "spec": {
            "replicas": 0, "minReadySeconds": 77, "selector": selector, "template": pods(IMAGES[0]),
        }})),
    }
}

/// Suspended, so that it makes no pods. Most of a Job cannot be changed.
fn job() -> Kind {
    let template = merged(&pods(IMAGES[0]), &json!({"spec": {"restartPolicy": "Never"}}));
    Kind {
        name: "Job",
        template: json!({
            "metadata": {"labels": {"size": "large"}},
            "spec": {"suspend": true, "parallelism": 1, "template": template},
        }),
        created: json!({"metadata": {"labels": {"size": "large"}}, "spec": {"suspend": true, "parallelism": 1}}),
        edit: json!({"metadata": {"labels": {"size": null}}, "spec": {"parallelism": 2}}),
        edited: json!({"metadata": {"labels": {"size": null}}, "spec": {"parallelism": 2}}),
        override_: ("/spec/parallelism", json!(3)),
        overridden: json!({"spec": {"parallelism": 3}}),
        drift: json!({"spec": {"parallelism": 9}}),
        foreign: with_marks(json!({"spec": {"ttlSecondsAfterFinished": 700}})),
        status: Some(json!({"status": {"conditions": condition()}})),
        existing: theirs(json!({"metadata": {"labels": {"size": "large"}}, "spec": {
            "suspend": true, "parallelism": 7, "ttlSecondsAfterFinished": 700, "template": template,
        }})),
    }
}

fn ingress() -> Kind {
    let backend = |name: &str| json!({"service": {"name": name, "port": {"number": 80}}});
    Kind {
        name: "Ingress",
        template: json!({"spec": {"defaultBackend": backend("web"), "tls": [{"secretName": "web"}]}}),
        created: json!({"spec": {"defaultBackend": backend("web"), "tls": [{"secretName": "web"}]}}),
        edit: json!({"spec": {"defaultBackend": backend("shop"), "tls": null}}),
        edited: json!({"spec": {"defaultBackend": backend("shop"), "tls": null}}),
        override_: ("/spec/defaultBackend/service/name", json!("other")),
        overridden: json!({"spec": {"defaultBackend": backend("other")}}),
        drift: json!({"spec": {"defaultBackend": {"service": {"name": "drifted"}}}}),
        foreign: with_marks(json!({"spec": {"ingressClassName": "theirs"}})),
        status: Some(json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})),
        existing: theirs(json!({"spec": {
            "defaultBackend": backend("old"), "tls": [{"secretName": "web"}], "ingressClassName": "theirs",
        }})),
    }
}

fn website() -> Kind {
    Kind {
        name: "Website",
        template: json!({"spec": {"host": "www.example.com", "replicas": 2, "greeting": "Hello"}}),
        created: json!({"spec": {"host": "www.example.com", "replicas": 2, "greeting": "Hello"}}),
        edit: json!({"spec": {"host": "shop.example.com", "greeting": null}}),
        edited: json!({"spec": {"host": "shop.example.com", "replicas": 2, "greeting": null}}),
        override_: ("/spec/host", json!("m.example.com")),
        overridden: json!({"spec": {"host": "m.example.com"}}),
        drift: json!({"spec": {"replicas": 9}}),
        foreign: with_marks(json!({"spec": {"theme": "theirs"}})),
        status: Some(json!({"status": {"visits": 3}})),
        existing: theirs(
            json!({"spec": {"host": "old.example.com", "greeting": "Hello", "theme": "theirs"}}),
        ),
    }
}
