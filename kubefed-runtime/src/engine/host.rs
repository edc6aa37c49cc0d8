//! What the host holds of one federated type: compact bytes per object, without managed fields.

use std::collections::BTreeMap;

use bytes::Bytes;
use kube::api::{DynamicObject, ObjectMeta};
use kubefed_core::api::RawFederated;
use parking_lot::RwLock;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::Key;

/// The federated objects of one type.
#[derive(Default)]
pub(crate) struct HostCache {
    state: RwLock<State>,
    complete: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<Key, HostObject>,
    listed: Option<Vec<Key>>,
}

/// One federated object as compact JSON, and what tells one version from another.
#[derive(Clone, Debug)]
struct HostObject {
    resource_version: u64,
    /// The object without managed fields.
    object: Bytes,
}

/// What an event of the host's watch meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostChange {
    /// Something that matters changed.
    Changed,
    /// It was known already, for example from the answer to our own request.
    Known,
}

impl HostCache {
    /// A list begins.
    pub(crate) fn list_begins(&self) {
        self.state.write().listed = Some(Vec::new());
    }

    /// The list has ended. Answers the keys of objects that are gone.
    pub(crate) fn list_ends(&self) -> Vec<Key> {
        let mut state = self.state.write();
        let mut listed = state.listed.take().unwrap_or_default();
        listed.sort_unstable();
        let gone: Vec<Key> =
            state.objects.keys().filter(|key| listed.binary_search(key).is_err()).cloned().collect();
        for key in &gone {
            state.objects.remove(key);
        }
        drop(state);
        self.complete.send_replace(true);
        gone
    }

    /// Whether a whole list was seen. Before that, what is not here may well be on the host.
    pub(crate) fn is_complete(&self) -> bool {
        *self.complete.borrow()
    }

    /// Waits until a whole list was seen.
    pub(crate) async fn complete(&self) {
        // The sender lives as long as `self`.
        let _ = self.complete.subscribe().wait_for(|complete| *complete).await;
    }

    /// A list or watch has shown an object, or our own request has answered with it.
    pub(crate) fn shows(&self, key: &Key, mut object: DynamicObject) -> HostChange {
        object.metadata.managed_fields = None;
        let resource_version = version(&object.metadata);
        let Ok(bytes) = serde_json::to_vec(&object) else {
            return HostChange::Known;
        };
        let mut state = self.state.write();
        if let Some(listed) = &mut state.listed {
            listed.push(key.clone());
        }
        if state.objects.get(key).is_some_and(|known| known.resource_version >= resource_version) {
            return HostChange::Known;
        }
        state.objects.insert(key.clone(), HostObject { resource_version, object: bytes.into() });
        HostChange::Changed
    }

    /// Our own request has answered with the metadata of an object whose other fields it did not touch.
    ///
    /// Somebody else may have touched them before it: then the generation is another, and the answer is of no use. The
    /// event that tells of both is under way.
    pub(crate) fn answered(&self, key: &Key, meta: &ObjectMeta) -> HostChange {
        let known = self.decoded::<DynamicObject>(key).and_then(Result::ok);
        match known.filter(|known| known.metadata.generation == meta.generation) {
            Some(known) => self.answered_with(key, DynamicObject { metadata: meta.clone(), ..known }),
            None => HostChange::Known,
        }
    }

    /// Our own request has answered with an object. The watch may have shown its end before: only what is known changes.
    ///
    /// The events that follow are no news. If the answer tells of what somebody else did just before our request, it is
    /// the only one that does: that is a change.
    pub(crate) fn answered_with(&self, key: &Key, mut object: DynamicObject) -> HostChange {
        object.metadata.managed_fields = None;
        let resource_version = version(&object.metadata);
        let Ok(bytes) = serde_json::to_vec(&object) else { return HostChange::Known };
        let mut state = self.state.write();
        let Some(known) =
            state.objects.get_mut(key).filter(|known| known.resource_version < resource_version)
        else {
            return HostChange::Known;
        };
        let before = serde_json::from_slice::<DynamicObject>(&known.object).map(|before| before.metadata);
        *known = HostObject { resource_version, object: bytes.into() };
        match before {
            Ok(before) if is_ours_alone(&before, &object.metadata) => HostChange::Known,
            _ => HostChange::Changed,
        }
    }

    /// The watch has shown that an object is gone.
    pub(crate) fn removes(&self, key: &Key) {
        self.state.write().objects.remove(key);
    }

    /// The object, decoded. `None` if there is none; an error if it cannot be read as a federated object.
    pub(crate) fn get(&self, key: &Key) -> Option<Result<RawFederated, serde_json::Error>> {
        self.decoded(key)
    }

    fn decoded<T: DeserializeOwned>(&self, key: &Key) -> Option<Result<T, serde_json::Error>> {
        let bytes = self.state.read().objects.get(key)?.object.clone();
        Some(serde_json::from_slice(&bytes))
    }

    /// Whether there is such an object.
    pub(crate) fn contains(&self, key: &Key) -> bool {
        self.state.read().objects.contains_key(key)
    }

    /// All keys.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.state.read().objects.keys().cloned().collect()
    }

    /// All keys in a namespace.
    pub(crate) fn keys_in(&self, namespace: &str) -> Vec<Key> {
        let (from, to) = Key::within(namespace);
        self.state.read().objects.range(from..to).map(|(key, _)| key.clone()).collect()
    }
}

/// Whether nothing has changed that others change: of the metadata we write our finalizer only.
fn is_ours_alone(before: &ObjectMeta, after: &ObjectMeta) -> bool {
    before.uid == after.uid
        && before.generation == after.generation
        && before.deletion_timestamp == after.deletion_timestamp
        && before.labels == after.labels
        && before.annotations == after.annotations
}

fn version(meta: &ObjectMeta) -> u64 {
    meta.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}
