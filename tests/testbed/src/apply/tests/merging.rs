//! How values merge, compare and are refused, by the sort of field.

use serde_json::{Value, json};

use super::super::FieldSet;
use super::super::compare::compare;
use super::super::merge::merge;
use super::super::reconcile::reconcile;
use super::super::typed::field_set;
use super::super::validate::{Duplicates, validate};
use super::{object, widget};
use crate::schema::{Definitions, TypeSchema};

fn merged(live: &Value, applied: &Value) -> Value {
    let schema = widget();
    merge(schema.shape(), &object(live.clone()), &object(applied.clone()))["spec"].take()
}

#[test]
fn each_sort_of_field_merges_in_its_own_way() {
    let cases = [
        ("scalars are replaced", json!({"text": "a"}), json!({"text": "b"}), json!({"text": "b"})),
        (
            "what is not applied stays",
            json!({"text": "a"}),
            json!({"count": 1}),
            json!({"text": "a", "count": 1}),
        ),
        ("lists are atomic", json!({"list": ["a", "b"]}), json!({"list": ["c"]}), json!({"list": ["c"]})),
        (
            "sets are joined",
            json!({"set": ["a", "b"]}),
            json!({"set": ["c", "b"]}),
            json!({"set": ["a", "c", "b"]}),
        ),
        (
            "items merge by all of their keys",
            json!({"items": [{"port": 1, "protocol": "TCP", "name": "x"}, {"port": 1, "protocol": "UDP"}]}),
            json!({"items": [{"port": 1, "protocol": "TCP", "tags": ["t"]}]}),
            json!({"items": [
                {"port": 1, "protocol": "TCP", "name": "x", "tags": ["t"]}, {"port": 1, "protocol": "UDP"},
            ]}),
        ),
        (
            "an absent key counts as its default",
            json!({"items": [{"port": 1, "protocol": "TCP", "name": "x"}]}),
            json!({"items": [{"port": 1, "name": "y"}]}),
            json!({"items": [{"port": 1, "protocol": "TCP", "name": "y"}]}),
        ),
        (
            "maps are granular",
            json!({"labels": {"a": "1"}}),
            json!({"labels": {"b": "2"}}),
            json!({"labels": {"a": "1", "b": "2"}}),
        ),
        (
            "maps in maps too",
            json!({"nested": {"n": {"a": "1"}}}),
            json!({"nested": {"n": {"b": "2"}, "m": {}}}),
            json!({"nested": {"n": {"a": "1", "b": "2"}, "m": {}}}),
        ),
        (
            "unless they are atomic",
            json!({"atomic": {"a": "1"}}),
            json!({"atomic": {"b": "2"}}),
            json!({"atomic": {"b": "2"}}),
        ),
        (
            "free data: maps granular, lists atomic",
            json!({"free": {"m": {"a": 1}, "l": [1, 2]}}),
            json!({"free": {"m": {"b": 2}, "l": [3]}}),
            json!({"free": {"m": {"a": 1, "b": 2}, "l": [3]}}),
        ),
        (
            "free data may change its form",
            json!({"free": {"m": {"a": 1}}}),
            json!({"free": {"m": [1]}}),
            json!({"free": {"m": [1]}}),
        ),
        (
            "an empty map removes nothing",
            json!({"labels": {"a": "1"}}),
            json!({"labels": {}}),
            json!({"labels": {"a": "1"}}),
        ),
        ("an empty set removes nothing", json!({"set": ["a"]}), json!({"set": []}), json!({"set": ["a"]})),
        ("an empty list replaces", json!({"list": ["a"]}), json!({"list": []}), json!({"list": []})),
        (
            "null keeps what a granular map holds",
            json!({"labels": {"a": "1"}}),
            json!({"labels": null}),
            json!({"labels": {"a": "1"}}),
        ),
        ("null replaces a scalar", json!({"text": "a"}), json!({"text": null}), json!({"text": null})),
        (
            "something replaces null",
            json!({"text": null, "labels": null}),
            json!({"text": "a", "labels": {"a": "1"}}),
            json!({"text": "a", "labels": {"a": "1"}}),
        ),
    ];
    for (name, live, applied, expected) in cases {
        assert_eq!(merged(&live, &applied), expected, "{name}");
    }
}

