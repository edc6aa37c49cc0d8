use kubefed_core::{hash, status::PropagationStatus};
use serde_json::json;

use super::*;

fn key() -> Key {
    Key::new(Some("ns"), "object")
}

/// Metadata of an object of ours; `data` stands for what we own of it.
fn meta(version: u64, data: &str) -> ObjectMeta {
    let fields = json!({"f:data": {(format!("f:{data}")): {}}});
    serde_json::from_value(json!({
        "name": "object",
        "namespace": "ns",
        "uid": "8d7a3e0e-5f0b-4f5e-9d35-6f1a5f9a1c11",
        "resourceVersion": version.to_string(),
        "labels": {"kubefed.io/managed": "true"},
        "managedFields": [{
            "manager": "kubefed", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }],
    }))
    .unwrap()
}

fn rendered(n: u64) -> Digest {
    hash::rendered(&json!(n))
}

fn held() -> Held {
    Held { status: PropagationStatus::UpdateFailed, message: "no".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn an_event_older_than_our_own_answer_is_no_news() {
    let cache = MemberCache::default();
    cache.applied(&key(), &meta(7, "new"), None, rendered(1));
    let settled = cache.seen(&key(), Some(rendered(1)));
    assert!(!cache.watch_shows(&key(), &meta(5, "old"), None));
    assert!(!cache.watch_removes(&key(), &meta(6, "old")), "it was created again since");
    assert_eq!(cache.seen(&key(), Some(rendered(1))).observed, settled.observed);
    assert!(!cache.watch_shows(&key(), &meta(7, "new"), None), "the event of our own write");
    assert!(cache.watch_shows(&key(), &meta(8, "drifted"), None));
    assert!(cache.watch_removes(&key(), &meta(9, "drifted")));
}

#[tokio::test(start_paused = true)]
async fn drift_that_was_seen_before_our_own_answer_is_not_taken_for_ours() {
    let cache = MemberCache::default();
    cache.watch_shows(&key(), &meta(8, "drifted"), None);
    cache.applied(&key(), &meta(7, "new"), None, rendered(1));
    let seen = cache.seen(&key(), Some(rendered(1)));
    let observed = seen.observed.and_then(|observed| observed.ownership).map(|ownership| ownership.digest);
    assert!(observed.is_some());
    assert_ne!(seen.record.map(|record| record.ownership), observed);
}

#[tokio::test(start_paused = true)]
async fn a_list_removes_what_it_does_not_show_but_not_what_was_written_since_it_began() {
    let cache = MemberCache::default();
    let other = Key::new(Some("ns"), "other");
    cache.list_begins();
    cache.list_shows(&key(), &meta(1, "a"), None);
    assert_eq!(cache.list_ends(), (Vec::new(), true));
    cache.list_begins();
    cache.applied(&other, &meta(2, "a"), None, rendered(1));
    assert_eq!(cache.list_ends(), (vec![key(), other.clone()], false));
    assert!(cache.object(&key()).is_none());
    assert!(cache.object(&other).is_some(), "it may be newer than the list");
    assert!(cache.seen(&other, None).doubtful, "or gone before it: the member is asked");
    cache.answered(&other, &meta(2, "a"), None);
    assert!(!cache.seen(&other, None).doubtful, "the member has said that it is there");
    cache.list_begins();
    cache.answered(&other, &meta(2, "a"), None);
    cache.list_ends();
    cache.answered_gone(&other);
    assert!(!cache.seen(&other, None).doubtful);
    cache.answered(&other, &meta(3, "a"), None);
    cache.list_begins();
    assert_eq!(cache.list_ends(), (vec![other], false), "the next list is newer than that write");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_after_the_end_of_its_object_brings_nothing_back() {
    let cache = MemberCache::default();
    cache.watch_shows(&key(), &meta(7, "new"), None);
    cache.watch_removes(&key(), &meta(8, "new"));
    cache.applied(&key(), &meta(7, "new"), None, rendered(1));
    let seen = cache.seen(&key(), Some(rendered(1)));
    assert_eq!((seen.observed, seen.record), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_refused_object_waits_longer_each_time_and_another_one_does_not_wait() {
    let cache = MemberCache::default();
    let delays: Vec<u64> =
        (0..6).map(|_| cache.failed(&key(), held(), Some(rendered(1))).as_secs()).collect();
    assert_eq!(delays, [5, 10, 20, 40, 60, 60]);
    assert_eq!(cache.seen(&key(), Some(rendered(1))).held, Some(held()));
    assert_eq!(cache.seen(&key(), Some(rendered(2))).held, None, "the template was edited");
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(cache.seen(&key(), Some(rendered(1))).held, None);
}

#[tokio::test(start_paused = true)]
async fn a_fight_is_noticed_and_slows_down() {
    let cache = MemberCache::default();
    for _ in 0..3 {
        assert_eq!(cache.must_wait_to_repair(&key()), None);
        cache.repaired(&key());
    }
    let first = cache.must_wait_to_repair(&key()).unwrap();
    tokio::time::advance(first).await;
    assert_eq!(cache.must_wait_to_repair(&key()), None);
    cache.repaired(&key());
    let second = cache.must_wait_to_repair(&key()).unwrap();
    assert_eq!(second, first * 2);
    tokio::time::advance(Duration::from_secs(600)).await;
    for _ in 0..3 {
        assert_eq!(cache.must_wait_to_repair(&key()), None, "the fight is over");
        cache.repaired(&key());
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_has_one_operation_at_a_time() {
    let cache = MemberCache::default();
    assert!(cache.begin(&key()));
    assert!(!cache.begin(&key()));
    assert!(cache.seen(&key(), None).busy);
    cache.end(&key());
    cache.verified_gone(&key());
    assert!(cache.begin(&key()));
    assert!(!cache.seen(&key(), None).verified, "what begins now may create it");
}

#[tokio::test(start_paused = true)]
async fn what_was_verified_to_be_gone_is_not_believed_once_it_is_seen_again() {
    let cache = MemberCache::default();
    cache.verified_gone(&key());
    assert!(cache.seen(&key(), None).verified);
    cache.watch_shows(&key(), &meta(3, "a"), None);
    cache.watch_removes(&key(), &meta(4, "a"));
    assert!(!cache.seen(&key(), None).verified);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_after_the_watch_has_shown_the_end_brings_nothing_back() {
    let cache = MemberCache::default();
    cache.list_begins();
    cache.list_shows(&key(), &meta(1, "a"), None);
    cache.list_ends();
    assert!(cache.watch_removes(&key(), &meta(3, "a")));
    cache.answered(&key(), &meta(2, "a"), None);
    assert!(cache.object(&key()).is_none(), "the answer is older than the end of the object");
    cache.answered(&key(), &meta(4, "a"), None);
    assert!(cache.object(&key()).is_some(), "it was created again since");
}
