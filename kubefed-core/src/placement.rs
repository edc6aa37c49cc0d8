//! Which members an object shall be in (spec 3.11).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use crate::api::Placement;

/// What placement has to know of a member cluster. Readiness plays no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Name of the `KubeFedCluster`.
    pub name: &'a str,
    /// Labels of the `KubeFedCluster`.
    pub labels: &'a BTreeMap<String, String>,
}

/// How the placement of the namespace restricts the placement of an object in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NamespacePlacement<'a> {
    /// Not at all: cluster-scoped types, namespaces themselves, and a namespaced control plane without a
    /// `FederatedNamespace`.
    Unrestricted,
    /// To the members where the namespace is, by the placement of its `FederatedNamespace`.
    Restricted(Option<&'a Placement>),
    /// To nothing: a control plane for all namespaces, and no `FederatedNamespace` for this one.
    NotFederated,
}

/// Where an object shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// Names of the selected members.
    pub members: BTreeSet<String>,
    /// Names in `spec.placement.clusters` that are no cluster; sorted, each once.
    pub unknown: Vec<String>,
}

/// Selects the members for an object.
///
/// A list of clusters, also an empty one, decides alone; otherwise the selector does, where an absent one selects
/// nothing and an empty one everything. The placement of the namespace can only take members away.
///
/// # Errors
///
/// A label selector that the API server would refuse, in the object's own placement or in that of the namespace.
pub fn place(
    placement: Option<&Placement>,
    namespace: NamespacePlacement<'_>,
    members: &[Member<'_>],
) -> Result<Placed, PlacementError> {
    let mut placed =
        select(placement, members).map_err(|invalid| PlacementError { of_namespace: false, invalid })?;
    match namespace {
        NamespacePlacement::Unrestricted => {}
        NamespacePlacement::NotFederated => placed.members.clear(),
        NamespacePlacement::Restricted(placement) => {
            let allowed = select(placement, members)
                .map_err(|invalid| PlacementError { of_namespace: true, invalid })?;
            placed.members.retain(|member| allowed.members.contains(member));
        }
    }
    Ok(placed)
}

fn select(placement: Option<&Placement>, members: &[Member<'_>]) -> Result<Placed, InvalidRequirement> {
    let Some(placement) = placement else {
        return Ok(Placed::default());
    };
    if let Some(clusters) = &placement.clusters {
        let known: BTreeSet<&str> = members.iter().map(|member| member.name).collect();
        let wanted: BTreeSet<&str> = clusters.iter().map(|cluster| cluster.name.as_str()).collect();
        return Ok(Placed {
            members: wanted.intersection(&known).map(|&name| name.to_owned()).collect(),
            unknown: wanted.difference(&known).map(|&name| name.to_owned()).collect(),
        });
    }
    let Some(selector) = &placement.cluster_selector else {
        return Ok(Placed::default());
    };
    validate(selector)?;
    let matching = members.iter().filter(|member| matches(selector, member.labels));
    Ok(Placed { members: matching.map(|member| member.name.to_owned()).collect(), unknown: Vec::new() })
}

/// Whether labels satisfy a valid selector, with the rules of the API server: all requirements must hold, and
/// `NotIn` and `DoesNotExist` hold where the key is absent.
fn matches(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let mut pairs = selector.match_labels.iter().flatten();
    let mut expressions = selector.match_expressions.iter().flatten();
    pairs.all(|(key, value)| labels.get(key) == Some(value))
        && expressions.all(|requirement| {
            let label = labels.get(&requirement.key);
            let listed =
                label.is_some_and(|value| requirement.values.iter().flatten().any(|other| other == value));
            match requirement.operator.as_str() {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => label.is_some(),
                "DoesNotExist" => label.is_none(),
                _ => false,
            }
        })
}

/// A placement whose label selector is invalid. The status of the object is `ComputePlacementFailed`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}spec.placement.clusterSelector.{invalid}", whose(.of_namespace))]
pub struct PlacementError {
    of_namespace: bool,
    invalid: InvalidRequirement,
}

fn whose(of_namespace: &bool) -> &'static str {
    if *of_namespace { "FederatedNamespace: " } else { "" }
}

impl PlacementError {
    /// Whether the placement of the namespace is invalid rather than that of the object.
    #[must_use]
    pub fn is_of_namespace(&self) -> bool {
        self.of_namespace
    }
}

/// A requirement of a selector, and why it is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
struct InvalidRequirement {
    field: String,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    Operator { operator: String },
    NoValues { operator: String },
    Values { operator: String },
    Key { key: String, rule: &'static str },
    Value { value: String, rule: &'static str },
}

impl fmt::Display for InvalidRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.field)?;
        match &self.problem {
            Problem::Operator { operator } => write!(
                f,
                "{operator:?} is not an operator of label selectors; use In, NotIn, Exists or DoesNotExist"
            ),
            Problem::NoValues { operator } => {
                write!(
                    f,
                    "the operator {operator} needs values; list at least one, or use Exists or DoesNotExist"
                )
            }
            Problem::Values { operator } => {
                write!(f, "the operator {operator} takes no values; remove them, or use In or NotIn")
            }
            Problem::Key { key, rule } => write!(f, "{key:?} is not a label key; {rule}"),
            Problem::Value { value, rule } => write!(f, "{value:?} is not a label value; {rule}"),
        }
    }
}

