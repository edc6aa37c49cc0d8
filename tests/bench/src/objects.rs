//! Sets of federated ConfigMaps of 1 kB.

use anyhow::{Result, anyhow, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use http::Method;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client, api::ListParams};
use kubefed_runtime::api::names;
use serde_json::{Value, json};

use crate::{
    planes::Site,
    requests::{self, METADATA_ONLY},
    setup::NAMESPACE,
};

/// Path of the federated ConfigMaps of our namespace.
pub(crate) const FEDERATED_PATH: &str = "/apis/types.kubefed.io/v1beta1/namespaces/bench/federatedconfigmaps";
/// Path of the ConfigMaps of our namespace in a member.
pub(crate) const TARGET_PATH: &str = "/api/v1/namespaces/bench/configmaps";

/// Names the set in federated objects and in what members hold.
const SET_LABEL: &str = "bench.kubefed.io/set";
/// Bytes of data in an object.
const DATA_BYTES: usize = 1000;
/// How many objects are being created at once, with and without a controller.
const CREATIONS_AT_ONCE: usize = 32;

/// Objects that are created and measured together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObjectSet {
    /// Prefix of their names.
    pub(crate) name: &'static str,
    pub(crate) count: usize,
}

impl ObjectSet {
    /// Their names.
    pub(crate) fn names(self) -> impl Iterator<Item = String> {
        (0..self.count).map(move |index| self.object_name(index))
    }

    /// The name of one of them.
    pub(crate) fn object_name(self, index: usize) -> String {
        format!("{}-{index:05}", self.name)
    }

    /// Selects them, on the host and in members.
    pub(crate) fn selector(self) -> String {
        format!("{SET_LABEL}={}", self.name)
    }

    /// A federated object that is placed on every member.
    pub(crate) fn federated(self, name: &str) -> Value {
        json!({
            "apiVersion": "types.kubefed.io/v1beta1",
            "kind": "FederatedConfigMap",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": {SET_LABEL: self.name}},
            "spec": {
                "template": {"metadata": {"labels": {SET_LABEL: self.name}}, "data": {"payload": payload(name)}},
                "placement": {"clusterSelector": {}},
            },
        })
    }

    /// What is applied in every member for it.
    pub(crate) fn rendered(self, name: &str) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": name,
                "namespace": NAMESPACE,
                "labels": {SET_LABEL: self.name, names::MANAGED_LABEL: names::MANAGED_TRUE},
            },
            "data": {"payload": payload(name)},
        })
    }

    /// Creates the federated objects on the host, and tells of each as it is there.
    pub(crate) async fn create(self, host: &Client, created: impl Fn(String)) -> Result<()> {
        // Made before the first is sent, as in the bare loop, so that both pay for them alike.
        let bodies = self
            .names()
            .map(|name| Ok((serde_json::to_vec(&self.federated(&name))?, name)))
            .collect::<Result<Vec<_>>>()?;
        stream::iter(bodies)
            .map(|(body, name)| {
                let host = host.clone();
                let uri = format!("{FEDERATED_PATH}?fieldManager=kubefed-bench");
                tokio::spawn(async move {
                    let body = body.into();
                    requests::send(&host, Method::POST, &uri, "application/json", METADATA_ONLY, body)
                        .await?;
                    Ok(name)
                })
            })
            .buffer_unordered(CREATIONS_AT_ONCE)
            .map(|ended| ended.unwrap_or_else(|panicked| Err(anyhow!(panicked))))
            .try_for_each(async |name| {
                created(name);
                Ok(())
            })
            .await
    }

    /// Checks that a member holds just these objects, with the right content.
    pub(crate) async fn verify(self, member: &Site) -> Result<()> {
        let api: Api<ConfigMap> = Api::namespaced(member.client.clone(), NAMESPACE);
        let found = api.list(&ListParams::default().labels(&self.selector())).await?.items;
        ensure!(
            found.len() == self.count,
            "{} holds {} objects of the set {}, not {}",
            member.name,
            found.len(),
            self.name,
            self.count
        );
        for object in found {
            let name = object.metadata.name.unwrap_or_default();
            let data = json!(object.data);
            let expected = json!({"payload": payload(&name)});
            ensure!(data == expected, "{name} on {} holds {data} and not {expected}", member.name);
        }
        Ok(())
    }
}

/// Text that differs from object to object, so that nothing can be shared between them.
fn payload(name: &str) -> String {
    name.bytes().map(char::from).chain("=0123456789".chars()).cycle().take(DATA_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use kubefed_core::render::{Renderer, Replicas};
    use kubefed_runtime::api::{RawFederated, TypeDescriptor};

    use super::*;

    #[test]
    fn the_bare_loop_applies_what_the_controller_applies() {
        let set = ObjectSet { name: "some", count: 3 };
        let federated: RawFederated = serde_json::from_value(set.federated("some-00002")).unwrap();
        let descriptor = TypeDescriptor::of::<kubefed_types::ConfigMap>();
        let rendered =
            Renderer::new(&descriptor, &federated).render("member1", Replicas::FromTemplate).unwrap();
        assert_eq!(rendered.object, set.rendered("some-00002"));
    }

    #[test]
    fn paths_are_those_of_the_type_and_the_namespace() {
        let descriptor = TypeDescriptor::of::<kubefed_types::ConfigMap>();
        let (federated, target) = (&descriptor.federated, &descriptor.target);
        assert_eq!(
            FEDERATED_PATH,
            format!("/apis/{}/namespaces/{NAMESPACE}/{}", federated.api_version(), federated.plural_name)
        );
        assert_eq!(TARGET_PATH, format!("/api/v1/namespaces/{NAMESPACE}/{}", target.plural_name));
    }

    #[test]
    fn an_object_has_a_kilobyte_that_is_its_own() {
        assert_eq!(payload("a-00001").len(), 1000);
        assert_ne!(payload("a-00001"), payload("a-00002"));
    }
}
