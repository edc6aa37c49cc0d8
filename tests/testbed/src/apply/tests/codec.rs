//! The wire form of field sets, and how paths are printed.

use serde_json::{Value, json};

use super::super::FieldSet;
use super::super::path::{KeyValue, PathElement};

fn set(value: &Value) -> FieldSet {
    FieldSet::from_fields_v1(value).unwrap()
}

#[test]
fn what_is_read_is_written_the_same() {
    let cases = [
        json!({}),
        json!({"f:a": {}}),
        json!({"f:a": {"f:b": {}}}),
        json!({"f:a": {".": {}, "f:b": {}}}),
        json!({"f:a": {".": {}, "k:{\"name\":\"x\"}": {".": {}, "f:name": {}}}}),
        json!({"f:a": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {"f:port": {}}}}),
        json!({"f:a": {"v:\"x.io/y\"": {}, "v:1": {}, "v:true": {}, "v:1.5": {}}}),
        json!({"f:a": {"i:3": {}}}),
        json!({"f:a:b/c.d": {}, "f:": {}, "f:.": {}}),
        json!({"f:a": {"k:{\"name\":\"\\u003cx\\u0026y\\u003e\"}": {}}}),
        json!({"f:a": {"v:\"quoted \\\"text\\\"\"": {}}}),
    ];
    for case in cases {
        assert_eq!(set(&case).to_fields_v1(), case);
    }
}

#[test]
fn other_spellings_of_the_same_set_are_read() {
    let cases = [
        (json!(null), json!({})),
        (json!({".": {}}), json!({})),
        (json!({"f:a": {".": {}}}), json!({"f:a": {}})),
        (json!({"f:a": null}), json!({"f:a": {}})),
        (json!({"x:unknown": {"f:b": {}}, "f:a": {}}), json!({"f:a": {}})),
        // What is below an unknown key is left out; a node with nothing else below is a member.
        (json!({"f:a": {"x:unknown": {}}}), json!({"f:a": {}})),
        (
            json!({"f:a": {"k:{\"protocol\":\"TCP\", \"port\":80}": {}}}),
            json!({"f:a": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {}}}),
        ),
        (json!({"f:a": {"v:\"<\"": {}}}), json!({"f:a": {"v:\"\\u003c\"": {}}})),
    ];
    for (given, written) in cases {
        assert_eq!(set(&given).to_fields_v1(), written, "{given}");
    }
}

#[test]
fn malformed_sets_are_refused() {
    let cases = [
        json!([]),
        json!("text"),
        json!({"a": {}}),
        json!({"": {}}),
        json!({"fa": {}}),
        json!({"ff:a": {}}),
        json!({"f:a": 1}),
        json!({"f:a": {"v:{": {}}}),
        json!({"f:a": {"k:[]": {}}}),
        json!({"f:a": {"i:x": {}}}),
    ];
    for case in cases {
        assert!(FieldSet::from_fields_v1(&case).is_err(), "{case}");
    }
}

#[test]
fn members_of_a_level_are_printed_before_what_is_below_them() {
    let set = set(&json!({
        "f:spec": {
            "f:items": {
                "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}},
                "k:{\"port\":9,\"protocol\":\"TCP\"}": {},
            },
            "f:set": {"v:\"b\"": {}, "v:\"a\"": {}},
            "f:text": {},
        },
        "f:status": {},
    }));
    assert_eq!(
        set.printed(),
        [
            ".status",
            ".spec.text",
            r#".spec.items[port=9,protocol="TCP"]"#,
            r#".spec.items[port=80,protocol="TCP"]"#,
            r#".spec.items[port=80,protocol="TCP"].name"#,
            r#".spec.set[="a"]"#,
            r#".spec.set[="b"]"#,
        ]
    );
}

#[test]
fn elements_are_ordered_as_the_server_orders_them() {
    let key = |fields: &[(&str, Value)]| {
        PathElement::Key(
            fields.iter().map(|(name, value)| ((*name).to_owned(), KeyValue(value.clone()))).collect(),
        )
    };
    let item = |value: Value| PathElement::Value(KeyValue(value));
    let ordered = [
        PathElement::field("a"),
        PathElement::field("b"),
        key(&[("port", json!(9))]),
        key(&[("port", json!(9)), ("protocol", json!("TCP"))]),
        key(&[("port", json!(80))]),
        key(&[("port", json!("80"))]),
        item(json!(1)),
        item(json!(1.5)),
        item(json!(2)),
        item(json!("a")),
        item(json!("b")),
        item(json!(false)),
        item(json!(true)),
        PathElement::Index(0),
        PathElement::Index(10),
    ];
    for (index, element) in ordered.iter().enumerate() {
        for (other_index, other) in ordered.iter().enumerate() {
            assert_eq!(element.cmp(other), index.cmp(&other_index), "{element} and {other}");
        }
    }
    assert_eq!(item(json!(1)), item(json!(1.0)), "a number is a number");
}
