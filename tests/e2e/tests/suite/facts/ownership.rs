//! Who owns a field after what.

use anyhow::{Context, Result, ensure};
use kubefed_e2e::{Patch, differs, wait_until};
use serde_json::{Value, json};

use super::{US, config_map, deployment, entry, fact, forget_managers, ours, owns, version};

#[test]
fn a_field_that_somebody_created_with_the_same_value_stays_when_we_drop_it() -> Result<()> {
    fact(async |plane| {
        let both = config_map(&json!({"a": "1", "b": "2"}));
        plane.config_maps("creator").post(&both).await?.ok()?;
        let us = plane.config_maps(US);
        let applied = us.patch("x", Patch::ForcedApply, &both).await?.ok()?;
        let theirs = entry(&applied, "creator", "Update", None);
        ensure!(owns(&theirs, "/f:data/f:b") && owns(&ours(&applied), "/f:data/f:b"), "{applied}");

        let applied = us.patch("x", Patch::ForcedApply, &config_map(&json!({"a": "1"}))).await?.ok()?;
        ensure!(applied["data"] == json!({"a": "1", "b": "2"}), "{applied}");
        ensure!(!owns(&ours(&applied), "/f:data/f:b"), "{applied}");
        Ok(())
    })
}

/// An object of somebody else's that we have applied, and the patch that takes from them exactly what we apply.
async fn adopted(plane: &super::Plane<'_>) -> Result<(Value, Value)> {
    let mut existing = config_map(&json!({"same": "1", "other": "theirs", "note": "theirs"}));
    existing["metadata"]["annotations"] = json!({"example.com/note": "theirs"});
    existing["metadata"]["finalizers"] = json!(["example.com/hold"]);
    plane.config_maps("creator").post(&existing).await?.ok()?;
    let us = config_map(&json!({"same": "1", "other": "ours"}));
    let applied = plane.config_maps(US).patch("x", Patch::ForcedApply, &us).await?.ok()?;
    let mut entries = applied["metadata"]["managedFields"].clone();
    for entry in entries.as_array_mut().context("managed fields")? {
        if entry["manager"] == "creator" {
            let data = entry["fieldsV1"]["f:data"].as_object_mut().context("their fields")?;
            data.remove("f:same").context("what we share")?;
        }
    }
    Ok((applied, entries))
}

fn ownership_patch(version: &str, entries: &Value) -> Value {
    json!([
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/metadata/managedFields", "value": entries},
    ])
}

#[test]
fn a_forced_apply_takes_what_it_changes_and_shares_what_it_does_not() -> Result<()> {
    fact(async |plane| {
        let (applied, _) = adopted(plane).await?;
        let theirs = entry(&applied, "creator", "Update", None);
        ensure!(owns(&theirs, "/f:data/f:same") && owns(&theirs, "/f:data/f:note"), "{applied}");
        ensure!(!owns(&theirs, "/f:data/f:other"), "{applied}");
        Ok(())
    })
}

#[test]
fn after_ownership_was_moved_a_dropped_field_disappears_and_all_else_of_others_stays() -> Result<()> {
    fact(async |plane| {
        let (applied, entries) = adopted(plane).await?;
        let us = plane.config_maps(US);
        us.patch("x", Patch::Json, &ownership_patch(version(&applied)?, &entries)).await?.with_code(200)?;
        let dropped = config_map(&json!({"other": "ours"}));
        let applied = us.patch("x", Patch::ForcedApply, &dropped).await?.ok()?;
        let expected = json!({
            "metadata": {"annotations": {"example.com/note": "theirs"}, "finalizers": ["example.com/hold"]},
            "data": {"same": null, "other": "ours", "note": "theirs"},
        });
        ensure!(differs(&expected, &applied).is_none(), "{applied}");
        us.patch("x", Patch::Merge, &json!({"metadata": {"finalizers": null}})).await?.ok()?;
        Ok(())
    })
}

#[test]
fn moving_ownership_of_an_object_that_has_changed_is_a_conflict_and_a_failed_test_is_not() -> Result<()> {
    fact(async |plane| {
        let (applied, entries) = adopted(plane).await?;
        let us = plane.config_maps(US);
        plane.config_maps("somebody").patch("x", Patch::Merge, &json!({"data": {"new": "1"}})).await?.ok()?;
        let stale = ownership_patch(version(&applied)?, &entries);
        us.patch("x", Patch::Json, &stale).await?.with_code(409)?;
        let test = json!([{"op": "test", "path": "/metadata/resourceVersion", "value": version(&applied)?}]);
        let answer = us.patch("x", Patch::Json, &test).await?.with_code(422)?;
        ensure!(answer["reason"] == "Invalid", "{answer}");
        us.patch("x", Patch::Merge, &json!({"metadata": {"finalizers": null}})).await?.ok()?;
        Ok(())
    })
}

