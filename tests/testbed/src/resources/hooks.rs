//! What follows from a write at once: a definition serves its kinds, or no longer does.

use bytes::Bytes;
use serde_json::Value;

use super::{Resources, Target};
use crate::builtin;
use crate::registry::ResourceKind;
use crate::store::GroupResource;

impl Resources {
    /// Follows a create or update that was stored.
    pub(super) fn after_write(&self, target: &Target<'_>, json: &Bytes) {
        if builtin::is_definition(target.kind) {
            let definition: Value = serde_json::from_slice(json).unwrap_or_default();
            if let Err(error) = self.registry.install(&definition) {
                // Validation parsed the same schemas before.
                tracing::error!(%error, name = target.name, "a stored definition cannot be served");
            }
        }
    }

    /// Follows a removal.
    pub(super) fn after_removal(&self, kind: &ResourceKind, object: &Value) {
        if builtin::is_definition(kind) {
            let spec = &object["spec"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let resource = GroupResource::new(&text(&spec["group"]), &text(&spec["names"]["plural"]));
            self.registry.uninstall(&resource);
            self.store.withdraw(&resource);
        }
    }
}
