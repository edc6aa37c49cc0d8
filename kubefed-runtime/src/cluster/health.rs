//! The task of one member: connects, probes `/healthz`, writes the status of its `KubeFedCluster`, and watches its
//! namespaces (spec 8.1 to 8.3).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{StreamExt, TryStreamExt};
use http::{Method, Request};
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, Client, ResourceExt,
    client::Body,
    core::PartialObjectMeta,
    runtime::watcher::{self, watcher},
};
use kubefed_core::{
    api::KubeFedCluster,
    health::{Health, Probe, Thresholds, needs_write},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::engine::Key;

use super::{
    ClientError, Connection, NamespaceList, Objects,
    members::{NamespaceEvent, Shared, Way, cluster_kind, watch_pause},
    with_causes,
};

/// How often the status is written although nothing changed.
const HEARTBEAT: Duration = Duration::from_secs(300);

/// Looks after one member until its token is cancelled.
pub(crate) struct HealthTask {
    shared: Arc<Shared>,
    cluster: KubeFedCluster,
    name: String,
    key: Key,
    /// Ends the task and its connection.
    ended: CancellationToken,
    /// Ends the probes; what is under way with the member may still end in order.
    stopping: CancellationToken,
    connection: Option<Arc<Connection>>,
    /// The token that the connection uses.
    token: Option<SecretString>,
    health: Health,
}

/// Why there is no connection.
enum NotConnected {
    /// The `KubeFedCluster` or its secret cannot be used.
    Malformed(String),
    /// The host did not tell. That says nothing of the member.
    Unread(String),
}

impl HealthTask {
    pub(crate) fn new(
        shared: Arc<Shared>,
        cluster: KubeFedCluster,
        ended: CancellationToken,
        stopping: CancellationToken,
    ) -> Self {
        let name = cluster.name_any();
        let key = Key::new(Some(&shared.namespace.kubefed), &name);
        let health = Health::default();
        Self { shared, cluster, name, key, ended, stopping, connection: None, token: None, health }
    }

    /// Probes once per period, starting at once.
    pub(crate) async fn run(mut self) {
        let mut ticks = tokio::time::interval(self.shared.health.period);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (ended, stopping) = (self.ended.clone(), self.stopping.clone());
        let probing = async {
            loop {
                ticks.tick().await;
                self.probe_once().await;
            }
        };
        tokio::select! {
            () = ended.cancelled() => {}
            () = stopping.cancelled() => {}
            () = probing => {}
        }
        ended.cancelled().await;
        if let Some(connection) = &self.connection {
            connection.ended.cancel();
        }
    }

    async fn probe_once(&mut self) {
        let started = tokio::time::Instant::now();
        let probe = match self.connect().await {
            Ok(connection) => self.probe(&connection.clients.requests).await,
            Err(NotConnected::Unread(why)) => {
                tracing::warn!(
                    cluster = self.name,
                    why,
                    "the host does not tell the member's token; trying again"
                );
                let note = format!("The host does not tell the token of this cluster: {why}");
                let reason = "RetrievingClusterHealthFailed";
                return self.shared.events.warn(&self.key, &self.cluster.metadata, reason, "", note);
            }
            Err(NotConnected::Malformed(problem)) => {
                self.shared.found_way(&self.name, &self.ended, Way::Failed(problem.as_str().into()));
                Probe::Malformed(problem)
            }
        };
        self.shared.metrics.probed(&self.name, &probe, started.elapsed());
        self.report(&probe);
        let stored = self.shared.stored_status(&self.name);
        let options = self.shared.health;
        let thresholds =
            Thresholds { failure: options.failure_threshold, success: options.success_threshold };
        let status = self.health.observe(stored.as_ref(), probe, self.shared.clock.now(), thresholds);
        if !needs_write(stored.as_ref(), &status, HEARTBEAT) {
            return;
        }
        let api = cluster_kind();
        let objects =
            Objects { client: &self.shared.host, resource: &api, timeout: options.timeout.max(HOST_TIMEOUT) };
        let patch = json!({ "status": status });
        let namespace = Some(&*self.shared.namespace.kubefed);
        match objects.merge_patch(namespace, &self.name, true, &patch).await {
            Ok(answer) => self.shared.wrote_status(&self.name, answer.metadata().as_ref(), status),
            Err(error) => {
                tracing::warn!(cluster = self.name, %error, "writing the status of the KubeFedCluster");
            }
        }
    }

    /// The connection, made anew where there is none.
    async fn connect(&mut self) -> Result<Arc<Connection>, NotConnected> {
        if let Some(connection) = &self.connection {
            return Ok(Arc::clone(connection));
        }
        let token = self.token().await?;
        let malformed = |error: ClientError| NotConnected::Malformed(error.to_string());
        let clients =
            self.shared.connector.connect(&self.cluster, token.expose_secret()).map_err(malformed)?;
        let connection = Arc::new(Connection::new(clients));
        let client = connection.clients.watch_client().map_err(malformed)?;
        let watch = NamespaceWatch {
            shared: Arc::clone(&self.shared),
            cluster: self.name.as_str().into(),
            connection: Arc::clone(&connection),
        };
        tokio::spawn(watch.run(client));
        self.connection = Some(Arc::clone(&connection));
        self.token = Some(token);
        self.shared.found_way(&self.name, &self.ended, Way::Connected(Arc::clone(&connection)));
        Ok(connection)
    }

    /// The bearer token in the secret that the cluster names.
    async fn token(&self) -> Result<SecretString, NotConnected> {
        let malformed = |problem: String| Err(NotConnected::Malformed(problem));
        let name = &self.cluster.spec.secret_ref.name;
        if name.is_empty() {
            let problem = "spec.secretRef.name: it is empty; name the secret that holds the member's token";
            return malformed(problem.to_owned());
        }
        let namespace = &*self.shared.namespace.kubefed;
        let secrets: Api<Secret> = Api::namespaced(self.shared.host.clone(), namespace);
        let secret = match tokio::time::timeout(HOST_TIMEOUT, secrets.get(name)).await {
            Ok(Ok(secret)) => secret,
            // Not there, or not to be read: that lasts until somebody mends it.
            Ok(Err(kube::Error::Api(status))) if matches!(status.code, 400 | 403..=407 | 410..=428) => {
                return malformed(format!("spec.secretRef.name: secret {namespace}/{name}: {status}"));
            }
            Ok(Err(error)) => {
                return Err(NotConnected::Unread(format!("secret {namespace}/{name}: {error}")));
            }
            Err(_) => {
                let problem = format!("secret {namespace}/{name}: no answer within {HOST_TIMEOUT:?}");
                return Err(NotConnected::Unread(problem));
            }
        };
        let token = secret.data.unwrap_or_default().remove("token").unwrap_or_default();
        let Ok(token) = String::from_utf8(token.0) else {
            return malformed(format!("secret {namespace}/{name}: key `token` is no text"));
        };
        match token.trim() {
            "" => malformed(format!("secret {namespace}/{name}: key `token` is missing or empty")),
            token => Ok(SecretString::from(token)),
        }
    }

    async fn probe(&mut self, client: &Client) -> Probe {
        match get(client, "/healthz", self.shared.health.timeout).await {
            Ok((200..300, body)) if body.eq_ignore_ascii_case("ok") => {
                Probe::Healthy { version: self.version(client).await }
            }
            Ok((200..300, _)) => Probe::Unhealthy,
            Ok((code, _)) => {
                if code == 401 {
                    self.renew().await;
                }
                Probe::Unreachable(format!("/healthz answers with HTTP status {code}"))
            }
            Err(why) => Probe::Unreachable(why),
        }
    }

    /// The member refuses the token: if the secret holds another one by now, the next probe connects with that.
    async fn renew(&mut self) {
        let Ok(token) = self.token().await else { return };
        if self.token.as_ref().is_none_or(|used| used.expose_secret() != token.expose_secret()) {
            self.disconnect();
        }
    }

    fn disconnect(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.shared.found_way(&self.name, &self.ended, Way::Connecting);
            connection.ended.cancel();
        }
    }

    async fn version(&self, client: &Client) -> Option<String> {
        let (code, body) = get(client, "/version", self.shared.health.timeout).await.ok()?;
        let version: serde_json::Value = (code == 200).then(|| serde_json::from_str(&body).ok())??;
        Some(version.get("gitVersion")?.as_str()?.to_owned())
    }

    /// One warning event per new failure.
    fn report(&self, probe: &Probe) {
        let (reason, note) = match probe {
            Probe::Malformed(why) => (
                "MalformedClusterConfig",
                format!("The configuration for this cluster may be malformed: {why}"),
            ),
            Probe::Unreachable(why) => {
                ("RetrievingClusterHealthFailed", format!("Failed to retrieve health of the cluster: {why}"))
            }
            Probe::Healthy { .. } | Probe::Unhealthy => return self.shared.events.forget(&self.key),
        };
        self.shared.events.warn(&self.key, &self.cluster.metadata, reason, "", note);
    }
}

