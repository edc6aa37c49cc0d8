//! The real programs, started, used, disturbed and ended. Built with `--features real` only: it needs them.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use kubefed_kubernetes::{ControlPlane, ControlPlanes, Options, Plane, kubernetes_version};
use rustix::process::{Pid, test_kill_process};
use serde_json::json;
use tokio::time::{sleep, timeout};

/// How long anything that has to happen may take: far more than it does.
const PATIENCE: Duration = Duration::from_secs(60);

fn config_map(name: &str, value: &str) -> Result<ConfigMap> {
    Ok(serde_json::from_value(json!({ "metadata": { "name": name }, "data": { "key": value } }))?)
}

fn is_alive(id: u32) -> bool {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid).is_ok())
}

/// Polls until `done` says yes; what it waits for is named in the error.
async fn eventually(what: &str, mut done: impl AsyncFnMut() -> bool) -> Result<()> {
    let wait = async {
        while !done().await {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, wait).await.with_context(|| format!("waited in vain for: {what}"))
}

async fn kubectl(plane: &Plane, arguments: &[&str]) -> Result<String> {
    let output = plane.kubectl().args(arguments).output().await?;
    ensure!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test]
async fn three_planes_keep_apart_what_clients_and_kubectl_write() -> Result<()> {
    let planes = ControlPlanes::start(&["host", "member1", "member2"]).await?;
    for plane in planes.planes() {
        let client = plane.client();
        assert_eq!(client.apiserver_version().await?.git_version, kubernetes_version()?);
        let maps: Api<ConfigMap> = Api::namespaced(client, "default");
        maps.create(&PostParams::default(), &config_map("by-client", plane.name())?).await?;
        kubectl(plane, &["create", "configmap", "by-kubectl", "--from-literal=key=value"]).await?;

        let seen = kubectl(plane, &["get", "configmap", "by-client", "-o", "jsonpath={.data.key}"]).await?;
        assert_eq!(seen, plane.name());
        assert!(maps.get_opt("by-kubectl").await?.is_some());
    }
    // The kubeconfig works by itself, and each plane trusts and is trusted for its own credentials only.
    let [host, member] = [planes.plane("host")?, planes.plane("member1")?];
    let config = kube::Config::from_custom_kubeconfig(host.kubeconfig(), &Default::default()).await?;
    let maps: Api<ConfigMap> = Api::namespaced(Client::try_from(config)?, "default");
    assert_eq!(maps.get("by-client").await?.data.context("data")?["key"], "host");
    let mut mixed = host.kubeconfig();
    mixed.clusters[0].cluster = member.kubeconfig().clusters[0].cluster.clone();
    let config = kube::Config::from_custom_kubeconfig(mixed, &Default::default()).await?;
    let refused = Client::try_from(config)?.apiserver_version().await.err().context("a refusal")?;
    assert!(matches!(&refused, kube::Error::Api(status) if status.code == 401), "{refused}");
    Ok(())
}

#[tokio::test]
async fn controllers_run_and_a_plane_can_be_added_and_requests_are_counted() -> Result<()> {
    let options = Options { audit: true, ..Options::default() };
    let mut planes = ControlPlanes::start_with(&[], options).await?;
    let plane = planes.add("late").await?;
    let client = plane.client();

    // Of the namespace's content and of the namespace nothing is left, which is the work of controllers.
    let namespaces: Api<Namespace> = Api::all(client.clone());
    kubectl(&plane, &["create", "namespace", "work"]).await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "work");
    eventually("a service account", async || accounts.get("default").await.is_ok()).await?;

    // A Deployment gets its ReplicaSet and pods, which nobody runs.
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "work");
    kubectl(&plane, &["create", "deployment", "web", "--image=none", "--replicas=2", "-n", "work"]).await?;
    let unavailable = async || {
        let status = deployments.get("web").await.ok().and_then(|deployment| deployment.status);
        status.and_then(|status| status.unavailable_replicas) == Some(2)
    };
    eventually("two pods", unavailable).await?;

    let before = plane.request_counts().await;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "work");
    let apply = PatchParams::apply("test").force();
    for value in ["a", "b", "c"] {
        let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "counted" }, "data": { "key": value } });
        maps.patch("counted", &apply, &Patch::Apply(object)).await?;
    }
    let during = plane.request_counts().await.minus(&before).of("", "configmaps").verb("APPLY");
    assert_eq!(during.code(201).total(), 1, "{during}");
    assert_eq!(during.code(200).total(), 2, "{during}");

    namespaces.delete("work", &DeleteParams::default()).await?;
    eventually("an empty, removed namespace", async || matches!(namespaces.get_opt("work").await, Ok(None)))
        .await?;
    let audit = std::fs::read_to_string(plane.audit_log().context("an audit log")?)?;
    assert!(audit.lines().any(|line| line.contains("/configmaps/counted?")), "no request was logged");
    Ok(())
}

