//! `KubeFedConfig`: how a control plane behaves (spec 1.3).

use std::time::Duration as StdDuration;

use kube_core::Duration;
use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a control plane behaves. Read once, at start. Whatever is left out has the default of [`KubeFedConfigSpec`]'s
/// methods.
#[allow(clippy::duplicated_attributes, reason = "several printer columns, each with the same words")]
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[kube(
    group = "core.kubefed.io",
    version = "v1beta1",
    kind = "KubeFedConfig",
    plural = "kubefedconfigs",
    singular = "kubefedconfig",
    namespaced,
    derive = "PartialEq",
    doc = "How a control plane behaves.",
    printcolumn(name = "scope", type_ = "string", json_path = ".spec.scope"),
    printcolumn(name = "age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    crates(
        kube_core = "::kube_core",
        k8s_openapi = "::k8s_openapi",
        schemars = "::schemars",
        serde = "::serde",
        serde_json = "::serde_json"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct KubeFedConfigSpec {
    /// `Cluster` or `Namespaced`: whether the control plane serves all namespaces or only its own.
    pub scope: String,
    /// Delays of reactions to clusters that come and go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller_duration: Option<ControllerDuration>,
    /// Timing and kind of the leader's lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader_elect: Option<LeaderElection>,
    /// Switches of features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<Vec<FeatureGate>>,
    /// How members are probed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_health_check: Option<ClusterHealthCheck>,
    /// How objects are propagated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_controller: Option<SyncController>,
    /// How status is collected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_controller: Option<StatusController>,
}

/// Delays of reactions to clusters that come and go.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ControllerDuration {
    /// After a cluster became ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub available_delay: Option<Duration>,
    /// After a cluster stopped being ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub unavailable_delay: Option<Duration>,
    /// How long caches may take to fill (v0.9 and newer). Accepted and not needed: caches fill one by one here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub cache_sync_timeout: Option<Duration>,
}

/// Timing and kind of the leader's lock.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LeaderElection {
    /// How long others wait before they take over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub lease_duration: Option<Duration>,
    /// How long the leader tries to renew before it gives up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub renew_deadline: Option<Duration>,
    /// How long to wait between tries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub retry_period: Option<Duration>,
    /// What KubeFed locked on. Accepted; the lock is a Lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_lock: Option<ResourceLock>,
}

/// What KubeFed locked on.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(with = "String")]
#[serde(rename_all = "lowercase")]
pub enum ResourceLock {
    /// An annotation on a ConfigMap.
    ConfigMaps,
    /// An annotation on an Endpoints object.
    Endpoints,
}

/// A switch of one feature.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
pub struct FeatureGate {
    /// Which feature.
    pub name: String,
    /// Whether it is on.
    pub configuration: ConfigurationMode,
}

/// Whether something is on.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(with = "String")]
pub enum ConfigurationMode {
    /// It is.
    Enabled,
    /// It is not.
    Disabled,
}

/// How members are probed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClusterHealthCheck {
    /// Time from probe to probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub period: Option<Duration>,
    /// How many failures in a row make a ready cluster unready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_threshold: Option<i64>,
    /// How many successes in a row make an unready cluster ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_threshold: Option<i64>,
    /// How long a probe may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub timeout: Option<Duration>,
}

/// How objects are propagated.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SyncController {
    /// Accepted and not needed: concurrency is bounded per cluster here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent_reconciles: Option<i64>,
    /// Whether an object that is already in a member becomes managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt_resources: Option<AdoptResources>,
}

/// Whether an object that is already in a member becomes managed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[schemars(with = "String")]
pub enum AdoptResources {
    /// It does: our fields are merged into it.
    #[default]
    Enabled,
    /// It is left alone, and the status says `AlreadyExists`.
    Disabled,
}

/// How status is collected.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StatusController {
    /// Accepted and not needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent_reconciles: Option<i64>,
}

impl Default for KubeFedConfigSpec {
    fn default() -> Self {
        Self {
            scope: "Cluster".to_owned(),
            controller_duration: None,
            leader_elect: None,
            feature_gates: None,
            cluster_health_check: None,
            sync_controller: None,
            status_controller: None,
        }
    }
}

fn or_seconds(duration: Option<Duration>, seconds: u64) -> StdDuration {
    duration.map_or(StdDuration::from_secs(seconds), StdDuration::from)
}

impl KubeFedConfigSpec {
    /// Whether only the control plane's own namespace is served.
    #[must_use]
    pub fn is_namespaced(&self) -> bool {
        self.scope == "Namespaced"
    }

    /// Whether objects that are already in a member become managed; by default they do.
    #[must_use]
    pub fn adopt_resources(&self) -> AdoptResources {
        self.sync_controller.as_ref().and_then(|sync| sync.adopt_resources).unwrap_or_default()
    }

    /// Time from probe to probe; 10 s by default.
    #[must_use]
    pub fn health_period(&self) -> StdDuration {
        or_seconds(self.cluster_health_check.as_ref().and_then(|check| check.period), 10)
    }

