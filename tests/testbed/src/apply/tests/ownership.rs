//! Who owns what after which request: the life of one object.

use serde_json::{Value, json};

use super::super::{ApplyError, ApplyRequest, FieldSet, UpdateRequest, apply, update};
use super::{LATER, NOW, Stage, object};
use crate::schema::Definitions;

#[test]
fn an_apply_that_creates_owns_exactly_what_it_names() {
    let mut stage = Stage::new();
    assert!(stage.apply("kubefed", json!({"text": "a", "labels": {"k": "v"}})));
    assert_eq!(
        stage.entries(),
        [json!({
            "manager": "kubefed", "operation": "Apply", "apiVersion": "example.com/v1", "time": NOW,
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:text": {}, "f:labels": {"f:k": {}}}},
        })]
    );
}

#[test]
fn the_same_apply_again_changes_nothing_not_even_the_time() {
    let mut stage = Stage::new();
    stage.apply("kubefed", json!({"text": "a", "set": ["x"]}));
    let before = stage.live.clone();
    stage.now = LATER;
    assert!(!stage.apply("kubefed", json!({"text": "a", "set": ["x"]})));
    assert_eq!(stage.live, before);
}

#[test]
fn a_field_that_only_its_applier_owned_goes_when_it_is_dropped() {
    let mut stage = Stage::new();
    stage.apply(
        "kubefed",
        json!({"text": "a", "labels": {"k": "v", "l": "w"}, "items": [{"port": 1}, {"port": 2}]}),
    );
    stage.now = LATER;
    assert!(stage.apply("kubefed", json!({"labels": {"l": "w"}, "items": [{"port": 2}]})));
    assert_eq!(stage.spec(), json!({"labels": {"l": "w"}, "items": [{"port": 2}]}));
    assert_eq!(stage.entry("kubefed", "Apply")["time"], LATER);
}

#[test]
fn a_field_that_a_writer_owns_too_stays_when_it_is_dropped() {
    let mut stage = Stage::new();
    stage.put_spec("creator", json!({"text": "a", "count": 1}));
    stage.now = LATER;
    assert!(stage.apply("kubefed", json!({"text": "a", "count": 1})), "ownership is a change");
    assert_eq!(stage.entry("kubefed", "Apply").get("time"), None, "but not of the object");
    assert_eq!(stage.owned("creator", "Update"), json!({".": {}, "f:text": {}, "f:count": {}}));
    stage.apply("kubefed", json!({"text": "a"}));
    assert_eq!(stage.spec(), json!({"text": "a", "count": 1}));
}

#[test]
fn adoption_moves_what_is_applied_out_of_the_writers_entry() {
    let mut stage = Stage::new();
    stage.put_spec("creator", json!({"text": "a", "count": 1, "on": true}));
    stage.apply("kubefed", json!({"text": "a", "count": 2}));
    assert_eq!(
        stage.owned("creator", "Update"),
        json!({".": {}, "f:text": {}, "f:on": {}}),
        "count was taken"
    );

    // The one JSON patch of an adoption: exactly our paths leave the other entries.
    let mut patched = stage.live.clone().unwrap();
    let ours = FieldSet::from_fields_v1(&stage.entry("kubefed", "Apply")["fieldsV1"]).unwrap();
    for entry in patched.pointer_mut("/metadata/managedFields").unwrap().as_array_mut().unwrap() {
        if entry["operation"] == "Update" {
            let left = FieldSet::from_fields_v1(&entry["fieldsV1"]).unwrap().difference(&ours);
            entry["fieldsV1"] = left.to_fields_v1();
        }
    }
    stage.put("kubefed", &patched, None);
    assert_eq!(stage.owned("creator", "Update"), json!({".": {}, "f:on": {}}));
    assert_eq!(stage.entry("kubefed", "Update"), Value::Null, "the patch changed no field");

    stage.apply("kubefed", json!({"count": 2}));
    assert_eq!(stage.spec(), json!({"count": 2, "on": true}), "what we drop goes, theirs stays");
}

#[test]
fn an_edit_of_an_owned_field_moves_it_to_the_editor() {
    let mut stage = Stage::new();
    stage.apply("kubefed", json!({"text": "a", "count": 1}));
    let mut edited = stage.live.clone().unwrap();
    edited["spec"]["text"] = json!("b");
    stage.now = LATER;
    stage.put("alice", &edited, None);
    assert_eq!(stage.owned("kubefed", "Apply"), json!({"f:count": {}}));
    assert_eq!(stage.owned("alice", "Update"), json!({"f:text": {}}));
    assert_eq!(
        stage.entry("kubefed", "Apply")["time"],
        NOW,
        "an entry's time moves with its own writes only"
    );
    assert_eq!(stage.entry("alice", "Update")["time"], LATER);
}

#[test]
fn a_deleted_field_belongs_to_nobody() {
    let mut stage = Stage::new();
    stage.apply("kubefed", json!({"text": "a", "count": 1}));
    let mut edited = stage.live.clone().unwrap();
    edited["spec"].as_object_mut().unwrap().remove("text");
    stage.put("alice", &edited, None);
    assert_eq!(stage.owned("kubefed", "Apply"), json!({"f:count": {}}));
    assert_eq!(stage.entry("alice", "Update"), Value::Null);
    stage.put("alice", &object(json!({})), None);
    assert!(stage.entries().is_empty(), "an entry without fields is gone");
}

