//! The placements of namespaces: `FederatedNamespace` objects, which narrow the placement of what is in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::{StreamExt, TryStreamExt};
use kube::{
    Api, Client, ResourceExt,
    api::DynamicObject,
    runtime::{
        WatchStreamExt,
        watcher::{self, watcher},
    },
};
use kubefed_core::api::{ApiResource, Placement, RawFederated, Scope, names};
use parking_lot::RwLock;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::options::Namespace;

/// The placement of a federated namespace, or why it cannot be read. It may have none.
pub(crate) type NamespacePlacement = Result<Option<Placement>, Arc<str>>;

/// The placements of all federated namespaces, kept up to date.
pub(crate) struct FederatedNamespaces {
    placements: RwLock<BTreeMap<String, NamespacePlacement>>,
    listed: watch::Sender<bool>,
    changes: broadcast::Sender<String>,
}

/// Changes that may be under way before a slow reader has to look at everything again.
const CHANGES: usize = 1024;

impl FederatedNamespaces {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            placements: RwLock::default(),
            listed: watch::Sender::new(false),
            changes: broadcast::channel(CHANGES).0,
        })
    }

    /// The placement of a namespace; `None` if it is not federated.
    pub(crate) fn placement(&self, namespace: &str) -> Option<NamespacePlacement> {
        self.placements.read().get(namespace).cloned()
    }

    /// Names of namespaces whose placement changed, from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<String> {
        self.changes.subscribe()
    }

    /// Waits until all placements are known.
    pub(crate) async fn listed(&self) {
        // The sender lives as long as `self`.
        let _ = self.listed.subscribe().wait_for(|listed| *listed).await;
    }

    /// Watches until `ended`. The kind is KubeFed's own, whatever types are linked.
    pub(crate) async fn run(self: Arc<Self>, host: Client, namespace: Namespace, ended: CancellationToken) {
        let resource = federated_namespace().to_kube();
        let api: Api<DynamicObject> = match &namespace.target {
            Some(target) => Api::namespaced_with(host, target, &resource),
            None => Api::all_with(host, &resource),
        };
        let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
        let mut listed = BTreeSet::new();
        loop {
            let event = tokio::select! {
                () = ended.cancelled() => return,
                event = events.try_next() => event,
            };
            match event {
                Ok(Some(watcher::Event::Init)) => listed.clear(),
                Ok(Some(watcher::Event::InitApply(object))) => {
                    listed.extend(object.namespace());
                    self.set(&object);
                }
                Ok(Some(watcher::Event::InitDone)) => {
                    let gone: Vec<String> = self
                        .placements
                        .read()
                        .keys()
                        .filter(|name| !listed.contains(*name))
                        .cloned()
                        .collect();
                    for name in gone {
                        self.remove(&name);
                    }
                    self.listed.send_replace(true);
                }
                Ok(Some(watcher::Event::Apply(object))) => self.set(&object),
                Ok(Some(watcher::Event::Delete(object))) => {
                    self.remove(&object.namespace().unwrap_or_default());
                }
                Ok(None) => return,
                // A host without the kind federates no namespaces: nothing that is namespaced is placed anywhere. Any other
                // error says nothing about placements, and nothing may be concluded from it.
                Err(watcher::Error::InitialListFailed(kube::Error::Api(status))) if status.code == 404 => {
                    self.listed.send_replace(true);
                }
                Err(error) => tracing::warn!(%error, "watching FederatedNamespaces"),
            }
        }
    }

    fn set(&self, object: &DynamicObject) {
        let Some(namespace) = object.namespace().filter(|namespace| *namespace == object.name_any()) else {
            return;
        };
        let raw = serde_json::to_value(object).and_then(serde_json::from_value::<RawFederated>);
        let placement = match raw {
            Ok(raw) => Ok(raw.spec.placement),
            Err(error) => Err(format!("the FederatedNamespace {namespace} cannot be read: {error}").into()),
        };
        let before = self.placements.write().insert(namespace.clone(), placement.clone());
        if before != Some(placement) {
            let _ = self.changes.send(namespace);
        }
    }

    fn remove(&self, namespace: &str) {
        if self.placements.write().remove(namespace).is_some() {
            let _ = self.changes.send(namespace.to_owned());
        }
    }
}

fn federated_namespace() -> ApiResource {
    ApiResource {
        group: names::TYPES_GROUP.to_owned(),
        version: names::TYPES_VERSION.to_owned(),
        kind: "FederatedNamespace".to_owned(),
        plural_name: "federatednamespaces".to_owned(),
        scope: Scope::Namespaced,
    }
}
