//! The end of a test: what must hold of all that was sent, and the removal of its traces.

use anyhow::{Result, ensure};
use kubefed_runtime::api::{TypeDescriptor, names};
use serde_json::{Value, json};

use super::Federation;
use crate::{Look, Patch, Sent, Setup, Wire, wait_until};

impl Federation {
    /// What must hold of all requests of all controllers in every test.
    pub(crate) fn check_requests(&self) -> Result<()> {
        for wire in std::iter::once(&self.host_wire).chain(&self.member_wires) {
            // In a namespace that is being terminated nothing can be created, nor of a kind that is, whoever asks.
            let forbidden = wire.requests().filter(|sent| {
                matches!(sent.code, Some(401 | 403))
                    && !sent.refused_by_wire
                    && !sent.message.contains("because it is being terminated")
                    && !sent.message.contains("while custom resource definition is terminating")
            });
            ensure!(forbidden.total() == 0, "without the right to do so in {}: {forbidden}", wire.name());
        }
        for descriptor in &self.descriptors {
            let federated = &descriptor.federated;
            let writes = self.host_wire.requests().writes().of(&federated.group, &federated.plural_name);
            let rash = writes.filter(|sent| !patches_finalizers(sent) && !merges_status(sent));
            ensure!(rash.total() == 0, "could overwrite what a user has written on the host: {rash}");
        }
        for wire in &self.member_wires {
            check_writes(wire)?;
            self.check_reads(wire)?;
        }
        Ok(())
    }

    /// Of a member, nothing is read but the metadata of what is ours, and that once. Only of its namespaces, all names
    /// are known.
    fn check_reads(&self, wire: &Wire) -> Result<()> {
        let name = wire.name();
        for descriptor in &self.descriptors {
            let target = &descriptor.target;
            let reads = wire.requests().of(&target.group, &target.plural_name);
            let reads = reads.filter(|sent| matches!(sent.verb, "LIST" | "WATCH"));
            let whole = reads.filter(|sent| !sent.wants_metadata_only());
            ensure!(whole.total() == 0, "whole objects of {name}: {whole}");
            let foreign = reads.filter(|sent| {
                let selector = sent.parameter("labelSelector");
                selector.as_deref() != Some(names::MANAGED_LABEL)
                    && !(selector.is_none() && descriptor.is_namespaces())
            });
            ensure!(foreign.total() == 0, "objects of {name} that are not ours: {foreign}");
            let twice = reads.filter(|sent| sent.beside > 0);
            ensure!(twice.total() == 0, "there was such a watch of {name} already: {twice}");
        }
        Ok(())
    }

    /// Whether any controller of the test has done anything.
    pub(crate) fn has_had_a_controller(&self) -> bool {
        self.host_wire.requests().total() > 0
    }

    /// What the controllers of the test have written, and where the federated objects of its namespace are now.
    pub(crate) async fn story(&self) -> String {
        let mut story = format!("namespace {}\n", self.namespace);
        for wire in std::iter::once(&self.host_wire).chain(&self.member_wires) {
            story.push_str(&format!("written to {}:\n  {}\n", wire.name(), wire.requests().writes()));
        }
        for descriptor in self.descriptors.iter().filter(|descriptor| descriptor.is_federated_namespaced()) {
            let objects = self.host.objects(&descriptor.federated, Some(&self.namespace));
            for mut object in objects.list("").await.unwrap_or_default() {
                object["metadata"]["managedFields"] = Value::Null;
                story.push_str(&format!("{}: {object}\n", descriptor.federated.kind));
            }
        }
        story
    }

