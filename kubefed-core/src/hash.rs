//! Hashes that outlive a process: of rendered objects, of our ownership in members, and the two of KubeFed's
//! `PropagatedVersion` objects.
//!
//! All of them rest on one JSON writer of our own, because their values are compared with what an earlier release
//! stored: neither the order of a map nor the number format of a library may change them.

use std::{fmt, str::FromStr};

use md5::Md5;
use serde_json::{Number, Value};
use sha2::{Digest as _, Sha256};

/// The first 16 bytes of a SHA-256. Shown and parsed as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The digest of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let full = Sha256::digest(bytes);
        let mut short = [0; 16];
        short.copy_from_slice(&full[..16]);
        Self(short)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// A text that is no [`Digest`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a digest: 32 lower-case hexadecimal digits are expected")]
pub struct ParseDigestError {
    text: String,
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let error = || ParseDigestError { text: text.to_owned() };
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return Err(error());
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
                return Err(error());
            };
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

/// The hash of a rendered object: of its canonical JSON, so that the order of keys does not matter and `1.0` is `1`.
///
/// Stable across releases: the value is stored in the status of federated objects, and another value for the same
/// object would make a new release write every object once.
#[must_use]
pub fn rendered(object: &Value) -> Digest {
    Digest::of(canonical(object).as_bytes())
}

/// Canonical JSON: keys sorted bytewise, no white space, one form per number.
pub(crate) fn canonical(value: &Value) -> String {
    let mut writer = Writer { out: String::with_capacity(256), html: false, floats_only: false };
    writer.value(value);
    writer.out
}

/// KubeFed's `templateVersion` (spec 4.1): of `spec.template`; empty without a template.
#[must_use]
pub fn template_version(template: Option<&Value>) -> String {
    template.map_or_else(String::new, |template| {
        let mut writer = Writer { out: String::new(), html: true, floats_only: false };
        writer.value(template);
        writer.into_md5()
    })
}

/// KubeFed's `overridesVersion` (spec 4.1): of `spec.overrides`, read from the whole `spec`; empty without a spec.
///
/// Go reads the overrides into structs and writes those, so fields that the structs do not have are left out here
/// too. A field of a wrong type counts as absent; Go refuses such an object before it hashes it.
#[must_use]
pub fn overrides_version(spec: Option<&Value>) -> String {
    let Some(spec) = spec else { return String::new() };
    let mut writer = Writer { out: String::from("{\"overrides\":"), html: true, floats_only: true };
    match spec.get("overrides").and_then(Value::as_array) {
        None => writer.out.push_str("null"),
        Some(overrides) => writer.list(overrides, Writer::cluster_overrides),
    }
    writer.out.push('}');
    writer.into_md5()
}

/// Writes JSON in one of two forms: canonical, or as Go's `encoding/json` writes maps.
struct Writer {
    out: String,
    /// Escape what Go escapes for the sake of HTML and JavaScript.
    html: bool,
    /// Write integers as Go writes them after they went through a float64.
    floats_only: bool,
}

impl Writer {
    /// Go's encoder ends with a newline, which KubeFed hashes with the rest.
    fn into_md5(mut self) -> String {
        self.out.push('\n');
        Md5::digest(self.out.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(true) => self.out.push_str("true"),
            Value::Bool(false) => self.out.push_str("false"),
            Value::Number(number) => self.number(number),
            Value::String(text) => self.string(text),
            Value::Array(items) => self.list(items, Self::value),
            Value::Object(fields) => {
                let mut sorted: Vec<_> = fields.iter().collect();
                sorted.sort_unstable_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
                self.out.push('{');
                for (index, (key, value)) in sorted.into_iter().enumerate() {
                    if index > 0 {
                        self.out.push(',');
                    }
                    self.string(key);
                    self.out.push(':');
                    self.value(value);
                }
                self.out.push('}');
            }
        }
    }

