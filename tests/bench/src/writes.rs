//! Writes as the servers themselves have counted them, sorted by what they are about.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, bail};
use kubefed_testbed::{RequestCounts, RequestKey};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::planes::Planes;

/// Without a write for so long, nothing more is to come.
const QUIET: Duration = Duration::from_millis(1500);
/// How long that may take.
const QUIET_LIMIT: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(250);

/// The counters of all planes at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot(Vec<RequestCounts>);

/// Writes of every sort between two moments, to the host or to all members together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Writes {
    /// To the measured resource and its status: federated ConfigMaps on the host, ConfigMaps in members.
    pub(crate) objects: u64,
    /// Of leases: the controller's own, and those of the API servers.
    pub(crate) leases: u64,
    /// Of the status of `KubeFedCluster`s.
    pub(crate) heartbeats: u64,
    /// Everything else, by verb, resource and answer.
    pub(crate) other: BTreeMap<String, u64>,
}

/// Writes to the host, and to all members together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct AllWrites {
    pub(crate) host: Writes,
    pub(crate) members: Writes,
}

impl Snapshot {
    /// The counters as soon as nobody has written anything for a while, leases and heartbeats aside.
    pub(crate) async fn when_quiet(planes: &Planes) -> Result<Self> {
        let deadline = Instant::now() + QUIET_LIMIT;
        let mut last = Self(planes.request_counts().await);
        let mut since = Instant::now();
        while since.elapsed() < QUIET {
            sleep(PAUSE).await;
            let next = Self(planes.request_counts().await);
            let writes = next.since(&last);
            if writes.host.unsteady() + writes.members.unsteady() > 0 {
                if Instant::now() > deadline {
                    bail!("the control planes do not come to rest: {writes:?}");
                }
                since = Instant::now();
            }
            last = next;
        }
        Ok(last)
    }

    /// What was written since an earlier moment.
    pub(crate) fn since(&self, earlier: &Self) -> AllWrites {
        let mut host = Writes::default();
        let mut members = Writes::default();
        for (index, (now, before)) in self.0.iter().zip(&earlier.0).enumerate() {
            let (writes, group, resource) = match index {
                0 => (&mut host, "types.kubefed.io", "federatedconfigmaps"),
                _ => (&mut members, "", "configmaps"),
            };
            for (key, count) in now.minus(before).writes().iter() {
                writes.add(key, count, group, resource);
            }
        }
        AllWrites { host, members }
    }
}

impl Writes {
    fn add(&mut self, key: &RequestKey, count: u64, group: &str, resource: &str) {
        match (key.group.as_str(), key.resource.as_str()) {
            it if it == (group, resource) => self.objects += count,
            ("coordination.k8s.io", "leases") => self.leases += count,
            ("core.kubefed.io", "kubefedclusters") => self.heartbeats += count,
            _ => *self.other.entry(key.to_string()).or_default() += count,
        }
    }

    /// Writes that tell that something is still going on.
    fn unsteady(&self) -> u64 {
        self.objects + self.others()
    }

    /// How many writes are neither of the measured resource nor leases nor heartbeats.
    pub(crate) fn others(&self) -> u64 {
        self.other.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rows: &[(&str, &str, &str, u64)]) -> RequestCounts {
        let mut counts = RequestCounts::default();
        for (verb, group, resource, value) in rows {
            let key = RequestKey {
                verb: (*verb).to_owned(),
                group: (*group).to_owned(),
                resource: (*resource).to_owned(),
                subresource: String::new(),
                code: 200,
            };
            counts.add(key, *value);
        }
        counts
    }

    #[test]
    fn writes_are_sorted_by_what_they_are_about() {
        let before = Snapshot(vec![RequestCounts::default(), counts(&[("APPLY", "", "configmaps", 7)])]);
        let after = Snapshot(vec![
            counts(&[
                ("POST", "types.kubefed.io", "federatedconfigmaps", 5),
                ("PATCH", "types.kubefed.io", "federatedconfigmaps", 10),
                ("GET", "types.kubefed.io", "federatedconfigmaps", 3),
                ("PUT", "coordination.k8s.io", "leases", 4),
                ("PATCH", "core.kubefed.io", "kubefedclusters", 2),
                ("POST", "", "events", 1),
                ("POST", "", "configmaps", 6),
            ]),
            counts(&[("APPLY", "", "configmaps", 17), ("PUT", "coordination.k8s.io", "leases", 1)]),
        ]);
        let writes = after.since(&before);
        let other = [("POST events 200".to_owned(), 1), ("POST configmaps 200".to_owned(), 6)];
        assert_eq!(writes.host, Writes { objects: 15, leases: 4, heartbeats: 2, other: other.into() });
        assert_eq!(writes.host.others(), 7);
        assert_eq!(writes.members, Writes { objects: 10, leases: 1, ..Writes::default() });
    }
}
