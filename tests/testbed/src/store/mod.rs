//! The versioned store: objects by resource and key, one revision counter, a log of recent changes, and watches.
//!
//! It knows nothing of Kubernetes beyond keys, labels and resource versions. Every commit takes the next revision and,
//! under one lock, changes the object, appends to the log and offers the change to the watches: so a list at revision R
//! contains every change up to R, and a watch that begins at R gets every change after it, once, in order.

mod key;
mod record;
mod selection;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub(crate) use key::{GroupResource, ObjectKey};
pub(crate) use record::{Attributes, Draft, Event, Record};
pub(crate) use selection::{Operator, Requirement, Selection};
pub(crate) use watch::{Change, Subscription, translate};
use watch::{Scope, Watchers};

/// How many changes of one resource are remembered. A watch or a page that begins before them is answered 410, as a
/// real server does after compaction.
const LOG_LENGTH: usize = 16_384;

/// The versioned store of one control plane.
#[derive(Debug)]
pub(crate) struct Store {
    inner: RwLock<Inner>,
}

#[derive(Debug)]
struct Inner {
    revision: u64,
    compacted: u64,
    next_watch: u64,
    tables: HashMap<GroupResource, Table>,
    /// Watches on everything, for the controllers of the control plane itself.
    listeners: Vec<UnboundedSender<(GroupResource, Arc<Event>)>>,
}

#[derive(Debug, Default)]
struct Table {
    objects: BTreeMap<ObjectKey, Arc<Record>>,
    log: VecDeque<Arc<Event>>,
    /// The revision of the last change that the log no longer has.
    forgotten: u64,
    watchers: Watchers,
}

/// What must hold for a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// There is no such object.
    Absent,
    /// The object is at this revision.
    Revision(u64),
}

/// Why nothing was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommitError {
    /// The object exists already.
    #[error("the object exists")]
    Exists,
    /// The object is gone.
    #[error("the object does not exist")]
    Missing,
    /// The object has another revision by now.
    #[error("the object has changed")]
    Changed,
}

/// The wanted past is no longer remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too old resource version: {requested} ({oldest})")]
pub(crate) struct Expired {
    pub(crate) requested: u64,
    pub(crate) oldest: u64,
}

/// Part of a list.
#[derive(Debug)]
pub(crate) struct Page {
    /// The revision that the whole list is consistent with.
    pub(crate) revision: u64,
    pub(crate) records: Vec<Arc<Record>>,
    /// The last key of this page where there is more.
    pub(crate) next: Option<ObjectKey>,
    /// How many objects follow; known only where nothing narrows the list.
    pub(crate) remaining: Option<usize>,
}

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Continue {
    pub(crate) revision: u64,
    pub(crate) after: ObjectKey,
}

impl Store {
    pub(crate) fn new() -> Arc<Self> {
        let inner = Inner {
            // Never 0: to clients version 0 means "any".
            revision: 1,
            compacted: 0,
            next_watch: 0,
            tables: HashMap::new(),
            listeners: Vec::new(),
        };
        Arc::new(Self { inner: RwLock::new(inner) })
    }

    /// The revision of the last commit.
    pub(crate) fn revision(&self) -> u64 {
        self.inner.read().revision
    }

    pub(crate) fn get(&self, resource: &GroupResource, key: &ObjectKey) -> Option<Arc<Record>> {
        self.inner.read().tables.get(resource)?.objects.get(key).cloned()
    }

    /// Resources of which there are objects.
    pub(crate) fn resources(&self) -> Vec<GroupResource> {
        let inner = self.inner.read();
        let mut resources: Vec<_> = inner
            .tables
            .iter()
            .filter(|(_, table)| !table.objects.is_empty())
            .map(|(key, _)| key.clone())
            .collect();
        resources.sort();
        resources
    }

