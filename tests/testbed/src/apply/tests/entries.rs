//! The list of managed fields itself: what a user may do to it, its order, its size, its times and names.

use serde_json::{Value, json};

use super::super::managers::Managers;
use super::super::{FieldSet, UpdateRequest, keep_times, manager_name, update};
use super::{LATER, NOW, Stage, object};

#[test]
fn managed_fields_that_a_user_sends_are_taken_unless_they_are_malformed() {
    let mut first = Stage::new();
    first.put_spec("creator", json!({"text": "a", "count": 1}));
    let entries = first.entries();
    let mut fewer = entries.clone();
    fewer[0]["fieldsV1"] = json!({"f:spec": {"f:text": {}}});
    let with = |key: &str, value: Value| {
        let mut entries = entries.clone();
        entries[0][key] = value;
        json!(entries)
    };
    let cases = [
        ("given", json!(fewer), json!(fewer)),
        ("reset by an empty list", json!([]), json!([])),
        ("reset by an empty entry", json!([{}]), json!([])),
        ("null", json!(null), json!(entries)),
        ("an operation that is none", with("operation", json!("Patch")), json!(entries)),
        ("no version", with("apiVersion", json!("")), json!(entries)),
        ("fields of another type", with("fieldsType", json!("FieldsV2")), json!(entries)),
        ("fields that are none", with("fieldsV1", json!({"x": {}})), json!(entries)),
    ];
    for (name, sent, expected) in cases {
        let mut stage = Stage::new();
        stage.live = first.live.clone();
        let mut new = stage.live.clone().unwrap();
        new["metadata"]["managedFields"] = sent;
        stage.put("someone", &new, None);
        assert_eq!(json!(stage.entries()), expected, "{name}");
    }
    let mut stage = Stage::new();
    stage.live = first.live.clone();
    stage.put_spec("someone", json!({"text": "b", "count": 1}));
    assert_eq!(
        stage.owned("creator", "Update"),
        json!({".": {}, "f:count": {}}),
        "absent keeps the stored ones"
    );
}

#[test]
fn the_oldest_of_more_than_ten_writers_are_thrown_together() {
    let times: Vec<String> = (0..13).map(|second| format!("2026-01-01T00:00:{second:02}Z")).collect();
    let mut stage = Stage::new();
    let nothing = FieldSet::default();
    for (index, now) in times.iter().enumerate() {
        let mut new = stage.live.clone().unwrap_or_else(|| object(json!({"labels": {}})));
        new["spec"]["labels"][format!("k{index:02}")] = json!("v");
        stage.live = Some(update(&UpdateRequest {
            schema: &stage.schema,
            live: stage.live.as_ref(),
            new: &new,
            manager: &format!("m{index:02}"),
            subresource: None,
            api_version: "example.com/v1",
            ignored: &nothing,
            now,
        }));
    }
    assert_eq!(stage.entries().len(), 10);
    let ancient = stage.entry("ancient-changes", "Update");
    assert_eq!(ancient["time"], times[3], "the time of the youngest in it");
    assert_eq!(
        stage.owned("ancient-changes", "Update"),
        json!({".": {}, "f:labels": {".": {}, "f:k00": {}, "f:k01": {}, "f:k02": {}, "f:k03": {}}})
    );
    assert_eq!(stage.entry("m04", "Update")["time"], times[4]);
}

#[test]
fn entries_are_ordered_by_operation_time_and_name() {
    let entry = |manager: &str, operation: &str, time: Option<&str>, subresource: Option<&str>| {
        let mut entry = json!({
            "manager": manager, "operation": operation, "apiVersion": "v1",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:a": {}},
        });
        if let Some(time) = time {
            entry["time"] = json!(time);
        }
        if let Some(subresource) = subresource {
            entry["subresource"] = json!(subresource);
        }
        entry
    };
    let ordered = [
        entry("z", "Apply", None, None),
        entry("b", "Apply", Some(NOW), None),
        entry("a", "Apply", Some(LATER), None),
        entry("x", "Update", None, None),
        entry("c", "Update", Some(NOW), None),
        entry("c", "Update", Some(NOW), Some("status")),
        entry("d", "Update", Some(NOW), None),
        entry("a", "Update", Some(LATER), None),
    ];
    let shuffled: Vec<Value> = [7, 2, 5, 0, 6, 3, 1, 4].map(|index: usize| ordered[index].clone()).to_vec();
    let mut object = json!({});
    Managers::decode(&shuffled).unwrap().write_to(&mut object);
    assert_eq!(object["metadata"]["managedFields"], json!(ordered));
}

#[test]
fn times_come_back_only_where_nothing_else_changed() {
    let mut stage = Stage::new();
    stage.apply("kubefed", json!({"text": "a"}));
    let live = stage.live.clone().unwrap();
    let stamped = |object: &Value| {
        let mut object = object.clone();
        object["metadata"]["managedFields"][0]["time"] = json!(LATER);
        object
    };
    let mut same = stamped(&live);
    keep_times(&live, &mut same);
    assert_eq!(same, live);

    let mut changed = stamped(&live);
    changed["spec"]["text"] = json!("b");
    let expected = changed.clone();
    keep_times(&live, &mut changed);
    assert_eq!(changed, expected);

    let mut owned_otherwise = stamped(&live);
    owned_otherwise["metadata"]["managedFields"][0]["manager"] = json!("other");
    let expected = owned_otherwise.clone();
    keep_times(&live, &mut owned_otherwise);
    assert_eq!(owned_otherwise, expected);
}

#[test]
fn a_manager_is_named_by_the_request_or_by_its_user_agent() {
    let long = "x".repeat(200);
    let cases = [
        (Some("mine"), "agent/1", "mine"),
        (Some(""), "agent/1", "agent"),
        (None, "kubectl/v1.36.3 (linux/amd64) kubernetes/abc", "kubectl"),
        (None, "a b\u{7}c", "a bc"),
        (None, "", ""),
        (None, &long, &long[..128]),
    ];
    for (field_manager, user_agent, expected) in cases {
        assert_eq!(manager_name(field_manager, user_agent), expected, "{field_manager:?} {user_agent:?}");
    }
    let mut stage = Stage::new();
    stage.put_spec("", json!({"text": "a"}));
    assert_eq!(stage.entries()[0]["manager"], "unknown");
}
