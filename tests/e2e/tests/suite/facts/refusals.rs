//! What an API server refuses, and with which words.

use anyhow::{Context, Result, ensure};
use kubefed_e2e::{FIRST, Patch, scenario};
use serde_json::json;

use super::{US, config_map, deployment, fact, version};

#[test]
fn a_uid_makes_an_apply_one_that_only_updates_that_very_object() -> Result<()> {
    fact(async |plane| {
        let us = plane.config_maps(US);
        let mut object = config_map(&json!({"a": "1"}));
        object["metadata"]["uid"] = json!("8d7a3e0e-5f0b-4f5e-9d35-6f1a5f9a1c11");
        us.patch("x", Patch::ForcedApply, &object).await?.with_code(409)?;
        ensure!(us.get("x").await?.is_none(), "it was created all the same");
        let created = us.post(&config_map(&json!({"a": "1"}))).await?.ok()?;
        let answer = us.patch("x", Patch::ForcedApply, &object).await?.with_code(422)?;
        ensure!(answer["details"]["causes"][0]["field"] == "metadata.uid", "{answer}");
        object["metadata"]["uid"] = created["metadata"]["uid"].clone();
        us.patch("x", Patch::ForcedApply, &object).await?.with_code(200)?;
        Ok(())
    })
}

#[test]
fn a_merge_patch_with_an_older_version_is_a_conflict_and_one_with_another_uid_is_invalid() -> Result<()> {
    fact(async |plane| {
        let us = plane.config_maps(US);
        let created = us.post(&config_map(&json!({"a": "1"}))).await?.ok()?;
        us.patch("x", Patch::Merge, &json!({"data": {"a": "2"}})).await?.ok()?;
        let other = "8d7a3e0e-5f0b-4f5e-9d35-6f1a5f9a1c11";
        let old = version(&created)?;
        let cases = [
            (json!({"resourceVersion": old}), 409),
            (json!({ "uid": other }), 422),
            (json!({"resourceVersion": old, "uid": other}), 409),
            (json!({"uid": created["metadata"]["uid"], "labels": {"a": "1"}}), 200),
        ];
        for (metadata, code) in cases {
            let answer = us.patch("x", Patch::Merge, &json!({ "metadata": metadata })).await?;
            ensure!(answer.code == code, "expected {code} of {metadata}: {answer}");
        }
        Ok(())
    })
}

#[test]
fn a_deletion_has_preconditions_and_a_conflict_where_they_do_not_hold() -> Result<()> {
    fact(async |plane| {
        let us = plane.config_maps(US);
        let created = us.post(&config_map(&json!({"a": "1"}))).await?.ok()?;
        let now = us.patch("x", Patch::Merge, &json!({"data": {"a": "2"}})).await?.ok()?;
        let uid = &now["metadata"]["uid"];
        let preconditions = |uid: &serde_json::Value, version: &str| {
            json!({
                "apiVersion": "v1", "kind": "DeleteOptions",
                "preconditions": {"uid": uid, "resourceVersion": version},
            })
        };
        let other = json!("8d7a3e0e-5f0b-4f5e-9d35-6f1a5f9a1c11");
        us.delete_with("x", &preconditions(uid, version(&created)?)).await?.with_code(409)?;
        us.delete_with("x", &preconditions(&other, version(&now)?)).await?.with_code(409)?;
        us.delete_with("x", &preconditions(uid, version(&now)?)).await?.with_code(200)?;
        us.delete_with("x", &preconditions(uid, version(&now)?)).await?.with_code(404)?;
        Ok(())
    })
}

#[test]
fn a_generated_name_may_begin_with_what_ends_in_a_dash_but_not_in_a_dot() -> Result<()> {
    fact(async |plane| {
        let us = plane.config_maps(US);
        for (prefix, code) in [("x-", 201), ("x.", 422)] {
            let object =
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": prefix}});
            us.post(&object).await?.with_code(code)?;
        }
        Ok(())
    })
}

#[test]
fn a_stale_resource_version_in_an_apply_is_a_conflict() -> Result<()> {
    fact(async |plane| {
        let us = plane.config_maps(US);
        let first = us.patch("x", Patch::ForcedApply, &config_map(&json!({"a": "1"}))).await?.ok()?;
        us.patch("x", Patch::ForcedApply, &config_map(&json!({"a": "2"}))).await?.ok()?;
        let mut stale = config_map(&json!({"a": "3"}));
        stale["metadata"]["resourceVersion"] = json!(version(&first)?);
        us.patch("x", Patch::ForcedApply, &stale).await?.with_code(409)?;
        let now = us.get("x").await?.context("the object")?;
        ensure!(now["data"]["a"] == "2", "{now}");
        Ok(())
    })
}

#[test]
fn resource_version_zero_in_an_apply_checks_nothing_and_only_post_creates_only() -> Result<()> {
    fact(async |plane| {
        let us = plane.config_maps(US);
        let mut object = config_map(&json!({"a": "1"}));
        object["metadata"]["resourceVersion"] = json!("0");
        us.patch("x", Patch::ForcedApply, &object).await?.with_code(201)?;
        object["data"]["a"] = json!("2");
        us.patch("x", Patch::ForcedApply, &object).await?.with_code(200)?;
        let answer = us.post(&config_map(&json!({"a": "3"}))).await?.with_code(409)?;
        ensure!(answer["reason"] == "AlreadyExists", "{answer}");
        Ok(())
    })
}