    /// Removes all federated objects, makes sure that members are clean of what is managed, and undoes what the test
    /// has changed of clusters and types.
    pub(crate) async fn clean(&self) -> Result<()> {
        std::iter::once(&self.host_wire).chain(&self.member_wires).for_each(|wire| wire.calm());
        self.planes.restore_type_configs().await?;
        self.planes.serve_gadgets().await?;
        for cluster in self.clusters().list("").await? {
            let name = cluster["metadata"]["name"].as_str().unwrap_or_default();
            if !self.members.iter().any(|member| member.name() == name) {
                self.clusters().delete(name).await?;
            }
        }
        self.planes.join_members().await?;
        if self.controller.read().await.is_none() {
            self.start(Setup::default()).await?;
        }
        for descriptor in &self.descriptors {
            let objects = self.host.objects(&descriptor.federated, None);
            for object in objects.list("").await? {
                self.remove(descriptor, &object).await?;
            }
        }
        for descriptor in &self.descriptors {
            let objects = self.host.objects(&descriptor.federated, None);
            wait_until(
                format!("all {} to be gone", descriptor.federated.plural_name),
                async || -> Look<()> {
                    let left = objects.list("").await.map_err(|error| error.to_string())?;
                    left.first().map_or(Ok(()), |object| Err(format!("there is still {object}")))
                },
            )
            .await?;
        }
        self.stop().await?;
        self.check_clean().await
    }

    async fn remove(&self, descriptor: &TypeDescriptor, object: &Value) -> Result<()> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let objects = self.host.objects(&descriptor.federated, object["metadata"]["namespace"].as_str());
        if descriptor.is_namespaces() {
            // A namespace takes long to end. It is the test's own, and empty: it may stay.
            let orphan = json!({"metadata": {"annotations": {(names::ORPHAN_ANNOTATION): "true"}}});
            objects.patch(name, Patch::Merge, &orphan).await?;
        }
        let answer = objects.delete(name).await?;
        if answer.code == 404 { Ok(()) } else { answer.ok().map(|_| ()) }
    }

    async fn check_clean(&self) -> Result<()> {
        let query = format!("labelSelector={}%3Dtrue", names::MANAGED_LABEL.replace('/', "%2F"));
        for (index, member) in self.members.iter().enumerate() {
            for descriptor in &self.descriptors {
                if index > 0 && descriptor.target.kind == "Gadget" {
                    continue;
                }
                let left = member.objects(&descriptor.target, None).list(&query).await?;
                ensure!(left.is_empty(), "left behind in {}: {left:?}", member.name());
            }
        }
        Ok(())
    }
}

/// Nothing in a member is replaced, all is written in our name, and nothing is deleted that is not certain to be the
/// object that was looked at.
fn check_writes(wire: &Wire) -> Result<()> {
    let writes = wire.requests().writes();
    let forbidden = writes.filter(|sent| matches!(sent.verb, "PUT" | "DELETECOLLECTION"));
    ensure!(forbidden.total() == 0, "the controller must not send to {}: {forbidden}", wire.name());
    let is_ours = |sent: &Sent| sent.parameter("fieldManager").as_deref() == Some(names::FIELD_MANAGER);
    let unnamed = writes.filter(|sent| sent.verb != "DELETE" && !is_ours(sent));
    ensure!(unnamed.total() == 0, "not in our name to {}: {unnamed}", wire.name());
    let is_forced = |sent: &Sent| sent.parameter("force").as_deref() == Some("true");
    let unusual = writes.verb("APPLY").filter(|sent| !is_forced(sent) || !sent.wants_metadata_only());
    ensure!(
        unusual.total() == 0,
        "not forced, or answered with whole objects, by {}: {unusual}",
        wire.name()
    );
    let careless = writes.verb("DELETE").filter(|sent| {
        let preconditions = &sent.body["preconditions"];
        !preconditions["uid"].is_string() || !preconditions["resourceVersion"].is_string()
    });
    ensure!(careless.total() == 0, "deleted without preconditions in {}: {careless}", wire.name());
    Ok(())
}

/// Whether it is a JSON patch of nothing but finalizers, which fails if somebody else has changed them.
fn patches_finalizers(sent: &Sent) -> bool {
    let steps = sent.body.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_about_finalizers =
        |step: &Value| step["path"].as_str().is_some_and(|path| path.starts_with("/metadata/finalizers"));
    sent.verb == "PATCH"
        && sent.subresource.is_empty()
        && steps.iter().any(|step| step["op"] == "test" && is_about_finalizers(step))
        && steps.iter().all(|step| step["op"] == "test" || is_about_finalizers(step))
}

/// Whether it is a merge patch of the status and of nothing else: without a version that could be too old.
fn merges_status(sent: &Sent) -> bool {
    let fields = sent.body.as_object();
    sent.verb == "PATCH"
        && sent.subresource == "status"
        && fields.is_some_and(|fields| fields.keys().eq(["status"]))
}
