use rstest::rstest;
use serde_json::{Value, json};

use super::*;

/// The template schema of a kind whose one field `field` has the given schema, as the schema of that field.
fn field(schema: &Value, definitions: &Value) -> Result<Value, NormaliseError> {
    let document = json!({
        "components": {"schemas": definitions},
        "target": {"type": "object", "properties": {"field": schema}},
    });
    let template = template_schema(&json!({"$ref": "#/target"}), &document, NormaliseOptions::default())?;
    assert_eq!(violations(&template), Vec::<String>::new(), "{template:#}");
    Ok(template["properties"]["field"].clone())
}

fn open() -> Value {
    json!({"x-kubernetes-preserve-unknown-fields": true})
}

fn int_or_string() -> Value {
    json!({"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": true})
}

#[rstest]
#[case::scalar(json!({"type": "string", "pattern": "^a", "format": "date-time", "default": "a"}),
    json!({"type": "string", "pattern": "^a", "format": "date-time"}))]
#[case::format_unknown_to_api_servers(json!({"type": "integer", "format": "uint16", "minimum": 0}),
    json!({"type": "integer", "minimum": 0}))]
#[case::exclusive_bound_as_number(json!({"type": "number", "exclusiveMinimum": 3}),
    json!({"type": "number", "minimum": 3, "exclusiveMinimum": true}))]
#[case::int_or_string(json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]}), int_or_string())]
#[case::quantity(json!({"oneOf": [{"type": "string"}, {"type": "number"}]}), int_or_string())]
#[case::list_of_types(json!({"type": ["string", "null"]}), json!({"type": "string", "nullable": true}))]
#[case::several_types(json!({"type": ["string", "boolean"]}), open())]
#[case::anything(json!({"description": "any"}), open())]
#[case::schema_true(json!(true), open())]
#[case::bare_object(json!({"type": "object"}), json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}))]
#[case::empty_object(json!({"type": "object", "properties": {}}), json!({"type": "object"}))]
#[case::map(json!({"type": "object", "additionalProperties": {"type": "string", "default": ""}}),
    json!({"type": "object", "additionalProperties": {"type": "string"}}))]
#[case::map_of_anything(json!({"type": "object", "additionalProperties": true}),
    json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}))]
#[case::properties_and_more(
    json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}}),
    json!({"type": "object", "properties": {"a": {"type": "string"}}, "x-kubernetes-preserve-unknown-fields": true}))]
#[case::nothing_is_required(
    json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}, "x-kubernetes-unions": []}),
    json!({"type": "object", "properties": {"a": {"type": "string"}}}))]
#[case::alternatives_of_objects_go(
    json!({"type": "object", "properties": {"a": {"type": "string"}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}),
    json!({"type": "object", "properties": {"a": {"type": "string"}}}))]
#[case::alternatives_of_values_stay(
    json!({"type": "string", "anyOf": [{"pattern": "^a"}, {"not": {"maxLength": 3}}]}),
    json!({"type": "string", "anyOf": [{"pattern": "^a"}, {"not": {"maxLength": 3}}]}))]
#[case::all_of_values_stays(json!({"type": "string", "allOf": [{"pattern": "^a"}, {"pattern": "z$"}]}),
    json!({"type": "string", "allOf": [{"pattern": "^a"}, {"pattern": "z$"}]}))]
#[case::optional(json!({"anyOf": [{"type": "integer"}, {"enum": [null], "nullable": true}]}),
    json!({"type": "integer", "nullable": true}))]
#[case::optional_choice(json!({"type": "string", "enum": ["a", null], "nullable": true}),
    json!({"type": "string", "enum": ["a", null], "nullable": true}))]
#[case::choice_without_type(json!({"enum": ["a", "b"]}), json!({"type": "string", "enum": ["a", "b"]}))]
#[case::constant(json!({"const": "a"}), json!({"type": "string", "enum": ["a"]}))]
#[case::tuple(json!({"type": "array", "items": [{"type": "string"}]}), json!({"type": "array", "items": open()}))]
#[case::embedded_resource(
    json!({"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"spec": {"type": "string"}}}),
    json!({"type": "object", "properties": {
        "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "spec": {"type": "string"},
        "metadata": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}))]
#[case::validation_rules_go(
    json!({"type": "object", "properties": {"a": {"type": "string"}}, "x-kubernetes-validations": [{"rule": "self.a == oldSelf.a"}]}),
    json!({"type": "object", "properties": {"a": {"type": "string"}}}))]
