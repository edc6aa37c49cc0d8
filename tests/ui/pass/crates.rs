//! The runtime under another name.
#![deny(warnings, unused_qualifications)]

use serde::{Deserialize, Serialize};

mod vendored {
    pub use kubefed_runtime as runtime;
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Object {
    replicas: i32,
}

#[derive(vendored::runtime::Federate)]
#[federate(
    crates(runtime = "crate::vendored::runtime"),
    target = Object, group = "example.com", version = "v1", kind = "Object", plural = "objects", scope = "Namespaced",
    replicas = replicas,
    template(schema = "{}"),
)]
pub struct ObjectType;

fn main() {
    use vendored::runtime::api::Federate as _;
    assert_eq!(ObjectType::TARGET.kind, "Object");
}
