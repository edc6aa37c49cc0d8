//! The type model behind server-side apply: which fields a kind has, how its lists and maps merge, what its list keys
//! default to. No kind is named here; everything comes from OpenAPI v3 documents and from custom resource definitions.

mod convert;
mod decode;
mod definitions;
mod model;
mod quantity;
#[cfg(test)]
mod tests;

pub(crate) use definitions::{Definitions, TypeSchema};
pub(crate) use model::{Form, ListKind, ListType, MapType, ScalarType, Shape, Types};

/// A document that does not describe types, with the place of the fault.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {message}")]
pub(crate) struct SchemaError {
    place: String,
    message: String,
}

impl SchemaError {
    fn new(message: impl Into<String>) -> Self {
        Self { place: "schema".to_owned(), message: message.into() }
    }

    /// The same fault seen from one level further out.
    fn within(mut self, name: &str) -> Self {
        self.place = if self.place == "schema" { name.to_owned() } else { format!("{name}.{}", self.place) };
        self
    }
}
