//! What has to be there before anything is measured: CRDs, rights, members, and a federated namespace.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, api::PostParams};
use kubefed_runtime::{
    Manager,
    api::{KubeFedCluster, names},
    cluster::{JoinOptions, MemberRights, join},
    install,
};
use kubefed_types::FederatedNamespace;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::planes::{Planes, Site};

/// The namespace of all measured objects.
pub(crate) const NAMESPACE: &str = "bench";

/// How long each step may take, and how often it is looked at.
const LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

fn manager() -> Manager {
    kubefed_types::register(Manager::new())
}

/// Installs on the host all that the controller needs.
pub(crate) async fn install_on_host(planes: &Planes) -> Result<()> {
    let manifests = manager().manifests(names::DEFAULT_KUBEFED_NAMESPACE)?;
    install(&planes.host.client, &manifests).await.context("installing on the host")
}

/// Joins the members and waits until the controller has found each of them ready.
pub(crate) async fn join_members(planes: &Planes) -> Result<()> {
    try_join_all(planes.members.iter().map(|member| join_member(&planes.host, member))).await?;
    Ok(())
}

async fn join_member(host: &Site, member: &Site) -> Result<()> {
    let options = JoinOptions {
        cluster: member.name.clone(),
        host: host.name.clone(),
        namespace: names::DEFAULT_KUBEFED_NAMESPACE.to_owned(),
        labels: Vec::new(),
        rights: MemberRights::Types(manager().descriptors()),
    };
    join(&host.client, &member.client, &member.config, &options)
        .await
        .with_context(|| format!("joining {}", member.name))?;
    let clusters: Api<KubeFedCluster> =
        Api::namespaced(host.client.clone(), names::DEFAULT_KUBEFED_NAMESPACE);
    let deadline = Instant::now() + LIMIT;
    loop {
        let cluster = clusters.get(&member.name).await?;
        if cluster.is_ready() {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("{} is not ready after {LIMIT:?}: {}", member.name, json!(cluster.status));
        }
        sleep(PAUSE).await;
    }
}

/// Federates the namespace of the measured objects, and waits until every member has it.
pub(crate) async fn federate_namespace(planes: &Planes) -> Result<()> {
    let host = planes.host.client.clone();
    let namespaces: Api<Namespace> = Api::all(host.clone());
    let namespace = serde_json::from_value(json!({"metadata": {"name": NAMESPACE}}))?;
    namespaces.create(&PostParams::default(), &namespace).await.context("creating the namespace")?;
    let federated: Api<FederatedNamespace> = Api::namespaced(host, NAMESPACE);
    let everywhere = serde_json::from_value(json!({
        "metadata": {"name": NAMESPACE},
        "spec": {"template": {}, "placement": {"clusterSelector": {}}},
    }))?;
    federated.create(&PostParams::default(), &everywhere).await.context("federating the namespace")?;
    let deadline = Instant::now() + LIMIT;
    for member in &planes.members {
        let namespaces: Api<Namespace> = Api::all(member.client.clone());
        while namespaces.get_opt(NAMESPACE).await?.is_none() {
            if Instant::now() > deadline {
                let status = federated.get_status(NAMESPACE).await?.status;
                bail!("{} has no namespace after {LIMIT:?}: {}", member.name, json!(status));
            }
            sleep(PAUSE).await;
        }
    }
    Ok(())
}
