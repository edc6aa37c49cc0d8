//! What cannot be propagated: the status of that member says why, and all else goes on.

use anyhow::{Result, ensure};
use kubefed_e2e::{
    FIRST, Federation, Kind, MEMBERS, Patch, SECOND, Setup, cluster_status, merged, placement, scenario,
    wait_until,
};
use kubefed_runtime::api::AdoptResources;
use serde_json::{Value, json};

/// Waits until one member's entry has a status and a message with some text, and the other is well.
async fn refused(federation: &Federation, kind: &str, status: &str, text: &str) -> Result<()> {
    let expected = json!({ "status": status });
    let said = federation.wait_cluster_status(kind, "x", SECOND, &expected).await?;
    let message = said["message"].as_str().unwrap_or_default();
    ensure!(message.contains(text), "expected {text}: {said}");
    let condition = json!([{"type": "Propagation", "status": "False", "reason": "CheckClusters"}]);
    let federated =
        federation.wait_status(kind, "x", &json!({"conditions": condition, "ready": "1/2"})).await?;
    ensure!(cluster_status(&federated, FIRST)["status"].is_null(), "{federated}");
    Ok(())
}

/// Waits until the controller has sent a status that says this of the second member, whatever it says by now. Answers
/// the message.
async fn wait_said(federation: &Federation, since: usize, status: &[&str]) -> Result<String> {
    wait_until(format!("a status that says {status:?}"), async || {
        let statuses = federation.wire("host").since(since).verb("PATCH").named("x");
        let said = statuses.iter().map(|sent| cluster_status(&sent.body, SECOND));
        let mut said = said.filter(|entry| status.iter().any(|status| entry["status"] == *status));
        let found = said.next().ok_or_else(|| statuses.to_string())?;
        Ok(found["message"].as_str().unwrap_or_default().to_owned())
    })
    .await
}

fn overriding(path: &str, value: &Value) -> Value {
    json!([{"clusterName": SECOND, "clusterOverrides": [{"op": "add", "path": path, "value": value}]}])
}

#[test]
fn an_override_of_a_path_that_is_not_there_fails_in_its_member_only() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let spec = json!({
            "template": {"data": {"a": "1"}},
            "placement": placement(&MEMBERS),
            "overrides": overriding("/nowhere/to/be/found", &json!("x")),
        });
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        refused(federation, "ConfigMap", "ApplyOverridesFailed", "/nowhere").await?;
        ensure!(federation.wire(SECOND).requests().named("x").total() == 0, "the member was asked");

        // Mended, it goes through.
        federation.edit("ConfigMap", "x", &json!({"overrides": overriding("/data/b", &json!("2"))})).await?;
        federation.wait_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "1", "b": "2"}})).await?;
        federation.wait_propagated("ConfigMap", "x").await
    })
}

#[test]
fn what_a_member_finds_invalid_fails_there_only_and_names_the_field() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let kind = Kind::of("Deployment");
        let spec = json!({
            "template": kind.template,
            "placement": placement(&MEMBERS),
            "overrides": overriding("/spec/replicas", &json!(-1)),
        });
        federation.create("Deployment", "x", &spec).await?;
        federation.wait_member(FIRST, "Deployment", "x", &kind.created).await?;
        refused(federation, "Deployment", "CreationFailed", "spec.replicas").await?;
        ensure!(
            federation.wire(SECOND).requests().code(422).total() == 1,
            "{}",
            federation.wire(SECOND).requests()
        );

        // A refused object is no mark against the cluster: others reach it at once.
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&[SECOND])});
        federation.create("ConfigMap", "other", &spec).await?;
        federation.wait_propagated("ConfigMap", "other").await?;

        federation.edit("Deployment", "x", &json!({"overrides": null})).await?;
        federation.wait_member(SECOND, "Deployment", "x", &kind.created).await?;
        federation.wait_propagated("Deployment", "x").await
    })
}

