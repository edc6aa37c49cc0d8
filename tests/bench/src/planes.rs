//! The control planes that a benchmark runs on, and how they are reached: in both cases over HTTPS, on the client stack
//! of the controller.

use anyhow::{Context, Result};
use futures::future::join_all;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use kubefed_runtime::cluster;
use kubefed_testbed::{ControlPlane, EmbeddedControlPlane, RequestCounts};

/// Name of the host's plane.
const HOST: &str = "host";

/// Which control planes a benchmark runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PlaneKind {
    /// Embedded ones, served by the benchmark itself.
    Embedded,
    /// Unmodified kube-apiservers, each a process of its own.
    Kubernetes,
}

/// A running set: a host and its members. They end when this is dropped.
pub(crate) struct Planes {
    running: Running,
    pub(crate) host: Site,
    /// The members, in the order of their names.
    pub(crate) members: Vec<Site>,
}

enum Running {
    Embedded(Vec<EmbeddedControlPlane>),
    Kubernetes(kubefed_kubernetes::ControlPlanes),
}

/// One plane as clients see it.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) name: String,
    pub(crate) config: Config,
    pub(crate) kubeconfig: Kubeconfig,
    /// For set-up and for what is not measured.
    pub(crate) client: Client,
}

impl Planes {
    /// Starts a host and `members` members.
    pub(crate) async fn start(kind: PlaneKind, members: usize) -> Result<Self> {
        // Zeros in front keep the order of the names that of the numbers.
        let width = members.to_string().len();
        let names: Vec<String> = std::iter::once(HOST.to_owned())
            .chain((1..=members).map(|number| format!("member{number:0width$}")))
            .collect();
        let running = Running::start(kind, &names).await.context("starting the control planes")?;
        let mut sites = Vec::new();
        for plane in running.all() {
            sites.push(Site::reach(plane).await.with_context(|| format!("reaching {}", plane.name()))?);
        }
        let members = sites.split_off(1);
        let host = sites.pop().context("no host was started")?;
        Ok(Self { running, host, members })
    }

    /// Requests that each plane has served so far: the host's first.
    pub(crate) async fn request_counts(&self) -> Vec<RequestCounts> {
        join_all(self.running.all().into_iter().map(ControlPlane::request_counts)).await
    }

    /// The processes that serve the planes, other than our own.
    pub(crate) fn process_ids(&self) -> Vec<u32> {
        match &self.running {
            Running::Embedded(_) => Vec::new(),
            Running::Kubernetes(planes) => planes.process_ids(),
        }
    }
}

impl Running {
    async fn start(kind: PlaneKind, names: &[String]) -> Result<Self> {
        match kind {
            PlaneKind::Embedded => {
                let mut planes = Vec::new();
                for name in names {
                    planes.push(EmbeddedControlPlane::start(name).await?);
                }
                Ok(Self::Embedded(planes))
            }
            PlaneKind::Kubernetes => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                Ok(Self::Kubernetes(kubefed_kubernetes::ControlPlanes::start(&names).await?))
            }
        }
    }

    fn all(&self) -> Vec<&dyn ControlPlane> {
        match self {
            Self::Embedded(planes) => planes.iter().map(|plane| plane as &dyn ControlPlane).collect(),
            Self::Kubernetes(planes) => {
                planes.planes().iter().map(|plane| &**plane as &dyn ControlPlane).collect()
            }
        }
    }
}

impl Site {
    async fn reach(plane: &dyn ControlPlane) -> Result<Self> {
        let kubeconfig = plane.kubeconfig();
        let options = KubeConfigOptions::default();
        let mut config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await?;
        config.default_retry = false;
        let client = cluster::connect(&config)?;
        Ok(Self { name: plane.name().to_owned(), config, kubeconfig, client })
    }

    /// A client on connections of its own, as the controller has them.
    pub(crate) fn connect(&self) -> Result<Client> {
        Ok(cluster::connect(&self.config)?)
    }
}
