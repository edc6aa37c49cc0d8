//! The controller of `KubeFedCluster` objects: one task per cluster connects to it, probes it and watches its
//! namespaces; everybody else sees a snapshot of all members.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, TryStreamExt};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::ObjectMeta,
    core::{DeserializeGuard, error_boundary::InvalidObject},
    runtime::{
        WatchStreamExt,
        watcher::{self, watcher},
    },
};
use kubefed_core::api::{ApiResource, KubeFedCluster, KubeFedClusterSpec, KubeFedClusterStatus, Scope};
use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::{Connection, Connector, health::HealthTask};
use crate::{
    clock::Clock,
    events::Events,
    metrics::Metrics,
    options::{HealthOptions, Namespace},
};

/// All members by name.
pub(crate) type Members = BTreeMap<String, Member>;
/// The members, now and whenever they change; `None` until all are known.
pub(crate) type MembersReceiver = watch::Receiver<Option<Arc<Members>>>;

/// The way to a member.
#[derive(Clone)]
pub(crate) enum Way {
    /// It is being looked for.
    Connecting,
    /// There it is.
    Connected(Arc<Connection>),
    /// There is none; says why.
    Failed(Arc<str>),
}

impl Way {
    /// The connection, if there is one.
    pub(crate) fn connection(&self) -> Option<&Arc<Connection>> {
        match self {
            Self::Connected(connection) => Some(connection),
            Self::Connecting | Self::Failed(_) => None,
        }
    }
}

/// One member as it is now. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) labels: Arc<BTreeMap<String, String>>,
    /// What the last probes found; `None` before the first.
    pub(crate) ready: Option<bool>,
    pub(crate) way: Way,
}

/// A namespace of a member came, went, or began to terminate.
#[derive(Clone, Debug)]
pub(crate) struct NamespaceEvent {
    pub(crate) cluster: Arc<str>,
    pub(crate) namespace: String,
}

/// What the tasks of the cluster controller share.
pub(crate) struct Shared {
    pub(crate) host: Client,
    pub(crate) namespace: Namespace,
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) health: HealthOptions,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) namespace_events: broadcast::Sender<NamespaceEvent>,
    pub(crate) events: Events,
    clusters: Mutex<HashMap<String, Entry>>,
    members: watch::Sender<Option<Arc<Members>>>,
    listed: AtomicBool,
}

struct Entry {
    spec: KubeFedClusterSpec,
    labels: Arc<BTreeMap<String, String>>,
    status: Option<KubeFedClusterStatus>,
    /// Of the object that `status` was read from.
    resource_version: u64,
    way: Way,
    task: CancellationToken,
}

/// Keeps a connection to every member, and tells who is ready.
pub(crate) struct ClusterController {
    shared: Arc<Shared>,
}

/// Events of namespaces that may be under way before a slow reader has to look at all of its objects again.
const NAMESPACE_EVENTS: usize = 1024;

