//! The straight line of a reconcile: observe, place, render, plan, apply, record.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use kubefed_core::{
    api::{ApiResource, FederatedStatus, RawFederated},
    placement::{self, NamespacePlacement, Placed},
    plan::{self, Connection as Link, Decision, Held, MemberView, NamespaceState, Record},
    render::{Rendered, Renderer, Replicas},
    status::{self, AggregateReason, PropagationStatus},
};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    Key, TypeController,
    member::{ListState, Seen},
    operation::Operation,
    type_controller::MemberOfType,
};
use crate::cluster::{Member, Members, NamespaceList, Way, is_system_namespace};

/// How long the status of an object waits for operations of slow members. What ends later shares the next write.
const ROUND: Duration = Duration::from_secs(1);
/// How often a reconcile looks again after its operations have ended before it lets others go first.
const LOOKS: usize = 4;

/// One federated object as it was when its reconcile began.
pub(super) struct Round<'a> {
    pub(super) key: &'a Key,
    pub(super) target: Key,
    pub(super) federated: &'a RawFederated,
    began: Instant,
    pub(super) members: Arc<Members>,
    renderer: Renderer<'a>,
    rendered: BTreeMap<(String, bool), Result<Arc<Rendered>, Held>>,
}

/// How far the operations of a round came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acted {
    /// None was due.
    Nothing,
    /// All have ended, well or not: another look is worth while.
    AllEnded,
    /// Some are still under way.
    NotInTime,
}

/// What was decided about one member, and what it was decided on.
pub(super) struct Verdict {
    pub(super) cluster: String,
    pub(super) member: Option<Arc<MemberOfType>>,
    pub(super) decision: Decision,
    rendered: Option<Arc<Rendered>>,
    pub(super) record: Option<Record>,
    /// The member's objects are not known yet: what was said of it before still stands.
    pub(super) listing: bool,
    /// The member cannot be asked now, and tells when it can.
    pub(super) waits: bool,
    pub(super) retry_in: Option<Duration>,
    /// The member holds the object, or did when it was last known.
    holds: bool,
    /// The object without its replica count, where that is left to a member that has the object already.
    adopted: Option<Arc<Rendered>>,
}

impl Round<'_> {
    fn retains_replicas(&self) -> bool {
        self.federated.spec.retain_replicas == Some(true)
    }
}

impl TypeController {
    /// Brings one federated object, its members and its status together.
    pub(super) async fn reconcile(self: &Arc<Self>, key: &Key) {
        let started = Instant::now();
        if !self.engine.knows_members() {
            return;
        }
        let federated = match self.host.get(key) {
            Some(Ok(federated)) => federated,
            Some(Err(error)) => {
                let kind = &self.descriptor.federated.kind;
                tracing::warn!(kind, %key, %error, "the object cannot be read; mend it to have it propagated");
                return;
            }
            None if self.concerns_members(key) => return self.release_orphans(key).await,
            None => return self.forget(key),
        };
        let is_deleted = federated.metadata.deletion_timestamp.is_some();
        if !self.concerns_members(key) {
            if is_deleted {
                self.remove_finalizer(key, &federated).await;
            } else {
                self.warn_of_name(key, &federated);
            }
            return;
        }
        if self.descriptor.is_namespaces() && !self.host_namespaces.read().contains_key(key.name()) {
            return;
        }
        if is_deleted {
            self.remove(key, &federated).await;
        } else {
            self.propagate(key, &federated).await;
        }
        self.engine.metrics.reconciled(started.elapsed());
    }

    /// Whether the object stands for one in the members. A federated namespace of a system namespace does not, nor does one
    /// of another name than that of the namespace it is in (spec 3.2): whatever becomes of it, members are left alone.
    pub(super) fn concerns_members(&self, key: &Key) -> bool {
        !self.descriptor.is_namespaces()
            || (key.stands_for_its_namespace()
                && !is_system_namespace(key.name(), &self.engine.namespace.kubefed))
    }

