//! Serves embedded control planes until it is interrupted.

use std::io::Write as _;

use anyhow::Context as _;
use clap::Parser;
use kube::config::Kubeconfig;
use kubefed_testbed::{ControlPlane as _, EmbeddedControlPlane};

/// Embedded Kubernetes control planes on loopback, in memory, for tests.
#[derive(Debug, Parser)]
#[command(name = "kubefed-testbed", version)]
struct Arguments {
    /// Names of the control planes; also the names of the kubeconfig's contexts.
    #[arg(long, value_delimiter = ',', default_value = "host")]
    planes: Vec<String>,
    /// Port of the first plane; the others follow. 0 takes free ones.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Where to write the kubeconfig; standard output unless given.
    #[arg(long)]
    kubeconfig: Option<std::path::PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut planes = Vec::new();
    let mut together = Kubeconfig::default();
    for (index, name) in arguments.planes.iter().enumerate() {
        let port = if arguments.port == 0 { 0 } else { arguments.port.saturating_add(u16::try_from(index)?) };
        let plane = EmbeddedControlPlane::builder(name).port(port).start().await?;
        together = together.merge(plane.kubeconfig())?;
        planes.push(plane);
    }
    // JSON is YAML, too.
    let text = serde_json::to_string_pretty(&together)?;
    match &arguments.kubeconfig {
        Some(path) => {
            std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        None => writeln!(std::io::stdout(), "{text}")?,
    }
    tokio::signal::ctrl_c().await.context("interrupts cannot be waited for")
}
