//! What holds for every configuration.

use proptest::prelude::*;
use proptest::{collection, option, sample};
use serde_json::{Map, Value, json};

use super::super::FieldSet;
use super::super::path::{KeyValue, PathElement};
use super::super::remove::with_named_fields;
use super::super::typed::{field_set, item_element};
use super::super::validate::{Duplicates, validate};
use super::super::value::equal;
use super::{LATER, Stage, object, widget};
use crate::schema::{Form, Shape};

fn text() -> impl Strategy<Value = String> {
    sample::select(vec!["a", "b", "c", "<&>", ""]).prop_map(str::to_owned)
}

fn texts(keys: &'static [&'static str]) -> impl Strategy<Value = Value> {
    collection::btree_map(sample::select(keys), text(), 0..4).prop_map(|map| json!(map))
}

/// Some of the names, in any order; never none, for nobody owns an empty set.
fn some_of(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    sample::subsequence(names, 1..=names.len()).prop_shuffle().prop_map(|names| json!(names))
}

fn items() -> impl Strategy<Value = Value> {
    let item = (option::of(text()), option::of(some_of(&["t", "u"])), any::<bool>());
    let ports = sample::subsequence(vec![1, 9, 80, 443], 1..=4).prop_shuffle();
    (ports, collection::vec(item, 4)).prop_map(|(ports, items)| {
        let items = ports.iter().zip(items).map(|(port, (name, tags, spelled))| {
            let mut item = json!({"port": port});
            if let Some(name) = name {
                item["name"] = json!(name);
            }
            if let Some(tags) = tags {
                item["tags"] = tags;
            }
            if spelled {
                item["protocol"] = json!("TCP");
            }
            item
        });
        items.collect()
    })
}

fn free() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (0..3).prop_map(Value::from),
        text().prop_map(Value::from)
    ];
    let nested = leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            collection::btree_map(sample::select(vec!["p", "q"]), inner, 1..3).prop_map(|map| json!(map)),
        ]
    });
    collection::btree_map(sample::select(vec!["p", "q"]), nested, 0..3).prop_map(|map| json!(map))
}

/// A spec with any of the fields of a widget, without nulls.
fn spec() -> impl Strategy<Value = Value> {
    let nested = collection::btree_map(sample::select(vec!["n", "m"]), texts(&["a", "b"]), 0..3);
    let fields = vec![
        ("text", text().prop_map(Value::from).boxed()),
        ("count", (0..3).prop_map(Value::from).boxed()),
        ("set", some_of(&["a", "b", "c", "d"]).boxed()),
        ("list", some_of(&["a", "b", "c"]).boxed()),
        ("items", items().boxed()),
        ("labels", texts(&["k", "l", "m"]).boxed()),
        ("nested", nested.prop_map(|map| json!(map)).boxed()),
        ("atomic", texts(&["a", "b"]).boxed()),
        ("free", free().boxed()),
    ];
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| {
            option::of(value).prop_map(move |value| value.map(|value| (name.to_owned(), value)))
        })
        .collect();
    fields.prop_map(|fields| Value::Object(fields.into_iter().flatten().collect::<Map<_, _>>()))
}

/// Whether an object holds everything that a configuration sets.
fn holds(shape: Shape<'_>, object: &Value, applied: &Value) -> bool {
    match (shape.narrowed(Some(applied)).form(), object, applied) {
        (Form::Map(map, false), Value::Object(object), Value::Object(applied)) => {
            applied.iter().all(|(name, applied)| {
                let field = map.type_of(name).unwrap().shape(shape.types);
                object.get(name).is_some_and(|object| holds(field, object, applied))
            })
        }
        (Form::List(list), Value::Array(object), Value::Array(applied)) if !list.is_atomic() => {
            // In the applied order, others in between.
            let mut rest = object.iter();
            applied.iter().all(|applied| {
                let name = item_element(shape.types, list, applied);
                let found = rest.find(|item| item_element(shape.types, list, item) == name);
                found.is_some_and(|item| holds(list.items.shape(shape.types), item, applied))
            })
        }
        _ => equal(object, applied),
    }
}

fn set_of(entry: &Value) -> FieldSet {
    entry.get("fieldsV1").map_or_else(FieldSet::default, |fields| FieldSet::from_fields_v1(fields).unwrap())
}

