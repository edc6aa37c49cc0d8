//! The status of a federated object (spec 5), and the smallest patch that brings it about.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use serde_json::{Map, Value};

use crate::{
    api::{Applied, ClusterStatus, FederatedStatus, PropagationCondition},
    hash::{Digest, canonical},
};

/// Type of the one condition that we write.
const PROPAGATION: &str = "Propagation";

macro_rules! propagation_statuses {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// What became of an object in one member (spec 5.2).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum PropagationStatus {
            /// The member holds the object as it shall be.
            Ok,
            $($(#[$doc])* $name,)+
        }

        impl PropagationStatus {
            /// All of them.
            pub const ALL: &'static [Self] = &[Self::Ok, $(Self::$name,)+];

            /// The word in the status of the federated object; empty where all is well.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    Self::Ok => "",
                    $(Self::$name => stringify!($name),)+
                }
            }
        }
    };
}

propagation_statuses! {
    /// The object is being deleted in the member.
    WaitingForRemoval,
    /// The health checks found the member not ready.
    ClusterNotReady,
    /// What the member holds is not known.
    CachedRetrievalFailed,
    /// There is no valid object for the member.
    ComputeResourceFailed,
    /// The overrides are invalid or do not fit.
    ApplyOverridesFailed,
    /// The member refused or failed to create the object.
    CreationFailed,
    /// The member refused or failed to change the object.
    UpdateFailed,
    /// The member refused or failed to delete the object.
    DeletionFailed,
    /// The managed label could not be removed.
    LabelRemovalFailed,
    /// The object could not be read.
    RetrievalFailed,
    /// The object was there before, and objects are not adopted.
    AlreadyExists,
    /// Fields that belong to the member could not be kept. KubeFed wrote it; with server-side apply nothing does.
    FieldRetentionFailed,
    /// The recorded version could not be read. KubeFed wrote it; this controller does not.
    VersionRetrievalFailed,
    /// No client could be made for the member.
    ClientRetrievalFailed,
    /// The object carries the label that tells us to keep our hands off.
    ManagedLabelFalse,
    /// The creation has not ended in time.
    CreationTimedOut,
    /// The change has not ended in time.
    UpdateTimedOut,
    /// The deletion has not ended in time.
    DeletionTimedOut,
    /// The removal of the managed label has not ended in time.
    LabelRemovalTimedOut,
}

impl PropagationStatus {
    /// Whether the member holds the object as it shall be.
    #[must_use]
    pub fn is_ok(self) -> bool {
        self == Self::Ok
    }

    /// Whether to try again unasked. The others wait for a change of the object or of the member (spec 3.4, with
    /// `ClientRetrievalFailed` as in v0.10).
    #[must_use]
    pub fn is_recoverable(self) -> bool {
        matches!(
            self,
            Self::CreationFailed
                | Self::UpdateFailed
                | Self::DeletionFailed
                | Self::LabelRemovalFailed
                | Self::RetrievalFailed
                | Self::ClientRetrievalFailed
                | Self::CreationTimedOut
                | Self::UpdateTimedOut
                | Self::DeletionTimedOut
                | Self::LabelRemovalTimedOut
        )
    }
}

impl fmt::Display for PropagationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no [`PropagationStatus`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a propagation status that KubeFed knows")]
pub struct ParseStatusError {
    text: String,
}

impl FromStr for PropagationStatus {
    type Err = ParseStatusError;

    fn from_str(text: &str) -> Result<Self, ParseStatusError> {
        let known = Self::ALL.iter().find(|status| status.as_str() == text);
        known.copied().ok_or_else(|| ParseStatusError { text: text.to_owned() })
    }
}

/// Why the object as a whole is not propagated (spec 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AggregateReason {
    /// It is, as far as the members are not concerned.
    #[default]
    None,
    /// Something is wrong in some member.
    CheckClusters,
    /// The clusters could not be listed.
    ClusterRetrievalFailed,
    /// The placement is invalid.
    ComputePlacementFailed,
    /// There is no `FederatedNamespace` for the object's namespace.
    NamespaceNotFederated,
}

impl AggregateReason {
    /// The reason of the condition; empty where there is none.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::CheckClusters => "CheckClusters",
            Self::ClusterRetrievalFailed => "ClusterRetrievalFailed",
            Self::ComputePlacementFailed => "ComputePlacementFailed",
            Self::NamespaceNotFederated => "NamespaceNotFederated",
        }
    }

    /// Whether the selected members are unknown, so that nothing can be said of any member.
    fn is_about_selection(self) -> bool {
        matches!(self, Self::ClusterRetrievalFailed | Self::ComputePlacementFailed)
    }
}

