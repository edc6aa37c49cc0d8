//! What holds for the objects of every kind: the ten generated ones, and one that is derived.

use anyhow::{Context, Result, ensure};
use kubefed_e2e::{
    FIRST, Federation, Kind, MEMBERS, Patch, Requests, SECOND, cluster_status, differs, merged, placement,
};
use serde_json::{Value, json};

/// One test per kind of what a function does with it.
macro_rules! for_every_kind {
    ($(#[$doc:meta])* $tests:ident => $scenario:ident) => {
        $(#[$doc])*
        mod $tests {
            for_every_kind!(@ $scenario:
                config_map ConfigMap, secret Secret, service Service, service_account ServiceAccount,
                namespace Namespace, cluster_role ClusterRole, deployment Deployment, replica_set ReplicaSet,
                job Job, ingress Ingress, derived_website Website);
        }
    };
    (@ $scenario:ident: $($test:ident $kind:ident),+) => {
        $(#[test]
        fn $test() -> anyhow::Result<()> {
            let kind = kubefed_e2e::Kind::of(stringify!($kind));
            kubefed_e2e::scenario(async |federation| super::$scenario(federation, &kind).await)
        })+
    };
}

for_every_kind! {
    /// Created, edited, overridden, repaired, dropped from a member, deleted.
    an_object_follows_its_federated_object_all_its_life => life
}
for_every_kind! {
    /// What was there before stays, but for what is ours.
    what_is_there_already_is_adopted => adoption
}
for_every_kind! {
    /// The events come, and nothing follows.
    changes_by_others_of_what_is_not_ours_cause_no_write => foreign_changes
}
for_every_kind! {
    /// The twin of the one before: the same way, but a field of ours.
    a_change_by_others_of_what_is_ours_causes_exactly_one_write => own_change
}

/// Creates what a federated object of the kind needs on the host, and gives it a name.
async fn prepare(federation: &Federation, kind: &Kind, name: &str) -> Result<String> {
    let name = federation.name_for(kind.name, name);
    if kind.name == "Namespace" {
        federation.create_namespace(&name).await?;
    }
    Ok(name)
}

async fn life(federation: &Federation, kind: &Kind) -> Result<()> {
    federation.begin().await?;
    let name = &prepare(federation, kind, "one").await?;
    let (kind_name, managed) = (kind.name, json!({"metadata": {"labels": {"kubefed.io/managed": "true"}}}));
    let created = merged(&kind.created, &managed);
    let edited = merged(&created, &kind.edited);

    let spec = json!({"template": kind.template, "placement": placement(&MEMBERS)});
    federation.create(kind_name, name, &spec).await?;
    for member in MEMBERS {
        federation.wait_member(member, kind_name, name, &created).await.context("created")?;
    }
    let status = json!({"conditions": [{"status": "True"}], "clusters": [{"name": FIRST}, {"name": SECOND}]});
    federation.wait_status(kind_name, name, &merged(&status, &json!({"ready": "2/2"}))).await?;

    federation.edit(kind_name, name, &json!({"template": kind.edit})).await?;
    for member in MEMBERS {
        federation.wait_member(member, kind_name, name, &edited).await.context("edited")?;
    }

    let (path, value) = &kind.override_;
    let overrides = json!([{"clusterName": SECOND, "clusterOverrides": [{"path": path, "value": value}]}]);
    federation.edit(kind_name, name, &json!({"overrides": overrides})).await?;
    let overridden = merged(&managed, &kind.overridden);
    federation.wait_member(SECOND, kind_name, name, &overridden).await.context("overridden")?;
    federation.wait_propagated(kind_name, name).await?;
    federation
        .require_member(FIRST, kind_name, name, &edited)
        .await
        .context("another member is overridden")?;

    let targets = federation.targets(FIRST, kind_name).by("somebody");
    let drifted = targets.patch(name, Patch::Merge, &kind.drift).await?.ok()?;
    ensure!(differs(&edited, &drifted).is_some(), "nothing was disturbed: {drifted}");
    federation.wait_member(FIRST, kind_name, name, &edited).await.context("repaired")?;

    federation.edit(kind_name, name, &json!({"placement": placement(&[FIRST])})).await?;
    federation.wait_absent(SECOND, kind_name, name).await.context("dropped from the placement")?;
    let status = json!({"conditions": [{"status": "True"}], "clusters": [{"name": FIRST}], "ready": "1/1"});
    let federated = federation.wait_status(kind_name, name, &status).await?;
    ensure!(cluster_status(&federated, SECOND) == Value::Null, "{federated}");
    federation.require_member(FIRST, kind_name, name, &edited).await.context("the other member's object")?;

    federation.delete(kind_name, name).await?;
    federation.wait_gone(kind_name, name).await?;
    ensure!(
        federation.targets(FIRST, kind_name).get(name).await?.is_none(),
        "the federated object was let go before its object was gone"
    );
    Ok(())
}

async fn adoption(federation: &Federation, kind: &Kind) -> Result<()> {
    federation.begin().await?;
    let name = &prepare(federation, kind, "adopted").await?;
    let target = &federation.descriptor(kind.name).target;
    let identity = json!({
        "apiVersion": target.api_version(), "kind": target.kind, "metadata": {"name": name},
    });
    let existing = merged(&identity, &kind.existing);
    let before = federation.targets(FIRST, kind.name).by("somebody").post(&existing).await?.ok()?;

    let spec = json!({"template": kind.template, "placement": placement(&MEMBERS)});
    federation.create(kind.name, name, &spec).await?;
    let adopted = merged(&kind.existing, &kind.created);
    let now = federation.wait_member(FIRST, kind.name, name, &adopted).await?;
    ensure!(now["metadata"]["uid"] == before["metadata"]["uid"], "it was made anew instead of adopted");
    federation.wait_propagated(kind.name, name).await?;

    // What was set to the same value by somebody else goes as well when it goes from the template: we are the only owner.
    federation.edit(kind.name, name, &json!({"template": kind.edit})).await?;
    let edited = merged(&adopted, &kind.edited);
    federation.wait_member(FIRST, kind.name, name, &edited).await.context("after an edit")?;

    // Their finalizer has survived all of it, and only they can take it off.
    let let_go = json!({"metadata": {"finalizers": null}});
    federation.targets(FIRST, kind.name).by("somebody").patch(name, Patch::Merge, &let_go).await?.ok()?;
    Ok(())
}

async fn foreign_changes(federation: &Federation, kind: &Kind) -> Result<()> {
    let name = &settle(federation, kind).await?;
    let targets = federation.targets(FIRST, kind.name).by("somebody");
    let (counts, mark) = (federation.counts().await, federation.wire(FIRST).mark());
    let host_mark = federation.wire("host").mark();

    let before = targets.patch(name, Patch::Merge, &kind.foreign).await?.ok()?;
    federation.wait_taken_in(FIRST, kind.name, &before).await?;
    if let Some(status) = &kind.status {
        let after = targets.clone().subresource("status").patch(name, Patch::Merge, status).await?.ok()?;
        let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
        ensure!(version(&before) != version(&after), "the status did not change: {after}");
        federation.wait_taken_in(FIRST, kind.name, &after).await?;
    }
    federation.pass_barrier_in(FIRST, kind.name).await?;

    let written = written_beside_the_barrier(federation, kind, mark);
    ensure!(written.total() == 0, "written to the member: {written}");
    let written = federation.wire("host").since(host_mark).writes().named(name);
    let written = written.of(&federated(federation, kind).0, &federated(federation, kind).1);
    ensure!(written.total() == 0, "written to the host: {written}");
    let target = &federation.descriptor(kind.name).target;
    let applied =
        federation.counted(&counts, FIRST).await.of(&target.group, &target.plural_name).verb("APPLY");
    ensure!(applied.total() == 1, "the member counts more than the barrier: {applied}");
    federation.require_member(FIRST, kind.name, name, &kind.foreign).await.context("what others have set")
}

async fn own_change(federation: &Federation, kind: &Kind) -> Result<()> {
    let name = &settle(federation, kind).await?;
    let (counts, mark) = (federation.counts().await, federation.wire(FIRST).mark());

    let targets = federation.targets(FIRST, kind.name).by("somebody");
    let drifted = targets.patch(name, Patch::Merge, &kind.drift).await?.ok()?;
    federation.wait_taken_in(FIRST, kind.name, &drifted).await?;
    let repaired = federation.wait_member(FIRST, kind.name, name, &kind.created).await?;
    // The event of the repair is what a second write would follow.
    federation.wait_taken_in(FIRST, kind.name, &repaired).await?;
    federation.pass_barrier_in(FIRST, kind.name).await?;

    let written = written_beside_the_barrier(federation, kind, mark);
    ensure!(written.total() == 1 && written.verb("APPLY").named(name).total() == 1, "written: {written}");
    let target = &federation.descriptor(kind.name).target;
    let applied =
        federation.counted(&counts, FIRST).await.of(&target.group, &target.plural_name).verb("APPLY");
    ensure!(applied.total() == 2, "the member counts, with the barrier: {applied}");
    Ok(())
}

/// An object in both members, and a barrier in the first; nothing is on its way when this returns.
async fn settle(federation: &Federation, kind: &Kind) -> Result<String> {
    federation.begin().await?;
    let name = prepare(federation, kind, "quiet").await?;
    let spec = json!({"template": kind.template, "placement": placement(&MEMBERS)});
    federation.create(kind.name, &name, &spec).await?;
    federation.wait_propagated(kind.name, &name).await?;
    for member in MEMBERS {
        let created = federation.get_member(member, kind.name, &name).await?;
        federation.wait_taken_in(member, kind.name, &created).await?;
    }
    federation.raise_barrier_in(FIRST, kind.name, &kind.template).await?;
    federation.pass_barrier_in(FIRST, kind.name).await?;
    Ok(name)
}

/// What was written to the first member since a mark, but for the barrier.
fn written_beside_the_barrier(federation: &Federation, kind: &Kind, mark: usize) -> Requests {
    let barrier = federation.barrier_name(kind.name);
    federation.wire(FIRST).since(mark).writes().filter(|sent| sent.name != barrier)
}

fn federated(federation: &Federation, kind: &Kind) -> (String, String) {
    let federated = &federation.descriptor(kind.name).federated;
    (federated.group.clone(), federated.plural_name.clone())
}
