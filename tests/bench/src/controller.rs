//! The controller under test: the default one, with all generated types and default options.

use std::{io::Read, path::PathBuf};

use anyhow::{Context, Result};
use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use kubefed_runtime::{Address, Manager, ManagerOptions, cluster};
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

/// What the benchmark tells the controller.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Kubeconfig of the host.
    #[arg(long, value_name = "FILE")]
    kubeconfig: PathBuf,

    /// Where /healthz and /readyz are served.
    #[arg(long, value_name = "ADDRESS")]
    healthz_addr: Address,

    /// Where /metrics is served.
    #[arg(long, value_name = "ADDRESS")]
    metrics_addr: Address,
}

/// Runs it until standard input ends. So it ends with the benchmark, however that ends.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr).init();
    let kubeconfig = Kubeconfig::read_from(&options.kubeconfig)
        .with_context(|| format!("--kubeconfig {}", options.kubeconfig.display()))?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let host = cluster::connect(&config)?;
    let manager_options = ManagerOptions {
        healthz: Some(options.healthz_addr),
        metrics: Some(options.metrics_addr),
        ..ManagerOptions::default()
    };
    let manager = kubefed_types::register(Manager::new());
    manager.run(host, manager_options, end_of_standard_input()).await?;
    Ok(())
}

async fn end_of_standard_input() {
    let (sender, ended) = oneshot::channel();
    // A thread of our own: tokio's would keep the runtime from ending as long as it reads.
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while std::io::stdin().read(&mut buffer).is_ok_and(|length| length > 0) {}
        let _ = sender.send(());
    });
    let _ = ended.await;
}
