//! Deletion of namespaces: their content first, then themselves.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Observed, options};
use crate::registry::ResourceKind;
use crate::resources::{DeleteOptions, Resources, Target, meta};
use crate::store::Selection;

/// Empties namespaces that are being deleted.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    terminating: BTreeSet<String>,
}

impl Namespaces {
    pub(super) fn observe(&mut self, resources: &Resources, observed: &Observed<'_>) {
        if observed.is("", "namespaces") {
            let name = observed.name().to_owned();
            if observed.event.removed {
                self.terminating.remove(&name);
            } else if meta::is_being_deleted(&observed.object()) {
                self.terminating.insert(name.clone());
                empty(resources, &name);
                finish_if_empty(resources, &name);
            }
        } else if self.terminating.contains(observed.namespace()) {
            finish_if_empty(resources, observed.namespace());
        }
    }
}

/// Deletes what is in a namespace; what finalizers hold stays until they are gone.
fn empty(resources: &Resources, namespace: &str) {
    let selection = Selection::all(Some(namespace));
    for resource in resources.store.resources() {
        let Some(kind) = resources.registry.stored(&resource).filter(|kind| kind.namespaced) else {
            continue;
        };
        if let Err(error) = resources.delete_collection(&kind, &selection, &DeleteOptions::default()) {
            tracing::warn!(namespace, %resource, message = error.message, "content of a namespace was not deleted");
        }
    }
}

fn finish_if_empty(resources: &Resources, namespace: &str) {
    let store = &resources.store;
    if store.resources().iter().any(|resource| store.has_any(resource, Some(namespace))) {
        return;
    }
    if let Some(kind) = resources.registry.find("", "v1", "namespaces") {
        finalize(resources, &kind, namespace);
    }
}

fn finalize(resources: &Resources, kind: &ResourceKind, namespace: &str) {
    let target = Target { kind, namespace: "", name: namespace, subresource: Some("finalize") };
    let Some(mut object) = resources.peek("", "namespaces", "", namespace) else {
        return;
    };
    if object["spec"]["finalizers"].is_null() {
        return;
    }
    object["spec"] = json!({});
    meta::set(&mut object, "resourceVersion", serde_json::Value::Null);
    if let Err(error) = resources.replace(&target, object, &options()) {
        tracing::debug!(namespace, message = error.message, "a namespace was not finalized");
    }
}
