//! What is known of a kind, whatever kind of document it was read from.

use std::{collections::BTreeSet, sync::Arc};

use heck::ToSnakeCase;
use kubefed_core::{
    api::{ApiResource, Scope, names},
    schema::normalise::{NormaliseError, NormaliseOptions, template_schema},
};
use serde_json::{Value, json};

/// A document that kinds were read from.
#[derive(Debug)]
pub struct Document {
    /// Its file, relative to the configuration's folder, with `/` between the parts.
    pub file: String,
    /// sha256 of the file, hexadecimal.
    pub sha256: String,
    /// The version that the document says it is of, as `1.36`; empty if it does not say.
    pub version: String,
    /// Its content.
    pub content: Value,
}

/// A kind that an API server serves, and that can be created, changed and deleted.
#[derive(Clone, Debug)]
pub struct KindModel {
    /// API group; empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Plural, as it stands in paths.
    pub plural: String,
    /// Whether objects live in namespaces.
    pub scope: Scope,
    /// Name of the schema in the document, as `io.k8s.api.apps.v1.Deployment`.
    pub definition: String,
    /// Subresources, as `scale` and `status`.
    pub subresources: BTreeSet<String>,
    /// Short names for `kubectl`, as far as they are known.
    pub short_names: Vec<String>,
    /// Where it was read.
    pub source: Arc<Document>,
}

impl KindModel {
    /// The kind as KubeFed's API writes it.
    #[must_use]
    pub fn target(&self) -> ApiResource {
        ApiResource {
            group: self.group.clone(),
            version: self.version.clone(),
            kind: self.kind.clone(),
            plural_name: self.plural.clone(),
            scope: self.scope,
        }
    }

    /// The federated kind (spec 1.8): `Federated` before the kind, `federated` before the plural. A federated
    /// namespace is namespaced, since it lives in the namespace that it stands for.
    #[must_use]
    pub fn federated(&self, group: &str, version: &str) -> ApiResource {
        let is_namespaces = self.group.is_empty() && self.plural == names::NAMESPACES_TYPE_CONFIG;
        ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: format!("Federated{}", self.kind),
            plural_name: format!("federated{}", self.plural),
            scope: if is_namespaces { Scope::Namespaced } else { self.scope },
        }
    }

    /// The structural schema of the template.
    ///
    /// # Errors
    ///
    /// The document's schema is malformed, with the JSON pointer of the place.
    pub fn template_schema(&self, options: NormaliseOptions) -> Result<Value, NormaliseError> {
        let reference = json!({"$ref": format!("#/components/schemas/{}", self.definition)});
        template_schema(&reference, &self.source.content, options)
    }

    /// Kind, group and version for people: `Deployment (apps/v1)`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} ({})", self.kind, names::api_version(&self.group, &self.version))
    }

    /// The plural and, behind a dot, the group where there is one: `deployments.apps`.
    #[must_use]
    pub fn qualified_plural(&self) -> String {
        names::group_qualified(&self.plural, &self.group)
    }

    /// Name of the kind's Rust module and files: `apps_deployment`, `core_config_map`.
    #[must_use]
    pub fn module(&self) -> String {
        let group = if self.group.is_empty() { "core" } else { &self.group };
        format!("{}_{}", group.replace(['.', '-'], "_"), self.kind.to_snake_case())
    }

    /// Path of the kind's type in `k8s-openapi`, which names its modules after the definitions. None for kinds that
    /// are not Kubernetes' own.
    #[must_use]
    pub fn rust_type(&self) -> Option<String> {
        let path = self.definition.strip_prefix("io.k8s.")?;
        let segments: Vec<String> = path.split('.').map(|segment| segment.replace('-', "_")).collect();
        matches!(segments[0].as_str(), "api" | "apiextensions_apiserver" | "kube_aggregator")
            .then(|| format!("k8s_openapi::{}", segments.join("::")))
    }
}

/// How Kubernetes ranks API versions: stable before beta before alpha, and higher numbers first. Compare the results:
/// the greater is the preferred one.
#[must_use]
pub fn version_rank(version: &str) -> (u8, u64, u64) {
    let parse = || {
        let rest = version.strip_prefix('v')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let major: u64 = rest[..digits].parse().ok()?;
        let stage = &rest[digits..];
        if stage.is_empty() {
            return Some((3, major, 0));
        }
        let (rank, minor) = match (stage.strip_prefix("beta"), stage.strip_prefix("alpha")) {
            (Some(minor), _) => (2, minor),
            (_, Some(minor)) => (1, minor),
            _ => return None,
        };
        Some((rank, major, minor.parse().ok()?))
    };
    parse().unwrap_or((0, 0, 0))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&["v1beta1", "v2", "v1", "v1alpha1", "v2beta2", "v10", "foo"],
        &["v10", "v2", "v1", "v2beta2", "v1beta1", "v1alpha1", "foo"])]
    fn versions_are_ranked_as_kubernetes_ranks_them(#[case] versions: &[&str], #[case] expected: &[&str]) {
        let mut ranked = versions.to_vec();
        ranked.sort_by_key(|version| std::cmp::Reverse(version_rank(version)));
        assert_eq!(ranked, expected);
    }

    fn model(group: &str, kind: &str, definition: &str) -> KindModel {
        KindModel {
            group: group.to_owned(),
            version: "v1".to_owned(),
            kind: kind.to_owned(),
            plural: format!("{}s", kind.to_lowercase()),
            scope: Scope::Cluster,
            definition: definition.to_owned(),
            subresources: BTreeSet::new(),
            short_names: Vec::new(),
            source: Arc::new(Document {
                file: String::new(),
                sha256: String::new(),
                version: String::new(),
                content: Value::Null,
            }),
        }
    }

    #[rstest]
    #[case(
        "",
        "ConfigMap",
        "io.k8s.api.core.v1.ConfigMap",
        "core_config_map",
        Some("k8s_openapi::api::core::v1::ConfigMap")
    )]
    #[case(
        "rbac.authorization.k8s.io",
        "ClusterRole",
        "io.k8s.api.rbac.v1.ClusterRole",
        "rbac_authorization_k8s_io_cluster_role",
        Some("k8s_openapi::api::rbac::v1::ClusterRole")
    )]
    #[case(
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
        "apiextensions_k8s_io_custom_resource_definition",
        Some("k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition")
    )]
    #[case("cert-manager.io", "Issuer", "io.cert-manager.v1.Issuer", "cert_manager_io_issuer", None)]
    #[case(
        "gateway.networking.k8s.io",
        "Gateway",
        "io.k8s.networking.gateway.v1.Gateway",
        "gateway_networking_k8s_io_gateway",
        None
    )]
    fn names_in_rust(
        #[case] group: &str,
        #[case] kind: &str,
        #[case] definition: &str,
        #[case] module: &str,
        #[case] rust_type: Option<&str>,
    ) {
        let model = model(group, kind, definition);
        assert_eq!(model.module(), module);
        assert_eq!(model.rust_type().as_deref(), rust_type);
    }

    #[test]
    fn a_federated_namespace_is_namespaced() {
        let federated =
            model("", "Namespace", "io.k8s.api.core.v1.Namespace").federated("types.kubefed.io", "v1beta1");
        assert_eq!(federated.scope, Scope::Namespaced);
        assert_eq!(federated.plural_name, "federatednamespaces");
        let federated = model("", "Node", "io.k8s.api.core.v1.Node").federated("types.kubefed.io", "v1beta1");
        assert_eq!(federated.scope, Scope::Cluster);
    }
}