#[test]
fn an_apply_that_does_not_fit_the_type_is_refused_with_500_and_the_path() -> Result<()> {
    fact(async |plane| {
        let with_containers = |container: serde_json::Value| {
            let pods = json!({
                "metadata": {"labels": {"app": "x"}}, "spec": {"containers": [container]},
            });
            deployment(&json!({ "template": pods }))
        };
        let cases = [
            (deployment(&json!({"colour": "blue"})), ".spec.colour: field not declared in schema"),
            (deployment(&json!({"replicas": "three"})), ".spec.replicas: "),
            (
                with_containers(json!({
                    "name": "web", "image": "i", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}],
                })),
                r#".spec.template.spec.containers[name="web"].env: duplicate entries for key [name="A"]"#,
            ),
            (
                with_containers(json!({
                    "name": "web", "image": "i", "ports": [{"containerPort": 80}, {"containerPort": 80}],
                })),
                r#".spec.template.spec.containers[name="web"].ports: duplicate entries for key [containerPort=80,protocol="TCP"]"#,
            ),
        ];
        let us = plane.objects("Deployment", US);
        for (object, problem) in cases {
            let answer = us.patch("x", Patch::ForcedApply, &object).await?;
            // The namespace is that of the body.
            let begin =
                format!("failed to create typed patch object (/x; apps/v1, Kind=Deployment): {problem}");
            ensure!(answer.code == 500 && answer.message().starts_with(&begin), "expected {begin}: {answer}");
            ensure!(answer.body["reason"].is_null(), "{answer}");
        }
        ensure!(us.get("x").await?.is_none(), "one of them was created");
        Ok(())
    })
}

#[test]
fn an_apply_of_a_custom_kind_that_does_not_fit_its_schema_is_refused_the_same_way() -> Result<()> {
    fact(async |plane| {
        let website = json!({
            "apiVersion": "e2e.example.com/v1", "kind": "Website",
            "metadata": {"name": "x", "namespace": plane.federation.namespace},
            "spec": {"host": "h", "colour": "blue"},
        });
        let answer = plane.objects("Website", US).patch("x", Patch::ForcedApply, &website).await?;
        let namespace = &plane.federation.namespace;
        let message = format!(
            "failed to create typed patch object ({namespace}/x; e2e.example.com/v1, Kind=Website): .spec.colour: field \
             not declared in schema"
        );
        ensure!(answer.code == 500 && answer.message() == message, "{answer}");
        Ok(())
    })
}

#[test]
fn an_object_that_fits_the_type_and_is_invalid_is_refused_with_422() -> Result<()> {
    fact(async |plane| {
        let us = plane.objects("Deployment", US);
        let cases = [
            (deployment(&json!({"replicas": -1})), "spec.replicas"),
            (
                deployment(&json!({"selector": {"matchLabels": {"app": "other"}}})),
                "spec.template.metadata.labels",
            ),
        ];
        for (object, field) in cases {
            let answer = us.patch("x", Patch::ForcedApply, &object).await?;
            ensure!(answer.code == 422 && answer.body["reason"] == "Invalid", "{answer}");
            let causes = answer.body["details"]["causes"].as_array().context("causes")?;
            ensure!(causes.iter().any(|cause| cause["field"] == field), "expected {field}: {answer}");
        }
        let website = json!({
            "apiVersion": "e2e.example.com/v1", "kind": "Website", "metadata": {"name": "x"}, "spec": {"replicas": 1},
        });
        let answer =
            plane.objects("Website", US).patch("x", Patch::ForcedApply, &website).await?.with_code(422)?;
        ensure!(answer["details"]["causes"][0]["field"] == "spec.host", "{answer}");
        Ok(())
    })
}

#[test]
fn a_misspelt_field_of_a_typed_template_is_refused_where_the_client_is_strict() -> Result<()> {
    scenario(async |federation| {
        federation.create_namespace(&federation.namespace).await?;
        let resource = &federation.descriptor("ConfigMap").federated;
        let object = json!({
            "apiVersion": resource.api_version(), "kind": resource.kind,
            "metadata": {"name": "x"}, "spec": {"template": {"dat": {"a": "1"}}},
        });
        let objects = federation.federated("ConfigMap", "x");
        let answer = objects.post_strictly(&object).await?.with_code(400)?;
        let message = answer["message"].as_str().unwrap_or_default();
        ensure!(message.contains(r#"unknown field "spec.template.dat""#), "{answer}");
        let created = objects.post(&object).await?.ok()?;
        ensure!(created["spec"]["template"]["dat"].is_null(), "{created}");
        objects.delete("x").await?.ok()?;
        Ok(())
    })
}

#[test]
fn a_kind_that_is_not_served_is_not_found() -> Result<()> {
    fact(async |plane| {
        let answer = plane.federation.member(FIRST).get("/apis/e2e.example.com/v1/nothings").await?;
        ensure!(answer.code == 404, "{answer}");
        Ok(())
    })
}
