//! The quickstart as its users run it: a process with arguments, signals, two streams and an exit code.
//!
//! `cargo test -p kubefed-examples` builds the program, too. With `--test quickstart` cargo does not: an older one runs.
//! On real control planes: `KUBEFED_TEST_PLANES=kubernetes cargo test -p kubefed-examples -- --test-threads=1`.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::Value;
use tempfile::TempDir;

/// How long a line or the end may take: far more than it does.
const PATIENCE: Duration = Duration::from_secs(300);

/// Nothing can take this for a kubeconfig.
const SENTINEL: &str = "]not a kubeconfig, and nobody's business[";

const TITLES: [&str; 9] = [
    "Start the control planes: host, member1, member2",
    "Install the CRDs, the types and the rights on the host, and the Website CRD in the members",
    "Join the members",
    "Federate a Namespace, a ConfigMap, a Deployment and a Website",
    "Edit the template of the ConfigMap on the host: blue becomes green",
    "Change the ConfigMap in member1 behind the controller's back",
    "Take member2 out of the Website's placement",
    "Delete the federated ConfigMap",
    "Look once more at everything, by plain clients",
];
const PLANES: [&str; 3] = ["host", "member1", "member2"];

/// A quickstart that runs. It is killed when this is dropped.
struct Quickstart {
    child: Child,
    lines: Receiver<String>,
    /// What [`Quickstart::line`] has read so far.
    stdout: Vec<String>,
    stderr: Option<JoinHandle<String>>,
    surroundings: TempDir,
}

