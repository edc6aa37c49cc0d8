//! `propagate`: from a new object on the host to every member and back into its status.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    bare_loop::BareLoop,
    controller_process::{ControllerProcess, Metrics},
    latency,
    objects::ObjectSet,
    observer::Observer,
    planes::{PlaneKind, Planes},
    process::{Memory, memory, processor_seconds},
    report::{BareLoopReport, CpuSeconds, Output, Report, ResidentMemory, RestartReport, rounded},
    restart::{self, Restart},
    setup, tell,
    writes::{AllWrites, Snapshot},
};

/// Objects that open connections and warm up caches before the clock starts: as many for the controller as for the
/// bare loop.
const WARM_UP: usize = 20;
/// Name of those that the controller brings to the members.
const WARM_SET: &str = "warm";
/// How long they may take.
const WARM_UP_LIMIT: Duration = Duration::from_secs(60);

/// What is measured, and on what.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many federated ConfigMaps of 1 kB are created.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=99_999))]
    objects: u32,

    /// How many members they are propagated to.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=999))]
    clusters: u32,

    /// What the host and the members are.
    #[arg(long, value_enum, default_value_t = PlaneKind::Embedded)]
    planes: PlaneKind,

    /// How the result is written to standard output.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,

    /// How many single edits are made to measure their latency.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=9_999))]
    edits: u32,

    /// Seconds that the whole set may take, with and without the controller, before the run fails.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
}

/// A run: what is measured, where, and with which files.
struct Run<'a> {
    options: &'a Options,
    planes: Planes,
    kubeconfig: PathBuf,
    folder: TempDir,
}

/// A set of objects that was brought to the members.
struct Measured {
    elapsed: Duration,
    writes: AllWrites,
    cpu: CpuSeconds,
    /// Reconciles of the controller, where there is one.
    reconciles: u64,
}

/// What the controller has shown until it was ended.
struct OfController {
    propagated: Measured,
    edits: Vec<Duration>,
    idle: Memory,
    after: Memory,
    restart: Restart,
}

/// Runs the benchmark and prints the result.
///
/// # Errors
///
/// If something cannot be started, if the objects do not arrive in time or not as they shall be, and if controller and
/// bare loop have not written equally often to the members, so that their times cannot be compared.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let run = Run::start(options).await?;
    let set = ObjectSet { name: "measured", count: options.objects as usize };
    let of_controller = run.with_controller(set).await?;
    let bare = run.bare(set.count).await?;
    let report = report(options, &of_controller, &bare)?;
    report.print(options.output)
}

impl<'a> Run<'a> {
    /// Starts the control planes and prepares the host.
    async fn start(options: &'a Options) -> Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("kubefed-bench-").tempdir().context("making a folder")?;
        tell(&format!("starting a host and {} members", options.clusters));
        let planes = Planes::start(options.planes, options.clusters as usize).await?;
        let kubeconfig = folder.path().join("kubeconfig");
        // JSON is YAML.
        std::fs::write(&kubeconfig, serde_json::to_vec(&planes.host.kubeconfig)?)
            .with_context(|| format!("writing {}", kubeconfig.display()))?;
        setup::install_on_host(&planes).await?;
        Ok(Self { options, planes, kubeconfig, folder })
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(self.options.timeout)
    }

    /// All that is measured with a controller.
    async fn with_controller(&self, set: ObjectSet) -> Result<OfController> {
        tell("starting the controller, joining the members");
        let mut controller = ControllerProcess::start(&self.kubeconfig, &self.log("controller")).await?;
        let (id, metrics) = (controller.id(), controller.metrics());
        let (propagated, edits, idle, after) = controller
            .while_it_runs(async {
                setup::join_members(&self.planes).await?;
                Snapshot::when_quiet(&self.planes).await?;
                let idle = memory(id)?;
                setup::federate_namespace(&self.planes).await?;
                self.warm_up(WARM_SET, async |set| set.create(&self.planes.host.client, |_| ()).await)
                    .await?;
                tell(&format!("creating {} federated ConfigMaps", set.count));
                let host = self.planes.host.connect()?;
                let propagated = self.measure(set, Some((id, &metrics)), set.create(&host, |_| ())).await?;
                tell(&format!("done in {:?}; editing one at a time", propagated.elapsed));
                let edits = latency::measure(&self.planes, set, self.options.edits as usize).await?;
                Ok((propagated, edits, idle, memory(id)?))
            })
            .await?;
        tell("killing the controller, starting the next, which has to wait for the lease");
        // One more for the namespace.
        let objects = (set.count + WARM_UP + 1) as u64;
        let log = self.log("restarted-controller");
        let (restart, controller) =
            restart::measure(&self.planes, controller, &self.kubeconfig, &log, objects).await?;
        controller.stop().await?;
        Ok(OfController { propagated, edits, idle, after, restart })
    }

    /// The same without a controller.
    async fn bare(&self, count: usize) -> Result<Measured> {
        // One that was never edited: its status is that of a new object.
        let model = ObjectSet { name: WARM_SET, count: WARM_UP }.object_name(0);
        let bare = BareLoop::prepare(&self.planes, &model).await?;
        self.warm_up("bare-warm", async |set| bare.run(set).await).await?;
        tell(&format!("the bare requests of {count} more"));
        let set = ObjectSet { name: "bare", count };
        let measured = self.measure(set, None, bare.run(set)).await?;
        tell(&format!("done in {:?}", measured.elapsed));
        Ok(measured)
    }