/// What became of an object in one member.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterOutcome {
    /// Name of the `KubeFedCluster`.
    pub cluster: String,
    /// How things stand.
    pub status: PropagationStatus,
    /// What is wrong and what to do.
    pub message: Option<String>,
    /// Hash of what was applied, and digest of our ownership afterwards. None: nothing new is known, and an older
    /// record stays, which is safe because it only counts while the ownership in the member is the recorded one.
    pub applied: Option<(Digest, Digest)>,
    /// Status of the member's object, where it is collected.
    pub remote_status: Option<Value>,
}

/// All that a status depends on besides the previous one.
#[derive(Clone, Copy, Debug)]
pub struct StatusInput<'a> {
    /// Generation of the federated object.
    pub generation: i64,
    /// What is wrong with the object as a whole.
    pub reason: AggregateReason,
    /// The members where it is selected, or being removed; each once, in any order.
    pub outcomes: &'a [ClusterOutcome],
    /// How many members are selected.
    pub selected: usize,
    /// Whether a change of a member's status counts as a propagated change. Without it a collected status is passed on,
    /// and the times stay.
    pub collects_status: bool,
    /// Whether an object in some member was written.
    pub updated: bool,
    /// The time, RFC 3339 in UTC with whole seconds.
    pub now: &'a str,
}

/// The status that follows from the previous one.
///
/// As in KubeFed, the condition's last update is when members or their entries last changed, and its last transition
/// when its status or reason did. Unlike there, a member whose object has no status is well, and what does not differ
/// changes no time, so that writing the status never causes another write of it.
#[must_use]
pub fn next(previous: Option<&FederatedStatus>, input: &StatusInput<'_>) -> FederatedStatus {
    let none = FederatedStatus::default();
    let previous = previous.unwrap_or(&none);
    let clusters = clusters(previous, input.outcomes);
    let reason = match input.reason {
        AggregateReason::None if input.outcomes.iter().any(|outcome| !outcome.status.is_ok()) => {
            AggregateReason::CheckClusters
        }
        reason => reason,
    };
    let propagated = (input.updated && !input.outcomes.is_empty())
        || !is_propagated_alike(&previous.clusters, &clusters, input.collects_status);
    FederatedStatus {
        observed_generation: Some(input.generation),
        conditions: conditions(&previous.conditions, reason, propagated, input.now),
        applied: applied(previous, input, &clusters),
        clusters,
        ready: (!input.reason.is_about_selection()).then(|| {
            let ok = input.outcomes.iter().filter(|outcome| outcome.status.is_ok()).count();
            format!("{ok}/{}", input.selected)
        }),
    }
}

fn clusters(previous: &FederatedStatus, outcomes: &[ClusterOutcome]) -> Vec<ClusterStatus> {
    let mut clusters: Vec<_> = outcomes
        .iter()
        .map(|outcome| {
            let before = previous.clusters.iter().find(|before| before.name == outcome.cluster);
            let before = before.and_then(|before| before.remote_status.as_ref());
            let remote = outcome.remote_status.as_ref().filter(|remote| !remote.is_null());
            // The same value with numbers in another form is no change.
            let remote =
                remote.map(|remote| before.filter(|before| is_equal(before, remote)).unwrap_or(remote));
            ClusterStatus {
                name: outcome.cluster.clone(),
                status: (!outcome.status.is_ok()).then(|| outcome.status.as_str().to_owned()),
                message: outcome.message.clone().filter(|message| !message.is_empty()),
                remote_status: remote.cloned(),
            }
        })
        .collect();
    clusters.sort_by(|a, b| a.name.cmp(&b.name));
    clusters
}

fn is_equal(a: &Value, b: &Value) -> bool {
    a == b || canonical(a) == canonical(b)
}

/// Whether two lists say the same of the same members, in any order. Messages explain and do not count.
fn is_propagated_alike(previous: &[ClusterStatus], next: &[ClusterStatus], with_remote: bool) -> bool {
    let before: BTreeMap<&str, &ClusterStatus> =
        previous.iter().map(|entry| (entry.name.as_str(), entry)).collect();
    previous.len() == next.len()
        && next.iter().all(|entry| {
            before.get(entry.name.as_str()).is_some_and(|before| {
                before.status.as_deref().unwrap_or_default() == entry.status.as_deref().unwrap_or_default()
                    && (!with_remote || before.remote_status == entry.remote_status)
            })
        })
}

