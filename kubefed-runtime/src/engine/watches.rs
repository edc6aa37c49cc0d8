//! What feeds the caches of a type: the host's watch, one watch per member, and the events of namespaces.

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Namespace as HostNamespace;
use kube::{
    Api, Client, ResourceExt,
    api::DynamicObject,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt,
        watcher::{self, watcher},
    },
};
use kubefed_core::api::{ApiResource, names};
use tokio::sync::broadcast::error::RecvError;

use super::{
    Key, TypeController,
    host::HostChange,
    member::{ListState, MemberCache},
    namespaces::Change,
    type_controller::MemberOfType,
};
use crate::cluster::{Connection, REQUEST_TIMEOUT, Way, watch_pause};

impl TypeController {
    /// Watches the federated objects on the host.
    pub(super) async fn watch_host(self: Arc<Self>) {
        let resource = self.descriptor.federated.to_kube();
        let host = self.engine.host.clone();
        let api: Api<DynamicObject> = match &self.engine.namespace.target {
            Some(target) if self.descriptor.is_federated_namespaced() => {
                Api::namespaced_with(host, target, &resource)
            }
            _ => Api::all_with(host, &resource),
        };
        let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
        loop {
            match events.try_next().await {
                Ok(Some(watcher::Event::Init)) => self.host.list_begins(),
                Ok(Some(watcher::Event::InitApply(object) | watcher::Event::Apply(object))) => {
                    let key = key_of(&object);
                    if self.host.shows(&key, object) == HostChange::Changed {
                        self.queue.add(key);
                    }
                }
                Ok(Some(watcher::Event::InitDone)) => self.queue.add_all(self.host.list_ends()),
                Ok(Some(watcher::Event::Delete(object))) => {
                    let key = key_of(&object);
                    self.host.removes(&key);
                    self.queue.add(key);
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(kind = self.descriptor.federated.kind, %error, "watching federated objects");
                }
            }
        }
    }

    /// Starts and ends the watches of members as they come, change and go.
    pub(super) async fn follow_members(self: Arc<Self>) {
        let mut members = self.engine.members.clone();
        loop {
            let now = members.borrow_and_update().clone();
            if let Some(now) = now {
                let connections: BTreeMap<&String, &Arc<Connection>> = now
                    .iter()
                    .filter_map(|(name, member)| Some((name, member.way.connection()?)))
                    .filter(|(name, _)| {
                        now[*name].ready == Some(true) || self.members.read().contains_key(*name)
                    })
                    .collect();
                self.keep_watches(&connections);
                self.queue.add_all(self.host.keys());
                self.queue.add_all(self.member_keys());
            }
            if members.changed().await.is_err() {
                return;
            }
        }
    }

    fn keep_watches(self: &Arc<Self>, connections: &BTreeMap<&String, &Arc<Connection>>) {
        let mut members = self.members.write();
        members.retain(|name, member| {
            let stays = connections.get(name).is_some_and(|connection| connection.id == member.connection.id);
            if !stays {
                member.ended.cancel();
            }
            stays
        });
        for (name, connection) in connections {
            if members.contains_key(*name) {
                continue;
            }
            let member = Arc::new(MemberOfType {
                name: name.as_str().into(),
                connection: Arc::clone(connection),
                cache: MemberCache::default(),
                waiting: parking_lot::Mutex::default(),
                ended: self.ended.child_token(),
            });
            members.insert((*name).clone(), Arc::clone(&member));
            self.spawn_for(&member, Self::watch_member);
            self.spawn_for(&member, Self::follow_connection);
        }
    }

