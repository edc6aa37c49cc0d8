//! Edits on the host that come at a bad moment.

use anyhow::Result;
use kubefed_e2e::{FIRST, Federation, MEMBERS, Matcher, Patch, SECOND, placement, scenario, wait_until};
use kubefed_runtime::api::names;
use serde_json::json;

const FINALIZER: Matcher = |sent| sent.verb == "PATCH" && sent.name == "x" && sent.subresource.is_empty();
const STATUS: Matcher = |sent| sent.verb == "PATCH" && sent.name == "x" && sent.subresource == "status";

/// Edits `x` after the controller has sent a request about it and before that arrives; the controller's watch shows
/// neither until both are done.
async fn edit_before(federation: &Federation, request: Matcher) -> Result<()> {
    federation.begin().await?;
    let host = federation.wire("host");
    host.hold(request);
    let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
    federation.create("ConfigMap", "x", &spec).await?;
    wait_until("the controller's request", async || {
        let sent = host.requests().filter(request);
        if sent.total() > 0 { Ok(()) } else { Err(sent.to_string()) }
    })
    .await?;
    host.stall_watches();
    federation.edit("ConfigMap", "x", &json!({"template": {"data": {"a": "2"}}})).await?;
    host.release();
    wait_until("the answer to it", async || {
        let sent = host.requests().filter(request);
        if sent.code(200).total() > 0 { Ok(()) } else { Err(sent.to_string()) }
    })
    .await?;
    host.resume_watches();
    for member in MEMBERS {
        federation.wait_member(member, "ConfigMap", "x", &json!({"data": {"a": "2"}})).await?;
    }
    federation.wait_propagated("ConfigMap", "x").await
}

#[test]
fn an_edit_just_before_our_finalizer_is_not_lost() -> Result<()> {
    scenario(async |federation| edit_before(federation, FINALIZER).await)
}

#[test]
fn an_edit_just_before_our_status_is_not_lost() -> Result<()> {
    scenario(async |federation| edit_before(federation, STATUS).await)
}

#[test]
fn a_deletion_just_before_our_status_is_not_lost() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let host = federation.wire("host");
        host.hold(STATUS);
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "x", &spec).await?;
        wait_until("the controller's status", async || {
            let sent = host.requests().filter(STATUS);
            if sent.total() > 0 { Ok(()) } else { Err(sent.to_string()) }
        })
        .await?;
        host.stall_watches();
        federation.delete("ConfigMap", "x").await?;
        host.release();
        wait_until("the answer to it", async || {
            let sent = host.requests().filter(STATUS);
            if sent.code(200).total() > 0 { Ok(()) } else { Err(sent.to_string()) }
        })
        .await?;
        host.resume_watches();
        federation.wait_gone("ConfigMap", "x").await?;
        for member in MEMBERS {
            federation.wait_absent(member, "ConfigMap", "x").await?;
        }
        Ok(())
    })
}

#[test]
fn many_edits_in_a_row_end_in_the_last_one() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let spec = json!({"template": {"data": {"a": "0"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "x", &spec).await?;
        for value in 1..=40 {
            let colour =
                json!([{"clusterName": SECOND, "clusterOverrides": [{"path": "/data/b", "value": "b"}]}]);
            let overrides = if value % 2 == 0 { colour } else { json!(null) };
            let edit = json!({"template": {"data": {"a": value.to_string()}}, "overrides": overrides});
            federation.edit("ConfigMap", "x", &edit).await?;
        }
        federation.wait_propagated("ConfigMap", "x").await?;
        federation.require_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "40", "b": null}})).await?;
        federation.require_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "40", "b": "b"}})).await
    })
}

#[test]
fn a_finalizer_that_somebody_takes_off_is_put_back() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        let federated = federation.federated("ConfigMap", "x");
        // As many clients do, which replace the object by a manifest.
        let mut object = federation.get("ConfigMap", "x").await?;
        object["metadata"]["finalizers"] = json!(["example.com/theirs"]);
        federated.put("x", &object).await?.ok()?;
        wait_until("our finalizer behind theirs", async || {
            let found = federation.get("ConfigMap", "x").await.map_err(|error| error.to_string())?;
            let finalizers = &found["metadata"]["finalizers"];
            let expected = json!(["example.com/theirs", names::SYNC_FINALIZER]);
            if *finalizers == expected { Ok(()) } else { Err(finalizers.to_string()) }
        })
        .await?;
        federation.delete("ConfigMap", "x").await?;
        for member in MEMBERS {
            federation.wait_absent(member, "ConfigMap", "x").await?;
        }
        federated.patch("x", Patch::Merge, &json!({"metadata": {"finalizers": null}})).await?.ok()?;
        federation.wait_gone("ConfigMap", "x").await
    })
}
