//! Who says how many replicas a member runs.

use anyhow::{Context, Result, ensure};
use kubefed_e2e::{FIRST, Federation, Kind, Patch, placement, scenario};
use serde_json::{Value, json};

/// Scales a Deployment in the first member, as an autoscaler does.
async fn scale(federation: &Federation, name: &str, replicas: u32) -> Result<()> {
    let scaler = federation.targets(FIRST, "Deployment").by("hpa").subresource("scale");
    scaler.patch(name, Patch::Merge, &json!({"spec": {"replicas": replicas}})).await?.ok()?;
    Ok(())
}

fn spec(retains: bool) -> Value {
    let template = Kind::of("Deployment").template;
    json!({"template": template, "placement": placement(&[FIRST]), "retainReplicas": retains})
}

/// Edits something else, and waits until the member has it, with so many replicas.
async fn edited(federation: &Federation, name: &str, replicas: u32) -> Result<()> {
    federation.edit("Deployment", name, &json!({"template": {"spec": {"minReadySeconds": 6}}})).await?;
    let expected = json!({"spec": {"replicas": replicas, "minReadySeconds": 6}});
    federation.wait_member(FIRST, "Deployment", name, &expected).await.context(name.to_owned())?;
    federation.wait_propagated("Deployment", name).await?;
    federation.require_member(FIRST, "Deployment", name, &expected).await
}

#[test]
fn what_an_autoscaler_has_set_is_retained_where_that_is_asked_for() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        federation.create("Deployment", "x", &spec(true)).await?;
        federation.wait_propagated("Deployment", "x").await?;
        let seen = federation.controller().await.member_events("Deployment");
        scale(federation, "x", 7).await?;
        federation.wait_events("Deployment", seen, 1).await?;
        edited(federation, "x", 7).await
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
        existing["metadata"]["name"] = json!("x");
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
