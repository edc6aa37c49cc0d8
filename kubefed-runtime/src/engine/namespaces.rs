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

use super::Key;
use crate::options::Namespace;

/// The placement of a federated namespace, or why it cannot be read. It may have none.
pub(crate) type NamespacePlacement = Result<Option<Placement>, Arc<str>>;

/// The placements of all federated namespaces, kept up to date.
pub(crate) struct FederatedNamespaces {
    placements: RwLock<BTreeMap<String, NamespacePlacement>>,
    known: watch::Sender<Known>,
    changes: broadcast::Sender<Change>,
}

/// Whether the placements are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// They are still being listed.
    NotYet,
    /// The host does not serve the kind. That says nothing about what may be removed from members.
    NotServed,
    /// They are.
    Listed,
}

/// Whose placement changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// That of one namespace.
    Of(String),
    /// Perhaps that of all: the host has begun to serve the kind.
    OfAll,
}

/// Changes that may be under way before a slow reader has to look at everything again.
const CHANGES: usize = 1024;

impl FederatedNamespaces {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            placements: RwLock::default(),
            known: watch::Sender::new(Known::NotYet),
            changes: broadcast::channel(CHANGES).0,
        })
    }

    /// The placement of a namespace; `None` if it is not federated. Where the host does not serve the kind, nothing can be
    /// said of any namespace.
    pub(crate) fn placement(&self, namespace: &str) -> Option<NamespacePlacement> {
        if *self.known.borrow() == Known::NotServed {
            return Some(Err(NOT_SERVED.into()));
        }
        self.placements.read().get(namespace).cloned()
    }

    /// Names of namespaces whose placement changed, from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Waits until all placements are known, or the host has said that it does not serve the kind.
    pub(crate) async fn listed(&self) {
        // The sender lives as long as `self`.
        let _ = self.known.subscribe().wait_for(|known| *known != Known::NotYet).await;
    }

    /// Watches the objects of `kind` until `ended`.
    pub(crate) async fn run(
        self: Arc<Self>,
        host: Client,
        kind: ApiResource,
        namespace: Namespace,
        ended: CancellationToken,
    ) {
        let resource = kind.to_kube();
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
                    listed.extend(federated(&object));
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
                    if self.known.send_replace(Known::Listed) == Known::NotServed {
                        let _ = self.changes.send(Change::OfAll);
                    }
                }
                Ok(Some(watcher::Event::Apply(object))) => self.set(&object),
                Ok(Some(watcher::Event::Delete(object))) => {
                    if let Some(namespace) = federated(&object) {
                        self.remove(&namespace);
                    }
                }
                Ok(None) => return,
                // Only a whole list tells that a namespace is not federated; no error does.
                Err(watcher::Error::InitialListFailed(kube::Error::Api(status))) if status.code == 404 => {
                    // In a control plane of one namespace nothing needs the kind (spec 12.6).
                    let known = if namespace.target.is_some() { Known::Listed } else { Known::NotServed };
                    if self.known.send_replace(known) != known && known == Known::NotServed {
                        tracing::warn!("{NOT_SERVED}");
                        let _ = self.changes.send(Change::OfAll);
                    }
                }
                Err(error) => tracing::warn!(%error, "watching FederatedNamespaces"),
            }
        }
    }

    fn set(&self, object: &DynamicObject) {
        let Some(namespace) = federated(object) else { return };
        let raw = serde_json::to_value(object).and_then(serde_json::from_value::<RawFederated>);
        let placement = match raw {
            Ok(raw) => Ok(raw.spec.placement),
            Err(error) => Err(format!("the FederatedNamespace {namespace} cannot be read: {error}").into()),
        };
        let before = self.placements.write().insert(namespace.clone(), placement.clone());
        if before != Some(placement) {
            let _ = self.changes.send(Change::Of(namespace));
        }
    }

    fn remove(&self, namespace: &str) {
        if self.placements.write().remove(namespace).is_some() {
            let _ = self.changes.send(Change::Of(namespace.to_owned()));
        }
    }
}

const NOT_SERVED: &str = "the host does not serve FederatedNamespace, without which nothing that lives in a namespace is \
                          placed anywhere; link a type of Namespace into the controller and install its CRD";

/// The namespace that the object speaks of: its own, if it has the same name. Any other is a mistake of its author and
/// speaks of none.
fn federated(object: &DynamicObject) -> Option<String> {
    let key = Key::new(object.namespace().as_deref(), &object.name_any());
    key.stands_for_its_namespace().then(|| key.name().to_owned())
}

/// The kind with the placements of namespaces where no type of namespaces is linked: KubeFed's own.
pub(crate) fn federated_namespace() -> ApiResource {
    ApiResource {
        group: names::TYPES_GROUP.to_owned(),
        version: names::TYPES_VERSION.to_owned(),
        kind: "FederatedNamespace".to_owned(),
        plural_name: "federatednamespaces".to_owned(),
        scope: Scope::Namespaced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(namespace: &str, name: &str) -> DynamicObject {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "types.kubefed.io/v1beta1",
            "kind": "FederatedNamespace",
            "metadata": {"namespace": namespace, "name": name},
            "spec": {"placement": {"clusters": []}},
        }))
        .unwrap()
    }

    #[test]
    fn an_object_of_another_name_speaks_of_no_namespace() {
        let namespaces = FederatedNamespaces::new();
        namespaces.set(&object("a", "oops"));
        assert!(namespaces.placement("a").is_none());
        assert_eq!(federated(&object("a", "oops")), None, "nor does its end");
        namespaces.set(&object("a", "a"));
        assert!(matches!(namespaces.placement("a"), Some(Ok(Some(_)))));
    }

    #[test]
    fn where_the_kind_is_not_served_nothing_is_known_of_any_namespace() {
        let namespaces = FederatedNamespaces::new();
        namespaces.known.send_replace(Known::NotServed);
        assert!(matches!(namespaces.placement("a"), Some(Err(_))), "not: it is not federated");
    }
}
