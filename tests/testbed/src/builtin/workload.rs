//! Workloads, and rules that several kinds share.

use kubefed_core::schema::structural::FieldError;
use serde_json::{Value, json};

use crate::registry::ResourceKind;
use crate::resources::meta;

const IMMUTABLE: &str = "field is immutable";
const DATA_LIMIT: u64 = 1_048_576;

/// Fields that an update must leave as they are.
pub(super) fn check_same(live: &Value, new: &Value, paths: &[&str]) -> Vec<FieldError> {
    let changed = paths.iter().filter(|path| meta::at_dotted(live, path) != meta::at_dotted(new, path));
    changed
        .map(|path| {
            FieldError::invalid(*path, meta::at_dotted(new, path).cloned().unwrap_or_default(), IMMUTABLE)
        })
        .collect()
}

/// Keys and total size of ConfigMaps and Secrets.
pub(super) fn check_data(kind: &ResourceKind, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut size = 0;
    for field in ["data", "binaryData"] {
        for (key, value) in object[field].as_object().into_iter().flatten() {
            size += value.as_str().unwrap_or_default().len() as u64;
            let path = format!("{field}[{key}]");
            if key.len() > 253 {
                errors.push(FieldError::invalid(
                    &path,
                    Value::from(key.as_str()),
                    "must be no more than 253 bytes",
                ));
            }
            if !is_config_key(key) {
                let detail = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  \
                              or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
                errors.push(FieldError::invalid(&path, Value::from(key.as_str()), detail));
            }
            if field == "binaryData" && !object["data"][key].is_null() {
                errors.push(FieldError::invalid(
                    &path,
                    Value::from(key.as_str()),
                    "duplicate of key present in data",
                ));
            }
        }
    }
    if size > DATA_LIMIT {
        let path = if kind.resource == "secrets" { "data" } else { "" };
        errors.push(FieldError::too_long(path, DATA_LIMIT));
    }
    errors
}

fn is_config_key(key: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !key.is_empty() && key.bytes().all(allowed) && key != "." && !key.starts_with("..")
}

/// A ConfigMap or Secret that is immutable stays as it is; a Secret's type always does.
pub(super) fn check_data_change(live: &Value, new: &Value) -> Vec<FieldError> {
    let mut errors = check_same(live, new, &["type"]);
    if live["immutable"] == true {
        let detail = "field is immutable when `immutable` is set";
        if new["immutable"] != true {
            errors.push(FieldError::forbidden("immutable", detail));
        }
        for field in ["data", "binaryData"] {
            if live.get(field) != new.get(field) {
                errors.push(FieldError::forbidden(field, detail));
            }
        }
    }
    errors
}

/// Keys that secrets of some types must have.
const SECRET_KEYS: &[(&str, &[&str])] = &[
    ("kubernetes.io/dockercfg", &[".dockercfg"]),
    ("kubernetes.io/dockerconfigjson", &[".dockerconfigjson"]),
    ("kubernetes.io/ssh-auth", &["ssh-privatekey"]),
    ("kubernetes.io/tls", &["tls.crt", "tls.key"]),
];

/// What the type of a Secret asks for.
pub(super) fn check_secret_type(object: &Value) -> Vec<FieldError> {
    let kind = object["type"].as_str().unwrap_or_default();
    if kind == "kubernetes.io/service-account-token" {
        let annotation = "kubernetes.io/service-account.name";
        let missing = meta::field(object, "annotations")[annotation].as_str().unwrap_or_default().is_empty();
        let field = format!("metadata.annotations[{annotation}]");
        return missing.then(|| FieldError::required(field, "")).into_iter().collect();
    }
    let keys = SECRET_KEYS.iter().find(|(name, _)| *name == kind).map(|(_, keys)| *keys).unwrap_or_default();
    let missing = keys.iter().filter(|key| object["data"].get(**key).is_none());
    missing.map(|key| FieldError::required(format!("data[{key}]"), "")).collect()
}

