//! An embedded control plane: its start, its end, and what a test can do to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use kube::Client;
use kube::config::{AuthInfo, Cluster, Context, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::authentication::{Authenticator, CertificateError, Certificates, Identity, ServiceAccountTokens};
use crate::control_plane::{ControlPlane, RequestCounts};
use crate::controllers::Controllers;
use crate::faults::{Faults, RequestMatcher};
use crate::http::{ApiServer, ApiService, Listener, Metrics};
use crate::resources::{Resources, Target, WriteOptions};

/// Namespaces that every cluster has from the start.
const INITIAL_NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// Why a control plane could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Its certificates could not be made or used.
    #[error("control plane {plane}: {problem}")]
    Certificates {
        /// The plane's name.
        plane: String,
        /// What went wrong.
        problem: String,
    },
    /// The port could not be bound.
    #[error("control plane {plane}: port {port} of loopback cannot be used: {source}")]
    Port {
        /// The plane's name.
        plane: String,
        /// The port; 0 stands for any.
        port: u16,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Settings of a plane that is to be started; see [`EmbeddedControlPlane::builder`].
#[derive(Debug, Clone)]
pub struct Builder {
    name: String,
    seed: Option<u64>,
    port: u16,
}

impl Builder {
    /// Makes uids and generated names repeatable.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The port of loopback to serve HTTPS on, instead of any free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Starts the plane and serves it over HTTPS on loopback, too.
    ///
    /// # Errors
    /// [`StartError`] where certificates cannot be made or the port cannot be bound.
    pub async fn start(self) -> Result<EmbeddedControlPlane, StartError> {
        let (name, port) = (self.name.clone(), self.port);
        let mut plane = self.in_process()?;
        let config = plane.certificates.server_config().map_err(|error| certificates(&name, &error))?;
        let listener = Listener::bind(port, config).await.map_err(|source| StartError::Port {
            plane: name,
            port,
            source,
        })?;
        plane.address = Some(listener.address);
        tokio::spawn(listener.serve(plane.server.clone(), plane.stop.clone()));
        Ok(plane)
    }

    /// Starts the plane without any socket: only [`EmbeddedControlPlane::service`] and the clients on it reach it.
    ///
    /// # Errors
    /// [`StartError`] where certificates cannot be made.
    ///
    /// # Panics
    /// Outside a tokio runtime: the plane's own controllers run on it.
    pub fn in_process(self) -> Result<EmbeddedControlPlane, StartError> {
        let certificates = Certificates::new(&self.name).map_err(|error| certificates(&self.name, &error))?;
        let resources = Arc::new(Resources::new(self.seed));
        let stop = CancellationToken::new();
        let mut controllers = Controllers::new(certificates.ca_pem.clone());
        let mut changes = resources.store.listen();
        create_initial_namespaces(&resources);
        // What every namespace has is there from the start; later it comes a moment after the namespace.
        controllers.catch_up(&resources, &mut changes);
        tokio::spawn(controllers.run(resources.clone(), changes, stop.clone()));
        let admin_token = format!("{}-{}", self.name, resources.random.uid());
        let server = Arc::new(ApiServer {
            resources,
            authenticator: Authenticator { admin_token, service_accounts: ServiceAccountTokens },
            faults: Faults::new(),
            metrics: Arc::new(Metrics::default()),
        });
        Ok(EmbeddedControlPlane { name: self.name, server, certificates, address: None, stop })
    }
}

fn certificates(plane: &str, error: &CertificateError) -> StartError {
    StartError::Certificates { plane: plane.to_owned(), problem: error.to_string() }
}

fn create_initial_namespaces(resources: &Resources) {
    let Some(kind) = resources.registry.find("", "v1", "namespaces") else {
        return;
    };
    for name in INITIAL_NAMESPACES {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let target = Target { kind: &kind, namespace: "", name, subresource: None };
        if let Err(error) = resources.create(&target, object, &WriteOptions::internal("kube-apiserver")) {
            tracing::error!(
                name,
                message = error.message,
                "a namespace of the control plane was not created"
            );
        }
    }
}

/// A Kubernetes API server in this process, in memory.
///
/// It stops when it is dropped: connections end, and its background work, too.
///
/// ```
/// use k8s_openapi::api::core::v1::ConfigMap;
/// use kube::{Api, api::{ObjectMeta, PostParams}};
/// use kubefed_testbed::{ControlPlane, EmbeddedControlPlane};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let plane = EmbeddedControlPlane::in_process("member1")?;
/// let config_maps: Api<ConfigMap> = Api::namespaced(plane.client(), "default");
/// let config_map = ConfigMap {
///     metadata: ObjectMeta { name: Some("settings".to_owned()), ..ObjectMeta::default() },
///     ..ConfigMap::default()
/// };
/// let created = config_maps.create(&PostParams::default(), &config_map).await?;
/// assert!(created.metadata.uid.is_some());
/// assert_eq!(plane.request_counts().await.of("", "configmaps").writes().total(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct EmbeddedControlPlane {
    name: String,
    server: Arc<ApiServer>,
    certificates: Certificates,
    address: Option<SocketAddr>,
    stop: CancellationToken,
}

impl EmbeddedControlPlane {
    /// Settings for a plane of this name.
    #[must_use]
    pub fn builder(name: &str) -> Builder {
        Builder { name: name.to_owned(), seed: None, port: 0 }
    }

    /// Starts a plane that is also served over HTTPS on a free port of loopback.
    ///
    /// # Errors
    /// See [`Builder::start`].
    pub async fn start(name: &str) -> Result<Self, StartError> {
        Self::builder(name).start().await
    }

    /// Starts a plane without any socket.
    ///
    /// # Errors
    /// See [`Builder::in_process`].
    ///
    /// # Panics
    /// See [`Builder::in_process`].
    pub fn in_process(name: &str) -> Result<Self, StartError> {
        Self::builder(name).in_process()
    }

    /// The API server as a service to put under [`kube::Client::new`]. Requests without a token are the administrator's.
    #[must_use]
    pub fn service(&self) -> ApiService {
        let identity = Some(Identity::admin("kubernetes-admin"));
        ApiService { server: self.server.clone(), identity }
    }

    /// A service whose requests are anonymous unless they carry a token.
    #[must_use]
    pub fn anonymous_service(&self) -> ApiService {
        ApiService { server: self.server.clone(), identity: None }
    }

    /// The administrator's token.
    #[must_use]
    pub fn admin_token(&self) -> &str {
        &self.server.authenticator.admin_token
    }

    /// The version of the last change.
    #[must_use]
    pub fn resource_version(&self) -> u64 {
        self.server.resources.store.revision()
    }

    /// The plane goes dark: requests are accepted and not answered, watches bring no events.
    pub fn pause(&self) {
        self.server.faults.change(|weather| weather.dark = true);
    }

    /// Ends [`pause`](Self::pause): what hung is answered now.
    pub fn resume(&self) {
        self.server.faults.change(|weather| weather.dark = false);
    }

    /// Watches bring no events, and keep them for later.
    pub fn stall_watches(&self) {
        self.server.faults.change(|weather| weather.watches_stalled = true);
    }

    /// Ends [`stall_watches`](Self::stall_watches): what was kept is delivered now.
    pub fn resume_watches(&self) {
        self.server.faults.change(|weather| weather.watches_stalled = false);
    }

    /// Ends every watch that is running now; events that were not yet delivered are lost to it.
    pub fn end_watches(&self) {
        self.server.faults.change(|weather| weather.watch_epoch += 1);
    }

    /// Forgets past changes: a watch or a page from an earlier version is answered 410.
    pub fn compact(&self) {
        self.server.resources.store.compact();
    }

    /// Every request waits this long before it is looked at; zero ends it.
    pub fn delay(&self, delay: Duration) {
        self.server.faults.change(|weather| weather.delay = delay);
    }

    /// Requests that match are refused with this status code, and change nothing.
    pub fn refuse(&self, matcher: RequestMatcher, code: u16) {
        self.server.faults.refuse(matcher, code, None);
    }

    /// The next `times` requests that match are refused with this status code, and change nothing.
    pub fn refuse_times(&self, matcher: RequestMatcher, code: u16, times: u64) {
        self.server.faults.refuse(matcher, code, Some(times));
    }

    /// Nothing is refused any more.
    pub fn clear_refusals(&self) {
        self.server.faults.clear_refusals();
    }
}

impl ControlPlane for EmbeddedControlPlane {
    fn name(&self) -> &str {
        &self.name
    }

    fn client(&self) -> Client {
        Client::new(self.service(), "default")
    }

    /// Where the plane has no socket, an address that nothing answers at.
    fn endpoint(&self) -> String {
        match self.address {
            Some(address) => format!("https://{address}"),
            None => format!("https://{}.in-process.invalid", self.name),
        }
    }

    fn ca_pem(&self) -> String {
        self.certificates.ca_pem.clone()
    }

    fn kubeconfig(&self) -> Kubeconfig {
        use base64::Engine as _;
        let authority = base64::engine::general_purpose::STANDARD.encode(self.certificates.ca_pem.as_bytes());
        let cluster = Cluster {
            server: Some(self.endpoint()),
            certificate_authority_data: Some(authority),
            ..Cluster::default()
        };
        let user = AuthInfo { token: Some(self.admin_token().to_owned().into()), ..AuthInfo::default() };
        let context =
            Context { cluster: self.name.clone(), user: Some(self.name.clone()), ..Context::default() };
        Kubeconfig {
            clusters: vec![NamedCluster {
                name: self.name.clone(),
                cluster: Some(cluster),
                ..NamedCluster::default()
            }],
            auth_infos: vec![NamedAuthInfo {
                name: self.name.clone(),
                auth_info: Some(user),
                ..NamedAuthInfo::default()
            }],
            contexts: vec![NamedContext {
                name: self.name.clone(),
                context: Some(context),
                ..NamedContext::default()
            }],
            current_context: Some(self.name.clone()),
            ..Kubeconfig::default()
        }
    }

    fn request_counts(&self) -> BoxFuture<'_, RequestCounts> {
        let counts = self.server.metrics.counts();
        Box::pin(async move { counts })
    }
}

impl Drop for EmbeddedControlPlane {
    fn drop(&mut self) {
        self.stop.cancel();
        // Clients without a socket are told, too.
        self.server.faults.change(|weather| {
            weather.watch_epoch += 1;
            weather.stopped = true;
        });
    }
}