/// Our condition in its place among those of others, which stay.
fn conditions(
    previous: &[PropagationCondition],
    reason: AggregateReason,
    propagated: bool,
    now: &str,
) -> Vec<PropagationCondition> {
    let mut conditions = previous.to_vec();
    let place = conditions.iter().position(|condition| condition.type_ == PROPAGATION).unwrap_or_else(|| {
        conditions
            .push(PropagationCondition { type_: PROPAGATION.to_owned(), ..PropagationCondition::default() });
        conditions.len() - 1
    });
    let condition = &mut conditions[place];
    let status = if reason == AggregateReason::None { "True" } else { "False" };
    let before = condition.reason.as_deref().unwrap_or_default();
    let transition = condition.status != status || before != reason.as_str();
    if transition {
        condition.status = status.to_owned();
        condition.reason = Some(reason.as_str().to_owned()).filter(|reason| !reason.is_empty());
        condition.last_transition_time = Some(now.to_owned());
    }
    if transition || propagated {
        condition.last_update_time = Some(now.to_owned());
    }
    conditions
}

/// What was applied where: what is new, and the older records of the other members that are still in the status.
/// Where the selection is unknown all records stay: they are what keeps us from writing everything again.
fn applied(previous: &FederatedStatus, input: &StatusInput<'_>, clusters: &[ClusterStatus]) -> Vec<Applied> {
    let mut pairs: BTreeMap<&str, (String, String)> = BTreeMap::new();
    let removal = PropagationStatus::WaitingForRemoval.as_str();
    let stays = |cluster: &str| {
        input.reason.is_about_selection()
            || clusters.iter().any(|entry| entry.name == cluster && entry.status.as_deref() != Some(removal))
    };
    for group in &previous.applied {
        for cluster in group.clusters.iter().filter(|cluster| stays(cluster)) {
            pairs.insert(cluster, (group.rendered.clone(), group.ownership.clone()));
        }
    }
    for outcome in input.outcomes {
        if let Some((rendered, ownership)) = outcome.applied {
            pairs.insert(&outcome.cluster, (rendered.to_string(), ownership.to_string()));
        }
    }
    let mut groups: BTreeMap<(String, String), BTreeSet<&str>> = BTreeMap::new();
    for (cluster, pair) in pairs {
        groups.entry(pair).or_default().insert(cluster);
    }
    groups
        .into_iter()
        .map(|((rendered, ownership), clusters)| Applied {
            rendered,
            ownership,
            clusters: clusters.into_iter().map(str::to_owned).collect(),
        })
        .collect()
}

/// The JSON merge patch, without a resource version, that turns one status into another; None if they are equal.
///
/// Lists are written whole, as merge patches do, and members that are gone are written as null. What differs in the
/// stored object and is unknown to us stays.
#[must_use]
pub fn patch(previous: Option<&FederatedStatus>, next: &FederatedStatus) -> Option<Value> {
    if previous == Some(next) {
        return None;
    }
    let before = previous.map(members).unwrap_or_default();
    let after = members(next);
    let mut changes: Map<String, Value> =
        before.keys().filter(|key| !after.contains_key(*key)).map(|key| (key.clone(), Value::Null)).collect();
    changes.extend(after.into_iter().filter(|(key, value)| before.get(key) != Some(value)));
    if previous.is_some() && changes.is_empty() {
        return None;
    }
    Some(Value::Object(Map::from_iter([("status".to_owned(), Value::Object(changes))])))
}

fn members(status: &FederatedStatus) -> Map<String, Value> {
    match serde_json::to_value(status) {
        Ok(Value::Object(members)) => members,
        // A status is plain data with string keys, which always has a JSON form.
        _ => Map::new(),
    }
}

/// What was applied to a member: the hash of the object, and the digest of our ownership afterwards.
#[must_use]
pub fn applied_in(status: &FederatedStatus, cluster: &str) -> Option<(Digest, Digest)> {
    let group = status.applied.iter().find(|group| group.clusters.iter().any(|name| name == cluster))?;
    Some((group.rendered.parse().ok()?, group.ownership.parse().ok()?))
}

#[cfg(test)]
mod tests;