impl ClusterController {
    pub(crate) fn new(
        host: Client,
        namespace: Namespace,
        connector: Arc<dyn Connector>,
        health: HealthOptions,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let shared = Shared {
            events: Events::start(host.clone(), cluster_kind(), clock),
            host,
            namespace,
            connector,
            health,
            clock,
            metrics,
            namespace_events: broadcast::channel(NAMESPACE_EVENTS).0,
            clusters: Mutex::default(),
            members: watch::Sender::new(None),
            listed: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The members, now and whenever they change.
    pub(crate) fn members(&self) -> MembersReceiver {
        self.shared.members.subscribe()
    }

    /// Events of the members' namespaces from now on.
    pub(crate) fn namespace_events(&self) -> broadcast::Sender<NamespaceEvent> {
        self.shared.namespace_events.clone()
    }

    /// Watches the `KubeFedCluster` objects of the control plane until `stopping`. Connections to members last until
    /// `ended`.
    pub(crate) async fn run(self, stopping: CancellationToken, ended: CancellationToken) {
        tracing::info!("Starting cluster controller");
        // An object that cannot be read must not hide the others.
        let api: Api<DeserializeGuard<KubeFedCluster>> =
            Api::namespaced(self.shared.host.clone(), &self.shared.namespace.kubefed);
        let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
        let mut listed = BTreeSet::new();
        loop {
            let event = tokio::select! {
                () = stopping.cancelled() => break,
                event = events.try_next() => event,
            };
            match event {
                Ok(Some(watcher::Event::Init)) => listed.clear(),
                Ok(Some(watcher::Event::InitApply(cluster))) => {
                    listed.insert(cluster.name_any());
                    self.shown(cluster, &stopping, &ended);
                }
                Ok(Some(watcher::Event::InitDone)) => {
                    self.retain(&listed);
                    self.shared.listed.store(true, Ordering::Relaxed);
                }
                Ok(Some(watcher::Event::Apply(cluster))) => self.shown(cluster, &stopping, &ended),
                Ok(Some(watcher::Event::Delete(cluster))) => self.deleted(&cluster.name_any()),
                Ok(None) => break,
                Err(error) => tracing::warn!(%error, "watching KubeFedClusters"),
            }
            self.shared.publish();
        }
    }

    fn shown(
        &self,
        cluster: DeserializeGuard<KubeFedCluster>,
        stopping: &CancellationToken,
        ended: &CancellationToken,
    ) {
        match cluster.0 {
            Ok(cluster) => self.applied(&cluster, stopping, ended),
            Err(invalid) => self.unreadable(&invalid, ended),
        }
    }

    /// A cluster that cannot be read is one all the same: what it holds is not forgotten. One that could be read before
    /// goes on as it was.
    fn unreadable(&self, invalid: &InvalidObject, ended: &CancellationToken) {
        let name = invalid.metadata.name.clone().unwrap_or_default();
        let problem = format!("the KubeFedCluster {name} cannot be read: {}; mend it", invalid.error);
        tracing::warn!("{problem}");
        self.shared.clusters.lock().entry(name).or_insert_with(|| Entry {
            spec: KubeFedClusterSpec::default(),
            labels: Arc::new(invalid.metadata.labels.clone().unwrap_or_default()),
            status: None,
            resource_version: 0,
            way: Way::Failed(problem.into()),
            task: ended.child_token(),
        });
    }

    fn applied(&self, cluster: &KubeFedCluster, stopping: &CancellationToken, ended: &CancellationToken) {
        let name = cluster.name_any();
        let mut clusters = self.shared.clusters.lock();
        let labels = Arc::new(cluster.labels().clone());
        let resource_version = version(&cluster.metadata);
        if let Some(entry) = clusters.get_mut(&name) {
            if entry.spec == cluster.spec {
                entry.labels = labels;
                if entry.resource_version <= resource_version {
                    entry.resource_version = resource_version;
                    entry.status.clone_from(&cluster.status);
                }
                return;
            }
            entry.task.cancel();
        }
        let task = ended.child_token();
        let entry = Entry {
            spec: cluster.spec.clone(),
            labels,
            status: cluster.status.clone(),
            resource_version,
            way: Way::Connecting,
            task: task.clone(),
        };
        clusters.insert(name.clone(), entry);
        tokio::spawn(
            HealthTask::new(Arc::clone(&self.shared), cluster.clone(), task, stopping.clone()).run(),
        );
    }

    fn deleted(&self, name: &str) {
        if let Some(entry) = self.shared.clusters.lock().remove(name) {
            entry.task.cancel();
        }
        self.shared.metrics.forget_cluster(name);
    }

    fn retain(&self, listed: &BTreeSet<String>) {
        let gone: Vec<String> = {
            let clusters = self.shared.clusters.lock();
            clusters.keys().filter(|name| !listed.contains(*name)).cloned().collect()
        };
        for name in gone {
            self.deleted(&name);
        }
    }
}

impl Shared {
    /// The status that the host holds for a cluster.
    pub(crate) fn stored_status(&self, cluster: &str) -> Option<KubeFedClusterStatus> {
        self.clusters.lock().get(cluster)?.status.clone()
    }

    /// Puts in the way to a cluster, as long as `task` still speaks for it.
    pub(crate) fn found_way(&self, cluster: &str, task: &CancellationToken, way: Way) {
        {
            let mut clusters = self.clusters.lock();
            let Some(entry) = clusters.get_mut(cluster).filter(|_| !task.is_cancelled()) else { return };
            entry.way = way;
        }
        self.publish();
    }

    /// The status of a cluster as it was just written.
    pub(crate) fn wrote_status(
        &self,
        cluster: &str,
        meta: Option<&ObjectMeta>,
        status: KubeFedClusterStatus,
    ) {
        if let Some(entry) = self.clusters.lock().get_mut(cluster) {
            entry.resource_version = meta.map_or(entry.resource_version, version);
            entry.status = Some(status);
        }
        self.publish();
    }

    fn snapshot(&self) -> Members {
        let member = |(name, entry): (&String, &Entry)| {
            let ready = entry.status.as_ref().map(KubeFedClusterStatus::is_ready);
            let labels = Arc::clone(&entry.labels);
            (name.clone(), Member { labels, ready, way: entry.way.clone() })
        };
        self.clusters.lock().iter().map(member).collect()
    }

    /// Sends a new snapshot if anything in it is new.
    fn publish(&self) {
        if !self.listed.load(Ordering::Relaxed) {
            return;
        }
        self.members.send_if_modified(|members| {
            // Taken in here, so that of two who publish at once the later one sends the newer.
            let snapshot = self.snapshot();
            let changed = members.as_deref().is_none_or(|members| !are_same(members, &snapshot));
            if changed {
                *members = Some(Arc::new(snapshot));
            }
            changed
        });
    }
}

/// The kind of the objects that this controller is about.
pub(super) fn cluster_kind() -> ApiResource {
    ApiResource {
        group: KubeFedCluster::group(&()).into_owned(),
        version: KubeFedCluster::version(&()).into_owned(),
        kind: KubeFedCluster::kind(&()).into_owned(),
        plural_name: KubeFedCluster::plural(&()).into_owned(),
        scope: Scope::Namespaced,
    }
}

fn version(meta: &ObjectMeta) -> u64 {
    meta.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}

fn are_same(one: &Members, other: &Members) -> bool {
    let pairs = one.iter().zip(other);
    one.len() == other.len()
        && pairs.into_iter().all(|(one, other)| one.0 == other.0 && one.1.is_same(other.1))
}

impl Member {
    fn is_same(&self, other: &Self) -> bool {
        let same_way = match (&self.way, &other.way) {
            (Way::Connecting, Way::Connecting) => true,
            (Way::Connected(one), Way::Connected(another)) => one.id == another.id,
            (Way::Failed(one), Way::Failed(another)) => one == another,
            _ => false,
        };
        same_way && self.ready == other.ready && self.labels == other.labels
    }
}

/// How long to wait after an error before the next try of a watch: doubles with every error in a row.
pub(crate) fn watch_pause(errors: u32) -> Duration {
    // An API server that has just begun to serve a kind refuses the first lists for a moment.
    Duration::from_millis(100).saturating_mul(1 << errors.min(8)).min(Duration::from_secs(20))
}
