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
