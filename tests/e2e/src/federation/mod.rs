//! A host, two members that have joined, and a namespace of the test's own.

mod clean;
mod objects;
mod proof;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result};
use futures::future::join_all;
use kubefed_runtime::{Manager, api::TypeDescriptor};
use kubefed_testbed::RequestCounts;
use serde_json::{Value, json};
use tokio::sync::{RwLock, RwLockReadGuard};

use crate::{
    Cluster, Controller, Setup, Wire,
    planes::{Planes, descriptors, manager},
    wait_until,
};

/// The one member.
pub const FIRST: &str = "member1";
/// The other member.
pub const SECOND: &str = "member2";
/// Both.
pub const MEMBERS: [&str; 2] = [FIRST, SECOND];

/// A host and its members, and the controller that is being tested.
pub struct Federation {
    pub(crate) planes: Arc<Planes>,
    /// The host, without faults.
    pub host: Cluster,
    members: Vec<Cluster>,
    host_wire: Arc<Wire>,
    member_wires: Vec<Arc<Wire>>,
    controller: RwLock<Option<Controller>>,
    descriptors: Vec<TypeDescriptor>,
    /// Host namespace of this test.
    pub namespace: String,
}

/// What every control plane was asked so far.
#[derive(Clone, Debug)]
pub struct Counts(BTreeMap<String, RequestCounts>);

impl Counts {
    /// What one plane was asked.
    ///
    /// # Panics
    ///
    /// If there is no such plane.
    #[must_use]
    pub fn of(&self, plane: &str) -> &RequestCounts {
        &self.0[plane]
    }
}

impl Federation {
    pub(crate) fn new(planes: Arc<Planes>) -> Self {
        let host = planes.host_cluster();
        let members = planes.member_clusters();
        Self {
            host_wire: Wire::new(host.name()),
            member_wires: members.iter().map(|member| Wire::new(member.name())).collect(),
            planes,
            host,
            members,
            controller: RwLock::default(),
            descriptors: descriptors(),
            namespace: fresh_name(),
        }
    }

    /// A member, without faults.
    ///
    /// # Panics
    ///
    /// If there is none of that name.
    #[must_use]
    pub fn member(&self, name: &str) -> &Cluster {
        self.members.iter().find(|member| member.name() == name).unwrap_or_else(|| panic!("no member {name}"))
    }

    /// The host or a member, without faults.
    ///
    /// # Panics
    ///
    /// If there is none of that name.
    #[must_use]
    pub fn cluster(&self, name: &str) -> &Cluster {
        if name == self.host.name() { &self.host } else { self.member(name) }
    }

    /// All members, without faults.
    #[must_use]
    pub fn members(&self) -> &[Cluster] {
        &self.members
    }

    /// The wire from the controller to the host or a member.
    ///
    /// # Panics
    ///
    /// If there is none of that name.
    #[must_use]
    pub fn wire(&self, name: &str) -> &Wire {
        let mut wires = std::iter::once(&self.host_wire).chain(&self.member_wires);
        wires.find(|wire| wire.name() == name).unwrap_or_else(|| panic!("no wire to {name}"))
    }

    /// The type whose target is of this kind.
    ///
    /// # Panics
    ///
    /// If the suite has none.
    #[must_use]
    pub fn descriptor(&self, kind: &str) -> &TypeDescriptor {
        let found = self.descriptors.iter().find(|descriptor| descriptor.target.kind == kind);
        found.unwrap_or_else(|| panic!("no type {kind}"))
    }

    /// All types of the suite.
    #[must_use]
    pub fn descriptors(&self) -> &[TypeDescriptor] {
        &self.descriptors
    }

    /// Starts the controller, creates the test's namespace, and waits until both members have it.
    ///
    /// # Errors
    ///
    /// If that does not come about.
    pub async fn begin(&self) -> Result<()> {
        self.begin_with(Setup::default()).await
    }

    /// The same with another controller than the usual one.
    ///
    /// # Errors
    ///
    /// If that does not come about.
    pub async fn begin_with(&self, setup: Setup) -> Result<()> {
        self.start(setup).await?;
        self.federate_namespace(&self.namespace, &MEMBERS).await
    }

    /// Starts a controller.
    ///
    /// # Errors
    ///
    /// If no client of the host can be made.
    pub async fn start(&self, setup: Setup) -> Result<()> {
        self.start_with(manager(), setup).await
    }

    /// Starts a controller that links other types.
    ///
    /// # Errors
    ///
    /// If no client of the host can be made.
    pub async fn start_with(&self, manager: Manager, setup: Setup) -> Result<()> {
        let controller = self.another_controller(manager, setup).await?;
        *self.controller.write().await = Some(controller);
        Ok(())
    }

    /// A controller beside the one of the test.
    ///
    /// # Errors
    ///
    /// If no client of the host can be made.
    pub async fn another_controller(&self, manager: Manager, setup: Setup) -> Result<Controller> {
        let config = self.planes.host_config().await?;
        let token = &self.planes.host_token;
        Controller::start(manager, &config, token, &self.host_wire, self.member_wires.clone(), setup)
    }

    /// The manager of all types, as [`start`](Self::start) runs it.
    #[must_use]
    pub fn manager(&self) -> Manager {
        manager()
    }

    /// Ends the controller in an orderly way.
    ///
    /// # Errors
    ///
    /// If there is none, or it does not end.
    pub async fn stop(&self) -> Result<()> {
        let controller = self.controller.write().await.take();
        controller.context("no controller runs")?.stop().await
    }