    fn warn_of_name(&self, key: &Key, federated: &RawFederated) {
        if key.stands_for_its_namespace() {
            return;
        }
        let note = format!(
            "the name of a FederatedNamespace must be that of its namespace: create it as {0} in the namespace {0}",
            key.namespace().unwrap_or_default()
        );
        self.events.warn(key, &federated.metadata, "InvalidName", "", note);
    }

    pub(super) fn round<'a>(&'a self, key: &'a Key, federated: &'a RawFederated) -> Round<'a> {
        Round {
            key,
            target: self.target_key(key),
            federated,
            began: Instant::now(),
            members: self.engine.members_now(),
            renderer: Renderer::new(&self.descriptor, federated),
            rendered: BTreeMap::new(),
        }
    }

    async fn propagate(self: &Arc<Self>, key: &Key, federated: &RawFederated) {
        let mut round = self.round(key, federated);
        for warning in round.renderer.warnings() {
            self.events.warn(key, &federated.metadata, warning.reason(), "", warning.to_string());
        }
        let (placed, reason) = match self.place(&round) {
            Ok(placed) => placed,
            Err(error) => {
                self.events.warn(key, &federated.metadata, "ComputePlacementFailed", "", error);
                return self.record(&round, AggregateReason::ComputePlacementFailed, &[], 0).await;
            }
        };
        self.warn_of_unknown(&round, &placed);
        let mut verdicts = self.survey(&mut round, &placed.members);
        // Also where nothing is due: somebody may have taken the finalizer off an object that members hold.
        let concerns_members =
            |verdict: &Verdict| matches!(verdict.decision, Decision::Act(_)) || verdict.holds;
        if verdicts.iter().any(concerns_members) && !self.ensure_finalizer(&round).await {
            return;
        }
        for _ in 0..LOOKS {
            let acted = self.act(&round, &verdicts, None).await;
            if acted == Acted::Nothing {
                break;
            }
            verdicts = self.survey(&mut round, &placed.members);
            if acted == Acted::NotInTime {
                break;
            }
        }
        self.schedule(&round, &verdicts);
        if self.waits_for_more(&round, &verdicts) {
            return;
        }
        let outcomes = self.outcomes(&round, verdicts);
        self.record(&round, reason, &outcomes, placed.members.len()).await;
    }

    /// Whether the status is not written yet because something is still under way. After the length of a round it is
    /// written as things stand.
    fn waits_for_more(&self, round: &Round<'_>, verdicts: &[Verdict]) -> bool {
        let mut unfinished = self.unfinished.lock();
        if !verdicts.iter().any(|verdict| matches!(verdict.decision, Decision::Pending { .. })) {
            unfinished.remove(round.key);
            return false;
        }
        let since = *unfinished.entry(round.key.clone()).or_insert(round.began);
        let rest = ROUND.saturating_sub(since.elapsed());
        if !rest.is_zero() {
            self.queue.add_after(round.key.clone(), rest);
        }
        !rest.is_zero()
    }

    /// Which members the object shall be in (spec 3.11).
    pub(super) fn place(&self, round: &Round<'_>) -> Result<(Placed, AggregateReason), String> {
        let members: Vec<_> = round
            .members
            .iter()
            .map(|(name, member)| placement::Member { name, labels: &member.labels })
            .collect();
        let own = round.federated.spec.placement.as_ref();
        let restricted =
            round.target.namespace().map(|namespace| self.engine.namespaces.placement(namespace));
        let (namespace, reason) = match &restricted {
            None => (NamespacePlacement::Unrestricted, AggregateReason::None),
            Some(Some(Err(unreadable))) => return Err(unreadable.to_string()),
            Some(Some(Ok(placement))) => {
                (NamespacePlacement::Restricted(placement.as_ref()), AggregateReason::None)
            }
            Some(None) if self.engine.namespace.target.is_some() => {
                (NamespacePlacement::Unrestricted, AggregateReason::None)
            }
            Some(None) => (NamespacePlacement::NotFederated, AggregateReason::NamespaceNotFederated),
        };
        let placed = placement::place(own, namespace, &members).map_err(|error| error.to_string())?;
        Ok((placed, reason))
    }

    fn warn_of_unknown(&self, round: &Round<'_>, placed: &Placed) {
        if placed.unknown.is_empty() {
            self.events.well(round.key, "placement");
            return;
        }
        let note = format!(
            "spec.placement.clusters names no cluster that has joined: {}; join it or take it out",
            placed.unknown.join(", ")
        );
        self.events.warn(round.key, &round.federated.metadata, "ClusterNotFound", "placement", note);
    }

    /// Looks at every member and decides about it.
    fn survey(&self, round: &mut Round<'_>, selected: &BTreeSet<String>) -> Vec<Verdict> {
        let members = Arc::clone(&round.members);
        members
            .iter()
            .map(|(cluster, snapshot)| {
                let selected = selected.contains(cluster);
                self.look(round, cluster, snapshot, selected, plan::decide)
            })
            .collect()
    }

    pub(super) fn look(
        &self,
        round: &mut Round<'_>,
        cluster: &str,
        snapshot: &Member,
        selected: bool,
        decide: impl FnOnce(&MemberView<'_>) -> Decision,
    ) -> Verdict {
        let way = &snapshot.way;
        let member = self.member(cluster, way);
        let rendered =
            if selected { self.render(round, cluster, member.as_deref()) } else { Err(no_rendering()) };
        let hash = rendered.as_ref().ok().map(|rendered| rendered.hash);
        let seen =
            member.as_ref().map_or_else(Seen::default, |member| member.cache.seen(&round.target, hash));
        let record = seen.record.or_else(|| recorded(round.federated.status.as_ref(), cluster));
        let namespaced = round.target.namespace().is_some();
        let link = link(snapshot.ready, way, member.as_deref(), namespaced);
        let view = MemberView {
            selected,
            connection: &link,
            namespace: self.namespace_state(round, way),
            observed: seen.observed,
            record,
            rendered: rendered.as_ref().map(|rendered| rendered.hash),
            verified: seen.verified,
            busy: seen.busy,
            doubtful: seen.doubtful,
            held: seen.held.as_ref(),
            is_host_namespace: self.is_host_namespace(round, member.as_deref()),
        };
        let decision = decide(&view);
        tracing::trace!(kind = self.descriptor.target.kind, key = %round.key, cluster, ?view, ?decision, "decided");
        Verdict {
            cluster: cluster.to_owned(),
            decision,
            rendered: rendered.clone().ok(),
            record,
            listing: link == Link::Listing,
            waits: matches!(link, Link::Listing | Link::Failing(_)),
            retry_in: seen.retry_in,
            holds: seen.observed.is_some() || record.is_some(),
            adopted: self.adopted(round, cluster, selected),
            member,
        }
    }

    fn render(
        &self,
        round: &mut Round<'_>,
        cluster: &str,
        member: Option<&MemberOfType>,
    ) -> Result<Arc<Rendered>, Held> {
        let left = round.retains_replicas()
            && member.is_some_and(|member| member.cache.owns_replicas(&round.target) == Some(false));
        self.render_with(round, cluster, left)
    }

    /// What is applied where the member turns out to have the object already (spec 3.8): its replica count stays.
    fn adopted(&self, round: &mut Round<'_>, cluster: &str, selected: bool) -> Option<Arc<Rendered>> {
        let retains = selected && round.retains_replicas();
        retains.then(|| self.render_with(round, cluster, true).ok()).flatten()
    }

    fn render_with(&self, round: &mut Round<'_>, cluster: &str, left: bool) -> Result<Arc<Rendered>, Held> {
        let entry = (cluster.to_owned(), left);
        if let Some(known) = round.rendered.get(&entry) {
            return known.clone();
        }
        let replicas = if left { Replicas::LeftToMember } else { Replicas::FromTemplate };
        let rendered = round.renderer.render(cluster, replicas);
        let rendered = rendered.map_err(|error| Held { status: error.status(), message: error.to_string() });
        round.rendered.insert(entry, rendered.clone());
        rendered
    }

    fn namespace_state(&self, round: &Round<'_>, way: &Way) -> NamespaceState {
        match (round.target.namespace(), way.connection()) {
            (Some(namespace), Some(connection)) => connection.namespaces.read().state(namespace),
            _ => NamespaceState::Active,
        }
    }

    /// uid of the host's namespace that the object stands for, if it stands for one.
    fn host_namespace(&self, round: &Round<'_>) -> Option<String> {
        let namespaces = self.host_namespaces.read();
        self.descriptor.is_namespaces().then(|| namespaces.get(round.target.name()).cloned()).flatten()
    }

    fn is_host_namespace(&self, round: &Round<'_>, member: Option<&MemberOfType>) -> bool {
        let object = member.and_then(|member| member.cache.object(&round.target));
        let (Some(host), Some(object)) = (self.host_namespace(round), object) else { return false };
        object.uid.to_string() == host
    }

    /// Starts what is due and waits for it, at most for the length of a round. What has not ended by then takes the object
    /// up again when it does.
    pub(super) async fn act(
        self: &Arc<Self>,
        round: &Round<'_>,
        verdicts: &[Verdict],
        delete_options: Option<&Value>,
    ) -> Acted {
        let over = Arc::new(AtomicBool::new(false));
        let mut running: FuturesUnordered<_> = verdicts
            .iter()
            .filter_map(|verdict| {
                let Decision::Act(action) = verdict.decision else {
                    return None;
                };
                Operation {
                    controller: Arc::clone(self),
                    member: Arc::clone(verdict.member.as_ref()?),
                    key: round.key.clone(),
                    target: round.target.clone(),
                    action,
                    resource: self.resource(verdict.rendered.as_deref()),
                    rendered: verdict.rendered.clone(),
                    adopted: verdict.adopted.clone(),
                    delete_options: delete_options.cloned(),
                    host_namespace: self.host_namespace(round),
                    round_is_over: Arc::clone(&over),
                }
                .start()
            })
            .collect();
        if running.is_empty() {
            return Acted::Nothing;
        }
        let all_end = async { while running.next().await.is_some() {} };
        let in_time = tokio::time::timeout(ROUND, all_end).await.is_ok();
        over.store(true, Ordering::Relaxed);
        if in_time { Acted::AllEnded } else { Acted::NotInTime }
    }
}

