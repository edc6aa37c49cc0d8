//! Why an apply was refused, in the server's words.

use std::collections::BTreeMap;
use std::fmt;

use super::field_set::FieldSet;
use super::managers::{ManagerId, Operation};

/// One field that somebody else owns and that the applied configuration would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The manager that owns the field.
    pub(crate) manager: String,
    /// `Apply` or `Update`.
    pub(crate) operation: String,
    /// The subresource through which it came to own the field.
    pub(crate) subresource: Option<String>,
    /// The version in which it did.
    pub(crate) api_version: String,
    /// When it last changed something.
    pub(crate) time: Option<String>,
    /// The field as the server prints it, for example `.spec.replicas`.
    pub(crate) field: String,
}

impl Conflict {
    /// The text of one cause: `conflict with "kubectl" using apps/v1`.
    pub(crate) fn message(&self) -> String {
        format!("conflict with {}", self.printed_manager())
    }

    fn printed_manager(&self) -> String {
        let mut text = format!("{:?}", self.manager);
        if let Some(subresource) = &self.subresource {
            text.push_str(&format!(" with subresource {subresource:?}"));
        }
        if self.operation == Operation::Update.as_str() {
            text.push_str(&format!(" using {}", self.api_version));
        }
        text
    }
}

/// A refused apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ApplyError {
    /// Others own fields that the configuration would change (HTTP 409, reason Conflict).
    Conflict(Vec<Conflict>),
    /// The configuration does not conform to its type (HTTP 500, no reason).
    Typed {
        /// `namespace/name; group/version, Kind=Kind`.
        object: String,
        /// What is wrong, with paths.
        errors: String,
    },
    /// The stored object does not conform to its type, which has changed since (HTTP 500, no reason).
    TypedLive {
        /// `namespace/name; group/version, Kind=Kind`.
        object: String,
        /// What is wrong, with paths.
        errors: String,
    },
}

impl std::error::Error for ApplyError {}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(conflicts) => match conflicts.as_slice() {
                [one] => write!(f, "Apply failed with 1 conflict: {}: {}", one.message(), one.field),
                several => write_conflicts(f, several),
            },
            Self::Typed { object, errors } => {
                write!(f, "failed to create typed patch object ({object}): {errors}")
            }
            Self::TypedLive { object, errors } => {
                write!(f, "failed to create typed live object ({object}): {errors}")
            }
        }
    }
}

fn write_conflicts(f: &mut fmt::Formatter<'_>, conflicts: &[Conflict]) -> fmt::Result {
    let mut lines = Vec::new();
    let mut previous: Option<String> = None;
    for conflict in conflicts {
        let manager = conflict.printed_manager();
        if previous.as_ref() != Some(&manager) {
            lines.push(format!("conflicts with {manager}:"));
        }
        lines.push(format!("- {}", conflict.field));
        previous = Some(manager);
    }
    write!(f, "Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
}

/// The fields in conflict by the manager that owns them, before they become an error.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conflicts(pub(crate) BTreeMap<ManagerId, Contested>);

/// What is in conflict with one manager.
#[derive(Clone, Debug)]
pub(crate) struct Contested {
    pub(crate) fields: FieldSet,
    pub(crate) api_version: String,
    pub(crate) time: Option<String>,
}

impl From<Conflicts> for ApplyError {
    fn from(conflicts: Conflicts) -> Self {
        let mut all = Vec::new();
        for (id, contested) in conflicts.0 {
            for field in contested.fields.printed() {
                all.push(Conflict {
                    manager: id.manager.clone(),
                    operation: id.operation.as_str().to_owned(),
                    subresource: Some(id.subresource.clone()).filter(|name| !name.is_empty()),
                    api_version: contested.api_version.clone(),
                    time: contested.time.clone(),
                    field,
                });
            }
        }
        Self::Conflict(all)
    }
}
