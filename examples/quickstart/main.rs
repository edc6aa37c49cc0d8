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

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
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
    match run(&args).await {
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
    let planes = tokio::select! {
        planes = Planes::start(args.kubernetes) => planes?,
        () = stop_signal() => bail!("interrupted"),
    };
    report.ends()?;
    let mut story = Story { planes: &planes, report: &mut report, sabotage: args.sabotage };
    tokio::select! {
        prepared = story.prepare() => prepared?,
        () = stop_signal() => bail!("interrupted"),
    }
    // It ends with this process.
    let mut controller = tokio::spawn(story.controller());
    let outcome = tokio::select! {
        outcome = story.tell() => outcome,
        ended = &mut controller => ended?.and_then(|()| bail!("the controller ended")),
        () = stop_signal() => bail!("interrupted"),
    };
    let kept = (args.keep && outcome.is_ok()).then(|| Kept::new(&planes)).transpose()?;
    let problem = outcome.as_ref().err().map(|problem| format!("{problem:#}"));
    let kubeconfig = kept.as_ref().map(Kept::kubeconfig);
    report.closes(&requests(&planes).await, kubeconfig.as_deref(), problem.as_deref().map_or(Ok(()), Err))?;
    outcome?;
    if kept.is_some() {
        tokio::select! {
            () = stop_signal() => {}
            ended = controller => return ended?.and_then(|()| bail!("the controller ended")),
        }
    }
    Ok(())
}

/// Ctrl-C, or a polite kill.
async fn stop_signal() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
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

/// A kubeconfig of all planes, in a folder that goes with us.
struct Kept {
    folder: tempfile::TempDir,
}

impl Kept {
    fn new(planes: &Planes) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("kubefed-quickstart-").tempdir()?;
        let merged = planes
            .all()
            .into_iter()
            .map(kubefed_testbed::ControlPlane::kubeconfig)
            .try_fold(Kubeconfig::default(), Kubeconfig::merge)?;
        let kept = Self { folder };
        // JSON is YAML.
        std::fs::write(kept.kubeconfig(), serde_json::to_vec_pretty(&json!(merged))?)
            .context("writing the kubeconfig")?;
        Ok(kept)
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }
}
