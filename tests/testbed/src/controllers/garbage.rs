//! Garbage collection by owner references: background, foreground and orphan.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Observed, options};
use crate::resources::{DeleteOptions, FOREGROUND, ORPHAN, PatchType, Propagation, Resources, Target, meta};
use crate::store::{GroupResource, ObjectKey};

type Place = (GroupResource, ObjectKey);

/// Knows who depends on whom.
#[derive(Debug, Default)]
pub(super) struct GarbageCollector {
    /// By uid of the owner.
    dependents: BTreeMap<String, BTreeSet<Place>>,
    owners: BTreeMap<Place, Vec<String>>,
    /// Owners that wait for their dependents, by uid.
    waiting: BTreeMap<String, Place>,
}

/// One owner reference.
struct Reference {
    api_version: String,
    kind: String,
    name: String,
    uid: String,
    blocks: bool,
}

fn references(object: &Value) -> Vec<Reference> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = meta::field(object, "ownerReferences");
    let references = list.as_array().into_iter().flatten().map(|owner| Reference {
        api_version: text(&owner["apiVersion"]),
        kind: text(&owner["kind"]),
        name: text(&owner["name"]),
        uid: text(&owner["uid"]),
        blocks: owner["blockOwnerDeletion"] == true,
    });
    references.collect()
}

impl GarbageCollector {
    pub(super) fn observe(&mut self, resources: &Resources, observed: &Observed<'_>) {
        let place = (observed.resource.clone(), observed.event.record.key.clone());
        let record = &observed.event.record;
        if observed.event.removed {
            self.waiting.remove(&*record.uid);
            let owners = self.forget(&place);
            for dependent in self.dependents.get(&*record.uid).cloned().unwrap_or_default() {
                collect(resources, &dependent);
            }
            for owner in owners {
                self.release_owner(resources, &owner);
            }
            return;
        }
        if record.owned || self.owners.contains_key(&place) {
            self.learn(&place, &observed.object());
            collect(resources, &place);
        }
        if record.deleting {
            self.owner_marked(resources, &place, &observed.object());
        }
    }

    fn learn(&mut self, place: &Place, object: &Value) {
        self.forget(place);
        let owners: Vec<String> = references(object).into_iter().map(|reference| reference.uid).collect();
        for owner in &owners {
            self.dependents.entry(owner.clone()).or_default().insert(place.clone());
        }
        if !owners.is_empty() {
            self.owners.insert(place.clone(), owners);
        }
    }

    fn forget(&mut self, place: &Place) -> Vec<String> {
        let owners = self.owners.remove(place).unwrap_or_default();
        for owner in &owners {
            if let Some(dependents) = self.dependents.get_mut(owner) {
                dependents.remove(place);
                if dependents.is_empty() {
                    self.dependents.remove(owner);
                }
            }
        }
        owners
    }

    /// An owner waits with a finalizer of the collector's.
    fn owner_marked(&mut self, resources: &Resources, place: &Place, object: &Value) {
        let finalizers = meta::finalizers(object);
        let uid = meta::text(object, "uid");
        if finalizers.iter().any(|one| one == ORPHAN) {
            for dependent in self.dependents.get(uid).into_iter().flatten() {
                orphan(resources, dependent, uid);
            }
            drop_finalizer(resources, place, ORPHAN);
        } else if finalizers.iter().any(|one| one == FOREGROUND) {
            self.waiting.insert(uid.to_owned(), place.clone());
            for dependent in self.dependents.get(uid).cloned().unwrap_or_default() {
                delete(resources, &dependent, Propagation::Foreground);
            }
            self.release(resources, place, uid);
        }
    }

    /// A dependent is gone: an owner that waited for it may go.
    fn release_owner(&self, resources: &Resources, uid: &str) {
        if let Some(place) = self.waiting.get(uid) {
            self.release(resources, place, uid);
        }
    }

    /// Lets a waiting owner go unless a dependent blocks it.
    fn release(&self, resources: &Resources, place: &Place, uid: &str) {
        let blocked = self.dependents.get(uid).into_iter().flatten().any(|dependent| {
            let object = resources.store.get(&dependent.0, &dependent.1).map(|record| record.value());
            object.is_some_and(|object| references(&object).iter().any(|one| one.uid == uid && one.blocks))
        });
        if !blocked {
            drop_finalizer(resources, place, FOREGROUND);
        }
    }
}

fn exists(resources: &Resources, namespace: &str, reference: &Reference) -> bool {
    let Some(kind) = resources.registry.find_kind(&reference.api_version, &reference.kind) else {
        // A kind that is not known here may exist elsewhere: the real collector does nothing either.
        return true;
    };
    let namespace = if kind.namespaced { namespace } else { "" };
    let record = resources.store.get(&kind.storage, &ObjectKey::new(namespace, &reference.name));
    record.is_some_and(|record| *record.uid == *reference.uid)
}

/// Deletes an object whose owners are all gone; references to owners that are gone are dropped where others remain.
fn collect(resources: &Resources, place: &Place) {
    let Some(record) = resources.store.get(&place.0, &place.1) else {
        return;
    };
    let object = record.value();
    let references = references(&object);
    if references.is_empty() || meta::is_being_deleted(&object) {
        return;
    }
    let (alive, gone): (Vec<_>, Vec<_>) =
        references.into_iter().partition(|reference| exists(resources, place.1.namespace(), reference));
    if alive.is_empty() {
        delete(resources, place, Propagation::Background);
    } else {
        gone.iter().for_each(|reference| orphan(resources, place, &reference.uid));
    }
}

fn delete(resources: &Resources, place: &Place, propagation: Propagation) {
    let Some(kind) = resources.registry.stored(&place.0) else {
        return;
    };
    let Some(record) = resources.store.get(&place.0, &place.1) else {
        return;
    };
    let target =
        Target { kind: &kind, namespace: place.1.namespace(), name: place.1.name(), subresource: None };
    let options = DeleteOptions {
        uid: Some(record.uid.to_string()),
        propagation: Some(propagation),
        ..DeleteOptions::default()
    };
    if let Err(error) = resources.delete(&target, &options) {
        tracing::debug!(message = error.message, "a dependent was not deleted");
    }
}

fn patch(resources: &Resources, place: &Place, patch: &Value) {
    let Some(kind) = resources.registry.stored(&place.0) else {
        return;
    };
    let target =
        Target { kind: &kind, namespace: place.1.namespace(), name: place.1.name(), subresource: None };
    if let Err(error) = resources.patch(&target, PatchType::Merge, patch, &options()) {
        tracing::debug!(message = error.message, "an object was not changed by the garbage collector");
    }
}

/// Removes the references to one owner.
fn orphan(resources: &Resources, place: &Place, uid: &str) {
    let Some(record) = resources.store.get(&place.0, &place.1) else {
        return;
    };
    let mut owners = meta::field(&record.value(), "ownerReferences");
    if let Some(list) = owners.as_array_mut() {
        list.retain(|owner| owner["uid"] != uid);
        let owners = if list.is_empty() { Value::Null } else { owners };
        patch(resources, place, &json!({"metadata": {"ownerReferences": owners, "uid": *record.uid}}));
    }
}

fn drop_finalizer(resources: &Resources, place: &Place, finalizer: &str) {
    let Some(record) = resources.store.get(&place.0, &place.1) else {
        return;
    };
    let left: Vec<String> =
        meta::finalizers(&record.value()).into_iter().filter(|one| one != finalizer).collect();
    patch(resources, place, &json!({"metadata": {"finalizers": left, "uid": *record.uid}}));
}
