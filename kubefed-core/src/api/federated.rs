//! Federated objects: a template, a placement and overrides (spec 1.8, 1.9), and their status (spec 5).

use std::{borrow::Cow, fmt};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_core::{ObjectMeta, Resource};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, ser::SerializeStruct};
use serde_json::Value;

use super::{Federate, names};

/// A federated object of the type `T`: on the host it stands for the objects that members shall hold.
///
/// One generic struct serves every federated kind. Write it as `Federated<Website>`, or by the alias of generated
/// code, for example `FederatedDeployment`.
pub struct Federated<T: Federate> {
    /// Standard metadata.
    pub metadata: ObjectMeta,
    /// What members shall hold.
    pub spec: FederatedSpec<T::Target>,
    /// What became of it; written by the controller.
    pub status: Option<FederatedStatus>,
}

/// What the members shall hold, and which of them.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FederatedSpec<Template> {
    /// The object as members shall hold it. Name and namespace come from the federated object.
    #[serde(
        default = "Option::default",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "template::deserialize",
        bound(deserialize = "Template: DeserializeOwned")
    )]
    pub template: Option<Template>,
    /// Which members. Absent means none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// What differs in single members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrides: Option<Vec<ClusterOverrides>>,
    /// Leave the replica count to the member (for example to its autoscaler) once something there has set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_replicas: Option<bool>,
}

impl<Template> Default for FederatedSpec<Template> {
    fn default() -> Self {
        Self { template: None, placement: None, overrides: None, retain_replicas: None }
    }
}

mod template {
    //! A template is a partial object, while the Rust types of whole objects demand `metadata`: it is put in.

    use super::{Deserialize, DeserializeOwned, Deserializer, Value};

    pub(super) fn deserialize<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: DeserializeOwned,
    {
        let Some(mut value) = Option::<Value>::deserialize(deserializer)? else {
            return Ok(None);
        };
        match serde_json::from_value(value.clone()) {
            Ok(template) => Ok(Some(template)),
            Err(first) => {
                if let Some(object) = value.as_object_mut().filter(|object| !object.contains_key("metadata"))
                {
                    object.insert("metadata".into(), Value::Object(serde_json::Map::new()));
                    if let Ok(template) = serde_json::from_value(value) {
                        return Ok(Some(template));
                    }
                }
                Err(serde::de::Error::custom(first))
            }
        }
    }
}

/// Which members an object shall be in (spec 3.11).
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// Members by name. Where present, also when empty, the selector does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clusters: Option<Vec<ClusterReference>>,
    /// Members by the labels of their `KubeFedCluster`. An empty selector selects all, an absent one none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_selector: Option<LabelSelector>,
}

impl Placement {
    /// A placement on members by name.
    pub fn clusters<I: IntoIterator<Item = S>, S: Into<String>>(names: I) -> Self {
        let clusters = names.into_iter().map(|name| ClusterReference { name: name.into() }).collect();
        Self { clusters: Some(clusters), cluster_selector: None }
    }

    /// A placement on every member, also on those that join later.
    #[must_use]
    pub fn everywhere() -> Self {
        Self { clusters: None, cluster_selector: Some(LabelSelector::default()) }
    }
}

/// A member by name.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ClusterReference {
    /// Name of the `KubeFedCluster`.
    pub name: String,
}

/// What differs in one member.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClusterOverrides {
    /// Name of the `KubeFedCluster`.
    #[serde(default)]
    pub cluster_name: String,
    /// Applied in this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_overrides: Option<Vec<ClusterOverride>>,
}

/// One change of the rendered object (spec 3.6).
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct ClusterOverride {
    /// What is done; absent means [`OverrideOperation::Replace`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<OverrideOperation>,
    /// Where, as a JSON pointer.
    pub path: String,
    /// With what. Absent means null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// What an override does. Anything else is refused by the CRD.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverrideOperation {
    /// Sets a value, whether or not there was one.
    #[serde(rename = "replace", alias = "")]
    Replace,
    /// Sets a value or inserts it into a list.
    #[serde(rename = "add")]
    Add,
    /// Removes a value that must be there.
    #[serde(rename = "remove")]
    Remove,
}

