//! What a controller does after another one has ended: nothing, if nothing has changed.

use anyhow::{Result, ensure};
use kubefed_e2e::{FIRST, Federation, Kind, MEMBERS, Patch, SECOND, Setup, placement, scenario, wait_until};
use serde_json::{Value, json};

/// Kinds with and without a generation, a derived one, and one without a namespace.
const KINDS: [&str; 5] = ["ConfigMap", "Secret", "Deployment", "Website", "ClusterRole"];

/// Objects of several kinds in both members, and a barrier of each kind.
async fn converge(federation: &Federation) -> Result<()> {
    federation.begin().await?;
    for kind in KINDS {
        let name = federation.name_for(kind, "x");
        let kind = Kind::of(kind);
        let (path, value) = &kind.override_;
        let overrides =
            json!([{"clusterName": SECOND, "clusterOverrides": [{"path": path, "value": value}]}]);
        let spec =
            json!({"template": kind.template, "placement": placement(&MEMBERS), "overrides": overrides});
        federation.create(kind.name, &name, &spec).await?;
        federation.wait_propagated(kind.name, &name).await?;
        federation.raise_barrier(kind.name, &kind.template).await?;
    }
    Ok(())
}

/// Starts a controller, and makes sure that it has looked at everything; answers what it wrote to the objects `x`.
async fn start_and_look(federation: &Federation) -> Result<Vec<String>> {
    let marks = ["host", FIRST, SECOND].map(|plane| (plane, federation.wire(plane).mark()));
    federation.start(Setup::default()).await?;
    let objects = u64::try_from(KINDS.len() * 2 + 1)?;
    wait_until("the controller to look at all objects", async || {
        let reconciles = federation.controller().await.reconciles();
        if reconciles >= objects { Ok(()) } else { Err(format!("{reconciles} looks")) }
    })
    .await?;
    // Behind everything that was there at the start.
    for kind in KINDS {
        federation.pass_barrier(kind).await?;
    }
    let mut written = Vec::new();
    for (plane, mark) in marks {
        let writes = federation.wire(plane).since(mark).writes();
        let other =
            writes.filter(|sent| !KINDS.iter().any(|kind| sent.name == federation.barrier_name(kind)));
        written.extend(other.iter().map(|sent| format!("{plane}: {sent}")));
    }
    Ok(written)
}

#[test]
fn a_restart_writes_nothing() -> Result<()> {
    scenario(async |federation| {
        converge(federation).await?;
        federation.stop().await?;
        let before = federation.counts().await;
        let written = start_and_look(federation).await?;
        ensure!(written.is_empty(), "{written:?}");
        // The servers say the same: what they count is the barriers' edits, applies and statuses.
        for kind in KINDS {
            let descriptor = federation.descriptor(kind);
            let (target, federated) = (&descriptor.target, &descriptor.federated);
            let first = federation.counted(&before, FIRST).await.of(&target.group, &target.plural_name);
            ensure!(first.verb("APPLY").is_empty(), "{kind}: {FIRST} counts {first}");
            let second = federation.counted(&before, SECOND).await.of(&target.group, &target.plural_name);
            ensure!(second.verb("APPLY").total() == 1, "{kind}: {SECOND} counts {second}");
            let host = federation.counted(&before, "host").await.of(&federated.group, &federated.plural_name);
            ensure!(host.writes().total() == 2, "{kind}: the host counts {host}");
        }
        Ok(())
    })
}

#[test]
fn a_restart_after_a_crash_writes_nothing() -> Result<()> {
    scenario(async |federation| {
        converge(federation).await?;
        federation.crash().await?;
        let written = start_and_look(federation).await?;
        ensure!(written.is_empty(), "{written:?}");
        Ok(())
    })
}

#[test]
fn a_restart_without_any_record_writes_nothing() -> Result<()> {
    scenario(async |federation| {
        converge(federation).await?;
        federation.stop().await?;
        patch_statuses(federation, &json!({"status": {"applied": null}})).await?;
        let written = start_and_look(federation).await?;
        ensure!(written.is_empty(), "{written:?}");
        // It has compared instead.
        let read = federation.wire(FIRST).requests().verb("GET").filter(|sent| !sent.resource.is_empty());
        ensure!(read.total() >= KINDS.len(), "{read}");
        Ok(())
    })
}

