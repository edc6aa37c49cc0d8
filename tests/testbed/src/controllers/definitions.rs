//! Deletion of CustomResourceDefinitions: their objects first, then themselves.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Observed, options};
use crate::builtin::CLEANUP_FINALIZER;
use crate::resources::{DeleteOptions, PatchType, Resources, Target, meta};
use crate::store::{GroupResource, Selection};

/// Cleans up behind definitions that are being deleted.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    /// Resources whose objects are going, and the names of their definitions.
    dying: BTreeMap<GroupResource, String>,
}

impl Definitions {
    pub(super) fn observe(&mut self, resources: &Resources, observed: &Observed<'_>) {
        if observed.is("apiextensions.k8s.io", "customresourcedefinitions") {
            let definition = observed.object();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let spec = &definition["spec"];
            let resource = GroupResource::new(&text(&spec["group"]), &text(&spec["names"]["plural"]));
            if observed.event.removed {
                self.dying.remove(&resource);
            } else if meta::finalizers(&definition).iter().any(|one| one == CLEANUP_FINALIZER)
                && meta::is_being_deleted(&definition)
            {
                delete_objects(resources, &resource);
                self.dying.insert(resource.clone(), observed.name().to_owned());
                finish_if_empty(resources, &resource, observed.name());
            }
        } else if let Some(name) = self.dying.get(observed.resource).filter(|_| observed.event.removed) {
            finish_if_empty(resources, observed.resource, name);
        }
    }
}

fn delete_objects(resources: &Resources, resource: &GroupResource) {
    let Some(kind) = resources.registry.stored(resource) else {
        return;
    };
    if let Err(error) = resources.delete_collection(&kind, &Selection::default(), &DeleteOptions::default()) {
        tracing::warn!(%resource, message = error.message, "objects of a definition were not deleted");
    }
}

fn finish_if_empty(resources: &Resources, resource: &GroupResource, name: &str) {
    if !resources.store.has_any(resource, None) {
        drop_finalizer(resources, name, CLEANUP_FINALIZER);
    }
}

fn drop_finalizer(resources: &Resources, name: &str, finalizer: &str) {
    let kind = resources.registry.find("apiextensions.k8s.io", "v1", "customresourcedefinitions");
    let Some(kind) = kind else { return };
    let Some(object) = resources.peek("apiextensions.k8s.io", "customresourcedefinitions", "", name) else {
        return;
    };
    let left: Vec<String> = meta::finalizers(&object).into_iter().filter(|one| one != finalizer).collect();
    let patch = serde_json::json!({"metadata": {"finalizers": left}});
    let target = Target { kind: &kind, namespace: "", name, subresource: None };
    if let Err(error) = resources.patch(&target, PatchType::Merge, &patch, &options()) {
        tracing::debug!(name, message = error.message, "a definition was not released");
    }
}
