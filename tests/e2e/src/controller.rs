//! The controller of a test: in this process, but on a runtime of its own, so that it can be killed between any two of
//! its steps.

use std::{fmt, sync::Arc, time::Duration};

use anyhow::{Context, Result, anyhow};
use kube::{Config, core::Duration as KubeDuration};
use kubefed_runtime::{
    Manager, ManagerError, ManagerOptions,
    api::{AdoptResources, ClusterHealthCheck, KubeFedConfigSpec, LeaderElection, SyncController},
    cluster::connect,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinHandle,
};

use crate::{FaultyConnector, KUBEFED_NAMESPACE, Wire};

/// How long the tasks of a killed controller may take to notice.
const LAST_BREATH: Duration = Duration::from_secs(10);

/// How a controller is to be.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Whether it adopts what it finds in members.
    pub adopt: AdoptResources,
    /// Whether it leads only while it holds the lease.
    pub leader_election: bool,
    /// Whether a single probe that is not answered in a second makes a member offline. A busy machine alone can bring
    /// that about: only for tests that make a member ill and wait until it is found to be so.
    pub impatient: bool,
    /// Whether it takes its configuration from the host, and nothing of it from here.
    pub configured_by_host: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            adopt: AdoptResources::Enabled,
            leader_election: false,
            impatient: false,
            configured_by_host: false,
        }
    }
}

impl Setup {
    /// A controller that finds ill members in about a second.
    #[must_use]
    pub fn impatient() -> Self {
        Self { impatient: true, ..Self::default() }
    }

    fn config(self) -> KubeFedConfigSpec {
        let seconds = |seconds: u64| Some(KubeDuration::from(Duration::from_secs(seconds)));
        let (timeout, failures) = if self.impatient { (1, 1) } else { (10, 5) };
        KubeFedConfigSpec {
            cluster_health_check: Some(ClusterHealthCheck {
                period: seconds(1),
                timeout: seconds(timeout),
                failure_threshold: Some(failures),
                success_threshold: Some(1),
            }),
            sync_controller: Some(SyncController {
                adopt_resources: Some(self.adopt),
                ..SyncController::default()
            }),
            leader_elect: Some(LeaderElection {
                lease_duration: seconds(15),
                renew_deadline: seconds(10),
                retry_period: seconds(2),
                resource_lock: None,
            }),
            ..KubeFedConfigSpec::default()
        }
    }
}

type MetricsText = Box<dyn Fn() -> Result<String, fmt::Error> + Send + Sync>;

/// A running controller. Dropping it kills it.
pub struct Controller {
    runtime: Option<Runtime>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), ManagerError>>,
    metrics: MetricsText,
}

impl Controller {
    /// Starts a controller of the types that `manager` links, over the given wires.
    ///
    /// # Errors
    ///
    /// If no client of the host can be made.
    pub(crate) fn start(
        manager: Manager,
        host: &Config,
        token: &str,
        host_wire: &Arc<Wire>,
        member_wires: Vec<Arc<Wire>>,
        setup: Setup,
    ) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let options = ManagerOptions {
            namespace: KUBEFED_NAMESPACE.to_owned(),
            config: (!setup.configured_by_host).then(|| setup.config()),
            leader_election: setup.leader_election,
            ..ManagerOptions::default()
        };
        let manager = manager.connector(FaultyConnector::new(member_wires));
        let metrics = Box::new(manager.metrics());
        let (stop, stopped) = oneshot::channel();
        let client = {
            // Connections belong to the runtime on which they are made.
            let _on = runtime.enter();
            host_wire.wrap(connect(host)?, token)
        };
        let running = runtime.spawn(manager.run(client, options, async {
            let _ = stopped.await;
        }));
        Ok(Self { runtime: Some(runtime), stop: Some(stop), running, metrics })
    }

    /// Ends it in an orderly way.
    ///
    /// # Errors
    ///
    /// If it had ended before with an error, or does not end.
    pub async fn stop(mut self) -> Result<()> {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let ended = tokio::time::timeout(LAST_BREATH, &mut self.running).await;
        ended.context("the controller does not stop")??.context("the controller has ended with an error")?;
        self.crash().await
    }

    /// Kills it: of all that it is doing, nothing goes on.
    ///
    /// # Errors
    ///
    /// If some thread of it cannot be ended.
    pub async fn crash(mut self) -> Result<()> {
        let Some(runtime) = self.runtime.take() else {
            return Ok(());
        };
        let ended = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(LAST_BREATH)).await;
        ended.map_err(|error| anyhow!("killing the controller: {error}"))
    }

    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.running.is_finished()
    }

    /// Sum of all series of a metric whose labels hold the given text, for example `kind="ConfigMap"`.
    #[must_use]
    pub fn metric(&self, name: &str, labels: &str) -> u64 {
        let text = (self.metrics)().unwrap_or_default();
        text.lines()
            .filter_map(|line| line.strip_prefix(name))
            .filter(|rest| rest.starts_with(['{', ' ']) && rest.contains(labels))
            .filter_map(|rest| rest.rsplit_once(' ')?.1.parse::<f64>().ok())
            // Counters are whole numbers far below 2^53.
            .map(|value| value as u64)
            .sum()
    }

    /// How many events of members' objects of a kind it has taken in.
    #[must_use]
    pub fn member_events(&self, kind: &str) -> u64 {
        self.metric("kubefed_member_events_total", &format!("kind=\"{kind}\""))
    }

    /// How many times it has looked at a federated object from beginning to end.
    #[must_use]
    pub fn reconciles(&self) -> u64 {
        self.metric("reconcile_federated_resources_duration_seconds_count", "")
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
