//! Unmodified kubectl says the same to an embedded control plane as to a real one. Built with `--features real` only: it
//! needs the program, and the real planes to compare with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kubefed_kubernetes::{Assets, ControlPlane, ControlPlanes, Program};
use kubefed_testbed::EmbeddedControlPlane;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

/// How long anything that has to happen may take: far more than it does.
const PATIENCE: Duration = Duration::from_secs(60);

const DEFINITION: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: websites.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Website, listKind: WebsiteList, plural: websites, singular: website, shortNames: [web]}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns: [{name: Host, type: string, jsonPath: .spec.host}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [host]
            properties:
              host: {type: string}
              replicas: {type: integer, default: 1}
"#;

const OBJECTS: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: demo}}
data: {colour: blue}
---
apiVersion: example.com/v1
kind: Website
metadata: {name: front, labels: {app: demo}}
spec: {host: www.example.com}
"#;

/// What is said to both, in this order: arguments, and whether it succeeds. Each answer must be the same.
const CALLS: &[(&[&str], bool)] = &[
    (&["apply", "--server-side", "-f", "{objects}"], true),
    (&["apply", "--server-side", "-f", "{objects}"], true),
    (&["get", "configmaps", "settings", "-o", "jsonpath={.data}"], true),
    (
        &[
            "get",
            "web",
            "--no-headers",
            "-o",
            "custom-columns=N:.metadata.name,H:.spec.host,R:.spec.replicas",
        ],
        true,
    ),
    (&["get", "websites,configmaps", "-l", "app=demo", "-o", "name"], true),
    (&["get", "website", "missing"], false),
    (&["patch", "website", "front", "--type=merge", "-p", r#"{"spec":{"replicas":3}}"#], true),
    (
        &[
            "patch",
            "website",
            "front",
            "--type=json",
            "-p",
            r#"[{"op":"replace","path":"/spec/host","value":"a.example.com"}]"#,
        ],
        true,
    ),
    (&["patch", "website", "front", "--type=json", "-p", r#"[{"op":"remove","path":"/spec/none"}]"#], false),
    (&["patch", "website", "front", "--type=merge", "-p", r#"{"spec":{"replicas":"many"}}"#], false),
    (
        &["get", "website", "front", "-o", "jsonpath={.spec.host} {.spec.replicas} {.metadata.generation}"],
        true,
    ),
    (&["apply", "--server-side", "-f", "{objects}"], false),
    (&["apply", "--server-side", "--force-conflicts", "-f", "{objects}"], true),
    (&["label", "configmap", "settings", "tier=front"], true),
    (&["delete", "configmap", "settings"], true),
    (&["delete", "website", "front", "missing"], false),
];

/// kubectl for one control plane.
struct Kubectl {
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Kubectl {
    fn new(program: PathBuf, plane: &dyn ControlPlane) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // JSON is YAML.
        fs::write(folder.path().join("kubeconfig"), serde_json::to_vec(&plane.kubeconfig())?)?;
        fs::write(folder.path().join("definition"), DEFINITION)?;
        fs::write(folder.path().join("objects"), OBJECTS)?;
        Ok(Self { program, folder })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let mut command = Command::new(&self.program);
        command
            .env("KUBECONFIG", self.folder.path().join("kubeconfig"))
            .env("HOME", self.folder.path())
            .args(arguments.iter().map(|argument| argument.replace("{objects}", &path("objects"))))
            .kill_on_drop(true);
        command
    }

    /// Both outputs and whether it succeeded, without what differs from plane to plane.
    async fn say(&self, arguments: &[&str]) -> Result<(String, bool)> {
        let output = timeout(PATIENCE, self.command(arguments).output()).await??;
        let text = String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?;
        let folder = self.folder.path().display().to_string();
        Ok((text.replace(&folder, "FOLDER"), output.status.success()))
    }

    /// Installs the definition and waits until kubectl finds its kind.
    async fn install(&self) -> Result<()> {
        let path = self.folder.path().join("definition");
        let (text, well) = self.say(&["apply", "--server-side", "-f", as_text(&path)?]).await?;
        ensure!(well, "{text}");
        let served = async {
            while !matches!(self.say(&["get", "websites"]).await, Ok((_, true))) {
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(PATIENCE, served).await.context("the definition is not served")
    }
}

fn as_text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is no text")
}

#[tokio::test]
async fn everyday_calls_have_the_same_answers_on_both() -> Result<()> {
    let program = tokio::task::spawn_blocking(Assets::locate).await??.program(Program::Kubectl);
    let real = ControlPlanes::start(&["host"]).await?;
    let embedded = EmbeddedControlPlane::start("host").await?;
    let real = (Kubectl::new(program.clone(), &**real.plane("host")?)?, real);
    let embedded = Kubectl::new(program, &embedded).map(|kubectl| (kubectl, embedded))?;
    real.0.install().await?;
    embedded.0.install().await?;
    for (arguments, succeeds) in CALLS {
        let expected = real.0.say(arguments).await?;
        let found = embedded.0.say(arguments).await?;
        assert_eq!(expected.1, *succeeds, "{arguments:?}: {}", expected.0);
        assert_eq!(found, expected, "{arguments:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_description_and_a_watch_show_what_is_there_and_what_changes() -> Result<()> {
    let program = tokio::task::spawn_blocking(Assets::locate).await??.program(Program::Kubectl);
    let plane = EmbeddedControlPlane::start("host").await?;
    let kubectl = Kubectl::new(program, &plane)?;
    kubectl.install().await?;
    kubectl.say(&["apply", "--server-side", "-f", "{objects}"]).await?;
    let (text, well) = kubectl.say(&["describe", "website", "front"]).await?;
    ensure!(well, "{text}");
    for part in
        ["Name:         front", "Namespace:    default", "Host:      www.example.com", "Events:      <none>"]
    {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }

    let mut watch = kubectl.command(&["get", "website", "front", "-w"]).stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(watch.stdout.take().context("no output")?).lines();
    let mut next = async || match timeout(PATIENCE, lines.next_line()).await?? {
        Some(line) => Ok(line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()),
        None => bail!("the watch ended"),
    };
    assert_eq!(next().await?, ["NAME", "HOST"], "the columns of the definition");
    assert_eq!(next().await?, ["front", "www.example.com"]);
    kubectl
        .say(&["patch", "website", "front", "--type=merge", "-p", r#"{"spec":{"host":"b.example.com"}}"#])
        .await?;
    assert_eq!(next().await?, ["front", "b.example.com"]);
    watch.kill().await?;
    Ok(())
}
