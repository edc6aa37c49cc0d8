//! The control planes of a test, with everything installed and the members joined.

use std::{env, fmt, sync::Arc};

use anyhow::{Context, Result, bail};
use futures::future::try_join_all;
use kube::{Client, Config, config::KubeConfigOptions};
use kubefed_runtime::{
    Manager,
    api::TypeDescriptor,
    cluster::{JoinOptions, MemberRights, join},
    install,
    schema::rbac,
};
use kubefed_testbed::{ControlPlane, EmbeddedControlPlane};
use serde_json::{Value, json};

use crate::{Cluster, Gadget, KUBEFED_NAMESPACE, Look, MEMBERS, Website, wait_until};

const HOST: &str = "host";

/// Which kind of control planes the suite runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanesKind {
    /// In this process; each test has its own.
    Embedded,
    /// Unmodified kube-apiservers; all tests of a process share them, one after the other.
    Kubernetes,
}

impl PlanesKind {
    /// What `KUBEFED_TEST_PLANES` asks for.
    ///
    /// # Errors
    ///
    /// If it is neither of the two.
    pub fn chosen() -> Result<Self> {
        match env::var("KUBEFED_TEST_PLANES").as_deref() {
            Err(_) | Ok("" | "embedded") => Ok(Self::Embedded),
            Ok("kubernetes") => Ok(Self::Kubernetes),
            Ok(other) => bail!("KUBEFED_TEST_PLANES={other}: write embedded or kubernetes"),
        }
    }
}

impl fmt::Display for PlanesKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Embedded => "embedded",
            Self::Kubernetes => "kubernetes",
        })
    }
}

/// A host and its members.
pub(crate) struct Planes {
    pub(crate) host: Arc<dyn ControlPlane>,
    pub(crate) members: Vec<Arc<dyn ControlPlane>>,
    /// The token of the controller's own service account on the host: it has the generated rights, and no others.
    pub(crate) host_token: String,
    /// Real planes end when this is dropped.
    _servers: Option<kubefed_kubernetes::ControlPlanes>,
}

impl Planes {
    /// Starts planes, installs all types, and lets the members join.
    pub(crate) async fn start(kind: PlanesKind) -> Result<Self> {
        let mut planes = Self::start_apart(kind).await?;
        let host = planes.host.client();
        install(&host, &manifests()?).await.context("on the host")?;
        planes.host_token = controller_token(&planes.host).await?;
        planes.join_members().await?;
        Ok(planes)
    }

    /// Starts planes whose members know the kinds of the suite, and that have nothing to do with each other.
    pub(crate) async fn start_apart(kind: PlanesKind) -> Result<Self> {
        let names = [HOST, MEMBERS[0], MEMBERS[1]];
        let mut servers = None;
        let mut planes: Vec<Arc<dyn ControlPlane>> = Vec::new();
        match kind {
            PlanesKind::Embedded => {
                for plane in try_join_all(names.map(EmbeddedControlPlane::start)).await? {
                    planes.push(Arc::new(plane));
                }
            }
            PlanesKind::Kubernetes => {
                let started = kubefed_kubernetes::ControlPlanes::start(&names).await?;
                planes
                    .extend(started.planes().iter().map(|plane| Arc::clone(plane) as Arc<dyn ControlPlane>));
                servers = Some(started);
            }
        }
        let host = planes.remove(0);
        let planes = Self { host, members: planes, host_token: String::new(), _servers: servers };
        let members = planes.members.iter().enumerate().map(|(index, member)| async move {
            let crds = member_crds();
            let served = if index == 0 { &crds[..] } else { &crds[..1] };
            install(&member.client(), served).await.with_context(|| format!("in {}", member.name()))
        });
        try_join_all(members).await?;
        Ok(planes)
    }

    /// Lets all members join, or brings what a test has changed of them in line again.
    pub(crate) async fn join_members(&self) -> Result<()> {
        try_join_all(self.members.iter().map(|member| self.join(&**member))).await?;
        Ok(())
    }

