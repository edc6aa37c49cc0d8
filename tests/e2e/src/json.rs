//! Comparing JSON with what is expected of it.

use serde_json::Value;

use crate::Look;

/// The first place where `found` is not as `expected` says, if there is one.
///
/// Objects may hold more than is expected of them; an expected null means that there must be nothing. Lists must have
/// the same length.
#[must_use]
pub fn differs(expected: &Value, found: &Value) -> Option<String> {
    compare(expected, found, &mut String::new())
}

/// As [`differs`], for looks.
///
/// # Errors
///
/// The difference.
pub fn requires(expected: &Value, found: &Value) -> Look<()> {
    differs(expected, found).map_or(Ok(()), Err)
}

fn compare(expected: &Value, found: &Value, path: &mut String) -> Option<String> {
    let length = path.len();
    match (expected, found) {
        (Value::Object(fields), Value::Object(others)) => fields.iter().find_map(|(key, field)| {
            path.push('/');
            path.push_str(key);
            let difference = compare(field, others.get(key).unwrap_or(&Value::Null), path);
            path.truncate(length);
            difference
        }),
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            items.iter().zip(others).enumerate().find_map(|(index, (item, other))| {
                path.push_str(&format!("/{index}"));
                let difference = compare(item, other, path);
                path.truncate(length);
                difference
            })
        }
        _ if expected == found => None,
        _ => Some(format!("{path} is {found} and should be {expected}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_expected_counts() {
        let found = json!({"data": {"a": "1", "b": "2"}, "list": [{"name": "x", "more": 1}]});
        assert_eq!(differs(&json!({"data": {"a": "1", "c": null}}), &found), None);
        assert_eq!(differs(&json!({"list": [{"name": "x"}]}), &found), None);
        let difference = differs(&json!({"data": {"b": null}}), &found);
        assert_eq!(difference.as_deref(), Some("/data/b is \"2\" and should be null"));
        let difference = differs(&json!({"list": [{"name": "y"}]}), &found);
        assert_eq!(difference.as_deref(), Some("/list/0/name is \"x\" and should be \"y\""));
        assert!(differs(&json!({"list": []}), &found).is_some());
    }
}
