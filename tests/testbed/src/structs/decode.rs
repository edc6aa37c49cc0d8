//! Decoding and encoding.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::model::{Field, Scalar, Structs, Type};

/// Where a decoder is: the innermost struct and the path from the root.
#[derive(Clone, Copy)]
struct Place<'a> {
    component: &'a str,
    path: &'a str,
}

pub(super) fn check(structs: &Structs, component: &str, object: &Value) -> Result<(), String> {
    check_struct(structs, component, "", object)
}

fn check_struct(structs: &Structs, component: &str, path: &str, object: &Value) -> Result<(), String> {
    let (Some(fields), Value::Object(map)) = (structs.components.get(component), object) else {
        return Ok(());
    };
    for (name, value) in map {
        let Some(field) = fields.get(name) else { continue };
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        check_value(structs, Place { component, path: &path }, &field.go, value)?;
    }
    Ok(())
}

fn check_value(structs: &Structs, place: Place<'_>, expected: &Type, value: &Value) -> Result<(), String> {
    match (expected, value) {
        (_, Value::Null) | (Type::Any, _) => Ok(()),
        (Type::Struct(component), Value::Object(_)) => check_struct(structs, component, place.path, value),
        (Type::List(items), Value::Array(list)) => {
            list.iter().try_for_each(|value| check_value(structs, place, items, value))
        }
        (Type::Map(values), Value::Object(map)) => {
            map.values().try_for_each(|value| check_value(structs, place, values, value))
        }
        (Type::Scalar(scalar), value) => check_scalar(place, *scalar, value),
        (Type::Quantity, Value::String(_) | Value::Number(_)) => Ok(()),
        (Type::Quantity, _) => Err("quantities must match the regular expression \
                                    '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            .to_owned()),
        (Type::IntOrString, Value::String(_)) => Ok(()),
        (Type::IntOrString, Value::Number(number)) if number.is_i64() => Ok(()),
        (Type::IntOrString, value) => {
            Err(format!("json: cannot unmarshal {} into Go value of type int32", found(value)))
        }
        (expected, value) => Err(mismatch(place, &expected.go_name(), value)),
    }
}

fn check_scalar(place: Place<'_>, scalar: Scalar, value: &Value) -> Result<(), String> {
    let fits = match (scalar, value) {
        (Scalar::Time, Value::String(text)) => {
            return text.parse::<jiff::Timestamp>().map(drop).map_err(|_| {
                format!(
                    "parsing time \"{text}\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"{text}\" as \"2006\""
                )
            });
        }
        (Scalar::Bytes, Value::String(text)) => {
            return STANDARD.decode(text).map(drop).map_err(|error| {
                let position = match error {
                    base64::DecodeError::InvalidByte(position, _) => position,
                    _ => text.len(),
                };
                format!("illegal base64 data at input byte {position}")
            });
        }
        (Scalar::String, Value::String(_))
        | (Scalar::Boolean, Value::Bool(_))
        | (Scalar::Float, Value::Number(_)) => true,
        (Scalar::Int64, Value::Number(number)) => number.is_i64(),
        (Scalar::Int32, Value::Number(number)) => {
            number.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
        }
        _ => false,
    };
    if fits { Ok(()) } else { Err(mismatch(place, scalar.go_name(), value)) }
}

fn found(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
        Value::Number(_) => "number".to_owned(),
    }
}

fn mismatch(place: Place<'_>, expected: &str, value: &Value) -> String {
    let found = match value {
        // A number that does not fit is shown.
        Value::Number(number) if expected.starts_with("int") => format!("number {number}"),
        other => found(other),
    };
    let name = place.component.rsplit('.').next().unwrap_or_default();
    format!("json: cannot unmarshal {found} into Go struct field {name}.{} of type {expected}", place.path)
}

pub(super) fn settle(structs: &Structs, component: &str, object: &mut Value) {
    let (Some(fields), Value::Object(map)) = (structs.components.get(component), object) else { return };
    map.retain(|name, value| match fields.get(name) {
        Some(field) => {
            settle_value(structs, &field.go, value);
            !is_left_out(field, value)
        }
        None => true,
    });
    for (name, field) in fields {
        if !map.contains_key(name)
            && let Some(zero) = written_when_missing(structs, field)
        {
            map.insert(name.clone(), zero);
        }
    }
}

fn settle_value(structs: &Structs, expected: &Type, value: &mut Value) {
    match (expected, value) {
        (Type::Struct(component), value @ Value::Object(_)) => settle(structs, component, value),
        (Type::List(items), Value::Array(list)) => {
            list.iter_mut().for_each(|value| settle_value(structs, items, value));
        }
        (Type::Map(values), Value::Object(map)) => {
            map.values_mut().for_each(|value| settle_value(structs, values, value));
        }
        _ => {}
    }
}

/// `omitempty` on a scalar that is no pointer.
fn is_left_out(field: &Field, value: &Value) -> bool {
    let is_zero = match value {
        Value::Bool(value) => !value,
        Value::String(text) => text.is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    };
    is_zero && !field.required && !field.pointer && matches!(field.go, Type::Scalar(_))
}

/// What a required field that was never set looks like, and an optional time that is no pointer.
fn written_when_missing(structs: &Structs, field: &Field) -> Option<Value> {
    if field.bare_time {
        return Some(Value::Null);
    }
    if !field.required {
        return None;
    }
    Some(match &field.go {
        Type::Scalar(Scalar::String) => json!(""),
        Type::Scalar(Scalar::Boolean) => json!(false),
        Type::Scalar(Scalar::Int32 | Scalar::Int64 | Scalar::Float) | Type::IntOrString => json!(0),
        Type::Struct(component) if field.embedded => {
            let mut empty = Value::Object(Map::new());
            settle(structs, component, &mut empty);
            empty
        }
        Type::Quantity => json!("0"),
        Type::Scalar(Scalar::Bytes | Scalar::Time)
        | Type::Struct(_)
        | Type::List(_)
        | Type::Map(_)
        | Type::Any => Value::Null,
    })
}
