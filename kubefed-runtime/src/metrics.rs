//! Metrics under KubeFed's names (spec 12.5), and a few of our own.

use std::{sync::Arc, time::Duration};

use kubefed_core::{health::Probe, plan::Action};
use parking_lot::Mutex;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// Buckets of all histograms, in seconds, as KubeFed has them.
const BUCKETS: [f64; 21] = [
    0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 7.5, 10.0, 12.5, 15.0, 17.5, 20.0, 22.5, 25.0, 27.5, 30.0, 50.0,
    75.0, 100.0, 1000.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClusterState {
    state: &'static str,
    cluster: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    action: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MemberKind {
    cluster: String,
    kind: String,
}

/// The metrics of one controller. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Arc<Mutex<Registry>>,
    clusters: Family<ClusterState, Gauge>,
    probes: Histogram,
    reconciles: Histogram,
    operations: Family<Operation, Histogram, fn() -> Histogram>,
    events: Family<MemberKind, Counter>,
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

const STATES: [&str; 3] = ["ready", "notready", "offline"];

impl Metrics {
    pub(crate) fn new() -> Self {
        let metrics = Self {
            registry: Arc::default(),
            clusters: Family::default(),
            probes: histogram(),
            reconciles: histogram(),
            operations: Family::new_with_constructor(histogram),
            events: Family::default(),
        };
        {
            let mut registry = metrics.registry.lock();
            registry.register(
                "kubefedcluster_total",
                "Members by the result of the last probe: one of the three series of a cluster is 1",
                metrics.clusters.clone(),
            );
            registry.register(
                "cluster_health_status_duration_seconds",
                "Time that a probe of a member took",
                metrics.probes.clone(),
            );
            registry.register(
                "reconcile_federated_resources_duration_seconds",
                "Time from taking up a federated object until its status was written or found right",
                metrics.reconciles.clone(),
            );
            registry.register(
                "dispatch_operation_duration_seconds",
                "Time that an operation on a member's object took",
                metrics.operations.clone(),
            );
            registry.register(
                "kubefed_member_events",
                "Events of members' watches that were taken in, by cluster and target kind",
                metrics.events.clone(),
            );
        }
        metrics
    }

    /// A member was probed.
    pub(crate) fn probed(&self, cluster: &str, probe: &Probe, took: Duration) {
        let state = match probe {
            Probe::Healthy { .. } => "ready",
            Probe::Unhealthy => "notready",
            Probe::Unreachable(_) | Probe::Malformed(_) => "offline",
        };
        for each in STATES {
            let labels = ClusterState { state: each, cluster: cluster.to_owned() };
            self.clusters.get_or_create(&labels).set(i64::from(each == state));
        }
        self.probes.observe(took.as_secs_f64());
    }

    /// A cluster is no member any more.
    pub(crate) fn forget_cluster(&self, cluster: &str) {
        for state in STATES {
            self.clusters.remove(&ClusterState { state, cluster: cluster.to_owned() });
        }
    }

    /// A federated object was reconciled.
    pub(crate) fn reconciled(&self, took: Duration) {
        self.reconciles.observe(took.as_secs_f64());
    }

    /// An operation on a member's object has ended.
    pub(crate) fn operated(&self, action: Action, took: Duration) {
        let action = match action {
            Action::Create => "create",
            Action::Apply | Action::Repair => "update",
            Action::Delete => "delete",
            Action::Unlabel => "unlabel",
            Action::Compare | Action::Verify => "read",
        };
        self.operations.get_or_create(&Operation { action }).observe(took.as_secs_f64());
    }

    /// An event of a member's watch was taken in: the cache has it, and what it makes due is in the queue.
    pub(crate) fn member_event(&self, cluster: &str, kind: &str) {
        self.events.get_or_create(&MemberKind { cluster: cluster.to_owned(), kind: kind.to_owned() }).inc();
    }

    /// All metrics as text.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry.lock())?;
        Ok(text)
    }
}
