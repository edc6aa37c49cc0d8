//! Overrides: what differs in single members (spec 3.6).
//!
//! Overrides look like a JSON patch but behave like version 4 of the Go library that KubeFed uses, which is laxer than
//! RFC 6902: `replace` sets a key that is not there, the part of a path before its first slash is dropped, and
//! indices may be negative. Existing objects rely on it.

use std::{borrow::Cow, collections::BTreeSet, fmt};

use serde_json::Value;

use crate::api::{ClusterOverride, ClusterOverrides, OverrideOperation};

/// Paths that overrides may not name, because they would make another object of it.
const PROTECTED_PATHS: [&str; 4] =
    ["/metadata/namespace", "/metadata/name", "/metadata/generateName", "/kind"];

/// Why overrides cannot be used. The status of the member is `ApplyOverridesFailed`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// Two items of `spec.overrides` speak of one cluster.
    #[error(
        "cluster {cluster:?} appears more than once in spec.overrides; put all of its overrides into one item"
    )]
    DuplicateCluster {
        /// Name of the cluster.
        cluster: String,
    },
    /// Two overrides of a cluster have one path.
    #[error("path {path:?} appears more than once for cluster {cluster:?}; keep one of the overrides")]
    DuplicatePath {
        /// Name of the cluster.
        cluster: String,
        /// The path.
        path: String,
    },
    /// An override names what makes the identity of the object.
    #[error(
        "override[{index}] for cluster {cluster:?} has an invalid path: {path} is set by the controller; \
         remove the override"
    )]
    ProtectedPath {
        /// Name of the cluster.
        cluster: String,
        /// Place in `clusterOverrides`, from 0.
        index: usize,
        /// The path.
        path: String,
    },
    /// An override cannot be applied to the object.
    #[error("override[{index}] ({operation} {path:?}): {problem}")]
    NotApplicable {
        /// Place in `clusterOverrides`, from 0.
        index: usize,
        /// `add`, `remove` or `replace`.
        operation: &'static str,
        /// The path.
        path: String,
        /// What is wrong, and what to do.
        problem: PathProblem,
    },
    /// Together, the overrides change what makes the identity of the object.
    #[error(
        "the overrides change {field} of the object, which is set by the controller; \
         override single fields instead of the object around it"
    )]
    ChangesIdentity {
        /// The field.
        field: &'static str,
    },
}

/// What is wrong with the path of an override. `at` is the pointer to the first part that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathProblem {
    /// The path has no slash.
    NoPath,
    /// A part of the path does not exist.
    Missing {
        /// Pointer to it.
        at: String,
        /// Whether it is what the path names, rather than something around it.
        is_target: bool,
    },
    /// A part of the path is a scalar or null, so nothing can be in it.
    NoContainer {
        /// Pointer to it.
        at: String,
        /// What it is.
        found: &'static str,
    },
    /// A part of the path stands for an item of a list and is no index.
    NoIndex {
        /// Pointer to it.
        at: String,
    },
    /// An index is outside of its list.
    OutOfRange {
        /// Pointer to it.
        at: String,
        /// How many items the list has.
        length: usize,
    },
}

impl fmt::Display for PathProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPath => {
                write!(f, "the path has no slash; write it as a JSON pointer, as in \"/spec/replicas\"")
            }
            Self::Missing { at, is_target: true } => {
                write!(f, "there is no {at:?} to remove; correct the path, or delete the override")
            }
            Self::Missing { at, is_target: false } => write!(
                f,
                "there is no {at:?}; correct the path, or add {at:?} in the template or by an override before this one"
            ),
            Self::NoContainer { at, found } => write!(
                f,
                "{at:?} is {found}, so it has no fields or items; correct the path, or replace {at:?} as a whole"
            ),
            Self::NoIndex { at } => {
                write!(
                    f,
                    "the last part of {at:?} is no index of a list; use 0 for the first item, 1 for the next"
                )
            }
            Self::OutOfRange { at, length } => write!(
                f,
                "{at:?} is outside of the list, which has {length} items; correct the index, \
                 or append with the operation \"add\" and the index \"-\""
            ),
        }
    }
}

