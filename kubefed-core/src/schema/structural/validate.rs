//! Validation (kube-openapi's `pkg/validation/validate`, as apiextensions-apiserver reports it).

use serde_json::{Map, Value};

use super::field_error::{FieldError, FieldErrorKind, go_quote};
use super::formats;
use super::node::{Additional, ListType, Node};
use super::uniqueness::key_of;

pub(super) fn validate(root: &Node, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    check(root, object, old, "").errors
}

/// The errors of one value against one node, and how much of it matched: where no alternative of `anyOf` or `oneOf`
/// holds, the server shows the errors of the one that matched most.
#[derive(Default)]
struct Outcome {
    errors: Vec<FieldError>,
    matched: usize,
}

impl Outcome {
    fn merge(&mut self, other: Self) {
        self.errors.extend(other.errors);
        self.matched += other.matched;
    }

    fn push(&mut self, error: Option<FieldError>) {
        match error {
            Some(error) => self.errors.push(error),
            None => self.matched += 1,
        }
    }
}

fn check(node: &Node, value: &Value, old: Option<&Value>, path: &str) -> Outcome {
    let mut outcome = Outcome::default();
    // What did not change is not judged again.
    if old == Some(value) {
        return outcome;
    }
    outcome.push(check_type(node, value, path));
    if value.is_null() {
        outcome.push(check_enum(node, value, path));
        return outcome;
    }
    check_composition(node, value, path, &mut outcome);
    match value {
        Value::String(text) => {
            outcome.push(check_string(node, text, path));
            outcome.push(check_format(node, text, path));
        }
        Value::Number(_) => check_number(node, value, path, &mut outcome),
        Value::Array(list) => check_list(node, list, old, path, &mut outcome),
        Value::Object(_) | Value::Null | Value::Bool(_) => {}
    }
    outcome.push(check_enum(node, value, path));
    if let Value::Object(map) = value {
        check_object(node, map, old, path, &mut outcome);
    }
    outcome
}

fn child(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A message of the validator about the value itself.
fn in_body(path: &str, text: &str) -> String {
    format!("{path} in body {text}")
}

/// An error that the server reports without a field.
fn without_field(detail: String) -> FieldError {
    FieldError::invalid("", Value::from(""), detail)
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_whole(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0)
}

fn type_error(path: &str, expected: &str, found: &str) -> FieldError {
    let detail = in_body(path, &format!("must be of type {expected}: {}", go_quote(found)));
    FieldError::new(FieldErrorKind::TypeInvalid, path, Value::from(found), detail)
}

fn check_type(node: &Node, value: &Value, path: &str) -> Option<FieldError> {
    if node.types.is_empty() {
        return None;
    }
    let found = type_name(value);
    if value.is_null() {
        return (!node.nullable).then(|| type_error(path, &node.types.join(","), found));
    }
    let fits = node.allows_type(found)
        || (found == "integer" && node.allows_type("number"))
        || (found == "number" && is_whole(value) && node.allows_type("integer"));
    if fits {
        return None;
    }
    let textual = matches!(found, "string" | "array");
    match &node.format {
        // The validator names the format instead of the type here, and knows no format of the value.
        Some(format) if !textual => Some(type_error(path, format, "")),
        Some(_) if !(node.allows_type("number") || node.allows_type("integer")) => None,
        _ => Some(type_error(path, &node.types.join(","), found)),
    }
}

fn check_enum(node: &Node, value: &Value, path: &str) -> Option<FieldError> {
    let same = |allowed: &Value| {
        allowed == value
            || matches!((allowed.as_f64(), value.as_f64()), (Some(allowed), Some(value)) if allowed == value)
    };
    if node.values.is_empty() || node.values.iter().any(same) {
        return None;
    }
    let supported: Vec<String> = node
        .values
        .iter()
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect();
    Some(FieldError::not_supported(path, value.clone(), &supported))
}

fn check_string(node: &Node, text: &str, path: &str) -> Option<FieldError> {
    let length = text.chars().count() as u64;
    if let Some(limit) = node.length.1.filter(|limit| length > *limit) {
        return Some(FieldError::too_long(path, limit));
    }
    if let Some(limit) = node.length.0.filter(|limit| length < *limit) {
        let detail = in_body(path, &format!("should be at least {limit} chars long"));
        return Some(FieldError::invalid(path, Value::from(text), detail));
    }
    let pattern = node.pattern.as_ref().filter(|pattern| !pattern.regex.is_match(text))?;
    let detail = in_body(path, &format!("should match '{}'", pattern.source));
    Some(FieldError::invalid(path, Value::from(text), detail))
}

fn check_format(node: &Node, text: &str, path: &str) -> Option<FieldError> {
    let format = node.format.as_deref().filter(|format| !formats::matches(format, text))?;
    Some(type_error(path, format, text))
}

fn check_number(node: &Node, value: &Value, path: &str, outcome: &mut Outcome) {
    let Some(number) = value.as_f64() else { return };
    if let [only] = node.types.as_slice()
        && only == "integer"
        && node.format.as_deref() == Some("int32")
        && value.as_i64().is_none_or(|number| i32::try_from(number).is_err())
    {
        let detail = format!("Checked value must be of type integer with format int32 in {path}");
        outcome.errors.push(without_field(detail));
    }
    let invalid = |text: String| FieldError::invalid(path, value.clone(), in_body(path, &text));
    if let Some(factor) = node.multiple_of
        && (number / factor).fract() != 0.0
    {
        outcome.errors.push(invalid(format!("should be a multiple of {factor}")));
    }
    if let Some(bound) = node.maximum {
        let limit = bound.limit;
        if bound.exclusive && number >= limit {
            outcome.errors.push(invalid(format!("should be less than {limit}")));
        } else if number > limit {
            outcome.errors.push(invalid(format!("should be less than or equal to {limit}")));
        }
    }
    if let Some(bound) = node.minimum {
        let limit = bound.limit;
        if bound.exclusive && number <= limit {
            outcome.errors.push(invalid(format!("should be greater than {limit}")));
        } else if number < limit {
            outcome.errors.push(invalid(format!("should be greater than or equal to {limit}")));
        }
    }
    outcome.matched += 1;
}

fn check_list(node: &Node, list: &[Value], old: Option<&Value>, path: &str, outcome: &mut Outcome) {
    if let Some(items) = &node.items {
        for (index, value) in list.iter().enumerate() {
            let old = correlated(node, value, old);
            outcome.merge(check(items, value, old, &format!("{path}[{index}]")));
        }
    }
    let count = list.len() as u64;
    if let Some(limit) = node.item_count.0.filter(|limit| count < *limit) {
        let detail = in_body(path, &format!("should have at least {limit} items"));
        outcome.errors.push(FieldError::invalid(path, Value::from(count), detail));
    }
    if let Some(limit) = node.item_count.1.filter(|limit| count > *limit) {
        outcome.errors.push(FieldError::too_many(path, count, limit));
    }
    if node.unique_items && list.iter().enumerate().any(|(index, value)| list[..index].contains(value)) {
        let detail = in_body(path, "shouldn't contain duplicates");
        outcome.errors.push(FieldError::invalid(path, Value::from(""), detail));
    }
    outcome.matched += 1;
}

/// The element of the old list that has the same key; only lists of type map can tell.
fn correlated<'a>(node: &Node, element: &Value, old: Option<&'a Value>) -> Option<&'a Value> {
    let ListType::Map(keys) = &node.list_type else {
        return None;
    };
    let key = key_of(element, keys);
    old?.as_array()?.iter().find(|candidate| key_of(candidate, keys) == key)
}

