use super::*;
use crate::hash;
use serde_json::json;

fn digest(n: u64) -> Digest {
    hash::rendered(&json!(n))
}

fn observed(ownership: u64) -> Observed {
    Observed {
        managed: ManagedLabel::True,
        deleting: false,
        ownership: Some(Ownership { digest: digest(ownership), owns_replicas: false, by_apply: true }),
    }
}

fn record(rendered: u64, ownership: u64) -> Record {
    Record { rendered: digest(rendered), ownership: digest(ownership), fresh: true }
}

fn member() -> MemberView<'static> {
    MemberView {
        selected: true,
        connection: &Connection::Ready,
        namespace: NamespaceState::Active,
        observed: None,
        record: None,
        rendered: Ok(digest(1)),
        verified: false,
        busy: false,
        doubtful: false,
        held: None,
        is_host_namespace: false,
    }
}

fn status_of(decision: &Decision) -> Option<PropagationStatus> {
    match decision {
        Decision::Settled { status, .. } | Decision::Pending { status, .. } => Some(*status),
        Decision::Absent | Decision::Act(_) => None,
    }
}

#[test]
fn what_is_absent_is_created_and_what_is_right_is_left_alone() {
    assert_eq!(decide(&member()), Decision::Act(Action::Create));
    let right = MemberView { observed: Some(observed(2)), record: Some(record(1, 2)), ..member() };
    assert_eq!(decide(&right), settled(PropagationStatus::Ok));
}

#[test]
fn a_changed_template_is_applied_and_a_changed_member_is_repaired() {
    let edited = MemberView { observed: Some(observed(2)), record: Some(record(9, 2)), ..member() };
    assert_eq!(decide(&edited), Decision::Act(Action::Apply));
    let drifted = MemberView { observed: Some(observed(3)), record: Some(record(1, 2)), ..member() };
    assert_eq!(decide(&drifted), Decision::Act(Action::Repair));
}

#[test]
fn a_missing_or_old_record_is_compared_before_anything_is_written() {
    let missing = MemberView { observed: Some(observed(2)), ..member() };
    assert_eq!(decide(&missing), Decision::Act(Action::Compare));
    let old = Record { fresh: false, ..record(1, 9) };
    let old = MemberView { observed: Some(observed(2)), record: Some(old), ..member() };
    assert_eq!(decide(&old), Decision::Act(Action::Compare));
    let edited = Record { fresh: false, ..record(8, 2) };
    let edited = MemberView { observed: Some(observed(2)), record: Some(edited), ..member() };
    assert_eq!(decide(&edited), Decision::Act(Action::Apply), "the template changed while nobody looked");
}

#[test]
fn hands_off_and_deletion_are_respected() {
    let off = Observed { managed: ManagedLabel::False, ..observed(2) };
    for selected in [true, false] {
        let decision = decide(&MemberView { selected, observed: Some(off), ..member() });
        assert!(!matches!(decision, Decision::Act(_)), "{decision:?}");
    }
    let going = Observed { deleting: true, ..observed(2) };
    for selected in [true, false] {
        let decision = decide(&MemberView { selected, observed: Some(going), ..member() });
        assert_eq!(status_of(&decision), Some(PropagationStatus::WaitingForRemoval));
    }
}

#[test]
fn only_what_carries_our_label_is_ever_deleted() {
    for managed in [ManagedLabel::False, ManagedLabel::Other] {
        let there = Some(Observed { managed, ..observed(2) });
        let deselected = MemberView { selected: false, observed: there, ..member() };
        assert_eq!(decide(&deselected), Decision::Absent);
        assert_eq!(decide_removal(&deselected, Removal::Delete), Decision::Absent);
        assert_eq!(decide_orphan(&deselected), Decision::Absent);
    }
    let ours = MemberView { selected: false, observed: Some(observed(2)), ..member() };
    assert_eq!(decide(&ours), Decision::Act(Action::Delete));
    let host = MemberView { is_host_namespace: true, ..ours };
    assert_eq!(decide(&host), Decision::Act(Action::Unlabel));
    assert_eq!(decide_removal(&host, Removal::Delete), Decision::Act(Action::Unlabel));
}

#[test]
fn an_orphan_without_our_entry_is_not_touched() {
    let copied = Observed { ownership: None, ..observed(2) };
    assert_eq!(decide_orphan(&MemberView { observed: Some(copied), ..member() }), Decision::Absent);
    let ours = MemberView { observed: Some(observed(2)), ..member() };
    assert_eq!(decide_orphan(&ours), Decision::Act(Action::Unlabel));
}

