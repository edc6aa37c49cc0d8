//! What is known of one member's objects of one type: a pruned record per object, never the object.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kubefed_core::{
    api::names,
    hash::Digest,
    ownership,
    plan::{Held, ManagedLabel, Observed, Record},
};
use parking_lot::RwLock;
use tokio::time::Instant;
use uuid::Uuid;

use super::Key;

/// The objects of one type in one member, as far as decisions need them.
#[derive(Default)]
pub(crate) struct MemberCache {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<Key, MemberObject>,
    list: ListState,
    /// Counts the lists, see [`MemberObject::written_in`].
    epoch: u32,
    /// Keys that the running list has shown.
    listed: Vec<Key>,
    /// What is known of an object whether or not it is there.
    notes: BTreeMap<Key, Note>,
    /// The newest resource version that a list or watch has shown. Of an answer that is no newer, the watch has told
    /// all: if the object is not there, it is gone.
    watched: u64,
    /// The newest resource version that the running list has shown.
    newest_listed: u64,
}

/// How far the list of a member's objects is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ListState {
    /// The first list has not ended.
    #[default]
    Listing,
    /// The cache holds what the member holds, events aside that are under way.
    Listed,
    /// The member refuses the list; says why.
    Failed(String),
    /// The member does not know the type, and so holds nothing of it; says what to do.
    NotServed(String),
}

/// One object, as its metadata shows it.
#[derive(Clone, Debug)]
pub(crate) struct MemberObject {
    pub(crate) uid: Uid,
    /// Numeric, and comparable within one cluster (KEP-5504).
    pub(crate) resource_version: u64,
    pub(crate) observed: Observed,
    /// Who else wrote last; only kept where our ownership is not what it was after our last apply.
    pub(crate) other_writer: Option<Box<str>>,
    /// The list during which this was learned from our own request. That list may be older than the request.
    written_in: u32,
}

/// What we did to an object.
#[derive(Clone, Debug, Default)]
struct Note {
    record: Option<Record>,
    failure: Option<Box<Failure>>,
    busy: bool,
    /// The member was asked, and holds nothing of ours.
    verified: bool,
    /// A list did not show the object although we wrote it about then: the member is to be asked.
    doubtful: bool,
    repairs: Option<Box<Repairs>>,
}

impl Note {
    fn is_empty(&self) -> bool {
        let idle = !self.busy && !self.verified && !self.doubtful;
        idle && self.record.is_none() && self.failure.is_none() && self.repairs.is_none()
    }
}

/// A failed operation and when it is due again.
#[derive(Clone, Debug)]
struct Failure {
    held: Held,
    /// What was to be applied; another rendering is tried at once.
    rendered: Option<Digest>,
    attempts: u32,
    until: Instant,
}

/// Repairs of one object, to notice a fight with another writer.
#[derive(Clone, Debug)]
struct Repairs {
    last: Instant,
    count: u32,
}

/// A uid in 16 bytes where it is a UUID, as it always is on a real API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Uid {
    Uuid(Uuid),
    Other(Box<str>),
}

impl Uid {
    pub(crate) fn new(text: &str) -> Self {
        match Uuid::try_parse(text) {
            Ok(uuid) if uuid.hyphenated().to_string() == text => Self::Uuid(uuid),
            _ => Self::Other(text.into()),
        }
    }
}

impl std::fmt::Display for Uid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uuid(uuid) => uuid.hyphenated().fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl Repairs {
    /// How long to wait after the last one.
    fn pause(&self) -> Duration {
        self.count.checked_sub(REPAIRS_BEFORE_FIGHT).map_or(Duration::ZERO, |fights| retry_delay(fights + 1))
    }
}

/// First delay after a refused operation; doubles up to [`LONGEST_RETRY`] (spec 2.1).
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// A fight: more repairs than this within [`FIGHT_WINDOW`].
const REPAIRS_BEFORE_FIGHT: u32 = 3;
const FIGHT_WINDOW: Duration = Duration::from_secs(60);

fn retry_delay(attempts: u32) -> Duration {
    FIRST_RETRY.saturating_mul(1 << attempts.saturating_sub(1).min(10)).min(LONGEST_RETRY)
}

