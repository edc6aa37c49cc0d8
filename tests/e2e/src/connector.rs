//! The way of the suite's controllers to members: as [`HttpsConnector`](kubefed_runtime::cluster::HttpsConnector), but
//! over a [`Wire`].

use std::{collections::BTreeMap, sync::Arc};

use kube::ResourceExt;
use kubefed_runtime::{
    api::KubeFedCluster,
    cluster::{ClientError, Clients, Connector, connect, member_config},
};

use crate::Wire;

/// Reaches members over wires with switchable faults.
pub struct FaultyConnector {
    wires: BTreeMap<String, Arc<Wire>>,
}

impl FaultyConnector {
    /// Reaches each member over the wire of its name; a member without one is reached directly.
    #[must_use]
    pub fn new(wires: impl IntoIterator<Item = Arc<Wire>>) -> Self {
        Self { wires: wires.into_iter().map(|wire| (wire.name().to_owned(), wire)).collect() }
    }
}

impl Connector for FaultyConnector {
    fn connect(&self, cluster: &KubeFedCluster, token: &str) -> Result<Clients, ClientError> {
        let config = member_config(cluster, token)?;
        let wire = self.wires.get(&cluster.name_any()).cloned();
        let token = token.to_owned();
        Clients::new(move || {
            let client = connect(&config)?;
            Ok(wire.as_ref().map_or_else(|| client.clone(), |wire| wire.wrap(client.clone(), &token)))
        })
    }
}
