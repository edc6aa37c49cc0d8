//! Members that are dark, and events that come late.

use anyhow::{Result, ensure};
use kubefed_e2e::{FIRST, Federation, MEMBERS, Patch, SECOND, Setup, placement, scenario, wait_until};
use serde_json::json;

#[test]
fn a_dark_member_does_not_delay_another() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let spec =
            |value: &str| json!({"template": {"data": {"a": value}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "old", &spec("1")).await?;
        federation.wait_propagated("ConfigMap", "old").await?;
        federation.wire(SECOND).darken();

        // What was there is edited and what is new arrives, while the dark member has answered nothing at all.
        let mark = federation.wire(SECOND).mark();
        for value in ["2", "3", "4"] {
            federation.edit("ConfigMap", "old", &json!({"template": {"data": {"a": value}}})).await?;
            federation.wait_member(FIRST, "ConfigMap", "old", &json!({"data": {"a": value}})).await?;
        }
        for number in 0..5 {
            let name = format!("new-{number}");
            federation.create("ConfigMap", &name, &spec("1")).await?;
            federation.wait_member(FIRST, "ConfigMap", &name, &json!({"data": {"a": "1"}})).await?;
        }
        let silent = federation.wire(SECOND).since(mark);
        ensure!(silent.total() == silent.unanswered().total(), "the dark member has answered: {silent}");
        let offline = json!({"status": {"conditions": [{"type": "Offline", "status": "True"}]}});
        federation.wait_for_cluster(SECOND, &offline).await?;
        let not_ready = json!({"status": "ClusterNotReady"});
        federation.wait_cluster_status("ConfigMap", "old", SECOND, &not_ready).await?;
        federation.wait_cluster_status("ConfigMap", "old", FIRST, &json!({"status": null})).await?;
        federation.delete("ConfigMap", "new-4").await?;
        federation.wait_absent(FIRST, "ConfigMap", "new-4").await?;

        federation.wire(SECOND).lighten();
        federation.wait_member(SECOND, "ConfigMap", "old", &json!({"data": {"a": "4"}})).await?;
        federation.wait_propagated("ConfigMap", "old").await?;
        for number in 0..4 {
            federation.wait_propagated("ConfigMap", &format!("new-{number}")).await?;
        }
        federation.wait_gone("ConfigMap", "new-4").await
    })
}

#[test]
fn a_member_that_is_dark_from_the_start_does_not_delay_another() -> Result<()> {
    scenario(async |federation| {
        federation.wire(SECOND).darken();
        federation.start(Setup::default()).await?;
        federation.federate_namespace_in(&federation.namespace, &[FIRST], &MEMBERS).await?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        ensure!(federation.targets(SECOND, "ConfigMap").get("x").await?.is_none());
        federation.wire(SECOND).lighten();
        federation.wait_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        federation.wait_propagated("ConfigMap", "x").await
    })
}

#[test]
fn an_event_that_is_older_than_our_own_write_causes_none() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        federation.raise_barrier("ConfigMap", &json!({"data": {}})).await?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        federation.pass_barrier("ConfigMap").await?;

        // The event of this change is held back, and ours, which puts it right by the way, is newer.
        let mark = federation.wire(FIRST).mark();
        federation.wire(FIRST).stall_watches();
        let targets = federation.targets(FIRST, "ConfigMap").by("somebody");
        targets.patch("x", Patch::Merge, &json!({"data": {"a": "drifted"}})).await?.ok()?;
        for value in ["2", "3"] {
            federation.edit("ConfigMap", "x", &json!({"template": {"data": {"a": value}}})).await?;
            federation.wait_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": value}})).await?;
        }
        federation.wait_propagated("ConfigMap", "x").await?;
        let ours = federation.wire(FIRST).since(mark).writes();
        ensure!(ours.total() == 2, "{ours}");

        let seen = federation.controller().await.member_events("ConfigMap");
        federation.wire(FIRST).resume_watches();
        federation.wait_events("ConfigMap", seen, 3).await?;
        federation.pass_barrier("ConfigMap").await?;
        let written = federation.wire(FIRST).since(mark).writes();
        ensure!(written.total() == 2, "the late events caused writes: {written}");
        Ok(())
    })
}

#[test]
fn a_member_that_throttles_is_tried_again_and_costs_the_others_nothing() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        federation.wire(SECOND).refuse(|sent| sent.verb == "APPLY", 429, "too many requests");
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        let failed = json!({"status": "CreationFailed"});
        let said = federation.wait_cluster_status("ConfigMap", "x", SECOND, &failed).await?;
        ensure!(said["message"].as_str().unwrap_or_default().contains("too many requests"), "{said}");
        federation.wire(SECOND).accept();
        federation.wait_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        federation.wait_propagated("ConfigMap", "x").await
    })
}

#[test]
fn a_member_that_forbids_an_object_says_so_and_takes_others() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let forbids = |sent: &kubefed_e2e::Sent| sent.verb == "APPLY" && sent.name == "x";
        federation.wire(SECOND).refuse(forbids, 403, "x is not welcome here");
        for name in ["x", "y"] {
            let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
            federation.create("ConfigMap", name, &spec).await?;
        }
        let failed = json!({"status": "CreationFailed", "message": "x is not welcome here"});
        federation.wait_cluster_status("ConfigMap", "x", SECOND, &failed).await?;
        federation.wait_propagated("ConfigMap", "y").await?;
        federation.wait_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        federation.wire(SECOND).accept();
        federation.edit("ConfigMap", "x", &json!({"template": {"data": {"a": "2"}}})).await?;
        federation.wait_propagated("ConfigMap", "x").await
    })
}

