//! How objects leave members, and what must never leave them.

use anyhow::{Result, ensure};
use kubefed_e2e::{FIRST, Federation, MEMBERS, Patch, SECOND, Setup, placement, scenario, wait_until};
use kubefed_runtime::api::names;
use serde_json::{Value, json};

/// A ConfigMap `x` in both members.
async fn propagated(federation: &Federation) -> Result<()> {
    propagated_by(federation, Setup::default()).await
}

async fn propagated_by(federation: &Federation, setup: Setup) -> Result<()> {
    federation.begin_with(setup).await?;
    let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
    federation.create("ConfigMap", "x", &spec).await?;
    federation.wait_propagated("ConfigMap", "x").await?;
    federation.raise_barrier("ConfigMap", &json!({"data": {}})).await
}

fn label(value: Option<&str>) -> Value {
    json!({"metadata": {"labels": {(names::MANAGED_LABEL): value}}})
}

/// Takes our label off the object in the first member while the controller's watch of it stands still.
async fn unlabel_unseen(federation: &Federation) -> Result<()> {
    federation.wire(FIRST).stall_watches();
    let targets = federation.targets(FIRST, "ConfigMap").by("somebody");
    targets.patch("x", Patch::Merge, &label(None)).await?.ok()?;
    Ok(())
}

#[test]
fn what_has_lost_its_label_unseen_is_not_deleted_when_its_member_is_dropped() -> Result<()> {
    scenario(async |federation| {
        propagated(federation).await?;
        let mark = federation.wire(FIRST).mark();
        unlabel_unseen(federation).await?;
        federation.edit("ConfigMap", "x", &json!({"placement": placement(&[SECOND])})).await?;
        federation
            .wait_status("ConfigMap", "x", &json!({"clusters": [{"name": SECOND}], "ready": "1/1"}))
            .await?;
        // The controller did believe that the object was its own, and tried.
        let deletes = federation.wire(FIRST).since(mark).verb("DELETE");
        ensure!(deletes.total() == 1 && deletes.code(409).total() == 1, "{deletes}");

        let seen = federation.controller().await.member_events("ConfigMap");
        federation.wire(FIRST).resume_watches();
        federation.wait_events("ConfigMap", seen, 1).await?;
        federation.pass_barrier("ConfigMap").await?;
        let expected = json!({"metadata": {"labels": null, "deletionTimestamp": null}, "data": {"a": "1"}});
        federation.require_member(FIRST, "ConfigMap", "x", &expected).await
    })
}

#[test]
fn what_has_lost_its_label_unseen_is_not_deleted_with_its_federated_object() -> Result<()> {
    scenario(async |federation| {
        propagated(federation).await?;
        let mark = federation.wire(FIRST).mark();
        unlabel_unseen(federation).await?;
        federation.delete("ConfigMap", "x").await?;
        federation.wait_gone("ConfigMap", "x").await?;
        let deletes = federation.wire(FIRST).since(mark).verb("DELETE");
        ensure!(deletes.total() == 1 && deletes.code(409).total() == 1, "{deletes}");
        federation.wait_absent(SECOND, "ConfigMap", "x").await?;
        let expected = json!({"metadata": {"labels": null, "deletionTimestamp": null}, "data": {"a": "1"}});
        federation.require_member(FIRST, "ConfigMap", "x", &expected).await
    })
}

/// The twin of the two above: the same unseen write, but the label stays, and so the object goes.
#[test]
fn what_was_written_unseen_and_is_still_ours_is_deleted_at_the_second_try() -> Result<()> {
    scenario(async |federation| {
        propagated(federation).await?;
        let mark = federation.wire(FIRST).mark();
        federation.wire(FIRST).stall_watches();
        let targets = federation.targets(FIRST, "ConfigMap").by("somebody");
        targets.patch("x", Patch::Merge, &json!({"data": {"theirs": "1"}})).await?.ok()?;
        federation.edit("ConfigMap", "x", &json!({"placement": placement(&[SECOND])})).await?;
        federation.wait_absent(FIRST, "ConfigMap", "x").await?;
        let deletes = federation.wire(FIRST).since(mark).verb("DELETE");
        ensure!(deletes.code(409).total() == 1 && deletes.code(200).total() == 1, "{deletes}");
        Ok(())
    })
}