/// Rules of roles name at least one verb, and what it is about.
pub(super) fn check_role(kind: &ResourceKind, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let is_empty = |value: &Value| value.as_array().is_none_or(Vec::is_empty);
    for (index, rule) in object["rules"].as_array().into_iter().flatten().enumerate() {
        let path = format!("rules[{index}]");
        if is_empty(&rule["verbs"]) {
            errors
                .push(FieldError::required(format!("{path}.verbs"), "verbs must contain at least one value"));
        }
        if !is_empty(&rule["nonResourceURLs"]) {
            if kind.namespaced {
                let detail = "namespaced rules cannot apply to non-resource URLs";
                errors.push(FieldError::invalid(
                    format!("{path}.nonResourceURLs"),
                    rule["nonResourceURLs"].clone(),
                    detail,
                ));
            }
            continue;
        }
        if is_empty(&rule["apiGroups"]) {
            let detail = "resource rules must supply at least one api group";
            errors.push(FieldError::required(format!("{path}.apiGroups"), detail));
        }
        if is_empty(&rule["resources"]) {
            let detail = "resource rules must supply at least one resource";
            errors.push(FieldError::required(format!("{path}.resources"), detail));
        }
    }
    errors
}

/// An Ingress leads somewhere, and says how paths are matched.
pub(super) fn check_ingress(object: &Value) -> Vec<FieldError> {
    let spec = &object["spec"];
    let rules = spec["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    if rules.is_empty() && spec["defaultBackend"].is_null() {
        let detail = "either `defaultBackend` or `rules` must be specified";
        return vec![FieldError::invalid("spec", Value::Null, detail)];
    }
    let mut errors = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        for (number, path) in rule["http"]["paths"].as_array().into_iter().flatten().enumerate() {
            let field = format!("spec.rules[{index}].http.paths[{number}].pathType");
            match path["pathType"].as_str().unwrap_or_default() {
                "" => errors.push(FieldError::required(field, "pathType must be specified")),
                "Exact" | "Prefix" | "ImplementationSpecific" => {}
                other => {
                    let supported = ["Exact", "ImplementationSpecific", "Prefix"].map(str::to_owned);
                    errors.push(FieldError::not_supported(field, Value::from(other), &supported));
                }
            }
        }
    }
    errors
}

/// Selector and template of a workload must be there and fit.
pub(super) fn check_workload(object: &Value) -> Vec<FieldError> {
    let spec = &object["spec"];
    let mut errors = Vec::new();
    for field in ["replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"] {
        if spec[field].as_i64().is_some_and(|number| number < 0) {
            let detail = "must be greater than or equal to 0";
            errors.push(FieldError::invalid(format!("spec.{field}"), spec[field].clone(), detail));
        }
    }
    if spec["template"].is_null() && spec["selector"].is_null() {
        // Kinds of the group without pods.
        if spec.is_null() {
            return errors;
        }
    }
    let selector = &spec["selector"];
    if selector.is_null() {
        errors.push(FieldError::required("spec.selector", ""));
    } else if is_empty_selector(selector) {
        let detail = "empty selector is invalid for deployment";
        errors.push(FieldError::invalid("spec.selector", selector.clone(), detail));
    }
    if spec["strategy"]["type"] == "Recreate" && !spec["strategy"]["rollingUpdate"].is_null() {
        let detail = "may not be specified when strategy `type` is 'Recreate'";
        errors.push(FieldError::forbidden("spec.strategy.rollingUpdate", detail));
    }
    let labels = &spec["template"]["metadata"]["labels"];
    if selector.is_null() || !selects(selector, labels) {
        let detail = "`selector` does not match template `labels`";
        errors.push(FieldError::invalid("spec.template.metadata.labels", labels.clone(), detail));
    }
    check_pod_spec(&spec["template"]["spec"], "spec.template.spec", &mut errors);
    errors
}

fn is_empty_selector(selector: &Value) -> bool {
    ["matchLabels", "matchExpressions"].iter().all(|field| match &selector[*field] {
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => true,
    })
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let exact =
        selector["matchLabels"].as_object().into_iter().flatten().all(|(name, value)| labels[name] == *value);
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten().all(|expression| {
        let value = &labels[expression["key"].as_str().unwrap_or_default()];
        let listed = expression["values"].as_array().is_some_and(|values| values.contains(value));
        match expression["operator"].as_str().unwrap_or_default() {
            "In" => listed,
            "NotIn" => !listed,
            "Exists" => !value.is_null(),
            "DoesNotExist" => value.is_null(),
            _ => false,
        }
    });
    exact && expressions
}

