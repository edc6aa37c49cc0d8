//! Default ServiceAccounts, the root certificate in every namespace, and tokens in secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Observed, options};
use crate::authentication::{ACCOUNT_ANNOTATION, SECRET_TYPE, ServiceAccountTokens, UID_ANNOTATION};
use crate::resources::{DeleteOptions, PatchType, Resources, Target, meta};
use crate::store::{GroupResource, Selection};

const DEFAULT_ACCOUNT: &str = "default";
const ROOT_CERTIFICATE: &str = "kube-root-ca.crt";

/// Keeps accounts, certificates and tokens in place.
#[derive(Debug)]
pub(super) struct Accounts {
    ca_pem: String,
    tokens: ServiceAccountTokens,
}

impl Accounts {
    pub(super) fn new(ca_pem: String) -> Self {
        Self { ca_pem, tokens: ServiceAccountTokens }
    }

    pub(super) fn observe(&self, resources: &Resources, observed: &Observed<'_>) {
        let removed = observed.event.removed;
        if observed.is("", "namespaces") && !removed {
            if !meta::is_being_deleted(&observed.object()) {
                self.equip(resources, observed.name());
            }
        } else if observed.is("", "serviceaccounts") {
            self.account_changed(resources, observed);
        } else if observed.is("", "configmaps") && removed && observed.name() == ROOT_CERTIFICATE {
            self.equip(resources, observed.namespace());
        } else if observed.is("", "secrets") && !removed {
            let secret = observed.object();
            if secret["type"] == SECRET_TYPE {
                self.fill(resources, &secret);
            }
        }
    }

    /// Creates what every namespace has, where it is missing.
    fn equip(&self, resources: &Resources, namespace: &str) {
        let account =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": DEFAULT_ACCOUNT}});
        let certificate = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": ROOT_CERTIFICATE,
                "annotations": {
                    "kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when \
                        using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage \
                        is guaranteed across distributions of Kubernetes clusters.",
                },
            },
            "data": {"ca.crt": self.ca_pem},
        });
        for (resource, object) in [("serviceaccounts", account), ("configmaps", certificate)] {
            let name = meta::text(&object, "name").to_owned();
            if resources.peek("", resource, namespace, &name).is_some() {
                continue;
            }
            let Some(kind) = resources.registry.find("", "v1", resource) else {
                continue;
            };
            let target = Target { kind: &kind, namespace, name: &name, subresource: None };
            if let Err(error) = resources.create(&target, object, &options()) {
                // The namespace may be going or gone.
                tracing::debug!(namespace, name, message = error.message, "not created");
            }
        }
    }

    fn account_changed(&self, resources: &Resources, observed: &Observed<'_>) {
        let namespace = observed.namespace();
        if observed.event.removed && observed.name() == DEFAULT_ACCOUNT {
            self.equip(resources, namespace);
        }
        let secrets = GroupResource::new("", "secrets");
        let mut selection = Selection::all(Some(namespace));
        selection.fields.push(crate::store::Requirement {
            name: "type".to_owned(),
            operator: crate::store::Operator::In(vec![SECRET_TYPE.to_owned()]),
        });
        for record in
            resources.store.list(&secrets, &selection, 0, None).map(|page| page.records).unwrap_or_default()
        {
            let secret = record.value();
            if meta::field(&secret, "annotations")[ACCOUNT_ANNOTATION] == observed.name() {
                self.fill(resources, &secret);
            }
        }
    }

    /// Puts a token into a secret, or removes the secret where its account is not there.
    fn fill(&self, resources: &Resources, seen: &Value) {
        // What was seen may be older than what is stored: a second token would make the first one invalid.
        let (namespace, name) = (meta::text(seen, "namespace"), meta::text(seen, "name"));
        let Some(secret) = resources.peek("", "secrets", namespace, name) else { return };
        let secret = &secret;
        let annotations = meta::field(secret, "annotations");
        let Some(account_name) = annotations[ACCOUNT_ANNOTATION].as_str() else {
            return;
        };
        let Some(kind) = resources.registry.find("", "v1", "secrets") else {
            return;
        };
        let target = Target { kind: &kind, namespace, name, subresource: None };
        let account = resources.peek("", "serviceaccounts", namespace, account_name);
        let account_uid = account.as_ref().map(|account| meta::text(account, "uid").to_owned());
        let wanted_uid = annotations[UID_ANNOTATION].as_str();
        let Some(uid) = account_uid.filter(|uid| wanted_uid.is_none_or(|wanted| wanted == uid)) else {
            let options =
                DeleteOptions { uid: Some(meta::text(secret, "uid").to_owned()), ..DeleteOptions::default() };
            if let Err(error) = resources.delete(&target, &options) {
                tracing::debug!(namespace, name, message = error.message, "a token's secret was not deleted");
            }
            return;
        };
        let data = &secret["data"];
        let has = |key: &str| data[key].as_str().is_some_and(|value| !value.is_empty());
        if has("token") && has("ca.crt") && has("namespace") && wanted_uid.is_some() {
            return;
        }
        let mut filled = json!({});
        if !has("token") {
            let token = self.tokens.issue(resources, namespace, name, account_name, &uid);
            filled["token"] = Value::from(STANDARD.encode(token));
        }
        filled["ca.crt"] = Value::from(STANDARD.encode(&self.ca_pem));
        filled["namespace"] = Value::from(STANDARD.encode(namespace));
        let patch = json!({
            "metadata": {
                "annotations": {UID_ANNOTATION: uid},
                "resourceVersion": meta::text(secret, "resourceVersion"),
            },
            "data": filled,
        });
        if let Err(error) = resources.patch(&target, PatchType::Merge, &patch, &options()) {
            tracing::debug!(namespace, name, message = error.message, "a token's secret was not filled");
        }
    }
}