#[test]
fn an_object_of_the_same_name_that_never_was_ours_is_not_deleted() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let theirs =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "0"}});
        federation.targets(SECOND, "ConfigMap").by("somebody").post(&theirs).await?.ok()?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&[FIRST])});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        federation.delete("ConfigMap", "x").await?;
        federation.wait_gone("ConfigMap", "x").await?;
        federation.require_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "0"}})).await?;
        let asked = federation.wire(SECOND).requests().writes().named("x");
        ensure!(asked.total() == 0, "{asked}");
        Ok(())
    })
}

#[test]
fn a_deletion_that_happened_while_the_watch_was_lost_is_noticed() -> Result<()> {
    scenario(async |federation| {
        propagated(federation).await?;
        let uid = federation.get_member(FIRST, "ConfigMap", "x").await?["metadata"]["uid"].clone();
        federation.wire(FIRST).stall_watches();
        federation.targets(FIRST, "ConfigMap").by("somebody").delete("x").await?.ok()?;
        federation.wait_absent(FIRST, "ConfigMap", "x").await?;
        // The event is lost with the watch; the list that follows does not hold the object.
        federation.wire(FIRST).lose_watches();
        let again = federation.wait_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        ensure!(again["metadata"]["uid"] != uid, "it was never gone: {again}");
        federation.wait_propagated("ConfigMap", "x").await
    })
}

#[test]
fn a_change_that_happened_while_the_watch_was_lost_is_noticed() -> Result<()> {
    scenario(async |federation| {
        propagated(federation).await?;
        federation.wire(FIRST).stall_watches();
        let targets = federation.targets(FIRST, "ConfigMap").by("somebody");
        targets.patch("x", Patch::Merge, &json!({"data": {"a": "drifted"}})).await?.ok()?;
        federation.wire(FIRST).lose_watches();
        federation.wait_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        Ok(())
    })
}

#[test]
fn a_federated_object_is_held_while_a_member_is_dark_and_let_go_when_it_is_back() -> Result<()> {
    scenario(async |federation| {
        propagated_by(federation, Setup::impatient()).await?;
        federation.wire(SECOND).darken();
        federation.delete("ConfigMap", "x").await?;
        federation.wait_absent(FIRST, "ConfigMap", "x").await?;
        let offline = json!({"status": {"conditions": [{"type": "Offline", "status": "True"}]}});
        federation.wait_for_cluster(SECOND, &offline).await?;
        // The controller says whom it waits for.
        wait_until("a warning that names the member", async || {
            let events = federation.warnings("ConfigMap", "x", "ClusterNotReady").await;
            let events = events.map_err(|error| error.to_string())?;
            let named = |event: &Value| event["note"].as_str().is_some_and(|note| note.contains(SECOND));
            if events.iter().any(named) { Ok(()) } else { Err(format!("{events:?}")) }
        })
        .await?;
        let held = federation.get("ConfigMap", "x").await?;
        ensure!(held["metadata"]["finalizers"] == json!([names::SYNC_FINALIZER]), "{held}");
        federation.require_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;

        federation.wire(SECOND).lighten();
        federation.wait_gone("ConfigMap", "x").await?;
        federation.wait_absent(SECOND, "ConfigMap", "x").await
    })
}

#[test]
fn a_federated_object_is_held_until_its_objects_are_really_gone() -> Result<()> {
    scenario(async |federation| {
        propagated(federation).await?;
        let hold = |finalizers: Value| json!({"metadata": {"finalizers": finalizers}});
        let targets = federation.targets(FIRST, "ConfigMap").by("somebody");
        targets.patch("x", Patch::Merge, &hold(json!(["example.com/hold"]))).await?.ok()?;
        federation.delete("ConfigMap", "x").await?;
        federation.wait_absent(SECOND, "ConfigMap", "x").await?;
        wait_until("the deletion in the other member to begin", async || {
            let found =
                federation.get_member(FIRST, "ConfigMap", "x").await.map_err(|error| error.to_string())?;
            if found["metadata"]["deletionTimestamp"].is_string() { Ok(()) } else { Err(found.to_string()) }
        })
        .await?;
        federation.pass_barrier("ConfigMap").await?;
        federation.get("ConfigMap", "x").await?;
        targets.patch("x", Patch::Merge, &hold(Value::Null)).await?.ok()?;
        federation.wait_gone("ConfigMap", "x").await
    })
}