#[test]
fn foreign_fields_leave_an_appliers_entry_alone() {
    let mut stage = Stage::new();
    stage.apply("kubefed", json!({"text": "a"}));
    let before = stage.entry("kubefed", "Apply");
    let mut edited = stage.live.clone().unwrap();
    edited["spec"]["count"] = json!(3);
    edited["metadata"]["annotations"] = json!({"x": "y"});
    stage.now = LATER;
    stage.put("alice", &edited, None);
    assert_eq!(stage.entry("kubefed", "Apply"), before);
    assert_eq!(
        stage.entry("alice", "Update")["fieldsV1"],
        json!({"f:metadata": {"f:annotations": {".": {}, "f:x": {}}}, "f:spec": {"f:count": {}}})
    );
}

#[test]
fn a_write_without_effect_changes_nothing() {
    let mut stage = Stage::new();
    stage.apply("kubefed", json!({"text": "a"}));
    let before = stage.live.clone().unwrap();
    stage.now = LATER;
    stage.put("alice", &before, None);
    assert_eq!(stage.live, Some(before));
}

#[test]
fn fields_of_others_are_in_conflict_unless_forced() {
    let mut stage = Stage::new();
    stage.put_spec("kubectl", json!({"text": "a", "count": 1}));
    stage.apply("two", json!({"count": 1, "items": [{"port": 1, "name": "x"}]}));
    assert!(
        stage.try_apply("three", json!({"text": "a", "count": 1}), false).is_ok(),
        "the same value is none"
    );

    let error = stage.try_apply("three", json!({"text": "b"}), false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"kubectl\" using example.com/v1: .spec.text"
    );
    let error = stage
        .try_apply("three", json!({"text": "b", "count": 2, "items": [{"port": 1, "name": "y"}]}), false)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 4 conflicts: conflicts with \"kubectl\" using example.com/v1:\n- .spec.count\n- .spec.text\n\
         conflicts with \"two\":\n- .spec.count\n- .spec.items[port=1,protocol=\"TCP\"].name"
    );
    let ApplyError::Conflict(conflicts) = error else { panic!("{error}") };
    assert_eq!(conflicts[0].message(), "conflict with \"kubectl\" using example.com/v1");
    assert_eq!(conflicts[2].message(), "conflict with \"two\"");
    assert_eq!((conflicts[0].operation.as_str(), conflicts[0].time.as_deref()), ("Update", Some(NOW)));

    stage.apply("three", json!({"text": "b", "count": 2}));
    assert_eq!(stage.owned("kubectl", "Update"), json!({}), "the spec itself, and nothing in it");
    assert_eq!(
        stage.owned("two", "Apply"),
        json!({"f:items": {"k:{\"port\":1,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:name": {}}}})
    );
}

#[test]
fn replicas_moved_through_scale_stay_where_they_are_left_out() {
    let mut stage = Stage::new();
    stage.apply("kubefed", json!({"count": 3, "text": "a"}));
    let mut scaled = stage.live.clone().unwrap();
    scaled["spec"]["count"] = json!(7);
    // A subresource never takes managed fields from the request.
    scaled["metadata"]["managedFields"] = json!([]);
    stage.put("hpa", &scaled, Some("scale"));
    let entry = stage.entry("hpa", "Update");
    assert_eq!((&entry["subresource"], entry.get("time")), (&json!("scale"), None));
    assert_eq!(
        stage.try_apply("kubefed", json!({"count": 3, "text": "a"}), false).unwrap_err().to_string(),
        "Apply failed with 1 conflict: conflict with \"hpa\" with subresource \"scale\" using example.com/v1: .spec.count"
    );
    stage.apply("kubefed", json!({"text": "a"}));
    assert_eq!(stage.spec()["count"], 7);
    stage.apply("kubefed", json!({"text": "a", "count": 2}));
    stage.apply("kubefed", json!({"text": "a"}));
    assert_eq!(stage.spec().get("count"), None, "who alone owns it and leaves it out removes it");
}

#[test]
fn an_object_without_ownership_belongs_to_before_first_apply() {
    let mut stage = Stage::new();
    stage.live = Some(object(json!({"text": "a", "count": 1})));
    let error = stage.try_apply("kubefed", json!({"text": "b"}), false).unwrap_err();
    assert!(error.to_string().contains("\"before-first-apply\" using example.com/v1: .spec.text"), "{error}");
    stage.apply("kubefed", json!({"text": "b"}));
    assert_eq!(stage.owned("before-first-apply", "Update"), json!({".": {}, "f:count": {}}));
    stage.apply("kubefed", json!({}));
    assert_eq!(stage.spec(), json!({"count": 1}));
}