/// A quickstart that has ended.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Quickstart {
    fn start(arguments: &[&str]) -> Result<Self> {
        Self::start_with(arguments, |_| {})
    }

    /// Starts it with folders of its own and a KUBECONFIG that it must leave alone.
    fn start_with(arguments: &[&str], change: impl FnOnce(&mut Command)) -> Result<Self> {
        let surroundings = tempfile::tempdir()?;
        let path = |name| surroundings.path().join(name);
        fs::write(path("kubeconfig"), SENTINEL)?;
        let mut command = Command::new(program()?);
        command.args(arguments);
        for (variable, name) in [("TMPDIR", "tmp"), ("HOME", "home"), ("XDG_CACHE_HOME", "cache")] {
            fs::create_dir(path(name))?;
            // The cache of the real planes' programs is below one of them.
            if name == "tmp" || !on_kubernetes()? {
                command.env(variable, path(name));
            }
        }
        if on_kubernetes()? {
            command.arg("--kubernetes");
        }
        command.env("KUBECONFIG", path("kubeconfig")).env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        let lines = child.stdout.take().map(lines_of).context("no standard output")?;
        let mut stderr = child.stderr.take().context("no standard error")?;
        let stderr = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // What was read before an error is there.
            let _ = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Ok(Self { child, lines, stdout: Vec::new(), stderr: Some(stderr), surroundings })
    }

    /// The next line of standard output; none when it has ended.
    fn line(&mut self) -> Result<Option<String>> {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.stdout.push(line.clone());
                Ok(Some(line))
            }
            Err(Disconnected) => Ok(None),
            Err(Timeout) => bail!("nothing more after {:#?}", self.stdout),
        }
    }

    /// Reads on until a line has this prefix, and answers the rest of that line.
    fn line_after(&mut self, prefix: &str) -> Result<String> {
        while let Some(line) = self.line()? {
            if let Some(rest) = line.strip_prefix(prefix) {
                return Ok(rest.to_owned());
            }
        }
        let stderr = self.stderr.take().and_then(|thread| thread.join().ok());
        bail!("it ended without {prefix:?}: {:#?} {stderr:?}", self.stdout)
    }

    /// Sends a signal to the process alone, not to what it started.
    fn signal(&self, name: &str) -> Result<()> {
        let id = self.child.id().to_string();
        let status = Command::new("sh").args(["-c", r#"kill -s "$1" "$2""#, "sh", name, &id]).status()?;
        ensure!(status.success(), "kill -s {name} {id}: {status}");
        Ok(())
    }

    /// Waits for the end, and looks at what must be as it was before.
    fn end(mut self) -> Result<Ended> {
        while self.line()?.is_some() {}
        let code = self.child.wait()?.code();
        let stderr = self.stderr.take().context("standard error was read before")?;
        let stderr = stderr.join().map_err(|_| anyhow!("the thread of standard error panicked"))?;
        let path = |name| self.surroundings.path().join(name);
        ensure!(fs::read_to_string(path("kubeconfig"))? == SENTINEL, "KUBECONFIG was written");
        for name in ["tmp", "home", "cache"] {
            let left = fs::read_dir(path(name))?.collect::<Result<Vec<_>, _>>()?;
            ensure!(left.is_empty(), "left behind: {left:?}; standard error: {stderr}");
        }
        Ok(Ended { code, stdout: self.stdout.join("\n"), stderr })
    }
}

impl Drop for Quickstart {
    fn drop(&mut self) {
        // Both fail only where it has ended, and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// It said nothing but this one line on standard error.
    fn assert_failed_with(&self, problem: &str) {
        assert_eq!(self.stderr, format!("error: {problem}\n"), "standard output: {}", self.stdout);
        assert_eq!(self.code, Some(1));
    }

    fn assert_went_well(&self) {
        assert_eq!(self.stderr, "", "standard output: {}", self.stdout);
        assert_eq!(self.code, Some(0));
    }
}

/// `cargo test` builds it beside the folder of this test's own program.
fn program() -> Result<PathBuf> {
    let test = env::current_exe()?;
    let profile = test.parent().and_then(Path::parent).context("a test outside of a target folder")?;
    let program = profile.join("examples").join(format!("quickstart{}", env::consts::EXE_SUFFIX));
    assert!(
        program.is_file(),
        "{} is not there: run `cargo build -p kubefed-examples --example quickstart`, with --release if this test is",
        program.display()
    );
    Ok(program)
}

fn on_kubernetes() -> Result<bool> {
    match env::var("KUBEFED_TEST_PLANES").as_deref() {
        Err(_) | Ok("" | "embedded") => Ok(false),
        Ok("kubernetes") => Ok(true),
        Ok(other) => bail!("KUBEFED_TEST_PLANES is {other:?} and should be \"embedded\" or \"kubernetes\""),
    }
}

/// Lines as they come, so that waiting for one can have an end.
fn lines_of(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Titles of the steps, in the order in which they were told.
fn titles(stdout: &str) -> Vec<&str> {
    stdout.lines().filter_map(|line| line.strip_prefix("▸ ")).collect()
}

#[test]
fn a_plain_run_tells_its_steps_in_plain_lines() -> Result<()> {
    let ended = Quickstart::start(&[])?.end()?;
    ended.assert_went_well();
    assert!(!ended.stdout.contains('\x1b'), "{}", ended.stdout);
    assert_eq!(titles(&ended.stdout), TITLES);
    assert_eq!(ended.stdout.matches("\n  done in ").count(), TITLES.len(), "{}", ended.stdout);
    for line in [
        "\n  Deployment web on member2: as it shall be (",
        "\n  ConfigMap settings on member1: repaired (",
        "\n  FederatedWebsite front on host: all is well (",
        "\n  Website front on member2: still gone (",
        "\nEverything is as it shall be, after ",
    ] {
        assert!(ended.stdout.contains(line), "{line:?} is not in {}", ended.stdout);
    }
    Ok(())
}

#[test]
fn json_is_one_document_with_steps_times_and_requests() -> Result<()> {
    let ended = Quickstart::start(&["--output", "json"])?.end()?;
    ended.assert_went_well();
    // More than one document is an error.
    let document: Value = serde_json::from_str(&ended.stdout)?;
    let steps = document["steps"].as_array().context("no steps")?;
    let told: Vec<_> = steps.iter().filter_map(|step| step["title"].as_str()).collect();
    assert_eq!(told, TITLES);
    let times: Option<Vec<u64>> = steps.iter().map(|step| step["milliseconds"].as_u64()).collect();
    let all = document["milliseconds"].as_u64().context("no time of all")?;
    assert!(all >= times.context("a step without a time")?.iter().sum(), "{document:#}");
    let requests = document["requests"].as_object().context("no requests")?;
    assert_eq!(requests.keys().collect::<Vec<_>>(), PLANES);
    for (plane, counts) in requests {
        let (all, writes) = (counts["all"].as_u64(), counts["writes"].as_u64());
        assert!(all > writes && writes > Some(0), "{plane}: {counts}");
    }
    assert_eq!(document["ok"], true);
    assert_eq!((&document["problem"], &document["kubeconfig"]), (&Value::Null, &Value::Null));
    Ok(())
}

/// Takes as long as the quickstart is willing to wait for a member: half a minute.
#[test]
fn a_broken_render_is_found_by_the_literal_values() -> Result<()> {
    let ended = Quickstart::start(&["--sabotage"])?.end()?;
    ended.assert_failed_with(
        "Deployment web on member2 is not as it shall be: /spec/replicas is 6 and should be 5",
    );
    assert_eq!(titles(&ended.stdout), TITLES[..4]);
    assert!(!ended.stdout.contains("Everything is as it shall be"), "{}", ended.stdout);
    Ok(())
}

/// Starts a kept run, reaches every plane by the kubeconfig that it prints, and ends it.
fn keep_until(signal: &str) -> Result<()> {
    let mut quickstart = Quickstart::start(&["--keep"])?;
    let path = PathBuf::from(quickstart.line_after("  export KUBECONFIG=")?);
    assert!(path.starts_with(quickstart.surroundings.path().join("tmp")), "{}", path.display());
    let kubeconfig = Kubeconfig::read_from(&path)?;
    let contexts: Vec<_> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
    assert_eq!(contexts, PLANES);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        for context in PLANES {
            let options =
                KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
            let mut config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await?;
            // Not even where the environment names one: it is on loopback.
            config.proxy_url = None;
            let version = Client::try_from(config)?.apiserver_version().await.context(context)?;
            assert_eq!(version.major, "1", "{context}");
        }
        anyhow::Ok(())
    })?;
    quickstart.signal(signal)?;
    let ended = quickstart.end()?;
    // That is how a kept run is meant to end.
    ended.assert_went_well();
    assert!(!path.exists(), "{} is still there", path.display());
    Ok(())
}

#[test]
fn a_kept_run_can_be_looked_at_until_sigterm() -> Result<()> {
    keep_until("TERM")
}

#[test]
fn a_kept_run_can_be_looked_at_until_sigint() -> Result<()> {
    keep_until("INT")
}

/// A broken render gives it half a minute of work, so that no signal comes too late.
#[test]
fn sigint_at_the_first_line_is_an_error_that_leaves_nothing() -> Result<()> {
    let mut quickstart = Quickstart::start(&["--keep", "--sabotage"])?;
    assert!(quickstart.line()?.is_some());
    quickstart.signal("INT")?;
    quickstart.end()?.assert_failed_with("interrupted by SIGINT");
    Ok(())
}

#[test]
fn sigterm_in_the_middle_is_an_error_that_leaves_nothing() -> Result<()> {
    let mut quickstart = Quickstart::start(&["--keep", "--sabotage"])?;
    quickstart.line_after(&format!("▸ {}", TITLES[3]))?;
    quickstart.signal("TERM")?;
    quickstart.end()?.assert_failed_with("interrupted by SIGTERM");
    Ok(())
}

/// Starts a kept run whose TMPDIR names a folder that is not there, and answers that folder.
fn without_a_temporary_folder(arguments: &[&str]) -> Result<(PathBuf, Ended)> {
    let outside = tempfile::tempdir()?;
    let missing = outside.path().join("missing");
    let quickstart = Quickstart::start_with(arguments, |command| {
        command.env("TMPDIR", &missing);
    })?;
    let ended = quickstart.end()?;
    assert!(!missing.exists());
    Ok((missing, ended))
}

/// The beginning of what is said then; the end has a random name in it.
fn no_folder_in(missing: &Path) -> String {
    format!("no folder for the kubeconfig can be made in {}; TMPDIR can name another: ", missing.display())
}

#[test]
fn a_temporary_folder_that_is_missing_is_named_before_anything_starts() -> Result<()> {
    let (missing, ended) = without_a_temporary_folder(&["--keep"])?;
    assert_eq!(ended.stdout, "");
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.starts_with(&format!("error: {}", no_folder_in(&missing))), "{}", ended.stderr);
    assert_eq!(ended.code, Some(1));
    Ok(())
}

#[test]
fn a_problem_is_in_the_json_document_too() -> Result<()> {
    let (missing, ended) = without_a_temporary_folder(&["--keep", "--output", "json"])?;
    let document: Value = serde_json::from_str(&ended.stdout)?;
    let problem = document["problem"].as_str().context("no problem")?;
    assert!(problem.starts_with(&no_folder_in(&missing)), "{problem}");
    ended.assert_failed_with(problem);
    assert_eq!(document["ok"], false);
    assert_eq!((&document["requests"], &document["kubeconfig"]), (&Value::Null, &Value::Null));
    Ok(())
}
