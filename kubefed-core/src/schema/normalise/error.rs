//! What can be wrong with the schema of a target.

/// Why a target's schema could not be turned into a template schema. Each carries the JSON pointer of the place in the
/// source document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NormaliseError {
    /// A keyword has a value of a type that it cannot have.
    #[error("{pointer:?}: {found} where {expected} is expected")]
    Malformed {
        /// Where in the source.
        pointer: String,
        /// What should be there.
        expected: &'static str,
        /// What is there: the JSON type.
        found: &'static str,
    },
    /// A reference leads nowhere, or out of the document.
    #[error("{pointer:?}: the reference {reference:?} leads to nothing in this document")]
    UnresolvedReference {
        /// Where in the source.
        pointer: String,
        /// The reference as it stands there.
        reference: String,
    },
    /// The schema is nested too deeply.
    #[error("{pointer:?}: nested more than {limit} levels deep")]
    TooDeep {
        /// Where in the source.
        pointer: String,
        /// How deep is allowed.
        limit: usize,
    },
    /// Inlining the references yields too many nodes.
    #[error("{pointer:?}: expands to more than {limit} schema nodes")]
    TooLarge {
        /// Where in the source.
        pointer: String,
        /// How many are allowed.
        limit: usize,
    },
    /// The target itself is no object.
    #[error("{pointer:?}: the schema of a federated target must be of type object")]
    NotAnObject {
        /// Where in the source.
        pointer: String,
    },
}

impl NormaliseError {
    /// Where in the source document.
    #[must_use]
    pub fn pointer(&self) -> &str {
        match self {
            Self::Malformed { pointer, .. }
            | Self::UnresolvedReference { pointer, .. }
            | Self::TooDeep { pointer, .. }
            | Self::TooLarge { pointer, .. }
            | Self::NotAnObject { pointer } => pointer,
        }
    }

    pub(super) fn malformed(pointer: String, expected: &'static str, found: &serde_json::Value) -> Self {
        let found = match found {
            serde_json::Value::Null => "null",
            serde_json::Value::Bool(_) => "a boolean",
            serde_json::Value::Number(_) => "a number",
            serde_json::Value::String(_) => "a string",
            serde_json::Value::Array(_) => "a list",
            serde_json::Value::Object(_) => "an object",
        };
        Self::Malformed { pointer, expected, found }
    }
}