#[test]
fn removal_is_over_only_when_the_member_said_so() {
    assert_eq!(decide_removal(&member(), Removal::Delete), Decision::Act(Action::Verify));
    assert_eq!(decide_removal(&MemberView { verified: true, ..member() }, Removal::Delete), Decision::Absent);
    let dead = MemberView { connection: &Connection::NotReady, ..member() };
    assert_eq!(status_of(&decide_removal(&dead, Removal::Delete)), Some(PropagationStatus::ClusterNotReady));
}

#[test]
fn an_orphan_that_is_being_deleted_anyway_is_not_waited_for() {
    let going = Observed { deleting: true, ..observed(2) };
    let going = MemberView { observed: Some(going), ..member() };
    assert_eq!(decide_removal(&going, Removal::Orphan), Decision::Absent);
    let decision = decide_removal(&going, Removal::Delete);
    assert_eq!(status_of(&decision), Some(PropagationStatus::WaitingForRemoval));
}

#[test]
fn a_removal_waits_for_what_is_under_way() {
    let slow = MemberView { verified: true, busy: true, ..member() };
    let decision = decide_removal(&slow, Removal::Delete);
    assert!(matches!(decision, Decision::Pending { .. }), "it may create something yet: {decision:?}");
    let deselected = decide(&MemberView { selected: false, busy: true, ..member() });
    assert_eq!(status_of(&deselected), Some(PropagationStatus::WaitingForRemoval), "and so it may here");
}

#[test]
fn what_a_list_left_in_doubt_is_asked_about_whatever_the_records_say() {
    let right = MemberView { observed: Some(observed(2)), record: Some(record(1, 2)), ..member() };
    let doubtful = MemberView { doubtful: true, ..right };
    assert_eq!(decide(&doubtful), Decision::Act(Action::Compare));
    let going = Observed { deleting: true, ..observed(2) };
    let going = MemberView { observed: Some(going), ..doubtful };
    assert_eq!(decide(&going), Decision::Act(Action::Verify), "it may be gone by now");
    assert_eq!(decide_removal(&going, Removal::Delete), Decision::Act(Action::Verify));
    assert_eq!(decide(&MemberView { selected: false, ..going }), Decision::Act(Action::Verify));
}

#[test]
fn a_member_without_the_type_shows_where_it_is_selected_and_holds_up_nothing() {
    let lacking = Connection::NotServed("install it".into());
    let member = MemberView { connection: &lacking, record: Some(record(1, 2)), ..member() };
    assert_eq!(status_of(&decide(&member)), Some(PropagationStatus::CachedRetrievalFailed));
    assert_eq!(decide_removal(&member, Removal::Delete), Decision::Absent);
    assert_eq!(decide(&MemberView { selected: false, ..member }), Decision::Absent);
}

#[test]
fn an_unready_member_shows_where_it_is_selected_or_still_holds_what_we_applied() {
    let dead = MemberView { connection: &Connection::NotReady, ..member() };
    assert_eq!(status_of(&decide(&dead)), Some(PropagationStatus::ClusterNotReady));
    let deselected = MemberView { selected: false, ..dead };
    assert_eq!(decide(&deselected), Decision::Absent);
    let holding = MemberView { record: Some(record(1, 2)), ..deselected };
    assert_eq!(status_of(&decide(&holding)), Some(PropagationStatus::WaitingForRemoval));
}

#[test]
fn contents_wait_for_their_namespace() {
    for namespace in [NamespaceState::Missing, NamespaceState::Terminating] {
        let decision = decide(&MemberView { namespace, ..member() });
        assert!(matches!(decision, Decision::Pending { .. }), "{decision:?}");
    }
}

#[test]
fn a_failure_is_waited_out() {
    let held = Held { status: PropagationStatus::UpdateFailed, message: "spec.x: no".into() };
    let refused =
        MemberView { observed: Some(observed(2)), record: Some(record(9, 2)), held: Some(&held), ..member() };
    assert_eq!(status_of(&decide(&refused)), Some(PropagationStatus::UpdateFailed));
    let right = MemberView { record: Some(record(1, 2)), ..refused };
    assert_eq!(decide(&right), settled(PropagationStatus::Ok), "nothing is due, so nothing is held");
}