fn element() -> impl Strategy<Value = PathElement> {
    let scalar = prop_oneof![
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        ".{0,4}".prop_map(Value::from),
    ];
    let key = collection::btree_map("[a-c]", scalar.clone(), 1..3).prop_map(|keys| {
        PathElement::Key(keys.into_iter().map(|(name, value)| (name, KeyValue(value))).collect())
    });
    prop_oneof![
        ".{0,5}".prop_map(PathElement::Field),
        key,
        scalar.prop_map(|value| PathElement::Value(KeyValue(value))),
        (0..20_i64).prop_map(PathElement::Index),
    ]
}

fn field_sets() -> impl Strategy<Value = FieldSet> {
    let leaf = collection::btree_set(element(), 0..4).prop_map(|elements| {
        let mut set = FieldSet::default();
        elements.into_iter().for_each(|element| set.put(element, true, FieldSet::default()));
        set
    });
    leaf.prop_recursive(3, 24, 4, |below| {
        collection::vec((element(), any::<bool>(), below), 0..4).prop_map(|nodes| {
            let mut set = FieldSet::default();
            nodes.into_iter().for_each(|(element, member, below)| set.put(element, member, below));
            set
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn applying_twice_changes_nothing(theirs in spec(), ours in spec()) {
        let mut stage = Stage::new();
        stage.put_spec("creator", theirs);
        stage.apply("kubefed", ours.clone());
        let before = stage.live.clone();
        stage.now = LATER;
        prop_assert!(!stage.apply("kubefed", ours));
        prop_assert_eq!(&stage.live, &before);
    }

    #[test]
    fn what_is_applied_by_force_is_in_the_result(theirs in spec(), others in spec(), ours in spec()) {
        let mut stage = Stage::new();
        stage.put_spec("creator", theirs);
        stage.apply("other", others);
        stage.apply("kubefed", ours.clone());
        let live = stage.live.clone().unwrap();
        prop_assert!(holds(stage.schema.shape(), &live, &object(ours)), "{}", live);
    }

    #[test]
    fn giving_everything_up_removes_what_nobody_else_owns(others in spec(), ours in spec()) {
        let mut stage = Stage::new();
        stage.apply("other", others);
        stage.apply("kubefed", ours);
        let theirs = stage.entry("other", "Apply");
        stage.live = Some(stage.try_apply_nothing("kubefed"));
        prop_assert_eq!(stage.entry("kubefed", "Apply"), Value::Null);
        prop_assert_eq!(&stage.entry("other", "Apply"), &theirs, "theirs is untouched");
        let mut bare = stage.live.clone().unwrap();
        bare["metadata"].as_object_mut().unwrap().remove("managedFields");
        let identity = FieldSet::of(&["apiVersion", "kind", "metadata.name", "metadata.namespace"]);
        let left = field_set(stage.schema.shape(), &bare).difference(&identity);
        let ownerless = left.difference(&set_of(&theirs));
        prop_assert!(ownerless.is_empty(), "left without owner: {:?}", ownerless.printed());
        let lost = set_of(&theirs).difference(&with_named_fields(Some(stage.schema.shape()), &left));
        prop_assert!(lost.is_empty(), "lost: {:?}", lost.printed());
    }

    #[test]
    fn an_apply_is_refused_exactly_where_force_would_take_something(others in spec(), ours in spec()) {
        let mut stage = Stage::new();
        stage.apply("other", others);
        let theirs = set_of(&stage.entry("other", "Apply"));
        let refused = stage.try_apply("kubefed", ours.clone(), false).is_err();
        stage.apply("kubefed", ours);
        prop_assert_eq!(refused, set_of(&stage.entry("other", "Apply")) != theirs);
    }

    #[test]
    fn the_wire_form_keeps_every_set(set in field_sets()) {
        prop_assert_eq!(FieldSet::from_fields_v1(&set.to_fields_v1()).unwrap(), set);
    }

    #[test]
    fn a_set_is_what_it_shares_and_what_it_does_not(a in field_sets(), b in field_sets()) {
        let (shared, own) = (a.intersection(&b), a.difference(&b));
        prop_assert_eq!(&shared.union(&own), &a);
        prop_assert!(shared.intersection(&own).is_empty());
        prop_assert_eq!(&a.union(&b).difference(&b).union(&shared), &a);
        prop_assert!(a.without(&b).difference(&own).is_empty());
        prop_assert_eq!(a.union(&b), b.union(&a));
    }

    #[test]
    fn widgets_conform_to_their_type(spec in spec()) {
        prop_assert!(validate(widget().shape(), &object(spec), Duplicates::Refused).is_ok());
    }
}
