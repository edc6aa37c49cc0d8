//! A crash of the controller, and what the next one does where nothing has changed.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kubefed_runtime::api::names;
use tokio::time::{Instant, sleep};

use crate::{
    controller_process::{ControllerProcess, Metrics},
    planes::Planes,
    writes::{AllWrites, Snapshot},
};

/// How long the new controller may take for everything.
const LIMIT: Duration = Duration::from_secs(300);
/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(20);
/// Without another reconcile for so long, the new controller has settled.
const SETTLED: Duration = Duration::from_secs(2);

/// How a restart went.
pub(crate) struct Restart {
    /// From the start of the new process until its last reconcile has ended.
    pub(crate) total: Duration,
    /// The part of it in which the new process waited for the lease of the killed one to run out.
    pub(crate) lease: Duration,
    /// All that was written meanwhile.
    pub(crate) writes: AllWrites,
}

/// Kills the controller, starts the next, and waits until that one has looked at all federated objects and has nothing
/// more to do.
pub(crate) async fn measure(
    planes: &Planes,
    controller: ControllerProcess,
    kubeconfig: &Path,
    log: &Path,
    federated_objects: u64,
) -> Result<(Restart, ControllerProcess)> {
    let before = Snapshot::when_quiet(planes).await?;
    let killed = holder(planes).await?;
    controller.kill().await?;
    let mut next = ControllerProcess::start(kubeconfig, log).await?;
    let started = next.started;
    let metrics = next.metrics();
    let (leading, settled) = next
        .while_it_runs(async {
            let leading = wait_for_lease(planes, killed.as_deref(), started + LIMIT).await?;
            Ok((leading, wait_until_settled(&metrics, federated_objects, started + LIMIT).await?))
        })
        .await?;
    let writes = Snapshot::when_quiet(planes).await?.since(&before);
    let restart = Restart { total: settled - started, lease: leading - started, writes };
    Ok((restart, next))
}

/// Who holds the lease of the controllers.
async fn holder(planes: &Planes) -> Result<Option<String>> {
    let api: Api<Lease> = Api::namespaced(planes.host.client.clone(), names::DEFAULT_KUBEFED_NAMESPACE);
    let lease = api.get_opt(names::LEADER_LOCK).await.context("reading the lease")?;
    Ok(lease.and_then(|lease| lease.spec?.holder_identity))
}

async fn wait_for_lease(planes: &Planes, killed: Option<&str>, deadline: Instant) -> Result<Instant> {
    loop {
        if holder(planes).await?.as_deref() != killed {
            return Ok(Instant::now());
        }
        if Instant::now() > deadline {
            bail!("the new controller does not get the lease within {LIMIT:?}");
        }
        sleep(PAUSE).await;
    }
}

/// Answers when the last reconcile was seen to have ended. As many as there are objects are needed, so that a
/// controller that has not begun is not taken for one that has ended.
async fn wait_until_settled(metrics: &Metrics, federated_objects: u64, deadline: Instant) -> Result<Instant> {
    let mut count = metrics.reconciles().await?;
    let mut since = Instant::now();
    while count < federated_objects || since.elapsed() < SETTLED {
        sleep(PAUSE).await;
        let next = metrics.reconciles().await?;
        if next != count {
            (count, since) = (next, Instant::now());
        }
        if Instant::now() > deadline {
            bail!(
                "the new controller has not settled within {LIMIT:?}: {count} reconciles of {federated_objects} objects"
            );
        }
    }
    Ok(since)
}
