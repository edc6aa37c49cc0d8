//! Watches, as kube-rs' clients and watcher see them, and the faults that concern them.

// Helpers of tests may panic as tests may.
#![allow(clippy::expect_used, clippy::needless_pass_by_value)]

mod support;

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::runtime::watcher;
use kube::{Api, ResourceExt as _};
use kubefed_testbed::ControlPlane as _;
use serde_json::json;
use support::{config_map, config_maps, plane};

async fn label(api: &Api<ConfigMap>, name: &str, value: &str) {
    let patch = json!({"metadata": {"labels": {"app": value}}});
    api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.expect("patched");
}

fn short(event: WatchEvent<ConfigMap>) -> String {
    match event {
        WatchEvent::Added(object) => format!("+{}", object.name_any()),
        WatchEvent::Modified(object) => format!("~{}", object.name_any()),
        WatchEvent::Deleted(object) => format!("-{}", object.name_any()),
        WatchEvent::Bookmark(bookmark) => {
            format!("@{:?}", bookmark.metadata.annotations.contains_key("k8s.io/initial-events-end"))
        }
        WatchEvent::Error(status) => format!("!{}", status.code),
    }
}

async fn take(
    stream: &mut (impl futures::Stream<Item = kube::Result<WatchEvent<ConfigMap>>> + Unpin),
    count: usize,
) -> Vec<String> {
    stream.take(count).map_ok(short).try_collect().await.expect("events")
}

#[tokio::test]
async fn objects_enter_and_leave_a_selection() {
    let plane = plane();
    let api = config_maps(plane.client());
    let created = api.create(&PostParams::default(), &config_map("a", &[])).await.expect("created");
    let parameters = WatchParams::default().labels("app=web");
    let version = created.resource_version().expect("version");
    let mut watch = api.watch(&parameters, &version).await.expect("watch").boxed();
    for value in ["other", "web", "web2", "web"] {
        label(&api, "a", value).await;
    }
    api.delete("a", &DeleteParams::default()).await.expect("deleted");
    assert_eq!(take(&mut watch, 4).await, ["+a", "-a", "+a", "-a"]);
}

#[tokio::test]
async fn initial_events_end_with_a_bookmark() {
    let plane = plane();
    let api = config_maps(plane.client());
    for name in ["a", "b"] {
        let mut object = config_map(name, &[]);
        object.labels_mut().insert("app".to_owned(), "web".to_owned());
        api.create(&PostParams::default(), &object).await.expect("created");
    }
    let parameters = WatchParams::default().labels("app").initial_events();
    let mut watch = api.watch(&parameters, "0").await.expect("watch").boxed();
    assert_eq!(take(&mut watch, 3).await, ["+a", "+b", "@true"]);
    label(&api, "b", "x").await;
    assert_eq!(take(&mut watch, 1).await, ["~b"]);
}

