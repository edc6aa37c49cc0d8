//! The end of a federated object: its members are cleaned, then it is let go (spec 3.9, 3.10).

use std::{collections::BTreeSet, sync::Arc};

use kubefed_core::{
    api::{RawFederated, names},
    plan::{self, Decision, Removal},
};

use super::{
    Key, TypeController,
    reconcile::{Acted, Round, Verdict},
    record::delete_options,
};

/// How often a removal looks at its members in one go: before, after the deletion, after asking, and a spare one.
const LOOKS: usize = 4;

impl TypeController {
    /// Cleans the members of an object that is being deleted, and lets it go when all are known to be clean.
    pub(super) async fn remove(self: &Arc<Self>, key: &Key, federated: &RawFederated) {
        let finalizers = federated.metadata.finalizers.as_deref().unwrap_or_default();
        if !finalizers.iter().any(|finalizer| finalizer == names::SYNC_FINALIZER) {
            self.forget(key);
            return;
        }
        let options = match delete_options(federated) {
            Ok(options) => options,
            Err(error) => {
                let annotation = names::DELETE_OPTIONS_ANNOTATION;
                let note = format!(
                    "the annotation {annotation} is no JSON of DeleteOptions: {error}; mend or remove it"
                );
                self.events.warn(key, &federated.metadata, "InvalidDeleteOptions", "", note);
                return;
            }
        };
        let annotations = federated.metadata.annotations.as_ref();
        let orphan = annotations.and_then(|all| all.get(names::ORPHAN_ANNOTATION));
        let removal =
            if orphan.is_some_and(|value| value == "true") { Removal::Orphan } else { Removal::Delete };
        let mut round = self.round(key, federated);
        let concerned = self.concerned(&round);
        for look in 1..=LOOKS {
            let verdicts = self.survey_removal(&mut round, &concerned, removal);
            if verdicts.iter().all(|verdict| verdict.decision == Decision::Absent) {
                return self.remove_finalizer(key, federated).await;
            }
            if look == LOOKS || self.act(&round, &verdicts, Some(&options)).await != Acted::AllEnded {
                self.warn_of_obstacles(&round, &verdicts);
                self.schedule(&round, &verdicts);
                return;
            }
        }
    }

    /// The members that may hold the object: those selected, and those where the status says that it was applied.
    /// A placement that cannot be computed concerns all.
    fn concerned(&self, round: &Round<'_>) -> BTreeSet<String> {
        let Ok((placed, _)) = self.place(round) else {
            return round.members.keys().cloned().collect();
        };
        let mut concerned = placed.members;
        if let Some(status) = &round.federated.status {
            concerned.extend(status.applied.iter().flat_map(|applied| applied.clusters.iter().cloned()));
            concerned.extend(status.clusters.iter().map(|cluster| cluster.name.clone()));
        }
        for (cluster, member) in &*self.members.read() {
            if member.cache.object(&round.target).is_some() || member.cache.seen(&round.target, None).busy {
                concerned.insert(cluster.clone());
            }
        }
        concerned.retain(|cluster| round.members.contains_key(cluster));
        concerned
    }

    fn survey_removal(
        &self,
        round: &mut Round<'_>,
        concerned: &BTreeSet<String>,
        removal: Removal,
    ) -> Vec<Verdict> {
        let members = Arc::clone(&round.members);
        members
            .iter()
            .filter(|(cluster, _)| concerned.contains(*cluster))
            .map(|(cluster, snapshot)| {
                self.look(round, cluster, snapshot, false, |view| plan::decide_removal(view, removal))
            })
            .collect()
    }

    fn warn_of_obstacles(&self, round: &Round<'_>, verdicts: &[Verdict]) {
        for verdict in verdicts {
            if let Decision::Settled { status, message: Some(message) } = &verdict.decision {
                let message = format!("the deletion waits for this: {message}");
                self.warn_of(round, &verdict.cluster, *status, Some(&message));
            }
        }
    }

    /// Takes our label off objects whose federated object is gone although it never let them go in order.
    pub(super) async fn release_orphans(self: &Arc<Self>, key: &Key) {
        if !self.host.is_complete() || self.host.contains(key) {
            return;
        }
        let federated = RawFederated {
            metadata: kube::core::ObjectMeta::default(),
            spec: kubefed_core::api::FederatedSpec::default(),
            status: None,
        };
        let mut round = self.round(key, &federated);
        let mut verdicts = self.survey_orphan(&mut round);
        for _ in 0..LOOKS {
            if self.act(&round, &verdicts, None).await != Acted::AllEnded {
                break;
            }
            tracing::info!(kind = self.descriptor.target.kind, %key, "released: its federated object is gone");
            verdicts = self.survey_orphan(&mut round);
        }
        self.schedule(&round, &verdicts);
        if verdicts.iter().all(|verdict| verdict.decision == Decision::Absent && !verdict.waits) {
            self.forget(key);
        }
    }

    fn survey_orphan(&self, round: &mut Round<'_>) -> Vec<Verdict> {
        let members = Arc::clone(&round.members);
        members
            .iter()
            .map(|(cluster, snapshot)| self.look(round, cluster, snapshot, false, plan::decide_orphan))
            .collect()
    }
}