    /// Kills the controller.
    ///
    /// # Errors
    ///
    /// If there is none, or it does not end.
    pub async fn crash(&self) -> Result<()> {
        let controller = self.controller.write().await.take();
        controller.context("no controller runs")?.crash().await
    }

    /// The controller.
    ///
    /// # Panics
    ///
    /// If none runs.
    pub async fn controller(&self) -> RwLockReadGuard<'_, Controller> {
        RwLockReadGuard::map(self.controller.read().await, |controller| match controller {
            Some(controller) => controller,
            None => panic!("no controller runs"),
        })
    }

    /// What all control planes were asked until now.
    pub async fn counts(&self) -> Counts {
        let planes = std::iter::once(&self.host).chain(&self.members);
        let counts = planes.map(|plane| async { (plane.name().to_owned(), plane.counts().await) });
        Counts(join_all(counts).await.into_iter().collect())
    }

    /// What one plane was asked since `before`.
    pub async fn counted(&self, before: &Counts, plane: &str) -> RequestCounts {
        let now = if plane == self.host.name() {
            self.host.counts().await
        } else {
            self.member(plane).counts().await
        };
        now.minus(before.of(plane))
    }

    /// Creates a namespace on the host, federates it, and waits until the members have it with all that a control plane
    /// puts into a new namespace by itself.
    ///
    /// # Errors
    ///
    /// If that does not come about.
    pub async fn federate_namespace(&self, namespace: &str, members: &[&str]) -> Result<()> {
        self.federate_namespace_in(namespace, members, members).await?;
        self.wait_propagated("Namespace", namespace).await
    }

    /// The same, but waits for some of the members only.
    ///
    /// # Errors
    ///
    /// If that does not come about.
    pub async fn federate_namespace_in(
        &self,
        namespace: &str,
        waited_for: &[&str],
        members: &[&str],
    ) -> Result<()> {
        self.create_namespace(namespace).await?;
        let spec = json!({"template": {}, "placement": placement(members)});
        self.create_in(namespace, "Namespace", namespace, &spec).await?;
        for member in waited_for {
            self.wait_member(member, "Namespace", namespace, &json!({"status": {"phase": "Active"}})).await?;
            self.wait_furnished(member, namespace).await?;
        }
        Ok(())
    }

    /// Lets the host join as a member of itself.
    ///
    /// # Errors
    ///
    /// If it cannot.
    pub async fn join_host(&self) -> Result<()> {
        self.planes.join(&*self.planes.host).await
    }

    /// Lets the first member serve Gadgets again.
    ///
    /// # Errors
    ///
    /// If the kind cannot be installed.
    pub async fn serve_gadgets(&self) -> Result<()> {
        self.planes.serve_gadgets().await
    }

    /// Lets all members join again.
    ///
    /// # Errors
    ///
    /// If one cannot.
    pub async fn join_members(&self) -> Result<()> {
        self.planes.join_members().await
    }

    /// Creates a namespace on the host only.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub async fn create_namespace(&self, namespace: &str) -> Result<()> {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        self.host.objects(&self.descriptor("Namespace").target, None).post(&object).await?.ok()?;
        Ok(())
    }

    /// Creates a namespace in a member, as somebody there would, and waits until it is furnished.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub async fn create_member_namespace(&self, member: &str, namespace: &str) -> Result<()> {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        let namespaces = self.member(member).objects(&self.descriptor("Namespace").target, None);
        namespaces.post(&object).await?.ok()?;
        self.wait_furnished(member, namespace).await
    }

    /// Waits until a namespace of a member has what every namespace there has: no controller of the member's will write
    /// to it by itself any more.
    async fn wait_furnished(&self, member: &str, namespace: &str) -> Result<()> {
        let cluster = self.member(member);
        for (kind, name) in [("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")] {
            let resource = &self.descriptor(kind).target;
            if cluster.objects(resource, Some("default")).get(name).await?.is_none() {
                continue;
            }
            let objects = cluster.objects(resource, Some(namespace));
            wait_until(format!("{kind} {name} in {namespace} of {member}"), async || {
                let found = objects.get(name).await.map_err(|error| error.to_string())?;
                found.map(|_| ()).ok_or_else(|| "it is not there".to_owned())
            })
            .await?;
        }
        Ok(())
    }

    /// Where the federated object of a target lives.
    fn federated_namespace<'a>(&'a self, descriptor: &TypeDescriptor, name: &'a str) -> Option<&'a str> {
        if descriptor.is_namespaces() {
            return Some(name);
        }
        descriptor.is_federated_namespaced().then_some(&*self.namespace)
    }

    /// Where the object lives in members.
    fn target_namespace(&self, descriptor: &TypeDescriptor) -> Option<&str> {
        descriptor.target.is_namespaced().then_some(&*self.namespace)
    }
}

/// A placement on members by name.
#[must_use]
pub fn placement(members: &[&str]) -> Value {
    let clusters: Vec<Value> = members.iter().map(|member| json!({ "name": member })).collect();
    json!({ "clusters": clusters })
}

/// What a status says of one member; null if nothing.
#[must_use]
pub fn cluster_status(federated: &Value, member: &str) -> Value {
    let entries = federated["status"]["clusters"].as_array();
    let entry = entries.into_iter().flatten().find(|entry| entry["name"] == member);
    entry.cloned().unwrap_or_default()
}

/// A name that nothing else in this process has.
fn fresh_name() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("e2e-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
