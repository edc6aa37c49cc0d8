//! The control plane itself: types, clusters, tokens, rights, the lease.

use anyhow::{Context, Result, ensure};
use kubefed_e2e::{
    FIRST, Federation, KUBEFED_NAMESPACE, MEMBERS, Objects, Patch, PlanesKind, SECOND, Setup, merged,
    placement, scenario, wait_until,
};
use kubefed_runtime::{
    api::{ApiResource, Scope, names},
    install,
};
use serde_json::{Value, json};

/// Waits until the status of a FederatedTypeConfig speaks of its latest generation and says this of propagation.
async fn wait_type_config(federation: &Federation, name: &str, state: &str) -> Result<()> {
    wait_until(format!("the FederatedTypeConfig {name} to be {state}"), async || {
        let found = federation.type_configs().get(name).await.map_err(|error| error.to_string())?;
        let found = found.ok_or("there is none")?;
        let said = found["status"]["propagationController"] == state
            && found["status"]["observedGeneration"] == found["metadata"]["generation"];
        if said { Ok(()) } else { Err(found["status"].to_string()) }
    })
    .await
}

#[test]
fn a_type_runs_while_its_type_config_says_so() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        wait_type_config(federation, "configmaps", "Running").await?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        federation.raise_barrier("Secret", &json!({"data": {}})).await?;

        let propagation = |mode: &str| json!({"spec": {"propagation": mode}});
        federation.type_configs().patch("configmaps", Patch::Merge, &propagation("Disabled")).await?.ok()?;
        wait_type_config(federation, "configmaps", "NotRunning").await?;
        let mark = federation.wire(FIRST).mark();
        federation.edit("ConfigMap", "x", &json!({"template": {"data": {"a": "2"}}})).await?;
        let targets = federation.targets(SECOND, "ConfigMap").by("somebody");
        targets.patch("x", Patch::Merge, &json!({"data": {"a": "drifted"}})).await?.ok()?;
        // Another type goes all the way meanwhile.
        federation.pass_barrier("Secret").await?;
        let written = federation.wire(FIRST).since(mark).writes();
        ensure!(written.total() == 0, "{written}");
        federation.require_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "drifted"}})).await?;

        federation.type_configs().patch("configmaps", Patch::Merge, &propagation("Enabled")).await?.ok()?;
        wait_type_config(federation, "configmaps", "Running").await?;
        for member in MEMBERS {
            federation.wait_member(member, "ConfigMap", "x", &json!({"data": {"a": "2"}})).await?;
        }
        federation.wait_propagated("ConfigMap", "x").await
    })
}

#[test]
fn a_type_config_that_is_deleted_ends_its_type_and_is_let_go() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        wait_type_config(federation, "secrets", "Running").await?;
        let held = federation.type_configs().get("secrets").await?.context("the FederatedTypeConfig")?;
        ensure!(held["metadata"]["finalizers"] == json!(["core.kubefed.io/federated-type-config"]), "{held}");
        federation.type_configs().delete("secrets").await?.ok()?;
        wait_until("the FederatedTypeConfig to be gone", async || {
            match federation.type_configs().get("secrets").await {
                Ok(None) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
        let spec = json!({"template": {"data": {}}, "placement": placement(&MEMBERS)});
        federation.create("Secret", "x", &spec).await?;
        federation.raise_barrier("ConfigMap", &json!({"data": {}})).await?;
        ensure!(federation.targets(FIRST, "Secret").get("x").await?.is_none());
        federation.delete("Secret", "x").await
    })
}