#[test]
fn items_come_in_the_applied_order_and_others_keep_their_place() {
    let cases: [(&[i64], &[i64], &[i64]); 11] = [
        (&[1, 2, 3], &[], &[1, 2, 3]),
        (&[], &[3, 1], &[3, 1]),
        (&[1, 2, 3], &[1, 2, 3], &[1, 2, 3]),
        (&[1, 2, 3], &[3, 2, 1], &[3, 2, 1]),
        (&[1, 2, 3], &[4], &[1, 2, 3, 4]),
        (&[1, 2, 3], &[4, 1], &[4, 1, 2, 3]),
        (&[1, 2, 3], &[1, 4], &[1, 2, 3, 4]),
        (&[1, 2, 3], &[2, 4], &[1, 2, 3, 4]),
        (&[1, 2, 3], &[5, 3, 1], &[2, 5, 3, 1]),
        (&[1, 2, 3, 4], &[4, 2], &[1, 3, 4, 2]),
        (&[9, 2, 8, 5, 3, 1], &[3, 7, 1], &[9, 2, 8, 5, 3, 7, 1]),
    ];
    let sets = |numbers: &[i64]| json!({"set": numbers.iter().map(ToString::to_string).collect::<Vec<_>>()});
    let items = |numbers: &[i64]| json!({"items": numbers.iter().map(|port| json!({"port": port, "protocol": "TCP"})).collect::<Vec<_>>()});
    for (live, applied, expected) in cases {
        assert_eq!(merged(&sets(live), &sets(applied)), sets(expected), "{applied:?} into {live:?}");
        assert_eq!(merged(&items(live), &items(applied)), items(expected), "{applied:?} into {live:?}");
    }
}

#[test]
fn a_value_sets_its_leaves_its_items_and_its_undeclared_keys() {
    let spec = json!({
        "text": "t",
        "list": ["a"],
        "set": ["b", "a"],
        "items": [{"port": 1, "name": "n"}],
        "labels": {"k": "v"},
        "nested": {"n": {"a": "1"}},
        "atomic": {"a": "1"},
        "free": {"m": {"x": 1}, "l": [1]},
    });
    let fields = field_set(widget().shape(), &object(spec)).to_fields_v1();
    assert_eq!(
        fields["f:spec"],
        json!({
            "f:text": {},
            "f:list": {},
            "f:set": {"v:\"a\"": {}, "v:\"b\"": {}},
            "f:items": {"k:{\"port\":1,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:name": {}}},
            "f:labels": {"f:k": {}},
            "f:nested": {"f:n": {".": {}, "f:a": {}}},
            "f:atomic": {},
            "f:free": {"f:m": {".": {}, "f:x": {}}, "f:l": {}},
        })
    );
    let empty = json!({"set": [], "list": [], "labels": {}, "nested": {"n": {}}, "free": {}, "text": null, "items": null});
    let fields = field_set(widget().shape(), &object(empty)).to_fields_v1();
    assert_eq!(
        fields["f:spec"],
        json!({"f:list": {}, "f:labels": {}, "f:nested": {"f:n": {}}, "f:free": {}, "f:text": {}, "f:items": {}}),
    );
}

