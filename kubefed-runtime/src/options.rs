//! What a control plane is told at its start, in the form in which its parts need it.

use std::{sync::Arc, time::Duration};

use kubefed_core::api::{AdoptResources, KubeFedConfigSpec};

/// The namespaces of a control plane.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    /// Where KubeFed's own objects live.
    pub(crate) kubefed: Arc<str>,
    /// The one namespace that is served; `None` means all.
    pub(crate) target: Option<Arc<str>>,
}

impl Namespace {
    pub(crate) fn new(kubefed: &str, config: &KubeFedConfigSpec) -> Self {
        let kubefed: Arc<str> = kubefed.into();
        let target = config.is_namespaced().then(|| Arc::clone(&kubefed));
        Self { kubefed, target }
    }
}

/// How members are probed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HealthOptions {
    pub(crate) period: Duration,
    pub(crate) timeout: Duration,
    pub(crate) failure_threshold: i64,
    pub(crate) success_threshold: i64,
}

impl From<&KubeFedConfigSpec> for HealthOptions {
    fn from(config: &KubeFedConfigSpec) -> Self {
        Self {
            period: config.health_period(),
            timeout: config.health_timeout(),
            failure_threshold: config.failure_threshold(),
            success_threshold: config.success_threshold(),
        }
    }
}

/// How objects are propagated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PropagationOptions {
    pub(crate) adopt: AdoptResources,
}

impl From<&KubeFedConfigSpec> for PropagationOptions {
    fn from(config: &KubeFedConfigSpec) -> Self {
        Self { adopt: config.adopt_resources() }
    }
}
