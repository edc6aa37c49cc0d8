//! The forms of a replica path.
#![deny(warnings, unused_qualifications)]

use kubefed_runtime::Federate;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Object<Count> {
    spec: Option<Spec<Count>>,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Spec<Count> {
    #[serde(rename = "wantedReplicas")]
    replicas: Count,
    inner_scale: Box<Scale>,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Scale {
    replicas_: Option<i64>,
}

/// With a JSON path of its own.
#[derive(Federate)]
#[federate(
    target = Object<i64>, group = "example.com", version = "v1", kind = "Renamed",
    replicas(path = spec.replicas, json = ".spec.wantedReplicas"),
    template(schema = "{}"),
)]
pub struct Renamed;

/// Behind a box, a generic target.
#[derive(Federate)]
#[federate(
    target = "Object<Option<i32>>", group = "example.com", version = "v1", kind = "Boxed",
    replicas = spec.inner_scale.replicas_,
    template(schema = "{}"),
)]
pub struct Boxed;

/// One segment, a keyword.
#[derive(Federate)]
#[federate(
    target = Short, group = "example.com", version = "v1", kind = "Short",
    replicas = r#type,
    template(schema = "{}"),
)]
pub struct ShortType;

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Short {
    r#type: i32,
}

fn main() {
    assert_eq!(Renamed::REPLICAS, Some(&["spec", "wantedReplicas"][..]));
    assert_eq!(Boxed::REPLICAS, Some(&["spec", "innerScale", "replicas"][..]));
    assert_eq!(ShortType::REPLICAS, Some(&["type"][..]));
}