#[test]
fn a_host_that_refuses_a_status_for_a_while_gets_it_later() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let statuses = |sent: &kubefed_e2e::Sent| sent.subresource == "status" && sent.name == "x";
        federation.wire("host").refuse(statuses, 503, "not now");
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "x", &spec).await?;
        wait_until("two refused statuses", async || {
            let refused = federation.wire("host").requests().code(503).total();
            if refused >= 2 { Ok(()) } else { Err(format!("{refused}")) }
        })
        .await?;
        for member in MEMBERS {
            let applied = federation.wire(member).requests().verb("APPLY").named("x");
            ensure!(applied.total() == 1, "{applied}");
        }
        federation.wire("host").accept();
        federation.wait_propagated("ConfigMap", "x").await
    })
}

#[test]
fn everything_that_came_while_a_member_was_dark_arrives_when_it_is_back() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let names: Vec<String> = (0..40).map(|number| format!("burst-{number}")).collect();
        let (early, late) = names.split_at(20);
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
        for name in early {
            federation.create("ConfigMap", name, &spec).await?;
        }
        federation.wire(SECOND).darken();
        for name in late {
            federation.create("ConfigMap", name, &spec).await?;
        }
        for name in early {
            federation.edit("ConfigMap", name, &json!({"template": {"data": {"a": "2"}}})).await?;
        }
        let offline = json!({"status": {"conditions": [{"type": "Offline", "status": "True"}]}});
        federation.wait_for_cluster(SECOND, &offline).await?;
        for name in &early[..5] {
            federation.delete("ConfigMap", name).await?;
        }
        federation.wire(SECOND).lighten();
        for name in &early[..5] {
            federation.wait_gone("ConfigMap", name).await?;
        }
        for (name, value) in
            early[5..].iter().map(|name| (name, "2")).chain(late.iter().map(|name| (name, "1")))
        {
            federation.wait_propagated("ConfigMap", name).await?;
            for member in MEMBERS {
                federation.require_member(member, "ConfigMap", name, &json!({"data": {"a": value}})).await?;
            }
        }
        Ok(())
    })
}

#[test]
fn what_is_edited_while_requests_are_held_back_is_not_forgotten() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        for name in ["x", "y"] {
            let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&[SECOND])});
            federation.create("ConfigMap", name, &spec).await?;
            federation.wait_propagated("ConfigMap", name).await?;
        }
        federation.wire(SECOND).refuse(|sent| sent.verb == "APPLY" && sent.name == "x", 503, "not now");
        federation.edit("ConfigMap", "x", &json!({"template": {"data": {"a": "2"}}})).await?;
        wait_until("a failed request", async || {
            let failed = federation.wire(SECOND).requests().code(503);
            if failed.total() > 0 { Ok(()) } else { Err(failed.to_string()) }
        })
        .await?;
        // Requests to the member are held back now, and that of another object is so, too.
        federation.edit("ConfigMap", "y", &json!({"template": {"data": {"a": "2"}}})).await?;
        federation.wire(SECOND).accept();
        for name in ["x", "y"] {
            federation.wait_member(SECOND, "ConfigMap", name, &json!({"data": {"a": "2"}})).await?;
            federation.wait_propagated("ConfigMap", name).await?;
        }
        Ok(())
    })
}

/// At the start nothing must be concluded from what is not known yet.
async fn start_without(federation: &Federation, list: kubefed_e2e::Matcher) -> Result<()> {
    federation.begin().await?;
    for name in ["stays", "goes"] {
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", name, &spec).await?;
        federation.wait_propagated("ConfigMap", name).await?;
    }
    federation.stop().await?;
    federation.delete("ConfigMap", "goes").await?;
    let marks = ["host", FIRST, SECOND].map(|plane| (plane, federation.wire(plane).mark()));
    let host = federation.wire("host");
    host.refuse(list, 500, "etcd is slow");
    federation.start(Setup::default()).await?;
    wait_until("the controller to try three times", async || {
        let refused = host.since(marks[0].1).code(500);
        if refused.total() >= 3 { Ok(()) } else { Err(refused.to_string()) }
    })
    .await?;
    for (plane, mark) in marks {
        let rash = federation
            .wire(plane)
            .since(mark)
            .writes()
            .filter(|sent| ["stays", "goes"].contains(&&*sent.name));
        ensure!(rash.total() == 0, "to {plane}: {rash}");
    }
    host.accept();
    federation.wait_gone("ConfigMap", "goes").await?;
    for member in MEMBERS {
        federation.wait_absent(member, "ConfigMap", "goes").await?;
        federation.require_member(member, "ConfigMap", "stays", &json!({"data": {"a": "1"}})).await?;
    }
    let written = federation.wire(FIRST).since(marks[1].1).writes().named("stays");
    ensure!(written.total() == 0, "{written}");
    Ok(())
}

#[test]
fn without_the_placements_of_namespaces_nothing_is_done() -> Result<()> {
    scenario(async |federation| {
        start_without(federation, |sent| sent.verb == "LIST" && sent.resource == "federatednamespaces").await
    })
}

#[test]
fn without_the_clusters_nothing_is_done() -> Result<()> {
    scenario(async |federation| {
        start_without(federation, |sent| sent.verb == "LIST" && sent.resource == "kubefedclusters").await
    })
}

#[test]
fn without_the_federated_objects_nothing_is_done() -> Result<()> {
    scenario(async |federation| {
        start_without(federation, |sent| sent.verb == "LIST" && sent.resource == "federatedconfigmaps").await
    })
}
