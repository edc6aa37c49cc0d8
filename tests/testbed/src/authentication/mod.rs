//! Who a request is from: static tokens and the tokens of ServiceAccounts. What they may do is not asked yet.

mod certificates;
mod tokens;

pub(crate) use certificates::{CertificateError, Certificates};
pub(crate) use tokens::{ACCOUNT_ANNOTATION, SECRET_TYPE, ServiceAccountTokens, UID_ANNOTATION};

use crate::error::{ApiError, ApiResult};
use crate::resources::Resources;

/// A user that a request is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
}

impl Identity {
    /// The administrator.
    pub(crate) fn admin(name: &str) -> Self {
        Self {
            user: name.to_owned(),
            groups: vec!["system:masters".to_owned(), "system:authenticated".to_owned()],
        }
    }

    fn service_account(namespace: &str, name: &str) -> Self {
        Self {
            user: format!("system:serviceaccount:{namespace}:{name}"),
            groups: vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".to_owned(),
            ],
        }
    }
}

/// Knows the tokens of a control plane.
#[derive(Debug)]
pub(crate) struct Authenticator {
    pub(crate) admin_token: String,
    pub(crate) service_accounts: ServiceAccountTokens,
}

impl Authenticator {
    /// The user behind an `Authorization` header.
    pub(crate) fn authenticate(&self, resources: &Resources, header: &str) -> ApiResult<Identity> {
        let token = header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("bearer "));
        let token = token.ok_or_else(ApiError::unauthorized)?.trim();
        if token == self.admin_token {
            return Ok(Identity::admin("kubernetes-admin"));
        }
        self.service_accounts.authenticate(resources, token).ok_or_else(ApiError::unauthorized)
    }
}
