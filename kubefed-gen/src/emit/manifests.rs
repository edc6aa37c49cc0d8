//! The Kubernetes manifests: CRDs, FederatedTypeConfigs and rights.

use kubefed_core::{
    api::TypeDescriptor,
    schema::{
        crd::{CrdShape, FederatedCrd, core_crds, federated_crd},
        rbac, type_config,
    },
};
use serde_json::Value;

use super::{Files, header::header};
use crate::{
    Error,
    config::Config,
    model::Document,
    plan::{Plan, PlannedKind},
    text,
};

/// Name of the controller's ClusterRole in a member, as the manifests give it.
const MEMBER_ROLE: &str = "kubefed-member";

pub(super) fn emit(config: &Config, plan: &Plan, files: &mut Files) -> Result<(), Error> {
    for crd in core_crds() {
        let path = format!("deploy/crds/core/{}.yaml", name_of(&crd));
        insert(files, path, config, None, &[crd])?;
    }
    for kind in &plan.kinds {
        let crd = typed_crd(kind);
        let source = Some(kind.model.source.as_ref());
        insert(files, format!("deploy/crds/typed/{}.yaml", name_of(&crd)), config, source, &[crd])?;

        let type_config =
            type_config::type_config(kind.model.target(), kind.federated.clone(), config.namespace());
        let path = format!("deploy/federatedtypeconfigs/{}.yaml", kind.model.qualified_plural());
        let type_config = serde_json::to_value(type_config)
            .map_err(|error| Error::Render { path: path.clone(), message: error.to_string() })?;
        insert(files, path, config, source, &[type_config])?;
    }
    let types: Vec<TypeDescriptor> = plan.kinds.iter().map(PlannedKind::descriptor).collect();
    let host = rbac::host_manifests(&types, config.namespace());
    insert(files, "deploy/rbac/host.yaml".to_owned(), config, None, &host)?;
    let member = [rbac::member_role(&types, MEMBER_ROLE)];
    insert(files, "deploy/rbac/member.yaml".to_owned(), config, None, &member)
}

fn typed_crd(kind: &PlannedKind) -> Value {
    federated_crd(&FederatedCrd {
        federated: &kind.federated,
        short_names: kind.short_names.clone(),
        template_schema: &kind.template_schema,
        has_replicas: kind.replicas.is_some(),
        shape: CrdShape::Typed,
    })
}

fn name_of(object: &Value) -> &str {
    object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

fn insert(
    files: &mut Files,
    path: String,
    config: &Config,
    source: Option<&Document>,
    objects: &[Value],
) -> Result<(), Error> {
    let mut content = header("#", config, source);
    for object in objects {
        content.push_str("---\n");
        let yaml = text::yaml(object).map_err(|message| Error::Render { path: path.clone(), message })?;
        content.push_str(&yaml);
    }
    files.insert(path, content);
    Ok(())
}
