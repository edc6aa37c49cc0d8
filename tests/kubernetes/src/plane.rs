//! One control plane: an API server and its controllers.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Uri};
use kube::config::{AuthInfo, Cluster, Context, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext};
use kube::{Client, Config};
use kubefed_testbed::{ControlPlane, RequestCounts};
use rustix::process::Signal;

use crate::Options;
use crate::assets::{Assets, Program};
use crate::credentials::Credentials;
use crate::error::Error;
use crate::flags;
use crate::port::HeldPort;
use crate::process::Server;
use crate::ready::{Deadline, probing_client, wait_for};
use crate::store::Store;

/// A running control plane. What it shares with embedded ones is in its implementation of [`ControlPlane`].
///
/// The order of the fields is the order in which they are dropped: the servers go first, etcd and the folder last.
#[derive(Debug)]
pub struct Plane {
    controller_manager: Option<Server>,
    api_server: Server,
    name: String,
    port: HeldPort,
    credentials: Credentials,
    kubectl: PathBuf,
    folder: PathBuf,
    audit_log: Option<PathBuf>,
    store: Arc<Store>,
}

impl Plane {
    /// Starts a plane and waits until it is of use.
    pub(crate) async fn start(
        name: &str,
        assets: &Assets,
        store: &Arc<Store>,
        options: &Options,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        let plane = Self::describe(name, assets, store, options)?;
        plane.api_server.start(store.folder())?;
        plane.wait_for("/readyz", deadline).await?;
        // A controller manager gives up if there is no API server after some seconds, so it comes second.
        if let Some(controller_manager) = &plane.controller_manager {
            controller_manager.start(store.folder())?;
        }
        // Neither readiness covers what the server and the controllers then create by themselves.
        plane.wait_for("/api/v1/namespaces/default", deadline).await?;
        if let Some(controller_manager) = &plane.controller_manager {
            let client = probing_client(plane.config()?)?;
            let account = "/api/v1/namespaces/default/serviceaccounts/default";
            wait_for(controller_manager, &client, account, deadline).await?;
        }
        Ok(plane)
    }

    /// Writes the files of a plane and describes its servers, without starting any.
    fn describe(name: &str, assets: &Assets, store: &Arc<Store>, options: &Options) -> Result<Self, Error> {
        let folder = store.folder().path().join("planes").join(name);
        fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        let port = HeldPort::any()?;
        let credentials = Credentials::create(&folder)?;
        let audit_policy = folder.join("audit-policy.yaml");
        let audit_log = options.audit.then(|| folder.join("audit.log"));
        if audit_log.is_some() {
            fs::write(&audit_policy, flags::audit_policy()).map_err(Error::io("write", &audit_policy))?;
        }
        let api_server = flags::ApiServer {
            name,
            port: port.number(),
            etcd: store.endpoint(),
            credentials: &credentials,
            audit: audit_log.as_deref().map(|log| (audit_policy.as_path(), log)),
            further: &options.api_server_flags,
        };
        let server = |program: Program, flags| {
            let log = folder.join(format!("{}.log", program.file_name()));
            let title = format!("{} of plane {name}", program.file_name());
            Server::new(title, assets.program(program), flags, log)
        };
        let plane = Self {
            controller_manager: options.controllers.then(|| {
                let flags = flags::controller_manager(&folder.join("kubeconfig"), &credentials);
                server(Program::KubeControllerManager, flags)
            }),
            api_server: server(Program::KubeApiserver, api_server.flags()),
            name: name.to_owned(),
            port,
            credentials,
            kubectl: assets.program(Program::Kubectl),
            folder,
            audit_log,
            store: Arc::clone(store),
        };
        plane.write_kubeconfig()?;
        Ok(plane)
    }

    fn write_kubeconfig(&self) -> Result<(), Error> {
        let path = self.kubeconfig_file();
        // JSON is YAML.
        let text = serde_json::to_vec_pretty(&self.kubeconfig()).map_err(kube::Error::SerdeError)?;
        fs::write(&path, text).map_err(Error::io("write", &path))
    }

    fn config(&self) -> Result<Config, Error> {
        let address = Uri::builder().scheme("https").authority(format!("127.0.0.1:{}", self.port.number()));
        let address = address.path_and_query("/").build().map_err(kube::Error::HttpError)?;
        let mut config = Config::new(address);
        config.root_cert = Some(vec![self.credentials.ca_der().to_vec()]);
        config.auth_info.token = Some(self.credentials.admin_token().to_owned().into());
        Ok(config)
    }

    async fn wait_for(&self, path: &str, deadline: Deadline) -> Result<(), Error> {
        let client = probing_client(self.config()?)?;
        wait_for(&self.api_server, &client, path, deadline).await
    }

    /// The administrator's bearer token, of group `system:masters`.
    #[must_use]
    pub fn admin_token(&self) -> &str {
        self.credentials.admin_token()
    }