    fn list(&mut self, items: &[Value], item: impl Fn(&mut Self, &Value)) {
        self.out.push('[');
        for (index, value) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            item(self, value);
        }
        self.out.push(']');
    }

    /// One item of `spec.overrides`, with the fields in the order of KubeFed's struct.
    fn cluster_overrides(&mut self, item: &Value) {
        self.out.push_str("{\"clusterName\":");
        self.string(text_of(item, "clusterName"));
        if let Some(overrides) = item.get("clusterOverrides").and_then(Value::as_array)
            && !overrides.is_empty()
        {
            self.out.push_str(",\"clusterOverrides\":");
            self.list(overrides, Self::cluster_override);
        }
        self.out.push('}');
    }

    fn cluster_override(&mut self, item: &Value) {
        self.out.push('{');
        let operation = text_of(item, "op");
        if !operation.is_empty() {
            self.out.push_str("\"op\":");
            self.string(operation);
            self.out.push(',');
        }
        self.out.push_str("\"path\":");
        self.string(text_of(item, "path"));
        if let Some(value) = item.get("value").filter(|value| !value.is_null()) {
            self.out.push_str(",\"value\":");
            self.value(value);
        }
        self.out.push('}');
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            match character {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' if self.html => self.escape(character),
                character if character < ' ' => self.escape(character),
                character => self.out.push(character),
            }
        }
        self.out.push('"');
    }

    fn escape(&mut self, character: char) {
        self.out.push_str(&format!("\\u{:04x}", u32::from(character)));
    }

    fn number(&mut self, number: &Number) {
        match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(integer), _, _) if !self.floats_only => self.out.push_str(&integer.to_string()),
            // Go's unstructured numbers are int64 or float64; the canonical form keeps all digits.
            (None, Some(integer), _) if !self.html => self.out.push_str(&integer.to_string()),
            (_, _, Some(float)) => self.float(float),
            (_, _, None) => self.out.push_str(&number.to_string()),
        }
    }

    /// The shortest decimal that reads back as the same float, laid out as ECMAScript and Go do it.
    fn float(&mut self, float: f64) {
        let scientific = format!("{:e}", float.abs());
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let digits = mantissa.replace('.', "");
        let exponent: i32 = exponent.parse().unwrap_or(0);
        // How many digits stand before the decimal point; may be negative or beyond the digits.
        let point = exponent + 1;
        let before = usize::try_from(point).unwrap_or(0);
        if float.is_sign_negative() {
            self.out.push('-');
        }
        if float != 0.0 && !(-6..21).contains(&exponent) {
            let (first, rest) = digits.split_at(1);
            self.out.push_str(first);
            if !rest.is_empty() {
                self.out.push('.');
                self.out.push_str(rest);
            }
            self.out.push_str(&format!("e{exponent:+}"));
        } else if point <= 0 {
            self.out.push_str("0.");
            self.out.extend(std::iter::repeat_n('0', usize::try_from(-point).unwrap_or(0)));
            self.out.push_str(&digits);
        } else if before >= digits.len() {
            self.out.push_str(&digits);
            self.out.extend(std::iter::repeat_n('0', before - digits.len()));
        } else {
            let (whole, fraction) = digits.split_at(before);
            self.out.push_str(whole);
            self.out.push('.');
            self.out.push_str(fraction);
        }
    }
}

