//! The main job of KubeFed, end to end: `cargo run --example quickstart`.
//!
//! Starts a host and two member clusters, a controller, and shows how federated objects reach the members, change
//! there, are repaired there and are removed there. Ends with 0 only if every member object, read by a plain client,
//! equals the literal values in `story.rs`.

mod check;
mod planes;
mod report;
mod story;
mod website;

use std::{io::Write, process::ExitCode};

use anyhow::{Context, Result};
use clap::Parser;
use kube::config::Kubeconfig;
use serde_json::{Value, json};

use crate::{
    planes::Planes,
    report::{Output, Report},
    story::Story,
};

#[derive(Parser)]
#[command(about = "Shows the main job of KubeFed on three control planes", long_about = None)]
struct Args {
    /// Leave everything running at the end, and tell how to look at it with kubectl.
    #[arg(long)]
    keep: bool,

    /// Run on real kube-apiservers instead of embedded control planes.
    #[arg(long)]
    kubernetes: bool,

    /// How the story is told.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,

    /// Give the override another value than the one that is expected, to see that the check can fail.
    #[arg(long, hide = true)]
    sabotage: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    // What the controller logs is only of interest when something is wrong: RUST_LOG=info shows it.
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let outcome = tokio::select! {
        outcome = run(&args) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "error: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<()> {
    let mut report = Report::new(args.output);
    report.begins("Start the control planes: host, member1, member2")?;
    let planes = Planes::start(args.kubernetes).await?;
    report.ends()?;
    let outcome = Story { planes: &planes, report: &mut report, sabotage: args.sabotage }.tell().await;
    let problem = outcome.as_ref().err().map(|problem| format!("{problem:#}"));
    report.closes(&requests(&planes).await, problem.as_deref().map_or(Ok(()), Err))?;
    outcome?;
    if args.keep {
        keep(&planes).await?;
    }
    Ok(())
}

/// How many requests each plane has served, and how many of them changed something.
async fn requests(planes: &Planes) -> Value {
    let mut all = serde_json::Map::new();
    for plane in planes.all() {
        let counts = plane.request_counts().await;
        all.insert(
            plane.name().to_owned(),
            json!({"all": counts.total(), "writes": counts.writes().total()}),
        );
    }
    Value::Object(all)
}

/// Waits for Ctrl-C, with a kubeconfig of all planes in a folder that goes with us.
async fn keep(planes: &Planes) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("kubefed-quickstart-").tempdir()?;
    let path = folder.path().join("kubeconfig");
    let merged = planes
        .all()
        .into_iter()
        .map(kubefed_testbed::ControlPlane::kubeconfig)
        .try_fold(Kubeconfig::default(), Kubeconfig::merge)?;
    // JSON is YAML.
    std::fs::write(&path, serde_json::to_vec_pretty(&json!(merged))?).context("writing the kubeconfig")?;
    let mut out = std::io::stdout();
    writeln!(out, "\nEverything keeps running until Ctrl-C. Have a look:\n")?;
    writeln!(out, "  export KUBECONFIG={}", path.display())?;
    writeln!(out, "  kubectl --context host get federateddeployments -n demo")?;
    writeln!(out, "  kubectl --context host describe federatedwebsite front -n demo")?;
    writeln!(out, "  kubectl --context member2 get deployments,configmaps -n demo")?;
    tokio::signal::ctrl_c().await?;
    Ok(())
}