/// Containers need names and images, and the names must differ.
fn check_pod_spec(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let containers = spec["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    if containers.is_empty() {
        errors.push(FieldError::required(format!("{path}.containers"), ""));
    }
    for (index, container) in containers.iter().enumerate() {
        let path = format!("{path}.containers[{index}]");
        let text = |field: &str| container[field].as_str().unwrap_or_default();
        if text("name").is_empty() {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        } else if containers[..index].iter().any(|other| other["name"] == container["name"]) {
            errors.push(FieldError::duplicate(format!("{path}.name"), container["name"].clone()));
        }
        if text("image").is_empty() {
            errors.push(FieldError::required(format!("{path}.image"), ""));
        }
        for (index, port) in container["ports"].as_array().into_iter().flatten().enumerate() {
            let number = port["containerPort"].as_i64().unwrap_or(0);
            let path = format!("{path}.ports[{index}].containerPort");
            if number == 0 {
                errors.push(FieldError::required(path, ""));
            } else if !(1..=65_535).contains(&number) {
                errors.push(FieldError::invalid(
                    path,
                    Value::from(number),
                    "must be between 1 and 65535, inclusive",
                ));
            }
        }
    }
}

pub(super) fn prepare_new_pod(object: &mut Value) {
    object["status"] = json!({"phase": "Pending", "qosClass": "BestEffort"});
}

/// The server generates a Job's selector, and the labels that it selects by, unless it is told not to.
pub(super) fn prepare_new_job(object: &mut Value) {
    object["status"] = json!({});
    if object["spec"]["manualSelector"] == true {
        return;
    }
    let (uid, name) = (meta::field(object, "uid"), meta::field(object, "name"));
    if !object["spec"]["template"].is_object() {
        return;
    }
    let generated = [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("job-name", &name),
    ];
    // A Job whose labels were taken from its template shares them with it.
    let shared = meta::field(object, "labels") == meta::field(&object["spec"]["template"], "labels");
    add_labels(&mut object["spec"]["template"], &generated);
    if shared {
        add_labels(object, &generated);
    }
    if object["spec"]["selector"].is_null() {
        object["spec"]["selector"] = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    }
}

fn add_labels(object: &mut Value, added: &[(&str, &Value)]) {
    let labels = meta::metadata_mut(object).entry("labels").or_insert_with(|| json!({}));
    for (label, value) in added {
        labels[*label] = (*value).clone();
    }
}

pub(super) fn check_job(object: &Value) -> Vec<FieldError> {
    let spec = &object["spec"];
    let mut errors = Vec::new();
    check_pod_spec(&spec["template"]["spec"], "spec.template.spec", &mut errors);
    let policy = spec["template"]["spec"]["restartPolicy"].as_str().unwrap_or_default();
    if policy == "Always" {
        let detail = "valid values: \"OnFailure\", \"Never\"";
        errors.push(FieldError::required("spec.template.spec.restartPolicy", detail));
    }
    errors
}

pub(super) fn check_job_change(live: &Value, new: &Value) -> Vec<FieldError> {
    let mut paths =
        vec!["spec.selector", "spec.completionMode", "spec.podFailurePolicy", "spec.backoffLimitPerIndex"];
    if new["spec"]["completionMode"] != "Indexed" {
        paths.push("spec.completions");
    }
    // A suspended Job that never ran may change how its pods are scheduled; that is not modelled.
    paths.push("spec.template");
    check_same(live, new, &paths)
}

pub(super) fn check_role_reference(live: &Value, new: &Value) -> Option<FieldError> {
    let role = &new["roleRef"];
    // The message shows the fields as Go calls them.
    let shown = json!({"APIGroup": role["apiGroup"], "Kind": role["kind"], "Name": role["name"]});
    (live["roleRef"] != *role).then(|| FieldError::invalid("roleRef", shown, "cannot change roleRef"))
}
