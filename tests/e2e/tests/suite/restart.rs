//! What a controller does after another one has ended: nothing, if nothing has changed.

use anyhow::{Result, ensure};
use kubefed_e2e::{FIRST, Federation, Kind, MEMBERS, Patch, SECOND, Setup, placement, scenario};
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

/// A place in the list of requests of each plane.
type Marks = [(&'static str, usize); 3];

fn mark(federation: &Federation) -> Marks {
    ["host", FIRST, SECOND].map(|plane| (plane, federation.wire(plane).mark()))
}

/// What was written since then, but for barriers.
fn written(federation: &Federation, marks: Marks) -> Vec<String> {
    let mut written = Vec::new();
    for (plane, mark) in marks {
        let writes = federation.wire(plane).since(mark).writes();
        let other =
            writes.filter(|sent| !KINDS.iter().any(|kind| sent.name == federation.barrier_name(kind)));
        written.extend(other.iter().map(|sent| format!("{plane}: {sent}")));
    }
    written
}

/// Makes sure that the controller has looked at every object `x`, with all members in view: each is edited in a way
/// that changes nothing in members, and its status says of the new generation that all members hold it.
async fn touch_all(federation: &Federation) -> Result<()> {
    let backwards = json!({"placement": placement(&[SECOND, FIRST])});
    for kind in KINDS {
        federation.edit(kind, &federation.name_for(kind, "x"), &backwards).await?;
    }
    for kind in KINDS {
        federation.wait_propagated(kind, &federation.name_for(kind, "x")).await?;
    }
    Ok(())
}

/// Starts a controller, and makes sure that it has looked at everything; answers what it wrote to the objects `x` by
/// itself. An edit that changes nothing in members then costs a status each, and nothing else.
async fn start_and_look(federation: &Federation) -> Result<Vec<String>> {
    let at_start = mark(federation);
    federation.start(Setup::default()).await?;
    for kind in KINDS {
        federation.wait_propagated(kind, &federation.name_for(kind, "x")).await?;
        // Behind everything that was there at the start.
        federation.pass_barrier(kind).await?;
    }
    let before_touch = mark(federation);
    let by_itself = written(federation, at_start);
    touch_all(federation).await?;
    let asked_for = written(federation, before_touch);
    ensure!(statuses(&asked_for) == KINDS.len() && asked_for.len() == KINDS.len(), "{asked_for:?}");
    Ok(by_itself)
}

/// How many of these are statuses on the host.
fn statuses(written: &[String]) -> usize {
    written.iter().filter(|sent| sent.starts_with("host: PATCH") && sent.contains("/status")).count()
}

#[test]
fn a_restart_writes_nothing() -> Result<()> {
    scenario(async |federation| {
        converge(federation).await?;
        federation.stop().await?;
        let before = federation.counts().await;
        let written = start_and_look(federation).await?;
        ensure!(written.is_empty(), "{written:?}");
        // The servers say the same: what they count is the edits of `x` and of the barriers, their statuses, and the
        // barriers' applies.
        for kind in KINDS {
            let descriptor = federation.descriptor(kind);
            let (target, federated) = (&descriptor.target, &descriptor.federated);
            let first = federation.counted(&before, FIRST).await.of(&target.group, &target.plural_name);
            ensure!(first.verb("APPLY").is_empty(), "{kind}: {FIRST} counts {first}");
            let second = federation.counted(&before, SECOND).await.of(&target.group, &target.plural_name);
            ensure!(second.verb("APPLY").total() == 1, "{kind}: {SECOND} counts {second}");
            let host = federation.counted(&before, "host").await.of(&federated.group, &federated.plural_name);
            ensure!(host.writes().total() == 4, "{kind}: the host counts {host}");
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
        let marks = mark(federation);
        let written = start_and_look(federation).await?;
        ensure!(written.is_empty(), "{written:?}");
        require_compared_once(federation, marks)
    })
}

/// Makes sure that since then every object `x` was read as a whole in every member, once.
fn require_compared_once(federation: &Federation, marks: Marks) -> Result<()> {
    for (member, mark) in &marks[1..] {
        for kind in KINDS {
            let target = &federation.descriptor(kind).target;
            let sent = federation.wire(member).since(*mark).of(&target.group, &target.plural_name);
            let read = sent.named(&federation.name_for(kind, "x")).verb("GET");
            let read = read.filter(|sent| !sent.wants_metadata_only());
            ensure!(read.total() == 1, "{kind} in {member}: {read}");
        }
    }
    Ok(())
}

#[test]
fn what_drifted_while_the_record_was_lost_is_found_by_comparing_and_put_right() -> Result<()> {
    scenario(async |federation| {
        converge(federation).await?;
        federation.stop().await?;
        patch_statuses(federation, &json!({"status": {"applied": null}})).await?;
        let kind = Kind::of("Deployment");
        let targets = federation.targets(FIRST, kind.name).by("somebody");
        targets.patch("x", Patch::Merge, &kind.drift).await?.ok()?;

        let marks = mark(federation);
        federation.start(Setup::default()).await?;
        federation.wait_member(FIRST, kind.name, "x", &kind.created).await?;
        touch_all(federation).await?;
        federation.require_member(FIRST, kind.name, "x", &kind.created).await?;
        require_compared_once(federation, marks)?;
        let to_members: Vec<String> =
            written(federation, marks).into_iter().filter(|sent| !sent.starts_with("host")).collect();
        let target = &federation.descriptor(kind.name).target;
        let repair = format!("{FIRST}: APPLY");
        let is_repair = |sent: &String| sent.starts_with(&repair) && sent.contains(&target.plural_name);
        ensure!(to_members.len() == 1 && to_members.iter().all(is_repair), "{to_members:?}");
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
        federation.start(Setup::default()).await?;
        touch_all(federation).await?;
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
        ensure!(statuses(&written) == KINDS.len() && written.len() == KINDS.len(), "{written:?}");
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