#[test]
fn an_unknown_field_fails_in_its_member_only_and_is_named() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let kind = Kind::of("Deployment");
        let spec = json!({"template": kind.template, "placement": placement(&MEMBERS)});
        federation.create("Deployment", "x", &spec).await?;
        federation.wait_propagated("Deployment", "x").await?;
        let edit = json!({
            "template": {"spec": {"minReadySeconds": 6}},
            "overrides": overriding("/spec/colour", &json!("blue")),
        });
        federation.edit("Deployment", "x", &edit).await?;
        federation.wait_member(FIRST, "Deployment", "x", &json!({"spec": {"minReadySeconds": 6}})).await?;
        refused(federation, "Deployment", "UpdateFailed", ".spec.colour: field not declared in schema")
            .await?;
        ensure!(
            federation.wire(SECOND).requests().code(500).total() == 1,
            "{}",
            federation.wire(SECOND).requests()
        );
        // What was there stays as it was.
        federation.require_member(SECOND, "Deployment", "x", &kind.created).await
    })
}

#[test]
fn a_kind_that_a_member_does_not_serve_fails_there_only() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let spec = json!({"template": {"spec": {"colour": "blue"}}, "placement": placement(&MEMBERS)});
        federation.create("Gadget", "x", &spec).await?;
        federation.wait_member(FIRST, "Gadget", "x", &json!({"spec": {"colour": "blue"}})).await?;
        refused(federation, "Gadget", "CachedRetrievalFailed", "e2e.example.com").await?;

        federation.edit("Gadget", "x", &json!({"template": {"spec": {"colour": "red"}}})).await?;
        federation.wait_member(FIRST, "Gadget", "x", &json!({"spec": {"colour": "red"}})).await?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&[SECOND])});
        federation.create("ConfigMap", "other", &spec).await?;
        federation.wait_propagated("ConfigMap", "other").await
    })
}

#[test]
fn with_adoption_off_what_is_there_is_left_alone_until_it_is_gone() -> Result<()> {
    scenario(async |federation| {
        federation.begin_with(Setup { adopt: AdoptResources::Disabled, ..Setup::default() }).await?;
        let existing = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "theirs"},
        });
        let targets = federation.targets(SECOND, "ConfigMap");
        let before = targets.post(&existing).await?.ok()?;
        let spec = json!({"template": {"data": {"a": "1", "b": "1"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        refused(federation, "ConfigMap", "AlreadyExists", "adoption").await?;
        ensure!(targets.get("x").await? == Some(before), "it was changed");

        // What was created by POST loses a dropped field, too.
        federation.edit("ConfigMap", "x", &json!({"template": {"data": {"a": "2", "b": null}}})).await?;
        federation.wait_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "2", "b": null}})).await?;
        Ok(())
    })
}

#[test]
fn a_fight_with_another_writer_is_backed_off_and_named() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        let mark = federation.wire(SECOND).mark();
        let rival = federation.targets(SECOND, "ConfigMap").by("rival");
        for round in 1..=3 {
            rival.patch("x", Patch::Merge, &json!({"data": {"a": format!("rival {round}")}})).await?.ok()?;
            federation.wait_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        }
        federation.wait_propagated("ConfigMap", "x").await?;
        let host_mark = federation.wire("host").mark();
        let repairs = federation.wire(SECOND).since(mark).writes();
        ensure!(repairs.total() == 3, "{repairs}");

        // One more repair would be on its way instead of this status; and after the pause none arrives before we let it.
        federation.wire(SECOND).hold(|sent| sent.verb == "APPLY" && sent.name == "x");
        rival.patch("x", Patch::Merge, &json!({"data": {"a": "rival again"}})).await?.ok()?;
        let message = wait_said(federation, host_mark, &["UpdateFailed"]).await?;
        ensure!(message.contains("\"rival\""), "{message}");
        federation.require_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "rival again"}})).await?;
        federation.require_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;

        // It is put right all the same, after the pause, and when nobody fights any more the status is well again.
        federation.wire(SECOND).release();
        federation.wait_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        let events = federation.warnings("ConfigMap", "x", "UpdateInClusterFailed").await?;
        ensure!(events.len() == 1, "{events:?}");
        Ok(())
    })
}