#[test]
fn writes_to_an_object_without_ownership_track_nothing() {
    let mut stage = Stage::new();
    stage.live = Some(object(json!({"text": "a"})));
    stage.put_spec("alice", json!({"text": "b"}));
    assert!(stage.entries().is_empty());
}

#[test]
fn what_an_endpoint_never_persists_is_never_owned() {
    let mut stage = Stage::new();
    let mut new = object(json!({"text": "a"}));
    new["status"] = json!({"phase": "Ready"});
    stage.put("creator", &new, None);
    assert_eq!(stage.entry("creator", "Update")["fieldsV1"], json!({"f:spec": {".": {}, "f:text": {}}}));

    let ignored = FieldSet::of(&["metadata", "spec"]);
    let status = update(&UpdateRequest {
        schema: &stage.schema,
        live: stage.live.as_ref(),
        new: &{
            let mut new = object(json!({"text": "ignored"}));
            new["metadata"]["labels"] = json!({"ignored": "too"});
            new["status"] = json!({"phase": "Done"});
            new
        },
        manager: "controller",
        subresource: Some("status"),
        api_version: "example.com/v1",
        ignored: &ignored,
        now: LATER,
    });
    stage.live = Some(status);
    let entry = stage.entry("controller", "Update");
    assert_eq!(entry["fieldsV1"], json!({"f:status": {"f:phase": {}}}));
    assert_eq!(entry["subresource"], "status");
    assert_eq!(stage.owned("creator", "Update"), json!({".": {}, "f:text": {}}), "nothing was taken");
}

#[test]
fn appliers_are_told_apart_by_subresource_but_not_by_version() {
    let mut stage = Stage::new();
    stage.apply("kubefed", json!({"text": "a"}));
    let nothing = FieldSet::default();
    let mut next = |subresource: Option<&str>, api_version: &str, spec: Value| {
        let request = ApplyRequest {
            schema: &stage.schema,
            live: stage.live.as_ref(),
            applied: &object(spec),
            manager: "kubefed",
            force: true,
            subresource,
            api_version,
            ignored: &nothing,
            now: LATER,
        };
        stage.live = Some(apply(&request).unwrap().object);
        stage.entries().len()
    };
    assert_eq!(next(Some("status"), "example.com/v1", json!({"count": 1})), 2);
    assert_eq!(next(None, "example.com/v2", json!({"text": "b"})), 2);
    assert_eq!(stage.entries()[1]["apiVersion"], "example.com/v2");
}

#[test]
fn kubectl_takes_what_its_annotation_shows_to_be_its_own() {
    let annotation = "kubectl.kubernetes.io/last-applied-configuration";
    let configuration = object(json!({"text": "a", "count": 1}));
    let mut created = configuration.clone();
    created["metadata"]["annotations"] = json!({annotation: configuration.to_string()});
    let mut stage = Stage::new();
    stage.put("kubectl-client-side-apply", &created, None);
    assert!(stage.try_apply("other", json!({"text": "b"}), false).is_err());

    stage.live = Some(stage.try_apply("kubectl", json!({"text": "b", "count": 1}), false).unwrap().object);
    assert_eq!(stage.spec(), json!({"text": "b", "count": 1}));
    let kept = stage.live.as_ref().unwrap()["metadata"]["annotations"][annotation].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(kept).unwrap(), object(json!({"text": "b", "count": 1})));

    let mut edited = stage.live.clone().unwrap();
    edited["spec"]["count"] = json!(5);
    stage.put("alice", &edited, None);
    let error = stage.try_apply("kubectl", json!({"text": "b", "count": 1}), false).unwrap_err();
    assert!(
        error.to_string().ends_with("conflict with \"alice\" using example.com/v1: .spec.count"),
        "{error}"
    );
}

#[test]
fn a_stored_object_that_no_longer_conforms_is_refused_as_such() {
    let mut stage = Stage::new();
    stage.live = Some(object(json!({"gone": 1})));
    let error = stage.try_apply("kubefed", json!({"text": "a"}), true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to create typed live object (ns/w; example.com/v1, Kind=Widget): .spec.gone: field not declared in schema"
    );
    let refused = stage.try_apply("kubefed", json!({"gone": 1}), true).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "failed to create typed patch object (ns/w; example.com/v1, Kind=Widget): .spec.gone: field not declared in schema"
    );
    stage.put_spec("alice", json!({"gone": 2}));
    assert!(stage.entries().is_empty(), "ownership of what has no type is not kept");
}

#[test]
fn an_object_of_the_core_group_is_described_with_an_empty_group() {
    let mut definitions = Definitions::default();
    definitions.add_custom("", "v1", "Thing", Some(&json!({"type": "object"}))).unwrap();
    let error = apply(&ApplyRequest {
        schema: &definitions.kind("", "v1", "Thing").unwrap(),
        live: None,
        applied: &json!({"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "t"}, "x": 1}),
        manager: "m",
        force: false,
        subresource: None,
        api_version: "v1",
        ignored: &FieldSet::default(),
        now: NOW,
    });
    assert_eq!(
        error.unwrap_err().to_string(),
        "failed to create typed patch object (/t; /v1, Kind=Thing): .x: field not declared in schema"
    );
}