    /// Lets a plane join, which may be the host itself.
    pub(crate) async fn join(&self, plane: &dyn ControlPlane) -> Result<()> {
        let config = config_of(plane).await?;
        let options = JoinOptions {
            cluster: plane.name().to_owned(),
            host: self.host.name().to_owned(),
            namespace: KUBEFED_NAMESPACE.to_owned(),
            labels: Vec::new(),
            rights: MemberRights::Types(descriptors()),
        };
        let joined = join(&self.host.client(), &plane.client(), &config, &options).await;
        joined.with_context(|| format!("joining {}", plane.name()))?;
        Ok(())
    }

    /// Lets the first member serve Gadgets, which the others never do.
    pub(crate) async fn serve_gadgets(&self) -> Result<()> {
        let member = &self.members[0];
        install(&member.client(), &member_crds()[1..]).await.with_context(|| format!("in {}", member.name()))
    }

    /// Brings the FederatedTypeConfigs in line again.
    pub(crate) async fn restore_type_configs(&self) -> Result<()> {
        let configs = manager().type_configs(KUBEFED_NAMESPACE);
        install(&self.host.client(), &configs).await.context("restoring the FederatedTypeConfigs")
    }

    /// How the controller reaches the host.
    pub(crate) async fn host_config(&self) -> Result<Config> {
        let mut config = config_of(&*self.host).await?;
        config.auth_info = kube::config::AuthInfo {
            token: Some(self.host_token.clone().into()),
            ..kube::config::AuthInfo::default()
        };
        Ok(config)
    }
}

/// How a plane's administrator reaches it.
pub(crate) async fn config_of(plane: &dyn ControlPlane) -> Result<Config> {
    let mut config =
        Config::from_custom_kubeconfig(plane.kubeconfig(), &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    Ok(config)
}

/// A controller with all types of the suite.
pub(crate) fn manager() -> Manager {
    kubefed_types::register(Manager::new()).federate::<Website>().federate::<Gadget>()
}

/// All types of the suite.
pub(crate) fn descriptors() -> Vec<TypeDescriptor> {
    manager().descriptors()
}

/// What the host needs, of which every controller prints its part.
fn manifests() -> Result<Vec<Value>> {
    Ok(manager().manifests(KUBEFED_NAMESPACE)?)
}

/// The kinds of the suite's own, which a cluster does not serve by itself.
fn member_crds() -> [Value; 2] {
    use kube::CustomResourceExt;
    [json!(Website::crd()), json!(Gadget::crd())]
}

/// Asks for a token of the service account that the manifests name.
async fn controller_token(host: &Arc<dyn ControlPlane>) -> Result<String> {
    let name = format!("{}-token", rbac::SERVICE_ACCOUNT);
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": KUBEFED_NAMESPACE,
            "annotations": {"kubernetes.io/service-account.name": rbac::SERVICE_ACCOUNT},
        },
        "type": "kubernetes.io/service-account-token",
    });
    let client: Client = host.client();
    install(&client, &[secret]).await?;
    let secrets: kube::Api<k8s_openapi::api::core::v1::Secret> =
        kube::Api::namespaced(client, KUBEFED_NAMESPACE);
    wait_until("the token of the controller's service account", async || -> Look<String> {
        let secret = secrets.get(&name).await.map_err(|error| error.to_string())?;
        let token = secret.data.and_then(|mut data| data.remove("token")).ok_or("the secret has no token")?;
        String::from_utf8(token.0).map_err(|error| error.to_string())
    })
    .await
}

impl Planes {
    /// The host as an administrator sees it.
    pub(crate) fn host_cluster(&self) -> Cluster {
        Cluster::new(&self.host)
    }

    /// The members as an administrator sees them.
    pub(crate) fn member_clusters(&self) -> Vec<Cluster> {
        self.members.iter().map(Cluster::new).collect()
    }
}
