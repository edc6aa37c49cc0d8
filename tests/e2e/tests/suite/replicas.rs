//! Who says how many replicas a member runs.

use anyhow::{Context, Result, ensure};
use kubefed_e2e::{FIRST, Federation, Kind, Patch, Sent, placement, scenario};
use serde_json::{Value, json};

/// Scales a Deployment in the first member, as an autoscaler does.
async fn scale(federation: &Federation, name: &str, replicas: u32) -> Result<()> {
    let scaler = federation.targets(FIRST, "Deployment").by("hpa").subresource("scale");
    scaler.patch(name, Patch::Merge, &json!({"spec": {"replicas": replicas}})).await?.ok()?;
    Ok(())
}

/// Scales `x`, and makes sure that the controller has done all that it wants to do about it, and that the spec is as the
/// scale has left it. Answers since when what it wrote counts.
async fn scaled_and_seen(federation: &Federation, replicas: u32) -> Result<[(&'static str, usize); 2]> {
    let marks = ["host", FIRST].map(|plane| (plane, federation.wire(plane).mark()));
    let seen = federation.controller().await.member_events("Deployment");
    let before = federation.get_member(FIRST, "Deployment", "x").await?;
    scale(federation, "x", replicas).await?;
    federation.wait_events("Deployment", seen, 1).await?;
    federation.pass_barrier("Deployment").await?;
    let generation = before["metadata"]["generation"].as_u64().context("a generation")? + 1;
    let expected = json!({"metadata": {"generation": generation}, "spec": {"replicas": replicas}});
    federation.require_member(FIRST, "Deployment", "x", &expected).await?;
    Ok(marks)
}

fn spec(retains: bool) -> Value {
    let template = Kind::of("Deployment").template;
    json!({"template": template, "placement": placement(&[FIRST]), "retainReplicas": retains})
}

/// Edits something else, and waits until the member has it, with so many replicas.
async fn edited(federation: &Federation, name: &str, replicas: u32) -> Result<()> {
    let before = federation.get("Deployment", name).await?;
    let before = before["spec"]["template"]["spec"]["minReadySeconds"].as_u64().context("minReadySeconds")?;
    let change = json!({"spec": {"minReadySeconds": before + 1}});
    federation.edit("Deployment", name, &json!({ "template": change })).await?;
    let expected = json!({"spec": {"replicas": replicas, "minReadySeconds": before + 1}});
    federation.wait_member(FIRST, "Deployment", name, &expected).await.context(name.to_owned())?;
    federation.wait_propagated("Deployment", name).await?;
    federation.require_member(FIRST, "Deployment", name, &expected).await
}

#[test]
fn what_an_autoscaler_has_set_is_retained_where_that_is_asked_for() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let seen = federation.controller().await.member_events("Deployment");
        federation.create("Deployment", "x", &spec(true)).await?;
        federation.wait_propagated("Deployment", "x").await?;
        // The event of our own write.
        federation.wait_events("Deployment", seen, 1).await?;
        federation.raise_barrier("Deployment", &Kind::of("Deployment").template).await?;
        federation.pass_barrier("Deployment").await?;

        // The first time, the field changes hands, and what was created by POST is ours by an apply from then on. That may
        // cost one write of each kind, which change nothing but owners.
        let marks = scaled_and_seen(federation, 7).await?;
        let written = federation.wire(FIRST).since(marks[1].1).writes().named("x");
        // The controllers of a real plane write the object at the same time: what met with a conflict wrote nothing.
        let written = written.filter(|sent| sent.code != Some(409));
        let moves_owners = |sent: &Sent| {
            let owners = ["/metadata/managedFields", "/metadata/resourceVersion"].map(Value::from);
            let steps = sent.body.as_array();
            sent.verb == "PATCH"
                && steps.is_some_and(|steps| steps.iter().all(|step| owners.contains(&step["path"])))
        };
        let applied = written.verb("APPLY").total();
        let moved = written.filter(moves_owners).total();
        ensure!(applied <= 1 && moved <= 1 && applied + moved == written.total(), "{written}");
        // After that it costs nothing at all.
        for (plane, mark) in scaled_and_seen(federation, 8).await? {
            let written = federation.wire(plane).since(mark).writes().named("x");
            ensure!(written.total() == 0, "the scale alone caused writes to {plane}: {written}");
        }
        edited(federation, "x", 8).await
    })
}

#[test]
fn what_an_autoscaler_has_set_is_put_right_where_nobody_asked_for_it() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        federation.create("Deployment", "x", &spec(false)).await?;
        federation.wait_propagated("Deployment", "x").await?;
        scale(federation, "x", 7).await?;
        federation.wait_member(FIRST, "Deployment", "x", &json!({"spec": {"replicas": 0}})).await?;
        edited(federation, "x", 0).await
    })
}

#[test]
fn the_replicas_of_what_is_adopted_are_retained() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let mut existing = Kind::of("Deployment").existing;
        existing["apiVersion"] = json!("apps/v1");
        existing["kind"] = json!("Deployment");
        existing["metadata"] = json!({"name": "x"});
        federation.targets(FIRST, "Deployment").by("somebody").post(&existing).await?.ok()?;
        scale(federation, "x", 9).await?;
        federation.create("Deployment", "x", &spec(true)).await?;
        federation.wait_propagated("Deployment", "x").await?;
        edited(federation, "x", 9).await
    })
}

#[test]
fn the_replicas_of_a_new_object_come_from_the_template() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let mut spec = spec(true);
        spec["template"]["spec"]["replicas"] = json!(2);
        federation.create("Deployment", "x", &spec).await?;
        federation.wait_member(FIRST, "Deployment", "x", &json!({"spec": {"replicas": 2}})).await?;
        federation.wait_propagated("Deployment", "x").await?;
        let written = federation.wire(FIRST).requests().writes().named("x");
        ensure!(written.total() == 1, "{written}");
        Ok(())
    })
}

#[test]
fn replicas_that_are_dropped_from_the_template_stay_in_the_member_where_they_are_retained() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let mut spec = spec(true);
        spec["template"]["spec"]["replicas"] = json!(3);
        federation.create("Deployment", "x", &spec).await?;
        federation.wait_propagated("Deployment", "x").await?;
        federation.edit("Deployment", "x", &json!({"template": {"spec": {"replicas": null}}})).await?;
        edited(federation, "x", 3).await?;
        scale(federation, "x", 5).await?;
        edited(federation, "x", 5).await
    })
}

#[test]
fn an_override_of_replicas_wins_over_the_autoscaler() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        federation.create("Deployment", "x", &spec(true)).await?;
        federation.wait_propagated("Deployment", "x").await?;
        scale(federation, "x", 7).await?;
        let overrides =
            json!([{"clusterName": FIRST, "clusterOverrides": [{"path": "/spec/replicas", "value": 4}]}]);
        federation.edit("Deployment", "x", &json!({ "overrides": overrides })).await?;
        edited(federation, "x", 4).await
    })
}
