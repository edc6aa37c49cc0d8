//! The algebra of field sets, with members above and below each other.

use serde_json::{Value, json};

use super::super::FieldSet;
use super::super::path::PathElement;

fn set(value: &Value) -> FieldSet {
    FieldSet::from_fields_v1(value).unwrap()
}

struct Case {
    a: Value,
    b: Value,
    union: Value,
    intersection: Value,
    difference: Value,
    without: Value,
}

#[test]
fn two_sets_combine() {
    let cases = [
        Case {
            a: json!({"f:a": {}, "f:b": {}}),
            b: json!({"f:b": {}, "f:c": {}}),
            union: json!({"f:a": {}, "f:b": {}, "f:c": {}}),
            intersection: json!({"f:b": {}}),
            difference: json!({"f:a": {}}),
            without: json!({"f:a": {}}),
        },
        // A parent is not its child.
        Case {
            a: json!({"f:a": {}}),
            b: json!({"f:a": {"f:x": {}}}),
            union: json!({"f:a": {".": {}, "f:x": {}}}),
            intersection: json!({}),
            difference: json!({"f:a": {}}),
            without: json!({"f:a": {}}),
        },
        // A child outlives its parent, except where everything below goes too.
        Case {
            a: json!({"f:a": {"f:x": {}, "f:y": {"f:z": {}}}}),
            b: json!({"f:a": {}}),
            union: json!({"f:a": {".": {}, "f:x": {}, "f:y": {"f:z": {}}}}),
            intersection: json!({}),
            difference: json!({"f:a": {"f:x": {}, "f:y": {"f:z": {}}}}),
            without: json!({}),
        },
        Case {
            a: json!({"f:a": {".": {}, "k:{\"n\":1}": {".": {}, "f:n": {}}, "k:{\"n\":2}": {".": {}}}}),
            b: json!({"f:a": {"k:{\"n\":1}": {".": {}, "f:m": {}}}}),
            union: json!({"f:a": {".": {}, "k:{\"n\":1}": {".": {}, "f:n": {}, "f:m": {}}, "k:{\"n\":2}": {}}}),
            intersection: json!({"f:a": {"k:{\"n\":1}": {}}}),
            difference: json!({"f:a": {".": {}, "k:{\"n\":1}": {"f:n": {}}, "k:{\"n\":2}": {}}}),
            without: json!({"f:a": {".": {}, "k:{\"n\":2}": {}}}),
        },
        Case {
            a: json!({}),
            b: json!({"f:a": {}}),
            union: json!({"f:a": {}}),
            intersection: json!({}),
            difference: json!({}),
            without: json!({}),
        },
    ];
    for case in cases {
        let (a, b) = (set(&case.a), set(&case.b));
        let about = format!("{} and {}", case.a, case.b);
        assert_eq!(a.union(&b), set(&case.union), "union of {about}");
        assert_eq!(b.union(&a), set(&case.union), "union of {about}, swapped");
        assert_eq!(a.intersection(&b), set(&case.intersection), "intersection of {about}");
        assert_eq!(b.intersection(&a), set(&case.intersection), "intersection of {about}, swapped");
        assert_eq!(a.difference(&b), set(&case.difference), "difference of {about}");
        assert_eq!(a.without(&b), set(&case.without), "{about}, without");
    }
}

#[test]
fn paths_are_found() {
    let set = set(&json!({"f:a": {".": {}, "f:x": {}}, "f:b": {"f:y": {}}}));
    let path = |names: &[&str]| names.iter().map(|name| PathElement::field(name)).collect::<Vec<_>>();
    for (names, found) in [
        (&["a"][..], true),
        (&["a", "x"], true),
        (&["b"], false),
        (&["b", "y"], true),
        (&["b", "z"], false),
        (&[], false),
    ] {
        assert_eq!(set.contains(&path(names)), found, "{names:?}");
    }
    assert!(set.below(&PathElement::field("b")).is_some());
    assert!(set.below(&PathElement::field("c")).is_none());
}

#[test]
fn leaves_have_nothing_below() {
    let all = set(&json!({"f:a": {".": {}, "f:x": {}}, "f:b": {}}));
    assert_eq!(all.leaves(), set(&json!({"f:a": {"f:x": {}}, "f:b": {}})));
}

#[test]
fn sets_are_made_from_dotted_paths() {
    let made = FieldSet::of(&["metadata", "metadata.name", "spec.a.b"]);
    assert_eq!(
        made.to_fields_v1(),
        json!({"f:metadata": {".": {}, "f:name": {}}, "f:spec": {"f:a": {"f:b": {}}}})
    );
    assert!(FieldSet::of(&[]).is_empty());
}
