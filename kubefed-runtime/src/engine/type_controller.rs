//! The controller of one federated type: what it knows, and the tasks that keep it up to date.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use kube::Client;
use kubefed_core::api::TypeDescriptor;
use parking_lot::{Mutex, RwLock};
use tokio::{sync::broadcast, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    FederatedNamespaces, Key,
    host::HostCache,
    member::{ListState, MemberCache},
    queue::Queue,
};
use crate::{
    clock::Clock,
    cluster::{Connection, Members, MembersReceiver, NamespaceEvent, NamespaceList, Way},
    events::Events,
    metrics::Metrics,
    options::{Namespace, PropagationOptions},
};

/// How many federated objects of one type are worked on at once. Each waits for its members at most a second, so that
/// this is no limit for healthy ones.
const WORKERS: usize = 64;
/// How long the first reconcile waits for members that do not answer their first list.
const SETTLING: Duration = Duration::from_secs(1);

/// How long an object rests after its reconcile panicked.
const AFTER_PANIC: Duration = Duration::from_secs(60);

/// What the controllers of all types share.
pub(crate) struct Engine {
    pub(crate) host: Client,
    pub(crate) namespace: Namespace,
    pub(crate) options: PropagationOptions,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) members: MembersReceiver,
    pub(crate) namespace_events: broadcast::Sender<NamespaceEvent>,
    pub(crate) namespaces: Arc<FederatedNamespaces>,
    /// The operations on members that are under way. A leader that stops waits for them.
    pub(crate) operations: TaskTracker,
    /// Ends everything.
    pub(crate) ended: CancellationToken,
}

impl Engine {
    /// Whether all members are known. Before that nothing can be said of any object.
    pub(super) fn knows_members(&self) -> bool {
        self.members.borrow().is_some()
    }

    /// The members as they are now.
    pub(super) fn members_now(&self) -> Arc<Members> {
        self.members.borrow().clone().unwrap_or_default()
    }
}

/// Propagates the objects of one federated type, until it is stopped.
pub(crate) struct TypeController {
    pub(super) engine: Arc<Engine>,
    pub(super) descriptor: TypeDescriptor,
    pub(super) host: HostCache,
    pub(super) queue: Queue,
    pub(super) events: Events,
    /// What is known of each member's objects of this type.
    pub(super) members: RwLock<BTreeMap<String, Arc<MemberOfType>>>,
    /// uid of the host's namespaces by name; only kept for the type of namespaces.
    pub(super) host_namespaces: RwLock<BTreeMap<String, String>>,
    /// How often members were written since the object's status was.
    pub(super) unrecorded: Mutex<HashMap<Key, u64>>,
    /// Objects of which something was still under way when they were last looked at, and since when.
    pub(super) unfinished: Mutex<HashMap<Key, Instant>>,
    /// How often in a row a request to the host about an object failed.
    pub(super) host_failures: Mutex<HashMap<Key, u32>>,
    pub(super) ended: CancellationToken,
}

/// One member as far as this type is concerned.
pub(super) struct MemberOfType {
    pub(super) name: Arc<str>,
    pub(super) connection: Arc<Connection>,
    pub(super) cache: MemberCache,
    /// Objects with an operation that is due and cannot start; by their federated key.
    pub(super) waiting: Mutex<HashSet<Key>>,
    pub(super) ended: CancellationToken,
}

impl MemberOfType {
    /// Whether the member's objects and namespaces are known, and requests to it are not held back.
    pub(super) fn can_be_asked(&self) -> bool {
        self.cache.list_state() == ListState::Listed
            && self.connection.namespaces.read().list != NamespaceList::Listing
            && self.connection.paused().is_none()
    }
}