impl TypeController {
    /// The type as it is addressed in a member: a template or override may ask for another version of it.
    fn resource(&self, rendered: Option<&Rendered>) -> ApiResource {
        let mut resource = self.descriptor.target.clone();
        let asked = rendered.and_then(|rendered| rendered.object.get("apiVersion")?.as_str());
        if let Some(asked) = asked.filter(|asked| **asked != resource.api_version()) {
            let (group, version) = asked.split_once('/').unwrap_or(("", asked));
            group.clone_into(&mut resource.group);
            version.clone_into(&mut resource.version);
        }
        resource
    }
}

/// What an earlier process left in the status.
fn recorded(status: Option<&FederatedStatus>, cluster: &str) -> Option<Record> {
    let (rendered, ownership) = status::applied_in(status?, cluster)?;
    Some(Record { rendered, ownership, fresh: false })
}

fn no_rendering() -> Held {
    Held { status: PropagationStatus::Ok, message: String::new() }
}

fn link(ready: Option<bool>, way: &Way, member: Option<&MemberOfType>, namespaced: bool) -> Link {
    let connection = match way {
        Way::Failed(why) => return Link::NoClient(why.to_string()),
        _ if ready == Some(false) => return Link::NotReady,
        _ if ready.is_none() => return Link::Listing,
        Way::Connecting => return Link::Listing,
        Way::Connected(connection) if connection.ended.is_cancelled() => return Link::Listing,
        Way::Connected(connection) => connection,
    };
    let Some(member) = member else {
        return Link::Listing;
    };
    match member.cache.list_state() {
        ListState::Failed(why) => return Link::ListFailed(why),
        ListState::NotServed(why) => return Link::NotServed(why),
        ListState::Listing => return Link::Listing,
        ListState::Listed => {}
    }
    if namespaced && connection.namespaces.read().list == NamespaceList::Listing {
        return Link::Listing;
    }
    connection.paused().map_or(Link::Ready, Link::Failing)
}
