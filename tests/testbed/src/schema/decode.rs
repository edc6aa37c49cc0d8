//! What a value loses and gains on its way through the API server's decoders.
//!
//! Built-in kinds pass through Go structs: unknown fields, nulls, and empty lists and maps that are optional disappear;
//! structs that are no pointers appear as `{}`, and quantities in their canonical form. (Optional scalars that are no pointers disappear when they are zero too,
//! but no document tells a pointer from a plain scalar, so zeros stay here.) Custom kinds stay as they are, nulls
//! included, except for metadata, which is a Go struct like any other.

use serde_json::{Map, Value, json};

use super::model::{Form, MapType, ScalarType, Shape};
use super::quantity;

/// Removes what a type does not declare and collects the paths, as strict decoding prints them.
pub(super) fn prune(shape: Shape<'_>, value: &mut Value, path: &mut String, dropped: &mut Vec<String>) {
    let length = path.len();
    match (shape.narrowed(Some(&*value)).form(), value) {
        (Form::Map(map, _), Value::Object(object)) => {
            object.retain(|name, child| {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
                let type_ref = map.type_of(name);
                match type_ref {
                    Some(type_ref) => prune(type_ref.shape(shape.types), child, path, dropped),
                    None => dropped.push(path.clone()),
                }
                path.truncate(length);
                type_ref.is_some()
            });
        }
        (Form::List(list), Value::Array(items)) => {
            for (index, item) in items.iter_mut().enumerate() {
                path.push_str(&format!("[{index}]"));
                prune(list.items.shape(shape.types), item, path, dropped);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// The round trip of a built-in kind through its Go struct.
pub(super) fn through_struct(shape: Shape<'_>, value: &mut Value) {
    let shape = shape.narrowed(Some(&*value));
    match (shape.form(), value) {
        (Form::Scalar(ScalarType::Quantity), value) => {
            if let Some(canonical) = quantity::canonical(value) {
                *value = canonical;
            }
        }
        (Form::Map(map, _), Value::Object(object)) if map.fields.is_empty() => {
            for child in object.values_mut() {
                element_through_struct(map.element.as_ref().map(|element| element.shape(shape.types)), child);
            }
        }
        (Form::Map(map, _), Value::Object(object)) => fields_through_struct(shape, map, object),
        (Form::List(list), Value::Array(items)) => {
            for item in items {
                element_through_struct(Some(list.items.shape(shape.types)), item);
            }
        }
        _ => {}
    }
}

fn fields_through_struct(shape: Shape<'_>, map: &MapType, object: &mut Map<String, Value>) {
    object.retain(|name, child| {
        let Some(field) = map.type_of(name) else {
            return false;
        };
        let field = field.shape(shape.types);
        through_struct(field, child);
        !child.is_null() && (map.required.contains(name) || !is_empty_collection(field, child))
    });
    for (name, field) in &map.fields {
        if is_struct_value(field.default.as_ref()) && !object.contains_key(name) {
            let mut empty = json!({});
            through_struct(field.type_ref.shape(shape.types), &mut empty);
            object.insert(name.clone(), empty);
        }
    }
}

/// Elements of lists and maps cannot be left out: a null decodes to the zero value.
fn element_through_struct(shape: Option<Shape<'_>>, value: &mut Value) {
    let Some(shape) = shape else { return };
    if value.is_null() {
        match shape.form() {
            Form::Scalar(ScalarType::String) => *value = json!(""),
            Form::Scalar(ScalarType::Numeric) => *value = json!(0),
            Form::Scalar(ScalarType::Boolean) => *value = json!(false),
            Form::Map(map, _) if !map.fields.is_empty() => *value = json!({}),
            Form::Scalar(ScalarType::Quantity) => *value = json!("0"),
            Form::Map(..) | Form::Scalar(ScalarType::Untyped) | Form::List(_) | Form::Nothing => {}
        }
    }
    through_struct(shape, value);
}

/// A list, or a map without declared fields, that holds nothing: `omitempty` leaves it out. Structs and free-form
/// data are not such collections.
fn is_empty_collection(shape: Shape<'_>, value: &Value) -> bool {
    match (value, shape.map) {
        (Value::Array(items), _) => items.is_empty() && shape.scalar.is_none(),
        (Value::Object(object), Some(map)) => {
            object.is_empty() && shape.scalar.is_none() && map.fields.is_empty() && !map.is_deduced()
        }
        _ => false,
    }
}

fn is_struct_value(default: Option<&Value>) -> bool {
    default.and_then(Value::as_object).is_some_and(Map::is_empty)
}

fn is_zero(default: &Value) -> bool {
    match default {
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// What a new, empty object of a built-in kind looks like in comparisons: structs are there, scalars that are always
/// written are zero, and everything else that is required is null.
pub(super) fn empty_struct(shape: Shape<'_>) -> Value {
    let mut object = Map::new();
    let Some(map) = shape.map else {
        return Value::Object(object);
    };
    for (name, field) in &map.fields {
        if is_struct_value(field.default.as_ref()) {
            object.insert(name.clone(), empty_struct(field.type_ref.shape(shape.types)));
        } else if let Some(zero) = field.default.as_ref().filter(|default| is_zero(default)) {
            object.insert(name.clone(), zero.clone());
        } else if field.default.is_none() && map.required.contains(name) {
            object.insert(name.clone(), Value::Null);
        }
    }
    Value::Object(object)
}

/// The round trip of a custom object: only its metadata, and that of resources embedded in it, is a Go struct.
pub(super) fn custom(shape: Shape<'_>, value: &mut Value) {
    match (shape.narrowed(Some(&*value)).form(), value) {
        (Form::Map(map, _), Value::Object(object)) => {
            for (name, child) in object {
                match map.type_of(name).map(|field| field.shape(shape.types)) {
                    Some(field) if map.resource && name == "metadata" => through_struct(field, child),
                    Some(field) => custom(field, child),
                    None => {}
                }
            }
        }
        (Form::List(list), Value::Array(items)) => {
            for item in items {
                custom(list.items.shape(shape.types), item);
            }
        }
        _ => {}
    }
}
