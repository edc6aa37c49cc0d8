//! Sets of field paths in the form of `fieldsV1`.
//!
//! A set is a tree of objects. A key is a field (`f:name`), a list item by its keys (`k:{…}`), by its value (`v:…`) or
//! by its index (`i:0`). A node is itself in the set if it is empty or holds the key `.`; the root never is.

use serde_json::{Map, Value};

type Node = Map<String, Value>;

/// Stands for the node itself where the node has children.
const ITSELF: &str = ".";

/// Whether a node other than the root is in the set.
pub(super) fn is_member(node: &Node) -> bool {
    node.is_empty() || node.contains_key(ITSELF)
}

/// The children of a node, without the mark of the node itself.
pub(super) fn children(node: &Node) -> impl Iterator<Item = (&str, &Node)> {
    node.iter()
        .filter(|(key, _)| *key != ITSELF)
        .filter_map(|(key, child)| Some((key.as_str(), child.as_object()?)))
}

/// Whether the set holds exactly the field at a path of field names.
pub(super) fn owns(fields: &Value, path: &[String]) -> bool {
    let mut node = fields.as_object();
    for key in path {
        node = node.and_then(|node| node.get(&format!("f:{key}"))).and_then(Value::as_object);
    }
    !path.is_empty() && node.is_some_and(is_member)
}

/// The set without the paths of another, and without parents that become empty, as structured-merge-diff does it.
pub(super) fn without(set: &Node, other: &Node) -> Node {
    let mut rest = Node::new();
    for (key, child) in children(set) {
        let taken = other.get(key).and_then(Value::as_object);
        let left = match taken {
            Some(taken) => without_node(child, taken),
            None => Some(child.clone()),
        };
        if let Some(left) = left {
            rest.insert(key.to_owned(), Value::Object(left));
        }
    }
    rest
}

fn without_node(node: &Node, other: &Node) -> Option<Node> {
    let stays = is_member(node) && !is_member(other);
    node_of(stays, without(node, other))
}

/// The paths that are in one of the sets or in both.
pub(super) fn union(set: &Node, other: &Node) -> Node {
    let mut both: Node =
        children(set).map(|(key, child)| (key.to_owned(), Value::Object(child.clone()))).collect();
    for (key, child) in children(other) {
        let united = match set.get(key).and_then(Value::as_object) {
            Some(first) => node_of(is_member(first) || is_member(child), union(first, child)),
            None => Some(child.clone()),
        };
        both.insert(key.to_owned(), Value::Object(united.unwrap_or_default()));
    }
    both
}

/// A node in its shortest form; none if neither it nor a child is in the set.
fn node_of(is_member: bool, mut children: Node) -> Option<Node> {
    match (is_member, children.is_empty()) {
        (false, true) => None,
        (true, false) => {
            children.insert(ITSELF.to_owned(), Value::Object(Node::new()));
            Some(children)
        }
        _ => Some(children),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn node(value: &Value) -> &Node {
        value.as_object().unwrap()
    }

    #[rstest]
    #[case(json!({"f:a": {}}), json!({"f:a": {}}), json!({}))]
    #[case(json!({"f:a": {}, "f:b": {}}), json!({"f:a": {}}), json!({"f:b": {}}))]
    #[case(json!({"f:a": {"f:b": {"f:c": {}}}}), json!({"f:a": {"f:b": {"f:c": {}}}}), json!({}))]
    #[case(json!({"f:a": {".": {}, "f:b": {}}}), json!({"f:a": {"f:b": {}}}), json!({"f:a": {}}))]
    #[case(json!({"f:a": {".": {}, "f:b": {}}}), json!({"f:a": {}}), json!({"f:a": {"f:b": {}}}))]
    #[case(json!({"f:a": {".": {}, "f:b": {}}}), json!({"f:a": {".": {}, "f:b": {}}}), json!({}))]
    #[case(json!({"f:a": {}}), json!({"f:a": {"f:b": {}}}), json!({"f:a": {}}))]
    #[case(json!({"f:a": {"f:b": {}}}), json!({"f:a": {}}), json!({"f:a": {"f:b": {}}}))]
    #[case(
        json!({"f:ports": {"k:{\"port\":80}": {".": {}, "f:port": {}, "f:targetPort": {}}}}),
        json!({"f:ports": {"k:{\"port\":80}": {".": {}, "f:port": {}}}}),
        json!({"f:ports": {"k:{\"port\":80}": {"f:targetPort": {}}}})
    )]
    #[case(json!({"f:l": {"v:\"x\"": {}, "v:\"y\"": {}}}), json!({"f:l": {"v:\"x\"": {}}}), json!({"f:l": {"v:\"y\"": {}}}))]
    fn subtraction_removes_paths_and_empty_parents(
        #[case] set: Value,
        #[case] other: Value,
        #[case] expected: Value,
    ) {
        assert_eq!(Value::Object(without(node(&set), node(&other))), expected);
    }

    /// The paths of a set, as its definition says.
    fn paths(set: &Node, prefix: &str) -> BTreeSet<String> {
        children(set)
            .flat_map(|(key, child)| {
                let path = format!("{prefix}/{key}");
                let itself = is_member(child).then(|| path.clone());
                itself.into_iter().chain(paths(child, &path)).collect::<Vec<_>>()
            })
            .collect()
    }

    fn any_set() -> impl Strategy<Value = Node> {
        let leaf = Just(Node::new());
        let set = leaf.prop_recursive(3, 24, 4, |inner| {
            let children = prop::collection::btree_map("f:[abc]", inner, 0..4);
            (children, any::<bool>()).prop_map(|(children, itself)| {
                let children: Node =
                    children.into_iter().map(|(key, node)| (key, Value::Object(node))).collect();
                node_of(itself, children).unwrap_or_default()
            })
        });
        set.prop_map(|mut root| {
            root.remove(ITSELF);
            root
        })
    }

    proptest! {
        #[test]
        fn subtraction_is_that_of_path_sets(a in any_set(), b in any_set()) {
            let expected: BTreeSet<_> = paths(&a, "").difference(&paths(&b, "")).cloned().collect();
            prop_assert_eq!(paths(&without(&a, &b), ""), expected);
        }

        #[test]
        fn union_is_that_of_path_sets(a in any_set(), b in any_set()) {
            let expected: BTreeSet<_> = paths(&a, "").union(&paths(&b, "")).cloned().collect();
            prop_assert_eq!(paths(&union(&a, &b), ""), expected);
        }

        #[test]
        fn subtraction_of_nothing_changes_nothing(a in any_set()) {
            prop_assert_eq!(without(&a, &Node::new()), a);
        }
    }
}