/// What became of a federated object.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FederatedStatus {
    /// The generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// One condition of type `Propagation`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<PropagationCondition>,
    /// One entry per member where the object shall be, or is being removed; sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<ClusterStatus>,
    /// What was applied where; an addition to KubeFed's status.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applied: Vec<Applied>,
    /// How many of the selected members hold the object as it shall be, as in `2/3`; an addition to KubeFed's status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<String>,
}

/// Whether the object is in all of its members as it shall be.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PropagationCondition {
    /// `Propagation`.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True` or `False`.
    pub status: String,
    /// Why it is `False` (spec 5.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When something was last propagated, RFC 3339 in UTC with whole seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<String>,
    /// When status or reason last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<String>,
}

/// What became of the object in one member.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// Name of the `KubeFedCluster`.
    pub name: String,
    /// Absent when all is well, otherwise one of the words of spec 5.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// What is wrong and what to do; an addition to KubeFed's status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The status of the member's object, where it is collected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_status: Option<Value>,
}

/// What was applied, and in which members it is still just that.
///
/// The pair lets a controller that starts tell from metadata alone that nothing has to be written.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Hash of the rendered object ([`hash::rendered`](crate::hash::rendered)), hexadecimal.
    pub rendered: String,
    /// Digest of our ownership after the apply ([`ownership`](crate::ownership)), hexadecimal.
    pub ownership: String,
    /// The members for which the pair holds, sorted.
    pub clusters: Vec<String>,
}

/// A federated object of any kind, with its template as plain JSON: what the engine works on.
#[derive(Deserialize, Clone, Debug, PartialEq)]
pub struct RawFederated {
    /// Standard metadata.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// What members shall hold.
    #[serde(default)]
    pub spec: FederatedSpec<Value>,
    /// What became of it.
    #[serde(default)]
    pub status: Option<FederatedStatus>,
}

impl<T: Federate> Federated<T> {
    /// A federated object with a name and a spec, and nothing else.
    pub fn new(name: impl Into<String>, spec: FederatedSpec<T::Target>) -> Self {
        Self { metadata: ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() }, spec, status: None }
    }

    /// The same in a namespace.
    #[must_use]
    pub fn within(mut self, namespace: impl Into<String>) -> Self {
        self.metadata.namespace = Some(namespace.into());
        self
    }
}

impl<T: Federate> Clone for Federated<T>
where
    T::Target: Clone,
{
    fn clone(&self) -> Self {
        Self { metadata: self.metadata.clone(), spec: self.spec.clone(), status: self.status.clone() }
    }
}

impl<T: Federate> fmt::Debug for Federated<T>
where
    T::Target: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(T::FEDERATED.kind)
            .field("metadata", &self.metadata)
            .field("spec", &self.spec)
            .field("status", &self.status)
            .finish()
    }
}

impl<T: Federate> Serialize for Federated<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Federated", 5)?;
        object.serialize_field("apiVersion", &T::FEDERATED.api_version())?;
        object.serialize_field("kind", T::FEDERATED.kind)?;
        object.serialize_field("metadata", &self.metadata)?;
        object.serialize_field("spec", &self.spec)?;
        match &self.status {
            Some(status) => object.serialize_field("status", status)?,
            None => object.skip_field("status")?,
        }
        object.end()
    }
}

impl<'de, T: Federate> Deserialize<'de> for Federated<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(bound(deserialize = "Template: DeserializeOwned"))]
        struct Object<Template> {
            #[serde(default)]
            metadata: ObjectMeta,
            #[serde(default)]
            spec: FederatedSpec<Template>,
            #[serde(default)]
            status: Option<FederatedStatus>,
        }
        let Object { metadata, spec, status } = Object::<T::Target>::deserialize(deserializer)?;
        Ok(Self { metadata, spec, status })
    }
}

impl<T: Federate> Resource for Federated<T> {
    type DynamicType = ();
    type Scope = T::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        T::FEDERATED.kind.into()
    }

    fn group((): &()) -> Cow<'_, str> {
        T::FEDERATED.group.into()
    }

    fn version((): &()) -> Cow<'_, str> {
        T::FEDERATED.version.into()
    }

    fn api_version((): &()) -> Cow<'_, str> {
        names::api_version(T::FEDERATED.group, T::FEDERATED.version).into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        T::FEDERATED.plural.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