#[test]
fn cluster_objects_say_how_their_members_are() -> Result<()> {
    scenario(async |federation| {
        federation.begin_with(Setup::impatient()).await?;
        let version = federation.member(FIRST).get("/version").await?.ok()?["gitVersion"].clone();
        for member in MEMBERS {
            let ready = json!({"status": {
                "conditions": [{"type": "Ready", "status": "True", "reason": "ClusterReady"}],
                "kubernetesVersion": version,
            }});
            let found = federation.wait_for_cluster(member, &ready).await?;
            let times = &found["status"]["conditions"][0];
            ensure!(times["lastProbeTime"].is_string() && times["lastTransitionTime"].is_string(), "{found}");
        }
        federation.wire(SECOND).darken();
        let offline = json!({"status": {
            "conditions": [{"type": "Offline", "status": "True", "reason": "ClusterNotReachable"}],
        }});
        federation.wait_for_cluster(SECOND, &offline).await?;
        federation.wire(SECOND).lighten();
        let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        federation.wait_for_cluster(SECOND, &ready).await?;

        // A member that answers, but not with ok.
        federation.wire(SECOND).refuse(|sent| sent.uri.ends_with("/healthz"), 500, "etcd failed");
        federation.wait_for_cluster(SECOND, &offline).await?;
        federation.wire(SECOND).accept();
        federation.wait_for_cluster(SECOND, &ready).await?;
        Ok(())
    })
}

#[test]
fn a_cluster_object_without_a_usable_token_says_so_and_harms_nobody() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let cluster = json!({
            "apiVersion": "core.kubefed.io/v1beta1", "kind": "KubeFedCluster",
            "metadata": {"name": "broken", "namespace": KUBEFED_NAMESPACE},
            "spec": {"apiEndpoint": "https://127.0.0.1:1", "secretRef": {"name": "no-such-secret"}},
        });
        federation.clusters().post(&cluster).await?.ok()?;
        let malformed = json!({"status": {"conditions": [{"type": "ConfigMalformed", "status": "True"}]}});
        let found = federation.wait_for_cluster("broken", &malformed).await?;
        let message = found["status"]["conditions"][0]["message"].as_str().unwrap_or_default();
        ensure!(message.contains("no-such-secret"), "{found}");

        let everywhere = json!({"placement": {"clusters": null, "clusterSelector": {}}});
        federation.edit("Namespace", &federation.namespace, &everywhere).await?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": {"clusterSelector": {}}});
        federation.create("ConfigMap", "x", &spec).await?;
        for member in MEMBERS {
            federation.wait_member(member, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        }
        federation
            .wait_cluster_status("ConfigMap", "x", "broken", &json!({"status": "ClientRetrievalFailed"}))
            .await?;
        federation.clusters().delete("broken").await?.ok()?;
        federation.wait_propagated("ConfigMap", "x").await
    })
}

#[test]
fn a_token_that_was_replaced_is_read_again() -> Result<()> {
    scenario(async |federation| {
        federation.begin_with(Setup::impatient()).await?;
        let secrets = federation.host.objects(&secret_resource(), Some(KUBEFED_NAMESPACE));
        let name = format!("{SECOND}-token");
        let old = secrets.get(&name).await?.context("the member's secret")?["data"]["token"].clone();
        let old = base64_text(&old)?;
        federation.wire(SECOND).revoke(&old);
        let offline = json!({"status": {"conditions": [{"type": "Offline", "status": "True"}]}});
        federation.wait_for_cluster(SECOND, &offline).await?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "x", &spec).await?;
        federation
            .wait_cluster_status("ConfigMap", "x", SECOND, &json!({"status": "ClusterNotReady"}))
            .await?;

        let token = json!({"stringData": {"token": federation.administrator_token(SECOND)?}});
        secrets.patch(&name, Patch::Merge, &token).await?.ok()?;
        federation.wait_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        federation.wait_propagated("ConfigMap", "x").await
    })
}

fn base64_text(value: &Value) -> Result<String> {
    let bytes: k8s_openapi::ByteString = serde_json::from_value(value.clone())?;
    Ok(String::from_utf8(bytes.0)?)
}

fn secret_resource() -> ApiResource {
    ApiResource {
        group: String::new(),
        version: "v1".to_owned(),
        kind: "Secret".to_owned(),
        plural_name: "secrets".to_owned(),
        scope: Scope::Namespaced,
    }
}