fn text_of<'a>(item: &'a Value, field: &str) -> &'a str {
    item.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    /// The golden test: these values are stored in clusters. If it fails, the encoder changed, not the test.
    #[rstest]
    #[case(json!({}), "44136fa355b3678a1146ad16f7e8649e")]
    #[case(
        json!({"b": [1, 1.5, -7, 1e21, 1e-7, true, null], "a": {"z": "<a>\u{2028}é\n\u{8}", "y": 18446744073709551615_u64}}),
        "dcb82398d1c876c982975e098dbe5150"
    )]
    fn hashes_of_rendered_objects_are_stable(#[case] object: Value, #[case] digest: &str) {
        assert_eq!(rendered(&object).to_string(), digest);
    }

    #[test]
    fn canonical_json_is_sorted_and_bare() {
        let value = json!({"b": [1, 1.0, 1.5], "é": "\"\\\u{1}<", "a": {}});
        assert_eq!(canonical(&value), r#"{"a":{},"b":[1,1,1.5],"é":"\"\\\u0001<"}"#);
    }

    #[rstest]
    #[case(5.0, "5")]
    #[case(-0.0, "-0")]
    #[case(0.0, "0")]
    #[case(1.5, "1.5")]
    #[case(-123.456, "-123.456")]
    #[case(1e20, "100000000000000000000")]
    #[case(1e21, "1e+21")]
    #[case(1.25e22, "1.25e+22")]
    #[case(1e-6, "0.000001")]
    #[case(1.5e-6, "0.0000015")]
    #[case(1e-7, "1e-7")]
    #[case(12_345_678_901_234_567_890.0, "12345678901234567000")]
    fn floats_are_laid_out_as_in_go(#[case] float: f64, #[case] text: &str) {
        assert_eq!(canonical(&json!(float)), text);
    }

    #[rstest]
    #[case(json!({"spec": {"foo": null}}), "a5b8d4352d5aed51c51b93900258ccf3")]
    #[case(json!({}), "8a80554c91d9fca8acb82f023de02f11")]
    #[case(json!({"data": {"foo": "bar"}}), "4682012eb72f035cfe2b227efe7ca8c8")]
    #[case(json!({"metadata": {"labels": {"app": "nginx"}}, "spec": {"replicas": 3}}), "1b1005456938e765689be8acb11b4db1")]
    #[case(json!({"data": {"k": "<a>&\u{2028}é"}}), "97f1bb5af91b3b62ba5c7aa82dc9a1bb")]
    fn template_versions_are_those_of_kubefed(#[case] template: Value, #[case] version: &str) {
        assert_eq!(template_version(Some(&template)), version);
        assert_eq!(template_version(None), "");
    }

    #[rstest]
    #[case(json!({}), "2979b7538b527abe06492021841caf47")]
    #[case(json!({"overrides": null}), "2979b7538b527abe06492021841caf47")]
    #[case(json!({"overrides": []}), "fd97e6d9a670c7dcdc2477764f78b459")]
    #[case(json!({"overrides": [{"clusterName": "c1"}]}), "337924182e5e30079d81a4a21fd1f617")]
    #[case(json!({"overrides": [{"clusterName": "c1", "clusterOverrides": [], "other": 1}]}), "337924182e5e30079d81a4a21fd1f617")]
    #[case(
        json!({"overrides": [{"clusterName": "cluster1", "clusterOverrides": [
            {"path": "/spec/replicas", "value": 1},
            {"path": "/spec/template/spec/containers/0/image", "value": "busybox:1.31.0-uclibc"}]}]}),
        "d5d7d1a8d153ee52b44b37c072de0d3a"
    )]
    #[case(
        json!({"overrides": [{"clusterName": "cluster2", "clusterOverrides": [
            {"op": "remove", "path": "/metadata/annotations/foo"},
            {"op": "", "path": "/x", "value": null},
            {"path": "/y", "value": false}, {"path": "/z", "value": 0}, {"path": "/w", "value": ""}]}]}),
        "fd940e231825405cb279c525790c4184"
    )]
    #[case(
        json!({"overrides": [{"clusterName": "c", "clusterOverrides": [{"path": "/a", "value":
            {"b": 2, "a": 1, "html": "<a&b>", "big": 12345678901234567890_u64, "f": 1.50, "e": 1e21, "s": 1e-7}}]}]}),
        "7a123aaee98d341d8b156004aee905dc"
    )]
    fn overrides_versions_are_those_of_kubefed(#[case] spec: Value, #[case] version: &str) {
        assert_eq!(overrides_version(Some(&spec)), version);
        assert_eq!(overrides_version(None), "");
    }

    #[rstest]
    #[case("")]
    #[case("44136fa355b3678a1146ad16f7e8649")]
    #[case("44136fa355b3678a1146ad16f7e8649E")]
    #[case("44136fa355b3678a1146ad16f7e8649e0")]
    #[case("+4136fa355b3678a1146ad16f7e8649e")]
    fn what_is_no_digest_is_refused(#[case] text: &str) {
        assert!(text.parse::<Digest>().unwrap_err().to_string().contains("32 lower-case"));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            // Not any float: the parser of serde_json is off by one unit in the last place now and then.
            any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
            "\\PC{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("\\PC{0,5}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn reversed(value: &Value) -> Value {
        match value {
            Value::Object(fields) => Value::Object(
                fields.iter().rev().map(|(key, value)| (key.clone(), reversed(value))).collect(),
            ),
            Value::Array(items) => items.iter().map(reversed).collect(),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn the_order_of_keys_does_not_matter(value in any_json()) {
            prop_assert_eq!(rendered(&value), rendered(&reversed(&value)));
        }

        #[test]
        fn canonical_json_reads_back_as_the_same_value(value in any_json()) {
            let back: Value = serde_json::from_str(&canonical(&value)).unwrap();
            prop_assert_eq!(canonical(&back), canonical(&value));
        }

        #[test]
        fn floats_read_back(float in any::<f64>().prop_filter("finite", |float| float.is_finite())) {
            prop_assert_eq!(canonical(&json!(float)).parse::<f64>(), Ok(float));
        }

        #[test]
        fn digests_read_back(bytes in any::<Vec<u8>>()) {
            let digest = Digest::of(&bytes);
            prop_assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
        }
    }
}
