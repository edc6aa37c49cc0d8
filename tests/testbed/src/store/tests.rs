use serde_json::{Value, json};

use super::*;

fn config_maps() -> GroupResource {
    GroupResource::new("", "configmaps")
}

fn draft(namespace: &str, name: &str, labels: &Value) -> Draft {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "namespace": namespace, "name": name, "uid": format!("{namespace}-{name}"), "labels": labels}});
    Draft::new(ObjectKey::new(namespace, name), object, Attributes::default())
}

fn put(store: &Store, namespace: &str, name: &str, labels: &Value) -> Arc<Record> {
    let current = store.get(&config_maps(), &ObjectKey::new(namespace, name));
    let expect = current.map_or(Expect::Absent, |record| Expect::Revision(record.revision));
    store.commit(&config_maps(), draft(namespace, name, labels), expect).expect("committed")
}

fn remove(store: &Store, namespace: &str, name: &str) -> Arc<Record> {
    let key = ObjectKey::new(namespace, name);
    let revision = store.get(&config_maps(), &key).expect("present").revision;
    store.remove(&config_maps(), &key, Expect::Revision(revision)).expect("removed")
}

fn labelled(name: &str, value: &str) -> Selection {
    let operator = Operator::In(vec![value.to_owned()]);
    Selection { labels: vec![Requirement { name: name.to_owned(), operator }], ..Selection::default() }
}

fn names(page: &Page) -> Vec<&str> {
    page.records.iter().map(|record| record.key.as_str()).collect()
}

fn received(subscription: &mut Subscription, selection: &Selection) -> Vec<(Change, String, u64)> {
    let mut changes = Vec::new();
    while let Ok(event) = subscription.events.try_recv() {
        let (change, record) = translate(&event, selection).expect("a change for this watch");
        assert_eq!(record.value()["metadata"]["resourceVersion"], json!(event.revision.to_string()));
        changes.push((change, record.key.name().to_owned(), event.revision));
    }
    changes
}

#[test]
fn commits_take_revisions_and_check_expectations() {
    let store = Store::new();
    let first = put(&store, "a", "x", &json!({}));
    assert_eq!(first.value()["metadata"]["resourceVersion"], json!(first.revision.to_string()));
    let again = store.commit(&config_maps(), draft("a", "x", &json!({})), Expect::Absent);
    assert_eq!(again.expect_err("taken"), CommitError::Exists);
    let stale =
        store.commit(&config_maps(), draft("a", "x", &json!({})), Expect::Revision(first.revision - 1));
    assert_eq!(stale.expect_err("stale"), CommitError::Changed);
    assert_eq!(store.revision(), first.revision);
    let removed = remove(&store, "a", "x");
    assert_eq!(removed.revision, first.revision + 1);
    let gone = store.remove(&config_maps(), &ObjectKey::new("a", "x"), Expect::Revision(removed.revision));
    assert_eq!(gone.expect_err("gone"), CommitError::Missing);
}

#[test]
fn lists_are_ordered_as_in_etcd() {
    let store = Store::new();
    for (namespace, name) in [("a", "y"), ("a-b", "x"), ("a", "x"), ("b", "x")] {
        put(&store, namespace, name, &json!({}));
    }
    let page = store.list(&config_maps(), &Selection::default(), 0, None).expect("list");
    assert_eq!(names(&page), ["a-b/x", "a/x", "a/y", "b/x"]);
    let page = store.list(&config_maps(), &Selection::all(Some("a")), 0, None).expect("list");
    assert_eq!(names(&page), ["a/x", "a/y"]);
}

#[test]
fn pages_show_the_state_of_the_first_page() {
    let store = Store::new();
    for name in ["a", "b", "c", "d", "e"] {
        put(&store, "n", name, &json!({}));
    }
    let first = store.list(&config_maps(), &Selection::default(), 2, None).expect("list");
    assert_eq!((names(&first), first.remaining), (vec!["n/a", "n/b"], Some(3)));
    remove(&store, "n", "c");
    put(&store, "n", "d", &json!({"changed": "twice"}));
    put(&store, "n", "d", &json!({"changed": "again"}));
    put(&store, "n", "c", &json!({"new": "one"}));
    put(&store, "n", "cc", &json!({}));
    let from = Continue { revision: first.revision, after: first.next.expect("more") };
    let second = store.list(&config_maps(), &Selection::default(), 0, Some(&from)).expect("list");
    assert_eq!(names(&second), ["n/c", "n/d", "n/e"]);
    assert!(second.records.iter().all(|record| record.labels.is_empty()));
    assert_eq!(second.revision, first.revision);
    store.compact();
    assert!(store.list(&config_maps(), &Selection::default(), 0, Some(&from)).is_err());
}

