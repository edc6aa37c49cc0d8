//! What requests do to objects: create, read, update, patch, apply, delete, as kube-apiserver's generic registry and
//! its strategies do it. No HTTP in here; the controllers of the control plane use it as well.

mod convert;
mod create;
mod decode;
mod delete;
mod finish;
mod hooks;
pub(crate) mod meta;
mod names;
mod patch;
mod scale;
mod strategic;
mod update;
mod write;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

pub(crate) use convert::present;
pub(crate) use delete::{DeleteOptions, FOREGROUND, ORPHAN, Propagation};
pub(crate) use names::is_label_value;
pub(crate) use patch::PatchType;
pub(crate) use write::{FieldValidation, Outcome, Target, WriteOptions};

use crate::clock::{Clock, Random};
use crate::error::{ApiError, ApiResult};
use crate::registry::{Registry, ResourceKind};
use crate::store::{GroupResource, ObjectKey, Record, Store};

/// The objects of one control plane and the rules for changing them.
#[derive(Debug)]
pub(crate) struct Resources {
    pub(crate) store: Arc<Store>,
    pub(crate) registry: Registry,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

impl Resources {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self {
            store: Store::new(),
            registry: Registry::default(),
            clock: Clock::new(),
            random: Random::new(seed),
        }
    }

    /// One stored object.
    pub(crate) fn record(&self, kind: &ResourceKind, namespace: &str, name: &str) -> ApiResult<Arc<Record>> {
        let key = ObjectKey::new(namespace, name);
        self.store.get(&kind.storage, &key).ok_or_else(|| ApiError::not_found(kind, name))
    }

    /// One object in the version that was asked for.
    pub(crate) fn get(&self, kind: &ResourceKind, namespace: &str, name: &str) -> ApiResult<Bytes> {
        Ok(present(kind, &self.record(kind, namespace, name)?.json))
    }

    /// An object of a built-in resource, whatever its version; for the control plane's own use.
    pub(crate) fn peek(&self, group: &str, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let resource = GroupResource::new(group, resource);
        self.store.get(&resource, &ObjectKey::new(namespace, name)).map(|record| record.value())
    }
}
