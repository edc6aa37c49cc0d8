//! The controller as a process of its own: started, asked, killed.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use http::Request;
use kube::{Client, Config};
use tokio::{
    process::{Child, ChildStdin, Command},
    time::{Instant, sleep, timeout},
};

/// How long the process may take until it is ready, and until it has ended in order.
const READY_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(15);
/// How often a waiting condition is looked at.
const PAUSE: Duration = Duration::from_millis(10);
/// How many lines of the log an error shows.
const SHOWN_LINES: usize = 20;
/// How many federated objects were taken up and brought to their end.
const RECONCILES: &str = "reconcile_federated_resources_duration_seconds_count";

/// A running controller. It ends when this is dropped, and also when the benchmark is killed.
pub(crate) struct ControllerProcess {
    child: Child,
    process: u32,
    /// The controller runs until this closes.
    lifeline: ChildStdin,
    health: Client,
    metrics: Metrics,
    log: PathBuf,
    /// When it was started.
    pub(crate) started: Instant,
}

impl ControllerProcess {
    /// Starts our own executable again as the controller of the host behind `kubeconfig`, and waits for its /readyz.
    pub(crate) async fn start(kubeconfig: &Path, log: &Path) -> Result<Self> {
        let executable = std::env::current_exe().context("finding our own executable")?;
        let log_file = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let [health, metrics] = free_addresses()?;
        let started = Instant::now();
        let mut child = Command::new(&executable)
            .arg("controller")
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .arg(format!("--healthz-addr={health}"))
            .arg(format!("--metrics-addr={metrics}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::from(log_file))
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", executable.display()))?;
        let process = child.id().context("the controller has ended at once")?;
        let lifeline = child.stdin.take().context("the controller has no standard input")?;
        let mut controller = Self {
            child,
            process,
            lifeline,
            health: client(health)?,
            metrics: Metrics(client(metrics)?),
            log: log.to_owned(),
            started,
        };
        controller.wait_until_ready().await?;
        Ok(controller)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let health = self.health.clone();
        let ready = async {
            while get(&health, "/readyz").await.is_err() {
                sleep(PAUSE).await;
            }
            Ok(())
        };
        let limited = async {
            let in_time = timeout(READY_LIMIT, ready).await;
            in_time.unwrap_or_else(|_| bail!("the controller is not ready after {READY_LIMIT:?}"))
        };
        self.while_it_runs(limited).await
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.process
    }

    /// What it tells of itself.
    pub(crate) fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Does `work`, and gives up as soon as the controller has ended. What goes wrong is told with the end of the
    /// controller's log.
    pub(crate) async fn while_it_runs<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            done = work => {
                done.map_err(|error| anyhow!("{error:#}; the end of the controller's log:\n{}", log_tail(&self.log)))
            }
            status = self.child.wait() => {
                bail!("the controller has ended ({}); the end of its log:\n{}", status?, log_tail(&self.log))
            }
        }
    }

    /// Kills it, as a crash would.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("killing the controller")
    }

    /// Ends it in order and waits until it is gone.
    pub(crate) async fn stop(mut self) -> Result<()> {
        drop(self.lifeline);
        match timeout(STOP_LIMIT, self.child.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(std::process::ExitStatus::success) => Ok(()),
            Ok(status) => {
                bail!("the controller has failed ({}); the end of its log:\n{}", status?, log_tail(&self.log))
            }
            Err(_) => bail!("the controller was told to stop and still runs after {STOP_LIMIT:?}"),
        }
    }
}

/// The /metrics of a controller.
#[derive(Clone)]
pub(crate) struct Metrics(Client);

impl Metrics {
    /// How many reconciles have ended, of all types.
    pub(crate) async fn reconciles(&self) -> Result<u64> {
        let text = get(&self.0, "/metrics").await.context("reading the controller's metrics")?;
        sample(&text, RECONCILES).ok_or_else(|| anyhow!("the controller has no metric {RECONCILES}"))
    }
}

/// Two addresses of loopback that nobody listens on. Both are held until both are known, so that they differ.
fn free_addresses() -> Result<[SocketAddr; 2]> {
    let any = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port");
    let listeners = [any()?, any()?];
    Ok([listeners[0].local_addr()?, listeners[1].local_addr()?])
}

fn client(address: SocketAddr) -> Result<Client> {
    let mut config = Config::new(format!("http://{address}/").parse()?);
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

async fn get(client: &Client, path: &str) -> Result<String> {
    Ok(client.request_text(Request::get(path).body(Vec::new())?).await?)
}

/// The value of a metric without labels.
fn sample(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.split_whitespace().next()?.parse().ok()
}

fn log_tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_else(|error| format!("{}: {error}", log.display()));
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let text = "# TYPE a histogram\na_sum 0.25\na_count 17\na_bucket{le=\"1.0\"} 17\n# EOF\n";
        assert_eq!(sample(text, "a_count"), Some(17));
        assert_eq!(sample(text, "a"), None);
        assert_eq!(sample(text, "b_count"), None);
    }

    #[test]
    fn two_free_addresses_differ() {
        let [one, another] = free_addresses().unwrap();
        assert_ne!(one, another);
    }
}