/// Checks `spec.overrides` as a whole: no cluster twice, no path twice for a cluster, no protected path.
///
/// # Errors
///
/// The first violation. KubeFed refuses all clusters for it, and so do we: what is wrong there may be meant for any.
pub fn validate(overrides: &[ClusterOverrides]) -> Result<(), OverrideError> {
    let mut clusters = BTreeSet::new();
    for ClusterOverrides { cluster_name, cluster_overrides } in overrides {
        if !clusters.insert(cluster_name) {
            return Err(OverrideError::DuplicateCluster { cluster: cluster_name.clone() });
        }
        let mut paths = BTreeSet::new();
        for (index, ClusterOverride { path, .. }) in cluster_overrides.iter().flatten().enumerate() {
            let cluster = || cluster_name.clone();
            if PROTECTED_PATHS.contains(&path.as_str()) {
                return Err(OverrideError::ProtectedPath { cluster: cluster(), index, path: path.clone() });
            }
            if !paths.insert(path) {
                return Err(OverrideError::DuplicatePath { cluster: cluster(), path: path.clone() });
            }
        }
    }
    Ok(())
}

/// Applies the overrides of one cluster in their order, all or none.
///
/// # Errors
///
/// The first override that cannot be applied; the object is then as it was.
pub fn apply(object: &mut Value, overrides: &[ClusterOverride]) -> Result<(), OverrideError> {
    *object = applied(object, overrides)?;
    Ok(())
}

/// The same, on a copy.
pub(crate) fn applied(object: &Value, overrides: &[ClusterOverride]) -> Result<Value, OverrideError> {
    let mut changed = object.clone();
    for (index, item) in overrides.iter().enumerate() {
        let operation = item.op.unwrap_or(OverrideOperation::Replace);
        apply_one(&mut changed, operation, &item.path, item.value.as_ref()).map_err(|problem| {
            OverrideError::NotApplicable {
                index,
                operation: name_of(operation),
                path: item.path.clone(),
                problem,
            }
        })?;
    }
    Ok(changed)
}

fn name_of(operation: OverrideOperation) -> &'static str {
    match operation {
        OverrideOperation::Replace => "replace",
        OverrideOperation::Add => "add",
        OverrideOperation::Remove => "remove",
    }
}

/// The segments of a path: what stands before the first slash is dropped. None where there is no slash.
pub(crate) fn segments(path: &str) -> Option<Vec<Cow<'_, str>>> {
    let (_, pointer) = path.split_once('/')?;
    Some(pointer.split('/').map(unescape).collect())
}

/// `~1` is a slash and `~0` a tilde, in one pass, so that `~01` is `~1`.
fn unescape(segment: &str) -> Cow<'_, str> {
    if segment.contains('~') {
        let parts: Vec<String> = segment.split("~0").map(|part| part.replace("~1", "/")).collect();
        Cow::Owned(parts.join("~"))
    } else {
        Cow::Borrowed(segment)
    }
}

/// The pointer to the segment at a depth, for messages.
fn pointer(segments: &[Cow<'_, str>], depth: usize) -> String {
    segments.iter().take(depth + 1).fold(String::new(), |mut pointer, segment| {
        pointer.push('/');
        pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
        pointer
    })
}

fn apply_one(
    object: &mut Value,
    operation: OverrideOperation,
    path: &str,
    value: Option<&Value>,
) -> Result<(), PathProblem> {
    let segments = segments(path).ok_or(PathProblem::NoPath)?;
    let Some((last, parents)) = segments.split_last() else {
        return Err(PathProblem::NoPath);
    };
    let mut container = object;
    for (depth, segment) in parents.iter().enumerate() {
        container = descend(container, segment, depth, &segments)?;
    }
    let depth = parents.len();
    match container {
        Value::Object(fields) => match operation {
            OverrideOperation::Replace | OverrideOperation::Add => {
                fields.insert(last.clone().into_owned(), value.cloned().unwrap_or_default());
            }
            OverrideOperation::Remove => {
                if fields.remove(last.as_ref()).is_none() {
                    return Err(PathProblem::Missing { at: pointer(&segments, depth), is_target: true });
                }
            }
        },
        Value::Array(items) => change_list(items, operation, last, value, || pointer(&segments, depth))?,
        other => return Err(no_container(other, depth, &segments)),
    }
    Ok(())
}

/// Steps into a part of the path that is not its last.
fn descend<'a>(
    container: &'a mut Value,
    segment: &str,
    depth: usize,
    segments: &[Cow<'_, str>],
) -> Result<&'a mut Value, PathProblem> {
    let at = || pointer(segments, depth);
    match container {
        Value::Object(fields) => {
            fields.get_mut(segment).ok_or_else(|| PathProblem::Missing { at: at(), is_target: false })
        }
        Value::Array(items) => {
            let index = existing_index(segment, items.len(), false, at)?;
            let length = items.len();
            items.get_mut(index).ok_or_else(|| PathProblem::OutOfRange { at: at(), length })
        }
        other => Err(no_container(other, depth, segments)),
    }
}