#[test]
fn two_versions_differ_in_what_was_added_removed_and_modified() {
    let cases = [
        (json!({"text": "a"}), json!({"text": "b"}), json!([{}, {}, {"f:text": {}}])),
        (json!({"text": "a"}), json!({"count": 1}), json!([{"f:count": {}}, {"f:text": {}}, {}])),
        (json!({}), json!({"labels": {"a": "1"}}), json!([{"f:labels": {".": {}, "f:a": {}}}, {}, {}])),
        (json!({"labels": {}}), json!({"labels": {"a": "1"}}), json!([{"f:labels": {"f:a": {}}}, {}, {}])),
        (json!({"labels": {}}), json!({"labels": null}), json!([{}, {}, {"f:labels": {}}])),
        (json!({"labels": {"a": "1"}}), json!({"labels": {}}), json!([{}, {"f:labels": {"f:a": {}}}, {}])),
        (
            json!({"set": ["a", "b"]}),
            json!({"set": ["c", "b"]}),
            json!([{"f:set": {"v:\"c\"": {}}}, {"f:set": {"v:\"a\"": {}}}, {}]),
        ),
        (json!({"set": ["a", "b"]}), json!({"set": ["b", "a"]}), json!([{}, {}, {}])),
        (json!({"list": ["a", "b"]}), json!({"list": ["b", "a"]}), json!([{}, {}, {"f:list": {}}])),
        (json!({"atomic": {"a": "1"}}), json!({"atomic": {"a": "2"}}), json!([{}, {}, {"f:atomic": {}}])),
        (
            json!({"items": [{"port": 1, "name": "a"}]}),
            json!({"items": [{"port": 1, "name": "b"}, {"port": 2}]}),
            json!([
                {"f:items": {"k:{\"port\":2,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}},
                {},
                {"f:items": {"k:{\"port\":1,\"protocol\":\"TCP\"}": {"f:name": {}}}},
            ]),
        ),
        // Stored lists may repeat an item; such items are one thing.
        (json!({"set": ["a", "a"]}), json!({"set": ["a", "a"]}), json!([{}, {}, {}])),
        (
            json!({"set": ["a", "a"]}),
            json!({"set": ["a"]}),
            json!([{"f:set": {"v:\"a\"": {}}}, {"f:set": {"v:\"a\"": {}}}, {}]),
        ),
        (
            json!({"set": ["a"]}),
            json!({"set": ["a", "a"]}),
            json!([{"f:set": {"v:\"a\"": {}}}, {"f:set": {"v:\"a\"": {}}}, {}]),
        ),
        (
            json!({"free": {"x": {"a": 1}}}),
            json!({"free": {"x": 1}}),
            json!([{}, {"f:free": {"f:x": {"f:a": {}}}}, {"f:free": {"f:x": {}}}]),
        ),
        (json!({"count": 1}), json!({"count": 1.0}), json!([{}, {}, {}])),
    ];
    for (old, new, expected) in cases {
        let found = compare(widget().shape(), &object(old.clone()), &object(new.clone()));
        let of_spec = |set: &FieldSet| set.to_fields_v1().get("f:spec").cloned().unwrap_or_else(|| json!({}));
        let found = json!([of_spec(&found.added), of_spec(&found.removed), of_spec(&found.modified)]);
        assert_eq!(found, expected, "{old} to {new}");
    }
}

fn refusal(schema: &TypeSchema, object: &Value) -> String {
    validate(schema.shape(), object, Duplicates::Refused).unwrap_err().to_string()
}

#[test]
fn what_does_not_conform_is_named_in_the_servers_words() {
    let cases = [
        (json!({"bogus": 1}), ".spec.bogus: field not declared in schema"),
        (json!({"text": 5}), ".spec.text: expected string, got &value.valueUnstructured{Value:5}"),
        (
            json!({"text": ["a", {"b": 1}]}),
            r#".spec.text: expected string, got &value.valueUnstructured{Value:[]interface {}{"a", map[string]interface {}{"b":1}}}"#,
        ),
        (json!({"count": "5"}), ".spec.count: expected numeric (int or float), got string"),
        (
            json!({"count": {"a": 1}}),
            ".spec.count: expected numeric (int or float), got map[string]interface {}",
        ),
        (json!({"on": 1}), ".spec.on: expected boolean, got &{1}"),
        (json!({"on": {"b": [1, "x", null]}}), ".spec.on: expected boolean, got &{map[b:[1 x <nil>]]}"),
        (json!({"labels": "x"}), ".spec.labels: expected map, got &{x}"),
        (json!({"list": {"a": "b"}}), ".spec.list: expected list, got &{map[a:b]}"),
        (json!({"list": ["a", 1]}), ".spec.list[1]: expected string, got &value.valueUnstructured{Value:1}"),
        (json!({"set": ["a", "a"]}), r#".spec.set: duplicate entries for key [="a"]"#),
        (
            json!({"set": [null]}),
            ".spec.set: element 0: associative list without keys has an element that's an explicit null",
        ),
        (
            json!({"set": [{}]}),
            ".spec.set: element 0: associative list without keys has an element that's a map type",
        ),
        (
            json!({"set": [[]]}),
            ".spec.set: element 0: not supported: associative list with lists as elements",
        ),
        (
            json!({"items": [{"port": 1}, {"port": 1, "protocol": "TCP"}]}),
            r#".spec.items: duplicate entries for key [port=1,protocol="TCP"]"#,
        ),
        (
            json!({"items": [{"port": 1}, "x"]}),
            ".spec.items: element 1: associative list with keys may not have non-map elements",
        ),
        (
            json!({"items": [null]}),
            ".spec.items: element 0: associative list with keys may not have a null element",
        ),
        (
            json!({"items": [{"port": 1, "nam": "x"}]}),
            r#".spec.items[port=1,protocol="TCP"].nam: field not declared in schema"#,
        ),
        (json!({"atomic": {"c": "1"}}), ".spec.atomic.c: field not declared in schema"),
        (json!({"free": ["x"]}), ".spec.free: expected map, got &{[x]}"),
        (
            json!({"count": "5", "items": [{"port": "x", "protocol": 1}], "text": 1}),
            "errors:\n  .spec.count: expected numeric (int or float), got string\n  \
             .spec.items[port=\"x\",protocol=1].port: expected numeric (int or float), got string\n  \
             .spec.items[port=\"x\",protocol=1].protocol: expected string, got &value.valueUnstructured{Value:1}\n  \
             .spec.text: expected string, got &value.valueUnstructured{Value:1}",
        ),
    ];
    for (spec, expected) in cases {
        let errors = refusal(&widget(), &object(spec.clone()));
        assert_eq!(errors, expected, "{spec}");
    }
    assert_eq!(
        refusal(&widget(), &json!({"metadata": {"bogus": 1}})),
        ".metadata.bogus: field not declared in schema"
    );
}

#[test]
fn nulls_and_stored_duplicates_conform() {
    let schema = widget();
    let nulls = json!({"text": null, "count": null, "set": null, "items": null, "labels": {"a": null}, "atomic": null});
    assert!(validate(schema.shape(), &object(nulls), Duplicates::Refused).is_ok());
    let repeated = object(json!({"set": ["a", "a"], "items": [{"port": 1}, {"port": 1}]}));
    assert!(validate(schema.shape(), &repeated, Duplicates::Refused).is_err());
    assert!(validate(schema.shape(), &repeated, Duplicates::Allowed).is_ok());
}

#[test]
fn a_list_item_without_any_key_is_refused_unless_a_key_has_a_default() {
    let mut definitions = Definitions::default();
    let schema = json!({"type": "object", "properties": {"l": {
        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a", "b"],
        "items": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "string"}}},
    }}});
    definitions.add_custom("g", "v", "K", Some(&schema)).unwrap();
    let kind = definitions.kind("g", "v", "K").unwrap();
    assert_eq!(
        refusal(&kind, &json!({"l": [{"c": "x"}]})),
        ".l: element 0: associative list with keys has an element that omits all key fields [\"a\" \"b\"] \
         (and doesn't have default values for any key fields)"
    );
    assert!(
        validate(kind.shape(), &json!({"l": [{"a": "x"}, {"b": "x"}]}), Duplicates::Refused).is_ok(),
        "one key is enough"
    );
}

