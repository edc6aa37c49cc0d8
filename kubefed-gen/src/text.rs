//! Small helpers for what is written: digests, and JSON and YAML with sorted keys.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The sha256 of the bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The value with the keys of all objects sorted, whatever order the map type of `serde_json` keeps: that depends on a
/// feature that any crate of the build may switch on.
pub(crate) fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            Value::Object(
                entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect::<Map<_, _>>(),
            )
        }
        Value::Array(values) => Value::Array(values.iter().map(sorted).collect()),
        scalar => scalar.clone(),
    }
}

/// Compact JSON with sorted keys, ending in a line break.
pub(crate) fn compact_json(value: &Value) -> String {
    format!("{}\n", sorted(value))
}

/// YAML with sorted keys. Strings that YAML 1.1 would read as something else are quoted.
pub(crate) fn yaml(value: &Value) -> Result<String, String> {
    let mut text = serde_saphyr::to_string(&sorted(value)).map_err(|error| error.to_string())?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn strings_that_yaml_1_1_reads_as_something_else_are_quoted() {
        let text = yaml(
            &json!({"a": "yes", "b": "on", "c": "1e3", "d": "2024-01-01", "e": "012", "f": "null", "g": "plain"}),
        );
        let text = text.unwrap();
        for (key, value) in
            [("a", "yes"), ("b", "on"), ("c", "1e3"), ("d", "2024-01-01"), ("e", "012"), ("f", "null")]
        {
            let quoted = [format!("{key}: \"{value}\"\n"), format!("{key}: '{value}'\n")];
            assert!(quoted.iter().any(|line| text.contains(line)), "{key}: {text}");
        }
        assert!(text.contains("g: plain\n"), "{text}");
    }

    #[test]
    fn json_is_compact_and_sorted() {
        assert_eq!(
            compact_json(&json!({"b": [{"d": 1, "c": 2}], "a": null})),
            "{\"a\":null,\"b\":[{\"c\":2,\"d\":1}]}\n"
        );
    }
}
