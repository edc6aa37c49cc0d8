//! Rules for names, labels, annotations, finalizers and owner references, with the server's wording.

use kubefed_core::schema::structural::{FieldError, go_quote};
use serde_json::Value;

use super::meta;
use crate::builtin::NameRule;
use crate::registry::ResourceKind;

const LABEL_REGEX: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const ANNOTATIONS_LIMIT: u64 = 256 * 1024;
/// Finalizers that need no prefix.
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

/// What is wrong with the metadata that a user sets.
pub(super) fn check_metadata(kind: &ResourceKind, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let name = meta::text(object, "name");
    let rule = kind.traits.name_rule;
    let generate_name = meta::text(object, "generateName");
    if !generate_name.is_empty() {
        // A dash at the end is fine here: a suffix follows.
        let checked = generate_name
            .strip_suffix('-')
            .map_or_else(|| generate_name.to_owned(), |base| format!("{base}a"));
        let problems = name_problems(rule, &checked).into_iter();
        errors.extend(
            problems
                .map(|text| FieldError::invalid("metadata.generateName", Value::from(generate_name), text)),
        );
    }
    if name.is_empty() {
        errors.push(FieldError::required("metadata.name", "name or generateName is required"));
    } else {
        let problems = name_problems(rule, name).into_iter();
        errors.extend(problems.map(|text| FieldError::invalid("metadata.name", Value::from(name), text)));
    }
    check_labels(&meta::field(object, "labels"), "metadata.labels", &mut errors);
    check_annotations(&meta::field(object, "annotations"), &mut errors);
    check_owners(&meta::field(object, "ownerReferences"), &mut errors);
    for (index, finalizer) in meta::finalizers(object).into_iter().enumerate() {
        if kind.custom.is_none()
            && !finalizer.contains('/')
            && !STANDARD_FINALIZERS.contains(&finalizer.as_str())
        {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            let field = format!("metadata.finalizers[{index}]");
            errors.push(FieldError::invalid(field, Value::from(finalizer.as_str()), detail));
        }

        let problems = qualified_name_problems(&finalizer).into_iter();
        errors.extend(
            problems.map(|text| {
                FieldError::invalid("metadata.finalizers", Value::from(finalizer.as_str()), text)
            }),
        );
    }
    errors
}

fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| inner(*byte));
    edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(|byte| inner(*byte) || *byte == b'-')
}

fn too_long(limit: usize) -> String {
    format!("must be no more than {limit} bytes")
}

fn label_problems(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if text.len() > 63 {
        problems.push(too_long(63));
    }
    if !is_label(text) && !text.is_empty() && text.split('.').all(is_label) {
        problems.push("must not contain dots".to_owned());
    } else if !is_label(text) {
        problems.push(format!(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end \
             with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{LABEL_REGEX}')"
        ));
    }
    problems
}

fn subdomain_problems(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if text.len() > 253 {
        problems.push(too_long(253));
    }
    if !text.split('.').all(is_label) {
        problems.push(format!(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start \
             and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
             '{LABEL_REGEX}(\\.{LABEL_REGEX})*')"
        ));
    }
    problems
}

fn path_segment_problems(text: &str) -> Vec<String> {
    if matches!(text, "." | "..") {
        return vec![format!("may not be '{text}'")];
    }
    let forbidden = ["/", "%"].into_iter().filter(|part| text.contains(part));
    forbidden.map(|part| format!("may not contain '{part}'")).collect()
}

fn name_problems(rule: NameRule, name: &str) -> Vec<String> {
    match rule {
        NameRule::Subdomain => subdomain_problems(name),
        NameRule::Label => label_problems(name),
        NameRule::PathSegment => path_segment_problems(name),
    }
}

fn is_name_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

const NAME_PART: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
                         alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
                         '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/// Label and annotation keys, finalizers: an optional DNS prefix and a name.
pub(crate) fn qualified_name_problems(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let name = match text.split('/').collect::<Vec<_>>().as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                problems.push("prefix part must be non-empty".to_owned());
            } else {
                problems
                    .extend(subdomain_problems(prefix).into_iter().map(|text| format!("prefix part {text}")));
            }
            *name
        }
        _ => {
            return vec![format!(
                "a valid label key {NAME_PART} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        problems.push(format!("name part {}", too_long(63)));
    }
    if !is_name_part(name) {
        problems.push(format!("name part {NAME_PART}"));
    }
    problems
}

/// Whether a text may be the value of a label.
pub(crate) fn is_label_value(text: &str) -> bool {
    text.is_empty() || (text.len() <= 63 && is_name_part(text))
}

/// What is wrong with a map of labels.
pub(crate) fn check_labels(labels: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (key, value) in labels.as_object().into_iter().flatten() {
        let problems = qualified_name_problems(key).into_iter();
        errors.extend(problems.map(|text| FieldError::invalid(path, Value::from(key.as_str()), text)));
        let text = value.as_str().unwrap_or_default();
        if text.len() > 63 {
            errors.push(FieldError::invalid(path, value.clone(), too_long(63)));
        }
        if !text.is_empty() && !is_name_part(text) {
            let detail = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
                          must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', \
                          regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
            errors.push(FieldError::invalid(path, value.clone(), detail));
        }
    }
}

fn check_annotations(annotations: &Value, errors: &mut Vec<FieldError>) {
    let mut size = 0;
    for (key, value) in annotations.as_object().into_iter().flatten() {
        size += (key.len() + value.as_str().unwrap_or_default().len()) as u64;
        let problems = qualified_name_problems(&key.to_lowercase()).into_iter();
        errors.extend(
            problems.map(|text| FieldError::invalid("metadata.annotations", Value::from(key.as_str()), text)),
        );
    }
    if size > ANNOTATIONS_LIMIT {
        errors.push(FieldError::too_long("metadata.annotations", ANNOTATIONS_LIMIT));
    }
}

fn check_owners(owners: &Value, errors: &mut Vec<FieldError>) {
    let path = "metadata.ownerReferences";
    let mut controller: Option<String> = None;
    for owner in owners.as_array().into_iter().flatten() {
        let text = |field: &str| owner.get(field).and_then(Value::as_str).unwrap_or_default();
        for (field, problem) in [
            ("apiVersion", "version must not be empty"),
            ("kind", "must not be empty"),
            ("name", "must not be empty"),
            ("uid", "must not be empty"),
        ] {
            if text(field).is_empty() {
                errors.push(FieldError::invalid(format!("{path}.{field}"), Value::from(""), problem));
            }
        }
        if owner.get("controller") == Some(&Value::Bool(true)) {
            let this = format!("{}/{}", text("kind"), text("name"));
            if let Some(first) = &controller {
                let detail = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"
                );
                errors.push(FieldError::invalid(path, owners.clone(), detail));
            } else {
                controller = Some(this);
            }
        }
    }
}

/// What the server warns of: finalizers of custom objects that others might use, too.
pub(super) fn finalizer_warnings(kind: &ResourceKind, object: &Value) -> Vec<String> {
    if kind.custom.is_none() {
        return Vec::new();
    }
    let plain = meta::finalizers(object).into_iter();
    let plain = plain.filter(|one| !one.contains('/') && !STANDARD_FINALIZERS.contains(&one.as_str()));
    plain
        .map(|one| {
            format!(
                "metadata.finalizers: {}: prefer a domain-qualified finalizer name to avoid accidental conflicts with other \
                 finalizer writers",
                go_quote(&one)
            )
        })
        .collect()
}
