//! Rules for names: how they are made, and what the API server takes.

use darling::{Error, Result};

use crate::attrs::Text;

/// Default group of federated kinds.
pub(crate) const FEDERATED_GROUP: &str = "types.kubefed.io";
/// Default version of federated kinds.
pub(crate) const FEDERATED_VERSION: &str = "v1beta1";

/// Longest name of a group: a DNS subdomain (RFC 1123).
const MAX_GROUP: usize = 253;
/// Longest label of a DNS name (RFC 1035).
const MAX_LABEL: usize = 63;

/// The plural of a lower-case singular, by the rule of `#[derive(CustomResource)]`, so that both derives agree.
pub(crate) fn plural_of(singular: &str) -> String {
    if ["s", "x", "z", "ch", "sh"].iter().any(|ending| singular.ends_with(ending)) {
        return format!("{singular}es");
    }
    let ends_in_vowel = |stem: &str| stem.is_empty() || stem.ends_with(['a', 'e', 'i', 'o', 'u']);
    match singular.strip_suffix('y') {
        Some(stem) if !ends_in_vowel(stem) => format!("{stem}ies"),
        _ => format!("{singular}s"),
    }
}

/// A field's name in camel case, by the rule of `#[serde(rename_all = "camelCase")]`.
///
/// An underscore behind a name, as in `type_`, leaves no trace: k8s-openapi names fields so that are keywords.
pub(crate) fn camel_case(field: &str) -> String {
    let mut words = field.split('_').filter(|word| !word.is_empty());
    let first = words.next().map(|word| with_first(word, |letter| letter.to_ascii_lowercase()));
    let rest = words.map(|word| with_first(word, |letter| letter.to_ascii_uppercase()));
    first.into_iter().chain(rest).collect()
}

fn with_first(word: &str, change: impl Fn(char) -> char) -> String {
    let mut letters = word.chars();
    letters.next().map(change).into_iter().chain(letters).collect()
}

/// The segments of a JSON path such as `.spec.replicas`.
pub(crate) fn json_path(text: &Text) -> Result<Vec<String>> {
    let path = text.value();
    let segments: Option<Vec<_>> =
        path.strip_prefix('.').map(|rest| rest.split('.').map(str::to_owned).collect());
    let is_plain = |segment: &String| {
        let mut letters = segment.chars();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-'))
    };
    match segments {
        Some(segments) if segments.iter().all(is_plain) => Ok(segments),
        _ => {
            let message = "write field names with a dot before each: `\".spec.replicas\"`";
            Err(Error::custom(message).with_span(&text.span()))
        }
    }
}

/// Refuses what is no group of the API server; the core group, which has no name, passes.
pub(crate) fn check_group_or_core(text: &Text) -> Result<()> {
    if text.value().is_empty() { Ok(()) } else { check_group(text) }
}

/// Refuses what is no named group.
pub(crate) fn check_group(text: &Text) -> Result<()> {
    let group = text.value();
    let is_part = |part: &str| part.starts_with(is_lower_or_digit) && is_label_from_second(part);
    let message = "a group is a DNS name in lower case: `\"example.com\"`";
    check(text, group.len() <= MAX_GROUP && group.split('.').all(is_part), message)
}

/// Refuses what is no version, plural or short name.
pub(crate) fn check_label(text: &Text) -> Result<()> {
    let label = text.value();
    let valid = label.starts_with(|letter: char| letter.is_ascii_lowercase()) && is_label_from_second(&label);
    check(text, valid, "this name takes lower-case letters, digits and `-`, and begins with a letter")
}

/// Refuses what is no kind.
pub(crate) fn check_kind(text: &Text) -> Result<()> {
    let kind = text.value();
    let valid = kind.len() <= MAX_LABEL
        && kind.starts_with(|letter: char| letter.is_ascii_uppercase())
        && kind.chars().all(|letter| letter.is_ascii_alphanumeric());
    check(text, valid, "a kind takes letters and digits, and begins with an upper-case letter: `\"Website\"`")
}

fn check(text: &Text, valid: bool, message: &str) -> Result<()> {
    if valid { Ok(()) } else { Err(Error::custom(message).with_span(&text.span())) }
}

fn is_lower_or_digit(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter.is_ascii_digit()
}

/// Whether a label is one, its first letter aside.
fn is_label_from_second(label: &str) -> bool {
    label.len() <= MAX_LABEL
        && label.chars().all(|letter| is_lower_or_digit(letter) || letter == '-')
        && label.ends_with(is_lower_or_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_are_those_of_the_derive_beside_us() {
        let cases = [
            ("website", "websites"),
            ("ingress", "ingresses"),
            ("box", "boxes"),
            ("batch", "batches"),
            ("networkpolicy", "networkpolicies"),
            ("gateway", "gateways"),
            ("foo", "foos"),
        ];
        for (singular, plural) in cases {
            assert_eq!(plural_of(singular), plural);
        }
    }

    #[test]
    fn fields_become_camel_case_as_serde_makes_them() {
        let cases = [
            ("replicas", "replicas"),
            ("min_replicas", "minReplicas"),
            ("type_", "type"),
            ("cluster_ip_2", "clusterIp2"),
            ("already_camelCase", "alreadyCamelCase"),
        ];
        for (field, name) in cases {
            assert_eq!(camel_case(field), name);
        }
    }
}