#[test]
fn a_member_that_leaves_is_forgotten_and_one_that_joins_is_filled() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": {"clusterSelector": {}}});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_status("ConfigMap", "x", &json!({"ready": "2/2"})).await?;
        federation.clusters().delete(SECOND).await?.ok()?;
        federation
            .wait_status("ConfigMap", "x", &json!({"ready": "1/1", "clusters": [{"name": FIRST}]}))
            .await?;
        // Nobody can clean a cluster that has left.
        federation.require_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        federation.edit("ConfigMap", "x", &json!({"template": {"data": {"a": "2"}}})).await?;
        federation.wait_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "2"}})).await?;

        federation.join_members().await?;
        federation.wait_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "2"}})).await?;
        federation.wait_status("ConfigMap", "x", &json!({"ready": "2/2"})).await?;
        Ok(())
    })
}

#[test]
fn the_manifests_of_a_controller_apply_cleanly_and_twice() -> Result<()> {
    scenario(async |federation| {
        let manifests = federation.manager().manifests(KUBEFED_NAMESPACE)?;
        let mut states = Vec::new();
        for _ in 0..2 {
            install(federation.host.client(), &manifests).await?;
            let mut now = Vec::new();
            for manifest in &manifests {
                let mut found = federation.host.read(manifest).await?;
                // All but what moves with an apply that changes nothing else: the times of writers.
                let metadata = found["metadata"].as_object_mut().context("no metadata")?;
                metadata.remove("managedFields");
                metadata.remove("resourceVersion");
                now.push(found);
            }
            states.push(now);
        }
        for (before, after) in states[0].iter().zip(&states[1]) {
            ensure!(before == after, "the second time something changed: {before} became {after}");
        }
        Ok(())
    })
}

#[test]
fn the_generated_manifests_in_the_tree_are_accepted_as_they_are() -> Result<()> {
    scenario(async |federation| {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../generated/deploy");
        let mut count = 0;
        for part in ["crds/core", "crds/typed", "federatedtypeconfigs", "rbac"] {
            let mut files: Vec<_> = std::fs::read_dir(folder.join(part))?
                .map(|entry| Ok(entry?.path()))
                .collect::<Result<_>>()?;
            files.sort();
            for file in files {
                let text = std::fs::read_to_string(&file)?;
                for document in text.split("\n---\n") {
                    let manifest: Value = serde_saphyr::from_str(document)
                        .with_context(|| format!("reading {}", file.display()))?;
                    if manifest.is_null() {
                        continue;
                    }
                    let answer = federation.host.try_out(&manifest).await?;
                    ensure!((200..300).contains(&answer.code), "{}: {answer}", file.display());
                    count += 1;
                }
            }
        }
        ensure!(count > 20, "only {count} manifests");
        Ok(())
    })
}

