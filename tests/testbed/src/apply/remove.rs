//! Taking owned fields out of an object, and the sets that this needs.

use serde_json::{Map, Value};

use crate::schema::{Form, Shape};

use super::field_set::FieldSet;
use super::path::PathElement;
use super::typed::item_element;

/// The value without the items of the set. What is left empty becomes null; decoding drops that later.
pub(crate) fn remove_items(shape: Shape<'_>, value: &Value, set: &FieldSet) -> Value {
    let shape = shape.narrowed(Some(value));
    match (shape.form(), value) {
        (Form::Scalar(_) | Form::Nothing, _) => value.clone(),
        (Form::Map(map, false), Value::Object(object)) => {
            let mut left = Map::new();
            for (name, child) in object {
                let element = PathElement::field(name);
                if set.has(&element) {
                    continue;
                }
                let child = match (set.below(&element), map.type_of(name)) {
                    (Some(below), Some(field)) => remove_items(field.shape(shape.types), child, below),
                    _ => child.clone(),
                };
                left.insert(name.clone(), child);
            }
            if left.is_empty() { Value::Null } else { Value::Object(left) }
        }
        (Form::List(list), Value::Array(items)) if !list.is_atomic() => {
            let mut left = Vec::with_capacity(items.len());
            for item in items {
                let Ok(element) = item_element(shape.types, list, item) else {
                    left.push(item.clone());
                    continue;
                };
                if set.has(&element) {
                    continue;
                }
                left.push(match set.below(&element) {
                    Some(below) => remove_items(list.items.shape(shape.types), item, below),
                    None => item.clone(),
                });
            }
            if left.is_empty() { Value::Null } else { Value::Array(left) }
        }
        _ => Value::Null,
    }
}

/// The set with every declared field in it that has members below: such a field is owned by whoever owns a part of it,
/// although no entry says so. Keys of maps and items of lists are named by their owners themselves.
pub(crate) fn with_named_fields(shape: Option<Shape<'_>>, set: &FieldSet) -> FieldSet {
    let mut named = FieldSet::default();
    for (element, node) in set.nodes() {
        let (declared, below) = match element {
            PathElement::Field(name) => {
                let map = shape.and_then(|shape| shape.map);
                (
                    map.is_some_and(|map| map.fields.contains_key(name)),
                    shape.and_then(|shape| shape.field(name)),
                )
            }
            PathElement::Key(_) => (false, shape.and_then(|shape| shape.items())),
            PathElement::Value(_) | PathElement::Index(_) => (false, None),
        };
        let member = node.member || (declared && !node.below.is_empty());
        named.put(element.clone(), member, with_named_fields(below, &node.below));
    }
    named
}