    /// Creates or replaces an object.
    pub(crate) fn commit(
        &self,
        resource: &GroupResource,
        draft: Draft,
        expect: Expect,
    ) -> Result<Arc<Record>, CommitError> {
        let mut inner = self.inner.write();
        let compacted = inner.compacted;
        let revision = inner.revision + 1;
        let table = inner.table(resource, compacted);
        let previous = table.objects.get(&draft.key).cloned();
        check(previous.as_deref(), expect)?;
        let record = Arc::new(draft.record(revision));
        table.objects.insert(record.key.clone(), record.clone());
        inner.publish(resource, Event { revision, record: record.clone(), previous, removed: false });
        Ok(record)
    }

    /// Removes an object; answers its last state under the removal's revision.
    pub(crate) fn remove(
        &self,
        resource: &GroupResource,
        key: &ObjectKey,
        expect: Expect,
    ) -> Result<Arc<Record>, CommitError> {
        let mut inner = self.inner.write();
        let revision = inner.revision + 1;
        let table = inner.tables.get_mut(resource).ok_or(CommitError::Missing)?;
        let previous = table.objects.get(key).cloned().ok_or(CommitError::Missing)?;
        check(Some(&previous), expect)?;
        table.objects.remove(key);
        let record = Arc::new(previous.at(revision));
        inner.publish(
            resource,
            Event { revision, record: record.clone(), previous: Some(previous), removed: true },
        );
        Ok(record)
    }

    /// One page of a list in the order of keys. `limit` 0 means everything.
    pub(crate) fn list(
        &self,
        resource: &GroupResource,
        selection: &Selection,
        limit: usize,
        from: Option<&Continue>,
    ) -> Result<Page, Expired> {
        let inner = self.inner.read();
        let revision = from.map_or(inner.revision, |from| from.revision);
        let Some(table) = inner.tables.get(resource) else {
            return Ok(Page { revision, records: Vec::new(), next: None, remaining: None });
        };
        if revision < table.forgotten {
            return Err(Expired { requested: revision, oldest: table.forgotten });
        }
        let past = table.past(revision);
        let mut page = Page { revision, records: Vec::new(), next: None, remaining: None };
        let mut remaining = 0;
        table.visit(selection, from.map(|from| &from.after), &past, |record| {
            if !selection.matches(record) {
                return true;
            }
            if limit == 0 || page.records.len() < limit {
                page.records.push(record.clone());
                return true;
            }
            remaining += 1;
            // Counting on is only of use where the count is shown.
            !selection.is_narrowed()
        });
        if remaining > 0 {
            page.next = page.records.last().map(|record| record.key.clone());
            page.remaining = (!selection.is_narrowed()).then_some(remaining);
        }
        Ok(page)
    }

    /// Whether there is any object, in one namespace or (`None`) at all.
    pub(crate) fn has_any(&self, resource: &GroupResource, namespace: Option<&str>) -> bool {
        let inner = self.inner.read();
        let mut any = false;
        if let Some(table) = inner.tables.get(resource) {
            table.visit(&Selection::all(namespace), None, &Past::new(), |_| {
                any = true;
                false
            });
        }
        any
    }

    /// Registers a watch on changes after `after`, or after now.
    pub(crate) fn watch(
        self: &Arc<Self>,
        resource: &GroupResource,
        selection: &Selection,
        after: Option<u64>,
    ) -> Result<Subscription, Expired> {
        let (sender, events) = unbounded_channel();
        let mut inner = self.inner.write();
        let (compacted, now) = (inner.compacted, inner.revision);
        inner.next_watch += 1;
        let id = inner.next_watch;
        let table = inner.table(resource, compacted);
        let after = after.unwrap_or(now);
        if after < table.forgotten {
            return Err(Expired { requested: after, oldest: table.forgotten });
        }
        let start = table.log.partition_point(|event| event.revision <= after);
        for event in table.log.range(start..) {
            if translate(event, selection).is_some() {
                // The receiver is still ours.
                let _ = sender.send(event.clone());
            }
        }
        let scope = Scope::of(selection);
        table.watchers.add(scope.clone(), id, selection.clone(), sender);
        Ok(Subscription { store: self.clone(), resource: resource.clone(), scope, id, events })
    }

    /// Every change of every resource from now on.
    pub(crate) fn listen(&self) -> UnboundedReceiver<(GroupResource, Arc<Event>)> {
        let (sender, receiver) = unbounded_channel();
        self.inner.write().listeners.push(sender);
        receiver
    }