/// The problem of a value in which the segment at `depth` shall be, and which has neither fields nor items.
fn no_container(found: &Value, depth: usize, segments: &[Cow<'_, str>]) -> PathProblem {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    let at = depth.checked_sub(1).map(|depth| pointer(segments, depth)).unwrap_or_default();
    PathProblem::NoContainer { at, found }
}

fn change_list(
    items: &mut Vec<Value>,
    operation: OverrideOperation,
    segment: &str,
    value: Option<&Value>,
    at: impl Fn() -> String,
) -> Result<(), PathProblem> {
    let value = || value.cloned().unwrap_or_default();
    match operation {
        OverrideOperation::Add if segment == "-" => items.push(value()),
        OverrideOperation::Add => {
            // One place more than there are items: behind the last one.
            let index =
                existing_index(segment, items.len() + 1, true, &at).map_err(|problem| match problem {
                    PathProblem::OutOfRange { at, .. } => PathProblem::OutOfRange { at, length: items.len() },
                    other => other,
                })?;
            items.insert(index, value());
        }
        OverrideOperation::Replace => {
            let index = existing_index(segment, items.len(), false, at)?;
            items[index] = value();
        }
        OverrideOperation::Remove => {
            let index = existing_index(segment, items.len(), true, at)?;
            items.remove(index);
        }
    }
    Ok(())
}

/// An index below `length`. Go's `Atoi` reads it, so that `01` and `+1` are 1; a negative one counts from the end where
/// that is allowed, and is refused elsewhere (where Go panics).
fn existing_index(
    segment: &str,
    length: usize,
    from_end: bool,
    at: impl Fn() -> String,
) -> Result<usize, PathProblem> {
    let number: i64 = segment.parse().map_err(|_| PathProblem::NoIndex { at: at() })?;
    let index = match usize::try_from(number) {
        Ok(index) => Some(index),
        Err(_) if from_end => {
            usize::try_from(number.unsigned_abs()).ok().and_then(|back| length.checked_sub(back))
        }
        Err(_) => None,
    };
    index.filter(|&index| index < length).ok_or_else(|| PathProblem::OutOfRange { at: at(), length })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn overrides(items: &Value) -> Vec<ClusterOverride> {
        serde_json::from_value(items.clone()).unwrap()
    }

    /// Spec, appendix C.
    #[rstest]
    #[case(json!({"a": {"b": 1}}), json!([{"op": "replace", "path": "/a/c", "value": 2}]), json!({"a": {"b": 1, "c": 2}}))]
    #[case(json!({"a": {"b": 1}}), json!([{"path": "/a/c", "value": 2}]), json!({"a": {"b": 1, "c": 2}}))]
    #[case(json!({"a": {"b": 1}}), json!([{"op": "", "path": "/a/c", "value": 2}]), json!({"a": {"b": 1, "c": 2}}))]
    #[case(json!({"a": {"b": 1}}), json!([{"op": "add", "path": "/a/c"}]), json!({"a": {"b": 1, "c": null}}))]
    #[case(json!({"a": {"b": 1}}), json!([{"op": "replace", "path": "/a/b"}]), json!({"a": {"b": null}}))]
    #[case(json!({"a": [1, 2, 3]}), json!([{"op": "add", "path": "/a/-", "value": 9}]), json!({"a": [1, 2, 3, 9]}))]
    #[case(json!({"a": [1, 2, 3]}), json!([{"op": "add", "path": "/a/3", "value": 9}]), json!({"a": [1, 2, 3, 9]}))]
    #[case(json!({"a": [1, 2, 3]}), json!([{"op": "add", "path": "/a/-1", "value": 9}]), json!({"a": [1, 2, 3, 9]}))]
    #[case(json!({"a": [1, 2, 3]}), json!([{"op": "add", "path": "/a/-2", "value": 9}]), json!({"a": [1, 2, 9, 3]}))]
    #[case(json!({"a": [1, 2, 3]}), json!([{"op": "add", "path": "/a/-4", "value": 9}]), json!({"a": [9, 1, 2, 3]}))]
    #[case(json!({"a": [1, 2, 3]}), json!([{"op": "remove", "path": "/a/-1"}]), json!({"a": [1, 2]}))]
    #[case(json!({"a": [1, 2, 3]}), json!([{"op": "remove", "path": "/a/01"}]), json!({"a": [1, 3]}))]
    #[case(json!({"a": [1, 2, 3]}), json!([{"path": "/a/+1", "value": 9}]), json!({"a": [1, 9, 3]}))]
    #[case(
        json!({"a": {"b/c": 1, "~d": 2}}),
        json!([{"path": "/a/b~1c", "value": 7}, {"op": "remove", "path": "/a/~0d"}]),
        json!({"a": {"b/c": 7}})
    )]
    #[case(json!({"a": {"b": 1}}), json!([{"path": "a/b", "value": 2}]), json!({"a": {"b": 1}, "b": 2}))]
    #[case(json!({"a": {"b": 1}}), json!([{"path": "x/a", "value": 2}]), json!({"a": 2}))]
    #[case(json!({"a": {"b": 1}}), json!([{"path": "/", "value": 2}]), json!({"": 2, "a": {"b": 1}}))]
    #[case(json!({"a": 1}), json!([{"path": "/~01", "value": 2}]), json!({"a": 1, "~1": 2}))]
    #[case(json!({"a": null}), json!([{"op": "remove", "path": "/a"}]), json!({}))]
    #[case(
        json!({"a": {}}),
        json!([{"op": "add", "path": "/a/b", "value": []}, {"op": "add", "path": "/a/b/-", "value": {"k": 1}},
               {"op": "add", "path": "/a/b/0/z", "value": true}]),
        json!({"a": {"b": [{"k": 1, "z": true}]}})
    )]
    #[case(
        json!({"big": 0}),
        json!([{"path": "/big", "value": 9007199254740993_u64}]),
        json!({"big": 9007199254740993_u64})
    )]
    fn overrides_apply(#[case] mut object: Value, #[case] items: Value, #[case] expected: Value) {
        apply(&mut object, &overrides(&items)).unwrap();
        assert_eq!(object, expected);
    }

    #[rstest]
    #[case(json!({"a": {"b": 1}}), json!({"path": "/x/c", "value": 2}), "there is no \"/x\"; correct")]
    #[case(json!({"a": {"b": 1}}), json!({"path": "/a/x/y/z", "value": 2}), "there is no \"/a/x\"; correct")]
    #[case(json!({"a": {"b": 1}}), json!({"op": "remove", "path": "/a/c"}), "there is no \"/a/c\" to remove")]
    #[case(json!({"a": [1, 2, 3]}), json!({"op": "add", "path": "/a/4", "value": 9}), "\"/a/4\" is outside of the list, which has 3 items")]
    #[case(json!({"a": [1, 2, 3]}), json!({"op": "add", "path": "/a/-5", "value": 9}), "outside of the list")]
    #[case(json!({"a": [1, 2, 3]}), json!({"path": "/a/3", "value": 9}), "outside of the list, which has 3 items")]
    #[case(json!({"a": [1, 2, 3]}), json!({"path": "/a/-", "value": 9}), "no index of a list")]
    #[case(json!({"a": [1, 2, 3]}), json!({"path": "/a/-1", "value": 9}), "outside of the list")]
    #[case(json!({"a": [1, 2, 3]}), json!({"op": "add", "path": "/a/-1/x", "value": 9}), "outside of the list")]
    #[case(json!({"a": [1, 2, 3]}), json!({"op": "remove", "path": "/a/-"}), "no index of a list")]
    #[case(json!({"a": [1, 2, 3]}), json!({"op": "remove", "path": "/a/-4"}), "outside of the list")]
    #[case(json!({"a": [1, 2, 3]}), json!({"path": "/a/name", "value": 9}), "no index of a list")]
    #[case(json!({"a": {"b": 1}}), json!({"path": "", "value": 2}), "the path has no slash")]
    #[case(json!({"a": {"b": 1}}), json!({"path": "a", "value": 2}), "the path has no slash")]
    #[case(json!({"a": null}), json!({"op": "add", "path": "/a/b", "value": 2}), "\"/a\" is null")]
    #[case(json!({"a": 5}), json!({"op": "add", "path": "/a/b", "value": 2}), "\"/a\" is a number")]
    #[case(json!({"a": "x"}), json!({"op": "add", "path": "/a/b/c", "value": 2}), "\"/a\" is a string")]
    fn overrides_that_do_not_fit_are_refused_whole(
        #[case] object: Value,
        #[case] item: Value,
        #[case] expected: &str,
    ) {
        let mut changed = object.clone();
        let items = json!([{"path": "/first", "value": 1}, item]);
        let message = apply(&mut changed, &overrides(&items)).unwrap_err().to_string();
        assert!(message.starts_with("override[1] ("), "{message}");
        assert!(message.contains(expected), "{message}");
        assert_eq!(changed, object);
    }

    #[rstest]
    #[case("test")]
    #[case("move")]
    #[case("merge")]
    fn other_operations_are_not_understood(#[case] operation: &str) {
        let item = json!({"op": operation, "path": "/a/b"});
        assert!(serde_json::from_value::<ClusterOverride>(item).is_err());
    }

    #[rstest]
    #[case(json!([{"clusterName": "x"}, {"clusterName": "x"}]), "cluster \"x\" appears more than once")]
    #[case(
        json!([{"clusterName": "x", "clusterOverrides": [{"path": "/p"}, {"path": "/p"}]}]),
        "path \"/p\" appears more than once for cluster \"x\""
    )]
    #[case(
        json!([{"clusterName": "x", "clusterOverrides": [{"path": "/p"}, {"path": "/kind"}]}]),
        "override[1] for cluster \"x\" has an invalid path: /kind"
    )]
    #[case(
        json!([{"clusterName": "x", "clusterOverrides": [{"path": "/metadata/generateName"}]}]),
        "override[0] for cluster \"x\" has an invalid path: /metadata/generateName"
    )]
    fn invalid_lists_are_refused(#[case] list: Value, #[case] expected: &str) {
        let list: Vec<ClusterOverrides> = serde_json::from_value(list).unwrap();
        let message = validate(&list).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
    }

    #[test]
    fn one_path_may_stand_for_several_clusters() {
        let list = json!([
            {"clusterName": "x", "clusterOverrides": [{"path": "/p"}]},
            {"clusterName": "y", "clusterOverrides": [{"path": "/p"}, {"path": "/metadata"}]},
        ]);
        let list: Vec<ClusterOverrides> = serde_json::from_value(list).unwrap();
        assert_eq!(validate(&list), Ok(()));
    }

    fn any_override() -> impl Strategy<Value = ClusterOverride> {
        let operation = prop_oneof![
            Just(None),
            Just(Some(OverrideOperation::Replace)),
            Just(Some(OverrideOperation::Add)),
            Just(Some(OverrideOperation::Remove)),
        ];
        let segment = prop_oneof!["[abc]", "-?[0-3]", Just("-".to_owned()), "\\PC{0,3}"];
        let value = prop_oneof![Just(None), Just(Some(json!(1))), Just(Some(json!({"a": [{}, 2]})))];
        (operation, prop::collection::vec(segment, 0..4), value).prop_map(|(op, segments, value)| {
            ClusterOverride {
                op,
                path: segments.iter().map(|segment| format!("/{segment}")).collect(),
                value,
            }
        })
    }

    proptest! {
        #[test]
        fn overrides_are_applied_all_or_none(items in prop::collection::vec(any_override(), 0..6)) {
            let object = json!({"a": [1, {"b": 2}], "b": {"c": null}});
            let mut changed = object.clone();
            if apply(&mut changed, &items).is_err() {
                prop_assert_eq!(&changed, &object);
            } else {
                let mut one_by_one = object;
                for item in &items {
                    prop_assert!(apply(&mut one_by_one, std::slice::from_ref(item)).is_ok());
                }
                prop_assert_eq!(changed, one_by_one);
            }
        }
    }
}