#[test]
fn a_second_controller_waits_for_the_lease_and_takes_over() -> Result<()> {
    scenario(async |federation| {
        let elected = Setup { leader_election: true, ..Setup::default() };
        federation.begin_with(elected).await?;
        let standby = federation.another_controller(federation.manager(), elected).await?;
        let spec =
            |value: &str| json!({"template": {"data": {"a": value}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "first", &spec("1")).await?;
        federation.wait_propagated("ConfigMap", "first").await?;
        ensure!(standby.reconciles() == 0, "the second controller acts beside the first");

        federation.stop().await?;
        federation.create("ConfigMap", "second", &spec("2")).await?;
        federation.wait_propagated("ConfigMap", "second").await?;
        ensure!(standby.reconciles() > 0);
        standby.stop().await
    })
}

/// The KubeFedConfig that controllers look for on the host.
fn config_objects(federation: &Federation) -> Objects {
    let resource = ApiResource {
        group: names::CORE_GROUP.to_owned(),
        version: "v1beta1".to_owned(),
        kind: "KubeFedConfig".to_owned(),
        plural_name: "kubefedconfigs".to_owned(),
        scope: Scope::Namespaced,
    };
    federation.host.objects(&resource, Some(KUBEFED_NAMESPACE))
}

async fn configure(federation: &Federation, spec: &Value) -> Result<()> {
    let name = names::KUBEFED_CONFIG_NAME;
    let config = json!({
        "apiVersion": "core.kubefed.io/v1beta1", "kind": "KubeFedConfig",
        "metadata": {"name": name, "namespace": KUBEFED_NAMESPACE}, "spec": spec,
    });
    config_objects(federation).patch(name, Patch::ForcedApply, &config).await?.ok()?;
    Ok(())
}

/// A ConfigMap `x` that is in the second member already, and shall be in both.
async fn already_there(federation: &Federation) -> Result<()> {
    let theirs =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "0"}});
    federation.targets(SECOND, "ConfigMap").by("somebody").post(&theirs).await?.ok()?;
    let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
    federation.create("ConfigMap", "x", &spec).await
}

#[test]
fn a_controller_is_as_the_configuration_on_the_host_says() -> Result<()> {
    scenario(async |federation| {
        let by_host = Setup { configured_by_host: true, ..Setup::default() };
        configure(federation, &json!({"scope": "Cluster", "syncController": {"adoptResources": "Disabled"}}))
            .await?;
        federation.begin_with(by_host).await?;
        already_there(federation).await?;
        federation.wait_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        let left_alone = json!({"status": "AlreadyExists"});
        federation.wait_cluster_status("ConfigMap", "x", SECOND, &left_alone).await?;
        federation.require_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "0"}})).await?;
        federation.stop().await?;

        // It is read at the start, and one that cannot be is said to be so.
        let leader_elect = json!({"leaderElect": {"leaseDuration": "5s", "renewDeadline": "10s"}});
        configure(federation, &merged(&json!({"scope": "Cluster"}), &leader_elect)).await?;
        let mark = federation.wire(FIRST).mark();
        federation.start(by_host).await?;
        wait_until("the controller to end", async || {
            if federation.controller().await.has_ended() { Ok(()) } else { Err("it runs".to_owned()) }
        })
        .await?;
        let problem = federation.stop().await.err().context("it has ended without an error")?;
        ensure!(format!("{problem:#}").contains("spec.leaderElect.leaseDuration"), "{problem:#}");
        ensure!(federation.wire(FIRST).since(mark).total() == 0, "it has asked a member");

        configure(federation, &json!({"scope": "Cluster", "syncController": {"adoptResources": "Enabled"}}))
            .await?;
        federation.start(by_host).await?;
        federation.wait_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        config_objects(federation).delete(names::KUBEFED_CONFIG_NAME).await?.ok()?;
        Ok(())
    })
}

#[test]
fn without_any_configuration_a_controller_has_the_defaults() -> Result<()> {
    scenario(async |federation| {
        let name = names::KUBEFED_CONFIG_NAME;
        ensure!(config_objects(federation).get(name).await?.is_none(), "there is one");
        federation.begin_with(Setup { configured_by_host: true, ..Setup::default() }).await?;
        let asked = federation.wire("host").requests().of(names::CORE_GROUP, "kubefedconfigs").named(name);
        ensure!(asked.total() == 1 && asked.code(404).total() == 1, "{asked}");
        // By default what is there is adopted.
        already_there(federation).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        for member in MEMBERS {
            federation.require_member(member, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        }
        Ok(())
    })
}

#[test]
fn the_controller_has_the_generated_rights_and_no_others() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let forbidden = |code: Option<u16>| matches!(code, Some(401 | 403));
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        federation.delete("ConfigMap", "x").await?;
        federation.wait_gone("ConfigMap", "x").await?;
        for plane in ["host", FIRST, SECOND] {
            let refused = federation.wire(plane).requests().filter(|sent| forbidden(sent.code));
            ensure!(refused.total() == 0, "{plane}: {refused}");
        }
        // The other way round: what nobody granted is refused. Embedded planes know who asks, and let everybody do all.
        if PlanesKind::chosen()? == PlanesKind::Embedded {
            return Ok(());
        }
        for plane in ["host", FIRST] {
            let code = federation.ask_as_controller(plane, "/api/v1/nodes").await?;
            ensure!(code == 403, "{plane} lets the controller read nodes: {code}");
        }
        Ok(())
    })
}

