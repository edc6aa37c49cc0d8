//! Defaults that depend on other fields; the table in `defaults.json` calls them by name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::defaults::set;

type Object = Map<String, Value>;

/// Fills in defaults of one JSON object.
pub(super) type Function = fn(&mut Object);

/// The function that the table calls `name`.
pub(super) fn function(name: &str) -> Option<Function> {
    Some(match name {
        "autoscalerMetrics" => autoscaler_metrics,
        "daemonRollingUpdate" => daemon_rolling_update,
        "definitionNames" => definition_names,
        "deprecatedServiceAccount" => deprecated_service_account,
        "hostPorts" => host_ports,
        "imagePullPolicy" => image_pull_policy,
        "jobCounts" => job_counts,
        "labelsFromTemplate" => labels_from_template,
        "namespaceLabel" => namespace_label,
        "partition" => partition,
        "podReplacementPolicy" => pod_replacement_policy,
        "policyTypes" => policy_types,
        "requestsFromLimits" => requests_from_limits,
        "roleBinding" => role_binding,
        "rollingUpdate" => rolling_update,
        "selectorFromTemplate" => selector_from_template,
        "service" => service,
        "stringData" => string_data,
        "volumeSource" => volume_source,
        _ => return None,
    })
}

fn text<'a>(map: &'a Object, field: &str) -> &'a str {
    map.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// `Always` for the tag latest, which is also meant where there is no tag and no digest.
fn image_pull_policy(container: &mut Object) {
    let image = text(container, "image");
    let last = image.rsplit('/').next().unwrap_or_default();
    let latest = !image.contains('@') && last.split_once(':').is_none_or(|(_, tag)| tag == "latest");
    set(container, "imagePullPolicy", if latest { "Always" } else { "IfNotPresent" });
}

/// A volume without a source is an emptyDir.
fn volume_source(volume: &mut Object) {
    if volume.keys().all(|name| name == "name") {
        set(volume, "emptyDir", json!({}));
    }
}

/// The old name of the field is kept in step with the new one.
fn deprecated_service_account(spec: &mut Object) {
    let name = match (text(spec, "serviceAccountName"), text(spec, "serviceAccount")) {
        ("", "") => return,
        ("", old) => old.to_owned(),
        (new, _) => new.to_owned(),
    };
    for field in ["serviceAccountName", "serviceAccount"] {
        spec.insert(field.to_owned(), Value::from(name.as_str()));
    }
}

/// On the host's network every container port is a host port.
fn host_ports(spec: &mut Object) {
    if spec.get("hostNetwork") != Some(&Value::Bool(true)) {
        return;
    }
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
                let number = port["containerPort"].clone();
                if let Value::Object(port) = port {
                    set(port, "hostPort", number);
                }
            }
        }
    }
}

fn requests_from_limits(container: &mut Object) {
    let Some(Value::Object(resources)) = container.get_mut("resources") else {
        return;
    };
    let Some(Value::Object(limits)) = resources.get("limits").cloned() else {
        return;
    };
    let requests = resources.entry("requests").or_insert_with(|| json!({}));
    if let Value::Object(requests) = requests {
        for (name, limit) in limits {
            requests.entry(name).or_insert(limit);
        }
    }
}

fn rolling_update(strategy: &mut Object) {
    if text(strategy, "type") == "RollingUpdate" {
        set(strategy, "rollingUpdate", json!({}));
        if let Some(Value::Object(rolling)) = strategy.get_mut("rollingUpdate") {
            set(rolling, "maxUnavailable", "25%");
            set(rolling, "maxSurge", "25%");
        }
    }
}

fn daemon_rolling_update(strategy: &mut Object) {
    if text(strategy, "type") == "RollingUpdate" {
        set(strategy, "rollingUpdate", json!({}));
        if let Some(Value::Object(rolling)) = strategy.get_mut("rollingUpdate") {
            set(rolling, "maxUnavailable", 1);
            set(rolling, "maxSurge", 0);
        }
    }
}

fn partition(strategy: &mut Object) {
    if text(strategy, "type") == "RollingUpdate" {
        set(strategy, "rollingUpdate", json!({}));
        if let Some(Value::Object(rolling)) = strategy.get_mut("rollingUpdate") {
            set(rolling, "partition", 0);
        }
    }
}