const HOST_TIMEOUT: Duration = Duration::from_secs(10);

/// A plain GET, read whole.
async fn get(client: &Client, path: &str, timeout: Duration) -> Result<(u16, String), String> {
    let request =
        Request::builder().method(Method::GET).uri(path).body(Body::empty()).map_err(|e| e.to_string())?;
    let exchange = async {
        let response = client.send(request).await.map_err(|error| with_causes(&error))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok((head.status.as_u16(), String::from_utf8_lossy(&body).trim().to_owned()))
    };
    tokio::time::timeout(timeout, exchange).await.map_err(|_| format!("no answer within {timeout:?}"))?
}

/// Watches the namespaces of a member, names only, whoever made them: contents wait for theirs without asking.
struct NamespaceWatch {
    shared: Arc<Shared>,
    cluster: Arc<str>,
    connection: Arc<Connection>,
}

impl NamespaceWatch {
    async fn run(self, client: Client) {
        let api: Api<PartialObjectMeta<Namespace>> = Api::all(client);
        let mut events = watcher(api, watcher::Config::default()).boxed();
        let mut listed = Vec::new();
        let mut errors = 0;
        loop {
            let event = tokio::select! {
                () = self.connection.ended.cancelled() => return,
                event = events.try_next() => event,
            };
            match event {
                Ok(Some(watcher::Event::Init)) => listed.clear(),
                Ok(Some(watcher::Event::InitApply(namespace))) => listed.push(namespace),
                Ok(Some(watcher::Event::InitDone)) => {
                    errors = 0;
                    self.replace(std::mem::take(&mut listed));
                }
                Ok(Some(watcher::Event::Apply(namespace))) => {
                    errors = 0;
                    self.set(&namespace.name_any(), Some(namespace.metadata.deletion_timestamp.is_some()));
                }
                Ok(Some(watcher::Event::Delete(namespace))) => self.set(&namespace.name_any(), None),
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(cluster = &*self.cluster, %error, "watching namespaces");
                    errors += 1;
                    self.finish_list(NamespaceList::Refused);
                    tokio::time::sleep(watch_pause(errors)).await;
                }
            }
        }
    }

    fn replace(&self, listed: Vec<PartialObjectMeta<Namespace>>) {
        let listed: BTreeMap<String, bool> = listed
            .into_iter()
            .map(|namespace| (namespace.name_any(), namespace.metadata.deletion_timestamp.is_some()))
            .collect();
        let before: Vec<Box<str>> = {
            let namespaces = self.connection.namespaces.read();
            namespaces.active.iter().chain(&namespaces.terminating).cloned().collect()
        };
        for gone in before.iter().filter(|name| !listed.contains_key(&***name)) {
            self.set(gone, None);
        }
        for (name, terminating) in &listed {
            self.set(name, Some(*terminating));
        }
        self.finish_list(NamespaceList::Listed);
    }

    /// A list has ended, well or not. Once listed, a member keeps what it showed.
    fn finish_list(&self, list: NamespaceList) {
        let mut namespaces = self.connection.namespaces.write();
        if namespaces.list == NamespaceList::Listed || namespaces.list == list {
            return;
        }
        namespaces.list = list;
        drop(namespaces);
        self.connection.changed();
    }

    fn set(&self, name: &str, terminating: Option<bool>) {
        {
            let mut namespaces = self.connection.namespaces.write();
            let changed = match terminating {
                None => namespaces.active.remove(name) | namespaces.terminating.remove(name),
                Some(true) => namespaces.active.remove(name) | namespaces.terminating.insert(name.into()),
                Some(false) => namespaces.terminating.remove(name) | namespaces.active.insert(name.into()),
            };
            if !changed {
                return;
            }
        }
        let event = NamespaceEvent { cluster: Arc::clone(&self.cluster), namespace: name.to_owned() };
        // Nobody listening is fine.
        let _ = self.shared.namespace_events.send(event);
    }
}