    fn spawn_for<F>(
        self: &Arc<Self>,
        member: &Arc<MemberOfType>,
        task: impl FnOnce(Arc<Self>, Arc<MemberOfType>) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let (this_type, connection) = (member.ended.clone(), member.connection.ended.clone());
        let task = task(Arc::clone(self), Arc::clone(member));
        tokio::spawn(async move {
            tokio::select! {
                () = this_type.cancelled() => {}
                () = connection.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Watches the metadata of everything in the member that carries our label, with any value.
    async fn watch_member(self: Arc<Self>, member: Arc<MemberOfType>) {
        let client = match member.connection.clients.watch_client() {
            Ok(client) => client,
            Err(error) => {
                member.cache.list_failed(error.to_string());
                return;
            }
        };
        let resource = self.descriptor.target.to_kube();
        let api: Api<PartialObjectMeta<DynamicObject>> = match &self.engine.namespace.target {
            Some(target) if self.descriptor.target.is_namespaced() => {
                Api::namespaced_with(client, target, &resource)
            }
            _ => Api::all_with(client, &resource),
        };
        let config = watcher::Config::default().labels(names::MANAGED_LABEL);
        let mut events = watcher(api.clone(), config.clone()).boxed();
        let mut errors = 0;
        loop {
            match events.try_next().await {
                Ok(Some(event)) => {
                    // A list that begins has not succeeded yet.
                    if !matches!(event, watcher::Event::Init) {
                        errors = 0;
                    }
                    self.seen(&member, event);
                }
                Ok(None) => return,
                Err(error) => {
                    errors += 1;
                    self.watch_failed(&member, &error).await;
                    tokio::time::sleep(watch_pause(errors)).await;
                    if member.cache.list_state() != ListState::Listed {
                        // What is refused now may be another thing when it is served again: from the beginning.
                        events = watcher(api.clone(), config.clone()).boxed();
                    }
                }
            }
        }
    }

    fn seen(&self, member: &MemberOfType, event: watcher::Event<PartialObjectMeta<DynamicObject>>) {
        let replicas = self.descriptor.replicas.as_deref();
        match event {
            watcher::Event::Init => member.cache.list_begins(),
            watcher::Event::InitApply(object) => {
                let key = key_of(&object);
                if member.cache.list_shows(&key, &object.metadata, replicas) {
                    self.queue.add(self.federated_key(&key));
                }
            }
            watcher::Event::InitDone => {
                let (gone, first) = member.cache.list_ends();
                self.queue.add_all(gone.iter().map(|key| self.federated_key(key)));
                if first {
                    // Also what the host has lost meanwhile.
                    self.queue.add_all(member.cache.keys().iter().map(|key| self.federated_key(key)));
                    self.queue.add_all(self.host.keys());
                }
            }
            watcher::Event::Apply(object) => {
                let key = key_of(&object);
                if member.cache.watch_shows(&key, &object.metadata, replicas) {
                    self.queue.add(self.federated_key(&key));
                }
                self.engine.metrics.member_event(&member.name, &self.descriptor.target.kind);
            }
            watcher::Event::Delete(object) => {
                let key = key_of(&object);
                if member.cache.watch_removes(&key, &object.metadata) {
                    self.queue.add(self.federated_key(&key));
                }
                self.engine.metrics.member_event(&member.name, &self.descriptor.target.kind);
            }
        }
    }

    /// A list that the member refuses is said in the status; a watch that ended is just begun again.
    async fn watch_failed(&self, member: &MemberOfType, error: &watcher::Error) {
        tracing::debug!(cluster = &*member.name, kind = self.descriptor.target.kind, %error, "watching a member");
        let (watcher::Error::InitialListFailed(cause) | watcher::Error::WatchStartFailed(cause)) = error
        else {
            return;
        };
        let target = &self.descriptor.target;
        let news = match cause {
            kube::Error::Api(status) if status.code == 404 => self.list_not_found(member).await,
            kube::Error::Api(status) if status.code == 403 => {
                member.cache.list_refused(ListState::Failed(format!(
                    "the token of the cluster may not list and watch {}; grant it: {}",
                    target.group_qualified(),
                    status.message
                )))
            }
            cause => member.cache.list_failed(format!("the objects of {target} cannot be listed: {cause}")),
        };
        if news {
            self.queue.add_all(self.host.keys());
        }
    }

    /// The member does not serve the type in the version that is asked for. In another it may hold objects all the same, and
    /// nothing may be concluded from what cannot be listed.
    async fn list_not_found(&self, member: &MemberOfType) -> bool {
        let target = &self.descriptor.target;
        let why = format!(
            "the cluster does not serve {target}; install it there, or take the cluster out of the placement"
        );
        let served = served_versions(&member.connection.clients.requests, target);
        match tokio::time::timeout(REQUEST_TIMEOUT, served).await {
            Ok(Ok(versions)) if versions.is_empty() => member.cache.list_refused(ListState::NotServed(why)),
            // It has just been installed.
            Ok(Ok(versions)) if versions.contains(&target.version) => member.cache.list_failed(why),
            Ok(Ok(versions)) => {
                let why = format!("{why}; it serves {} of it", versions.join(", "));
                member.cache.list_refused(ListState::Failed(why))
            }
            Ok(Err(_)) | Err(_) => {
                let why = format!(
                    "{why}; which other versions it serves it does not tell: grant its token system:discovery"
                );
                member.cache.list_refused(ListState::Failed(why))
            }
        }
    }

    /// Takes up again what waited for the member.
    async fn follow_connection(self: Arc<Self>, member: Arc<MemberOfType>) {
        let mut changes = member.connection.changes();
        while changes.changed().await.is_ok() {
            let waiting = std::mem::take(&mut *member.waiting.lock());
            self.queue.add_all(waiting);
        }
    }

    /// Takes up what is in a namespace of a member that came or went.
    pub(super) async fn follow_member_namespaces(self: Arc<Self>) {
        let mut events = self.engine.namespace_events.subscribe();
        loop {
            match events.recv().await {
                Ok(event) => {
                    if self.members.read().contains_key(&*event.cluster) {
                        self.queue.add_all(self.host.keys_in(&event.namespace));
                    }
                }
                Err(RecvError::Lagged(_)) => self.queue.add_all(self.host.keys()),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Takes up what is in a namespace whose placement changed.
    pub(super) async fn follow_federated_namespaces(self: Arc<Self>) {
        let mut changes = self.engine.namespaces.changes();
        loop {
            match changes.recv().await {
                Ok(Change::Of(namespace)) => self.queue.add_all(self.host.keys_in(&namespace)),
                Ok(Change::OfAll) | Err(RecvError::Lagged(_)) => self.queue.add_all(self.host.keys()),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Keeps the uids of the host's namespaces, which tell a member that is the host itself.
    pub(super) async fn watch_host_namespaces(self: Arc<Self>) {
        let api: Api<PartialObjectMeta<HostNamespace>> = Api::all(self.engine.host.clone());
        let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
        let mut listed = BTreeMap::new();
        loop {
            match events.try_next().await {
                Ok(Some(watcher::Event::Init)) => listed.clear(),
                Ok(Some(watcher::Event::InitApply(namespace))) => {
                    listed.insert(namespace.name_any(), namespace.uid().unwrap_or_default());
                }
                Ok(Some(watcher::Event::InitDone)) => {
                    *self.host_namespaces.write() = std::mem::take(&mut listed);
                    self.queue.add_all(self.host.keys());
                }
                Ok(Some(watcher::Event::Apply(namespace))) => {
                    let (name, uid) = (namespace.name_any(), namespace.uid().unwrap_or_default());
                    let before = self.host_namespaces.write().insert(name.clone(), uid.clone());
                    if before != Some(uid) {
                        self.queue.add(Key::new(Some(&name), &name));
                    }
                }
                Ok(Some(watcher::Event::Delete(namespace))) => {
                    self.host_namespaces.write().remove(&namespace.name_any());
                }
                Ok(None) => return,
                Err(error) => tracing::warn!(%error, "watching the host's namespaces"),
            }
        }
    }

    /// The cache of a member, as long as its connection is the one that is in use.
    pub(super) fn member(&self, name: &str, way: &Way) -> Option<Arc<MemberOfType>> {
        let connection = way.connection()?;
        let member = Arc::clone(self.members.read().get(name)?);
        (member.connection.id == connection.id).then_some(member)
    }
}

/// The versions of the type that the API server serves.
async fn served_versions(client: &Client, target: &ApiResource) -> Result<Vec<String>, kube::Error> {
    let mut served = Vec::new();
    let versions = if target.group.is_empty() {
        client.list_core_api_versions().await?.versions
    } else {
        let groups = client.list_api_groups().await?.groups;
        let group = groups.into_iter().find(|group| group.name == target.group);
        let versions = group.into_iter().flat_map(|group| group.versions);
        versions.map(|version| version.version).collect()
    };
    for version in versions {
        let api_version = names::api_version(&target.group, &version);
        let resources = match &*target.group {
            "" => client.list_core_api_resources(&version).await?,
            _ => client.list_api_group_resources(&api_version).await?,
        };
        if resources.resources.iter().any(|resource| resource.name == target.plural_name) {
            served.push(version);
        }
    }
    Ok(served)
}

fn key_of<K: ResourceExt>(object: &K) -> Key {
    Key::new(object.meta().namespace.as_deref(), object.meta().name.as_deref().unwrap_or_default())
}
