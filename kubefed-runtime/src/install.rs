//! Puts objects that exist as JSON into a cluster, and waits until CRDs are served.

use std::time::Duration;

use kube::{
    Api, Client,
    api::{DynamicObject, Patch, PatchParams},
    core::{ApiResource, GroupVersionKind},
};
use kubefed_core::api::names;
use serde_json::Value;
use thiserror::Error;

/// How long a CRD may take until it is served, and how often it is looked at.
const ESTABLISHED_WAIT: Duration = Duration::from_secs(30);
const ESTABLISHED_POLL: Duration = Duration::from_millis(50);

/// Why an object could not be put into a cluster.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The object lacks what names it.
    #[error("an object without `{0}` cannot be applied")]
    Unnamed(&'static str),
    /// The request failed.
    #[error("applying {kind} {name}: {source}")]
    Apply {
        /// Kind of the object.
        kind: String,
        /// Name of the object.
        name: String,
        /// Why it failed.
        source: Box<kube::Error>,
    },
    /// A CRD is not served.
    #[error("the CustomResourceDefinition {name} is not established after {ESTABLISHED_WAIT:?}: {state}")]
    NotEstablished {
        /// Name of the CRD.
        name: String,
        /// Its last status.
        state: String,
    },
}

/// Applies objects in the order given, with server-side apply in the name of `kubefed`. Before the first object that is no
/// CRD and follows some, and at the end, waits until those CRDs are served, so that objects of their kinds may follow.
///
/// # Errors
///
/// At the first object that is refused, or that is a CRD and not served in time. Those before it are there.
pub async fn install(client: &Client, objects: &[Value]) -> Result<(), InstallError> {
    let mut definitions = Vec::new();
    for object in objects {
        if object["kind"] == "CustomResourceDefinition" {
            definitions.push(object);
        } else {
            establish(client, &mut definitions).await?;
        }
        apply(client, object).await?;
    }
    establish(client, &mut definitions).await
}

async fn establish(client: &Client, definitions: &mut Vec<&Value>) -> Result<(), InstallError> {
    for definition in definitions.drain(..) {
        wait_until_established(client, definition).await?;
    }
    Ok(())
}

/// Applies one object; answers it as it is then.
pub(crate) async fn apply(client: &Client, object: &Value) -> Result<DynamicObject, InstallError> {
    let name = text(object, "/metadata/name")?;
    let api = api_of(client, object)?;
    let parameters = PatchParams::apply(names::FIELD_MANAGER).force();
    api.patch(name, &parameters, &Patch::Apply(object)).await.map_err(|source| InstallError::Apply {
        kind: object["kind"].as_str().unwrap_or_default().to_owned(),
        name: name.to_owned(),
        source: Box::new(source),
    })
}

/// The API for an object that is known as JSON. The plural is guessed from the kind, which is right for all kinds of
/// Kubernetes and of ours.
pub(crate) fn api_of(client: &Client, object: &Value) -> Result<Api<DynamicObject>, InstallError> {
    let api_version = text(object, "/apiVersion")?;
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, text(object, "/kind")?));
    Ok(match object.pointer("/metadata/namespace").and_then(Value::as_str) {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    })
}

fn text<'a>(object: &'a Value, pointer: &'static str) -> Result<&'a str, InstallError> {
    object.pointer(pointer).and_then(Value::as_str).ok_or(InstallError::Unnamed(pointer))
}

async fn wait_until_established(client: &Client, crd: &Value) -> Result<(), InstallError> {
    let name = text(crd, "/metadata/name")?;
    let api = api_of(client, crd)?;
    let mut state = String::new();
    let established = async {
        loop {
            match api.get(name).await {
                Ok(found) => {
                    let conditions = found.data.pointer("/status/conditions").and_then(Value::as_array);
                    let is_established = |condition: &Value| {
                        condition["type"] == "Established" && condition["status"] == "True"
                    };
                    if conditions.is_some_and(|conditions| conditions.iter().any(is_established)) {
                        return;
                    }
                    state = found.data["status"].to_string();
                }
                Err(error) => state = error.to_string(),
            }
            tokio::time::sleep(ESTABLISHED_POLL).await;
        }
    };
    let in_time = tokio::time::timeout(ESTABLISHED_WAIT, established).await;
    in_time.map_err(|_| InstallError::NotEstablished { name: name.to_owned(), state })
}
