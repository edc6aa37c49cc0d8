//! Proof that the controller has taken something in, and what it says of it.

use anyhow::{Context, Result};
use kubefed_runtime::{
    api::{ApiResource, Scope, names},
    cluster::connect,
};
use serde_json::{Value, json};

use super::{Federation, SECOND, fresh_name, placement};
use crate::{KUBEFED_NAMESPACE, Objects, differs, planes::config_of, requires, wait_until};

impl Federation {
    /// Waits until the controller has taken in as many events of a kind as were to come since `before`.
    ///
    /// # Errors
    ///
    /// If they do not come.
    pub async fn wait_events(&self, kind: &str, before: u64, expected: u64) -> Result<()> {
        wait_until(format!("{expected} events of members' objects of kind {kind}"), async || {
            // A controller that has been started since counts from zero.
            let seen = self.controller().await.member_events(kind).saturating_sub(before);
            if seen >= expected { Ok(()) } else { Err(format!("the controller has seen {seen}")) }
        })
        .await
    }

    /// Waits until the controller has taken in the event of just this version of a member's object: the wire has handed it
    /// on, and the controller has counted as many events of the kind from that member as were handed on up to it. The cache
    /// has the event then, and what it makes due is in the queue.
    ///
    /// For tests with one controller: another one counts from zero, while the wire does not.
    ///
    /// # Errors
    ///
    /// If it does not come.
    pub async fn wait_taken_in(&self, member: &str, kind: &str, object: &Value) -> Result<()> {
        let name = object["metadata"]["name"].as_str().context("a name")?;
        let version = version_of(object)?;
        let target = &self.descriptor(kind).target;
        let resource = (&*target.group, &*target.plural_name);
        let labels = format!("cluster=\"{member}\",kind=\"{kind}\"");
        wait_until(format!("the event of version {version} of {kind} {name} in {member}"), async || {
            let handed_on = self.wire(member).handed_on(resource, names::MANAGED_LABEL, name, version);
            let handed_on = handed_on.ok_or("the wire has not handed it on")?;
            let taken_in = self.controller().await.metric("kubefed_member_events_total", &labels);
            if taken_in >= handed_on {
                Ok(())
            } else {
                Err(format!("it is number {handed_on}, and the controller has taken in {taken_in}"))
            }
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
        self.pass_barrier_in(SECOND, kind).await
    }

    /// As [`pass_barrier`](Self::pass_barrier), through the member in which it was
    /// [raised](Self::raise_barrier_in): what was to be written there before has been sent.
    ///
    /// # Errors
    ///
    /// If it does not arrive.
    pub async fn pass_barrier_in(&self, member: &str, kind: &str) -> Result<()> {
        let name = self.barrier_name(kind);
        let stamp = fresh_name();
        let label = json!({"metadata": {"labels": {"stamp": stamp}}});
        self.edit(kind, &name, &json!({ "template": label })).await?;
        self.wait_propagated(kind, &name).await?;
        self.require_member(member, kind, &name, &label).await
    }

    /// Creates the object for [`pass_barrier`](Self::pass_barrier).
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub async fn raise_barrier(&self, kind: &str, template: &Value) -> Result<()> {
        self.raise_barrier_in(SECOND, kind, template).await
    }

    /// Creates the object for [`pass_barrier_in`](Self::pass_barrier_in).
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub async fn raise_barrier_in(&self, member: &str, kind: &str, template: &Value) -> Result<()> {
        let name = self.barrier_name(kind);
        if kind == "Namespace" {
            self.create_namespace(&name).await?;
        }
        let spec = json!({"template": template, "placement": placement(&[member])});
        self.create(kind, &name, &spec).await?;
        if kind == "Namespace" {
            self.wait_member(member, kind, &name, &json!({})).await?;
            self.wait_furnished(member, &name).await?;
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
        let descriptor = self.descriptor(kind);
        // Events about objects without a namespace live in `default`.
        let namespace = self.federated_namespace(descriptor, name).unwrap_or("default");
        let about = json!({
            "type": "Warning",
            "reason": reason,
            "regarding": {"kind": descriptor.federated.kind, "name": name},
        });
        let mut events = self.events(namespace).await?;
        events.retain(|event| differs(&about, event).is_none());
        Ok(events)
    }

    /// All events in a namespace of the host.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub async fn events(&self, namespace: &str) -> Result<Vec<Value>> {
        let resource = ApiResource {
            group: "events.k8s.io".to_owned(),
            version: "v1".to_owned(),
            kind: "Event".to_owned(),
            plural_name: "events".to_owned(),
            scope: Scope::Namespaced,
        };
        self.host.objects(&resource, Some(namespace)).list("").await
    }

    /// The `KubeFedCluster` objects of the control plane.
    #[must_use]
    pub fn clusters(&self) -> Objects {
        self.core_objects("KubeFedCluster", "kubefedclusters")
    }

    /// Waits until a `KubeFedCluster` is as expected.
    ///
    /// # Errors
    ///
    /// If that does not come about.
    pub async fn wait_for_cluster(&self, name: &str, expected: &Value) -> Result<Value> {
        wait_until(format!("KubeFedCluster {name} to be {expected}"), async || {
            let found =
                self.clusters().get(name).await.map_err(|error| error.to_string())?.ok_or("there is none")?;
            requires(expected, &found).map(|()| found)
        })
        .await
    }

    /// The token of a plane's administrator.
    ///
    /// # Errors
    ///
    /// If its kubeconfig holds none.
    pub fn administrator_token(&self, plane: &str) -> Result<String> {
        let kubeconfig = json!(self.cluster(plane).plane().kubeconfig());
        let token = kubeconfig["users"][0]["user"]["token"].as_str();
        Ok(token.context("a token in the kubeconfig")?.to_owned())
    }

    /// The status code of a GET that is sent to a plane with what the controller presents itself with there.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn ask_as_controller(&self, plane: &str, path: &str) -> Result<u16> {
        let mut config = self.planes.host_config().await?;
        if plane != self.host.name() {
            let name = format!("{plane}-token");
            let secrets = self.host.objects(&self.descriptor("Secret").target, Some(KUBEFED_NAMESPACE));
            let secret = secrets.get(&name).await?.context(name)?;
            let token: k8s_openapi::ByteString = serde_json::from_value(secret["data"]["token"].clone())?;
            config = config_of(self.member(plane).plane()).await?;
            config.auth_info = kube::config::AuthInfo::default();
            config.auth_info.token = Some(String::from_utf8(token.0)?.into());
        }
        let request = http::Request::get(path).body(kube::client::Body::empty())?;
        Ok(connect(&config)?.send(request).await?.status().as_u16())
    }

    /// The `FederatedTypeConfig` objects of the control plane.
    #[must_use]
    pub fn type_configs(&self) -> Objects {
        self.core_objects("FederatedTypeConfig", "federatedtypeconfigs")
    }

    fn core_objects(&self, kind: &str, plural: &str) -> Objects {
        let resource = ApiResource {
            group: names::CORE_GROUP.to_owned(),
            version: "v1beta1".to_owned(),
            kind: kind.to_owned(),
            plural_name: plural.to_owned(),
            scope: Scope::Namespaced,
        };
        self.host.objects(&resource, Some(KUBEFED_NAMESPACE))
    }
}

/// The resourceVersion of an object.
fn version_of(object: &Value) -> Result<u64> {
    let version = object["metadata"]["resourceVersion"].as_str().context("a resourceVersion")?;
    version.parse().with_context(|| version.to_owned())
}
