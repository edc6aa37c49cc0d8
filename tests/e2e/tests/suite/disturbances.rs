//! Members that are dark, and events that come late.

use anyhow::{Result, ensure};
use kubefed_e2e::{
    FIRST, Federation, MEMBERS, Matcher, Patch, SECOND, Sent, Setup, placement, scenario, wait_until,
};
use serde_json::json;

#[test]
fn a_dark_member_does_not_delay_another() -> Result<()> {
    scenario(async |federation| {
        federation.begin_with(Setup::impatient()).await?;
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
            require_patience(federation, mark, "old").await?;
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

/// Fails unless the first write of an object to the dark member is still waited for: what another member holds by now did
/// not have to wait until that was given up.
async fn require_patience(federation: &Federation, mark: usize, name: &str) -> Result<()> {
    let wire = federation.wire(SECOND);
    wait_until("a request to the dark member", async || {
        let sent = wire.since(mark).verb("APPLY").named(name).total();
        if sent > 0 { Ok(()) } else { Err("there is none".to_owned()) }
    })
    .await?;
    let pending = wire.pending_since(mark).verb("APPLY").named(name);
    let sent = wire.since(mark).verb("APPLY").named(name);
    ensure!(sent.total() == 1 && pending.total() == 1, "the controller has given up: {sent}");
    Ok(())
}

/// How many objects arrive while connections are refused.
const WHILE_CUT: usize = 40;
/// How many requests about objects may be sent to a member that refuses connections: one at a time, after 1, 2, 4, 8, 16
/// and then always 30 seconds, there are not more in the five minutes that a test may take. Each object by itself would
/// send at least one.
const TRIALS: usize = 15;

/// The second member refuses the connections for some requests; then it is back. `said`: what the status says meanwhile,
/// of what is edited and of what is new.
async fn refuse_connections(
    federation: &Federation,
    setup: Setup,
    cut: Matcher,
    said: [&str; 2],
) -> Result<()> {
    let [edited, new] = said.map(|status| json!({ "status": status }));
    federation.begin_with(setup).await?;
    let spec = |value: &str| json!({"template": {"data": {"a": value}}, "placement": placement(&MEMBERS)});
    federation.create("ConfigMap", "old", &spec("1")).await?;
    federation.wait_propagated("ConfigMap", "old").await?;
    let wire = federation.wire(SECOND);
    wire.cut(cut);
    let mark = wire.mark();
    federation.edit("ConfigMap", "old", &json!({"template": {"data": {"a": "2"}}})).await?;
    federation.wait_member(FIRST, "ConfigMap", "old", &json!({"data": {"a": "2"}})).await?;
    // Only when the status says so has the failure been taken note of.
    federation.wait_cluster_status("ConfigMap", "old", SECOND, &edited).await?;
    let names: Vec<String> = (0..WHILE_CUT).map(|number| format!("new-{number}")).collect();
    for name in &names {
        federation.create("ConfigMap", name, &spec("1")).await?;
    }
    for name in &names {
        federation.wait_member(FIRST, "ConfigMap", name, &json!({"data": {"a": "1"}})).await?;
        federation.wait_cluster_status("ConfigMap", name, SECOND, &new).await?;
        federation.wait_cluster_status("ConfigMap", name, FIRST, &json!({"status": null})).await?;
    }
    let tried = wire.since(mark).filter(|sent| !sent.name.is_empty());
    ensure!(tried.total() <= TRIALS, "{} requests about objects: {tried}", tried.total());

    wire.mend();
    federation.wait_member(SECOND, "ConfigMap", "old", &json!({"data": {"a": "2"}})).await?;
    for name in names.iter().map(String::as_str).chain(["old"]) {
        federation.wait_propagated("ConfigMap", name).await?;
    }
    Ok(())
}

#[test]
fn a_member_that_refuses_connections_does_not_delay_another_and_is_seldom_asked() -> Result<()> {
    scenario(async |federation| {
        refuse_connections(federation, Setup::impatient(), |_| true, ["ClusterNotReady"; 2]).await
    })
}

/// Health checks find nothing, so that only the failed requests themselves tell of it.
#[test]
fn a_member_that_refuses_all_connections_but_health_checks_is_seldom_asked() -> Result<()> {
    scenario(async |federation| {
        let objects = |sent: &Sent| !sent.name.is_empty();
        let failed = ["UpdateFailed", "CreationFailed"];
        refuse_connections(federation, Setup::default(), objects, failed).await
    })
}

#[test]
fn a_member_that_is_dark_from_the_start_does_not_delay_another() -> Result<()> {
    scenario(async |federation| {
        federation.wire(SECOND).darken();
        federation.start(Setup::impatient()).await?;
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
        federation.raise_barrier_in(FIRST, "ConfigMap", &json!({"data": {}})).await?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        let created = federation.get_member(FIRST, "ConfigMap", "x").await?;
        federation.wait_taken_in(FIRST, "ConfigMap", &created).await?;
        federation.pass_barrier_in(FIRST, "ConfigMap").await?;

        // The event of this change is held back, and ours, which puts it right by the way, is newer.
        let wire = federation.wire(FIRST);
        let mark = wire.mark();
        wire.stall_watches();
        let targets = federation.targets(FIRST, "ConfigMap").by("somebody");
        let drifted = targets.patch("x", Patch::Merge, &json!({"data": {"a": "drifted"}})).await?.ok()?;
        federation.edit("ConfigMap", "x", &json!({"template": {"data": {"a": "2"}}})).await?;
        let ours = federation.wait_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "2"}})).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        let written = || wire.since(mark).writes().named("x");
        ensure!(written().total() == 1 && written().code(200).total() == 1, "{}", written());

        // It comes, and that of our own write does not.
        let version = drifted["metadata"]["resourceVersion"].as_str().unwrap_or_default().parse()?;
        wire.let_events_up_to(version);
        federation.wait_taken_in(FIRST, "ConfigMap", &drifted).await?;
        federation.pass_barrier_in(FIRST, "ConfigMap").await?;
        ensure!(written().total() == 1, "the late event caused a write: {}", written());

        wire.resume_watches();
        federation.wait_taken_in(FIRST, "ConfigMap", &ours).await?;
        federation.pass_barrier_in(FIRST, "ConfigMap").await?;
        ensure!(written().total() == 1, "the events behind it caused a write: {}", written());
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
        let forbids = |sent: &Sent| sent.verb == "APPLY" && sent.name == "x";
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
        let statuses = |sent: &Sent| sent.subresource == "status" && sent.name == "x";
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
        federation.begin_with(Setup::impatient()).await?;
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
async fn start_without(federation: &Federation, list: Matcher) -> Result<()> {
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
