//! One step of a path into an object, as managed fields name it.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value;

use super::value;

/// A scalar that names a list item, with the merge code's order and equality.
#[derive(Clone, Debug)]
pub(crate) struct KeyValue(pub(crate) Value);

impl Ord for KeyValue {
    fn cmp(&self, other: &Self) -> Ordering {
        value::order(&self.0, &other.0)
    }
}

impl PartialOrd for KeyValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for KeyValue {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for KeyValue {}

/// One step. The order of the variants is the order in which the server writes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PathElement {
    /// A field of a map.
    Field(String),
    /// The item of a list-map with these key fields, sorted by name.
    Key(Vec<(String, KeyValue)>),
    /// The item of a set.
    Value(KeyValue),
    /// The item of an atomic list; never owned, only named in errors.
    Index(i64),
}

impl PathElement {
    /// The step into a field of a map.
    pub(crate) fn field(name: &str) -> Self {
        Self::Field(name.to_owned())
    }
}

impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(keys) => {
                f.write_str("[")?;
                for (index, (name, key)) in keys.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}{name}={}", value::printed(&key.0))?;
                }
                f.write_str("]")
            }
            Self::Value(item) => write!(f, "[={}]", value::printed(&item.0)),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}
