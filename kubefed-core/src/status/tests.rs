use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;

const BEFORE: &str = "2026-01-01T00:00:00Z";
const NOW: &str = "2026-01-01T00:01:00Z";

fn outcome(cluster: &str, status: PropagationStatus) -> ClusterOutcome {
    ClusterOutcome { cluster: cluster.to_owned(), status, message: None, applied: None, remote_status: None }
}

fn with_remote(cluster: &str, remote: &Value) -> ClusterOutcome {
    ClusterOutcome { remote_status: Some(remote.clone()), ..outcome(cluster, PropagationStatus::Ok) }
}

fn input(outcomes: &[ClusterOutcome]) -> StatusInput<'_> {
    StatusInput {
        generation: 0,
        reason: AggregateReason::None,
        outcomes,
        selected: outcomes.len(),
        collects_status: false,
        updated: false,
        now: NOW,
    }
}

fn at(now: &'static str, outcomes: &[ClusterOutcome]) -> FederatedStatus {
    next(None, &StatusInput { now, ..input(outcomes) })
}

fn digest(n: u64) -> Digest {
    Digest::of(&n.to_be_bytes())
}

fn condition(status: &FederatedStatus) -> &PropagationCondition {
    status.conditions.iter().find(|condition| condition.type_ == "Propagation").unwrap()
}

#[test]
fn statuses_have_the_words_of_kubefed() {
    assert_eq!(PropagationStatus::ALL.len(), 20);
    for &status in PropagationStatus::ALL {
        assert_eq!(status.to_string().parse(), Ok(status));
    }
    assert_eq!("".parse(), Ok(PropagationStatus::Ok));
    assert_eq!("ManagedLabelFalse".parse(), Ok(PropagationStatus::ManagedLabelFalse));
    assert!("OK".parse::<PropagationStatus>().is_err());
    assert_eq!(PropagationStatus::ALL.iter().filter(|status| status.is_recoverable()).count(), 10);
    assert!(PropagationStatus::ClientRetrievalFailed.is_recoverable());
    assert!(!PropagationStatus::ClusterNotReady.is_recoverable());
}

/// Spec D.2: whether a status must be written. Existing is cluster1, ok, with the remote status R. One row differs on
/// purpose: KubeFed also writes when statuses are collected and the ok cluster has none, which makes it write for ever.
#[rstest]
#[case(vec![outcome("cluster1", PropagationStatus::ClusterNotReady)], None, true)]
#[case(vec![], None, true)]
#[case(vec![outcome("cluster1", PropagationStatus::Ok)], None, false)]
#[case(vec![with_remote("cluster1", &json!({}))], None, true)]
#[case(vec![with_remote("cluster1", &json!({"n": 1.0}))], Some(json!({"n": 1})), false)]
#[case(vec![with_remote("cluster1", &json!({"n": 2}))], Some(json!({"n": 1})), true)]
#[case(vec![outcome("cluster1", PropagationStatus::Ok), outcome("cluster2", PropagationStatus::Ok)], None, true)]
fn statuses_are_written_when_members_differ(
    #[case] outcomes: Vec<ClusterOutcome>,
    #[case] remote: Option<Value>,
    #[case] expected: bool,
    #[values(false, true)] collects_status: bool,
) {
    let before = ClusterOutcome { remote_status: remote, ..outcome("cluster1", PropagationStatus::Ok) };
    let previous = at(BEFORE, &[before]);
    let following = next(Some(&previous), &StatusInput { collects_status, ..input(&outcomes) });
    assert_eq!(patch(Some(&previous), &following).is_some(), expected);
    if !expected {
        assert_eq!(following, previous);
    }
}

#[rstest]
#[case(StatusInput { reason: AggregateReason::NamespaceNotFederated, ..input(&[]) })]
#[case(StatusInput { generation: 1, ..input(&[]) })]
fn statuses_are_written_when_the_object_differs(#[case] input: StatusInput<'_>) {
    let previous = at(BEFORE, &[]);
    assert!(patch(Some(&previous), &next(Some(&previous), &input)).is_some());
}