/// Checks a selector as the API server checks those of its own types.
fn validate(selector: &LabelSelector) -> Result<(), InvalidRequirement> {
    for (key, value) in selector.match_labels.iter().flatten() {
        validate_key(key)
            .and_then(|()| validate_value(value))
            .map_err(|problem| InvalidRequirement { field: format!("matchLabels[{key:?}]"), problem })?;
    }
    for (index, requirement) in selector.match_expressions.iter().flatten().enumerate() {
        validate_requirement(requirement).map_err(|problem| InvalidRequirement {
            field: format!("matchExpressions[{index}] (key {:?})", requirement.key),
            problem,
        })?;
    }
    Ok(())
}

fn validate_requirement(requirement: &LabelSelectorRequirement) -> Result<(), Problem> {
    let operator = || requirement.operator.clone();
    let values = requirement.values.as_deref().unwrap_or_default();
    match requirement.operator.as_str() {
        "In" | "NotIn" if values.is_empty() => return Err(Problem::NoValues { operator: operator() }),
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            return Err(Problem::Values { operator: operator() });
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        _ => return Err(Problem::Operator { operator: operator() }),
    }
    validate_key(&requirement.key)?;
    values.iter().try_for_each(|value| validate_value(value))
}

/// A label key is a name with an optional DNS subdomain before a slash.
fn validate_key(key: &str) -> Result<(), Problem> {
    let problem = |rule| Problem::Key { key: key.to_owned(), rule };
    let name = match key.split_once('/') {
        Some((prefix, _)) if !is_subdomain(prefix) => {
            return Err(problem(
                "before the slash stands a DNS name of at most 253 lower-case letters, digits, '-' and '.'",
            ));
        }
        Some((_, name)) => name,
        None => key,
    };
    if name.is_empty() || name.len() > 63 || !is_label_text(name) {
        return Err(problem(
            "the name has 1 to 63 letters, digits, '-', '_' and '.', and begins and ends with a letter or digit",
        ));
    }
    Ok(())
}

fn validate_value(value: &str) -> Result<(), Problem> {
    if value.is_empty() || (value.len() <= 63 && is_label_text(value)) {
        return Ok(());
    }
    let rule =
        "it has at most 63 letters, digits, '-', '_' and '.', and begins and ends with a letter or digit";
    Err(Problem::Value { value: value.to_owned(), rule })
}

