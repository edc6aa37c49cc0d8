//! Watches the host and the members until a set of objects is where it shall be. The same watches run with and without
//! a controller, so that they cost both the same.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt};
use kube::{
    Api, ResourceExt,
    api::DynamicObject,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt,
        watcher::{self, watcher},
    },
};
use kubefed_runtime::api::FederatedStatus;
use kubefed_types::FederatedConfigMap;
use serde::de::DeserializeOwned;
use tokio::{sync::watch, task::JoinSet, time::timeout};

use crate::{objects::ObjectSet, planes::Planes, setup::NAMESPACE};

/// Looks on until it is dropped.
pub(crate) struct Observer {
    set: ObjectSet,
    /// The host first, then the members.
    places: Vec<Place>,
    _watches: JoinSet<()>,
}

struct Place {
    name: String,
    progress: watch::Receiver<Progress>,
}

#[derive(Clone, Debug, Default)]
struct Progress {
    /// The first list has ended: nothing that happens from now on is missed.
    listed: bool,
    /// How many objects are as they shall be.
    complete: usize,
    problem: Option<String>,
}

impl Observer {
    /// Starts to look at a set that need not exist yet. All watches are established when this returns.
    pub(crate) async fn start(planes: &Planes, set: ObjectSet, limit: Duration) -> Result<Self> {
        let mut observer = Self { set, places: Vec::new(), _watches: JoinSet::new() };
        let members = planes.members.len();
        let federated: Api<FederatedConfigMap> = Api::namespaced(planes.host.connect()?, NAMESPACE);
        observer.watch(&planes.host.name, federated, move |object| {
            object
                .status
                .as_ref()
                .is_some_and(|status| is_propagated(status, object.metadata.generation, members))
        });
        let target = kube::api::ApiResource::erase::<k8s_openapi::api::core::v1::ConfigMap>(&());
        for member in &planes.members {
            let held: Api<PartialObjectMeta<DynamicObject>> =
                Api::namespaced_with(member.connect()?, NAMESPACE, &target);
            observer.watch(&member.name, held, |object| object.metadata.deletion_timestamp.is_none());
        }
        observer.wait(limit, |progress| progress.listed).await?;
        Ok(observer)
    }

    fn watch<K>(&mut self, name: &str, api: Api<K>, is_complete: impl Fn(&K) -> bool + Send + 'static)
    where
        K: kube::Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
    {
        let (sender, progress) = watch::channel(Progress::default());
        let config = watcher::Config::default().labels(&self.set.selector());
        self._watches.spawn(look_on(api, config, is_complete, sender));
        self.places.push(Place { name: name.to_owned(), progress });
    }

    /// Waits until every member holds every object of the set, and every status on the host says so.
    pub(crate) async fn complete(&self, limit: Duration) -> Result<()> {
        let count = self.set.count;
        self.wait(limit, |progress| progress.complete == count).await
    }

    async fn wait(&self, limit: Duration, is_reached: impl Fn(&Progress) -> bool) -> Result<()> {
        let all = async {
            for place in &self.places {
                let mut progress = place.progress.clone();
                progress.wait_for(&is_reached).await.with_context(|| format!("watching {}", place.name))?;
            }
            Ok(())
        };
        match timeout(limit, all).await {
            Ok(reached) => reached,
            Err(_) => bail!("not done after {limit:?}: {}", self.summary()),
        }
    }

    /// How far each place is.
    fn summary(&self) -> String {
        let place = |place: &Place| {
            let progress = place.progress.borrow();
            let problem =
                progress.problem.as_ref().map(|problem| format!(" ({problem})")).unwrap_or_default();
            format!("{} {} of {}{problem}", place.name, progress.complete, self.set.count)
        };
        self.places.iter().map(place).collect::<Vec<_>>().join(", ")
    }
}

/// Whether a status says that all members hold the object as it is now.
pub(crate) fn is_propagated(status: &FederatedStatus, generation: Option<i64>, members: usize) -> bool {
    status.observed_generation == generation
        && status.clusters.len() == members
        && status.clusters.iter().all(|cluster| cluster.status.as_deref().unwrap_or_default().is_empty())
        && status
            .conditions
            .iter()
            .any(|condition| condition.type_ == "Propagation" && condition.status == "True")
}

async fn look_on<K>(
    api: Api<K>,
    config: watcher::Config,
    is_complete: impl Fn(&K) -> bool,
    progress: watch::Sender<Progress>,
) where
    K: kube::Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    let mut events = watcher(api, config).default_backoff().boxed();
    let mut complete = BTreeSet::new();
    loop {
        let mut listed = false;
        let mut problem = None;
        match events.try_next().await {
            Ok(Some(watcher::Event::Init)) => complete.clear(),
            Ok(Some(watcher::Event::InitDone)) => listed = true,
            Ok(Some(watcher::Event::InitApply(object) | watcher::Event::Apply(object))) => {
                if is_complete(&object) {
                    complete.insert(object.name_any());
                } else {
                    complete.remove(&object.name_any());
                }
            }
            Ok(Some(watcher::Event::Delete(object))) => {
                complete.remove(&object.name_any());
            }
            Ok(None) => return,
            Err(error) => problem = Some(error.to_string()),
        }
        progress.send_modify(|progress| {
            progress.listed |= listed;
            progress.complete = complete.len();
            progress.problem = problem;
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_status_counts_if_it_speaks_of_this_generation_and_of_every_member() {
        let good = json!({
            "observedGeneration": 2,
            "conditions": [{"type": "Propagation", "status": "True"}],
            "clusters": [{"name": "a"}, {"name": "b"}],
        });
        let with = |pointer: &str, value: Value| {
            let mut status = good.clone();
            *status.pointer_mut(pointer).unwrap() = value;
            is_propagated(&serde_json::from_value(status).unwrap(), Some(2), 2)
        };
        assert!(with("/observedGeneration", json!(2)));
        assert!(!with("/observedGeneration", json!(1)));
        assert!(!with("/conditions/0/status", json!("False")));
        assert!(!with("/clusters", json!([{"name": "a"}])));
        assert!(!with("/clusters/1", json!({"name": "b", "status": "CreationFailed"})));
    }
}
