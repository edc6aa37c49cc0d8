//! The bare loop: the requests that a controller cannot do without, on its client stack and with its concurrency, and
//! nothing else. What it takes is what the servers and the client stack take.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future::try_join_all, stream};
use http::Method;
use kube::{Api, Client};
use kubefed_runtime::api::names;
use kubefed_types::FederatedConfigMap;
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};

use crate::{
    objects::{FEDERATED_PATH, ObjectSet, TARGET_PATH},
    planes::Planes,
    requests::{self, METADATA_ONLY, WHOLE},
    setup::NAMESPACE,
};

/// How many federated objects are worked on at once, as in the controller.
const OBJECTS_AT_ONCE: usize = 64;
/// How many requests to one member run at once, as in the controller.
const WINDOW: usize = 32;

/// A bare loop with open connections and all bodies made.
pub(crate) struct BareLoop {
    creator: Client,
    worker: Arc<Worker>,
}

struct Worker {
    host: Client,
    members: Vec<(Client, Semaphore)>,
    finalizer_patch: Bytes,
    status_patch: Bytes,
}

impl BareLoop {
    /// Prepares a loop that writes the status that the controller has written for the object `model`.
    pub(crate) async fn prepare(planes: &Planes, model: &str) -> Result<Self> {
        let federated: Api<FederatedConfigMap> = Api::namespaced(planes.host.client.clone(), NAMESPACE);
        let status = federated.get(model).await?.status.with_context(|| format!("{model} has no status"))?;
        let finalizer_patch = json!([
            {"op": "test", "path": "/metadata/finalizers", "value": null},
            {"op": "add", "path": "/metadata/finalizers", "value": [names::SYNC_FINALIZER]},
        ]);
        let members = planes.members.iter().map(|member| Ok((member.connect()?, Semaphore::new(WINDOW))));
        let worker = Worker {
            host: planes.host.connect()?,
            members: members.collect::<Result<_>>()?,
            finalizer_patch: serde_json::to_vec(&finalizer_patch)?.into(),
            status_patch: serde_json::to_vec(&json!({ "status": status }))?.into(),
        };
        Ok(Self { creator: planes.host.connect()?, worker: Arc::new(worker) })
    }

    /// Creates the set and brings it to the members.
    pub(crate) async fn run(&self, set: ObjectSet) -> Result<()> {
        let (created, objects) = mpsc::unbounded_channel();
        let creations = async move {
            // The channel closes with the last creation.
            set.create(&self.creator, |name| {
                let _ = created.send(name);
            })
            .await
        };
        let objects = stream::unfold(objects, |mut objects| async { Some((objects.recv().await?, objects)) });
        let chains = objects
            .map(|name| {
                let worker = Arc::clone(&self.worker);
                let applied = serde_json::to_vec(&set.rendered(&name)).map(Bytes::from);
                tokio::spawn(async move { worker.bring(&name, applied?).await })
            })
            .buffer_unordered(OBJECTS_AT_ONCE)
            .map(|ended| ended.unwrap_or_else(|panicked| Err(anyhow!(panicked))))
            .try_for_each(async |()| Ok(()));
        tokio::try_join!(creations, chains)?;
        Ok(())
    }
}

impl Worker {
    /// All that is to be sent for one object.
    async fn bring(&self, name: &str, applied: Bytes) -> Result<()> {
        let uri = format!("{FEDERATED_PATH}/{name}?fieldManager={}", names::FIELD_MANAGER);
        let patch = self.finalizer_patch.clone();
        requests::send(&self.host, Method::PATCH, &uri, "application/json-patch+json", METADATA_ONLY, patch)
            .await?;
        try_join_all(
            self.members.iter().map(|(member, window)| apply(member, window, name, applied.clone())),
        )
        .await?;
        let uri = format!("{FEDERATED_PATH}/{name}/status?fieldManager={}", names::FIELD_MANAGER);
        let patch = self.status_patch.clone();
        requests::send(&self.host, Method::PATCH, &uri, "application/merge-patch+json", WHOLE, patch).await
    }
}

async fn apply(member: &Client, window: &Semaphore, name: &str, applied: Bytes) -> Result<()> {
    let _place = window.acquire().await?;
    let uri = format!("{TARGET_PATH}/{name}?fieldManager={}&force=true", names::FIELD_MANAGER);
    requests::send(member, Method::PATCH, &uri, "application/apply-patch+yaml", METADATA_ONLY, applied).await
}
