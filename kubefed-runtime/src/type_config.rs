//! The controller of `FederatedTypeConfig` objects (spec 7): a linked type runs when its object exists and says Enabled.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, TryStreamExt};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
    core::DeserializeGuard,
    runtime::{
        WatchStreamExt,
        watcher::{self, watcher},
    },
};
use kubefed_core::api::{
    ControllerState, FederatedTypeConfig, FederatedTypeConfigStatus, PropagationMode, StatusCollectionMode,
    TypeDescriptor, names,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, TypeController};

/// Starts and stops the controllers of types as their FederatedTypeConfigs say.
pub(crate) struct TypeConfigController {
    engine: Arc<Engine>,
    /// The types that are compiled in, by the name of their FederatedTypeConfig.
    linked: BTreeMap<String, TypeDescriptor>,
    running: BTreeMap<String, Running>,
    configs: BTreeMap<String, FederatedTypeConfig>,
    /// Names of types that are not linked and were warned of.
    warned: BTreeSet<String>,
}

struct Running {
    controller: Arc<TypeController>,
    generation: i64,
}

/// Pause before failed writes are tried again.
const RETRY: Duration = Duration::from_secs(5);

impl TypeConfigController {
    pub(crate) fn new(engine: Arc<Engine>, linked: &[TypeDescriptor]) -> Self {
        let linked =
            linked.iter().map(|descriptor| (descriptor.type_config_name(), descriptor.clone())).collect();
        Self { engine, linked, running: BTreeMap::new(), configs: BTreeMap::new(), warned: BTreeSet::new() }
    }

    /// Watches the FederatedTypeConfigs of the control plane until `ended`.
    pub(crate) async fn run(mut self, ended: CancellationToken) {
        // An object that cannot be read must not hide the others.
        let api: Api<DeserializeGuard<FederatedTypeConfig>> =
            Api::namespaced(self.engine.host.clone(), &self.engine.namespace.kubefed);
        let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
        let mut listed = BTreeMap::new();
        let mut due = BTreeSet::new();
        loop {
            due = self.reconcile_all(due).await;
            let event = tokio::select! {
                () = ended.cancelled() => break,
                () = tokio::time::sleep(RETRY), if !due.is_empty() => continue,
                event = events.try_next() => event,
            };
            match event {
                Ok(Some(watcher::Event::Init)) => listed.clear(),
                Ok(Some(watcher::Event::InitApply(config))) => {
                    let name = config.name_any();
                    if let Some(config) = readable(config).or_else(|| self.configs.get(&name).cloned()) {
                        listed.insert(name, config);
                    }
                }
                Ok(Some(watcher::Event::InitDone)) => {
                    let before = std::mem::replace(&mut self.configs, std::mem::take(&mut listed));
                    due.extend(before.into_keys());
                    due.extend(self.configs.keys().cloned());
                }
                Ok(Some(watcher::Event::Apply(config))) => {
                    if let Some(config) = readable(config)
                        && self.learn(config.clone())
                    {
                        due.insert(config.name_any());
                    }
                }
                Ok(Some(watcher::Event::Delete(config))) => {
                    due.insert(config.name_any());
                    self.configs.remove(&config.name_any());
                }
                Ok(None) => break,
                Err(error) => tracing::warn!(%error, "watching FederatedTypeConfigs"),
            }
        }
        for running in self.running.values() {
            running.controller.stop();
        }
    }

    /// Keeps an object that an event or an answer to our own request has shown. Tells whether it is newer than what is
    /// known.
    fn learn(&mut self, config: FederatedTypeConfig) -> bool {
        let known = self.configs.get(&config.name_any()).map_or(0, version);
        let newer = version(&config) > known;
        if newer {
            self.configs.insert(config.name_any(), config);
        }
        newer
    }

    /// Brings what runs in line with the objects of these names. Answers those whose writes failed.
    async fn reconcile_all(&mut self, names: BTreeSet<String>) -> BTreeSet<String> {
        let mut failed = BTreeSet::new();
        for name in names {
            match self.reconcile(&name).await {
                Ok(()) => {}
                // The event of what was written meanwhile is under way.
                Err(kube::Error::Api(status)) if status.is_conflict() => {}
                Err(error) => {
                    tracing::warn!(name, %error, "the FederatedTypeConfig could not be written; trying again");
                    failed.insert(name);
                }
            }
        }
        failed
    }

    fn api(&self) -> Api<FederatedTypeConfig> {
        Api::namespaced(self.engine.host.clone(), &self.engine.namespace.kubefed)
    }

