//! Does a value conform to its type? The judge of applied configurations, in the server's words.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use crate::schema::{Form, ListType, MapType, ScalarType, Shape};

use super::path::PathElement;
use super::typed::item_element;
use super::value;

/// Everything that is wrong with a value. `Display` prints one error alone and several as a list, as the server does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TypedErrors(Vec<(String, String)>);

impl fmt::Display for TypedErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let print = |(path, message): &(String, String)| {
            if path.is_empty() { message.clone() } else { format!("{path}: {message}") }
        };
        match self.0.as_slice() {
            [error] => f.write_str(&print(error)),
            errors => {
                f.write_str("errors:")?;
                errors.iter().try_for_each(|error| write!(f, "\n  {}", print(error)))
            }
        }
    }
}

impl std::error::Error for TypedErrors {}

/// Whether lists may hold several items by one name: stored objects may, applied configurations may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duplicates {
    Allowed,
    Refused,
}

/// Checks a value against its type: no unknown fields, scalars of the right type, and where they are refused no duplicate
/// list items.
///
/// # Errors
/// With every fault found; the walk of a map ends at its first unknown field.
pub(crate) fn validate(shape: Shape<'_>, value: &Value, duplicates: Duplicates) -> Result<(), TypedErrors> {
    let mut walk = Walk { duplicates, path: String::new(), errors: Vec::new() };
    walk.value(shape, value);
    if walk.errors.is_empty() { Ok(()) } else { Err(TypedErrors(walk.errors)) }
}

struct Walk {
    duplicates: Duplicates,
    path: String,
    errors: Vec<(String, String)>,
}

impl Walk {
    fn report(&mut self, message: impl Into<String>) {
        self.errors.push((self.path.clone(), message.into()));
    }

    fn descend(&mut self, element: &PathElement, visit: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(&element.to_string());
        visit(self);
        self.path.truncate(length);
    }

    fn value(&mut self, shape: Shape<'_>, value: &Value) {
        let shape = shape.narrowed(Some(value));
        match (shape.form(), value) {
            (Form::Nothing, _) => self.report("schema error: invalid atom: inlined"),
            (_, Value::Null) => {}
            (Form::Scalar(expected), _) => self.scalar(expected, value),
            (Form::Map(map, _), Value::Object(object)) => self.map(shape, map, object),
            (Form::Map(..), _) => self.report(format!("expected map, got {}", value::go_plain(value))),
            (Form::List(list), Value::Array(items)) => self.list(shape, list, items),
            (Form::List(_), _) => self.report(format!("expected list, got {}", value::go_plain(value))),
        }
    }

    fn scalar(&mut self, expected: ScalarType, value: &Value) {
        match expected {
            ScalarType::Numeric if !value.is_number() => {
                self.report(format!("expected numeric (int or float), got {}", value::go_type(value)));
            }
            ScalarType::String if !value.is_string() => {
                self.report(format!("expected string, got {}", value::go_syntax(value)));
            }
            ScalarType::Boolean if !value.is_boolean() => {
                self.report(format!("expected boolean, got {}", value::go_plain(value)));
            }
            ScalarType::Untyped | ScalarType::Quantity if value.is_array() || value.is_object() => {
                self.report(format!("expected any scalar, got {}", value::go_plain(value)));
            }
            ScalarType::Numeric
            | ScalarType::String
            | ScalarType::Boolean
            | ScalarType::Untyped
            | ScalarType::Quantity => {}
        }
    }

    fn map(&mut self, shape: Shape<'_>, map: &MapType, object: &Map<String, Value>) {
        for (name, child) in object {
            let element = PathElement::field(name);
            let Some(field) = map.type_of(name) else {
                self.descend(&element, |walk| walk.report("field not declared in schema"));
                // The server stops here, and so do its messages.
                return;
            };
            self.descend(&element, |walk| walk.value(field.shape(shape.types), child));
        }
    }

    fn list(&mut self, shape: Shape<'_>, list: &ListType, items: &[Value]) {
        let mut seen = BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            let element = if list.is_atomic() {
                PathElement::Index(i64::try_from(index).unwrap_or(i64::MAX))
            } else {
                match item_element(shape.types, list, item) {
                    Ok(element) => element,
                    Err(message) => {
                        self.report(format!("element {index}: {message}"));
                        return;
                    }
                }
            };
            if !list.is_atomic() && self.duplicates == Duplicates::Refused && seen.contains(&element) {
                self.report(format!("duplicate entries for key {element}"));
            }
            self.descend(&element, |walk| walk.value(list.items.shape(shape.types), item));
            seen.insert(element);
        }
    }
}
