//! What is written to the host about a federated object: its finalizer once, and its status when it changes.

use std::time::Duration;

use kube::api::DynamicObject;
use kubefed_core::{
    api::{FederatedStatus, RawFederated, names},
    plan::Decision,
    status::{self, AggregateReason, ClusterOutcome, PropagationStatus, StatusInput},
};
use serde_json::{Value, json};

use super::{
    Key, TypeController,
    host::HostChange,
    reconcile::{Round, Verdict},
    type_controller::MemberOfType,
};
use crate::cluster::{Answer, Objects, RequestError};

/// How long a request to the host may take.
const HOST_TIMEOUT: Duration = Duration::from_secs(30);
/// When an object is taken up again of which something was still due after all looks of a reconcile.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Longest delay after failed requests to the host about one object.
const LONGEST_HOST_RETRY: Duration = Duration::from_secs(60);

impl TypeController {
    pub(super) fn host_objects(&self) -> Objects<'_> {
        Objects { client: &self.engine.host, resource: &self.descriptor.federated, timeout: HOST_TIMEOUT }
    }

    /// Makes sure that the object cannot vanish before its members are clean. Tells whether it is so.
    pub(super) async fn ensure_finalizer(&self, round: &Round<'_>) -> bool {
        let finalizers = round.federated.metadata.finalizers.as_deref().unwrap_or_default();
        if finalizers.iter().any(|finalizer| finalizer == names::SYNC_FINALIZER) {
            return true;
        }
        // The test makes the patch fail if somebody else changed the list meanwhile; nothing else can conflict.
        let patch = if finalizers.is_empty() {
            json!([
                {"op": "test", "path": "/metadata/finalizers", "value": null},
                {"op": "add", "path": "/metadata/finalizers", "value": [names::SYNC_FINALIZER]},
            ])
        } else {
            json!([
                {"op": "test", "path": "/metadata/finalizers", "value": finalizers},
                {"op": "add", "path": "/metadata/finalizers/-", "value": names::SYNC_FINALIZER},
            ])
        };
        let key = round.key;
        let result = self.host_objects().json_patch(key.namespace(), key.name(), &patch).await;
        match result {
            Ok(answer) => {
                self.host_failures.lock().remove(key);
                self.answered_with_metadata(key, &answer);
                true
            }
            Err(RequestError::NotFound(_)) => false,
            // The test failed: the list is not the one that we knew. The event that tells is under way.
            Err(RequestError::Refused { code: 422, .. } | RequestError::Conflict(_))
                if !self.host_failures.lock().contains_key(key) =>
            {
                self.retry_host(key);
                false
            }
            Err(error) => {
                tracing::warn!(kind = self.descriptor.federated.kind, %key, %error, "adding the finalizer");
                let note = format!("Failed to ensure finalizer: {error}");
                self.events.warn(key, &round.federated.metadata, "EnsureFinalizerError", "host", note);
                self.retry_host(key);
                false
            }
        }
    }

    /// Lets the object go.
    pub(super) async fn remove_finalizer(&self, key: &Key, federated: &RawFederated) {
        let finalizers = federated.metadata.finalizers.as_deref().unwrap_or_default();
        let Some(index) = finalizers.iter().position(|finalizer| finalizer == names::SYNC_FINALIZER) else {
            return;
        };
        let path = format!("/metadata/finalizers/{index}");
        // The uid: another object of the name has members of its own to wait for.
        let patch = json!([
            {"op": "test", "path": "/metadata/uid", "value": federated.metadata.uid},
            {"op": "test", "path": path, "value": names::SYNC_FINALIZER},
            {"op": "remove", "path": path},
        ]);
        match self.host_objects().json_patch(key.namespace(), key.name(), &patch).await {
            Ok(answer) => {
                self.answered_with_metadata(key, &answer);
                self.forget(key);
            }
            Err(RequestError::NotFound(_)) => self.forget(key),
            Err(error) => {
                tracing::warn!(kind = self.descriptor.federated.kind, %key, %error, "removing the finalizer");
                self.retry_host(key);
            }
        }
    }

    /// Forgets all that is known of an object that is gone.
    pub(super) fn forget(&self, key: &Key) {
        if self.concerns_members(key) {
            let target = self.target_key(key);
            for member in self.members.read().values() {
                member.cache.forget(&target);
                member.waiting.lock().remove(key);
            }
        }
        self.events.forget(key);
        self.unrecorded.lock().remove(key);
        self.unfinished.lock().remove(key);
        self.host_failures.lock().remove(key);
    }

    /// Takes the object up again when the next of its failures is due.
    pub(super) fn schedule(&self, round: &Round<'_>, verdicts: &[Verdict]) {
        if verdicts.iter().any(|verdict| matches!(verdict.decision, Decision::Act(_))) {
            self.queue.add_after(round.key.clone(), LOOK_AGAIN);
        }
        for member in
            verdicts.iter().filter(|verdict| verdict.waits).filter_map(|verdict| verdict.member.as_ref())
        {
            self.wait_for_member(member, round.key);
        }
        if let Some(soonest) = verdicts.iter().filter_map(|verdict| verdict.retry_in).min() {
            self.queue.add_after(round.key.clone(), soonest);
        }
    }

    /// The object is taken up again when the member can be asked again; at once, if that is so by now.
    pub(super) fn wait_for_member(&self, member: &MemberOfType, key: &Key) {
        member.waiting.lock().insert(key.clone());
        let members = self.engine.members_now();
        let is_probed = members.get(&*member.name).is_some_and(|member| member.ready.is_some());
        if is_probed && member.can_be_asked() {
            member.waiting.lock().remove(key);
            self.queue.add(key.clone());
        }
    }

    /// What the status says of each member, and warnings about those that are not well.
    pub(super) fn outcomes(&self, round: &Round<'_>, verdicts: Vec<Verdict>) -> Vec<ClusterOutcome> {
        let previous = round.federated.status.as_ref();
        let mut outcomes = Vec::new();
        for verdict in verdicts {
            let is_settled = matches!(verdict.decision, Decision::Settled { .. });
            let (mut status, mut message) = match verdict.decision {
                Decision::Absent => continue,
                Decision::Settled { status, message } | Decision::Pending { status, message } => {
                    (status, message)
                }
                Decision::Act(action) => (action.provisional(), None),
            };
            let said = previous.into_iter().flat_map(|status| &status.clusters);
            if verdict.listing
                && let Some(said) = said.into_iter().find(|said| said.name == verdict.cluster)
            {
                status =
                    said.status.as_deref().map_or(Ok(PropagationStatus::Ok), str::parse).unwrap_or(status);
                message.clone_from(&said.message);
            }
            if is_settled {
                self.warn_of(round, &verdict.cluster, status, message.as_deref());
            }
            outcomes.push(ClusterOutcome {
                cluster: verdict.cluster,
                status,
                message,
                applied: verdict.record.map(|record| (record.rendered, record.ownership)),
                remote_status: None,
            });
        }
        outcomes
    }

    /// A warning event about what is wrong in a member, if there is a reason for it in spec 3.13.
    pub(super) fn warn_of(
        &self,
        round: &Round<'_>,
        cluster: &str,
        status: PropagationStatus,
        message: Option<&str>,
    ) {
        let (reason, operation) = match status {
            PropagationStatus::Ok => return self.events.well(round.key, cluster),
            PropagationStatus::ClusterNotReady => ("ClusterNotReady", ""),
            PropagationStatus::CachedRetrievalFailed => ("CachedRetrievalFailed", ""),
            PropagationStatus::CreationFailed | PropagationStatus::AlreadyExists => {
                ("CreateInClusterFailed", "create")
            }
            PropagationStatus::UpdateFailed
            | PropagationStatus::ApplyOverridesFailed
            | PropagationStatus::ComputeResourceFailed
            | PropagationStatus::ClientRetrievalFailed
            | PropagationStatus::RetrievalFailed
            | PropagationStatus::ManagedLabelFalse => ("UpdateInClusterFailed", "update"),
            PropagationStatus::DeletionFailed => ("DeleteInClusterFailed", "delete"),
            PropagationStatus::LabelRemovalFailed => {
                ("RemoveManagedLabelFromInClusterFailed", "remove managed label from")
            }
            _ => return,
        };
        let Some(message) = message else { return };
        let note = if operation.is_empty() {
            format!("Cluster \"{cluster}\": {message}")
        } else {
            let (kind, target) = (&self.descriptor.target.kind, &round.target);
            format!("Failed to {operation} {kind} \"{target}\" in cluster \"{cluster}\": {message}")
        };
        self.events.warn(round.key, &round.federated.metadata, reason, cluster, note);
    }

    /// Writes the status, if anything in it is new.
    pub(super) async fn record(
        &self,
        round: &Round<'_>,
        reason: AggregateReason,
        outcomes: &[ClusterOutcome],
        selected: usize,
    ) {
        let key = round.key;
        let writes = self.unrecorded.lock().get(key).copied().unwrap_or(0);
        let updated = writes > 0;
        let now = self.engine.clock.now_rfc3339();
        let previous = round.federated.status.as_ref();
        let next = status::next(
            previous,
            &StatusInput {
                generation: round.federated.metadata.generation.unwrap_or_default(),
                reason,
                outcomes,
                selected,
                collects_status: self.descriptor.collects_status,
                updated,
                now: &now,
            },
        );
        if !updated && differs_in_record_only(previous, &next) {
            return;
        }
        let Some(patch) = status::patch(previous, &next) else { return self.recorded(key, writes) };
        match self.host_objects().merge_patch(key.namespace(), key.name(), true, &patch).await {
            Ok(answer) => {
                self.recorded(key, writes);
                self.host_failures.lock().remove(key);
                self.answered(key, &answer);
            }
            Err(RequestError::NotFound(_)) => {}
            Err(error) => {
                tracing::warn!(kind = self.descriptor.federated.kind, %key, %error, "writing the status");
                self.retry_host(key);
            }
        }
    }

    /// The answer to our own write goes into the cache at once; the event that follows is no news.
    fn answered(&self, key: &Key, answer: &Answer) {
        match serde_json::from_slice::<DynamicObject>(&answer.body) {
            Ok(object) => {
                if self.host.answered_with(key, object) == HostChange::Changed {
                    self.queue.add(key.clone());
                }
            }
            Err(error) => tracing::debug!(%key, %error, "reading the host's answer"),
        }
    }

    fn answered_with_metadata(&self, key: &Key, answer: &Answer) {
        let Some(meta) = answer.metadata() else { return };
        if self.host.answered(key, &meta) == HostChange::Changed {
            self.queue.add(key.clone());
        }
    }

    fn retry_host(&self, key: &Key) {
        let failures = {
            let mut failures = self.host_failures.lock();
            let count = failures.entry(key.clone()).or_default();
            *count += 1;
            *count
        };
        let delay = Duration::from_secs(1).saturating_mul(1 << failures.min(6)).min(LONGEST_HOST_RETRY);
        self.queue.add_after(key.clone(), delay);
    }

    /// An operation has written to a member: the status shall tell of it.
    pub(super) fn wrote(&self, key: &Key) {
        *self.unrecorded.lock().entry(key.clone()).or_default() += 1;
    }

    /// The status tells of that many writes; there may have been more since.
    fn recorded(&self, key: &Key, writes: u64) {
        let mut unrecorded = self.unrecorded.lock();
        if unrecorded.get(key).is_some_and(|now| *now <= writes) {
            unrecorded.remove(key);
        }
    }
}

/// Whether only the record of what was applied differs. A record that was lost and found again by comparing is no
/// reason to write.
fn differs_in_record_only(previous: Option<&FederatedStatus>, next: &FederatedStatus) -> bool {
    previous.is_some_and(|previous| {
        let with_its_record = FederatedStatus { applied: previous.applied.clone(), ..next.clone() };
        with_its_record == *previous
    })
}

/// The options that the annotation of a federated object asks for (spec 3.9): only grace period, propagation policy and
/// preconditions count.
pub(super) fn delete_options(federated: &RawFederated) -> Result<Value, serde_json::Error> {
    #[derive(serde::Deserialize, serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Options {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grace_period_seconds: Option<i64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        propagation_policy: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preconditions: Option<Value>,
    }
    let annotations = federated.metadata.annotations.as_ref();
    match annotations.and_then(|annotations| annotations.get(names::DELETE_OPTIONS_ANNOTATION)) {
        Some(text) => serde_json::to_value(serde_json::from_str::<Options>(text)?),
        None => Ok(json!({})),
    }
}
