//! The main job of KubeFed, step by step.

use anyhow::{Context, Result};
use futures::{StreamExt, stream::FuturesUnordered};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, Config, CustomResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    config::KubeConfigOptions,
};
use kubefed_runtime::{
    Manager, ManagerOptions,
    api::{Federated, KubeFedConfigSpec},
    cluster::{JoinOptions, MemberRights, join},
    install,
};
use kubefed_types::{FederatedConfigMap, FederatedDeployment, FederatedNamespace};
use serde_json::{Value, json};

use crate::{
    check::Expected,
    expected::{
        NAMESPACE, federated_settings, gone, in_the_end, namespace_in, on_the_host, settings_in, web_in,
        website_in,
    },
    planes::{MEMBERS, Planes},
    report::Report,
    website::Website,
};

const KUBEFED_NAMESPACE: &str = "kube-federation-system";

/// All that the steps need.
pub(crate) struct Story<'a> {
    pub(crate) planes: &'a Planes,
    pub(crate) report: &'a mut Report,
    /// Give the override another value than the one that is expected, to show that the check can fail.
    pub(crate) sabotage: bool,
}

fn manager() -> Manager {
    kubefed_types::register(Manager::new()).federate::<Website>()
}

impl Story<'_> {
    /// Installs what the host and the members need.
    pub(crate) async fn prepare(&mut self) -> Result<()> {
        self.install().await
    }

    /// The controller. It runs until it is dropped, or fails.
    pub(crate) fn controller(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let options = ManagerOptions {
            namespace: KUBEFED_NAMESPACE.to_owned(),
            config: Some(KubeFedConfigSpec::default()),
            ..ManagerOptions::default()
        };
        let controller = manager().run(self.host(), options, std::future::pending());
        async move { controller.await.context("the controller") }
    }

    /// Tells it, while the controller runs.
    pub(crate) async fn tell(&mut self) -> Result<()> {
        self.join().await?;
        self.federate().await?;
        self.edit().await?;
        self.repair().await?;
        self.drop_member().await?;
        self.delete().await?;
        self.look_again().await
    }

    fn host(&self) -> Client {
        self.planes.host().client()
    }

    async fn install(&mut self) -> Result<()> {
        self.report.begins(
            "Install the CRDs, the types and the rights on the host, and the Website CRD in the members",
        )?;
        install(&self.host(), &manager().manifests(KUBEFED_NAMESPACE)?).await.context("on the host")?;
        for member in self.planes.members() {
            let crd = json!(Website::crd());
            install(&member.client(), &[crd]).await.with_context(|| format!("in {}", member.name()))?;
        }
        self.report.ends()
    }

    async fn join(&mut self) -> Result<()> {
        self.report.begins("Join the members")?;
        for member in self.planes.members() {
            let config =
                Config::from_custom_kubeconfig(member.kubeconfig(), &KubeConfigOptions::default()).await?;
            let options = JoinOptions {
                cluster: member.name().to_owned(),
                host: self.planes.host().name().to_owned(),
                namespace: KUBEFED_NAMESPACE.to_owned(),
                labels: Vec::new(),
                rights: MemberRights::Types(manager().descriptors()),
            };
            join(&self.host(), &member.client(), &config, &options)
                .await
                .with_context(|| format!("joining {}", member.name()))?;
        }
        self.report.ends()
    }

    async fn federate(&mut self) -> Result<()> {
        self.report.begins("Federate a Namespace, a ConfigMap, a Deployment and a Website")?;
        self.report.says("three replicas everywhere, but five in member2, by an override")?;
        let host = self.host();
        let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(host.clone());
        let namespace = serde_json::from_value(json!({"metadata": {"name": NAMESPACE}}))?;
        namespaces.create(&PostParams::default(), &namespace).await?;
        let everywhere = json!({"clusterSelector": {}});
        create::<FederatedNamespace>(&host, NAMESPACE, &json!({"template": {}, "placement": everywhere}))
            .await?;
        let config = json!({"template": {"data": {"colour": "blue"}}, "placement": everywhere});
        create::<FederatedConfigMap>(&host, "settings", &config).await?;
        let in_member2 = if self.sabotage { 6 } else { 5 };
        let deployment = json!({
            "template": deployment(),
            "placement": everywhere,
            "overrides": [{
                "clusterName": "member2",
                "clusterOverrides": [{"path": "/spec/replicas", "value": in_member2}],
            }],
        });
        create::<FederatedDeployment>(&host, "web", &deployment).await?;
        let website = json!({
            "template": {"spec": {"host": "www.example.com", "replicas": 2, "greeting": "Hello"}},
            "placement": {"clusters": [{"name": "member1"}, {"name": "member2"}]},
        });
        create::<Federated<Website>>(&host, "front", &website).await?;
        let mut expected = Vec::new();
        for (cluster, replicas) in MEMBERS.into_iter().zip([3, 5]) {
            expected.push(namespace_in(cluster));
            expected.push(settings_in(cluster, json!({"colour": "blue"})));
            expected.push(web_in(cluster, replicas));
            expected.push(website_in(cluster));
        }
        self.wait_for(&expected, "as it shall be").await?;
        self.report.ends()
    }

    async fn edit(&mut self) -> Result<()> {
        self.report.begins("Edit the template of the ConfigMap on the host: blue becomes green")?;
        let api: Api<FederatedConfigMap> = Api::namespaced(self.host(), NAMESPACE);
        let patch = json!({"spec": {"template": {"data": {"colour": "green"}}}});
        api.patch("settings", &PatchParams::default(), &Patch::Merge(patch)).await?;
        let expected = MEMBERS.map(|cluster| settings_in(cluster, json!({"colour": "green"})));
        self.wait_for(&expected, "green").await?;
        self.report.ends()
    }

    async fn repair(&mut self) -> Result<()> {
        self.report.begins("Change the ConfigMap in member1 behind the controller's back")?;
        let member1 = self.planes.members()[0].client();
        let api: Api<ConfigMap> = Api::namespaced(member1, NAMESPACE);
        let patch = json!({"data": {"colour": "red", "note": "somebody else's"}});
        let changed = api.patch("settings", &PatchParams::default(), &Patch::Merge(patch)).await?;
        let version = changed.metadata.resource_version.unwrap_or_default();
        self.report.says(&format!("member1 says red now (resourceVersion {version})"))?;
        let expected = settings_in("member1", json!({"colour": "green", "note": "somebody else's"}));
        self.wait_for(&[expected], "repaired").await?;
        self.report.says("the controller put its own field right, and left the other one alone")?;
        self.report.ends()
    }

    async fn drop_member(&mut self) -> Result<()> {
        self.report.begins("Take member2 out of the Website's placement")?;
        let api: Api<Federated<Website>> = Api::namespaced(self.host(), NAMESPACE);
        let patch = json!({"spec": {"placement": {"clusters": [{"name": "member1"}]}}});
        api.patch("front", &PatchParams::default(), &Patch::Merge(patch)).await?;
        self.wait_for(&[gone(&website_in("member2"))], "removed").await?;
        self.wait_for(&[website_in("member1")], "still there").await?;
        self.report.ends()
    }

    async fn delete(&mut self) -> Result<()> {
        self.report.begins("Delete the federated ConfigMap")?;
        let api: Api<FederatedConfigMap> = Api::namespaced(self.host(), NAMESPACE);
        api.delete("settings", &DeleteParams::default()).await?;
        self.wait_for(
            &MEMBERS.map(|cluster| gone(&settings_in(cluster, json!({"colour": "green"})))),
            "cleaned up",
        )
        .await?;
        let on_host = gone(&federated_settings());
        on_host.wait(&self.client_for(&on_host)?).await?;
        self.report.says("the federated object left the host after its last member was clean")?;
        self.report.ends()
    }

    /// First the host, which says that all is well; after that nothing is waited for.
    async fn look_again(&mut self) -> Result<()> {
        self.report.begins("Look once more at everything, by plain clients")?;
        for expected in &on_the_host() {
            expected.wait(&self.client_for(expected)?).await?;
            self.shows(expected, "all is well")?;
        }
        for expected in &in_the_end() {
            expected.look(&self.client_for(expected)?).await?;
            self.shows(expected, "as it shall be")?;
        }
        self.report.ends()
    }

    fn shows(&mut self, expected: &Expected, what: &str) -> Result<()> {
        let what = if expected.values.is_some() { what } else { "still gone" };
        self.report.fills(expected.title, expected.cluster, what)
    }

    /// Waits for all of them at once, and shows each as it is reached.
    async fn wait_for(&mut self, expected: &[Expected], what: &str) -> Result<()> {
        let mut waiting = FuturesUnordered::new();
        for expected in expected {
            let client = self.client_for(expected)?;
            waiting.push(async move { expected.wait(&client).await.map(|()| expected) });
        }
        while let Some(reached) = waiting.next().await {
            let reached = reached?;
            self.report.fills(reached.title, reached.cluster, what)?;
        }
        Ok(())
    }

    fn client_for(&self, expected: &Expected) -> Result<Client> {
        let plane = self.planes.named(expected.cluster);
        Ok(plane.with_context(|| format!("looking at {}", expected.title))?.client())
    }
}

/// Creates a federated object of any kind from its spec.
async fn create<F>(host: &Client, name: &str, spec: &Value) -> Result<()>
where
    F: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + serde::Serialize
        + serde::de::DeserializeOwned
        + Clone
        + std::fmt::Debug,
{
    let object: F = serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec}))?;
    let api: Api<F> = Api::namespaced(host.clone(), NAMESPACE);
    api.create(&PostParams::default(), &object).await.with_context(|| format!("creating {name}"))?;
    Ok(())
}

fn deployment() -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "registry.example.com/web:1.0"}]},
            },
        },
    })
}
