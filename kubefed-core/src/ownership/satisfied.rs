//! Whether a live object already is what a rendered one asks for, without a schema.
//!
//! Our own entry of the managed fields stands in for the schema: it tells maps and lists that are merged (their items
//! have nodes) from those that are replaced as a whole (they have none). Where that leaves a doubt the answer is no,
//! which costs one apply that changes nothing; a wrong yes would leave the object as it is for ever. The one doubt that
//! stays is a map that we applied empty and that others filled: it looks like one that is replaced as a whole, so that
//! a template which then asks for just what they wrote counts as satisfied without being ours.

use serde_json::{Map, Value};

use super::{
    fields::{children, is_member},
    quantity::nanos,
};

type Fields = Map<String, Value>;

/// Fields of the API that hold maps of quantities.
const QUANTITY_MAPS: [&str; 11] = [
    "allocatable",
    "capacity",
    "default",
    "defaultRequest",
    "hard",
    "limits",
    "max",
    "maxLimitRequestRatio",
    "min",
    "podFixed",
    "requests",
];

/// Fields of the API that are quantities.
const QUANTITIES: [&str; 3] = ["averageValue", "divisor", "sizeLimit"];

/// Where a value stands, as far as it matters for comparing it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Root,
    Metadata,
    /// In user data or metadata: text is text, whatever it looks like.
    Text,
    Other,
    QuantityMap,
    Quantity,
}

impl Position {
    fn of_field(self, key: &str) -> Self {
        match self {
            Self::Root if key == "metadata" => Self::Metadata,
            Self::Root if ["data", "binaryData", "stringData"].contains(&key) => Self::Text,
            Self::Metadata | Self::Text => Self::Text,
            Self::QuantityMap => Self::Quantity,
            Self::Root | Self::Other | Self::Quantity => {
                if QUANTITY_MAPS.contains(&key) {
                    Self::QuantityMap
                } else if QUANTITIES.contains(&key) {
                    Self::Quantity
                } else {
                    Self::Other
                }
            }
        }
    }

    fn of_item(self) -> Self {
        if self == Self::Text { Self::Text } else { Self::Other }
    }

    /// What identifies the object or its type belongs to nobody.
    fn is_never_owned(self, key: &str) -> bool {
        match self {
            Self::Root => key == "apiVersion" || key == "kind",
            Self::Metadata => key == "name" || key == "namespace",
            Self::Text | Self::Other | Self::QuantityMap | Self::Quantity => false,
        }
    }
}

/// Whether applying `rendered` would change neither `live` nor our ownership of it. `fields` is the `fieldsV1` of our
/// own entry, operation `Apply`, of the live object.
///
/// * Every rendered value is in the live object. Maps are compared by key, lists by the keys or values of their items
///   where our entry knows such items (and then also in their order), and otherwise item by item.
/// * We own every rendered value, and nothing that is not rendered. Identity (kind, version, name, namespace) is not
///   compared, and a rendered null asks for nothing but the absence of a value.
/// * Numbers are compared by value. Text is compared as text, so `"1"` is not `1`; only where the API has quantities is
///   `"1000m"` the same as `"1"` or `1`, because API servers rewrite those.
#[must_use]
pub fn is_satisfied(rendered: &Value, live: &Value, fields: &Value) -> bool {
    match (rendered, fields) {
        (Value::Object(rendered), Value::Object(owned)) => {
            is_object_satisfied(rendered, Some(live), Some(owned), Position::Root)
        }
        _ => false,
    }
}

fn is_value_satisfied(
    rendered: &Value,
    live: Option<&Value>,
    owned: Option<&Fields>,
    position: Position,
) -> bool {
    let live = live.filter(|live| !live.is_null());
    match rendered {
        // In a map of texts a null becomes an empty one.
        Value::Null => live.is_none_or(|live| live == "" && owned.is_some_and(is_leaf)),
        Value::Object(rendered) if rendered.is_empty() => {
            // Servers leave out some empty objects; that it is still ours shows that nobody removed it.
            owned.is_some_and(is_leaf) && live.is_none_or(Value::is_object)
        }
        Value::Object(fields) => match owned {
            Some(owned) if is_leaf(owned) => live.is_some_and(|live| is_same(rendered, live, position)),
            owned => is_object_satisfied(fields, live, owned, position),
        },
        Value::Array(items) if items.is_empty() => {
            // An empty list that is merged owns nothing, one that is replaced owns itself.
            owned.is_none_or(is_leaf) && live.is_none_or(|live| live.as_array().is_some_and(Vec::is_empty))
        }
        Value::Array(items) => match (owned, live.and_then(Value::as_array)) {
            (Some(owned), Some(live)) if is_leaf(owned) => is_same_list(items, live, position),
            (Some(owned), Some(live)) => is_merged_list_satisfied(items, live, owned, position),
            _ => false,
        },
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            // Servers leave out the zero values of many fields; that it is still ours shows that nobody removed it.
            let is_held = live.map_or_else(|| is_zero(rendered), |live| is_same(rendered, live, position));
            owned.is_some_and(is_leaf) && is_held
        }
    }
}

