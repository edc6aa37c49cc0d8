//! The manager: puts the parts of a controller together and runs them.

mod args;
mod manifests;
mod server;

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client};
use kubefed_core::{
    api::{Federate, FederatedTypeConfig, KubeFedConfig, KubeFedConfigSpec, TypeDescriptor, names},
    schema::{crd, normalise::admits_integer_at, type_config},
};
use serde_json::Value;
use thiserror::Error;
use tokio::task::JoinSet;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

pub use args::run;
pub use server::{Address, InvalidAddress};

use crate::{
    clock::Clock,
    cluster::{ClusterController, Connector, HttpsConnector},
    election::{Election, Timing},
    engine::{Engine, FederatedNamespaces, federated_namespace},
    metrics::Metrics,
    options::{HealthOptions, Namespace, PropagationOptions},
    type_config::TypeConfigController,
};

/// A controller of federated types.
///
/// ```no_run
/// # use kubefed_runtime::{Manager, ManagerOptions, api::Federate};
/// # async fn doc<Website: Federate>(client: kube::Client) -> Result<(), Box<dyn std::error::Error>> {
/// Manager::new().federate::<Website>().run(client, ManagerOptions::default(), std::future::pending()).await?;
/// # Ok(())
/// # }
/// ```
pub struct Manager {
    types: Vec<LinkedType>,
    connector: Arc<dyn Connector>,
    metrics: Metrics,
}

/// A type that is compiled into the controller.
struct LinkedType {
    descriptor: TypeDescriptor,
    crd: fn() -> Value,
    type_config: fn(&str) -> FederatedTypeConfig,
}

impl LinkedType {
    /// Whether the template has a replica count where the type says that it is.
    fn check_replicas(&self) -> Result<(), ManagerError> {
        let Some(replicas) = &self.descriptor.replicas else { return Ok(()) };
        let crd = (self.crd)();
        let template = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/template";
        let path: Vec<&str> = replicas.iter().map(String::as_str).collect();
        match crd.pointer(template) {
            Some(template) if !admits_integer_at(template, &path) => Err(ManagerError::Replicas {
                kind: self.descriptor.target.kind.clone(),
                path: path.join("."),
            }),
            _ => Ok(()),
        }
    }
}

/// What a controller is told at its start.
#[derive(Clone, Debug)]
pub struct ManagerOptions {
    /// The namespace of the control plane on the host.
    pub namespace: String,
    /// The configuration to use instead of the `KubeFedConfig` on the host.
    pub config: Option<KubeFedConfigSpec>,
    /// Where `/healthz` and `/readyz` are served.
    pub healthz: Option<Address>,
    /// Where `/metrics` is served.
    pub metrics: Option<Address>,
    /// Whether to lead only while holding the lease. A controller that is alone for sure can do without.
    pub leader_election: bool,
    /// The time that shall be taken for now; the system's where there is none.
    pub now: Option<Timestamp>,
}

impl Default for ManagerOptions {
    fn default() -> Self {
        Self {
            namespace: names::DEFAULT_KUBEFED_NAMESPACE.to_owned(),
            config: None,
            healthz: None,
            metrics: None,
            leader_election: true,
            now: None,
        }
    }
}

/// Why a controller could not start, or stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ManagerError {
    /// Two linked types have one name.
    #[error(
        "two linked types are called {0}; give one of them another group, plural or federated name, or link it once"
    )]
    Duplicate(String),
    /// The configuration could not be read.
    #[error("KubeFedConfig {namespace}/{name}: {source}")]
    Config {
        /// Where it is.
        namespace: String,
        /// What it is called.
        name: &'static str,
        /// Why it could not be read.
        source: Box<kube::Error>,
    },
    /// The configuration says something that cannot be.
    #[error("invalid KubeFedConfig {namespace}/{name}: {problems}")]
    InvalidConfig {
        /// Where it is.
        namespace: String,
        /// What it is called.
        name: &'static str,
        /// All that is wrong with it.
        problems: String,
    },
    /// A port cannot be listened on.
    #[error("cannot listen on {address} for {what}: {source}; choose another address")]
    Listen {
        /// The address.
        address: Address,
        /// What is served there.
        what: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another controller may lead now.
    #[error("lost lease")]
    LostLease,
    /// A linked type names a replica count that its template's schema does not have.
    #[error(
        "{kind}: the schema of its template has no integer at `{path}`, where its replicas are said to be; where serde \
         renames a field on the way, name the JSON path: replicas(path = …, json = \"…\")"
    )]
    Replicas {
        /// Kind of the target.
        kind: String,
        /// The JSON path, with dots.
        path: String,
    },
    /// A part of the controller ended, which is a bug.
    #[error("a part of the controller ended: {0}; please report this with the log")]
    Ended(String),
}

