//! How an object gets from the host to the members, and at which cost.

use anyhow::{Result, ensure};
use kubefed_e2e::{FIRST, Kind, MEMBERS, Patch, SECOND, placement, requires, scenario, wait_until};
use kubefed_runtime::api::names;
use serde_json::json;

#[test]
fn a_new_object_costs_two_writes_on_the_host_and_one_in_each_member() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        federation.raise_barrier("ConfigMap", &json!({"data": {}})).await?;
        let before = federation.counts().await;
        let marks = ["host", FIRST, SECOND].map(|plane| (plane, federation.wire(plane).mark()));
        let spec = json!({"template": Kind::of("ConfigMap").template, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "new", &spec).await?;
        federation.wait_propagated("ConfigMap", "new").await?;
        federation.pass_barrier("ConfigMap").await?;

        for (plane, mark) in marks {
            let sent = federation.wire(plane).since(mark).writes().named("new");
            let expected = if plane == "host" { 2 } else { 1 };
            ensure!(sent.total() == expected, "to {plane}: {sent}");
        }
        let host = federation.wire("host").since(marks[0].1).writes().named("new");
        let subresources: Vec<&str> = host.iter().map(|sent| &*sent.subresource).collect();
        ensure!(subresources == ["", "status"], "{host}");
        // The servers' own counters: our creation and the barrier's edit and status belong to them, too.
        let federated = &federation.descriptor("ConfigMap").federated;
        let host =
            federation.counted(&before, "host").await.of(&federated.group, &federated.plural_name).writes();
        ensure!(host.total() == 1 + 2 + 2, "the host counts {host}");
        for (member, barrier) in [(FIRST, 0), (SECOND, 1)] {
            let counted = federation.counted(&before, member).await.of("", "configmaps").writes();
            ensure!(counted.total() == 1 + barrier, "{member} counts {counted}");
        }
        Ok(())
    })
}

#[test]
fn a_member_is_listed_and_watched_once_for_each_kind() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        for member in MEMBERS {
            let config_maps = federation.wire(member).requests().of("", "configmaps");
            for verb in ["LIST", "WATCH"] {
                let reads = config_maps.verb(verb);
                ensure!(reads.total() == 1, "{reads}");
                let ours = reads.filter(|sent| {
                    let selector = sent.parameter("labelSelector");
                    selector.as_deref() == Some(names::MANAGED_LABEL) && sent.wants_metadata_only()
                });
                ensure!(ours.total() == 1, "{reads}");
            }
            // The names of all namespaces, and what is ours of them.
            let lists = federation.wire(member).requests().of("", "namespaces").verb("LIST");
            ensure!(lists.total() == 2, "{lists}");
        }
        Ok(())
    })
}

#[test]
fn a_field_that_is_dropped_from_the_template_disappears_from_the_members() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let template = json!({"data": {"stays": "1", "goes": "1"}, "binaryData": {"goes.bin": "MQ=="}});
        let spec = json!({"template": template, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "shrinks", &spec).await?;
        federation.wait_propagated("ConfigMap", "shrinks").await?;
        let smaller = json!({"template": {"data": {"goes": null}, "binaryData": null}});
        federation.edit("ConfigMap", "shrinks", &smaller).await?;
        federation.wait_propagated("ConfigMap", "shrinks").await?;
        let expected = json!({"data": {"stays": "1", "goes": null}, "binaryData": null});
        for member in MEMBERS {
            federation.require_member(member, "ConfigMap", "shrinks", &expected).await?;
        }
        Ok(())
    })
}

#[test]
fn an_edit_of_one_override_writes_to_its_member_only() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let overrides = |value: &str| {
            let change = json!([{"op": "add", "path": "/data/colour", "value": value}]);
            json!([{"clusterName": SECOND, "clusterOverrides": change}])
        };
        let spec = json!({
            "template": {"data": {"size": "large"}}, "placement": placement(&MEMBERS), "overrides": overrides("red"),
        });
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        let mark = federation.wire(FIRST).mark();
        federation.edit("ConfigMap", "x", &json!({"overrides": overrides("green")})).await?;
        federation.wait_member(SECOND, "ConfigMap", "x", &json!({"data": {"colour": "green"}})).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        let written = federation.wire(FIRST).since(mark).writes();
        ensure!(written.total() == 0, "{written}");
        federation.require_member(FIRST, "ConfigMap", "x", &json!({"data": {"colour": null}})).await
    })
}