fn is_zero(value: &Value) -> bool {
    *value == false || *value == "" || value.as_f64() == Some(0.0)
}

fn is_leaf(node: &Fields) -> bool {
    is_member(node) && children(node).next().is_none()
}

fn is_object_satisfied(
    rendered: &Fields,
    live: Option<&Value>,
    owned: Option<&Fields>,
    position: Position,
) -> bool {
    let live = match live {
        None => None,
        Some(Value::Object(live)) => Some(live),
        Some(_) => return false,
    };
    let owns_only_rendered = owned.is_none_or(|owned| {
        children(owned)
            .all(|(key, _)| key.strip_prefix("f:").is_some_and(|field| rendered.contains_key(field)))
    });
    owns_only_rendered
        && rendered.iter().filter(|(key, _)| !position.is_never_owned(key)).all(|(key, value)| {
            let live = live.and_then(|live| live.get(key));
            let owned = owned.and_then(|owned| owned.get(&format!("f:{key}"))).and_then(Value::as_object);
            is_value_satisfied(value, live, owned, position.of_field(key))
        })
}

/// A list whose items have nodes of their own in our entry: by keys, or by value.
fn is_merged_list_satisfied(rendered: &[Value], live: &[Value], owned: &Fields, position: Position) -> bool {
    let mut by_keys = Vec::new();
    let mut by_value = Vec::new();
    for (key, node) in children(owned) {
        let (kind, json) = key.split_at(key.len().min(2));
        match (kind, serde_json::from_str::<Value>(json)) {
            ("k:", Ok(Value::Object(keys))) => by_keys.push((keys, node)),
            ("v:", Ok(value)) => by_value.push(value),
            _ => return false,
        }
    }
    match (by_keys.is_empty(), by_value.is_empty()) {
        (false, true) => is_keyed_list_satisfied(rendered, live, by_keys, position),
        (true, false) => {
            by_value.len() == rendered.len()
                && rendered
                    .iter()
                    .all(|item| by_value.iter().any(|value| is_same(item, value, Position::Text)))
                && by_value
                    .iter()
                    .all(|value| rendered.iter().any(|item| is_same(item, value, Position::Text)))
                && rendered.iter().all(|item| live.iter().any(|live| is_same(item, live, Position::Text)))
        }
        _ => false,
    }
}

/// Every rendered item has a node of its own, and no node is left. The items that state all of their keys choose
/// first: one that leaves out a key (the protocol of a port) takes the node with the server's default for it.
fn is_keyed_list_satisfied(
    rendered: &[Value],
    live: &[Value],
    mut owned: Vec<(Fields, &Fields)>,
    position: Position,
) -> bool {
    if rendered.len() != owned.len() {
        return false;
    }
    let missing = |item: &Value, keys: &Fields| keys.keys().filter(|key| item.get(*key).is_none()).count();
    let most_keys = |item: &Value| owned.first().map_or(0, |(keys, _)| missing(item, keys));
    let mut order: Vec<usize> = (0..rendered.len()).collect();
    order.sort_by_key(|&index| most_keys(&rendered[index]));
    let mut places = vec![0; rendered.len()];
    for index in order {
        let item = &rendered[index];
        let Some(chosen) = owned.iter().position(|(keys, _)| has_keys(item, keys)) else {
            return false;
        };
        let (keys, node) = owned.swap_remove(chosen);
        let has_all = |live: &Value| has_keys(live, &keys) && missing(live, &keys) == 0;
        let Some(place) = live.iter().position(has_all) else {
            return false;
        };
        if !is_value_satisfied(item, live.get(place), Some(node), position.of_item()) {
            return false;
        }
        places[index] = place;
    }
    places.is_sorted()
}

/// Whether an item is the one with these keys, or may be: a key that it leaves out is defaulted by the server.
fn has_keys(item: &Value, keys: &Fields) -> bool {
    item.is_object()
        && keys.iter().all(|(key, value)| item.get(key).is_none_or(|own| is_same(own, value, Position::Text)))
}