/// How long a controller that stops waits for operations that are under way.
const STOPPING: Duration = Duration::from_secs(5);

impl Default for Manager {
    fn default() -> Self {
        Self::new()
    }
}

impl Manager {
    /// A controller without any types.
    #[must_use]
    pub fn new() -> Self {
        Self { types: Vec::new(), connector: Arc::new(HttpsConnector), metrics: Metrics::new() }
    }

    /// Links a type: it runs when its `FederatedTypeConfig` exists and says Enabled.
    #[must_use]
    pub fn federate<T: Federate>(mut self) -> Self {
        self.types.push(LinkedType {
            descriptor: TypeDescriptor::of::<T>(),
            crd: crd::crd_of::<T>,
            type_config: type_config::type_config_of::<T>,
        });
        self
    }

    /// Reaches members in another way than over HTTPS at their `spec.apiEndpoint`.
    #[must_use]
    pub fn connector(mut self, connector: impl Connector) -> Self {
        self.connector = Arc::new(connector);
        self
    }

    /// The linked types.
    #[must_use]
    pub fn descriptors(&self) -> Vec<TypeDescriptor> {
        self.types.iter().map(|linked| linked.descriptor.clone()).collect()
    }

    /// What `/metrics` tells of this controller, also while it runs: for programs that serve metrics themselves.
    pub fn metrics(&self) -> impl Fn() -> Result<String, std::fmt::Error> + Clone + Send + Sync + use<> {
        let metrics = self.metrics.clone();
        move || metrics.text()
    }

    /// Runs the controller against the host behind `host` until `shutdown` ends.
    ///
    /// # Errors
    ///
    /// If the linked types contradict each other, if the configuration is invalid or cannot be read, if an address
    /// cannot be listened on, or if the lease was lost.
    pub async fn run(
        self,
        host: Client,
        options: ManagerOptions,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ManagerError> {
        self.check()?;
        let ended = CancellationToken::new();
        let _ends_with_us = ended.clone().drop_guard();
        let metrics = self.metrics.clone();
        let ready = server::Readiness::default();
        server::serve(&options, &metrics, &ready, &ended).await?;
        let mut shutdown = pin!(shutdown);
        let config = tokio::select! {
            () = &mut shutdown => return Ok(()),
            config = self.config(&host, &options) => config?,
        };
        let clock = options.now.map_or_else(Clock::system, Clock::starting_at);
        ready.set();
        if !options.leader_election {
            let mut parts = self.start(&host, &options, &config, clock, metrics, &ended);
            let outcome = tokio::select! {
                () = shutdown => Ok(()),
                error = parts.failure() => Err(error),
            };
            parts.stop(STOPPING).await;
            return outcome;
        }
        let timing = Timing::from(&config);
        let mut election = Election::new(host.clone(), &options.namespace, identity(), timing, clock);
        let acquired = tokio::select! {
            () = &mut shutdown => return Ok(()),
            acquired = election.acquire() => acquired,
        };
        let mut parts = self.start(&host, &options, &config, clock, metrics, &ended);
        let outcome = tokio::select! {
            () = shutdown => Ok(()),
            error = parts.failure() => Err(error),
            () = election.hold(acquired) => Err(ManagerError::LostLease),
        };
        // The next leader must not find ours at work: the lease is given back only when nothing is under way any more, and
        // runs out by itself otherwise.
        let is_idle = parts.stop(timing.lease.saturating_sub(timing.renew_deadline).min(STOPPING)).await;
        // A host that does not answer must not keep us either.
        if is_idle
            && !matches!(outcome, Err(ManagerError::LostLease))
            && tokio::time::timeout(STOPPING, election.release()).await.is_err()
        {
            tracing::warn!("the lease could not be given back in time");
        }
        outcome
    }

    fn check(&self) -> Result<(), ManagerError> {
        for (index, linked) in self.types.iter().enumerate() {
            linked.check_replicas()?;
            let names =
                [linked.descriptor.target.group_qualified(), linked.descriptor.federated.group_qualified()];
            for other in &self.types[..index] {
                let taken =
                    [other.descriptor.target.group_qualified(), other.descriptor.federated.group_qualified()];
                if let Some(name) =
                    names.iter().zip(&taken).find_map(|(name, taken)| (name == taken).then_some(name))
                {
                    return Err(ManagerError::Duplicate(name.clone()));
                }
            }
        }
        Ok(())
    }

    async fn config(
        &self,
        host: &Client,
        options: &ManagerOptions,
    ) -> Result<KubeFedConfigSpec, ManagerError> {
        let (namespace, name) = (options.namespace.clone(), names::KUBEFED_CONFIG_NAME);
        let config = match &options.config {
            Some(config) => config.clone(),
            None => {
                let api: Api<KubeFedConfig> = Api::namespaced(host.clone(), &namespace);
                let read = api.get_opt(name).await;
                let found = match read {
                    // A host without the CRD has no configuration either.
                    Err(kube::Error::Api(status)) if status.is_not_found() => None,
                    read => read.map_err(|error| ManagerError::Config {
                        namespace: namespace.clone(),
                        name,
                        source: Box::new(error),
                    })?,
                };
                found.map(|config| config.spec).unwrap_or_default()
            }
        };
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(ManagerError::InvalidConfig { namespace, name, problems: problems.join("; ") });
        }
        tracing::info!("Using valid KubeFedConfig \"{namespace}/{name}\"");
        Ok(config)
    }

