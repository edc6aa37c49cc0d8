//! The scale subresource: a small object of kind Scale that shows and changes the replica count of its parent.

use kubefed_core::schema::structural::FieldError;
use serde_json::{Map, Value, json};

use super::patch::{carry_out, operations};
use super::update::Replaced;
use super::write::{Live, Outcome, Target, WriteOptions};
use super::{PatchType, Resources, meta};
use crate::encode::encode;
use crate::error::{ApiError, ApiResult};
use crate::registry::ResourceKind;

/// Where the numbers are: a definition says it, built-in kinds all use the same places.
fn paths(kind: &ResourceKind) -> (String, String, Option<String>) {
    let custom = kind.custom.as_ref().and_then(|custom| custom.scale.as_ref());
    custom.map_or_else(
        || ("spec.replicas".to_owned(), "status.replicas".to_owned(), Some("spec.selector".to_owned())),
        |scale| (scale.spec.clone(), scale.status.clone(), scale.selector.clone()),
    )
}

fn scale_of(kind: &ResourceKind, parent: &Value) -> Value {
    let (spec_path, status_path, selector_path) = paths(kind);
    let number = |path: &str| meta::at_dotted(parent, path).and_then(Value::as_i64);
    let mut metadata = Map::new();
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        let value = meta::field(parent, field);
        if !value.is_null() {
            metadata.insert(field.to_owned(), value);
        }
    }
    let mut spec = Map::new();
    if let Some(replicas) = number(&spec_path).filter(|replicas| *replicas != 0) {
        spec.insert("replicas".to_owned(), Value::from(replicas));
    }
    let mut status = json!({"replicas": number(&status_path).unwrap_or(0)});
    if let Some(selector) = selector_path.and_then(|path| meta::at_dotted(parent, &path).cloned()) {
        let text = selector.as_str().map_or_else(|| selector_text(&selector), str::to_owned);
        if !text.is_empty() {
            status["selector"] = Value::from(text);
        }
    }
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status})
}

/// A label selector as one line of text.
fn selector_text(selector: &Value) -> String {
    // Replication controllers select by a plain map.
    let labels = selector.get("matchLabels").unwrap_or(selector);
    let mut parts: Vec<String> = labels
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?)))
        .collect();
    for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let key = expression["key"].as_str().unwrap_or_default();
        let values: Vec<&str> =
            expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        parts.push(match expression["operator"].as_str().unwrap_or_default() {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    parts.sort();
    parts.join(",")
}

impl Resources {
    /// GET of the scale.
    pub(crate) fn get_scale(&self, target: &Target<'_>) -> ApiResult<Value> {
        let live = self.live(target).ok_or_else(|| ApiError::not_found(target.kind, target.name))?;
        Ok(scale_of(target.kind, &live.object))
    }

    /// PUT of the scale.
    pub(crate) fn replace_scale(
        &self,
        target: &Target<'_>,
        body: &Value,
        options: &WriteOptions,
    ) -> ApiResult<Outcome> {
        self.change_scale(target, options, |_| Ok(body.clone()))
    }

    /// PATCH of the scale. An apply sets the replica count; its ownership is recorded for the parent's field.
    pub(crate) fn patch_scale(
        &self,
        target: &Target<'_>,
        patch_type: PatchType,
        patch: &Value,
        options: &WriteOptions,
    ) -> ApiResult<Outcome> {
        if patch_type == PatchType::Apply {
            return Err(ApiError::not_implemented("server-side apply of the scale subresource"));
        }
        self.change_scale(target, options, |live| {
            let mut scale = scale_of(target.kind, &live.object);
            if patch_type == PatchType::Json {
                let operations = operations(patch)?;

                carry_out(&operations, &mut scale)?;
            } else {
                // A Scale has no lists: a strategic merge is a plain one.
                json_patch::merge(&mut scale, patch);
            }
            Ok(scale)
        })
    }

    fn change_scale(
        &self,
        target: &Target<'_>,
        options: &WriteOptions,
        change: impl Fn(&Live) -> ApiResult<Value>,
    ) -> ApiResult<Outcome> {
        loop {
            let live = self.live(target).ok_or_else(|| ApiError::not_found(target.kind, target.name))?;
            let scale = change(&live)?;
            let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
            if replicas < 0 {
                let error = FieldError::invalid(
                    "spec.replicas",
                    Value::from(replicas),
                    "must be greater than or equal to 0",
                );
                let mut refusal = ApiError::invalid(target.kind, target.name, &[error]);
                refusal.message =
                    refusal.message.replacen(&target.kind.qualified_kind(), "Scale.autoscaling", 1);
                refusal.details["group"] = Value::from("autoscaling");
                refusal.details["kind"] = Value::from("Scale");
                return Err(refusal);
            }
            let version = meta::text(&scale, "resourceVersion");
            if !version.is_empty() && version != "0" && version != meta::text(&live.object, "resourceVersion")
            {
                return Err(ApiError::modified(target.kind, target.name));
            }
            // A Scale shows no zero: who scales to zero owns nothing.
            let path = paths(target.kind).0;
            let mut parent = live.object.clone();
            meta::put_dotted(&mut parent, &path, (replicas != 0).then(|| Value::from(replicas)));
            let mut parent = self.owned(target, &live, &parent, options);
            meta::put_dotted(&mut parent, &path, Some(Value::from(replicas)));
            if let Replaced::Done(outcome) = self.replace_ready(target, &live, parent, options)? {
                let parent: Value = serde_json::from_slice(&outcome.json).unwrap_or_default();
                return Ok(Outcome { json: encode(&scale_of(target.kind, &parent)).into(), ..outcome });
            }
        }
    }
}
