//! Proof that the controller has taken something in, and what it says of it.

use anyhow::Result;
use kubefed_runtime::api::{ApiResource, Scope};
use serde_json::{Value, json};

use super::{Federation, SECOND, fresh_name, placement};
use crate::{differs, wait_until};

impl Federation {
    /// Waits until the controller has taken in as many events of a kind as were to come since `before`.
    ///
    /// # Errors
    ///
    /// If they do not come.
    pub async fn wait_events(&self, kind: &str, before: u64, expected: u64) -> Result<()> {
        wait_until(format!("{expected} events of members' objects of kind {kind}"), async || {
            let seen = self.controller().await.member_events(kind) - before;
            if seen >= expected { Ok(()) } else { Err(format!("the controller has seen {seen}")) }
        })
        .await
    }

    /// Makes sure that whatever the controller was to do about events that it has taken in is under way: another object
    /// of the kind is sent all the way from an edit on the host to its status, behind them in the same queue.
    ///
    /// That object is called `barrier` and lives in `member2` only. It must have been created by
    /// [`raise_barrier`](Self::raise_barrier).
    ///
    /// # Errors
    ///
    /// If it does not arrive.
    pub async fn pass_barrier(&self, kind: &str) -> Result<()> {
        let name = self.barrier_name(kind);
        let stamp = fresh_name();
        let label = json!({"metadata": {"labels": {"stamp": stamp}}});
        self.edit(kind, &name, &json!({ "template": label })).await?;
        self.wait_propagated(kind, &name).await?;
        self.require_member(SECOND, kind, &name, &label).await
    }

    /// Creates the object for [`pass_barrier`](Self::pass_barrier).
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub async fn raise_barrier(&self, kind: &str, template: &Value) -> Result<()> {
        let name = self.barrier_name(kind);
        if kind == "Namespace" {
            self.create_namespace(&name).await?;
        }
        let spec = json!({"template": template, "placement": placement(&[SECOND])});
        self.create(kind, &name, &spec).await?;
        if kind == "Namespace" {
            self.wait_member(SECOND, kind, &name, &json!({})).await?;
            self.wait_furnished(SECOND, &name).await?;
        }
        self.wait_propagated(kind, &name).await
    }

    /// Name of the object of [`pass_barrier`](Self::pass_barrier).
    #[must_use]
    pub fn barrier_name(&self, kind: &str) -> String {
        if self.descriptor(kind).target.is_namespaced() {
            "barrier".to_owned()
        } else {
            format!("{}-barrier", self.namespace)
        }
    }

    /// A name of this test's own: for objects without a namespace it holds that of the test.
    #[must_use]
    pub fn name_for(&self, kind: &str, name: &str) -> String {
        if self.descriptor(kind).target.is_namespaced() {
            name.to_owned()
        } else {
            format!("{}-{name}", self.namespace)
        }
    }

    /// The warning events about a federated object with a reason.
    ///
    /// # Errors
    ///
    /// If events cannot be read.
    pub async fn warnings(&self, kind: &str, name: &str, reason: &str) -> Result<Vec<Value>> {
        let resource = ApiResource {
            group: "events.k8s.io".to_owned(),
            version: "v1".to_owned(),
            kind: "Event".to_owned(),
            plural_name: "events".to_owned(),
            scope: Scope::Namespaced,
        };
        let descriptor = self.descriptor(kind);
        let namespace = self.federated_namespace(descriptor, name).unwrap_or("default").to_owned();
        let mut events = self.host.objects(&resource, Some(&namespace)).list("").await?;
        events.retain(|event| {
            let about = json!({
                "type": "Warning",
                "reason": reason,
                "regarding": {"kind": descriptor.federated.kind, "name": name},
            });
            differs(&about, event).is_none()
        });
        Ok(events)
    }
}