fn a_field_becomes_structural(#[case] source: Value, #[case] expected: Value) {
    assert_eq!(field(&source, &json!({})), Ok(expected));
}

fn keyed(key: &Value, required: bool) -> Value {
    let required = if required { json!(["key"]) } else { json!([]) };
    json!({
        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["key"],
        "x-kubernetes-patch-merge-key": "key", "x-kubernetes-patch-strategy": "merge",
        "items": {"type": "object", "required": required, "properties": {
            "key": key, "other": {"type": "integer", "default": 1}}},
    })
}

#[rstest]
#[case::required_wins_over_the_default_of_go(json!({"type": "string", "default": ""}), true,
    json!({"type": "string"}), json!(["key"]))]
#[case::default_where_it_is_optional(json!({"type": "string", "default": "TCP"}), false,
    json!({"type": "string", "default": "TCP"}), Value::Null)]
#[case::required_where_nothing_is_said(json!({"type": "string"}), false, json!({"type": "string"}), json!(["key"]))]
fn keys_of_lists_are_required_or_have_a_default(
    #[case] key: Value,
    #[case] source_requires: bool,
    #[case] expected_key: Value,
    #[case] expected_required: Value,
) {
    let list = field(&keyed(&key, source_requires), &json!({})).unwrap();
    assert_eq!(list["x-kubernetes-list-map-keys"], json!(["key"]));
    assert_eq!(list["items"]["properties"]["key"], expected_key);
    assert_eq!(list["items"]["required"], expected_required);
    assert_eq!(list["items"]["properties"]["other"], json!({"type": "integer"}), "no other default stays");
}

#[rstest]
#[case::key_is_no_scalar(keyed(&json!({"type": "object"}), true))]
#[case::no_such_key({
    let mut list = keyed(&json!({"type": "string", "default": "x"}), false);
    list["x-kubernetes-list-map-keys"] = json!(["key", "absent"]);
    list
})]
fn a_list_that_cannot_be_a_map_is_atomic(#[case] source: Value) {
    let list = field(&source, &json!({})).unwrap();
    assert_eq!(list.get("x-kubernetes-list-type"), None);
    assert_eq!(list["items"].get("required"), None);
    assert_eq!(list["items"]["properties"]["key"].get("default"), None);
}

#[test]
fn what_stands_beside_a_reference_wins() {
    let definitions = json!({"Time": {"type": "string", "format": "date-time", "description": "a time"}});
    let source = json!({"allOf": [{"$ref": "#/components/schemas/Time"}], "default": {}, "format": "date"});
    assert_eq!(field(&source, &definitions), Ok(json!({"type": "string", "format": "date"})));
}

#[test]
fn one_definition_may_be_used_twice_and_recursion_is_cut() {
    let definitions = json!({
        "Node": {"type": "object", "properties": {
            "left": {"$ref": "#/components/schemas/Node"},
            "all": {"type": "array", "items": {"allOf": [{"$ref": "#/components/schemas/Node"}]}},
            "name": {"$ref": "#/components/schemas/Name"},
            "other": {"$ref": "#/components/schemas/Name"}}},
        "Name": {"type": "string"},
        "Loop": {"$ref": "#/components/schemas/Loop"},
    });
    let cut = open_template();
    assert_eq!(
        field(&json!({"$ref": "#/components/schemas/Node"}), &definitions),
        Ok(json!({"type": "object", "properties": {
            "left": cut, "all": {"type": "array", "items": cut},
            "name": {"type": "string"}, "other": {"type": "string"}}}))
    );
    assert_eq!(field(&json!({"$ref": "#/components/schemas/Loop"}), &definitions), Ok(open()));
}

