//! Joining: makes a cluster a member of a control plane (spec 11.4, with the explicit token secret of v0.10).

use std::time::Duration;

use kube::{Client, Config, api::DynamicObject};
use kubefed_core::{
    api::{KubeFedCluster, TypeDescriptor},
    schema::rbac,
};
use serde_json::{Value, json};
use thiserror::Error;

use crate::install::{self, InstallError};

/// How often and how long the token of a new service account is waited for.
const TOKEN_POLL: Duration = Duration::from_millis(100);
const TOKEN_WAIT: Duration = Duration::from_secs(30);

/// What a joining cluster is called, and what the control plane may do there.
#[derive(Clone, Debug)]
pub struct JoinOptions {
    /// Name of the member: of its `KubeFedCluster`.
    pub cluster: String,
    /// Name of the host, as it becomes part of the service account's name.
    pub host: String,
    /// Namespace of the control plane, on the host and in the member.
    pub namespace: String,
    /// Labels of the `KubeFedCluster`.
    pub labels: Vec<(String, String)>,
    /// What the control plane may do in the member.
    pub rights: MemberRights,
}

/// What the control plane may do in a member.
#[derive(Clone, Debug)]
pub enum MemberRights {
    /// Exactly what the given types need.
    Types(Vec<TypeDescriptor>),
    /// Everything, as KubeFed's own `join` grants it.
    Everything,
}

/// Why a cluster could not join.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// An object could not be put into one of the two clusters.
    #[error("in the {place}: {source}")]
    Install {
        /// `host` or `joining cluster`.
        place: &'static str,
        /// What failed, and why.
        source: InstallError,
    },
    /// An object could not be read.
    #[error("reading {what}: {source}")]
    Read {
        /// The object.
        what: String,
        /// Why it failed.
        source: Box<kube::Error>,
    },
    /// The token controller did not fill the secret.
    #[error(
        "secret {0} of the joining cluster has no token after {TOKEN_WAIT:?}; does its token controller run?"
    )]
    NoToken(String),
}

/// Makes the cluster behind `member` a member of the control plane behind `host`. What is already there is brought in
/// line, so that joining twice does no harm. `config` tells how the member is reached, now and by the controller.
///
/// # Errors
///
/// If a request to either cluster fails, or if the member does not give out a token.
pub async fn join(
    host: &Client,
    member: &Client,
    config: &Config,
    options: &JoinOptions,
) -> Result<KubeFedCluster, JoinError> {
    let account = format!("{}-{}", options.cluster, options.host);
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": options.namespace}});
    let joining = Place { client: member, name: "joining cluster" };
    joining.apply(&namespace).await?;
    let token_secret = token_secret(options, &account);
    joining.apply(&token_secret.account).await?;
    joining.apply(&token_secret.secret).await?;
    for object in rights(options, &account) {
        joining.apply(&object).await?;
    }
    let token = joining.token(&token_secret.secret).await?;

    let host = Place { client: host, name: "host" };
    host.apply(&namespace).await?;
    let secret_name = format!("{}-token", options.cluster);
    host.apply(&json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret_name, "namespace": options.namespace},
        "data": {"token": token},
    }))
    .await?;
    let cluster = host.apply(&cluster_object(config, options, &secret_name)).await?;
    let cluster = serde_json::to_value(cluster).and_then(serde_json::from_value);
    cluster.map_err(|error| JoinError::Read {
        what: format!("KubeFedCluster {}", options.cluster),
        source: Box::new(kube::Error::SerdeError(error)),
    })
}

/// The account of the control plane in a member, and the secret that its token is asked for with.
struct Account {
    account: Value,
    secret: Value,
}

fn token_secret(options: &JoinOptions, account: &str) -> Account {
    let namespace = &options.namespace;
    Account {
        account: json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": account, "namespace": namespace},
            "automountServiceAccountToken": false,
        }),
        secret: json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": account,
                "namespace": namespace,
                "annotations": {"kubernetes.io/service-account.name": account},
            },
            "type": "kubernetes.io/service-account-token",
        }),
    }
}

/// What the account may do, and that it may.
fn rights(options: &JoinOptions, account: &str) -> [Value; 2] {
    let role = format!("kubefed-controller-manager:{account}");
    let cluster_role = match &options.rights {
        MemberRights::Types(types) => rbac::member_role(types, &role),
        MemberRights::Everything => json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": role},
            "rules": [
                {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
                {"nonResourceURLs": ["*"], "verbs": ["get"]},
            ],
        }),
    };
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": options.namespace}],
    });
    [cluster_role, binding]
}

fn cluster_object(config: &Config, options: &JoinOptions, secret_name: &str) -> Value {
    let mut spec = json!({
        "apiEndpoint": config.cluster_url.to_string().trim_end_matches('/'),
        "secretRef": {"name": secret_name},
    });
    if let Some(certificates) = &config.root_cert {
        spec["caBundle"] = json!(k8s_openapi::ByteString(pem(certificates).into_bytes()));
    }
    if config.accept_invalid_certs {
        spec["disabledTLSValidations"] = json!(["*"]);
    }
    if let Some(proxy) = &config.proxy_url {
        spec["proxyURL"] = json!(proxy.to_string());
    }
    let labels: serde_json::Map<String, Value> =
        options.labels.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "apiVersion": "core.kubefed.io/v1beta1",
        "kind": "KubeFedCluster",
        "metadata": {"name": options.cluster, "namespace": options.namespace, "labels": labels},
        "spec": spec,
    })
}

fn pem(certificates: &[Vec<u8>]) -> String {
    let mut text = String::new();
    for certificate in certificates {
        // `ByteString` is base64 on the wire, which is just what PEM holds.
        let encoded = json!(k8s_openapi::ByteString(certificate.clone()));
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for (index, letter) in encoded.as_str().unwrap_or_default().chars().enumerate() {
            if index > 0 && index % 64 == 0 {
                text.push('\n');
            }
            text.push(letter);
        }
        text.push_str("\n-----END CERTIFICATE-----\n");
    }
    text
}

/// One of the two clusters of a join.
struct Place<'a> {
    client: &'a Client,
    name: &'static str,
}

impl Place<'_> {
    /// Server-side apply; answers the object as it is then.
    async fn apply(&self, object: &Value) -> Result<DynamicObject, JoinError> {
        let applied = install::apply(self.client, object).await;
        applied.map_err(|source| JoinError::Install { place: self.name, source })
    }

    /// The token in the secret of a service account, base64, as soon as it is there.
    async fn token(&self, secret: &Value) -> Result<String, JoinError> {
        let failed = |source| JoinError::Install { place: self.name, source };
        let api = install::api_of(self.client, secret).map_err(failed)?;
        let name = secret["metadata"]["name"].as_str().unwrap_or_default();
        let read = async {
            loop {
                let found = api.get(name).await.map_err(|source| JoinError::Read {
                    what: format!("Secret {name} of the {}", self.name),
                    source: Box::new(source),
                })?;
                if let Some(token) = found.data.pointer("/data/token").and_then(Value::as_str) {
                    return Ok(token.to_owned());
                }
                tokio::time::sleep(TOKEN_POLL).await;
            }
        };
        let in_time = tokio::time::timeout(TOKEN_WAIT, read).await;
        in_time.unwrap_or_else(|_| Err(JoinError::NoToken(name.to_owned())))
    }
}
