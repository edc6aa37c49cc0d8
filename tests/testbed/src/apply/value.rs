//! Equality, order and printing of JSON values as the API server's merge code sees them: a number is a number,
//! whether it was written as an integer or not.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// Whether two values are the same to the merge code.
pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => order_numbers(a, b) == Ordering::Equal,
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

/// A total order over values of any kind: numbers, strings, booleans, lists, maps, null.
pub(crate) fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => order_numbers(a, b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            let pairs = a.iter().zip(b).map(|(a, b)| order(a, b));
            pairs.fold(Ordering::Equal, Ordering::then).then(a.len().cmp(&b.len()))
        }
        (Value::Object(a), Value::Object(b)) => {
            let pairs = a.iter().zip(b).map(|((a_key, a), (b_key, b))| a_key.cmp(b_key).then(order(a, b)));
            pairs.fold(Ordering::Equal, Ordering::then).then(a.len().cmp(&b.len()))
        }
        _ => rank(a).cmp(&rank(b)),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    }
}

fn order_numbers(a: &Number, b: &Number) -> Ordering {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
    }
}

/// A value inside a printed path: `"text"`, `80`, `true`.
pub(crate) fn printed(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

/// A value as Go's `%v` prints the merge code's wrapper around it: `&{map[a:1]}`. Part of the server's error texts.
pub(crate) fn go_plain(value: &Value) -> String {
    fn inner(value: &Value) -> String {
        match value {
            Value::Null => "<nil>".to_owned(),
            Value::String(text) => text.clone(),
            Value::Array(items) => {
                format!("[{}]", items.iter().map(inner).collect::<Vec<_>>().join(" "))
            }
            Value::Object(object) => {
                let entries: Vec<_> =
                    object.iter().map(|(key, value)| format!("{key}:{}", inner(value))).collect();
                format!("map[{}]", entries.join(" "))
            }
            Value::Bool(_) | Value::Number(_) => value.to_string(),
        }
    }
    format!("&{{{}}}", inner(value))
}

/// The same as Go's `%#v` prints it: `&value.valueUnstructured{Value:5}`.
pub(crate) fn go_syntax(value: &Value) -> String {
    fn inner(value: &Value) -> String {
        match value {
            Value::Null => "interface {}(nil)".to_owned(),
            Value::String(text) => format!("{text:?}"),
            Value::Array(items) => {
                format!("[]interface {{}}{{{}}}", items.iter().map(inner).collect::<Vec<_>>().join(", "))
            }
            Value::Object(object) => {
                let entries: Vec<_> =
                    object.iter().map(|(key, value)| format!("{key:?}:{}", inner(value))).collect();
                format!("map[string]interface {{}}{{{}}}", entries.join(", "))
            }
            Value::Bool(_) | Value::Number(_) => value.to_string(),
        }
    }
    format!("&value.valueUnstructured{{Value:{}}}", inner(value))
}

/// The name of the Go type that holds a decoded value.
pub(crate) fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// The items where the value is a list; a null list is no list.
pub(crate) fn items(value: Option<&Value>) -> Option<&Vec<Value>> {
    value.and_then(Value::as_array)
}

/// The entries where the value is a map; a null map is no map.
pub(crate) fn entries(value: Option<&Value>) -> Option<&serde_json::Map<String, Value>> {
    value.and_then(Value::as_object)
}
