//! The structural-schema engine: what an API server does with a custom resource and its CRD's `openAPIV3Schema`.
//!
//! Three steps, in the server's order: [`Structural::prune`] drops what the schema does not declare,
//! [`Structural::default`] fills in defaults, [`Structural::validate`] says what is wrong, with the field's path,
//! the cause's reason and the message worded as kube-apiserver 1.36 words them.
//!
//! The engine knows only what a structural schema may contain: no `$ref`, no `definitions`, no tuple-typed `items`.
//! CEL rules (`x-kubernetes-validations`) are not evaluated here.

mod default;
mod field_error;
mod formats;
mod node;
mod prune;
mod uniqueness;
mod validate;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use field_error::{FieldError, FieldErrorKind, aggregate, go_quote};
use node::Node;
pub use node::SchemaError;

/// A parsed structural schema.
#[derive(Debug, Clone)]
pub struct Structural {
    root: Node,
}

impl Structural {
    /// Parses an `openAPIV3Schema`.
    ///
    /// # Errors
    /// [`SchemaError`] where a keyword has a value of the wrong type or a pattern is not a regular expression; the
    /// error names the place inside the schema.
    pub fn parse(schema: &Value) -> Result<Self, SchemaError> {
        let mut root = Node::parse(schema, "openAPIV3Schema")?;
        // apiVersion, kind and metadata of the root are the server's own and never pruned.
        root.embedded_resource = true;
        Ok(Self { root })
    }

    /// Removes every field that the schema does not declare, in place, and answers their paths, sorted
    /// (`spec.containers[0].colour`).
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        prune::prune(&self.root, object)
    }

    /// Fills in defaults, in place. Nulls that are neither allowed nor defaulted are removed first, as on the server.
    pub fn default(&self, object: &mut Value) {
        default::drop_nulls(&self.root, object);
        default::fill(&self.root, object);
    }

    /// Everything that is wrong with a new object. Empty means valid.
    #[must_use]
    pub fn validate(&self, object: &Value) -> Vec<FieldError> {
        self.validate_update(object, None)
    }

    /// Everything that is wrong with an object that replaces `old`.
    ///
    /// What was already wrong in a part that did not change is not held against the update
    /// (validation ratcheting, KEP-4008).
    #[must_use]
    pub fn validate_update(&self, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut errors = validate::validate(&self.root, object, old);
        errors.extend(uniqueness::duplicates(&self.root, object));
        errors
    }
}