impl MemberObject {
    /// Prunes the metadata of a member's object.
    fn prune(meta: &ObjectMeta, replicas: Option<&[String]>) -> Self {
        let uid = meta.uid.as_deref().unwrap_or_default();
        let label = meta.labels.as_ref().and_then(|labels| labels.get(names::MANAGED_LABEL));
        let managed_fields = meta.managed_fields.as_deref().unwrap_or_default();
        Self {
            uid: Uid::new(uid),
            resource_version: resource_version(meta),
            observed: Observed {
                managed: ManagedLabel::of(label.map(String::as_str)),
                deleting: meta.deletion_timestamp.is_some(),
                ownership: ownership::observe(uid, managed_fields, replicas),
            },
            other_writer: None,
            written_in: 0,
        }
    }
}

fn resource_version(meta: &ObjectMeta) -> u64 {
    meta.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}

/// Everything that the plan asks about one object in one member.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) observed: Option<Observed>,
    pub(crate) record: Option<Record>,
    pub(crate) busy: bool,
    /// The member was asked, and holds nothing of ours.
    pub(crate) verified: bool,
    /// What was observed may be out of date, and so may any record.
    pub(crate) doubtful: bool,
    pub(crate) held: Option<Held>,
    /// Rest of the time for which `held` holds.
    pub(crate) retry_in: Option<Duration>,
}

impl MemberCache {
    /// A list begins.
    pub(crate) fn list_begins(&self) {
        let mut state = self.state.write();
        state.epoch += 1;
        state.listed.clear();
        state.newest_listed = 0;
    }

    /// A list has shown an object. Tells whether anything is new.
    pub(crate) fn list_shows(&self, key: &Key, meta: &ObjectMeta, replicas: Option<&[String]>) -> bool {
        let mut state = self.state.write();
        state.listed.push(key.clone());
        state.newest_listed = state.newest_listed.max(resource_version(meta));
        state.observe(key, meta, replicas, 0)
    }

    /// The list has ended: what it did not show is gone. Answers the keys to look at again, and whether this was the
    /// first list.
    ///
    /// What we wrote ourselves since the list began may be newer than the list, or may have been deleted before the list
    /// was taken: it stays, and is in doubt, so that the member is asked.
    pub(crate) fn list_ends(&self) -> (Vec<Key>, bool) {
        let mut state = self.state.write();
        let mut listed = std::mem::take(&mut state.listed);
        listed.sort_unstable();
        let epoch = state.epoch;
        state.watched = state.watched.max(state.newest_listed);
        let unlisted = |(key, object): (&Key, &MemberObject)| {
            listed.binary_search(key).is_err().then(|| (key.clone(), object.written_in == epoch))
        };
        let unlisted: Vec<(Key, bool)> = state.objects.iter().filter_map(unlisted).collect();
        for (key, doubtful) in &unlisted {
            if *doubtful {
                state.note(key, |note| note.doubtful = true);
            } else {
                state.objects.remove(key);
            }
        }
        let gone = unlisted.into_iter().map(|(key, _)| key).collect();
        let first = state.list != ListState::Listed;
        state.list = ListState::Listed;
        (gone, first)
    }

    /// The member refuses the list, or does not know the type. Tells whether that is news.
    pub(crate) fn list_refused(&self, how: ListState) -> bool {
        let mut state = self.state.write();
        let changed = state.list != how;
        state.list = how;
        changed
    }

    /// The list failed for now. What an earlier list has shown stays valid.
    pub(crate) fn list_failed(&self, why: String) -> bool {
        let mut state = self.state.write();
        let first = state.list == ListState::Listing;
        if first {
            state.list = ListState::Failed(why);
        }
        first
    }

    /// How far the list is.
    pub(crate) fn list_state(&self) -> ListState {
        self.state.read().list.clone()
    }

    /// A watch has shown an object. Tells whether anything is new; an event older than our own answer is not.
    pub(crate) fn watch_shows(&self, key: &Key, meta: &ObjectMeta, replicas: Option<&[String]>) -> bool {
        let mut state = self.state.write();
        state.watched = state.watched.max(resource_version(meta));
        state.observe(key, meta, replicas, 0)
    }