#[tokio::test]
async fn an_api_server_can_be_paused_and_stopped_and_comes_back_with_its_objects() -> Result<()> {
    let options = Options { controllers: false, ..Options::default() };
    let planes = ControlPlanes::start_with(&["member"], options).await?;
    let plane = planes.plane("member")?;
    let maps: Api<ConfigMap> = Api::namespaced(plane.client(), "default");
    maps.create(&PostParams::default(), &config_map("kept", "value")?).await?;

    plane.pause()?;
    let silence = timeout(Duration::from_millis(500), maps.get("kept")).await;
    assert!(silence.is_err(), "a paused server answered: {silence:?}");
    plane.resume()?;
    maps.get("kept").await?;

    plane.stop();
    assert!(plane.process_ids().is_empty());
    assert!(maps.get("kept").await.is_err());
    assert!(plane.pause().is_err());
    plane.start_again().await?;
    assert_eq!(maps.get("kept").await?.data.context("data")?["key"], "value");
    Ok(())
}

#[tokio::test]
async fn dropped_planes_leave_no_process_and_no_folder() -> Result<()> {
    let planes = ControlPlanes::start(&["host"]).await?;
    let (ids, folder) = (planes.process_ids(), planes.folder().to_owned());
    assert_eq!(ids.len(), 3);
    assert!(folder.is_dir() && ids.iter().all(|id| is_alive(*id)));
    drop(planes);
    assert!(!ids.iter().any(|id| is_alive(*id)), "a server outlived the set");
    assert!(!folder.exists());
    Ok(())
}

#[tokio::test]
async fn a_wrong_flag_is_told_with_the_words_of_the_server() -> Result<()> {
    let options = Options { api_server_flags: vec!["--no-such-flag".to_owned()], ..Options::default() };
    let error = ControlPlanes::start_with(&["host"], options).await.err().context("an error")?;
    let text = error.to_string();
    assert!(text.contains("kube-apiserver of plane host ended") && text.contains("--no-such-flag"), "{text}");
    Ok(())
}

/// The process that owns the servers is killed in a way that it cannot see.
#[tokio::test]
async fn a_killed_owner_leaves_no_process_and_no_folder() -> Result<()> {
    let mut owner =
        Command::new(env!("CARGO_BIN_EXE_control-planes")).arg("host").stdout(Stdio::piped()).spawn()?;
    let mut folder = PathBuf::new();
    let mut ids = Vec::new();
    for line in BufReader::new(owner.stdout.take().context("output")?).lines() {
        match line?.split_once(' ') {
            Some(("folder", path)) => folder = path.into(),
            Some(("process", id)) => ids.push(id.parse::<u32>()?),
            Some(_) => {}
            None => break,
        }
    }
    assert_eq!(ids.len(), 3, "etcd, an API server and a controller manager");
    assert!(folder.is_dir() && ids.iter().all(|id| is_alive(*id)));

    owner.kill()?;
    owner.wait()?;
    eventually("the end of all servers", async || !ids.iter().any(|id| is_alive(*id))).await?;
    eventually("the removal of their folder", async || !folder.exists()).await
}