#[test]
fn ownership_below_what_became_atomic_becomes_ownership_of_the_whole() {
    let cases = [
        (json!({"f:atomic": {"f:a": {}}}), json!({"f:atomic": {}})),
        (json!({"f:atomic": {".": {}, "f:a": {}}}), json!({"f:atomic": {}})),
        (json!({"f:atomic": {}}), json!({"f:atomic": {}})),
        (json!({"f:list": {"v:\"a\"": {}}}), json!({"f:list": {}})),
        (json!({"f:labels": {"f:a": {}}}), json!({"f:labels": {"f:a": {}}})),
        (json!({"f:free": {"f:a": {"f:b": {}}}}), json!({"f:free": {"f:a": {"f:b": {}}}})),
        (json!({"f:unknown": {"f:b": {}}}), json!({"f:unknown": {"f:b": {}}})),
        (
            json!({"f:items": {"k:{\"port\":1}": {".": {}, "f:tags": {"v:\"a\"": {}}}}}),
            json!({"f:items": {"k:{\"port\":1}": {".": {}, "f:tags": {"v:\"a\"": {}}}}}),
        ),
    ];
    for (given, expected) in cases {
        let owned = FieldSet::from_fields_v1(&json!({"f:spec": given})).unwrap();
        assert_eq!(reconcile(widget().shape(), &owned).to_fields_v1()["f:spec"], expected, "{given}");
    }
}
