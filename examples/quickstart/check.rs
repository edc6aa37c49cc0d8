//! Looks at an object by a plain client, and tells how it differs from what it shall be.

use std::time::Duration;

use anyhow::{Result, bail};
use kube::{
    Api, Client,
    api::DynamicObject,
    core::{ApiResource, GroupVersionKind},
};
use serde_json::{Value, json};

/// How long a member may take to hold what it shall.
const PATIENCE: Duration = Duration::from_secs(30);

/// An object that a cluster must hold, or must not.
pub(crate) struct Expected {
    /// The object's title in the table.
    pub(crate) title: &'static str,
    pub(crate) cluster: &'static str,
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) namespace: Option<&'static str>,
    pub(crate) name: &'static str,
    /// JSON pointers and what must be found there, where null stands for nothing. `None` means that the object must not
    /// exist.
    pub(crate) values: Option<Vec<(&'static str, Value)>>,
}

impl Expected {
    /// Waits until a plain client sees it so.
    pub(crate) async fn wait(&self, client: &Client) -> Result<()> {
        let mut difference = String::from("it was not looked at");
        let agreement = async {
            loop {
                match self.difference(client).await {
                    None => return,
                    Some(found) => difference = found,
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, agreement).await.is_err() {
            bail!(self.problem(&difference));
        }
        Ok(())
    }

    /// Looks once: it must be so already.
    pub(crate) async fn look(&self, client: &Client) -> Result<()> {
        match self.difference(client).await {
            None => Ok(()),
            Some(difference) => bail!(self.problem(&difference)),
        }
    }

    fn problem(&self, difference: &str) -> String {
        format!("{} {} on {} is not as it shall be: {difference}", self.kind, self.name, self.cluster)
    }

    /// How it differs now, if it does.
    async fn difference(&self, client: &Client) -> Option<String> {
        let (group, version) = self.api_version.split_once('/').unwrap_or(("", self.api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, self.kind));
        let api: Api<DynamicObject> = match self.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        let found = match api.get_opt(self.name).await {
            Ok(found) => found,
            Err(error) => return Some(error.to_string()),
        };
        match (found, &self.values) {
            (None, None) => None,
            (Some(_), None) => Some("it exists and should be gone".to_owned()),
            (None, Some(_)) => Some("it does not exist".to_owned()),
            (Some(object), Some(values)) => {
                let object = json!(object);
                values.iter().find_map(|(pointer, expected)| {
                    let found = object.pointer(pointer).unwrap_or(&Value::Null);
                    (found != expected).then(|| format!("{pointer} is {found} and should be {expected}"))
                })
            }
        }
    }
}
