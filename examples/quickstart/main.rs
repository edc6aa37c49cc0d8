//! The main job of KubeFed, end to end: `cargo run --example quickstart`.
//!
//! Starts a host and two member clusters, a controller, and shows how federated objects reach the members, change
//! there, are repaired there and are removed there. Ends with 0 only if every member object, read by a plain client,
//! equals the literal values in `expected.rs`. Ends with 1, and one line that begins with `error:`, otherwise; also when
//! it is interrupted before the end.

mod check;
mod expected;
mod planes;
mod report;
mod story;
mod website;

use std::{io::Write, path::PathBuf, pin::pin, process::ExitCode};

use anyhow::{Context, Result, anyhow, bail};
use clap::Parser;
use kube::config::Kubeconfig;
use serde_json::{Value, json};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tracing_subscriber::EnvFilter;

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
    // What the controller logs is only of interest when something is wrong: RUST_LOG=info shows it. Without, the client
    // is quiet: while a kube-apiserver starts, every refused probe would be an error of its own.
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error,kube_client=off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let mut report = Report::new(args.output);
    match run(&args, &mut report).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let problem = format!("{problem:#}");
            // If standard output is broken, standard error still tells.
            let _ = report.fails(&problem);
            let _ = writeln!(std::io::stderr(), "error: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Tells the story and, if that is wanted, keeps everything running. A signal ends it at any time: before the end of
/// the story that is an error, afterwards it is what we wait for.
async fn run(args: &Args, report: &mut Report) -> Result<()> {
    // Only one for the whole run: a signal counts from here on, whatever is being done when it comes.
    let mut stop = pin!(stop_signal()?);
    let mut running = tokio::select! {
        biased;
        signal = &mut stop => bail!("interrupted by {signal}"),
        running = tell(args, report) => running?,
    };
    if args.keep {
        tokio::select! {
            biased;
            _ = &mut stop => {}
            problem = ended(&mut running.controller) => return Err(problem),
        }
    }
    Ok(())
}

/// What runs when the story is over. The controller goes first, its planes last.
struct Running {
    controller: JoinSet<Result<()>>,
    _kept: Option<Kept>,
    _planes: Planes,
}

/// The story, from the start of the control planes to the last line of the report.
async fn tell(args: &Args, report: &mut Report) -> Result<Running> {
    // First, because it needs nothing else: what cannot work fails before anything is started.
    let kept = args.keep.then(Kept::new).transpose()?;
    report.begins("Start the control planes: host, member1, member2")?;
    let planes = Planes::start(args.kubernetes).await?;
    report.ends()?;
    let mut story = Story { planes: &planes, report: &mut *report, sabotage: args.sabotage };
    story.prepare().await?;
    let mut controller = JoinSet::new();
    controller.spawn(story.controller());
    tokio::select! {
        told = story.tell() => told?,
        problem = ended(&mut controller) => return Err(problem),
    }
    if let Some(kept) = &kept {
        kept.write(&planes)?;
    }
    // Only now: a plane that is gone, which would be an error above, cannot be counted.
    let requests = requests(&planes).await;
    report.succeeds(&requests, kept.as_ref().map(Kept::kubeconfig).as_deref())?;
    Ok(Running { controller, _kept: kept, _planes: planes })
}

/// Why the controller does not run any more, once it does not.
async fn ended(controller: &mut JoinSet<Result<()>>) -> anyhow::Error {
    match controller.join_next().await {
        Some(Ok(Err(problem))) => problem,
        Some(Err(panic)) => anyhow!(panic).context("the controller"),
        Some(Ok(Ok(()))) | None => anyhow!("the controller ended"),
    }
}

/// Ctrl-C, or a polite kill: the name of the signal that came first. Signals are taken from this call on, not only from
/// the first poll.
fn stop_signal() -> Result<impl Future<Output = &'static str>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be waited for")?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be waited for")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        }
    })
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
    /// Makes the folder.
    fn new() -> Result<Self> {
        let parent = std::env::temp_dir();
        let folder = tempfile::Builder::new().prefix("kubefed-quickstart-").tempdir_in(&parent);
        let folder = folder.with_context(|| {
            format!(
                "no folder for the kubeconfig can be made in {}; TMPDIR can name another",
                parent.display()
            )
        })?;
        Ok(Self { folder })
    }

    /// Writes the kubeconfig. JSON is YAML.
    fn write(&self, planes: &Planes) -> Result<()> {
        let merged = planes
            .all()
            .into_iter()
            .map(kubefed_testbed::ControlPlane::kubeconfig)
            .try_fold(Kubeconfig::default(), Kubeconfig::merge)?;
        let path = self.kubeconfig();
        std::fs::write(&path, serde_json::to_vec_pretty(&json!(merged))?)
            .with_context(|| format!("writing {}", path.display()))
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }
}