#[test]
fn a_bad_selector_is_said_of_the_whole_object() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let selector =
            json!({"matchExpressions": [{"key": "region", "operator": "Inside", "values": ["east"]}]});
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": {"clusterSelector": selector}});
        federation.create("ConfigMap", "x", &spec).await?;
        let condition =
            json!([{"type": "Propagation", "status": "False", "reason": "ComputePlacementFailed"}]);
        federation.wait_status("ConfigMap", "x", &json!({ "conditions": condition })).await?;
        let mended = merged(&json!({"clusterSelector": null}), &placement(&[FIRST]));
        federation.edit("ConfigMap", "x", &json!({ "placement": mended })).await?;
        federation.wait_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        federation.wait_propagated("ConfigMap", "x").await
    })
}

#[test]
fn a_fight_by_deleting_is_backed_off() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        let rival = federation.targets(SECOND, "ConfigMap").by("rival");
        let mut uid = federation.get_member(SECOND, "ConfigMap", "x").await?["metadata"]["uid"].clone();
        for _ in 1..=3 {
            rival.delete("x").await?.ok()?;
            let another = wait_until("it to be there again", async || {
                let found = rival.get("x").await.map_err(|error| error.to_string())?.ok_or("it is gone")?;
                let now = found["metadata"]["uid"].clone();
                if now == uid { Err("it has not gone".to_owned()) } else { Ok(now) }
            });
            uid = another.await?;
        }
        federation.wait_propagated("ConfigMap", "x").await?;
        let mark = federation.wire("host").mark();
        federation.wire(SECOND).hold(|sent| sent.verb == "APPLY" && sent.name == "x");
        rival.delete("x").await?.ok()?;
        // One more creation would be on its way instead of this status.
        wait_said(federation, mark, &["CreationFailed", "UpdateFailed"]).await?;
        ensure!(rival.get("x").await?.is_none(), "it was created at once all the same");
        federation.wire(SECOND).release();
        federation.wait_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        federation.wait_propagated("ConfigMap", "x").await
    })
}

#[test]
fn each_cause_in_each_member_has_its_event() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let spec = json!({"template": Kind::of("Deployment").template, "placement": placement(&MEMBERS)});
        federation.create("Deployment", "x", &spec).await?;
        federation.wait_propagated("Deployment", "x").await?;
        let mut expected = 0;
        for edit in [json!({"replicas": -1}), json!({"replicas": -2})] {
            federation.edit("Deployment", "x", &json!({"template": {"spec": edit}})).await?;
            expected += 2;
            wait_until(format!("{expected} events"), async || {
                let events = federation.warnings("Deployment", "x", "UpdateInClusterFailed").await;
                let events = events.map_err(|error| error.to_string())?;
                let notes: Vec<_> = events.iter().map(|event| event["note"].to_string()).collect();
                if notes.len() == expected { Ok(()) } else { Err(notes.join("\n")) }
            })
            .await?;
        }
        let events = federation.warnings("Deployment", "x", "UpdateInClusterFailed").await?;
        for member in MEMBERS {
            let named = events
                .iter()
                .filter(|event| event["note"].as_str().is_some_and(|note| note.contains(member)));
            ensure!(named.count() == 2, "{events:?}");
        }
        Ok(())
    })
}

#[test]
fn an_unknown_field_is_refused_in_a_new_object_however_it_is_created() -> Result<()> {
    scenario(async |federation| {
        // With adoption off, and where replicas are retained, an object is created by POST.
        federation.begin_with(Setup { adopt: AdoptResources::Disabled, ..Setup::default() }).await?;
        let spec = json!({
            "template": Kind::of("Deployment").template,
            "placement": placement(&MEMBERS),
            "overrides": overriding("/spec/colour", &json!("blue")),
            "retainReplicas": true,
        });
        federation.create("Deployment", "x", &spec).await?;
        federation.wait_member(FIRST, "Deployment", "x", &Kind::of("Deployment").created).await?;
        refused(federation, "Deployment", "CreationFailed", "spec.colour").await?;
        ensure!(federation.targets(SECOND, "Deployment").get("x").await?.is_none());
        Ok(())
    })
}