/// Compares what is replaced as a whole. Fields that only the live value has must be defaults of the server.
fn is_same(rendered: &Value, live: &Value, position: Position) -> bool {
    match (rendered, live) {
        (Value::Object(rendered), Value::Object(live)) => {
            rendered.iter().all(|(key, value)| match live.get(key) {
                Some(live) => is_same(value, live, position.of_field(key)),
                None => value.is_null(),
            }) && live.iter().all(|(key, value)| rendered.contains_key(key) || is_default(key, value))
        }
        (Value::Array(rendered), Value::Array(live)) => is_same_list(rendered, live, position),
        (Value::Number(a), Value::Number(b))
            if a == b || (a.as_f64() == b.as_f64() && a.is_f64() != b.is_f64()) =>
        {
            true
        }
        _ if rendered == live => true,
        _ => {
            position == Position::Quantity && nanos(rendered).is_some_and(|value| nanos(live) == Some(value))
        }
    }
}

fn is_same_list(rendered: &[Value], live: &[Value], position: Position) -> bool {
    let position = position.of_item();
    rendered.len() == live.len()
        && rendered.iter().zip(live).all(|(rendered, live)| is_same(rendered, live, position))
}

/// What API servers fill into parts of built-in kinds that are replaced as a whole, where the field is left out. There
/// our managed fields cannot tell a default from a field that the template dropped.
fn is_default(key: &str, value: &Value) -> bool {
    match key {
        "apiGroup" => value == "rbac.authorization.k8s.io",
        "apiVersion" => value == "v1",
        "divisor" => value == "0",
        "expirationSeconds" => *value == 3600,
        "kind" => value == "PersistentVolumeClaim",
        "protocol" => value == "TCP",
        "selectPolicy" => value == "Max",
        "status" => *value == serde_json::json!({"phase": "Pending"}),
        "volumeMode" => value == "Filesystem",
        _ => value.is_null(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn web() -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "labels": {"kubefed.io/managed": "true"}},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
                    "volumes": [{"name": "tmp", "emptyDir": {}}],
                    "containers": [{"name": "main", "image": "nginx", "args": ["-v"],
                        "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53}],
                        "resources": {"limits": {"cpu": 1, "memory": "1024Mi"}}}]}}}})
    }

    /// As an API server shows it: defaulted, with fields of others.
    fn live_web() -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7",
                "annotations": {"other": "1"}, "labels": {"kubefed.io/managed": "true", "other": "1"}},
            "spec": {"replicas": 3, "revisionHistoryLimit": 10, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"creationTimestamp": null, "labels": {"app": "web"}}, "spec": {
                    "restartPolicy": "Always",
                    "volumes": [{"name": "injected"}, {"name": "tmp", "emptyDir": {}}],
                    "containers": [{"name": "main", "image": "nginx", "args": ["-v"], "imagePullPolicy": "Always",
                        "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}],
                        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}},
                        {"name": "sidecar", "image": "proxy"}]}}},
            "status": {"replicas": 3}})
    }

    fn owned_web() -> Value {
        json!({
            "f:metadata": {"f:labels": {"f:kubefed.io/managed": {}}},
            "f:spec": {"f:replicas": {}, "f:selector": {},
                "f:template": {"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {
                    "f:volumes": {"k:{\"name\":\"tmp\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}},
                    "f:containers": {"k:{\"name\":\"main\"}": {".": {}, "f:name": {}, "f:image": {}, "f:args": {},
                        "f:ports": {
                            "k:{\"containerPort\":53,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}},
                            "k:{\"containerPort\":53,\"protocol\":\"UDP\"}":
                                {".": {}, "f:containerPort": {}, "f:protocol": {}}},
                        "f:resources": {"f:limits": {"f:cpu": {}, "f:memory": {}}}}}}}}})
    }

    #[test]
    fn what_was_applied_is_satisfied() {
        assert!(is_satisfied(&web(), &live_web(), &owned_web()));
    }

    /// A change of what is rendered, at a pointer; null removes.
    #[rstest]
    #[case("/spec/replicas", json!(4))]
    #[case("/spec/replicas", json!("3"))]
    #[case("/spec/replicas", json!(null))]
    #[case("/spec/paused", json!(false))]
    #[case("/spec/revisionHistoryLimit", json!(10))]
    #[case("/metadata/labels/other", json!("1"))]
    #[case("/metadata/annotations", json!({}))]
    #[case("/metadata/annotations", json!({"a": "b"}))]
    #[case("/spec/selector/matchLabels", json!({"app": "web", "x": "y"}))]
    #[case("/spec/template/spec/containers/0/image", json!("nginx:2"))]
    #[case("/spec/template/spec/containers/0/args", json!(["-v", "-v"]))]
    #[case("/spec/template/spec/containers/0/args", json!([]))]
    #[case("/spec/template/spec/containers/0/args", json!(null))]
    #[case("/spec/template/spec/containers/0/name", json!("sidecar"))]
    #[case("/spec/template/spec/containers/0/ports", json!([{"containerPort": 53}]))]
    #[case("/spec/template/spec/containers/0/ports", json!([{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}]))]
    #[case("/spec/template/spec/containers/0/ports", json!([{"containerPort": 53}, {"containerPort": 54}]))]
    #[case("/spec/template/spec/containers/0/resources/limits/cpu", json!("2"))]
    #[case("/spec/template/spec/containers", json!([]))]
    #[case("/spec/template/spec/volumes/0/emptyDir", json!({"medium": "Memory"}))]
    #[case("/spec/template/spec/volumes/0/emptyDir", json!(null))]
    fn a_change_of_what_is_rendered_is_not(#[case] pointer: &str, #[case] value: Value) {
        let mut rendered = web();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = rendered.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            parent.remove(key)
        } else {
            parent.insert(key.to_owned(), value)
        };
        assert!(!is_satisfied(&rendered, &live_web(), &owned_web()));
    }

    /// A change of what is live without a change of our entry, at a pointer.
    #[rstest]
    #[case("/spec/replicas", json!(7))]
    #[case("/spec/template/spec/containers/0/image", json!("other"))]
    #[case("/spec/template/spec/containers/0/ports", json!([{"containerPort": 53, "protocol": "UDP"}]))]
    #[case("/spec/selector", json!({"matchLabels": {"app": "web", "dropped": "from the template"}}))]
    #[case("/spec/template/spec/containers/0/args", json!(["-v", "-w"]))]
    #[case("/spec/template", json!("text"))]
    #[case("/metadata/labels", json!(null))]
    fn a_change_of_what_is_live_is_not(#[case] pointer: &str, #[case] value: Value) {
        let mut live = live_web();
        *live.pointer_mut(pointer).unwrap() = value;
        assert!(!is_satisfied(&web(), &live, &owned_web()));
    }

    #[rstest]
    #[case(json!({"f:spec": {"f:replicas": {}}}))]
    #[case(json!({}))]
    #[case(json!(null))]
    fn what_we_do_not_own_is_not_satisfied(#[case] owned: Value) {
        assert!(!is_satisfied(&web(), &live_web(), &owned));
    }

    fn is_data_satisfied(rendered: &Value, live: &Value, owned: &Value) -> bool {
        let object =
            |data: &Value| json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "n"}, "data": data});
        let owns_some = owned.as_object().is_some_and(|owned| !owned.is_empty());
        let fields = if owns_some { json!({"f:data": owned}) } else { json!({}) };
        is_satisfied(&object(rendered), &object(live), &fields)
    }

    #[rstest]
    #[case(json!("1000m"), json!("1"), false)]
    #[case(json!(1), json!("1"), false)]
    #[case(json!(true), json!("true"), false)]
    #[case(json!("1"), json!("1"), true)]
    fn user_data_is_compared_as_text(#[case] rendered: Value, #[case] live: Value, #[case] expected: bool) {
        let owned = json!({"f:limits": {"f:cpu": {}}, "f:sizeLimit": {}});
        let data = |value: Value| json!({"limits": {"cpu": value}, "sizeLimit": value});
        assert_eq!(is_data_satisfied(&data(rendered), &data(live), &owned), expected);
    }

    #[rstest]
    #[case(json!(1), json!(1.0), true)]
    #[case(json!(9007199254740993_u64), json!(9007199254740992_u64), false)]
    #[case(json!(1.5), json!(1), false)]
    fn numbers_are_compared_by_value(#[case] rendered: Value, #[case] live: Value, #[case] expected: bool) {
        let owned = json!({"f:a": {}});
        assert_eq!(is_data_satisfied(&json!({"a": rendered}), &json!({"a": live}), &owned), expected);
    }

    #[rstest]
    #[case(json!(["x", "y"]), json!(["z", "y", "x"]), json!({"v:\"x\"": {}, "v:\"y\"": {}}), true)]
    #[case(json!(["x"]), json!(["x", "y"]), json!({"v:\"x\"": {}, "v:\"y\"": {}}), false)]
    #[case(json!(["x", "y"]), json!(["x", "y"]), json!({"v:\"x\"": {}}), false)]
    #[case(json!(["x"]), json!(["y"]), json!({"v:\"x\"": {}}), false)]
    #[case(json!(["x"]), json!(["x"]), json!({"i:0": {}}), false)]
    #[case(json!([]), json!([]), json!({"v:\"x\"": {}}), false)]
    #[case(json!([{"name": "a"}, {"name": "b"}]), json!([{"name": "b"}, {"name": "a"}]),
        json!({"k:{\"name\":\"a\"}": {".": {}, "f:name": {}}, "k:{\"name\":\"b\"}": {".": {}, "f:name": {}}}), false)]
    #[case(json!([{"name": "a"}, {"name": "b"}]), json!([{"name": "a"}, {"name": "x"}, {"name": "b"}]),
        json!({"k:{\"name\":\"a\"}": {".": {}, "f:name": {}}, "k:{\"name\":\"b\"}": {".": {}, "f:name": {}}}), true)]
    fn lists_are_compared_as_our_entry_knows_them(
        #[case] rendered: Value,
        #[case] live: Value,
        #[case] owned: Value,
        #[case] expected: bool,
    ) {
        let owned = json!({"f:list": owned});
        assert_eq!(is_data_satisfied(&json!({"list": rendered}), &json!({"list": live}), &owned), expected);
    }

    #[rstest]
    #[case(json!({"fieldPath": "p"}), json!({"fieldPath": "p", "apiVersion": "v1"}), true)]
    #[case(json!([{"port": 1}]), json!([{"port": 1, "protocol": "TCP", "empty": null}]), true)]
    #[case(json!([{"port": 1}]), json!([{"port": 1, "protocol": "UDP"}]), false)]
    #[case(json!([{"port": 1, "x": null}]), json!([{"port": 1}]), true)]
    #[case(json!([{"port": 1}]), json!([{"port": 1, "endPort": 2}]), false)]
    #[case(json!([1]), json!([1, 2]), false)]
    fn what_is_replaced_as_a_whole_may_only_gain_defaults(
        #[case] rendered: Value,
        #[case] live: Value,
        #[case] expected: bool,
    ) {
        assert_eq!(
            is_data_satisfied(&json!({"a": rendered}), &json!({"a": live}), &json!({"f:a": {}})),
            expected
        );
    }

    #[rstest]
    #[case(json!({"a": null}), json!({}), json!({}), true)]
    #[case(json!({"a": null}), json!({"a": null}), json!({"f:a": {}}), true)]
    #[case(json!({"a": null}), json!({"a": 1}), json!({"f:a": {}}), false)]
    #[case(json!({"a": null, "b": 1}), json!({"a": "", "b": 1}), json!({"f:a": {}, "f:b": {}}), true)]
    #[case(json!({"a": null, "b": 1}), json!({"a": "", "b": 1}), json!({"f:b": {}}), false)]
    #[case(json!({"a": {}}), json!({}), json!({"f:a": {}}), true)]
    #[case(json!({"a": {}}), json!({"a": {}}), json!({}), false)]
    #[case(json!({"a": {}}), json!({"a": {"b": 1}}), json!({"f:a": {"f:b": {}}}), false)]
    #[case(json!({"a": []}), json!({}), json!({}), true)]
    #[case(json!({"a": false}), json!({}), json!({"f:a": {}}), true)]
    #[case(json!({"a": 0}), json!({}), json!({"f:a": {}}), true)]
    #[case(json!({"a": ""}), json!({}), json!({"f:a": {}}), true)]
    #[case(json!({"a": ""}), json!({}), json!({}), false)]
    #[case(json!({"a": true}), json!({}), json!({"f:a": {}}), false)]
    #[case(json!({"a": [{"b": 0}]}), json!({"a": [{}]}), json!({"f:a": {}}), false)]
    #[case(json!({"a": []}), json!({"a": []}), json!({"f:a": {}}), true)]
    #[case(json!({"a": []}), json!({"a": [1]}), json!({}), false)]
    #[case(json!({"a": {"b": []}}), json!({}), json!({}), true)]
    #[case(json!({"a": "x"}), json!({"a": "x"}), json!({"f:a": {"f:b": {}}}), false)]
    #[case(json!({"a": {"b": 1}}), json!({"a": {"b": 1}}), json!({"f:a": {".": {}, "f:b": {}}}), true)]
    fn what_is_empty_asks_for_little(
        #[case] rendered: Value,
        #[case] live: Value,
        #[case] owned: Value,
        #[case] expected: bool,
    ) {
        assert_eq!(is_data_satisfied(&rendered, &live, &owned), expected);
    }
}
