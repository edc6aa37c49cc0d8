//! Fan-out of changes to watches.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::Store;
use super::key::GroupResource;
use super::record::{Event, Record};
use super::selection::Selection;

/// What a change means to one watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Added,
    Modified,
    Deleted,
}

impl Change {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// Translates a change for a watch with this selection: an object that leaves the selection is deleted to the watch,
/// one that enters it is added. `None` where the watch has nothing to do with it.
pub(crate) fn translate(event: &Event, selection: &Selection) -> Option<(Change, Arc<Record>)> {
    let before = event.previous.as_ref().filter(|record| selection.matches(record));
    let after = !event.removed && selection.matches(&event.record);
    match (before, after) {
        (None, true) => Some((Change::Added, event.record.clone())),
        (Some(_), true) => Some((Change::Modified, event.record.clone())),
        (Some(_), false) if event.removed => Some((Change::Deleted, event.record.clone())),
        // As on the real server the watch sees the last state that it knew, under the new version.
        (Some(before), false) => Some((Change::Deleted, Arc::new(before.at(event.revision)))),
        (None, false) => None,
    }
}

/// A registered watch: changes arrive in order and without gaps until it is dropped.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(super) store: Arc<Store>,
    pub(super) resource: GroupResource,
    pub(super) scope: Scope,
    pub(super) id: u64,
    pub(crate) events: UnboundedReceiver<Arc<Event>>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.store.unsubscribe(&self.resource, &self.scope, self.id);
    }
}

/// Where a watch looks; changes are offered only to watches whose scope covers them, so that a thousand watches on
/// single objects or namespaces cost a change nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    Everywhere,
    Namespace(String),
    Object { namespace: Option<String>, name: String },
}

impl Scope {
    pub(super) fn of(selection: &Selection) -> Self {
        match (&selection.name, &selection.namespace) {
            (Some(name), namespace) => Self::Object { namespace: namespace.clone(), name: name.clone() },
            (None, Some(namespace)) => Self::Namespace(namespace.clone()),
            (None, None) => Self::Everywhere,
        }
    }
}

#[derive(Debug)]
struct Watcher {
    id: u64,
    selection: Selection,
    sender: UnboundedSender<Arc<Event>>,
}

/// The watches on one resource.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    scopes: HashMap<Scope, Vec<Watcher>>,
}

impl Watchers {
    pub(super) fn add(
        &mut self,
        scope: Scope,
        id: u64,
        selection: Selection,
        sender: UnboundedSender<Arc<Event>>,
    ) {
        self.scopes.entry(scope).or_default().push(Watcher { id, selection, sender });
    }

    pub(super) fn remove(&mut self, scope: &Scope, id: u64) {
        if let Some(watchers) = self.scopes.get_mut(scope) {
            watchers.retain(|watcher| watcher.id != id);
            if watchers.is_empty() {
                self.scopes.remove(scope);
            }
        }
    }

    pub(super) fn publish(&self, event: &Arc<Event>) {
        if self.scopes.is_empty() {
            return;
        }
        let key = &event.record.key;
        let namespace = Some(key.namespace().to_owned());
        let name = key.name().to_owned();
        let scopes = [
            Scope::Everywhere,
            Scope::Namespace(key.namespace().to_owned()),
            Scope::Object { namespace: None, name: name.clone() },
            Scope::Object { namespace, name },
        ];
        for watcher in scopes.iter().filter_map(|scope| self.scopes.get(scope)).flatten() {
            let concerned = watcher.selection.matches(&event.record)
                || event.previous.as_ref().is_some_and(|record| watcher.selection.matches(record));
            if concerned {
                // A closed channel belongs to a watch that is just going away.
                let _ = watcher.sender.send(event.clone());
            }
        }
    }
}