#[test]
fn a_written_object_moves_the_update_time_only() {
    let outcomes = [outcome("cluster1", PropagationStatus::Ok)];
    let previous = at(BEFORE, &outcomes);
    let following = next(Some(&previous), &StatusInput { updated: true, ..input(&outcomes) });
    assert_eq!(condition(&following).last_update_time.as_deref(), Some(NOW));
    assert_eq!(condition(&following).last_transition_time.as_deref(), Some(BEFORE));
}

#[test]
fn a_new_generation_moves_no_time() {
    let outcomes = [outcome("cluster1", PropagationStatus::Ok)];
    let previous = at(BEFORE, &outcomes);
    let following = next(Some(&previous), &StatusInput { generation: 7, ..input(&outcomes) });
    assert_eq!(following.observed_generation, Some(7));
    assert_eq!(following.conditions, previous.conditions);
    assert_eq!(patch(Some(&previous), &following), Some(json!({"status": {"observedGeneration": 7}})));
}

#[test]
fn a_new_message_is_written_and_moves_no_time() {
    let failed = |message: &str| ClusterOutcome {
        message: Some(message.to_owned()),
        ..outcome("cluster1", PropagationStatus::UpdateFailed)
    };
    let previous = at(BEFORE, &[failed("one")]);
    let following = next(Some(&previous), &input(&[failed("two")]));
    assert_eq!(following.conditions, previous.conditions);
    assert_eq!(following.clusters[0].message.as_deref(), Some("two"));
}

#[rstest]
#[case(AggregateReason::None, PropagationStatus::Ok, "True", None)]
#[case(AggregateReason::None, PropagationStatus::WaitingForRemoval, "False", Some("CheckClusters"))]
#[case(AggregateReason::NamespaceNotFederated, PropagationStatus::Ok, "False", Some("NamespaceNotFederated"))]
#[case(
    AggregateReason::ComputePlacementFailed,
    PropagationStatus::Ok,
    "False",
    Some("ComputePlacementFailed")
)]
fn conditions_tell_why(
    #[case] reason: AggregateReason,
    #[case] status: PropagationStatus,
    #[case] expected: &str,
    #[case] because: Option<&str>,
) {
    let following = next(None, &StatusInput { reason, ..input(&[outcome("c", status)]) });
    assert_eq!(condition(&following).status, expected);
    assert_eq!(condition(&following).reason.as_deref(), because);
    assert_eq!(condition(&following).last_transition_time.as_deref(), Some(NOW));
}

#[test]
fn a_status_is_sorted_counted_and_leaves_others_alone() {
    let mut previous = at(BEFORE, &[]);
    previous.conditions.insert(0, PropagationCondition { type_: "Other".to_owned(), ..Default::default() });
    let outcomes = [
        outcome("c", PropagationStatus::CreationFailed),
        ClusterOutcome { applied: Some((digest(1), digest(2))), ..outcome("b", PropagationStatus::Ok) },
        ClusterOutcome { applied: Some((digest(1), digest(2))), ..outcome("a", PropagationStatus::Ok) },
    ];
    let following = next(Some(&previous), &input(&outcomes));
    let names: Vec<_> = following.clusters.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(following.ready.as_deref(), Some("2/3"));
    assert_eq!(following.conditions[0].type_, "Other");
    assert_eq!(following.conditions.len(), 2);
    assert_eq!(following.applied.len(), 1);
    assert_eq!(following.applied[0].clusters, ["a", "b"]);
    assert_eq!(applied_in(&following, "b"), Some((digest(1), digest(2))));
    assert_eq!(applied_in(&following, "c"), None);
}

#[test]
fn records_stay_until_the_object_leaves_the_member() {
    let applied = |cluster| ClusterOutcome {
        applied: Some((digest(1), digest(2))),
        ..outcome(cluster, PropagationStatus::Ok)
    };
    let previous = at(BEFORE, &[applied("a"), applied("b"), applied("c")]);
    let outcomes = [
        outcome("a", PropagationStatus::ClusterNotReady),
        ClusterOutcome { applied: Some((digest(3), digest(4))), ..outcome("b", PropagationStatus::Ok) },
        outcome("c", PropagationStatus::WaitingForRemoval),
    ];
    let following = next(Some(&previous), &input(&outcomes));
    assert_eq!(applied_in(&following, "a"), Some((digest(1), digest(2))));
    assert_eq!(applied_in(&following, "b"), Some((digest(3), digest(4))));
    assert_eq!(applied_in(&following, "c"), None);
    assert!(next(Some(&previous), &input(&[])).applied.is_empty());
    let unknown = StatusInput { reason: AggregateReason::ClusterRetrievalFailed, ..input(&[]) };
    let following = next(Some(&previous), &unknown);
    assert_eq!(following.applied, previous.applied);
    assert_eq!(following.ready, None);
}