    /// How long a probe may take; 3 s by default.
    #[must_use]
    pub fn health_timeout(&self) -> StdDuration {
        or_seconds(self.cluster_health_check.as_ref().and_then(|check| check.timeout), 3)
    }

    /// How many failures in a row make a ready cluster unready; 3 by default.
    #[must_use]
    pub fn failure_threshold(&self) -> i64 {
        self.cluster_health_check.as_ref().and_then(|check| check.failure_threshold).unwrap_or(3)
    }

    /// How many successes in a row make an unready cluster ready; 1 by default.
    #[must_use]
    pub fn success_threshold(&self) -> i64 {
        self.cluster_health_check.as_ref().and_then(|check| check.success_threshold).unwrap_or(1)
    }

    /// How long others wait before they take over the lock; 15 s by default.
    #[must_use]
    pub fn lease_duration(&self) -> StdDuration {
        or_seconds(self.leader_elect.as_ref().and_then(|lock| lock.lease_duration), 15)
    }

    /// How long the leader tries to renew before it stops; 10 s by default.
    #[must_use]
    pub fn renew_deadline(&self) -> StdDuration {
        or_seconds(self.leader_elect.as_ref().and_then(|lock| lock.renew_deadline), 10)
    }

    /// Time between tries to take or renew the lock; 5 s by default.
    #[must_use]
    pub fn retry_period(&self) -> StdDuration {
        or_seconds(self.leader_elect.as_ref().and_then(|lock| lock.retry_period), 5)
    }

    /// All that is wrong with what is given (spec 10.4), each with its field and what would be right. What is left out
    /// is never wrong: it has a default.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !["Cluster", "Namespaced"].contains(&self.scope.as_str()) {
            problems.push(format!(
                "spec.scope: Unsupported value: \"{}\": supported values: \"Cluster\", \"Namespaced\"",
                self.scope
            ));
        }
        let (delays, lock, check) =
            (&self.controller_duration, &self.leader_elect, &self.cluster_health_check);
        let durations = [
            (
                "spec.controllerDuration.availableDelay",
                delays.as_ref().and_then(|given| given.available_delay),
            ),
            (
                "spec.controllerDuration.unavailableDelay",
                delays.as_ref().and_then(|given| given.unavailable_delay),
            ),
            ("spec.leaderElect.leaseDuration", lock.as_ref().and_then(|given| given.lease_duration)),
            ("spec.leaderElect.renewDeadline", lock.as_ref().and_then(|given| given.renew_deadline)),
            ("spec.leaderElect.retryPeriod", lock.as_ref().and_then(|given| given.retry_period)),
            ("spec.clusterHealthCheck.period", check.as_ref().and_then(|given| given.period)),
            ("spec.clusterHealthCheck.timeout", check.as_ref().and_then(|given| given.timeout)),
        ];
        for (field, duration) in durations {
            if let Some(given) =
                duration.filter(|given| given.is_negative() || StdDuration::from(*given).is_zero())
            {
                let sign = if given.is_negative() { "-" } else { "" };
                let given = StdDuration::from(given);
                problems.push(format!("{field}: Invalid value: {sign}{given:?}: should be greater than 0"));
            }
        }
        let thresholds = [
            ("spec.clusterHealthCheck.failureThreshold", self.failure_threshold()),
            ("spec.clusterHealthCheck.successThreshold", self.success_threshold()),
        ];
        for (field, threshold) in thresholds {
            if threshold <= 0 {
                problems.push(format!("{field}: Invalid value: {threshold}: should be greater than 0"));
            }
        }
        if self.lease_duration() <= self.renew_deadline() {
            problems.push(
                "spec.leaderElect.leaseDuration: Invalid value: must be longer than renewDeadline".to_owned(),
            );
        }
        if self.renew_deadline() <= self.retry_period().mul_f64(1.2) {
            problems.push(
                "spec.leaderElect.renewDeadline: Invalid value: must be longer than 1.2 times retryPeriod"
                    .to_owned(),
            );
        }
        problems
    }

    /// Whether the gate is on. `default` is what holds where the configuration does not name it.
    #[must_use]
    pub fn gate(&self, name: &str, default: bool) -> bool {
        self.feature_gates
            .iter()
            .flatten()
            .find(|gate| gate.name == name)
            .map_or(default, |gate| gate.configuration == ConfigurationMode::Enabled)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_duration_that_is_given_is_longer_than_nothing() {
        let spec = json!({
            "scope": "Cluster",
            "controllerDuration": {"availableDelay": "0s"},
            "clusterHealthCheck": {"period": "-10s"},
        });
        let spec: KubeFedConfigSpec = serde_json::from_value(spec).unwrap();
        let problems = spec.problems();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(
            problems[0].starts_with("spec.controllerDuration.availableDelay: Invalid value: 0"),
            "{problems:?}"
        );
        assert!(
            problems[1].starts_with("spec.clusterHealthCheck.period: Invalid value: -10s"),
            "{problems:?}"
        );
        assert!(KubeFedConfigSpec::default().problems().is_empty());
    }
}
