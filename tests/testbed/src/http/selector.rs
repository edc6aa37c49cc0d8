//! Label and field selectors as text.

use crate::builtin::Traits;
use crate::error::{ApiError, ApiResult};
use crate::registry::ResourceKind;
use crate::resources::is_label_value;
use crate::store::{Operator, Requirement, Selection};

/// `a=b,c!=d,e in (x,y),f notin (z),g,!h,i>1`.
pub(crate) fn parse_labels(text: &str) -> ApiResult<Vec<Requirement>> {
    split(text).into_iter().map(|part| parse_label(part.trim())).collect()
}

/// Parts between commas that are not inside brackets.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_i32, 0);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn parse_label(part: &str) -> ApiResult<Requirement> {
    let requirement = |name: &str, operator| Ok(Requirement { name: checked_key(name, part)?, operator });
    let set = |name: &str, values: &str| -> Option<(String, Vec<String>)> {
        let values = values.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some((name.trim().to_owned(), values.split(',').map(|value| value.trim().to_owned()).collect()))
    };
    if let Some(name) = part.strip_prefix('!') {
        return requirement(name, Operator::Absent);
    }
    if let Some((name, values)) = part.split_once(" notin ").or_else(|| part.split_once(" notin("))
        && let Some((name, values)) = set(name, &brackets(values))
    {
        return requirement(&name, Operator::NotIn(checked_values(values, part)?));
    }
    if let Some((name, values)) = part.split_once(" in ").or_else(|| part.split_once(" in("))
        && let Some((name, values)) = set(name, &brackets(values))
    {
        return requirement(&name, Operator::In(checked_values(values, part)?));
    }
    if let Some((name, value)) = part.split_once("!=") {
        return requirement(name, Operator::NotIn(checked_values(vec![value.trim().to_owned()], part)?));
    }
    if let Some((name, value)) = part.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value).trim();
        return requirement(name, Operator::In(checked_values(vec![value.to_owned()], part)?));
    }
    for (sign, greater) in [('>', true), ('<', false)] {
        if let Some((name, value)) = part.split_once(sign) {
            let bound = value.trim().parse().map_err(|_| unreadable(part))?;
            let operator = if greater { Operator::GreaterThan(bound) } else { Operator::LessThan(bound) };
            return requirement(name, operator);
        }
    }
    requirement(part, Operator::Exists)
}

fn brackets(values: &str) -> String {
    if values.trim_start().starts_with('(') { values.to_owned() } else { format!("({values}") }
}

fn unreadable(part: &str) -> ApiError {
    ApiError::bad_request(format!("unable to parse requirement: found '{part}', which is no label selector"))
}

fn checked_key(name: &str, part: &str) -> ApiResult<String> {
    let name = name.trim();
    let local = name.rsplit_once('/').map_or(name, |(_, local)| local);
    if local.is_empty() || !is_label_value(local) { Err(unreadable(part)) } else { Ok(name.to_owned()) }
}

fn checked_values(values: Vec<String>, part: &str) -> ApiResult<Vec<String>> {
    if values.iter().all(|value| is_label_value(value)) { Ok(values) } else { Err(unreadable(part)) }
}

/// `metadata.name=x,spec.type!=y`: names that the kind does not offer are refused.
pub(crate) fn parse_fields(kind: &ResourceKind, text: &str) -> ApiResult<Vec<Requirement>> {
    split(text).into_iter().map(|part| parse_field(kind, part.trim())).collect()
}

fn parse_field(kind: &ResourceKind, part: &str) -> ApiResult<Requirement> {
    let (name, value, equal) = if let Some((name, value)) = part.split_once("!=") {
        (name, value, false)
    } else if let Some((name, value)) = part.split_once("==") {
        (name, value, true)
    } else if let Some((name, value)) = part.split_once('=') {
        (name, value, true)
    } else {
        return Err(ApiError::bad_request(format!("invalid selector: '{part}'; can't understand '{part}'")));
    };
    let name = &stored_name(kind, name);
    let known = matches!(name.as_str(), "metadata.name" | "metadata.namespace") || is_selectable(kind, name);
    if !known {
        return Err(ApiError::bad_request(unknown_field(kind.traits, kind.custom.is_some(), name)));
    }
    let values = vec![value.to_owned()];
    let operator = if equal { Operator::In(values) } else { Operator::NotIn(values) };
    Ok(Requirement { name: name.to_owned(), operator })
}

/// Events have other names for their fields in their newer group.
fn stored_name(kind: &ResourceKind, name: &str) -> String {
    if kind.storage.group == kind.group {
        return name.to_owned();
    }
    match name.split_once('.') {
        Some(("regarding", field)) => format!("involvedObject.{field}"),
        _ if name == "reportingController" => "reportingComponent".to_owned(),
        _ => name.to_owned(),
    }
}

fn is_selectable(kind: &ResourceKind, name: &str) -> bool {
    kind.traits.selectable.contains(&name)
        || kind.custom.as_ref().is_some_and(|custom| custom.selectable.iter().any(|field| field == name))
}

fn unknown_field(traits: &Traits, custom: bool, name: &str) -> String {
    if custom || !traits.selectable.is_empty() {
        format!("field label not supported: {name}")
    } else {
        format!("\"{name}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
    }
}

/// The selection that a list or watch asks for; a requirement on name or namespace becomes part of its scope.
pub(crate) fn selection(
    kind: &ResourceKind,
    namespace: &str,
    labels: &str,
    fields: &str,
) -> ApiResult<Selection> {
    let mut selection = Selection::all((!namespace.is_empty()).then_some(namespace));
    selection.labels = parse_labels(labels)?;
    for requirement in parse_fields(kind, fields)? {
        match (requirement.name.as_str(), &requirement.operator) {
            ("metadata.name", Operator::In(values)) if values.len() == 1 && selection.name.is_none() => {
                selection.name = values.first().cloned();
            }
            _ => selection.fields.push(requirement),
        }
    }
    Ok(selection)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn one(text: &str) -> Requirement {
        parse_labels(text).expect(text).remove(0)
    }

    fn values(list: &[&str]) -> Vec<String> {
        list.iter().map(|one| (*one).to_owned()).collect()
    }

    #[rstest]
    #[case("a=b", "a", Operator::In(values(&["b"])))]
    #[case("a==b", "a", Operator::In(values(&["b"])))]
    #[case("x.io/a = b", "x.io/a", Operator::In(values(&["b"])))]
    #[case("a!=b", "a", Operator::NotIn(values(&["b"])))]
    #[case("a in (b, c)", "a", Operator::In(values(&["b", "c"])))]
    #[case("a in(b)", "a", Operator::In(values(&["b"])))]
    #[case("a notin (b,)", "a", Operator::NotIn(values(&["b", ""])))]
    #[case("a", "a", Operator::Exists)]
    #[case("!a", "a", Operator::Absent)]
    #[case("a>1", "a", Operator::GreaterThan(1))]
    #[case("a<2", "a", Operator::LessThan(2))]
    #[case("a=", "a", Operator::In(values(&[""])))]
    fn label_requirements(#[case] text: &str, #[case] name: &str, #[case] operator: Operator) {
        assert_eq!(one(text), Requirement { name: name.to_owned(), operator });
    }

    #[test]
    fn several_are_split_at_outer_commas() {
        let names: Vec<String> =
            parse_labels("a in (b,c),d=e,!f").expect("selector").into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["a", "d", "f"]);
        assert!(parse_labels("").expect("empty").is_empty());
        assert_eq!(parse_labels("a=b=c").expect_err("no value").code, 400);
    }
}