    fn start(
        &self,
        host: &Client,
        options: &ManagerOptions,
        config: &KubeFedConfigSpec,
        clock: Clock,
        metrics: Metrics,
        ended: &CancellationToken,
    ) -> Parts {
        tracing::info!("promoted as leader");
        let namespace = Namespace::new(&options.namespace, config);
        let clusters = ClusterController::new(
            host.clone(),
            namespace.clone(),
            Arc::clone(&self.connector),
            HealthOptions::from(config),
            clock,
            metrics.clone(),
        );
        let namespaces = FederatedNamespaces::new();
        let engine = Arc::new(Engine {
            host: host.clone(),
            namespace: namespace.clone(),
            options: PropagationOptions::from(config),
            clock,
            metrics,
            members: clusters.members(),
            namespace_events: clusters.namespace_events(),
            namespaces: Arc::clone(&namespaces),
            operations: TaskTracker::new(),
            ended: ended.clone(),
        });
        let operations = engine.operations.clone();
        let types = TypeConfigController::new(engine, &self.descriptors());
        let mut tasks = JoinSet::new();
        let connections = CancellationToken::new();
        let kind =
            self.types.iter().map(|linked| &linked.descriptor).find(|descriptor| descriptor.is_namespaces());
        let kind = kind.map_or_else(federated_namespace, |descriptor| descriptor.federated.clone());
        tasks.spawn(named("cluster controller", clusters.run(ended.clone(), connections.clone())));
        tasks.spawn(named(
            "watch of namespaces",
            namespaces.run(host.clone(), kind, namespace, ended.clone()),
        ));
        tasks.spawn(named("FederatedTypeConfig controller", types.run(ended.clone())));
        Parts { tasks, operations, ended: ended.clone(), connections: connections.drop_guard() }
    }
}

async fn named(name: &'static str, part: impl Future<Output = ()>) -> &'static str {
    part.await;
    name
}

/// What runs while we lead.
struct Parts {
    tasks: JoinSet<&'static str>,
    operations: TaskTracker,
    /// Ends everything but the connections to members.
    ended: CancellationToken,
    /// Ends those, and the operations that use them, when it is dropped.
    connections: DropGuard,
}

impl Parts {
    /// Waits for a part to end, which none does on its own: without it the rest would be a leader that does not lead.
    async fn failure(&mut self) -> ManagerError {
        match self.tasks.join_next().await {
            Some(Ok(name)) => ManagerError::Ended(name.to_owned()),
            Some(Err(error)) => ManagerError::Ended(error.to_string()),
            None => std::future::pending().await,
        }
    }

    /// Starts nothing more, waits for what is under way, and cuts it off when it takes longer than `limit`. Tells whether
    /// all has ended by itself.
    async fn stop(self, limit: Duration) -> bool {
        self.ended.cancel();
        self.operations.close();
        let is_idle = tokio::time::timeout(limit, self.operations.wait()).await.is_ok();
        if !is_idle {
            tracing::warn!("operations on members are still under way after {limit:?}");
        }
        drop(self.connections);
        is_idle
    }
}

/// Who we are among the candidates: the host's name, and something that no other process has.
fn identity() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "kubefed".to_owned());
    format!("{host}_{}", uuid::Uuid::new_v4())
}
