//! Services: cluster addresses and node ports.

use std::collections::BTreeSet;

use kubefed_core::schema::structural::FieldError;
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::registry::ResourceKind;
use crate::resources::{Resources, meta};
use crate::store::Selection;

const ADDRESS_RANGE: &str = "10.96";
const NODE_PORTS: std::ops::RangeInclusive<u64> = 30_000..=32_767;

struct Used {
    addresses: BTreeSet<String>,
    ports: BTreeSet<u64>,
}

/// Addresses and ports of all services; few enough in tests to be read anew.
fn used(resources: &Resources, kind: &ResourceKind) -> Used {
    let mut used = Used { addresses: BTreeSet::new(), ports: BTreeSet::new() };
    let page = resources.store.list(&kind.storage, &Selection::default(), 0, None);
    for record in page.map(|page| page.records).unwrap_or_default() {
        let service = record.value();
        used.addresses.extend(service["spec"]["clusterIP"].as_str().map(str::to_owned));
        let ports = service["spec"]["ports"].as_array().into_iter().flatten();
        used.ports.extend(ports.filter_map(|port| port["nodePort"].as_u64()));
    }
    used
}

fn kind_of(object: &Value) -> &str {
    object["spec"]["type"].as_str().unwrap_or_default()
}

pub(super) fn prepare_new(resources: &Resources, kind: &ResourceKind, object: &mut Value) -> ApiResult<()> {
    object["status"] = json!({"loadBalancer": {}});
    if kind_of(object) == "ExternalName" {
        return Ok(());
    }
    let used = used(resources, kind);
    let wanted = object["spec"]["clusterIP"].as_str().unwrap_or_default().to_owned();
    let address = match wanted.as_str() {
        "" => (0..=u64::from(u16::MAX))
            .map(|_| resources.random.next())
            .map(|random| format!("{ADDRESS_RANGE}.{}.{}", random >> 8 & 0xff, random & 0xff))
            .find(|address| !used.addresses.contains(address) && !address.ends_with(".0.0"))
            .ok_or_else(|| ApiError::internal("failed to allocate a serviceIP: range is full"))?,
        "None" => wanted,
        _ if used.addresses.contains(&wanted) => {
            let detail = "failed to allocate IP: provided IP is already allocated";
            let error = FieldError::invalid("spec.clusterIPs", json!([wanted]), detail);
            return Err(ApiError::invalid(kind, meta::text(object, "name"), &[error]));
        }
        _ => wanted,
    };
    let spec = &mut object["spec"];
    spec["clusterIPs"] = json!([address]);
    spec["clusterIP"] = Value::from(address);
    if spec["ipFamilies"].is_null() {
        spec["ipFamilies"] = json!(["IPv4"]);
    }
    if spec["ipFamilyPolicy"].is_null() {
        spec["ipFamilyPolicy"] = json!("SingleStack");
    }
    allocate_ports(object, used.ports)
}

pub(super) fn prepare_changed(
    resources: &Resources,
    kind: &ResourceKind,
    live: &Value,
    new: &mut Value,
) -> ApiResult<()> {
    let (was, is) = (kind_of(live).to_owned(), kind_of(new).to_owned());
    if is == "ExternalName" {
        return Ok(());
    }
    if was == "ExternalName" {
        let status = new["status"].clone();
        prepare_new(resources, kind, new)?;
        new["status"] = status;
        return Ok(());
    }
    // What was allocated is kept where the update does not say.
    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"] {
        if new["spec"][field].is_null() {
            match live["spec"].get(field) {
                Some(value) => new["spec"][field] = value.clone(),
                None => {
                    new["spec"].as_object_mut().map(|spec| spec.remove(field));
                }
            }
        }
    }
    if has_node_ports(&was) && !has_node_ports(&is) {
        drop_node_port_fields(live, new);
    }
    let same_port =
        |port: &Value, old: &Value| port["port"] == old["port"] && port["protocol"] == old["protocol"];
    let old_ports = live["spec"]["ports"].as_array().cloned().unwrap_or_default();
    for port in new["spec"]["ports"].as_array_mut().into_iter().flatten() {
        if has_node_ports(&is)
            && port["nodePort"].is_null()
            && let Some(old) = old_ports.iter().find(|old| same_port(port, old))
            && !old["nodePort"].is_null()
        {
            port["nodePort"] = old["nodePort"].clone();
        }
        if port["nodePort"].is_null() {
            port.as_object_mut().map(|port| port.remove("nodePort"));
        }
    }
    if has_node_ports(&is) { allocate_ports(new, used(resources, kind).ports) } else { Ok(()) }
}

