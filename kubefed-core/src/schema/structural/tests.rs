#![allow(clippy::needless_pass_by_value, reason = "cases are written as values")]

use rstest::rstest;
use serde_json::{Value, json};

use super::{Structural, aggregate};

fn schema(spec: Value) -> Structural {
    let root = json!({"type": "object", "properties": {"spec": spec}});
    Structural::parse(&root).expect("schema")
}

fn errors(spec: Value, value: Value) -> Vec<String> {
    schema(spec).validate(&json!({"spec": value})).iter().map(ToString::to_string).collect()
}

#[rstest]
#[case::wrong_type(
    json!({"type": "integer"}), json!("3"),
    r#"spec: Invalid value: "string": spec in body must be of type integer: "string""#)]
#[case::null(
    json!({"type": "string"}), Value::Null,
    r#"spec: Invalid value: "null": spec in body must be of type string: "null""#)]
#[case::fraction(
    json!({"type": "integer"}), json!(1.5),
    r#"spec: Invalid value: "number": spec in body must be of type integer: "number""#)]
#[case::int_or_string(
    json!({"x-kubernetes-int-or-string": true}), json!(true),
    r#"spec: Invalid value: "boolean": spec in body must be of type integer,string: "boolean""#)]
#[case::minimum(
    json!({"type": "integer", "minimum": 1}), json!(0),
    "spec: Invalid value: 0: spec in body should be greater than or equal to 1")]
#[case::exclusive_maximum(
    json!({"type": "number", "maximum": 2.5, "exclusiveMaximum": true}), json!(2.5),
    "spec: Invalid value: 2.5: spec in body should be less than 2.5")]
#[case::enumeration(
    json!({"type": "string", "enum": ["a", "b"]}), json!("c"),
    r#"spec: Unsupported value: "c": supported values: "a", "b""#)]
#[case::pattern(
    json!({"type": "string", "pattern": "^[a-z]+$"}), json!("A1"),
    r#"spec: Invalid value: "A1": spec in body should match '^[a-z]+$'"#)]
#[case::too_long(
    json!({"type": "string", "maxLength": 1}), json!("ab"),
    "spec: Too long: may not be more than 1 byte")]
#[case::too_short(
    json!({"type": "string", "minLength": 2}), json!("a"),
    r#"spec: Invalid value: "a": spec in body should be at least 2 chars long"#)]
#[case::too_many_items(
    json!({"type": "array", "maxItems": 1, "items": {"type": "string"}}), json!(["a", "b"]),
    "spec: Too many: 2: must have at most 1 item")]
#[case::required(
    json!({"type": "object", "required": ["host"], "properties": {"host": {"type": "string"}}}), json!({}),
    "spec.host: Required value")]
#[case::item(
    json!({"type": "array", "items": {"type": "object", "properties": {"port": {"type": "integer"}}}}),
    json!([{"port": 1}, {"port": "x"}]),
    r#"spec[1].port: Invalid value: "string": spec[1].port in body must be of type integer: "string""#)]
#[case::format(
    json!({"type": "string", "format": "date-time"}), json!("yesterday"),
    r#"spec: Invalid value: "yesterday": spec in body must be of type date-time: "yesterday""#)]
#[case::set(
    json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}), json!(["a", "b", "a", "a"]),
    r#"spec[2]: Duplicate value: "a""#)]
#[case::map(
    json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
        "items": {"type": "object", "properties": {"name": {"type": "string"}}}}),
    json!([{"name": "x"}, {"name": "x"}]),
    r#"spec[1]: Duplicate value: {"name":"x"}"#)]
#[case::map_of_two_keys(
    json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
        "items": {"type": "object"}}),
    json!([{"port": 1, "protocol": "TCP"}, {"port": 1}, {"port": 1, "protocol": "TCP"}]),
    r#"spec[2]: Duplicate value: {"port":1,"protocol":"TCP"}"#)]
#[case::embedded_without_kind(
    json!({"type": "object", "x-kubernetes-embedded-resource": true}), json!({"apiVersion": "v1"}),
    "spec.kind: Required value")]
fn one_error_worded_as_the_server_words_it(
    #[case] spec: Value,
    #[case] value: Value,
    #[case] expected: &str,
) {
    assert_eq!(errors(spec, value), [expected]);
}

#[rstest]
#[case::whole_float_is_an_integer(json!({"type": "integer"}), json!(3.0))]
#[case::integer_is_a_number(json!({"type": "number"}), json!(3))]
#[case::nullable(json!({"type": "string", "nullable": true}), Value::Null)]
#[case::unknown_format(json!({"type": "string", "format": "quantity"}), json!("1Gi"))]
#[case::one_alternative(json!({"x-kubernetes-int-or-string": true,
    "anyOf": [{"type": "integer"}, {"type": "string"}]}), json!("80%"))]
