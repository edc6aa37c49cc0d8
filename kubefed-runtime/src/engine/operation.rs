//! One operation on one object in one member: the only code that writes to members.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kubefed_core::{
    api::{AdoptResources, ApiResource, names},
    ownership,
    plan::{Action, Held, ManagedLabel},
    render::Rendered,
    status::PropagationStatus,
};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::Instant};

use super::{Key, TypeController, type_controller::MemberOfType};
use crate::cluster::{Answer, Objects, REQUEST_TIMEOUT, RequestError};

/// How often a change of ownership starts over when somebody else writes the object at the same time.
const OWNERSHIP_TRIES: usize = 3;

/// An operation that was decided on.
pub(super) struct Operation {
    pub(super) controller: Arc<TypeController>,
    pub(super) member: Arc<MemberOfType>,
    /// Key of the federated object.
    pub(super) key: Key,
    /// Key of the object in the member.
    pub(super) target: Key,
    pub(super) action: Action,
    pub(super) rendered: Option<Arc<Rendered>>,
    /// What is applied instead if the member has the object already: without the replica count that it shall keep.
    pub(super) adopted: Option<Arc<Rendered>>,
    /// The type as it is addressed in the member.
    pub(super) resource: ApiResource,
    pub(super) delete_options: Option<Value>,
    /// uid of the host's namespace of the same name; only for the type of namespaces.
    pub(super) host_namespace: Option<String>,
    /// Nobody waits for the operation any more: when it ends, the object is to be taken up again.
    pub(super) round_is_over: Arc<AtomicBool>,
}

/// Why an operation did not succeed.
enum Failure {
    Request(RequestError),
    /// Left alone on purpose; the status says why.
    Declined(PropagationStatus, String),
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

/// Ends the operation in the cache, whatever becomes of its task.
struct Busy<'a>(&'a Operation);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let operation = self.0;
        operation.member.cache.end(&operation.target);
        if operation.round_is_over.load(Ordering::Relaxed) {
            operation.controller.queue.add(operation.key.clone());
        }
    }
}

impl Operation {
    /// Starts the operation in a task of its own. `None` if one is under way on the same object.
    pub(super) fn start(self) -> Option<JoinHandle<()>> {
        if !self.member.cache.begin(&self.target) {
            return None;
        }
        let operations = self.controller.engine.operations.clone();
        Some(operations.spawn(async move {
            let busy = Busy(&self);
            let ended = self.member.connection.ended.clone();
            tokio::select! {
                () = ended.cancelled() => {}
                () = self.run() => {}
            }
            drop(busy);
        }))
    }

    async fn run(&self) {
        let repairs = match self.action {
            Action::Repair => true,
            Action::Create => self.member.cache.was_written(&self.target),
            _ => false,
        };
        if repairs && self.must_wait_to_repair() {
            return;
        }
        let is_hosts_own = match self.is_hosts_own().await {
            Ok(is_hosts_own) => is_hosts_own,
            Err(error) => return self.failed(Failure::Declined(self.action.failed(), error)),
        };
        let started = Instant::now();
        let Ok(pass) = self.member.connection.enter().await else {
            return self.controller.wait_for_member(&self.member, &self.key);
        };
        // It may have waited for its turn for long.
        if self.controller.ended.is_cancelled() {
            return;
        }
        let result = self.perform(is_hosts_own).await;
        let request = match &result {
            Ok(()) | Err(Failure::Declined(..)) => Ok(()),
            Err(Failure::Request(error)) => Err(error.clone()),
        };
        if repairs && result.is_ok() {
            self.member.cache.repaired(&self.target);
        }
        let pause = pass.note(&format!("{} {}", self.resource, self.target), &request);
        drop(pass);
        if let Some(pause) = pause {
            self.resume_after(pause);
        }
        self.controller.engine.metrics.operated(self.action, started.elapsed());
        if let Err(failure) = result {
            self.failed(failure);
        }
    }

    async fn perform(&self, is_hosts_own: bool) -> Result<(), Failure> {
        match (self.action, &self.rendered) {
            (Action::Create, Some(rendered)) if self.must_not_exist() => self.create(rendered).await,
            (Action::Create | Action::Apply | Action::Repair, Some(rendered)) => self.apply(rendered).await,
            (Action::Compare, Some(rendered)) => self.compare(rendered).await,
            (Action::Create | Action::Apply | Action::Repair | Action::Compare, None) => Ok(()),
            (Action::Delete, _) if is_hosts_own => self.unlabel().await,
            (Action::Delete, _) => self.delete().await,
            (Action::Unlabel, _) => self.unlabel().await,
            (Action::Verify, _) => self.verify().await,
        }
    }