#[test]
fn a_watch_replays_and_goes_on_without_gaps() {
    let store = Store::new();
    let first = put(&store, "n", "a", &json!({}));
    put(&store, "n", "b", &json!({}));
    let all = Selection::default();
    let mut watch = store.watch(&config_maps(), &all, Some(first.revision)).expect("watch");
    put(&store, "n", "b", &json!({"x": "y"}));
    remove(&store, "n", "a");
    let base = first.revision;
    assert_eq!(
        received(&mut watch, &all),
        [
            (Change::Added, "b".to_owned(), base + 1),
            (Change::Modified, "b".to_owned(), base + 2),
            (Change::Deleted, "a".to_owned(), base + 3),
        ]
    );
}

#[test]
fn objects_enter_and_leave_a_selection() {
    let store = Store::new();
    let selection = labelled("app", "web");
    let mut watch = store.watch(&config_maps(), &selection, None).expect("watch");
    put(&store, "n", "a", &json!({"app": "other"}));
    let entered = put(&store, "n", "a", &json!({"app": "web"}));
    put(&store, "n", "a", &json!({"app": "web", "more": "labels"}));
    put(&store, "n", "a", &json!({"app": "other"}));
    put(&store, "n", "a", &json!({"app": "another"}));
    remove(&store, "n", "a");
    let base = entered.revision;
    assert_eq!(
        received(&mut watch, &selection),
        [
            (Change::Added, "a".to_owned(), base),
            (Change::Modified, "a".to_owned(), base + 1),
            (Change::Deleted, "a".to_owned(), base + 2),
        ]
    );
}

#[test]
fn the_state_before_leaving_is_shown_under_the_new_version() {
    let store = Store::new();
    let selection = labelled("app", "web");
    put(&store, "n", "a", &json!({"app": "web"}));
    let mut watch = store.watch(&config_maps(), &selection, None).expect("watch");
    let left = put(&store, "n", "a", &json!({"app": "other"}));
    let event = watch.events.try_recv().expect("event");
    let (_, record) = translate(&event, &selection).expect("change");
    let object = record.value();
    assert_eq!(object["metadata"]["labels"], json!({"app": "web"}));
    assert_eq!(object["metadata"]["resourceVersion"], json!(left.revision.to_string()));
}

#[test]
fn a_watch_is_offered_only_what_its_scope_covers() {
    let store = Store::new();
    let named = Selection { name: Some("a".to_owned()), ..Selection::all(Some("n")) };
    let mut one = store.watch(&config_maps(), &named, None).expect("watch");
    let mut namespace = store.watch(&config_maps(), &Selection::all(Some("n")), None).expect("watch");
    for (place, name) in [("n", "a"), ("n", "b"), ("m", "a")] {
        put(&store, place, name, &json!({}));
    }
    assert_eq!(received(&mut one, &named).len(), 1);
    assert_eq!(received(&mut namespace, &Selection::all(Some("n"))).len(), 2);
    drop(one);
    drop(namespace);
    put(&store, "n", "a", &json!({"x": "y"}));
}

#[test]
fn a_watch_from_before_a_compaction_is_refused() {
    let store = Store::new();
    let first = put(&store, "n", "a", &json!({}));
    let second = put(&store, "n", "b", &json!({}));
    store.compact();
    let all = Selection::default();
    let expired = store.watch(&config_maps(), &all, Some(first.revision)).expect_err("too old");
    assert_eq!(
        expired.to_string(),
        format!("too old resource version: {} ({})", first.revision, second.revision)
    );
    assert!(store.watch(&config_maps(), &all, Some(second.revision)).is_ok());
    assert!(store.watch(&GroupResource::new("", "secrets"), &all, Some(first.revision)).is_err());
}
