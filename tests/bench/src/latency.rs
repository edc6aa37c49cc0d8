//! Latency of single edits while nothing else is going on.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
    runtime::{
        WatchStreamExt,
        watcher::{self, watcher},
    },
};
use kubefed_types::FederatedConfigMap;
use serde_json::json;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{objects::ObjectSet, observer::is_propagated, planes::Planes, setup::NAMESPACE};

/// How long one edit may take.
const LIMIT: Duration = Duration::from_secs(30);
/// The key of the data that is edited.
const EDITED: &str = "edit";

/// What a watch has shown, and when.
enum Sight {
    /// A member holds an edit of an object.
    Held { member: usize, name: String, edit: String, at: Instant },
    /// The status on the host says that all members hold a generation of an object.
    Recorded { name: String, generation: i64 },
}

/// Edits one object after the other, each when the status of the one before has been written. Answers the time of each
/// edit, from sending it to the host until the last member has shown it, in ascending order. One more edit comes first
/// and does not count: once it was seen, the watches have read all that was there before.
pub(crate) async fn measure(planes: &Planes, set: ObjectSet, edits: usize) -> Result<Vec<Duration>> {
    let (sender, mut sights) = mpsc::unbounded_channel();
    let _watches = watch_all(planes, set, &sender)?;
    let api: Api<FederatedConfigMap> = Api::namespaced(planes.host.client.clone(), NAMESPACE);
    let mut times = Vec::with_capacity(edits);
    for index in 0..=edits {
        let name = set.object_name(index % set.count);
        let edit = format!("edit {index}");
        let patch = json!({"spec": {"template": {"data": {EDITED: edit}}}});
        let sent = Instant::now();
        let edited = api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        let generation = edited.metadata.generation.unwrap_or_default();
        let seen = see(&mut sights, planes.members.len(), &name, &edit, generation);
        let last = timeout(LIMIT, seen)
            .await
            .with_context(|| format!("an edit of {name} took over {LIMIT:?}"))??;
        if index > 0 {
            times.push(last - sent);
        }
    }
    times.sort_unstable();
    Ok(times)
}

/// The time below which a share of all times lies, by the nearest rank; `times` is in ascending order.
pub(crate) fn percentile(times: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).copied()
}

/// Waits until all members hold the edit, and the status says so. Answers when the last member held it.
async fn see(
    sights: &mut mpsc::UnboundedReceiver<Sight>,
    members: usize,
    edited: &str,
    awaited: &str,
    edited_generation: i64,
) -> Result<Instant> {
    let mut held = vec![None; members];
    let mut recorded = false;
    loop {
        if let (true, Some(Some(last))) = (recorded && held.iter().all(Option::is_some), held.iter().max()) {
            return Ok(*last);
        }
        match sights.recv().await {
            Some(Sight::Held { member, name, edit, at }) if name == edited && edit == awaited => {
                held[member].get_or_insert(at);
            }
            Some(Sight::Recorded { name, generation }) => {
                recorded |= name == edited && generation == edited_generation;
            }
            Some(Sight::Held { .. }) => {}
            None => bail!("the watches have ended"),
        }
    }
}

fn watch_all(planes: &Planes, set: ObjectSet, sights: &mpsc::UnboundedSender<Sight>) -> Result<JoinSet<()>> {
    let mut watches = JoinSet::new();
    let config = watcher::Config::default().labels(&set.selector());
    let members = planes.members.len();
    let federated: Api<FederatedConfigMap> = Api::namespaced(planes.host.connect()?, NAMESPACE);
    watches.spawn(watch(federated, config.clone(), sights.clone(), move |object| {
        let generation = object.metadata.generation?;
        let propagated = is_propagated(object.status.as_ref()?, Some(generation), members);
        propagated.then(|| Sight::Recorded { name: object.name_any(), generation })
    }));
    for (member, site) in planes.members.iter().enumerate() {
        let held: Api<ConfigMap> = Api::namespaced(site.connect()?, NAMESPACE);
        watches.spawn(watch(held, config.clone(), sights.clone(), move |object| {
            let edit = object.data.as_ref()?.get(EDITED)?.clone();
            Some(Sight::Held { member, name: object.name_any(), edit, at: Instant::now() })
        }));
    }
    Ok(watches)
}

async fn watch<K>(
    api: Api<K>,
    config: watcher::Config,
    sights: mpsc::UnboundedSender<Sight>,
    look: impl Fn(&K) -> Option<Sight>,
) where
    K: kube::Resource + Clone + serde::de::DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    let mut objects = watcher(api, config).default_backoff().applied_objects().boxed();
    loop {
        match objects.try_next().await {
            Ok(Some(object)) => {
                if let Some(sight) = look(&object) {
                    let _ = sights.send(sight);
                }
            }
            Ok(None) => return,
            // The next try follows; an edit that is missed meanwhile is shown by the list.
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times: Vec<Duration> = (1..=50).map(Duration::from_millis).collect();
        let cases = [(50, 25), (99, 50), (100, 50), (1, 1), (0, 1)];
        for (percent, millis) in cases {
            assert_eq!(percentile(&times, percent), Some(Duration::from_millis(millis)), "{percent}");
        }
        assert_eq!(percentile(&[], 50), None);
    }
}
