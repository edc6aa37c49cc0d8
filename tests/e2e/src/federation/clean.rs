//! The end of a test: what must hold of all that was sent, and the removal of its traces.

use anyhow::{Result, ensure};
use kubefed_runtime::api::{TypeDescriptor, names};
use serde_json::{Value, json};

use super::Federation;
use crate::{Look, Patch, Setup, wait_until};

impl Federation {
    /// What must hold of all requests of all controllers in every test: nothing in a member is replaced, and nothing is
    /// deleted that is not certain to be the object that was looked at.
    pub(crate) fn check_requests(&self) -> Result<()> {
        for wire in &self.member_wires {
            let writes = wire.requests().writes();
            let forbidden = writes.filter(|sent| matches!(sent.verb, "PUT" | "DELETECOLLECTION"));
            ensure!(forbidden.total() == 0, "the controller must not send to {}: {forbidden}", wire.name());
            let unnamed =
                writes.filter(|sent| sent.verb != "DELETE" && !sent.uri.contains("fieldManager=kubefed"));
            ensure!(unnamed.total() == 0, "not in our name to {}: {unnamed}", wire.name());
            let careless = writes.verb("DELETE").filter(|sent| {
                let preconditions = &sent.body["preconditions"];
                !preconditions["uid"].is_string() || !preconditions["resourceVersion"].is_string()
            });
            ensure!(careless.total() == 0, "deleted without preconditions in {}: {careless}", wire.name());
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