#[test]
fn a_restart_with_records_of_something_else_changes_nothing_in_members() -> Result<()> {
    scenario(async |federation| {
        converge(federation).await?;
        federation.stop().await?;
        let before = versions(federation).await?;
        // As if the template had been changed, and changed back, while nobody looked.
        let wrong = json!([{"rendered": "0".repeat(32), "ownership": "0".repeat(32), "clusters": MEMBERS}]);
        patch_statuses(federation, &json!({"status": {"applied": wrong}})).await?;
        start_and_look(federation).await?;
        let after = versions(federation).await?;
        ensure!(before == after, "{before:?} became {after:?}");
        Ok(())
    })
}

/// The resource versions of all objects `x` in the members.
async fn versions(federation: &Federation) -> Result<Vec<String>> {
    let mut versions = Vec::new();
    for kind in KINDS {
        for member in MEMBERS {
            let object = federation.get_member(member, kind, &federation.name_for(kind, "x")).await?;
            versions.push(format!("{member} {kind} {}", object["metadata"]["resourceVersion"]));
        }
    }
    Ok(versions)
}

#[test]
fn a_restart_without_any_status_writes_the_status_and_nothing_to_members() -> Result<()> {
    scenario(async |federation| {
        converge(federation).await?;
        federation.stop().await?;
        patch_statuses(federation, &json!({"status": null})).await?;
        let written = start_and_look(federation).await?;
        let statuses =
            written.iter().filter(|sent| sent.starts_with("host: PATCH") && sent.contains("/status")).count();
        ensure!(statuses == KINDS.len() && written.len() == KINDS.len(), "{written:?}");
        for kind in KINDS {
            federation.wait_propagated(kind, &federation.name_for(kind, "x")).await?;
        }
        Ok(())
    })
}

async fn patch_statuses(federation: &Federation, patch: &Value) -> Result<()> {
    for kind in KINDS {
        let name = federation.name_for(kind, "x");
        let status = federation.federated(kind, &name).subresource("status");
        status.patch(&name, Patch::Merge, patch).await?.ok()?;
    }
    Ok(())
}

#[test]
fn what_changed_while_no_controller_ran_is_put_right() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        for name in ["edited", "drifted", "dropped", "deleted", "removed"] {
            let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
            federation.create("ConfigMap", name, &spec).await?;
            federation.wait_propagated("ConfigMap", name).await?;
        }
        federation.crash().await?;
        federation.edit("ConfigMap", "edited", &json!({"template": {"data": {"a": "2"}}})).await?;
        let targets = federation.targets(FIRST, "ConfigMap").by("somebody");
        targets.patch("drifted", Patch::Merge, &json!({"data": {"a": "drifted"}})).await?.ok()?;
        federation.edit("ConfigMap", "dropped", &json!({"placement": placement(&[SECOND])})).await?;
        federation.delete("ConfigMap", "deleted").await?;
        targets.delete("removed").await?.ok()?;

        federation.start(Setup::default()).await?;
        for member in MEMBERS {
            federation.wait_member(member, "ConfigMap", "edited", &json!({"data": {"a": "2"}})).await?;
        }
        federation.wait_member(FIRST, "ConfigMap", "drifted", &json!({"data": {"a": "1"}})).await?;
        federation.wait_absent(FIRST, "ConfigMap", "dropped").await?;
        federation.wait_gone("ConfigMap", "deleted").await?;
        federation.wait_member(FIRST, "ConfigMap", "removed", &json!({"data": {"a": "1"}})).await?;
        for name in ["edited", "drifted", "dropped", "removed"] {
            federation.wait_propagated("ConfigMap", name).await?;
        }
        Ok(())
    })
}

#[test]
fn a_crash_between_the_apply_and_the_status_costs_no_second_write() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        federation.raise_barrier("ConfigMap", &json!({"data": {}})).await?;
        federation
            .wire("host")
            .hold(|sent| sent.verb == "PATCH" && sent.subresource == "status" && sent.name == "x");
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "x", &spec).await?;
        for member in MEMBERS {
            federation.wait_member(member, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        }
        federation.crash().await?;
        federation.wire("host").release();
        let marks = MEMBERS.map(|member| (member, federation.wire(member).mark()));
        federation.start(Setup::default()).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        federation.pass_barrier("ConfigMap").await?;
        for (member, mark) in marks {
            let written = federation.wire(member).since(mark).writes().named("x");
            ensure!(written.total() == 0, "to {member}: {written}");
        }
        Ok(())
    })
}