    fn adopts(&self) -> bool {
        self.controller.engine.options.adopt == AdoptResources::Enabled
    }

    /// Whether the namespace in the member is the host's own, because the host is a member of itself (spec 3.4, 3.7).
    async fn is_host_namespace(&self) -> Result<bool, RequestError> {
        let Some(host_uid) = &self.host_namespace else { return Ok(false) };
        let meta = self.objects().metadata(None, self.target.name()).await?.metadata();
        Ok(meta.and_then(|meta| meta.uid).as_ref() == Some(host_uid))
    }

    /// Whether it matters that the object is not there yet: with adoption off it must stay as it is, and otherwise its
    /// replica count may have to. Only POST can tell.
    fn must_not_exist(&self) -> bool {
        let is_unknown = self.member.cache.object(&self.target).is_none_or(|object| {
            let observed = object.observed;
            observed.managed == ManagedLabel::Other && observed.ownership.is_none()
        });
        (!self.adopts() || self.adopted.is_some()) && is_unknown
    }

    async fn create(&self, rendered: &Rendered) -> Result<(), Failure> {
        match self.objects().create(self.target.namespace(), &rendered.object).await {
            Ok(answer) => {
                self.applied(&answer, rendered);
                Ok(())
            }
            Err(RequestError::AlreadyExists(_)) if self.adopts() || self.is_host_namespace().await? => {
                self.apply(self.adopted.as_deref().unwrap_or(rendered)).await
            }
            Err(RequestError::AlreadyExists(_)) => Err(Failure::Declined(
                PropagationStatus::AlreadyExists,
                "the object exists in the cluster and adoption is off; remove it there, or set \
                 spec.syncController.adoptResources of the KubeFedConfig to Enabled"
                    .to_owned(),
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// Forced server-side apply. What others have set to the same values becomes ours alone, or else a field would stay
    /// in the member when it is dropped from the template. That costs a request only where something is shared: in an
    /// adoption, or after somebody else's edit.
    async fn apply(&self, rendered: &Rendered) -> Result<(), Failure> {
        let (namespace, name) = (self.target.namespace(), self.target.name());
        if self.action != Action::Create {
            self.promote().await?;
            self.leave_replicas(rendered).await?;
        }
        let may_take_over = self.adopts() || self.action == Action::Create;
        let only = match self.member.cache.object(&self.target) {
            _ if may_take_over => None,
            Some(known) => Some(known.uid.to_string()),
            // It has gone meanwhile, and another may be in its place.
            None => return self.verify().await,
        };
        let object = only_if(&rendered.object, only.as_deref());
        for attempt in 1.. {
            let answer = match self.objects().apply(namespace, name, &object).await {
                Err(RequestError::Refused { .. } | RequestError::Conflict(_))
                    if only.is_some() && self.is_another(only.as_deref()).await? =>
                {
                    return self.verify().await;
                }
                answer => answer?,
            };
            let Some(meta) = answer.metadata() else { return Ok(()) };
            let managed_fields = meta.managed_fields.as_deref().unwrap_or_default();
            let version = meta.resource_version.as_deref().unwrap_or_default();
            let Some(patch) = ownership::transfer(managed_fields, version) else {
                self.applied(&answer, rendered);
                return Ok(());
            };
            // Nothing is on record before the ownership has moved, so that a failure on the way is not forgotten.
            self.controller.wrote(&self.key);
            self.learn(&meta);
            match self.objects().json_patch(namespace, name, &patch).await {
                Ok(answer) => {
                    self.applied(&answer, rendered);
                    return Ok(());
                }
                Err(RequestError::Conflict(_)) if attempt < OWNERSHIP_TRIES => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Whether the member now holds another object of the name than that of the uid, or none.
    async fn is_another(&self, uid: Option<&str>) -> Result<bool, RequestError> {
        match self.objects().metadata(self.target.namespace(), self.target.name()).await {
            Ok(answer) => Ok(answer.metadata().and_then(|meta| meta.uid).as_deref() != uid),
            Err(RequestError::NotFound(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// What we created by POST is ours by an Update entry. Before the first apply it becomes an Apply entry, or else a
    /// field that we drop would stay.
    async fn promote(&self) -> Result<(), Failure> {
        let ownership = self.member.cache.object(&self.target).and_then(|object| object.observed.ownership);
        if ownership.is_none_or(|ownership| ownership.by_apply) {
            return Ok(());
        }
        self.move_ownership(ownership::promote).await
    }

    /// Where the replica count is left to the member and the template names none any more: we give the field up without
    /// touching its value, or else the API server would reset it.
    async fn leave_replicas(&self, rendered: &Rendered) -> Result<(), Failure> {
        let Some(path) = &self.controller.descriptor.replicas else { return Ok(()) };
        let names_a_count = rendered.object.pointer(&format!("/{}", path.join("/"))).is_some();
        if self.adopted.is_none()
            || names_a_count
            || self.member.cache.owns_replicas(&self.target) != Some(true)
        {
            return Ok(());
        }
        self.move_ownership(|managed_fields, version| ownership::release(managed_fields, version, path)).await
    }

    /// Reads the managed fields and patches them, until nobody else writes the object at the same time.
    async fn move_ownership(
        &self,
        patch: impl Fn(&[ManagedFieldsEntry], &str) -> Option<Value>,
    ) -> Result<(), Failure> {
        let (namespace, name) = (self.target.namespace(), self.target.name());
        for attempt in 1.. {
            let meta = self.objects().metadata(namespace, name).await?.metadata().unwrap_or_default();
            let managed_fields = meta.managed_fields.as_deref().unwrap_or_default();
            let version = meta.resource_version.as_deref().unwrap_or_default();
            let Some(patch) = patch(managed_fields, version) else { break };
            match self.objects().json_patch(namespace, name, &patch).await {
                Ok(_) => {
                    self.controller.wrote(&self.key);
                    break;
                }
                Err(RequestError::Conflict(_)) if attempt < OWNERSHIP_TRIES => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads the object; writes only if it is not what it shall be.
    async fn compare(&self, rendered: &Rendered) -> Result<(), Failure> {
        let answer = match self.objects().get(self.target.namespace(), self.target.name()).await {
            Ok(answer) => answer,
            Err(RequestError::NotFound(_)) => {
                self.member.cache.answered_gone(&self.target);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let live: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let meta = answer.metadata().unwrap_or_default();
        let managed_fields = meta.managed_fields.as_deref().unwrap_or_default();
        let version = meta.resource_version.as_deref().unwrap_or_default();
        let is_ours_alone = ownership::transfer(managed_fields, version).is_none();
        if is_ours_alone && ownership::is_applied(&rendered.object, &live, managed_fields) {
            self.is_as(&meta, rendered);
            return Ok(());
        }
        self.apply(rendered).await
    }

    async fn delete(&self) -> Result<(), Failure> {
        let Some(known) = self.member.cache.object(&self.target) else {
            return Ok(());
        };
        let mut options = self.delete_options.clone().unwrap_or_else(|| json!({}));
        options["apiVersion"] = json!("v1");
        options["kind"] = json!("DeleteOptions");
        options["preconditions"] =
            json!({"uid": known.uid.to_string(), "resourceVersion": known.resource_version.to_string()});
        match self.objects().delete(self.target.namespace(), self.target.name(), &options).await {
            Ok(answer) => {
                self.controller.wrote(&self.key);
                match answer.metadata().filter(|meta| meta.deletion_timestamp.is_some()) {
                    Some(meta) => self.learn(&meta),
                    None => self.member.cache.answered_gone(&self.target),
                }
                self.member.cache.succeeded(&self.target);
                Ok(())
            }
            Err(error) => self.was_not_there(error).await,
        }
    }

    /// Whether the host says now that the namespace about to be deleted is its own. What its watch has shown may be old, and
    /// as long as it does not answer nothing is deleted.
    async fn is_hosts_own(&self) -> Result<bool, String> {
        if self.action != Action::Delete || !self.controller.descriptor.is_namespaces() {
            return Ok(false);
        }
        let Some(known) = self.member.cache.object(&self.target) else { return Ok(false) };
        let (client, resource) = (&self.controller.engine.host, &self.controller.descriptor.target);
        let on_host = Objects { client, resource, timeout: REQUEST_TIMEOUT };
        match on_host.metadata(None, self.target.name()).await {
            Ok(answer) => Ok(answer.metadata().and_then(|meta| meta.uid) == Some(known.uid.to_string())),
            Err(RequestError::NotFound(_)) => Ok(false),
            Err(error) => Err(format!("the host does not tell whether the namespace is its own: {error}")),
        }
    }

    /// A removal failed: perhaps the object is not there, or not the one that we knew.
    async fn was_not_there(&self, error: RequestError) -> Result<(), Failure> {
        match error {
            RequestError::NotFound(_) => {
                self.member.cache.answered_gone(&self.target);
                Ok(())
            }
            RequestError::Conflict(_) => self.verify().await,
            error => Err(error.into()),
        }
    }

    async fn unlabel(&self) -> Result<(), Failure> {
        let Some(known) = self.member.cache.object(&self.target) else {
            return Ok(());
        };
        // The version tells another object of the name as well; a uid that differs would be refused as invalid.
        let version = known.resource_version.to_string();
        let patch =
            json!({"metadata": {"resourceVersion": version, "labels": {(names::MANAGED_LABEL): null}}});
        let (namespace, name) = (self.target.namespace(), self.target.name());
        match self.objects().merge_patch(namespace, name, false, &patch).await {
            Ok(_) => {
                self.controller.wrote(&self.key);
                self.member.cache.answered_gone(&self.target);
                Ok(())
            }
            Err(error) => self.was_not_there(error).await,
        }
    }

    /// Asks the member whether it holds anything of ours.
    async fn verify(&self) -> Result<(), Failure> {
        match self.objects().metadata(self.target.namespace(), self.target.name()).await {
            Ok(answer) => {
                let meta = answer.metadata().unwrap_or_default();
                let label = meta.labels.as_ref().and_then(|labels| labels.get(names::MANAGED_LABEL));
                match ManagedLabel::of(label.map(String::as_str)) {
                    ManagedLabel::Other => self.member.cache.verified_gone(&self.target),
                    ManagedLabel::True | ManagedLabel::False => self.learn(&meta),
                }
                Ok(())
            }
            Err(RequestError::NotFound(_)) => {
                self.member.cache.verified_gone(&self.target);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn objects(&self) -> Objects<'_> {
        Objects {
            client: &self.member.connection.clients.requests,
            resource: &self.resource,
            timeout: REQUEST_TIMEOUT,
        }
    }

    fn learn(&self, meta: &ObjectMeta) {
        self.member.cache.answered(&self.target, meta, self.controller.descriptor.replicas.as_deref());
    }

    fn applied(&self, answer: &Answer, rendered: &Rendered) {
        self.controller.wrote(&self.key);
        if let Some(meta) = answer.metadata() {
            self.is_as(&meta, rendered);
        }
    }

    fn is_as(&self, meta: &ObjectMeta, rendered: &Rendered) {
        let replicas = self.controller.descriptor.replicas.as_deref();
        self.member.cache.applied(&self.target, meta, replicas, rendered.hash);
    }

    /// A fight with another writer costs both of them: hold off longer and longer, and say with whom. What we created
    /// before and is gone, or lost its label, is a repair as well.
    fn must_wait_to_repair(&self) -> bool {
        let Some(delay) = self.member.cache.must_wait_to_repair(&self.target) else { return false };
        let other = self.member.cache.object(&self.target).and_then(|object| object.other_writer);
        let who = other.map_or_else(|| "somebody".to_owned(), |other| format!("\"{other}\""));
        let what = match self.action {
            Action::Create => {
                "deletes this object in the cluster, or takes the label kubefed.io/managed off it"
            }
            _ => "changes what this object sets in the cluster",
        };
        let message = format!(
            "{who} {what}, again and again, and was overruled several times; stop it, or change the template or placement"
        );
        let held = Held { status: self.action.failed(), message };
        let rendered = self.rendered.as_ref().map(|rendered| rendered.hash);
        self.member.cache.hold(&self.target, held, rendered, delay);
        true
    }

    fn failed(&self, failure: Failure) {
        let (status, message) = match failure {
            Failure::Request(RequestError::Unavailable { certain, .. })
                if certain || self.member.connection.paused().is_some() =>
            {
                return self.controller.wait_for_member(&self.member, &self.key);
            }
            Failure::Request(error) => (self.action.failed(), error.to_string()),
            Failure::Declined(status, message) => (status, message),
        };
        let rendered = self.rendered.as_ref().map(|rendered| rendered.hash);
        self.member.cache.failed(&self.target, Held { status, message }, rendered);
    }

    /// Lets requests to the member be tried again after a pause.
    fn resume_after(&self, pause: Duration) {
        let connection = Arc::clone(&self.member.connection);
        tokio::spawn(async move {
            tokio::select! {
                () = connection.ended.cancelled() => {}
                () = tokio::time::sleep(pause) => connection.changed(),
            }
        });
    }
}

/// What is applied. With a uid, another object of the name is refused rather than taken over.
fn only_if<'a>(object: &'a Value, uid: Option<&str>) -> Cow<'a, Value> {
    let Some(uid) = uid else { return Cow::Borrowed(object) };
    let mut object = object.clone();
    object["metadata"]["uid"] = json!(uid);
    Cow::Owned(object)
}