    /// A watch has shown that an object is gone, or that it lost our label.
    pub(crate) fn watch_removes(&self, key: &Key, meta: &ObjectMeta) -> bool {
        let mut state = self.state.write();
        state.watched = state.watched.max(resource_version(meta));
        let older =
            state.objects.get(key).is_some_and(|known| resource_version(meta) < known.resource_version);
        !older && state.objects.remove(key).is_some()
    }

    /// Our own request has answered with the object. The watch may have shown its end before.
    pub(crate) fn answered(&self, key: &Key, meta: &ObjectMeta, replicas: Option<&[String]>) {
        let mut state = self.state.write();
        if !state.has_ended(key, meta) {
            let epoch = state.epoch;
            state.observe(key, meta, replicas, epoch);
        }
    }

    /// Our own request has shown that an object is gone, or is not ours any more.
    pub(crate) fn answered_gone(&self, key: &Key) {
        let mut state = self.state.write();
        state.objects.remove(key);
        state.note(key, |note| {
            note.record = None;
            note.doubtful = false;
        });
    }

    /// The member was asked, and holds nothing of ours.
    pub(crate) fn verified_gone(&self, key: &Key) {
        let mut state = self.state.write();
        state.objects.remove(key);
        state.note(key, |note| {
            note.verified = true;
            note.doubtful = false;
        });
    }

    /// An object's uid and resourceVersion, for the preconditions of a request.
    pub(crate) fn object(&self, key: &Key) -> Option<MemberObject> {
        self.state.read().objects.get(key).cloned()
    }

    /// All that the plan asks about one object. `rendered`: what shall be applied.
    pub(crate) fn seen(&self, key: &Key, rendered: Option<Digest>) -> Seen {
        let state = self.state.read();
        let note = state.notes.get(key);
        let now = Instant::now();
        let failure = note
            .and_then(|note| note.failure.as_deref())
            .filter(|failure| failure.until > now && failure.rendered == rendered);
        Seen {
            observed: state.objects.get(key).map(|object| object.observed),
            record: note.and_then(|note| note.record),
            busy: note.is_some_and(|note| note.busy),
            verified: note.is_some_and(|note| note.verified),
            doubtful: note.is_some_and(|note| note.doubtful),
            held: failure.map(|failure| failure.held.clone()),
            retry_in: failure.map(|failure| failure.until - now),
        }
    }

    /// Whether the field with the replica count is ours in the member, if the object is there. Of an object that we never
    /// wrote, nothing is.
    pub(crate) fn owns_replicas(&self, key: &Key) -> Option<bool> {
        let state = self.state.read();
        let ownership = state.objects.get(key)?.observed.ownership;
        Some(ownership.is_some_and(|ownership| ownership.owns_replicas))
    }

    /// Whether this process has written the object, and has not removed it since.
    pub(crate) fn was_written(&self, key: &Key) -> bool {
        let state = self.state.read();
        state.notes.get(key).and_then(|note| note.record).is_some_and(|record| record.fresh)
    }