#[test]
fn the_root_is_a_template() {
    let target = json!({
        "type": "object", "required": ["metadata", "spec"], "description": "A kind.",
        "x-kubernetes-group-version-kind": [{"group": "", "kind": "Kind", "version": "v1"}],
        "properties": {
            "apiVersion": {"type": "string", "enum": ["v1"]}, "kind": {"type": "string"},
            "metadata": {"type": "object", "properties": {"managedFields": {"type": "array"}}},
            "spec": {"type": "object", "properties": {"replicas": {"type": "integer", "default": 1}}},
            "status": {"type": "object"}},
    });
    let template = template_schema(&target, &target, NormaliseOptions::default()).unwrap();
    let strings = json!({"type": "object", "additionalProperties": {"type": "string"}});
    assert_eq!(
        template,
        json!({"type": "object", "properties": {
            "apiVersion": {"type": "string"}, "kind": {"type": "string"},
            "metadata": {"type": "object", "properties": {
                "labels": strings, "annotations": strings,
                "finalizers": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}}},
            "spec": {"type": "object", "properties": {"replicas": {"type": "integer"}}}}})
    );
    assert!(has_integer_at(&template, &["spec", "replicas"]));
    assert!(!has_integer_at(&template, &["spec"]));
    assert!(!has_integer_at(&template, &["spec", "replicaz"]));
}

#[rstest]
#[case(Descriptions::None, None)]
#[case(Descriptions::Short, Some("First, e.g. one."))]
#[case(Descriptions::Full, Some("First, e.g. one. Second.\nThird."))]
fn descriptions_are_carried_over_as_wanted(
    #[case] descriptions: Descriptions,
    #[case] expected: Option<&str>,
) {
    let target = json!({"type": "object", "properties": {
        "field": {"type": "string", "description": "First, e.g. one. Second.\nThird."}}});
    let template = template_schema(&target, &target, NormaliseOptions { descriptions }).unwrap();
    assert_eq!(template["properties"]["field"]["description"].as_str(), expected);
}

#[rstest]
#[case::no_schema(json!({"properties": {"a/b": 3}}), "/target/properties/field/properties/a~1b")]
#[case::no_type(json!({"type": 3}), "/target/properties/field/type")]
#[case::no_properties(json!({"type": "object", "properties": []}), "/target/properties/field/properties")]
#[case::no_definition(json!({"$ref": "#/components/schemas/Absent"}), "/target/properties/field")]
#[case::another_document(json!({"$ref": "other.json#/Absent"}), "/target/properties/field")]
#[case::in_a_definition(json!({"$ref": "#/components/schemas/Bad"}), "/components/schemas/Bad/properties/x")]
fn errors_name_the_place(#[case] source: Value, #[case] pointer: &str) {
    let definitions = json!({"Bad": {"type": "object", "properties": {"x": null}}});
    let error = field(&source, &definitions).unwrap_err();
    assert_eq!(error.pointer(), pointer);
    assert!(error.to_string().contains(pointer), "{error}");
}

#[test]
fn the_root_must_be_an_object() {
    let target = json!({"type": "array", "items": {"type": "string"}});
    let error = template_schema(&target, &target, NormaliseOptions::default()).unwrap_err();
    assert_eq!(error, NormaliseError::NotAnObject { pointer: String::new() });
}

#[test]
fn references_that_fan_out_without_end_are_refused() {
    let definitions: Map<String, Value> = (0..40)
        .map(|level| {
            let next = json!({"$ref": format!("#/components/schemas/L{}", level + 1)});
            (format!("L{level}"), json!({"type": "object", "properties": {"a": next, "b": next}}))
        })
        .chain([("L40".to_owned(), json!({"type": "string"}))])
        .collect();
    let error = field(&json!({"$ref": "#/components/schemas/L0"}), &Value::Object(definitions)).unwrap_err();
    assert!(matches!(error, NormaliseError::TooLarge { .. }), "{error}");
}

#[test]
fn schemas_that_are_nested_too_deeply_are_refused() {
    let definitions: Map<String, Value> = (0..200)
        .map(|level| {
            let next = json!({"$ref": format!("#/components/schemas/L{}", level + 1)});
            (format!("L{level}"), json!({"type": "array", "items": next}))
        })
        .chain([("L200".to_owned(), json!({"type": "string"}))])
        .collect();
    let error = field(&json!({"$ref": "#/components/schemas/L0"}), &Value::Object(definitions)).unwrap_err();
    assert!(matches!(error, NormaliseError::TooDeep { .. }), "{error}");
}

#[test]
fn of_a_derived_schema_only_the_bad_node_is_opened() {
    let schema = json!({"type": "object", "properties": {
        "good": {"type": "string"}, "bad": {"$ref": "#/$defs/Absent"}}});
    let template = derived_template_schema(&schema);
    assert_eq!(template["properties"]["good"], json!({"type": "string"}));
    assert_eq!(template["properties"]["bad"], open());
    assert_eq!(derived_template_schema(&json!({"type": "string"})), open_template());
}

