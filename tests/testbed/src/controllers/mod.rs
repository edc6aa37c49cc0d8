//! The controllers that every cluster has: namespaces, garbage collection, clean-up of definitions, default
//! ServiceAccounts, the published root certificate, tokens.
//!
//! One task per plane reads every change in order. What the controllers do are ordinary writes, whose changes come back
//! to them.

mod accounts;
mod definitions;
mod garbage;
mod namespaces;

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use crate::resources::{Resources, WriteOptions};
use crate::store::{Event, GroupResource};

/// Field manager and name of the controllers.
const MANAGER: &str = "kube-controller-manager";

/// One change, with the object parsed when somebody asks for it.
struct Observed<'a> {
    resource: &'a GroupResource,
    event: &'a Event,
}

impl Observed<'_> {
    fn is(&self, group: &str, resource: &str) -> bool {
        self.resource.group == group && self.resource.resource == resource
    }

    fn object(&self) -> Value {
        self.event.record.value()
    }

    fn namespace(&self) -> &str {
        self.event.record.key.namespace()
    }

    fn name(&self) -> &str {
        self.event.record.key.name()
    }
}

/// Every change of a plane, in order.
pub(crate) type Changes = UnboundedReceiver<(GroupResource, Arc<Event>)>;

/// The controllers of one plane.
#[derive(Debug)]
pub(crate) struct Controllers {
    namespaces: namespaces::Namespaces,
    definitions: definitions::Definitions,
    garbage: garbage::GarbageCollector,
    accounts: accounts::Accounts,
}

impl Controllers {
    pub(crate) fn new(ca_pem: String) -> Self {
        Self {
            namespaces: namespaces::Namespaces::default(),
            definitions: definitions::Definitions::default(),
            garbage: garbage::GarbageCollector::default(),
            accounts: accounts::Accounts::new(ca_pem),
        }
    }

    /// Deals with every change up to now, and with those that this causes.
    pub(crate) fn catch_up(&mut self, resources: &Resources, changes: &mut Changes) {
        while let Ok(change) = changes.try_recv() {
            self.observe(resources, &change);
        }
    }

    /// Runs until the token is cancelled.
    pub(crate) async fn run(
        mut self,
        resources: Arc<Resources>,
        mut changes: Changes,
        stop: CancellationToken,
    ) {
        loop {
            let change = tokio::select! {
                () = stop.cancelled() => return,
                change = changes.recv() => change,
            };
            let Some(change) = change else { return };
            self.observe(&resources, &change);
        }
    }

    fn observe(&mut self, resources: &Resources, (resource, event): &(GroupResource, Arc<Event>)) {
        let observed = Observed { resource, event };
        self.namespaces.observe(resources, &observed);
        self.definitions.observe(resources, &observed);
        self.garbage.observe(resources, &observed);
        self.accounts.observe(resources, &observed);
    }
}

fn options() -> WriteOptions {
    WriteOptions::internal(MANAGER)
}