#[tokio::test(start_paused = true)]
async fn bookmarks_come_by_the_clock() {
    let plane = plane();
    let api = config_maps(plane.client());
    let created = api.create(&PostParams::default(), &config_map("a", &[])).await.expect("created");
    let version = created.resource_version().expect("version");
    let mut watch = api.watch(&WatchParams::default(), &version).await.expect("watch").boxed();
    let other: Api<ConfigMap> = Api::namespaced(plane.client(), "kube-system");
    other.create(&PostParams::default(), &config_map("elsewhere", &[])).await.expect("created");
    match watch.try_next().await.expect("event").expect("event") {
        WatchEvent::Bookmark(bookmark) => {
            assert_eq!(bookmark.metadata.resource_version, plane.resource_version().to_string());
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_at_its_timeout() {
    let plane = plane();
    let api = config_maps(plane.client());
    let version = plane.resource_version().to_string();
    let watch =
        api.watch(&WatchParams::default().timeout(5).disable_bookmarks(), &version).await.expect("watch");
    let start = tokio::time::Instant::now();
    assert_eq!(watch.boxed().count().await, 0);
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn metadata_watches_carry_metadata() {
    let plane = plane();
    let api = config_maps(plane.client());
    let version = plane.resource_version().to_string();
    let mut watch = api.watch_metadata(&WatchParams::default(), &version).await.expect("watch").boxed();
    api.create(&PostParams::default(), &config_map("a", &[("k", "v")])).await.expect("created");
    match watch.try_next().await.expect("event").expect("event") {
        WatchEvent::Added(object) => {
            assert_eq!(object.types.as_ref().expect("type").kind, "PartialObjectMetadata");
            assert_eq!(object.name_any(), "a");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_watch_from_before_a_compaction_is_told_so() {
    let plane = plane();
    let api = config_maps(plane.client());
    let created = api.create(&PostParams::default(), &config_map("a", &[])).await.expect("created");
    label(&api, "a", "x").await;
    plane.compact();
    let version = created.resource_version().expect("version");
    let mut watch = api.watch(&WatchParams::default(), &version).await.expect("watch").boxed();
    assert_eq!(take(&mut watch, 1).await, ["!410"]);
}

#[tokio::test(start_paused = true)]
async fn stalled_watches_deliver_later() {
    let plane = plane();
    let api = config_maps(plane.client());
    let version = plane.resource_version().to_string();
    let mut watch =
        api.watch(&WatchParams::default().disable_bookmarks(), &version).await.expect("watch").boxed();
    plane.stall_watches();
    api.create(&PostParams::default(), &config_map("a", &[])).await.expect("created");
    label(&api, "a", "x").await;
    assert!(tokio::time::timeout(Duration::from_secs(60), watch.next()).await.is_err());
    plane.resume_watches();
    assert_eq!(take(&mut watch, 2).await, ["+a", "~a"]);
}

#[tokio::test(start_paused = true)]
async fn a_watcher_survives_lost_watches_and_compaction() {
    let plane = plane();
    let api = config_maps(plane.client());
    api.create(&PostParams::default(), &config_map("a", &[])).await.expect("created");
    let mut stream = watcher(api.clone(), watcher::Config::default().labels("!x")).boxed();
    let mut seen = Vec::new();
    while let Some(event) = stream.next().await {
        match event {
            Ok(watcher::Event::InitDone) => break,
            Ok(watcher::Event::InitApply(object)) => seen.push(object.name_any()),
            _ => {}
        }
    }
    assert!(seen.contains(&"a".to_owned()));
    plane.stall_watches();
    api.create(&PostParams::default(), &config_map("b", &[])).await.expect("created");
    api.delete("a", &DeleteParams::default()).await.expect("deleted");
    plane.end_watches();
    plane.compact();
    plane.resume_watches();
    let mut listed = Vec::new();
    while let Some(event) = stream.next().await {
        match event {
            Ok(watcher::Event::Init) => listed.clear(),
            Ok(watcher::Event::InitApply(object)) => listed.push(object.name_any()),
            Ok(watcher::Event::InitDone) => break,
            Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_)) | Err(_) => {}
        }
    }
    assert_eq!(listed, ["b", "kube-root-ca.crt"]);
}

#[tokio::test]
async fn a_thousand_watches_get_only_what_is_theirs() {
    let plane = plane();
    let api = config_maps(plane.client());
    let version = plane.resource_version().to_string();
    let mut watches = Vec::new();
    for index in 0..1000 {
        let parameters = WatchParams::default().fields(&format!("metadata.name=a{index}"));
        watches.push(api.watch(&parameters, &version).await.expect("watch").boxed());
    }
    for index in [0, 500, 999] {
        api.create(&PostParams::default(), &config_map(&format!("a{index}"), &[])).await.expect("created");
    }
    for index in [0, 500, 999] {
        assert_eq!(take(&mut watches[index], 1).await, [format!("+a{index}")]);
    }
}