    async fn warm_up(
        &self,
        name: &'static str,
        bring: impl AsyncFnOnce(ObjectSet) -> Result<()>,
    ) -> Result<()> {
        let set = ObjectSet { name, count: WARM_UP };
        let observer = Observer::start(&self.planes, set, WARM_UP_LIMIT).await?;
        bring(set).await?;
        observer.complete(WARM_UP_LIMIT).await.context("warming up")
    }

    /// Brings a set to the members by `work`, and looks at what that takes.
    async fn measure(
        &self,
        set: ObjectSet,
        controller: Option<(u32, &Metrics)>,
        work: impl Future<Output = Result<()>>,
    ) -> Result<Measured> {
        let observer = Observer::start(&self.planes, set, self.limit()).await?;
        let before = Snapshot::when_quiet(&self.planes).await?;
        let id = controller.map(|(id, _)| id);
        let reconciles = async || match controller {
            Some((_, metrics)) => metrics.reconciles().await,
            None => Ok(0),
        };
        let reconciles_before = reconciles().await?;
        let cpu_before = self.cpu(id)?;
        let started = Instant::now();
        work.await?;
        observer.complete(self.limit()).await?;
        let elapsed = started.elapsed();
        let cpu = self.cpu(id)?.since(&cpu_before);
        drop(observer);
        let writes = Snapshot::when_quiet(&self.planes).await?.since(&before);
        for member in &self.planes.members {
            set.verify(member).await?;
        }
        Ok(Measured { elapsed, writes, cpu, reconciles: reconciles().await? - reconciles_before })
    }

    fn cpu(&self, controller: Option<u32>) -> Result<CpuSeconds> {
        let servers = self.planes.process_ids();
        Ok(CpuSeconds {
            controller: controller.map(|id| processor_seconds([id])).transpose()?,
            bench: processor_seconds([std::process::id()])?,
            servers: (!servers.is_empty()).then(|| processor_seconds(servers)).transpose()?,
        })
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.log"))
    }
}

impl CpuSeconds {
    fn since(&self, earlier: &Self) -> Self {
        let difference = |now: Option<f64>, before: Option<f64>| Some(rounded(now? - before?));
        Self {
            controller: difference(self.controller, earlier.controller),
            bench: rounded(self.bench - earlier.bench),
            servers: difference(self.servers, earlier.servers),
        }
    }
}

fn report(options: &Options, controller: &OfController, bare: &Measured) -> Result<Report> {
    let propagated = &controller.propagated;
    let [with, without] = [propagated, bare].map(|measured| measured.writes.members.objects);
    ensure!(
        with == without,
        "the controller sent {with} writes to the members and the bare loop {without}, so that their times cannot be \
         compared; writes with the controller: {:?}",
        propagated.writes
    );
    let objects = f64::from(options.objects);
    // What the bench creates is no write of the controller or of the loop.
    let on_host = |measured: &Measured| rounded(measured.writes.host.objects as f64 / objects - 1.0);
    let in_members = |measured: &Measured| rounded(measured.writes.members.objects as f64 / objects);
    let [seconds, bare_loop_seconds] = [propagated, bare].map(|measured| measured.elapsed.as_secs_f64());
    let edit = |percent| {
        let time = latency::percentile(&controller.edits, percent).context("no edit was measured")?;
        anyhow::Ok(rounded(time.as_secs_f64() * 1000.0))
    };
    let restart = &controller.restart;
    let [to_host, to_members] =
        [&restart.writes.host, &restart.writes.members].map(|writes| writes.objects + writes.others());
    Ok(Report {
        objects: options.objects as usize,
        clusters: options.clusters as usize,
        planes: options.planes,
        optimised: !cfg!(debug_assertions),
        seconds: rounded(seconds),
        bare_loop_seconds: rounded(bare_loop_seconds),
        bare_loop_ratio: rounded(bare_loop_seconds / seconds),
        latency_p50_ms: edit(50)?,
        latency_p99_ms: edit(99)?,
        host_writes_per_object: on_host(propagated),
        member_writes_per_object: in_members(propagated),
        reconciles_per_object: rounded(propagated.reconciles as f64 / objects),
        rss_mi_b: ResidentMemory {
            idle: rounded(controller.idle.now),
            peak: rounded(controller.after.peak),
            after: rounded(controller.after.now),
        },
        restart: RestartReport {
            seconds: rounded(restart.total.as_secs_f64()),
            lease_seconds: rounded(restart.lease.as_secs_f64()),
            host_writes: to_host,
            member_writes: to_members,
            other_host_writes: restart.writes.host.clone().into(),
            other_member_writes: restart.writes.members.clone().into(),
        },
        other_host_writes: propagated.writes.host.clone().into(),
        other_member_writes: propagated.writes.members.clone().into(),
        bare_loop: BareLoopReport {
            host_writes_per_object: on_host(bare),
            member_writes_per_object: in_members(bare),
            cpu_seconds: bare.cpu.clone(),
        },
        cpu_seconds: propagated.cpu.clone(),
    })
}