#[test]
fn where_there_are_no_managed_fields_they_can_be_put_in_by_either_operation() -> Result<()> {
    fact(async |plane| {
        let us = plane.config_maps(US);
        us.post(&config_map(&json!({"a": "1"}))).await?.ok()?;
        let entries = json!([{
            "manager": US, "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {"f:a": {}}},
        }]);
        for operation in ["add", "replace"] {
            let object = forget_managers(&us).await?;
            let mut patch = ownership_patch(version(&object)?, &entries);
            patch[1]["op"] = json!(operation);
            let object = us.patch("x", Patch::Json, &patch).await?.with_code(200)?;
            ensure!(owns(&ours(&object), "/f:data/f:a"), "{operation}: {object}");
        }
        let object = us.patch("x", Patch::ForcedApply, &config_map(&json!({}))).await?.ok()?;
        ensure!(object["data"]["a"].is_null(), "{object}");
        Ok(())
    })
}

#[test]
fn a_field_of_ours_that_somebody_edits_moves_to_them() -> Result<()> {
    fact(async |plane| {
        let us = plane.config_maps(US);
        us.patch("x", Patch::ForcedApply, &config_map(&json!({"a": "1", "b": "2"}))).await?.ok()?;
        let somebody = plane.config_maps("somebody");
        let edited = somebody.patch("x", Patch::Merge, &json!({"data": {"a": "9"}})).await?.ok()?;
        ensure!(!owns(&ours(&edited), "/f:data/f:a") && owns(&ours(&edited), "/f:data/f:b"), "{edited}");
        ensure!(owns(&entry(&edited, "somebody", "Update", None), "/f:data/f:a"), "{edited}");
        Ok(())
    })
}

#[test]
fn a_field_of_ours_that_somebody_deletes_is_nobodys() -> Result<()> {
    fact(async |plane| {
        let us = plane.config_maps(US);
        us.patch("x", Patch::ForcedApply, &config_map(&json!({"a": "1", "b": "2"}))).await?.ok()?;
        let somebody = plane.config_maps("somebody");
        let edited = somebody.patch("x", Patch::Merge, &json!({"data": {"a": null}})).await?.ok()?;
        ensure!(!owns(&ours(&edited), "/f:data/f:a") && owns(&ours(&edited), "/f:data/f:b"), "{edited}");
        Ok(())
    })
}

#[test]
fn what_others_do_to_fields_of_theirs_and_to_the_status_leaves_our_entry_as_it_is() -> Result<()> {
    fact(async |plane| {
        let cases = [
            ("ConfigMap", config_map(&json!({"a": "1"})), json!({"data": {"theirs": "1"}}), None),
            (
                "Deployment",
                deployment(&json!({"replicas": 0})),
                json!({"metadata": {"annotations": {"theirs": "1"}}}),
                Some(json!({"status": {"conditions": [{"type": "Noticed", "status": "True"}]}})),
            ),
        ];
        for (kind, object, foreign, status) in cases {
            let us = plane.objects(kind, US);
            let applied = us.patch("x", Patch::ForcedApply, &object).await?.ok()?;
            let theirs = plane.objects(kind, "somebody");
            let edited = theirs.patch("x", Patch::Merge, &foreign).await?.ok()?;
            ensure!(version(&edited)? != version(&applied)?, "{kind}: nothing has changed");
            ensure!(ours(&edited) == ours(&applied), "{kind}: {edited}");
            if let Some(status) = status {
                let noticed = theirs.subresource("status").patch("x", Patch::Merge, &status).await?.ok()?;
                ensure!(version(&noticed)? != version(&edited)?, "{kind}: nothing has changed");
                ensure!(ours(&noticed) == ours(&applied), "{kind}: {noticed}");
            }
        }
        Ok(())
    })
}

#[test]
fn an_apply_that_changes_nothing_is_no_write() -> Result<()> {
    fact(async |plane| {
        let us = plane.config_maps(US);
        let object = config_map(&json!({"a": "1"}));
        let first = us.patch("x", Patch::ForcedApply, &object).await?.ok()?;
        let again = us.patch("x", Patch::ForcedApply, &object).await?.with_code(200)?;
        ensure!(first == again, "{again}");
        Ok(())
    })
}