/// Whether a text that is not empty has the characters of label names and values.
fn is_label_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends_well = |end: Option<&u8>| end.is_some_and(u8::is_ascii_alphanumeric);
    ends_well(bytes.first())
        && ends_well(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

fn is_subdomain(text: &str) -> bool {
    let is_letter_or_digit = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 253
        && text.split('.').all(|part| {
            let bytes = part.as_bytes();
            bytes.first().is_some_and(is_letter_or_digit)
                && bytes.last().is_some_and(is_letter_or_digit)
                && bytes.iter().all(|byte| is_letter_or_digit(byte) || *byte == b'-')
        })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    /// Cluster 1 has no labels, cluster 2 has `foo=bar` (spec D.1).
    fn place_on_two(placement: &Value, namespace: NamespacePlacement<'_>) -> Result<Placed, PlacementError> {
        let placement: Option<Placement> = serde_json::from_value(placement.clone()).unwrap();
        let (none, foo) = (BTreeMap::new(), BTreeMap::from([("foo".to_owned(), "bar".to_owned())]));
        let members = [Member { name: "cluster1", labels: &none }, Member { name: "cluster2", labels: &foo }];
        place(placement.as_ref(), namespace, &members)
    }

    fn selector(requirement: &Value) -> Value {
        json!({"clusterSelector": {"matchExpressions": [requirement]}})
    }

    #[rstest]
    #[case(json!({"clusters": [{"name": "cluster1"}], "clusterSelector": {"matchLabels": {}}}), &["cluster1"])]
    #[case(json!({}), &[])]
    #[case(json!(null), &[])]
    #[case(json!({"clusters": [], "clusterSelector": {"matchLabels": {"foo": "bar"}}}), &[])]
    #[case(json!({"clusters": null, "clusterSelector": {"matchLabels": {}}}), &["cluster1", "cluster2"])]
    #[case(json!({"clusterSelector": {}}), &["cluster1", "cluster2"])]
    #[case(json!({"clusterSelector": {"matchLabels": {"foo": "bar"}}}), &["cluster2"])]
    #[case(selector(&json!({"key": "foo", "operator": "In", "values": ["x", "bar"]})), &["cluster2"])]
    #[case(selector(&json!({"key": "foo", "operator": "NotIn", "values": ["bar"]})), &["cluster1"])]
    #[case(selector(&json!({"key": "foo", "operator": "Exists"})), &["cluster2"])]
    #[case(selector(&json!({"key": "foo", "operator": "DoesNotExist", "values": []})), &["cluster1"])]
    #[case(
        json!({"clusterSelector": {"matchLabels": {"foo": "bar"},
            "matchExpressions": [{"key": "foo", "operator": "DoesNotExist"}]}}),
        &[]
    )]
    fn placements_select(#[case] placement: Value, #[case] expected: &[&str]) {
        let placed = place_on_two(&placement, NamespacePlacement::Unrestricted).unwrap();
        assert_eq!(Vec::from_iter(&placed.members), expected);
        assert!(placed.unknown.is_empty());
    }

    #[test]
    fn names_that_are_no_cluster_are_reported_once_and_dropped() {
        let placement =
            json!({"clusters": [{"name": "x"}, {"name": "cluster2"}, {"name": "a"}, {"name": "x"}]});
        let placed = place_on_two(&placement, NamespacePlacement::Unrestricted).unwrap();
        assert_eq!(Vec::from_iter(placed.members), ["cluster2"]);
        assert_eq!(placed.unknown, ["a", "x"]);
    }

    #[test]
    fn the_namespace_only_takes_members_away() {
        let everywhere = json!({"clusterSelector": {}});
        let one = Placement::clusters(["cluster1", "elsewhere"]);
        let members = |placement: &Value, namespace| place_on_two(placement, namespace).unwrap().members;
        assert_eq!(
            Vec::from_iter(members(&everywhere, NamespacePlacement::Restricted(Some(&one)))),
            ["cluster1"]
        );
        assert!(members(&everywhere, NamespacePlacement::Restricted(None)).is_empty());
        assert!(members(&everywhere, NamespacePlacement::NotFederated).is_empty());
        let two = json!({"clusters": [{"name": "cluster2"}]});
        assert!(members(&two, NamespacePlacement::Restricted(Some(&one))).is_empty());
    }

    #[rstest]
    #[case(json!({"key": "a", "operator": "in", "values": ["x"]}), "\"in\" is not an operator")]
    #[case(json!({"key": "a", "operator": "In"}), "In needs values")]
    #[case(json!({"key": "a", "operator": "NotIn", "values": []}), "NotIn needs values")]
    #[case(json!({"key": "a", "operator": "Exists", "values": ["x"]}), "Exists takes no values")]
    #[case(json!({"key": "-a", "operator": "Exists"}), "\"-a\" is not a label key")]
    #[case(json!({"key": "", "operator": "Exists"}), "\"\" is not a label key")]
    #[case(json!({"key": "Upper.example/a", "operator": "Exists"}), "before the slash")]
    #[case(json!({"key": "a/b/c", "operator": "Exists"}), "the name has 1 to 63")]
    #[case(json!({"key": "a", "operator": "In", "values": ["ok", "not ok"]}), "\"not ok\" is not a label value")]
    fn invalid_requirements_are_named(#[case] requirement: Value, #[case] expected: &str) {
        let error = place_on_two(&selector(&requirement), NamespacePlacement::Unrestricted).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("spec.placement.clusterSelector.matchExpressions[0]"), "{message}");
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn invalid_labels_are_named_too() {
        let long = "x".repeat(64);
        let placement = json!({"clusterSelector": {"matchLabels": {"example.com/zone": long}}});
        let message = place_on_two(&placement, NamespacePlacement::Unrestricted).unwrap_err().to_string();
        assert!(message.contains("matchLabels[\"example.com/zone\"]"), "{message}");
    }

    #[test]
    fn an_invalid_placement_of_the_namespace_says_so() {
        let bad = serde_json::from_value(selector(&json!({"key": "a", "operator": "Near"}))).unwrap();
        let error = place_on_two(&json!({"clusterSelector": {}}), NamespacePlacement::Restricted(Some(&bad)))
            .unwrap_err();
        assert!(error.is_of_namespace());
        assert!(error.to_string().starts_with("FederatedNamespace: spec.placement"), "{error}");
    }
}
