//! Tokens of ServiceAccounts, kept in secrets of type `kubernetes.io/service-account-token`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::Identity;
use crate::resources::{Resources, meta};

/// The type of secrets that the token controller fills.
pub(crate) const SECRET_TYPE: &str = "kubernetes.io/service-account-token";
/// Names the ServiceAccount that a secret belongs to.
pub(crate) const ACCOUNT_ANNOTATION: &str = "kubernetes.io/service-account.name";
/// The uid of that ServiceAccount.
pub(crate) const UID_ANNOTATION: &str = "kubernetes.io/service-account.uid";

/// Makes and checks tokens.
///
/// A token looks like the JSON Web Token of a real server, so that what reads its claims works. It is not signed: it
/// counts as long as the secret that its claims name holds exactly this token and belongs to a living ServiceAccount.
#[derive(Debug, Default)]
pub(crate) struct ServiceAccountTokens;

impl ServiceAccountTokens {
    pub(crate) fn issue(
        &self,
        resources: &Resources,
        namespace: &str,
        secret: &str,
        account: &str,
        uid: &str,
    ) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({"alg": "RS256", "kid": "embedded"});
        let claims = json!({
            "iss": "kubernetes/serviceaccount",
            "kubernetes.io/serviceaccount/namespace": namespace,
            "kubernetes.io/serviceaccount/secret.name": secret,
            "kubernetes.io/serviceaccount/service-account.name": account,
            "kubernetes.io/serviceaccount/service-account.uid": uid,
            "sub": format!("system:serviceaccount:{namespace}:{account}"),
        });
        let signature: Vec<u8> = (0..4).flat_map(|_| resources.random.next().to_be_bytes()).collect();
        format!("{}.{}.{}", encode(&header), encode(&claims), URL_SAFE_NO_PAD.encode(signature))
    }

    pub(crate) fn authenticate(&self, resources: &Resources, token: &str) -> Option<Identity> {
        let claims = token.split('.').nth(1)?;
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let claim = |name: &str| claims[format!("kubernetes.io/serviceaccount/{name}")].as_str();
        let namespace = claim("namespace")?;
        let secret = resources.peek("", "secrets", namespace, claim("secret.name")?)?;
        let account_name = claim("service-account.name")?;
        let account = resources.peek("", "serviceaccounts", namespace, account_name)?;
        let holds = secret["data"]["token"].as_str() == Some(STANDARD.encode(token).as_str());
        let same_account = claim("service-account.uid") == Some(meta::text(&account, "uid"));
        (holds && same_account && !meta::is_being_deleted(&secret) && !meta::is_being_deleted(&account))
            .then(|| Identity::service_account(namespace, account_name))
    }
}