#[test]
fn replicas_that_were_scaled_belong_to_the_scaler_and_stay_when_we_leave_them_out() -> Result<()> {
    fact(async |plane| {
        let us = plane.objects("Deployment", US);
        us.patch("x", Patch::ForcedApply, &deployment(&json!({"replicas": 3}))).await?.ok()?;
        let autoscaler = plane.objects("Deployment", "hpa");
        let scale = json!({"spec": {"replicas": 7}});
        autoscaler.subresource("scale").patch("x", Patch::Merge, &scale).await?.ok()?;
        let scaled = us.get("x").await?.context("the Deployment")?;
        ensure!(owns(&entry(&scaled, "hpa", "Update", Some("scale")), "/f:spec/f:replicas"), "{scaled}");
        ensure!(!owns(&ours(&scaled), "/f:spec/f:replicas"), "{scaled}");
        let applied =
            us.patch("x", Patch::ForcedApply, &deployment(&json!({"minReadySeconds": 5}))).await?.ok()?;
        ensure!(applied["spec"]["replicas"] == 7, "{applied}");
        us.patch("x", Patch::Merge, &json!({"spec": {"replicas": 0}})).await?.ok()?;
        Ok(())
    })
}

#[test]
fn a_field_that_only_we_own_is_removed_and_defaulted_again_when_we_leave_it_out() -> Result<()> {
    fact(async |plane| {
        let us = plane.objects("Deployment", US);
        us.patch("x", Patch::ForcedApply, &deployment(&json!({"replicas": 0}))).await?.ok()?;
        let applied = us.patch("x", Patch::ForcedApply, &deployment(&json!({}))).await?.ok()?;
        ensure!(applied["spec"]["replicas"] == 1, "{applied}");
        us.delete("x").await?.ok()?;
        Ok(())
    })
}

#[test]
fn the_first_apply_to_an_object_without_managed_fields_gives_all_of_it_to_an_invented_manager() -> Result<()>
{
    fact(async |plane| {
        let us = plane.config_maps(US);
        us.post(&config_map(&json!({"a": "1", "b": "2"}))).await?.ok()?;
        forget_managers(&us).await?;
        let applied = us.patch("x", Patch::ForcedApply, &config_map(&json!({"a": "1"}))).await?.ok()?;
        let invented = entry(&applied, "before-first-apply", "Update", None);
        ensure!(owns(&invented, "/f:data/f:a") && owns(&invented, "/f:data/f:b"), "{applied}");
        Ok(())
    })
}

#[test]
fn the_time_of_an_entry_moves_only_with_effective_writes_of_its_own_manager() -> Result<()> {
    fact(async |plane| {
        let us = plane.config_maps(US);
        let object = config_map(&json!({"a": "1"}));
        let before = ours(&us.patch("x", Patch::ForcedApply, &object).await?.ok()?)["time"].clone();
        // Times have whole seconds: others write until theirs is another.
        let somebody = plane.config_maps("somebody");
        let mut writes = 0;
        wait_until("a write by others in another second", async || {
            writes += 1;
            let patch = json!({"data": {"theirs": writes.to_string()}});
            let answer = somebody.patch("x", Patch::Merge, &patch).await.and_then(kubefed_e2e::Answer::ok);
            let object = answer.map_err(|error| error.to_string())?;
            let time = entry(&object, "somebody", "Update", None)["time"].clone();
            if time == before { Err(format!("still {time}")) } else { Ok(()) }
        })
        .await?;
        let unchanged = us.patch("x", Patch::ForcedApply, &object).await?.ok()?;
        ensure!(ours(&unchanged)["time"] == before, "{unchanged}");
        let changed = us.patch("x", Patch::ForcedApply, &config_map(&json!({"a": "2"}))).await?.ok()?;
        ensure!(ours(&changed)["time"] != before, "{changed}");
        Ok(())
    })
}

#[test]
fn string_data_of_a_secret_is_ours_and_the_data_that_it_becomes_is_nobodys() -> Result<()> {
    fact(async |plane| {
        let secret = |texts: Value| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "stringData": texts});
        let us = plane.objects("Secret", US);
        let applied = us.patch("x", Patch::ForcedApply, &secret(json!({"a": "1", "b": "2"}))).await?.ok()?;
        ensure!(applied["data"] == json!({"a": "MQ==", "b": "Mg=="}), "{applied}");
        ensure!(owns(&ours(&applied), "/f:stringData/f:b"), "{applied}");
        let owners = applied["metadata"]["managedFields"].as_array().context("managed fields")?;
        ensure!(!owners.iter().any(|entry| owns(entry, "/f:data")), "{applied}");
        let applied = us.patch("x", Patch::ForcedApply, &secret(json!({"a": "1"}))).await?.ok()?;
        ensure!(applied["data"]["b"] == "Mg==", "the dropped key is gone: {applied}");
        Ok(())
    })
}
