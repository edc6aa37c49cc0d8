//! The Go structs behind built-in kinds: what a value may look like to be decoded into one, and what it looks like when it
//! is encoded again.
//!
//! The documents say which fields there are and of what type. Three things about Go they do not say; `fields.json` does,
//! read from the types of Kubernetes 1.36.3: which optional fields are written even when they are zero (`always`), which
//! optional scalars are pointers (a zero stays; every other optional scalar that is zero is left out), and which optional
//! times are no pointers (a missing one is written as null).

mod decode;
mod model;
mod protobuf;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;

pub(crate) use model::Structs;
pub(crate) use protobuf::ProtobufError;

/// The struct of one kind.
#[derive(Debug, Clone)]
pub(crate) struct GoType {
    structs: Arc<Structs>,
    component: String,
}

impl GoType {
    /// The struct that a document describes for a kind.
    pub(crate) fn of(structs: &Arc<Structs>, group: &str, version: &str, kind: &str) -> Option<Self> {
        let component = structs.kind(group, version, kind)?.to_owned();
        Some(Self { structs: structs.clone(), component })
    }

    /// Whether a value can be decoded; the error is Go's.
    pub(crate) fn check(&self, object: &Value) -> Result<(), String> {
        decode::check(&self.structs, &self.component, object)
    }

    /// Reads an object, of this kind or of another of the same group version, from Kubernetes' protobuf.
    pub(crate) fn read_protobuf(&self, body: &[u8]) -> Result<Value, ProtobufError> {
        self.structs.read_protobuf(body)
    }

    /// Leaves out what an encoder leaves out and adds what it adds, in place.
    pub(crate) fn settle(&self, object: &mut Value) {
        decode::settle(&self.structs, &self.component, object);
    }
}
