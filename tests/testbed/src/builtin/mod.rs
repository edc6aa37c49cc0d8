//! What the real server has in Go code about Kubernetes' own kinds: traits, defaults, what a strategy prepares, and the
//! validation that the OpenAPI documents do not express. Everything else about a kind comes from the documents.

mod computed;
mod defaults;
mod definition;
mod namespace;
mod service;
mod traits;
mod workload;

use kubefed_core::schema::structural::FieldError;
use serde_json::{Value, json};

pub(crate) use defaults::fill_defaults;
pub(crate) use definition::CLEANUP_FINALIZER;
pub(crate) use traits::{NameRule, PLAIN, Traits, traits};

use crate::error::ApiResult;
use crate::registry::ResourceKind;
use crate::resources::{Resources, Target};

const CRD_GROUP: &str = "apiextensions.k8s.io";

fn which(kind: &ResourceKind) -> (&str, &str) {
    (&kind.group, &kind.resource)
}

/// What a strategy does to a new object.
pub(crate) fn prepare_new(resources: &Resources, kind: &ResourceKind, object: &mut Value) -> ApiResult<()> {
    match which(kind) {
        ("", "namespaces") => namespace::prepare_new(object),
        ("", "services") => service::prepare_new(resources, kind, object)?,
        ("", "pods") => workload::prepare_new_pod(object),
        ("", "persistentvolumes" | "persistentvolumeclaims") => {
            object["status"] = json!({"phase": "Pending"});
        }
        ("batch", "jobs") => workload::prepare_new_job(object),
        (CRD_GROUP, _) => definition::prepare_new(resources, object),
        _ => {}
    }
    Ok(())
}

/// What a strategy does to a changed object.
pub(crate) fn prepare_changed(
    resources: &Resources,
    target: &Target<'_>,
    live: &Value,
    new: &mut Value,
) -> ApiResult<()> {
    let kind = target.kind;
    match which(kind) {
        ("", "namespaces") if target.subresource == Some("finalize") => {}
        ("", "namespaces") => namespace::prepare_changed(live, new),
        ("", "services") => service::prepare_changed(resources, kind, live, new)?,
        (CRD_GROUP, _) => definition::prepare_changed(resources, live, new),
        _ => {}
    }
    Ok(())
}

/// What is wrong with a new object.
pub(crate) fn check_new(resources: &Resources, kind: &ResourceKind, object: &Value) -> Vec<FieldError> {
    let _ = resources;
    match which(kind) {
        ("", "configmaps") => workload::check_data(kind, object),
        ("", "secrets") => {
            let mut errors = workload::check_data(kind, object);
            errors.extend(workload::check_secret_type(object));
            errors
        }
        ("", "services") => service::check(object),
        ("apps", _) => workload::check_workload(object),
        ("batch", "jobs") => workload::check_job(object),
        ("networking.k8s.io", "ingresses") => workload::check_ingress(object),
        ("rbac.authorization.k8s.io", "roles" | "clusterroles") => workload::check_role(kind, object),
        (CRD_GROUP, _) => definition::check(object),
        _ => Vec::new(),
    }
}

/// What is wrong with a changed object, or with the change.
pub(crate) fn check_changed(
    resources: &Resources,
    kind: &ResourceKind,
    live: &Value,
    new: &Value,
) -> Vec<FieldError> {
    let mut errors = check_new(resources, kind, new);
    match which(kind) {
        ("", "configmaps" | "secrets") => errors.extend(workload::check_data_change(live, new)),
        ("", "services") => errors.extend(service::check_change(live, new)),
        ("apps", "deployments" | "replicasets" | "daemonsets") => {
            errors.extend(workload::check_same(live, new, &["spec.selector"]));
        }
        ("batch", "jobs") => errors.extend(workload::check_job_change(live, new)),
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => {
            errors.extend(workload::check_role_reference(live, new));
        }
        (CRD_GROUP, _) => errors.extend(definition::check_change(live, new)),
        _ => {}
    }
    errors
}

/// Refuses deletions that must not be.
pub(crate) fn check_deletion(kind: &ResourceKind, object: &Value) -> ApiResult<()> {
    match which(kind) {
        ("", "namespaces") => namespace::check_deletion(kind, object),
        _ => Ok(()),
    }
}

/// Whether the kind keeps an object that is being deleted, finalizers aside.
pub(crate) fn holds_deletion(resources: &Resources, kind: &ResourceKind, object: &Value) -> bool {
    let _ = resources;
    match which(kind) {
        ("", "namespaces") => namespace::holds_deletion(object),
        (CRD_GROUP, _) => definition::holds_deletion(object),
        _ => false,
    }
}

/// What else changes when an object is marked as being deleted.
pub(crate) fn mark_deleted(kind: &ResourceKind, object: &mut Value) {
    match which(kind) {
        ("", "namespaces") => namespace::mark_deleted(object),
        (CRD_GROUP, _) => definition::mark_deleted(object),
        _ => {}
    }
}

/// Whether an object is a definition of custom resources.
pub(crate) fn is_definition(kind: &ResourceKind) -> bool {
    kind.group == CRD_GROUP
}
