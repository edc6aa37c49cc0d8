//! The command line of a controller (spec 12.1), and the whole life of its process.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use kubefed_core::api::{KubeFedConfig, KubeFedConfigSpec, names};
use tracing_subscriber::EnvFilter;

use super::{Address, Manager, ManagerOptions, manifests::to_yaml};
use crate::cluster;

/// Flags of a controller. Names and defaults are those of KubeFed's controller-manager.
#[derive(Debug, Parser)]
#[command(version, about = "Propagates federated objects to member clusters", long_about = None)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    /// Namespace of the control plane; inside a cluster, that of the service account by default.
    #[arg(long, global = true)]
    kubefed_namespace: Option<String>,

    /// File with a KubeFedConfig, instead of the object on the host.
    #[arg(long, value_name = "FILE")]
    kubefed_config: Option<PathBuf>,

    /// Kubeconfig of the host; outside a cluster, the usual places by default.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// Address of the host's API server, instead of that in the kubeconfig.
    #[arg(long, value_name = "URL")]
    master: Option<String>,

    /// Where /healthz and /readyz are served.
    #[arg(long, value_name = "ADDRESS", default_value = ":8080")]
    healthz_addr: Address,

    /// Where /metrics is served.
    #[arg(long, value_name = "ADDRESS", default_value = ":9090")]
    metrics_addr: Address,

    /// Accepted for KubeFed's sake: requests to the host are not throttled here.
    #[arg(long, value_name = "N", default_value_t = 0.0, allow_negative_numbers = true)]
    rest_config_qps: f32,

    /// Accepted for KubeFed's sake: requests to the host are not throttled here.
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    rest_config_burst: i32,

    /// How much is logged: 0 warnings only, 1 and 2 information, 4 and more everything. RUST_LOG overrides it.
    #[arg(short, long = "v", value_name = "LEVEL", default_value_t = 2)]
    v: u8,

    /// Do without the lease. Only for a controller that is alone for sure.
    #[arg(long)]
    no_leader_election: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints what the host needs for the linked types, for `kubectl apply --server-side -f -`.
    Manifests,
}

/// The `main` of a controller: reads the command line, and runs what `link` has put into the manager until SIGINT or
/// SIGTERM.
///
/// ```no_run
/// # use kubefed_runtime::api::Federate;
/// # fn doc<Website: Federate>() -> std::process::ExitCode {
/// kubefed_runtime::run(|manager| manager.federate::<Website>())
/// # }
/// ```
pub fn run(link: impl FnOnce(Manager) -> Manager) -> ExitCode {
    let args = Args::parse();
    let manager = link(Manager::new());
    let outcome = match args.command {
        Some(Command::Manifests) => print_manifests(&manager, &args),
        None => control(manager, &args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn print_manifests(manager: &Manager, args: &Args) -> Result<(), String> {
    let namespace = args.kubefed_namespace.as_deref().unwrap_or(names::DEFAULT_KUBEFED_NAMESPACE);
    let documents = manager.manifests(namespace).map_err(|error| error.to_string())?;
    let text = to_yaml(&documents).map_err(|error| error.to_string())?;
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| format!("writing to stdout: {error}"))
}

fn control(manager: Manager, args: &Args) -> Result<(), String> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(args.log_filter()));
    // Tools read the log on stderr (spec 12.1).
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let _ = writeln!(
        std::io::stdout(),
        "KubeFed controller-manager version: version.Info{{Version:\"v{}\"}}",
        env!("CARGO_PKG_VERSION")
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot be started: {error}"))?;
    runtime.block_on(async {
        let (config, in_cluster) = args.host_config().await?;
        let options = args.manager_options(in_cluster)?;
        let host = cluster::connect(&config).map_err(|error| error.to_string())?;
        manager.run(host, options, stop_signal()).await.map_err(|error| error.to_string())
    })
}

impl Args {
    fn log_filter(&self) -> &'static str {
        match self.v {
            0 => "warn",
            1..4 => "info",
            _ => "info,kubefed_runtime=debug",
        }
    }

    /// The host, and the namespace of the service account where we run in a cluster.
    async fn host_config(&self) -> Result<(Config, Option<String>), String> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let mut config = match &self.kubeconfig {
            Some(path) => {
                let problem = |error| format!("--kubeconfig {}: {error}", path.display());
                let kubeconfig = Kubeconfig::read_from(path).map_err(|error| problem(error.to_string()))?;
                Config::from_custom_kubeconfig(kubeconfig, &options)
                    .await
                    .map_err(|error| problem(error.to_string()))?
            }
            None if self.context.is_some() => {
                Config::from_kubeconfig(&options).await.map_err(|error| format!("--context: {error}"))?
            }
            None => Config::infer()
                .await
                .map_err(|error| format!("no host was found: {error}; name one with --kubeconfig"))?,
        };
        // As kube infers it: a kubeconfig comes before the service account.
        let in_cluster = self.kubeconfig.is_none() && self.context.is_none() && Kubeconfig::read().is_err();
        let namespace = in_cluster.then(|| config.default_namespace.clone());
        if let Some(master) = &self.master {
            config.cluster_url = master.parse().map_err(|error| format!("--master {master}: {error}"))?;
        }
        config.default_retry = false;
        let agent = http::HeaderValue::from_static(cluster::USER_AGENT);
        config.headers.push((http::header::USER_AGENT, agent));
        Ok((config, namespace))
    }

    fn manager_options(&self, in_cluster: Option<String>) -> Result<ManagerOptions, String> {
        let namespace =
            self.kubefed_namespace.clone().or(in_cluster).filter(|namespace| !namespace.is_empty());
        let namespace = namespace.ok_or("--kubefed-namespace must be given outside a cluster")?;
        Ok(ManagerOptions {
            namespace,
            config: self.kubefed_config.as_deref().map(read_config).transpose()?,
            healthz: Some(self.healthz_addr),
            metrics: Some(self.metrics_addr),
            leader_election: !self.no_leader_election,
            now: None,
        })
    }
}

fn read_config(path: &Path) -> Result<KubeFedConfigSpec, String> {
    let problem = |error: String| format!("--kubefed-config {}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
    let config: KubeFedConfig = serde_saphyr::from_str(&text).map_err(|error| problem(error.to_string()))?;
    Ok(config.spec)
}

async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = interrupt => {}
        () = terminate => {}
    }
}