#[test]
fn texts_of_a_secret_become_data_that_is_ours_and_goes_when_it_is_dropped() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let template = json!({"stringData": {"a": "1", "b": "2"}, "data": {"b": "b2xk"}});
        let spec = json!({"template": template, "placement": placement(&[FIRST])});
        federation.create("Secret", "x", &spec).await?;
        let data = json!({"data": {"a": "MQ==", "b": "Mg=="}});
        federation.wait_member(FIRST, "Secret", "x", &data).await?;
        federation.wait_propagated("Secret", "x").await?;
        federation.edit("Secret", "x", &json!({"template": {"stringData": {"a": null}}})).await?;
        let data = json!({"data": {"a": null, "b": "Mg=="}});
        federation.wait_member(FIRST, "Secret", "x", &data).await?;

        // What somebody writes over it is noticed, too: it is our field, whatever it was called in the template.
        let drift = json!({"stringData": {"b": "drifted"}});
        federation.targets(FIRST, "Secret").by("somebody").patch("x", Patch::Merge, &drift).await?.ok()?;
        federation.wait_member(FIRST, "Secret", "x", &data).await?;
        Ok(())
    })
}

#[test]
fn containers_and_labels_that_others_add_survive_an_edit() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let kind = Kind::of("Deployment");
        let spec = json!({"template": kind.template, "placement": placement(&[FIRST])});
        federation.create("Deployment", "web", &spec).await?;
        federation.wait_propagated("Deployment", "web").await?;
        let sidecar = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "labels": {"injected": "yes"}},
            "spec": {"template": {"spec": {"containers": [{"name": "sidecar", "image": "registry.example.com/s:1"}]}}},
        });
        federation
            .targets(FIRST, "Deployment")
            .by("injector")
            .patch("web", Patch::Apply, &sidecar)
            .await?
            .ok()?;
        federation.edit("Deployment", "web", &json!({"template": kind.edit})).await?;
        federation
            .wait_member(FIRST, "Deployment", "web", &json!({"spec": {"revisionHistoryLimit": 10}}))
            .await?;
        let expected = json!({
            "metadata": {"labels": {"injected": "yes"}},
            "spec": {"template": {"spec": {"containers": [
                {"name": "web", "image": "registry.example.com/web:2.0"},
                {"name": "sidecar", "image": "registry.example.com/s:1"},
            ]}}},
        });
        federation.require_member(FIRST, "Deployment", "web", &expected).await
    })
}

#[test]
fn a_field_that_somebody_has_set_to_our_value_goes_with_ours() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let spec = json!({"template": {"data": {"a": "1", "b": "1"}}, "placement": placement(&[FIRST])});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        // A fix in the member while hands are off, which then comes into the template as well.
        let targets = federation.targets(FIRST, "ConfigMap").by("somebody");
        let label = |value: &str| json!({"metadata": {"labels": {(names::MANAGED_LABEL): value}}});
        targets.patch("x", Patch::Merge, &label("false")).await?.ok()?;
        federation
            .wait_cluster_status("ConfigMap", "x", FIRST, &json!({"status": "ManagedLabelFalse"}))
            .await?;
        targets.patch("x", Patch::Merge, &json!({"data": {"a": "9"}})).await?.ok()?;
        federation.edit("ConfigMap", "x", &json!({"template": {"data": {"a": "9"}}})).await?;
        targets.patch("x", Patch::Merge, &label("true")).await?.ok()?;
        federation.wait_propagated("ConfigMap", "x").await?;

        federation.edit("ConfigMap", "x", &json!({"template": {"data": {"a": null}}})).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        federation.require_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": null, "b": "1"}})).await
    })
}

