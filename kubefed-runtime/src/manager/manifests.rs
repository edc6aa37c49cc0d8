//! The `manifests` subcommand: all that the host needs for the linked types, for `kubectl apply --server-side -f -`.

use kubefed_core::schema::{crd, rbac};
use serde_json::{Value, json};

use super::{Manager, ManagerError};

impl Manager {
    /// What the host needs, in the order in which it can be applied: the namespace, the CRDs of KubeFed's own kinds and
    /// of the linked types, their FederatedTypeConfigs, and the rights of the controller.
    ///
    /// # Errors
    ///
    /// If two linked types have one name.
    pub fn manifests(&self, namespace: &str) -> Result<Vec<Value>, ManagerError> {
        self.check()?;
        let mut documents = self.crds();
        documents
            .insert(0, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
        documents.extend(self.type_configs(namespace));
        documents.extend(rbac::host_manifests(&self.descriptors(), namespace));
        Ok(documents)
    }

    /// The CRDs of KubeFed's own kinds and of the linked types.
    #[must_use]
    pub fn crds(&self) -> Vec<Value> {
        crd::core_crds().into_iter().chain(self.types.iter().map(|linked| (linked.crd)())).collect()
    }

    /// The FederatedTypeConfigs of the linked types.
    #[must_use]
    pub fn type_configs(&self, namespace: &str) -> Vec<Value> {
        let config = |linked: &super::LinkedType| serde_json::to_value((linked.type_config)(namespace));
        self.types.iter().filter_map(|linked| config(linked).ok()).collect()
    }
}

/// The documents as one YAML stream.
pub(super) fn to_yaml(documents: &[Value]) -> Result<String, serde_saphyr::ser::Error> {
    let mut text = String::new();
    for document in documents {
        text.push_str("---\n");
        text.push_str(&serde_saphyr::to_string(document)?);
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    Ok(text)
}