#[test]
fn a_kind_that_a_member_stops_to_serve_and_serves_again_comes_back() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let spec =
            |value: &str| json!({"template": {"spec": {"colour": value}}, "placement": placement(&[FIRST])});
        federation.create("Gadget", "x", &spec("blue")).await?;
        federation.wait_propagated("Gadget", "x").await?;
        let definitions = federation.member(FIRST).definitions();
        definitions.delete("gadgets.e2e.example.com").await?.ok()?;
        let missing = json!({"status": "CachedRetrievalFailed"});
        federation.wait_cluster_status("Gadget", "x", FIRST, &missing).await?;
        federation.serve_gadgets().await?;
        federation.wait_member(FIRST, "Gadget", "x", &json!({"spec": {"colour": "blue"}})).await?;
        federation.wait_propagated("Gadget", "x").await
    })
}

#[test]
fn a_host_that_is_its_own_member_never_loses_a_namespace() -> Result<()> {
    scenario(async |federation| {
        federation.start(Setup::default()).await?;
        federation.join_host().await?;
        let (namespace, host) = (&*federation.namespace, federation.host.name());
        let namespaces = federation.host.objects(&federation.descriptor("Namespace").target, None);
        federation.create_namespace(namespace).await?;
        let before = namespaces.get(namespace).await?.context("the namespace")?;
        let everywhere = json!({"template": {}, "placement": placement(&[host, FIRST])});
        federation.create("Namespace", namespace, &everywhere).await?;
        federation.wait_propagated("Namespace", namespace).await?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&[host, FIRST])});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        let config_maps =
            federation.host.objects(&federation.descriptor("ConfigMap").target, Some(namespace));
        ensure!(config_maps.get("x").await?.is_some_and(|found| found["data"]["a"] == "1"));

        // Dropped from the placement, it loses the label and nothing else; so it does when all of it ends.
        let managed = |found: &Value| found["metadata"]["labels"]["kubefed.io/managed"] == "true";
        for last in [false, true] {
            let labelled = namespaces.get(namespace).await?.context("the namespace")?;
            ensure!(managed(&labelled), "{labelled}");
            if last {
                federation.delete("Namespace", namespace).await?;
                federation.wait_gone("Namespace", namespace).await?;
            } else {
                let first = json!({"placement": placement(&[FIRST])});
                federation.edit("Namespace", namespace, &first).await?;
            }
            wait_until("the label to be gone", async || {
                let found = namespaces.get(namespace).await.map_err(|error| error.to_string())?;
                let found = found.ok_or("the namespace is gone")?;
                if managed(&found) { Err(found["metadata"].to_string()) } else { Ok(()) }
            })
            .await?;
            if !last {
                wait_until("the content to be gone from the host", async || {
                    match config_maps.get("x").await {
                        Ok(None) => Ok(()),
                        other => Err(format!("{other:?}")),
                    }
                })
                .await?;
                let again = json!({"placement": placement(&[host, FIRST])});
                federation.edit("Namespace", namespace, &again).await?;
                federation.wait_propagated("Namespace", namespace).await?;
            }
        }
        let after = namespaces.get(namespace).await?.context("the namespace")?;
        ensure!(after["metadata"]["uid"] == before["metadata"]["uid"], "it was made anew: {after}");
        ensure!(after["metadata"]["deletionTimestamp"].is_null(), "{after}");
        Ok(())
    })
}
