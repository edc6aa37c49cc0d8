//! A host and two members to run against: embedded ones, or real kube-apiservers.

use anyhow::{Context, Result};
use kubefed_testbed::{ControlPlane, EmbeddedControlPlane};

pub(crate) const MEMBERS: [&str; 2] = ["member1", "member2"];
pub(crate) const HOST: &str = "host";

/// Three control planes. They end when this is dropped.
pub(crate) enum Planes {
    /// In this process.
    Embedded(Vec<EmbeddedControlPlane>),
    /// Processes of their own.
    Kubernetes(kubefed_kubernetes::ControlPlanes),
}

impl Planes {
    /// Starts them.
    pub(crate) async fn start(kubernetes: bool) -> Result<Self> {
        let names = [HOST, MEMBERS[0], MEMBERS[1]];
        if kubernetes {
            return Ok(Self::Kubernetes(kubefed_kubernetes::ControlPlanes::start(&names).await?));
        }
        let mut planes = Vec::new();
        for name in names {
            planes.push(EmbeddedControlPlane::start(name).await?);
        }
        Ok(Self::Embedded(planes))
    }

    /// All three, the host first.
    pub(crate) fn all(&self) -> Vec<&dyn ControlPlane> {
        match self {
            Self::Embedded(planes) => planes.iter().map(|plane| plane as &dyn ControlPlane).collect(),
            Self::Kubernetes(planes) => {
                planes.planes().iter().map(|plane| &**plane as &dyn ControlPlane).collect()
            }
        }
    }

    /// The host.
    pub(crate) fn host(&self) -> &dyn ControlPlane {
        self.all()[0]
    }

    /// The one of this name.
    pub(crate) fn named(&self, name: &str) -> Result<&dyn ControlPlane> {
        let plane = self.all().into_iter().find(|plane| plane.name() == name);
        plane.with_context(|| format!("there is no control plane {name}"))
    }

    /// The members, in the order of [`MEMBERS`].
    pub(crate) fn members(&self) -> Vec<&dyn ControlPlane> {
        self.all().split_off(1)
    }
}