/// What only node ports have goes with them, unless the update changes it.
fn drop_node_port_fields(live: &Value, new: &mut Value) {
    let unchanged = |field: &str| live["spec"][field] == new["spec"][field];
    let dropped: Vec<&str> =
        ["externalTrafficPolicy", "allocateLoadBalancerNodePorts", "healthCheckNodePort"]
            .into_iter()
            .filter(|field| unchanged(field))
            .collect();
    if let Some(spec) = new["spec"].as_object_mut() {
        dropped.iter().for_each(|field| drop(spec.remove(*field)));
    }
    let old: Vec<Value> =
        live["spec"]["ports"].as_array().into_iter().flatten().map(|port| port["nodePort"].clone()).collect();
    for (index, port) in new["spec"]["ports"].as_array_mut().into_iter().flatten().enumerate() {
        if old.get(index) == Some(&port["nodePort"])
            && let Value::Object(port) = port
        {
            port.remove("nodePort");
        }
    }
}

fn has_node_ports(kind: &str) -> bool {
    matches!(kind, "NodePort" | "LoadBalancer")
}

fn allocate_ports(object: &mut Value, mut used: BTreeSet<u64>) -> ApiResult<()> {
    if !has_node_ports(kind_of(object)) {
        return Ok(());
    }
    for port in object["spec"]["ports"].as_array_mut().into_iter().flatten() {
        if port["nodePort"].as_u64().is_some_and(|number| number != 0) {
            continue;
        }
        let free = NODE_PORTS.into_iter().find(|number| !used.contains(number));
        let free = free.ok_or_else(|| ApiError::internal("failed to allocate a nodePort: range is full"))?;
        used.insert(free);
        port["nodePort"] = Value::from(free);
    }
    Ok(())
}

pub(super) fn check(object: &Value) -> Vec<FieldError> {
    let spec = &object["spec"];
    let mut errors = Vec::new();
    let ports = spec["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
    if ports.is_empty() && spec["clusterIP"] != "None" && kind_of(object) != "ExternalName" {
        errors.push(FieldError::required("spec.ports", ""));
    }
    for (index, port) in ports.iter().enumerate() {
        let path = format!("spec.ports[{index}]");
        if ports.len() > 1 && port["name"].as_str().unwrap_or_default().is_empty() {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        }
        let number = port["port"].as_i64().unwrap_or(0);
        let detail = "must be between 1 and 65535, inclusive";
        for (field, number) in [("port", Some(number)), ("targetPort", port["targetPort"].as_i64())] {
            if let Some(number) = number.filter(|number| !(1..=65_535).contains(number)) {
                errors.push(FieldError::invalid(format!("{path}.{field}"), Value::from(number), detail));
            }
        }
        if !port["name"].is_null() && ports[..index].iter().any(|other| other["name"] == port["name"]) {
            errors.push(FieldError::duplicate(format!("{path}.name"), port["name"].clone()));
        }
    }
    let ingress = &object["status"]["loadBalancer"]["ingress"];
    if kind_of(object) != "LoadBalancer" && ingress.as_array().is_some_and(|list| !list.is_empty()) {
        let detail = "may only be used when `spec.type` is 'LoadBalancer'";
        errors.push(FieldError::forbidden("status.loadBalancer.ingress", detail));
    }
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    if !kinds.contains(&kind_of(object)) {
        let supported = kinds.map(str::to_owned);
        errors.push(FieldError::not_supported("spec.type", spec["type"].clone(), &supported));
    }
    errors
}

pub(super) fn check_change(live: &Value, new: &Value) -> Vec<FieldError> {
    if kind_of(live) == "ExternalName" || kind_of(new) == "ExternalName" {
        return Vec::new();
    }
    let changed = live["spec"]["clusterIP"] != new["spec"]["clusterIP"];
    let error = changed.then(|| {
        let addresses = json!([new["spec"]["clusterIP"]]);
        FieldError::invalid("spec.clusterIPs[0]", addresses, "may not change once set")
    });
    error.into_iter().collect()
}