impl TypeController {
    /// Starts the controller of a type.
    pub(crate) fn start(engine: Arc<Engine>, descriptor: TypeDescriptor) -> Arc<Self> {
        let controller = Arc::new(Self {
            ended: engine.ended.child_token(),
            events: Events::start(engine.host.clone(), descriptor.federated.clone(), engine.clock),
            engine,
            descriptor,
            host: HostCache::default(),
            queue: Queue::default(),
            members: RwLock::default(),
            host_namespaces: RwLock::default(),
            unrecorded: Mutex::default(),
            unfinished: Mutex::default(),
            host_failures: Mutex::default(),
        });
        controller.spawn(Self::watch_host);
        controller.spawn(Self::follow_members);
        if controller.descriptor.is_namespaces() {
            controller.spawn(Self::watch_host_namespaces);
        } else if controller.descriptor.target.is_namespaced() {
            controller.spawn(Self::follow_federated_namespaces);
            controller.spawn(Self::follow_member_namespaces);
        }
        controller.spawn(Self::work);
        controller
    }

    /// The type that it propagates.
    pub(crate) fn descriptor(&self) -> &TypeDescriptor {
        &self.descriptor
    }

    /// Stops it. Operations that are under way end on their own.
    pub(crate) fn stop(&self) {
        self.ended.cancel();
    }

    /// Runs a task of this controller until it is stopped.
    pub(super) fn spawn<F>(self: &Arc<Self>, task: impl FnOnce(Arc<Self>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let ended = self.ended.clone();
        let task = task(Arc::clone(self));
        tokio::spawn(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// The key of the object in the members. A federated namespace lives in the namespace that it stands for.
    pub(super) fn target_key(&self, federated: &Key) -> Key {
        if self.descriptor.is_namespaces() { Key::new(None, federated.name()) } else { federated.clone() }
    }

    /// The key of the federated object that an object in a member belongs to.
    pub(super) fn federated_key(&self, target: &Key) -> Key {
        if self.descriptor.is_namespaces() {
            Key::new(Some(target.name()), target.name())
        } else {
            target.clone()
        }
    }

    async fn work(self: Arc<Self>) {
        self.engine.namespaces.listed().await;
        let mut members = self.engine.members.clone();
        if members.wait_for(Option::is_some).await.is_err() {
            return;
        }
        self.host.complete().await;
        if tokio::time::timeout(SETTLING, self.settled()).await.is_err() {
            tracing::info!(
                kind = self.descriptor.federated.kind,
                "starting before all members have answered"
            );
        }
        self.queue.add_all(self.host.keys());
        self.queue.add_all(self.member_keys());
        for _ in 1..WORKERS {
            self.spawn(Self::work_off);
        }
        self.work_off().await;
    }

    /// The federated keys of all that members hold, whether or not the host does.
    pub(super) fn member_keys(&self) -> Vec<Key> {
        let members = self.members.read();
        members.values().flat_map(|member| member.cache.keys()).map(|key| self.federated_key(&key)).collect()
    }

    async fn work_off(self: Arc<Self>) {
        loop {
            let key = self.queue.next().await;
            // A bug that shows with one object must not take a worker and that object's place in the queue with it.
            if AssertUnwindSafe(self.reconcile(&key)).catch_unwind().await.is_err() {
                tracing::error!(kind = self.descriptor.federated.kind, %key, "the reconcile panicked; trying again");
                self.queue.add_after(key.clone(), AFTER_PANIC);
            }
            self.queue.done(&key);
        }
    }

    /// Waits until all members that are ready have shown their objects, or refused to.
    async fn settled(&self) {
        let mut pause = tokio::time::interval(Duration::from_millis(20));
        loop {
            pause.tick().await;
            let members = self.engine.members_now();
            if members
                .iter()
                .all(|(name, member)| member.ready != Some(true) || self.has_settled(name, &member.way))
            {
                return;
            }
        }
    }

    fn has_settled(&self, name: &str, way: &Way) -> bool {
        match way {
            Way::Connecting => false,
            Way::Failed(_) => true,
            Way::Connected(connection) => {
                let namespaces = connection.namespaces.read().list;
                let members = self.members.read();
                let listed = members.get(name).is_some_and(|member| {
                    member.connection.id == connection.id && member.cache.list_state() != ListState::Listing
                });
                listed && namespaces != NamespaceList::Listing
            }
        }
    }
}