#[test]
fn the_placement_of_a_namespace_narrows_that_of_what_is_in_it() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let everywhere = json!({"clusterSelector": {}});
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": everywhere});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        federation.wait_status("ConfigMap", "x", &json!({"ready": "2/2"})).await?;

        let namespace = federation.namespace.clone();
        federation.edit("Namespace", &namespace, &json!({"placement": placement(&[FIRST])})).await?;
        federation.wait_absent(SECOND, "ConfigMap", "x").await?;
        federation
            .wait_status("ConfigMap", "x", &json!({"ready": "1/1", "clusters": [{"name": FIRST}]}))
            .await?;
        federation.wait_absent(SECOND, "Namespace", &namespace).await?;

        federation.edit("Namespace", &namespace, &json!({"placement": placement(&MEMBERS)})).await?;
        federation.wait_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        federation.wait_propagated("ConfigMap", "x").await
    })
}

#[test]
fn what_is_in_a_namespace_that_is_not_federated_goes_nowhere() -> Result<()> {
    scenario(async |federation| {
        federation.start(kubefed_e2e::Setup::default()).await?;
        federation.create_namespace(&federation.namespace).await?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": {"clusterSelector": {}}});
        federation.create("ConfigMap", "x", &spec).await?;
        let condition =
            json!([{"type": "Propagation", "status": "False", "reason": "NamespaceNotFederated"}]);
        federation.wait_status("ConfigMap", "x", &json!({"conditions": condition})).await?;
        for member in MEMBERS {
            let asked = federation.wire(member).requests().of("", "configmaps").named("x");
            ensure!(asked.total() == 0, "{asked}");
        }
        Ok(())
    })
}

#[test]
fn contents_wait_for_their_namespace_without_any_request() -> Result<()> {
    scenario(async |federation| {
        federation.start(kubefed_e2e::Setup::default()).await?;
        let namespace = &federation.namespace;
        let before = federation.counts().await;
        federation.wire(FIRST).hold(|sent| sent.verb == "APPLY" && sent.resource == "namespaces");
        federation.create_namespace(namespace).await?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&[FIRST])});
        federation.create("ConfigMap", "x", &spec).await?;
        federation
            .create_in(namespace, "Namespace", namespace, &json!({"placement": placement(&[FIRST])}))
            .await?;
        let waits = json!({"status": "CreationTimedOut"});
        let said = federation.wait_cluster_status("ConfigMap", "x", FIRST, &waits).await?;
        let message = said["message"].as_str().unwrap_or_default();
        ensure!(message.contains("namespace"), "{said}");
        let asked = federation.wire(FIRST).requests().of("", "configmaps").named("x");
        ensure!(asked.total() == 0, "{asked}");

        federation.wire(FIRST).release();
        federation.wait_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        let asked = federation.wire(FIRST).requests().of("", "configmaps").named("x");
        ensure!(asked.total() == 1 && asked.code(201).total() == 1, "{asked}");
        let failed = federation
            .counted(&before, FIRST)
            .await
            .of("", "configmaps")
            .writes()
            .filter(|key| key.code >= 400);
        ensure!(failed.is_empty(), "the member counts {failed}");
        Ok(())
    })
}

#[test]
fn members_are_selected_by_the_labels_of_their_cluster_objects() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let label = |region: Option<&str>| json!({"metadata": {"labels": {"region": region}}});
        federation.clusters().patch(SECOND, Patch::Merge, &label(Some("east"))).await?.ok()?;
        let spec = json!({
            "template": {"data": {"a": "1"}},
            "placement": {"clusterSelector": {"matchLabels": {"region": "east"}}},
        });
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        federation.wait_status("ConfigMap", "x", &json!({"clusters": [{"name": SECOND}]})).await?;

        federation.clusters().patch(FIRST, Patch::Merge, &label(Some("east"))).await?.ok()?;
        federation.wait_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        for member in MEMBERS {
            federation.clusters().patch(member, Patch::Merge, &label(None)).await?.ok()?;
            federation.wait_absent(member, "ConfigMap", "x").await?;
        }
        Ok(())
    })
}