mod derived_types {
    use kube_derive::CustomResource;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;

    /// A web site.
    #[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug)]
    #[kube(
        group = "example.org",
        version = "v1",
        kind = "Website",
        namespaced,
        status = "WebsiteStatus",
        crates(
            kube_core = "::kube_core",
            k8s_openapi = "::k8s_openapi",
            schemars = "::schemars",
            serde = "::serde",
            serde_json = "::serde_json"
        )
    )]
    struct WebsiteSpec {
        host: String,
        #[serde(default)]
        replicas: i32,
        tier: Option<Tier>,
        settings: Option<Value>,
        backend: Option<Backend>,
        #[serde(default)]
        pages: Vec<Page>,
    }

    #[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
    enum Tier {
        Free,
        Paid,
    }

    #[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
    enum Backend {
        Service(String),
        Bucket { name: String },
    }

    #[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
    struct Page {
        path: String,
        children: Vec<Self>,
    }

    #[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
    struct WebsiteStatus {
        live: bool,
    }

    /// What a whole type looks like to the derive.
    #[derive(JsonSchema)]
    #[allow(dead_code)]
    struct Whole {
        #[schemars(skip)]
        metadata: (),
        spec: WebsiteSpec,
        status: Option<WebsiteStatus>,
    }

    fn check(template: &Value) {
        assert_eq!(violations(template), Vec::<String>::new(), "{template:#}");
        let top: Vec<&String> = template["properties"].as_object().unwrap().keys().collect();
        assert_eq!(top, ["apiVersion", "kind", "metadata", "spec"]);
        let spec = &template["properties"]["spec"];
        assert_eq!(spec.get("required"), None);
        let properties = &spec["properties"];
        assert_eq!(properties["host"], json!({"type": "string"}));
        assert_eq!(properties["replicas"], json!({"type": "integer", "format": "int32"}));
        assert_eq!(properties["tier"]["enum"], json!(["Free", "Paid", null]));
        assert_eq!(properties["settings"], open());
        assert_eq!(properties["backend"]["properties"]["Service"], json!({"type": "string"}));
        assert_eq!(properties["backend"].get("oneOf"), None);
        assert_eq!(properties["pages"]["items"]["properties"]["path"], json!({"type": "string"}));
    }

    #[test]
    fn a_custom_resource() {
        check(&custom_resource_template::<Website>());
    }

    #[test]
    fn a_whole_type() {
        check(&plain_template::<Whole>());
    }
}

#[test]
fn an_embedded_schema_is_read() {
    assert_eq!(embedded_template(r#"{"type":"object"}"#), json!({"type": "object"}));
}

#[rstest]
#[case("[]")]
#[case("{")]
#[should_panic(expected = "an embedded template schema")]
fn a_damaged_embedded_schema_does_not_start(#[case] text: &str) {
    let _ = embedded_template(text);
}

#[rstest]
#[case(json!({}), "has no type")]
#[case(json!({"type": "object", "properties": {"a": {"$ref": "#/x"}}}), "$ref")]
#[case(json!({"type": "array"}), "without items")]
#[case(json!({"type": "string", "anyOf": [{"type": "string"}]}), "type must not stand here")]
#[case(json!({"type": "string", "enum": ["a", null]}), "not nullable")]
#[case(json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"],
    "items": {"type": "object", "properties": {"a": {"type": "string"}}}}), "neither required")]
#[case(json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "object"}}), "set")]
fn the_check_sees_what_an_api_server_refuses(#[case] schema: Value, #[case] expected: &str) {
    let found = violations(&schema);
    assert!(found.iter().any(|violation| violation.contains(expected)), "{found:?}");
}

#[test]
fn a_count_can_be_where_the_schema_has_it_or_is_open() {
    let count = json!({"properties": {"size": {"type": "integer"}, "more": open_template()}});
    let template = json!({"properties": {"spec": count}});
    assert!(admits_integer_at(&template, &["spec", "size"]));
    assert!(admits_integer_at(&template, &["spec", "more", "size"]));
    assert!(!admits_integer_at(&template, &["spec", "replicas"]));
    assert!(admits_integer_at(&open_template(), &["spec", "replicas"]));
}