    /// All keys that the member holds.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.state.read().objects.keys().cloned().collect()
    }

    /// Marks an operation on the object as under way. `false` if there is one already. What the member said of the object
    /// before holds no longer.
    pub(crate) fn begin(&self, key: &Key) -> bool {
        let mut state = self.state.write();
        let note = state.notes.entry(key.clone()).or_default();
        let idle = !std::mem::replace(&mut note.busy, true);
        note.verified &= !idle;
        idle
    }

    /// The operation has ended.
    pub(crate) fn end(&self, key: &Key) {
        self.state.write().note(key, |note| note.busy = false);
    }

    /// Our own request has answered with the object as it was when it was just as rendered. The record is taken from
    /// that answer, even where an event has already shown that somebody changed the object since.
    pub(crate) fn applied(
        &self,
        key: &Key,
        meta: &ObjectMeta,
        replicas: Option<&[String]>,
        rendered: Digest,
    ) {
        let mut state = self.state.write();
        if state.has_ended(key, meta) {
            return;
        }
        let epoch = state.epoch;
        state.observe(key, meta, replicas, epoch);
        let ownership = MemberObject::prune(meta, replicas).observed.ownership;
        let record = ownership.map(|ownership| Record { rendered, ownership: ownership.digest, fresh: true });
        state.note(key, |note| {
            note.record = record;
            note.failure = None;
        });
    }

    /// The operation succeeded without anything to record.
    pub(crate) fn succeeded(&self, key: &Key) {
        self.state.write().note(key, |note| note.failure = None);
    }

    /// The operation failed; it is due again after a delay that grows.
    pub(crate) fn failed(&self, key: &Key, held: Held, rendered: Option<Digest>) -> Duration {
        let mut state = self.state.write();
        let mut delay = FIRST_RETRY;
        state.note(key, |note| {
            let earlier = note.failure.take().filter(|failure| failure.rendered == rendered);
            let attempts = earlier.map_or(1, |failure| failure.attempts + 1);
            delay = retry_delay(attempts);
            let until = Instant::now() + delay;
            note.failure = Some(Box::new(Failure { held, rendered, attempts, until }));
        });
        delay
    }

    /// A repair is due. After three within a minute, answers for how long it must wait, so that a fight with another
    /// writer costs both of them less and less.
    pub(crate) fn must_wait_to_repair(&self, key: &Key) -> Option<Duration> {
        let state = self.state.read();
        let repairs = state.notes.get(key)?.repairs.as_deref()?;
        let rest = repairs.pause().checked_sub(repairs.last.elapsed())?;
        (!rest.is_zero()).then_some(rest)
    }

    /// A repair was made.
    pub(crate) fn repaired(&self, key: &Key) {
        self.state.write().note(key, |note| {
            let now = Instant::now();
            let repairs = note.repairs.get_or_insert_with(|| Box::new(Repairs { last: now, count: 0 }));
            if repairs.last.elapsed() > FIGHT_WINDOW + repairs.pause() {
                repairs.count = 0;
            }
            repairs.count += 1;
            repairs.last = now;
        });
    }

    /// The operation must not start before a delay has passed.
    pub(crate) fn hold(&self, key: &Key, held: Held, rendered: Option<Digest>, delay: Duration) {
        let until = Instant::now() + delay;
        self.state.write().note(key, |note| {
            note.failure = Some(Box::new(Failure { held, rendered, attempts: 0, until }));
        });
    }

    /// Forgets all that was done to an object: its federated object is gone. What is under way stays known until it ends.
    pub(crate) fn forget(&self, key: &Key) {
        self.state.write().note(key, |note| *note = Note { busy: note.busy, ..Note::default() });
    }
}

impl State {
    /// Whether the watch has shown the end of the object that an answer tells of.
    fn has_ended(&self, key: &Key, meta: &ObjectMeta) -> bool {
        !self.objects.contains_key(key) && (1..=self.watched).contains(&resource_version(meta))
    }

    fn observe(
        &mut self,
        key: &Key,
        meta: &ObjectMeta,
        replicas: Option<&[String]>,
        written_in: u32,
    ) -> bool {
        let mut object = MemberObject::prune(meta, replicas);
        object.written_in = written_in;
        if let Some(known) = self.objects.get(key)
            && object.resource_version < known.resource_version
        {
            return false;
        }
        if self.notes.contains_key(key) {
            self.note(key, |note| {
                note.verified = false;
                note.doubtful = false;
            });
        }
        let recorded = self.notes.get(key).and_then(|note| note.record).map(|record| record.ownership);
        if recorded.is_some() && recorded != object.observed.ownership.map(|ownership| ownership.digest) {
            let managed_fields = meta.managed_fields.as_deref().unwrap_or_default();
            object.other_writer = ownership::other_writer(managed_fields).map(Into::into);
        }
        if let Some(known) = self.objects.get_mut(key) {
            let changed = known.uid != object.uid || known.observed != object.observed;
            if written_in == 0 {
                object.written_in = known.written_in;
            }
            *known = object;
            return changed;
        }
        self.objects.insert(key.clone(), object);
        true
    }

    fn note(&mut self, key: &Key, change: impl FnOnce(&mut Note)) {
        let note = self.notes.entry(key.clone()).or_default();
        change(note);
        if note.is_empty() {
            self.notes.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