    /// Forgets all past changes: watches and pages that begin before now are refused.
    pub(crate) fn compact(&self) {
        let mut inner = self.inner.write();
        let revision = inner.revision;
        inner.compacted = revision;
        for table in inner.tables.values_mut() {
            table.log.clear();
            table.forgotten = revision;
        }
    }

    /// The resource is not served any more: its watches end after what they still have to tell, and a later watch
    /// cannot begin before now.
    pub(crate) fn withdraw(&self, resource: &GroupResource) {
        let mut inner = self.inner.write();
        let revision = inner.revision;
        if let Some(table) = inner.tables.get_mut(resource) {
            table.watchers = Watchers::default();
            table.log.clear();
            table.forgotten = revision;
        }
    }

    fn unsubscribe(&self, resource: &GroupResource, scope: &Scope, id: u64) {
        if let Some(table) = self.inner.write().tables.get_mut(resource) {
            table.watchers.remove(scope, id);
        }
    }
}

fn check(current: Option<&Record>, expect: Expect) -> Result<(), CommitError> {
    match (current, expect) {
        (None, Expect::Absent) => Ok(()),
        (Some(_), Expect::Absent) => Err(CommitError::Exists),
        (None, Expect::Revision(_)) => Err(CommitError::Missing),
        (Some(record), Expect::Revision(revision)) if record.revision == revision => Ok(()),
        (Some(_), Expect::Revision(_)) => Err(CommitError::Changed),
    }
}

impl Inner {
    fn table(&mut self, resource: &GroupResource, compacted: u64) -> &mut Table {
        // Not `entry`: the key is cloned only where the table is new.
        if !self.tables.contains_key(resource) {
            self.tables.insert(resource.clone(), Table { forgotten: compacted, ..Table::default() });
        }
        self.tables.entry(resource.clone()).or_default()
    }

    fn publish(&mut self, resource: &GroupResource, event: Event) {
        self.revision = event.revision;
        let event = Arc::new(event);
        if let Some(table) = self.tables.get_mut(resource) {
            table.watchers.publish(&event);
            table.log.push_back(event.clone());
            if table.log.len() > LOG_LENGTH
                && let Some(oldest) = table.log.pop_front()
            {
                table.forgotten = oldest.revision;
            }
        }
        self.listeners.retain(|listener| listener.send((resource.clone(), event.clone())).is_ok());
    }
}

/// What objects looked like at an earlier revision, where that differs from now. `None`: there was none.
type Past = BTreeMap<ObjectKey, Option<Arc<Record>>>;

impl Table {
    fn past(&self, revision: u64) -> Past {
        let mut past = Past::new();
        for event in self.log.iter().rev().take_while(|event| event.revision > revision) {
            past.insert(event.record.key.clone(), event.previous.clone());
        }
        past
    }

    /// Shows the objects in order, until `show` says no.
    fn visit(
        &self,
        selection: &Selection,
        after: Option<&ObjectKey>,
        past: &Past,
        mut show: impl FnMut(&Arc<Record>) -> bool,
    ) {
        let first = ObjectKey::new(selection.namespace.as_deref().unwrap_or_default(), "");
        let start = match after {
            Some(after) => Bound::Excluded(after),
            None if selection.namespace.is_some() => Bound::Included(&first),
            None => Bound::Unbounded,
        };
        let in_range = |key: &ObjectKey| {
            selection.namespace.as_deref().is_none_or(|namespace| namespace == key.namespace())
        };
        let now = self.objects.range((start, Bound::Unbounded)).take_while(|(key, _)| in_range(key));
        if past.is_empty() {
            let _ = now.map(|(_, record)| record).all(&mut show);
            return;
        }
        let mut then: BTreeMap<&ObjectKey, &Arc<Record>> = now.collect();
        for (key, record) in past.range((start, Bound::Unbounded)).filter(|(key, _)| in_range(key)) {
            match record {
                Some(record) => then.insert(key, record),
                None => then.remove(key),
            };
        }
        let _ = then.into_values().all(show);
    }
}
