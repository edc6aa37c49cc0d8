//! Federated objects and the objects that members hold: writing, reading and waiting.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Federation, cluster_status};
use crate::{Look, Objects, Patch, differs, requires, wait_until};

impl Federation {
    /// Creates a federated object in the test's namespace, or where objects of its kind belong.
    ///
    /// # Errors
    ///
    /// If it is refused.
    pub async fn create(&self, kind: &str, name: &str, spec: &Value) -> Result<()> {
        let namespace = self.federated_namespace(self.descriptor(kind), name).map(str::to_owned);
        self.create_in(namespace.as_deref().unwrap_or_default(), kind, name, spec).await
    }

    /// Creates a federated object in any namespace.
    ///
    /// # Errors
    ///
    /// If it is refused.
    pub async fn create_in(&self, namespace: &str, kind: &str, name: &str, spec: &Value) -> Result<()> {
        let resource = &self.descriptor(kind).federated;
        let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
        let object = json!({
            "apiVersion": resource.api_version(),
            "kind": resource.kind,
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        });
        self.host.objects(resource, namespace).post(&object).await?.ok()?;
        Ok(())
    }

    /// Federated objects of a kind, where that of a target of the name is.
    #[must_use]
    pub fn federated(&self, kind: &str, name: &str) -> Objects {
        let descriptor = self.descriptor(kind);
        self.host.objects(&descriptor.federated, self.federated_namespace(descriptor, name))
    }

    /// A member's objects of a kind, where those of the test are.
    #[must_use]
    pub fn targets(&self, member: &str, kind: &str) -> Objects {
        let descriptor = self.descriptor(kind);
        self.member(member).objects(&descriptor.target, self.target_namespace(descriptor))
    }

    /// Merges a patch into a federated object's spec.
    ///
    /// # Errors
    ///
    /// If it is refused.
    pub async fn edit(&self, kind: &str, name: &str, spec: &Value) -> Result<()> {
        let patch = json!({ "spec": spec });
        self.federated(kind, name).patch(name, Patch::Merge, &patch).await?.ok()?;
        Ok(())
    }

    /// Asks for the deletion of a federated object.
    ///
    /// # Errors
    ///
    /// If that is refused.
    pub async fn delete(&self, kind: &str, name: &str) -> Result<()> {
        self.federated(kind, name).delete(name).await?.ok()?;
        Ok(())
    }

    /// A federated object as it is now.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub async fn get(&self, kind: &str, name: &str) -> Result<Value> {
        let found = self.federated(kind, name).get(name).await?;
        found.with_context(|| format!("there is no federated {kind} {name}"))
    }

    /// A member's object as it is now.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub async fn get_member(&self, member: &str, kind: &str, name: &str) -> Result<Value> {
        let found = self.targets(member, kind).get(name).await?;
        found.with_context(|| format!("there is no {kind} {name} in {member}"))
    }

    /// Waits until the status of a federated object speaks of its latest generation and is as expected.
    ///
    /// # Errors
    ///
    /// If that does not come about.
    pub async fn wait_status(&self, kind: &str, name: &str, expected: &Value) -> Result<Value> {
        let objects = self.federated(kind, name);
        wait_until(format!("the status of federated {kind} {name} to be {expected}"), async || {
            let found = objects.get(name).await.map_err(|error| error.to_string())?;
            let found = found.ok_or("the object does not exist")?;
            let generation = json!({"observedGeneration": found["metadata"]["generation"]});
            let status = &found["status"];
            match requires(&generation, status).and_then(|()| requires(expected, status)) {
                Ok(()) => Ok(found),
                Err(difference) => Err(format!("{difference} in {status}")),
            }
        })
        .await
    }

    /// Waits until all selected members hold a federated object as it is now, and its status says so.
    ///
    /// # Errors
    ///
    /// If that does not come about.
    pub async fn wait_propagated(&self, kind: &str, name: &str) -> Result<()> {
        let condition = json!([{"type": "Propagation", "status": "True"}]);
        self.wait_status(kind, name, &json!({ "conditions": condition })).await?;
        Ok(())
    }

    /// Waits until the status says something of one member; null for nothing at all.
    ///
    /// # Errors
    ///
    /// If that does not come about.
    pub async fn wait_cluster_status(
        &self,
        kind: &str,
        name: &str,
        member: &str,
        expected: &Value,
    ) -> Result<Value> {
        let objects = self.federated(kind, name);
        wait_until(
            format!("the status of federated {kind} {name} to say of {member}: {expected}"),
            async || {
                let found = objects
                    .get(name)
                    .await
                    .map_err(|error| error.to_string())?
                    .ok_or("there is no object")?;
                let entry = cluster_status(&found, member);
                requires(expected, &entry)
                    .map(|()| entry)
                    .map_err(|difference| format!("{difference} in {found}"))
            },
        )
        .await
    }

    /// Waits until a member's object is as expected.
    ///
    /// # Errors
    ///
    /// If that does not come about.
    pub async fn wait_member(&self, member: &str, kind: &str, name: &str, expected: &Value) -> Result<Value> {
        let objects = self.targets(member, kind);
        wait_until(format!("{kind} {name} in {member} to be {expected}"), async || {
            let found =
                objects.get(name).await.map_err(|error| error.to_string())?.ok_or("it does not exist")?;
            requires(expected, &found).map(|()| found)
        })
        .await
    }

    /// Waits until a member has no such object.
    ///
    /// # Errors
    ///
    /// If that does not come about.
    pub async fn wait_absent(&self, member: &str, kind: &str, name: &str) -> Result<()> {
        let objects = self.targets(member, kind);
        wait_until(format!("{kind} {name} to be gone from {member}"), async || -> Look<()> {
            let found = objects.get(name).await.map_err(|error| error.to_string())?;
            found.map_or(Ok(()), |found| Err(format!("it exists: {}", found["metadata"])))
        })
        .await
    }

    /// Waits until a federated object has left the host.
    ///
    /// # Errors
    ///
    /// If that does not come about.
    pub async fn wait_gone(&self, kind: &str, name: &str) -> Result<()> {
        let objects = self.federated(kind, name);
        wait_until(format!("federated {kind} {name} to be gone"), async || -> Look<()> {
            let found = objects.get(name).await.map_err(|error| error.to_string())?;
            found.map_or(Ok(()), |found| Err(format!("it exists: {found}")))
        })
        .await
    }

    /// Fails unless a member's object is as expected right now.
    ///
    /// # Errors
    ///
    /// If there is none, or it differs.
    pub async fn require_member(&self, member: &str, kind: &str, name: &str, expected: &Value) -> Result<()> {
        let found = self.get_member(member, kind, name).await?;
        let difference = differs(expected, &found);
        ensure!(difference.is_none(), "{kind} {name} in {member}: {}", difference.unwrap_or_default());
        Ok(())
    }
}