#[case::map(json!({"type": "object", "additionalProperties": {"type": "integer"}}), json!({"a": 1}))]
fn accepted(#[case] spec: Value, #[case] value: Value) {
    assert_eq!(errors(spec, value), Vec::<String>::new());
}

#[test]
fn alternatives_report_themselves_and_the_closest_one() {
    let spec = json!({"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]});
    assert_eq!(
        errors(spec.clone(), json!({})),
        [
            r#"<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found none valid"#,
            "spec.a: Required value",
        ]
    );
    assert_eq!(
        errors(spec, json!({"a": 1, "b": 1})),
        [
            r#"<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found 2 valid alternatives"#
        ]
    );
}

#[test]
fn several_errors_are_aggregated_in_brackets() {
    let spec = json!({"type": "object", "required": ["a", "b"]});
    let found = schema(spec).validate(&json!({"spec": {}}));
    assert_eq!(aggregate(&found), "[spec.a: Required value, spec.b: Required value]");
    assert_eq!(found[0].kind.reason(), "FieldValueRequired");
    assert_eq!(found[0].body(), "Required value");
}

#[test]
fn pruning_keeps_what_is_declared_or_preserved() {
    let schema = Structural::parse(&json!({"type": "object", "properties": {
    "spec": {"type": "object", "properties": {
        "host": {"type": "string"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
            "strict": {"type": "object", "properties": {"known": {"type": "string"}}}}},
        "embedded": {"type": "object", "x-kubernetes-embedded-resource": true,
            "properties": {"spec": {"type": "object"}}},
        "items": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}}
    }}}}))
    .expect("schema");
    let mut object = json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x", "odd": 1}, "extra": 1, "spec": {
        "host": "h", "hots": "typo", "labels": {"any": "1"},
        "free": {"whatever": {"deep": 1}, "strict": {"known": "1", "unknown": "2"}},
        "embedded": {"apiVersion": "v1", "kind": "Y", "metadata": {"name": "y"}, "spec": {"lost": 1}, "status": {}},
        "items": [{"a": "1"}, {"a": "2", "b": "3"}]}});
    let pruned = schema.prune(&mut object);
    assert_eq!(
        pruned,
        [
            "extra",
            "spec.embedded.spec.lost",
            "spec.embedded.status",
            "spec.free.strict.unknown",
            "spec.hots",
            "spec.items[1].b",
        ]
    );
    assert_eq!(
        object,
        json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x", "odd": 1}, "spec": {
            "host": "h", "labels": {"any": "1"},
            "free": {"whatever": {"deep": 1}, "strict": {"known": "1"}},
            "embedded": {"apiVersion": "v1", "kind": "Y", "metadata": {"name": "y"}, "spec": {}},
            "items": [{"a": "1"}, {"a": "2"}]}})
    );
}

#[test]
fn defaults_are_filled_from_the_outside_in() {
    let schema = schema(json!({"type": "object", "default": {}, "properties": {
        "replicas": {"type": "integer", "default": 1},
        "note": {"type": "string"},
        "maybe": {"type": "string", "nullable": true, "default": "x"},
        "ports": {"type": "array", "items": {"type": "object", "properties": {
            "protocol": {"type": "string", "default": "TCP"}}}}}}));
    let mut object = json!({});
    schema.default(&mut object);
    assert_eq!(object, json!({"spec": {"replicas": 1, "maybe": "x"}}));
    let mut object =
        json!({"spec": {"replicas": null, "note": null, "maybe": null, "ports": [{}, {"protocol": "UDP"}]}});
    schema.default(&mut object);
    assert_eq!(
        object,
        json!({"spec": {"replicas": 1, "maybe": null, "ports": [{"protocol": "TCP"}, {"protocol": "UDP"}]}})
    );
}

#[test]
fn an_update_is_not_blamed_for_what_it_did_not_touch() {
    let schema = schema(json!({"type": "object", "properties": {
        "a": {"type": "string", "maxLength": 1},
        "list": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "properties": {
                "name": {"type": "string"}, "value": {"type": "string", "maxLength": 1}}}}}}));
    let old = json!({"spec": {"a": "too long", "list": [{"name": "x", "value": "too long"}]}});
    let mut new = old.clone();
    new["spec"]["list"].as_array_mut().expect("list").insert(0, json!({"name": "y", "value": "v"}));
    assert!(schema.validate_update(&new, Some(&old)).is_empty());
    new["spec"]["a"] = json!("also too long");
    let errors = schema.validate_update(&new, Some(&old));
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].field, "spec.a");
}

#[test]
fn a_document_that_is_no_schema_is_refused_with_the_place() {
    let error = Structural::parse(&json!({"properties": {"a": {"pattern": "("}}})).expect_err("no regex");
    assert!(
        error.to_string().starts_with("openAPIV3Schema.properties[a].pattern: is no regular expression"),
        "{error}"
    );
    let error = Structural::parse(&json!({"required": "a"})).expect_err("no list");
    assert_eq!(error.to_string(), "openAPIV3Schema.required: must be a list");
}