#[test]
fn damaged_records_count_as_none() {
    let status = FederatedStatus {
        applied: vec![Applied {
            rendered: "x".to_owned(),
            ownership: "y".to_owned(),
            clusters: vec!["a".to_owned()],
        }],
        ..FederatedStatus::default()
    };
    assert_eq!(applied_in(&status, "a"), None);
}

#[test]
fn a_first_status_is_written_whole() {
    let following = at(NOW, &[outcome("a", PropagationStatus::CreationFailed)]);
    let expected = json!({"status": {
        "observedGeneration": 0,
        "conditions": [{"type": "Propagation", "status": "False", "reason": "CheckClusters",
            "lastUpdateTime": NOW, "lastTransitionTime": NOW}],
        "clusters": [{"name": "a", "status": "CreationFailed"}],
        "ready": "0/1",
    }});
    assert_eq!(patch(None, &following), Some(expected));
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let fields = target.as_object_mut().unwrap();
    for (key, change) in changes {
        if change.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key.clone()).or_insert(Value::Null), change);
        }
    }
}

fn any_outcome() -> impl Strategy<Value = ClusterOutcome> {
    let remote = prop_oneof![
        Just(None),
        Just(Some(json!({}))),
        Just(Some(json!({"n": 1}))),
        Just(Some(json!({"n": 1.0})))
    ];
    let applied = prop::option::of((0..3_u64, 0..3_u64));
    let statuses = prop::sample::select(PropagationStatus::ALL);
    (statuses, prop::option::of("[xy]?"), applied, remote).prop_map(
        |(status, message, applied, remote_status)| ClusterOutcome {
            cluster: String::new(),
            status,
            message,
            applied: applied.map(|(rendered, ownership)| (digest(rendered), digest(ownership))),
            remote_status,
        },
    )
}

fn any_outcomes() -> impl Strategy<Value = Vec<ClusterOutcome>> {
    prop::collection::btree_map("[abc]", any_outcome(), 0..4).prop_map(|outcomes| {
        outcomes.into_iter().map(|(cluster, outcome)| ClusterOutcome { cluster, ..outcome }).collect()
    })
}

fn any_reason() -> impl Strategy<Value = AggregateReason> {
    prop::sample::select(vec![
        AggregateReason::None,
        AggregateReason::NamespaceNotFederated,
        AggregateReason::ClusterRetrievalFailed,
    ])
}

proptest! {
    #[test]
    fn a_patch_turns_one_status_into_the_next(
        before in prop::option::of(any_outcomes()),
        after in any_outcomes(),
        reason in any_reason(),
        updated in any::<bool>(),
    ) {
        let previous = before.map(|before| at(BEFORE, &before));
        let following = next(previous.as_ref(), &StatusInput { reason, updated, ..input(&after) });
        let mut object = match &previous {
            Some(previous) => json!({"status": previous}),
            None => json!({}),
        };
        if let Some(patch) = patch(previous.as_ref(), &following) {
            merge(&mut object, &patch);
        }
        let back: FederatedStatus = serde_json::from_value(object["status"].clone()).unwrap();
        prop_assert_eq!(back, following);
    }

    #[test]
    fn a_status_that_was_written_causes_no_other(
        before in any_outcomes(),
        after in any_outcomes(),
        collects_status in any::<bool>(),
    ) {
        let previous = at(BEFORE, &before);
        let written = next(Some(&previous), &StatusInput { collects_status, ..input(&after) });
        let again = StatusInput { now: "2026-01-01T00:02:00Z", collects_status, ..input(&after) };
        prop_assert_eq!(patch(Some(&written), &next(Some(&written), &again)), None);
    }
}