fn job_counts(spec: &mut Object) {
    if !spec.contains_key("completions") && !spec.contains_key("parallelism") {
        set(spec, "completions", 1);
    }
    set(spec, "parallelism", 1);
    let limit = if spec.contains_key("backoffLimitPerIndex") { i64::from(i32::MAX) } else { 6 };
    set(spec, "backoffLimit", limit);
}

fn pod_replacement_policy(spec: &mut Object) {
    let policy = if spec.contains_key("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    set(spec, "podReplacementPolicy", policy);
}

/// An object without labels takes those of its pod template.
fn labels_from_template(object: &mut Object) {
    let labels = template_labels(object);
    let metadata = object.entry("metadata").or_insert_with(|| json!({}));
    if let (Some(labels), Value::Object(metadata)) = (labels, metadata) {
        set(metadata, "labels", labels);
    }
}

fn selector_from_template(object: &mut Object) {
    let labels = template_labels(object);
    if let (Some(labels), Some(Value::Object(spec))) = (labels, object.get_mut("spec")) {
        set(spec, "selector", labels);
    }
}

fn template_labels(object: &Object) -> Option<Value> {
    object.get("spec")?.get("template")?.get("metadata")?.get("labels").cloned()
}

/// Every namespace carries its own name as a label.
fn namespace_label(namespace: &mut Object) {
    let Some(Value::Object(metadata)) = namespace.get_mut("metadata") else {
        return;
    };
    let name = text(metadata, "name").to_owned();
    if name.is_empty() {
        return;
    }
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    if let Value::Object(labels) = labels {
        labels.insert("kubernetes.io/metadata.name".to_owned(), Value::from(name));
    }
}

/// `stringData` is only for writing: it ends up in `data`.
fn string_data(secret: &mut Object) {
    let Some(Value::Object(texts)) = secret.remove("stringData") else {
        return;
    };
    if texts.is_empty() {
        return;
    }
    let data = secret.entry("data").or_insert_with(|| json!({}));
    if let Value::Object(data) = data {
        for (key, value) in texts {
            data.insert(key, Value::from(STANDARD.encode(value.as_str().unwrap_or_default())));
        }
    }
}

fn service(spec: &mut Object) {
    set(spec, "sessionAffinity", "None");
    if text(spec, "sessionAffinity") == "None" {
        spec.remove("sessionAffinityConfig");
    } else {
        let config = spec.entry("sessionAffinityConfig").or_insert_with(|| json!({}));
        if config["clientIP"]["timeoutSeconds"].is_null() {
            config["clientIP"]["timeoutSeconds"] = json!(10_800);
        }
    }
    set(spec, "type", "ClusterIP");
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        let Value::Object(port) = port else { continue };
        set(port, "protocol", "TCP");
        let number = port.get("port").cloned().unwrap_or_default();
        if port.get("targetPort").is_none_or(|target| *target == json!(0) || *target == json!("")) {
            port.insert("targetPort".to_owned(), number);
        }
    }
    let kind = text(spec, "type").to_owned();
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        set(spec, "externalTrafficPolicy", "Cluster");
    }
    if kind != "ExternalName" {
        set(spec, "internalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        set(spec, "allocateLoadBalancerNodePorts", true);
    }
}

fn policy_types(spec: &mut Object) {
    if !spec.contains_key("policyTypes") {
        let mut types = vec!["Ingress"];
        if spec.contains_key("egress") {
            types.push("Egress");
        }
        spec.insert("policyTypes".to_owned(), Value::from(types));
    }
}

fn role_binding(binding: &mut Object) {
    const GROUP: &str = "rbac.authorization.k8s.io";
    if let Some(Value::Object(role)) = binding.get_mut("roleRef") {
        set(role, "apiGroup", GROUP);
    }
    for subject in binding.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::Object(subject) = subject
            && matches!(text(subject, "kind"), "User" | "Group")
        {
            set(subject, "apiGroup", GROUP);
        }
    }
}

fn autoscaler_metrics(spec: &mut Object) {
    set(
        spec,
        "metrics",
        json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]),
    );
}

fn definition_names(names: &mut Object) {
    let kind = text(names, "kind").to_owned();
    if text(names, "singular").is_empty() {
        names.insert("singular".to_owned(), Value::from(kind.to_lowercase()));
    }
    if text(names, "listKind").is_empty() && !kind.is_empty() {
        names.insert("listKind".to_owned(), Value::from(format!("{kind}List")));
    }
}