fn check_object(
    node: &Node,
    map: &Map<String, Value>,
    old: Option<&Value>,
    path: &str,
    outcome: &mut Outcome,
) {
    let count = map.len() as u64;
    if let Some(limit) = node.property_count.0.filter(|limit| count < *limit) {
        let detail = in_body(path, &format!("should have at least {limit} properties"));
        outcome.errors.push(FieldError::invalid(path, Value::from(count), detail));
    }
    if let Some(limit) = node.property_count.1.filter(|limit| count > *limit) {
        outcome.errors.push(FieldError::too_many(path, count, limit));
    }
    for (name, value) in map {
        let old = old.and_then(|old| old.get(name));
        if let Some(property) = node.properties.get(name) {
            outcome.merge(check(property, value, old, &child(path, name)));
            continue;
        }
        match &node.additional {
            Additional::Schema(schema) => outcome.merge(check(schema, value, old, &child(path, name))),
            Additional::Forbidden => {
                let detail = format!("{path}.{name} in body is a forbidden property");
                outcome.errors.push(FieldError::invalid(path, Value::from(name.as_str()), detail));
            }
            Additional::Unspecified => {}
        }
    }
    // The root's own type is checked by the endpoint.
    if node.embedded_resource && !path.is_empty() {
        for name in ["apiVersion", "kind"] {
            if !map.contains_key(name) {
                outcome.errors.push(FieldError::required(child(path, name), ""));
            }
        }
    }
    for name in &node.required {
        if !map.contains_key(name) {
            outcome.errors.push(FieldError::required(child(path, name), ""));
        }
    }
    outcome.matched += 1;
}

fn check_composition(node: &Node, value: &Value, path: &str, outcome: &mut Outcome) {
    if !node.any_of.is_empty() {
        let (valid, best) = alternatives(&node.any_of, value, path);
        if valid == 0 {
            let detail = format!("{} must validate at least one schema (anyOf)", go_quote(path));
            outcome.errors.push(without_field(detail));
        }
        outcome.merge(best);
    }
    if !node.one_of.is_empty() {
        let (valid, best) = alternatives(&node.one_of, value, path);
        if valid != 1 {
            let found = match valid {
                0 => "Found none valid".to_owned(),
                several => format!("Found {several} valid alternatives"),
            };
            let detail = format!("{} must validate one and only one schema (oneOf). {found}", go_quote(path));
            outcome.errors.push(without_field(detail));
        }
        outcome.merge(best);
    }
    let mut valid = 0;
    for schema in &node.all_of {
        let result = check(schema, value, None, path);
        valid += usize::from(result.errors.is_empty());
        outcome.merge(result);
    }
    if valid != node.all_of.len() {
        let none = if valid == 0 { ". None validated" } else { "" };
        let detail = format!("{} must validate all the schemas (allOf){none}", go_quote(path));
        outcome.errors.push(without_field(detail));
    }
    if let Some(schema) = &node.not
        && check(schema, value, None, path).errors.is_empty()
    {
        outcome.errors.push(without_field(format!("{} must not validate the schema (not)", go_quote(path))));
    }
    outcome.matched += 1;
}

/// How many alternatives hold, and the outcome to show: of one that holds, else of the one that matched most.
fn alternatives(schemas: &[Node], value: &Value, path: &str) -> (usize, Outcome) {
    let mut valid = 0;
    let mut best: Option<Outcome> = None;
    for schema in schemas {
        let outcome = check(schema, value, None, path);
        if outcome.errors.is_empty() {
            valid += 1;
            if valid == 1 {
                best = Some(outcome);
            }
        } else if valid == 0 && best.as_ref().is_none_or(|best| outcome.matched > best.matched) {
            best = Some(outcome);
        }
    }
    (valid, best.unwrap_or_default())
}