    async fn reconcile(&mut self, name: &str) -> Result<(), kube::Error> {
        let Some(config) = self.configs.get(name).cloned() else {
            self.stop(name);
            return Ok(());
        };
        if config.metadata.deletion_timestamp.is_some() {
            self.stop(name);
            return self.remove_finalizer(&config).await;
        }
        let Some(linked) = self.linked.get(name) else {
            if self.warned.insert(name.to_owned()) {
                tracing::warn!(
                    name,
                    "a FederatedTypeConfig names a type that is not linked into this controller"
                );
            }
            return Ok(());
        };
        let descriptor = configured(linked, name, &config);
        // Namespaces and other types without a namespace are not served by a control plane for one namespace.
        let served = self.engine.namespace.target.is_none() || descriptor.target.is_namespaced();
        let generation = config.metadata.generation.unwrap_or_default();
        if !served || config.spec.propagation == PropagationMode::Disabled {
            self.stop(name);
            return self.write_status(&config, ControllerState::NotRunning).await;
        }
        let config = self.add_finalizer(config).await?;
        let outdated = self.running.get(name).is_none_or(|running| {
            running.generation != generation && running.controller.descriptor() != &descriptor
        });
        if outdated {
            self.stop(name);
            tracing::info!(name, kind = descriptor.federated.kind, "starting the sync controller");
            let controller = TypeController::start(Arc::clone(&self.engine), descriptor);
            self.running.insert(name.to_owned(), Running { controller, generation });
        }
        self.write_status(&config, ControllerState::Running).await
    }

    fn stop(&mut self, name: &str) {
        if let Some(running) = self.running.remove(name) {
            tracing::info!(name, "stopping the sync controller");
            running.controller.stop();
        }
    }

    async fn add_finalizer(
        &mut self,
        config: FederatedTypeConfig,
    ) -> Result<FederatedTypeConfig, kube::Error> {
        if config.finalizers().iter().any(|finalizer| finalizer == names::TYPE_CONFIG_FINALIZER) {
            return Ok(config);
        }
        let mut finalizers = config.finalizers().to_vec();
        finalizers.push(names::TYPE_CONFIG_FINALIZER.to_owned());
        let config = self.patch_finalizers(&config, &finalizers).await?;
        self.learn(config.clone());
        Ok(config)
    }

    async fn remove_finalizer(&self, config: &FederatedTypeConfig) -> Result<(), kube::Error> {
        let mut finalizers = config.finalizers().to_vec();
        let before = finalizers.len();
        finalizers.retain(|finalizer| finalizer != names::TYPE_CONFIG_FINALIZER);
        if finalizers.len() == before {
            return Ok(());
        }
        match self.patch_finalizers(config, &finalizers).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            result => result.map(drop),
        }
    }

    async fn patch_finalizers(
        &self,
        config: &FederatedTypeConfig,
        finalizers: &[String],
    ) -> Result<FederatedTypeConfig, kube::Error> {
        let patch = json!({
            "metadata": {"finalizers": finalizers, "resourceVersion": config.resource_version()}
        });
        let parameters =
            PatchParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        self.api().patch(&config.name_any(), &parameters, &Patch::Merge(patch)).await
    }

    /// Writes the status, if anything in it is new.
    async fn write_status(
        &mut self,
        config: &FederatedTypeConfig,
        state: ControllerState,
    ) -> Result<(), kube::Error> {
        let status = FederatedTypeConfigStatus {
            observed_generation: config.metadata.generation.unwrap_or_default(),
            propagation_controller: state,
            status_controller: Some(ControllerState::NotRunning),
        };
        if config.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let parameters =
            PatchParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({ "status": status }));
        let written = self.api().patch_status(&config.name_any(), &parameters, &patch).await?;
        self.learn(written);
        Ok(())
    }
}

/// The object, if it can be read. One that cannot be changes nothing: its type goes on as it was last told to.
fn readable(config: DeserializeGuard<FederatedTypeConfig>) -> Option<FederatedTypeConfig> {
    match config.0 {
        Ok(config) => Some(config),
        Err(invalid) => {
            let name = invalid.metadata.name.unwrap_or_default();
            tracing::warn!(name, error = %invalid.error, "the FederatedTypeConfig cannot be read; mend it");
            None
        }
    }
}

fn version(config: &FederatedTypeConfig) -> u64 {
    config.resource_version().and_then(|version| version.parse().ok()).unwrap_or(0)
}

/// The linked type with what its FederatedTypeConfig says about it.
fn configured(linked: &TypeDescriptor, name: &str, config: &FederatedTypeConfig) -> TypeDescriptor {
    let mut spec = config.spec.clone();
    spec.set_defaults(name);
    TypeDescriptor {
        target: spec.target_type,
        federated: spec.federated_type,
        replicas: linked.replicas.clone(),
        collects_status: spec.status_collection == Some(StatusCollectionMode::Enabled),
    }
}
