//! Reviews: requests about requests, which store nothing. Everybody who is known may do everything here, so the answer to
//! what one may do is always yes.

use serde_json::{Value, json};

use super::answer::{self, ApiResponse};
use crate::authentication::{Authenticator, Identity};
use crate::encode::encode;
use crate::error::{ApiError, ApiResult};
use crate::registry::ResourceKind;
use crate::resources::Resources;

/// Whether a resource is such a review.
pub(super) fn is_review(kind: &ResourceKind) -> bool {
    matches!(
        kind.resource.as_str(),
        "selfsubjectaccessreviews"
            | "selfsubjectreviews"
            | "subjectaccessreviews"
            | "localsubjectaccessreviews"
            | "tokenreviews"
    )
}

/// Answers a review.
pub(super) fn review(
    resources: &Resources,
    authenticator: &Authenticator,
    identity: &Identity,
    kind: &ResourceKind,
    mut body: Value,
) -> ApiResult<ApiResponse> {
    let status = match kind.resource.as_str() {
        "selfsubjectreviews" => json!({"userInfo": user_info(identity)}),
        "tokenreviews" => {
            let token = body["spec"]["token"].as_str().unwrap_or_default();
            if token.is_empty() {
                return Err(ApiError::bad_request("token is required for TokenReview in authentication"));
            }
            match authenticator.authenticate(resources, &format!("Bearer {token}")) {
                Ok(user) => json!({"authenticated": true, "user": user_info(&user)}),
                Err(_) => json!({"user": {}, "error": "[invalid bearer token, unknown token]"}),
            }
        }
        _ => json!({"allowed": true}),
    };
    body["apiVersion"] = Value::from(kind.api_version());
    body["kind"] = Value::from(kind.kind.as_str());
    if !body["metadata"].is_object() {
        body["metadata"] = json!({});
    }
    body["status"] = status;
    Ok(answer::json(201, encode(&body)))
}

fn user_info(identity: &Identity) -> Value {
    json!({"username": identity.user, "groups": identity.groups})
}
