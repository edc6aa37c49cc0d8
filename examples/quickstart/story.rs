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
    planes::{MEMBERS, Planes},
    report::Report,
    website::Website,
};

const KUBEFED_NAMESPACE: &str = "kube-federation-system";
const NAMESPACE: &str = "demo";

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
        self.delete().await
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
            expected.push(settings_in(cluster, "blue"));
            expected.push(web_in(cluster, replicas));
            expected.push(website_in(cluster, true));
        }
        self.wait_for(&expected, "as it shall be").await?;
        self.report.ends()
    }

    async fn edit(&mut self) -> Result<()> {
        self.report.begins("Edit the template of the ConfigMap on the host: blue becomes green")?;
        let api: Api<FederatedConfigMap> = Api::namespaced(self.host(), NAMESPACE);
        let patch = json!({"spec": {"template": {"data": {"colour": "green"}}}});
        api.patch("settings", &PatchParams::default(), &Patch::Merge(patch)).await?;
        let expected = MEMBERS.map(|cluster| settings_in(cluster, "green"));
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
        let mut expected = settings_in("member1", "green");
        expected.values = Some(vec![("/data", json!({"colour": "green", "note": "somebody else's"}))]);
        self.wait_for(&[expected], "repaired").await?;
        self.report.says("the controller put its own field right, and left the other one alone")?;
        self.report.ends()
    }

    async fn drop_member(&mut self) -> Result<()> {
        self.report.begins("Take member2 out of the Website's placement")?;
        let api: Api<Federated<Website>> = Api::namespaced(self.host(), NAMESPACE);
        let patch = json!({"spec": {"placement": {"clusters": [{"name": "member1"}]}}});
        api.patch("front", &PatchParams::default(), &Patch::Merge(patch)).await?;
        self.wait_for(&[website_in("member2", false)], "removed").await?;
        self.wait_for(&[website_in("member1", true)], "still there").await?;
        self.report.ends()
    }

    async fn delete(&mut self) -> Result<()> {
        self.report.begins("Delete the federated ConfigMap")?;
        let api: Api<FederatedConfigMap> = Api::namespaced(self.host(), NAMESPACE);
        api.delete("settings", &DeleteParams::default()).await?;
        let mut gone = MEMBERS.map(|cluster| settings_in(cluster, "green"));
        gone.iter_mut().for_each(|expected| expected.values = None);
        self.wait_for(&gone, "cleaned up").await?;
        let mut on_host = settings_in("host", "");
        on_host.api_version = "types.kubefed.io/v1beta1";
        on_host.kind = "FederatedConfigMap";
        on_host.values = None;
        on_host.wait(&self.host()).await?;
        self.report.says("the federated object left the host after its last member was clean")?;
        self.report.ends()
    }

    /// Waits for all of them at once, and shows each as it is reached.
    async fn wait_for(&mut self, expected: &[Expected], what: &str) -> Result<()> {
        let members = self.planes.members();
        let client =
            |cluster: &str| members.iter().find(|plane| plane.name() == cluster).map(|plane| plane.client());
        let mut waiting: FuturesUnordered<_> = expected
            .iter()
            .filter_map(|expected| {
                let client = client(expected.cluster)?;
                Some(async move { expected.wait(&client).await.map(|()| expected) })
            })
            .collect();
        while let Some(reached) = waiting.next().await {
            let reached = reached?;
            self.report.fills(reached.title, reached.cluster, what)?;
        }
        Ok(())
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

fn namespace_in(cluster: &'static str) -> Expected {
    Expected {
        title: "Namespace demo",
        cluster,
        api_version: "v1",
        kind: "Namespace",
        namespace: None,
        name: NAMESPACE,
        values: Some(vec![("/metadata/labels/kubefed.io~1managed", json!("true"))]),
    }
}

fn settings_in(cluster: &'static str, colour: &str) -> Expected {
    Expected {
        title: "ConfigMap settings",
        cluster,
        api_version: "v1",
        kind: "ConfigMap",
        namespace: Some(NAMESPACE),
        name: "settings",
        values: Some(vec![
            ("/data", json!({ "colour": colour })),
            ("/metadata/labels", json!({"kubefed.io/managed": "true"})),
        ]),
    }
}

fn web_in(cluster: &'static str, replicas: i64) -> Expected {
    Expected {
        title: "Deployment web",
        cluster,
        api_version: "apps/v1",
        kind: "Deployment",
        namespace: Some(NAMESPACE),
        name: "web",
        values: Some(vec![
            ("/spec/replicas", json!(replicas)),
            ("/spec/template/spec/containers/0/image", json!("registry.example.com/web:1.0")),
            ("/metadata/labels", json!({"app": "web", "kubefed.io/managed": "true"})),
        ]),
    }
}

fn website_in(cluster: &'static str, exists: bool) -> Expected {
    let spec = json!({"host": "www.example.com", "replicas": 2, "greeting": "Hello"});
    Expected {
        title: "Website front",
        cluster,
        api_version: "quickstart.example.com/v1",
        kind: "Website",
        namespace: Some(NAMESPACE),
        name: "front",
        values: exists.then(|| vec![("/spec", spec)]),
    }
}