    /// A file with what [`ControlPlane::kubeconfig`] answers, for programs that take a path.
    #[must_use]
    pub fn kubeconfig_file(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// A call of `kubectl` against this plane, without the user's own settings and caches; arguments are the
    /// caller's.
    #[must_use]
    pub fn kubectl(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.kubectl);
        command
            .env("KUBECONFIG", self.kubeconfig_file())
            .env("KUBECACHEDIR", self.folder.join("kubectl-cache"))
            .env("KUBERC", "off")
            .kill_on_drop(true);
        command
    }

    /// What the API server's `/metrics` says now, in the text format of Prometheus.
    ///
    /// # Errors
    /// [`Error::Client`] if the server does not answer. A paused server makes this wait for ever.
    pub async fn metrics(&self) -> Result<String, Error> {
        let request = Request::get("/metrics").body(Vec::new()).map_err(kube::Error::HttpError)?;
        Ok(probing_client(self.config()?)?.request_text(request).await?)
    }

    /// The log file of the API server.
    #[must_use]
    pub fn api_server_log(&self) -> &Path {
        self.api_server.log()
    }

    /// The log file of the controller manager, where one runs.
    #[must_use]
    pub fn controller_manager_log(&self) -> Option<&Path> {
        self.controller_manager.as_ref().map(Server::log)
    }

    /// The log of all requests, one JSON object per line, where [`Options::audit`] asked for it.
    #[must_use]
    pub fn audit_log(&self) -> Option<&Path> {
        self.audit_log.as_deref()
    }

    /// The process ids of the servers that run: the API server's first.
    #[must_use]
    pub fn process_ids(&self) -> Vec<u32> {
        let controller_manager = self.controller_manager.as_ref().and_then(Server::process_id);
        self.api_server.process_id().into_iter().chain(controller_manager).collect()
    }

    /// Kills the API server: connections break, and new ones are refused until [`start_again`](Self::start_again).
    /// Its objects stay in etcd. Nothing happens if it does not run.
    pub fn stop(&self) {
        self.api_server.stop();
    }

    /// Starts the API server after [`stop`](Self::stop), at the same endpoint and with the same objects, and waits
    /// until it is ready. Nothing happens if it runs.
    ///
    /// # Errors
    /// As [`ControlPlanes::start_with`](crate::ControlPlanes::start_with).
    pub async fn start_again(&self) -> Result<(), Error> {
        self.api_server.start(self.store.folder())?;
        self.wait_for("/readyz", Deadline::from_now()).await
    }

    /// Halts the API server: connections are taken and stay open, and nothing is answered, until
    /// [`resume`](Self::resume).
    ///
    /// # Errors
    /// [`Error::NotRunning`] if it does not run.
    pub fn pause(&self) -> Result<(), Error> {
        self.api_server.signal(Signal::STOP)
    }

    /// Lets the API server go on after [`pause`](Self::pause).
    ///
    /// # Errors
    /// [`Error::NotRunning`] if it does not run.
    pub fn resume(&self) -> Result<(), Error> {
        self.api_server.signal(Signal::CONT)
    }
}

impl ControlPlane for Plane {
    fn name(&self) -> &str {
        &self.name
    }

    /// # Panics
    /// Outside of a tokio runtime.
    fn client(&self) -> Client {
        // Every call makes another one, because a client's worker lives in the runtime that it was made in, and each
        // test has its own.
        match self.config().and_then(|config| Ok(Client::try_from(config)?)) {
            Ok(client) => client,
            Err(error) => panic!("the configuration that plane {} was started with: {error}", self.name),
        }
    }

    fn endpoint(&self) -> String {
        format!("https://127.0.0.1:{}", self.port.number())
    }

    fn ca_pem(&self) -> String {
        self.credentials.ca_pem().to_owned()
    }

    fn kubeconfig(&self) -> Kubeconfig {
        let name = || self.name.clone();
        let cluster = Cluster {
            server: Some(self.endpoint()),
            certificate_authority_data: Some(STANDARD.encode(self.credentials.ca_pem())),
            ..Cluster::default()
        };
        let user =
            AuthInfo { token: Some(self.credentials.admin_token().to_owned().into()), ..AuthInfo::default() };
        let context = Context { cluster: name(), user: Some(name()), ..Context::default() };
        Kubeconfig {
            api_version: Some("v1".to_owned()),
            kind: Some("Config".to_owned()),
            clusters: vec![NamedCluster { name: name(), cluster: Some(cluster), ..NamedCluster::default() }],
            auth_infos: vec![NamedAuthInfo {
                name: name(),
                auth_info: Some(user),
                ..NamedAuthInfo::default()
            }],
            contexts: vec![NamedContext { name: name(), context: Some(context), ..NamedContext::default() }],
            current_context: Some(name()),
            ..Kubeconfig::default()
        }
    }

    /// Those of everybody: of the API server on itself and of the controllers, too. The metric is scraped anew.
    ///
    /// # Panics
    /// If the API server does not answer. No counts are not the same as none.
    fn request_counts(&self) -> BoxFuture<'_, RequestCounts> {
        async move {
            match self.metrics().await {
                Ok(text) => RequestCounts::from_prometheus(&text),
                Err(error) => panic!("cannot count the requests of plane {}: {error}", self.name),
            }
        }
        .boxed()
    }
}