#[test]
fn an_object_that_is_being_deleted_is_waited_for_and_created_again() -> Result<()> {
    scenario(async |federation| {
        propagated(federation).await?;
        let hold = |finalizers: Value| json!({"metadata": {"finalizers": finalizers}});
        let targets = federation.targets(FIRST, "ConfigMap").by("somebody");
        targets.patch("x", Patch::Merge, &hold(json!(["example.com/hold"]))).await?.ok()?;
        targets.delete("x").await?.ok()?;
        let waits = json!({"status": "WaitingForRemoval"});
        federation.wait_cluster_status("ConfigMap", "x", FIRST, &waits).await?;
        targets.patch("x", Patch::Merge, &hold(Value::Null)).await?.ok()?;
        let again = json!({"metadata": {"deletionTimestamp": null}, "data": {"a": "1"}});
        federation.wait_member(FIRST, "ConfigMap", "x", &again).await?;
        federation.wait_propagated("ConfigMap", "x").await
    })
}

#[test]
fn orphans_stay_in_their_members_without_our_label() -> Result<()> {
    scenario(async |federation| {
        propagated(federation).await?;
        let orphan = json!({"metadata": {"annotations": {(names::ORPHAN_ANNOTATION): "true"}}});
        federation.federated("ConfigMap", "x").patch("x", Patch::Merge, &orphan).await?.ok()?;
        federation.delete("ConfigMap", "x").await?;
        federation.wait_gone("ConfigMap", "x").await?;
        let expected = json!({"metadata": {"labels": null, "deletionTimestamp": null}, "data": {"a": "1"}});
        for member in MEMBERS {
            federation.require_member(member, "ConfigMap", "x", &expected).await?;
        }
        Ok(())
    })
}

#[test]
fn delete_options_of_the_annotation_reach_the_members() -> Result<()> {
    scenario(async |federation| {
        propagated(federation).await?;
        let options = json!({"propagationPolicy": "Orphan", "gracePeriodSeconds": 0}).to_string();
        let annotation = json!({"metadata": {"annotations": {(names::DELETE_OPTIONS_ANNOTATION): options}}});
        federation.federated("ConfigMap", "x").patch("x", Patch::Merge, &annotation).await?.ok()?;
        let mark = federation.wire(FIRST).mark();
        federation.delete("ConfigMap", "x").await?;
        federation.wait_gone("ConfigMap", "x").await?;
        let deletes = federation.wire(FIRST).since(mark).verb("DELETE");
        let sent = deletes.iter().all(|sent| sent.body["propagationPolicy"] == "Orphan");
        ensure!(deletes.total() > 0 && sent, "{deletes}");
        Ok(())
    })
}

#[test]
fn a_federated_object_that_was_let_go_by_force_leaves_orphans_without_our_label() -> Result<()> {
    scenario(async |federation| {
        propagated(federation).await?;
        federation.stop().await?;
        let force = json!({"metadata": {"finalizers": null}});
        federation.federated("ConfigMap", "x").patch("x", Patch::Merge, &force).await?.ok()?;
        federation.delete("ConfigMap", "x").await?;
        federation.wait_gone("ConfigMap", "x").await?;
        // Something with the label that is not from us, as a copy or a restored backup would be.
        let mut copy = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "copy"}});
        copy["metadata"]["labels"] = label(Some("true"))["metadata"]["labels"].clone();
        let targets = federation.targets(FIRST, "ConfigMap").by("somebody");
        targets.post(&copy).await?.ok()?;

        federation.start(Setup::default()).await?;
        let expected = json!({"metadata": {"labels": null}, "data": {"a": "1"}});
        for member in MEMBERS {
            federation.wait_member(member, "ConfigMap", "x", &expected).await?;
        }
        federation.pass_barrier("ConfigMap").await?;
        let labelled = json!({"metadata": {"labels": {(names::MANAGED_LABEL): "true"}}});
        federation.require_member(FIRST, "ConfigMap", "copy", &labelled).await?;
        targets.delete("copy").await?.ok()?;
        Ok(())
    })
}

#[test]
fn a_member_that_does_not_serve_the_kind_holds_nothing_up() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let spec = json!({"template": {"spec": {"colour": "blue"}}, "placement": placement(&MEMBERS)});
        federation.create("Gadget", "x", &spec).await?;
        federation.wait_member(FIRST, "Gadget", "x", &json!({"spec": {"colour": "blue"}})).await?;
        let missing = json!({"status": "CachedRetrievalFailed"});
        federation.wait_cluster_status("Gadget", "x", SECOND, &missing).await?;
        federation.delete("Gadget", "x").await?;
        federation.wait_gone("Gadget", "x").await?;
        federation.wait_absent(FIRST, "Gadget", "x").await
    })
}