#[test]
fn an_unknown_cluster_in_a_placement_is_left_out_and_warned_of_once() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&["atlantis", FIRST, "lemuria"])});
        federation.create("ConfigMap", "x", &spec).await?;
        federation
            .wait_status("ConfigMap", "x", &json!({"ready": "1/1", "clusters": [{"name": FIRST}]}))
            .await?;
        let warned = async || {
            let events = federation.warnings("ConfigMap", "x", "ClusterNotFound").await;
            let events = events.map_err(|error| error.to_string())?;
            events
                .first()
                .cloned()
                .map(|event| (event, events.len()))
                .ok_or_else(|| "there is none".to_owned())
        };
        let (event, count) = wait_until("a warning", warned).await?;
        let note = event["note"].as_str().unwrap_or_default();
        ensure!(note.contains("atlantis, lemuria") && count == 1, "{count} events: {event}");

        // Further reconciles do not say it again.
        federation.edit("ConfigMap", "x", &json!({"template": {"data": {"a": "2"}}})).await?;
        federation.wait_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "2"}})).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        let events = federation.warnings("ConfigMap", "x", "ClusterNotFound").await?;
        ensure!(events.len() == 1 && events[0]["series"].is_null(), "{events:?}");
        Ok(())
    })
}

#[test]
fn annotations_and_finalizers_of_a_template_are_not_propagated_and_warned_of() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let metadata =
            json!({"annotations": {"a": "1"}, "finalizers": ["example.com/f"], "labels": {"l": "1"}});
        let spec = json!({"template": {"metadata": metadata}, "placement": placement(&[FIRST])});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        let expected = json!({"metadata": {"annotations": null, "finalizers": null, "labels": {"l": "1"}}});
        federation.require_member(FIRST, "ConfigMap", "x", &expected).await?;
        for reason in ["AnnotationsNotSupported", "FinalizersNotSupported"] {
            wait_until(format!("the warning {reason}"), async || {
                let events = federation.warnings("ConfigMap", "x", reason).await;
                let count = events.map_err(|error| error.to_string())?.len();
                if count == 1 { Ok(()) } else { Err(format!("there are {count}")) }
            })
            .await?;
        }
        Ok(())
    })
}

#[test]
fn hands_are_kept_off_what_is_labelled_so_until_it_is_not() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
        federation.create("ConfigMap", "x", &spec).await?;
        federation.wait_propagated("ConfigMap", "x").await?;
        let label = |value: &str| json!({"metadata": {"labels": {(names::MANAGED_LABEL): value}}});
        let targets = federation.targets(FIRST, "ConfigMap").by("somebody");
        targets.patch("x", Patch::Merge, &label("false")).await?.ok()?;
        let off = json!({"status": "ManagedLabelFalse"});
        let said = federation.wait_cluster_status("ConfigMap", "x", FIRST, &off).await?;
        ensure!(said["message"].as_str().unwrap_or_default().contains(names::MANAGED_LABEL), "{said}");

        let mark = federation.wire(FIRST).mark();
        federation.edit("ConfigMap", "x", &json!({"template": {"data": {"a": "2"}}})).await?;
        federation.wait_member(SECOND, "ConfigMap", "x", &json!({"data": {"a": "2"}})).await?;
        federation.wait_status("ConfigMap", "x", &json!({"ready": "1/2"})).await?;
        let written = federation.wire(FIRST).since(mark).writes();
        ensure!(written.total() == 0, "{written}");

        targets.patch("x", Patch::Merge, &label("true")).await?.ok()?;
        federation.wait_member(FIRST, "ConfigMap", "x", &json!({"data": {"a": "2"}})).await?;
        federation.wait_propagated("ConfigMap", "x").await
    })
}

#[test]
fn a_federated_namespace_of_another_name_is_not_propagated_and_warned_of() -> Result<()> {
    scenario(async |federation| {
        federation.begin().await?;
        let spec = json!({"template": {}, "placement": placement(&MEMBERS)});
        let wrong = format!("{}-other", federation.namespace);
        federation.create_in(&federation.namespace, "Namespace", &wrong, &spec).await?;
        wait_until("the warning InvalidName", async || {
            let resource = &federation.descriptor("Namespace").federated;
            let events = federation.events(&federation.namespace).await.map_err(|error| error.to_string())?;
            let about = json!({"reason": "InvalidName", "regarding": {"kind": resource.kind, "name": wrong}});
            let found = events.iter().any(|event| requires(&about, event).is_ok());
            if found { Ok(()) } else { Err(format!("{} other events", events.len())) }
        })
        .await?;
        for member in MEMBERS {
            ensure!(federation.targets(member, "Namespace").get(&wrong).await?.is_none());
        }
        Ok(())
    })
}
