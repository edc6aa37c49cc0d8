//! Documents become types.

use serde_json::{Value, json};

use super::model::{Form, ListKind, ScalarType};
use super::{Definitions, TypeSchema};

fn document() -> Value {
    let reference = |name: &str| json!({"allOf": [{"$ref": format!("#/components/schemas/{name}")}]});
    let with = |mut value: Value, key: &str, extra: Value| {
        value[key] = extra;
        value
    };
    json!({"openapi": "3.0.0", "components": {"schemas": {
        "io.example.Thing": {
            "type": "object",
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": with(reference("io.example.Meta"), "default", json!({})),
                "spec": with(reference("io.example.Spec"), "default", json!({})),
                "self": reference("io.example.Thing"),
            },
            "x-kubernetes-group-version-kind": [
                {"group": "", "version": "v1", "kind": "Thing"}, {"group": "other", "version": "v2", "kind": "Thing"},
            ],
        },
        "io.example.Meta": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "labels": {"type": "object", "additionalProperties": {"type": "string", "default": ""}},
                "finalizers": {
                    "type": "array", "items": {"type": "string", "default": ""},
                    "x-kubernetes-list-type": "set", "x-kubernetes-patch-strategy": "merge",
                },
            },
        },
        "io.example.Spec": {
            "type": "object",
            "required": ["template", "rules"],
            "properties": {
                "count": {"type": "integer", "format": "int32"},
                "template": with(reference("io.example.Template"), "default", json!({})),
                "optional": reference("io.example.Template"),
                "rules": {"type": "array", "items": {"type": "string", "default": ""}},
                "amounts": {"type": "object", "additionalProperties": reference("io.k8s.apimachinery.pkg.api.resource.Quantity")},
                "port": reference("io.example.IntOrString"),
                "raw": reference("io.k8s.apimachinery.pkg.runtime.RawExtension"),
                "when": {"type": "string", "format": "date-time"},
                "bytes": {"type": "string", "format": "byte"},
                "reason": {"type": "string", "default": ""},
                "protocol": {"type": "string", "default": "TCP"},
                "selector": with(reference("io.example.Selector"), "x-kubernetes-map-type", json!("granular")),
                "strict": reference("io.example.Selector"),
            },
        },
        "io.example.Selector": {
            "type": "object", "x-kubernetes-map-type": "atomic",
            "properties": {"a": {"type": "string"}},
        },
        "io.example.Template": {
            "type": "object",
            "properties": {
                "items": {
                    "type": "array",
                    "items": with(reference("io.example.Item"), "default", json!({})),
                    "x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge,retainKeys",
                },
            },
        },
        "io.example.Item": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "default": ""},
                "limits": with(reference("io.example.Selector"), "default", json!({})),
                "env": {"type": "array", "items": {"type": "string"}},
            },
        },
        "io.example.IntOrString": {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
        "io.k8s.apimachinery.pkg.api.resource.Quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
        "io.k8s.apimachinery.pkg.runtime.RawExtension": {"type": "object"},
    }}})
}

fn thing() -> TypeSchema {
    let mut definitions = Definitions::default();
    definitions.add_openapi(&document()).unwrap();
    definitions.kind("", "v1", "Thing").unwrap()
}

fn at(schema: &TypeSchema, path: &[&str]) -> TypeSchema {
    path.iter().fold(schema.clone(), |schema, name| match *name {
        "[]" => schema.items().unwrap(),
        name => schema.field(name).unwrap_or_else(|| panic!("no field {name} in {path:?}")),
    })
}

fn described(schema: &TypeSchema) -> &'static str {
    let shape = schema.shape();
    let forms = (shape.map.is_some(), shape.scalar.is_some(), shape.list.is_some());
    if forms == (true, true, true) {
        return if matches!(shape.form(), Form::Map(_, true)) { "anything, atomic" } else { "anything" };
    }
    match shape.form() {
        Form::Map(_, true) => "atomic map",
        Form::Map(map, false) if map.is_deduced() => "free map",
        Form::Map(_, false) => "map",
        Form::Scalar(ScalarType::Numeric) => "numeric",
        Form::Scalar(ScalarType::String) => "string",
        Form::Scalar(ScalarType::Boolean) => "boolean",
        Form::Scalar(ScalarType::Untyped) => "scalar",
        Form::Scalar(ScalarType::Quantity) => "quantity",
        Form::List(list) => match list.kind {
            ListKind::Atomic => "list",
            ListKind::Set => "set",
            ListKind::Map(_) => "items",
        },
        Form::Nothing => "nothing",
    }
}

fn keys(schema: &TypeSchema) -> Vec<String> {
    match schema.shape().list.map(|list| list.kind.clone()) {
        Some(ListKind::Map(keys)) => keys,
        other => panic!("a list by keys, not {other:?}"),
    }
}

#[test]
fn every_sort_of_declaration_of_a_document_is_understood() {
    let cases: [(&[&str], &str); 18] = [
        (&[], "map"),
        (&["metadata", "labels"], "map"),
        (&["metadata", "labels", "anything"], "string"),
        (&["metadata", "finalizers"], "set"),
        (&["spec", "count"], "numeric"),
        (&["spec", "rules"], "list"),
        (&["spec", "rules", "[]"], "string"),
        (&["spec", "amounts", "cpu"], "quantity"),
        (&["spec", "port"], "anything"),
        (&["spec", "raw"], "anything, atomic"),
        (&["spec", "when"], "scalar"),
        (&["spec", "bytes"], "string"),
        (&["spec", "selector"], "map"),
        (&["spec", "strict"], "atomic map"),
        (&["spec", "template", "items"], "items"),
        (&["spec", "template", "items", "[]", "name"], "string"),
        (&["spec", "template", "items", "[]", "limits"], "atomic map"),
        (&["self", "self", "self", "spec", "count"], "numeric"),
    ];
    for (path, expected) in cases {
        assert_eq!(described(&at(&thing(), path)), expected, "{path:?}");
    }
    let items = at(&thing(), &["spec", "template", "items"]);
    assert_eq!(keys(&items), ["name"]);
    assert_eq!((items.patch_merge_key(), items.patch_strategy()), (Some("name"), Some("merge,retainKeys")));
    assert_eq!(thing().field("bogus").map(|_| ()), None);
    assert_eq!(at(&thing(), &["spec"]).patch_strategy(), None);
}

#[test]
fn kinds_are_found_by_all_of_their_names_until_removed() {
    let mut definitions = Definitions::default();
    definitions.add_openapi(&document()).unwrap();
    let before = definitions.clone();
    assert!(definitions.kind("other", "v2", "Thing").is_some());
    assert!(definitions.kind("other", "v1", "Thing").is_none());
    definitions.add_custom("g", "v1", "Custom", None).unwrap();
    assert!(definitions.kind("g", "v1", "Custom").is_some());
    definitions.remove("g", "v1", "Custom");
    assert!(definitions.kind("g", "v1", "Custom").is_none());
    definitions.remove("", "v1", "Thing");
    assert!(before.kind("", "v1", "Thing").is_some(), "a clone is independent");
}

#[test]
fn documents_may_overlap() {
    let mut definitions = Definitions::default();
    definitions.add_openapi(&document()).unwrap();
    let mut again = document();
    again["components"]["schemas"]["io.example.Spec"]["properties"] = json!({"count": {"type": "string"}});
    definitions.add_openapi(&again).unwrap();
    let kind = definitions.kind("", "v1", "Thing").unwrap();
    assert_eq!(described(&at(&kind, &["spec", "count"])), "numeric", "the first one stays");
}

#[test]
fn documents_that_are_none_are_refused_with_the_place() {
    let with = |schema: Value| json!({"components": {"schemas": {"io.example.A": schema}}});
    let cases = [
        (json!({"swagger": "2.0"}), "schema: not an OpenAPI v3 document: components.schemas is missing"),
        (
            with(
                json!({"type": "object", "properties": {"x": {"$ref": "#/components/schemas/io.example.B"}}}),
            ),
            "io.example.A: $ref to unknown component \"io.example.B\"",
        ),
        (
            with(
                json!({"type": "object", "properties": {"x": {"type": "array", "items": {"type": "tuple"}}}}),
            ),
            "io.example.A.x.items: unrecognized type \"tuple\"",
        ),
        (
            with(json!({"type": "array", "x-kubernetes-list-type": "bag"})),
            "io.example.A: unknown list type \"bag\"",
        ),
        (
            with(json!({"type": "array", "x-kubernetes-list-type": "map"})),
            "io.example.A: a list of type map names no keys",
        ),
        (
            with(json!({"type": "object", "x-kubernetes-map-type": "bag"})),
            "io.example.A: unknown map type \"bag\"",
        ),
    ];
    for (document, expected) in cases {
        let error = Definitions::default().add_openapi(&document).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

fn custom(schema: &Value) -> TypeSchema {
    let mut definitions = Definitions::default();
    definitions.add_custom("g", "v1", "K", Some(schema)).unwrap();
    definitions.kind("g", "v1", "K").unwrap()
}

#[test]
fn custom_kinds_get_what_every_object_has() {
    let schema = custom(&json!({"type": "object", "properties": {
        "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 5}}},
        "embedded": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"x": {"type": "integer"}}},
        "open": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
        "port": {"x-kubernetes-int-or-string": true},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        "empty": {"type": "object"},
        "any": {"x-kubernetes-preserve-unknown-fields": true},
        "below": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
            "deep": {"type": "object", "properties": {"k": {"type": "string"}}},
        }},
    }}));
    let cases: [(&[&str], &str); 17] = [
        (&["apiVersion"], "string"),
        (&["metadata", "labels", "any"], "string"),
        (&["metadata", "finalizers"], "set"),
        (&["metadata", "ownerReferences"], "items"),
        (&["metadata", "ownerReferences", "[]"], "atomic map"),
        (&["metadata", "managedFields"], "list"),
        (&["metadata", "creationTimestamp"], "scalar"),
        (&["embedded", "metadata", "annotations", "any"], "string"),
        (&["embedded", "x"], "numeric"),
        (&["open", "metadata", "finalizers"], "set"),
        (&["open", "spec"], "anything"),
        (&["port"], "anything"),
        (&["free"], "free map"),
        (&["empty"], "free map"),
        (&["any"], "anything"),
        (&["below", "extra"], "anything"),
        (&["below", "deep", "extra"], "anything"),
    ];
    for (path, expected) in cases {
        assert_eq!(described(&at(&schema, path)), expected, "{path:?}");
    }
    assert!(schema.field("spec").is_none());
    assert!(at(&schema, &["embedded"]).field("spec").is_none());
    assert_eq!(keys(&at(&schema, &["metadata", "ownerReferences"])), ["uid"]);
}

#[test]
fn a_root_without_properties_has_only_what_every_object_has() {
    let closed = custom(&json!({"type": "object"}));
    assert!(closed.field("spec").is_none());
    let open = custom(&json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}));
    assert_eq!(described(&at(&open, &["spec", "x"])), "anything");
    assert_eq!(described(&at(&open, &["metadata", "finalizers"])), "set");

    let mut definitions = Definitions::default();
    definitions.add_custom("g", "v1", "K", None).unwrap();
    let bare = definitions.kind("g", "v1", "K").unwrap();
    assert_eq!(described(&at(&bare, &["metadata", "finalizers"])), "anything", "no schema, no types");
    assert_eq!(described(&TypeSchema::untyped()), "anything");
}

#[test]
fn unknown_fields_are_dropped_and_named() {
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "Thing",
        "bogus": 1,
        "metadata": {"name": "x", "labels": {"any": "thing"}, "unknown": {}},
        "spec": {
            "template": {"items": [{"name": "a", "bar": 1}, {"nam": "b"}]},
            "raw": {"anything": {"goes": 1}},
            "amounts": {"cpu": 1},
        },
    });
    let dropped = thing().prune(&mut object);
    assert_eq!(
        dropped,
        ["bogus", "metadata.unknown", "spec.template.items[0].bar", "spec.template.items[1].nam"]
    );
    assert_eq!(
        object,
        json!({
            "apiVersion": "v1",
            "kind": "Thing",
            "metadata": {"name": "x", "labels": {"any": "thing"}},
            "spec": {
                "template": {"items": [{"name": "a"}, {}]},
                "raw": {"anything": {"goes": 1}},
                "amounts": {"cpu": 1},
            },
        })
    );
}

#[test]
fn built_in_objects_pass_through_their_structs() {
    let cases = [
        ("structs are there", json!({}), json!({"metadata": {}, "spec": {"template": {}}})),
        (
            "nulls are not, except as zeros in collections",
            json!({"metadata": {"name": null, "labels": {"a": null}, "finalizers": [null]}, "spec": null}),
            json!({"metadata": {"labels": {"a": ""}, "finalizers": [""]}, "spec": {"template": {}}}),
        ),
        (
            "empty collections neither, unless they are required",
            json!({"metadata": {"labels": {}, "finalizers": []}, "spec": {"rules": [], "template": {"items": []}}}),
            json!({"metadata": {}, "spec": {"rules": [], "template": {}}}),
        ),
        (
            "empty pointers to structs and empty raw objects stay",
            json!({"spec": {"optional": {}, "raw": {}}}),
            json!({"metadata": {}, "spec": {"template": {}, "optional": {}, "raw": {}}}),
        ),
        (
            "structs in items appear too",
            json!({"spec": {"template": {"items": [{"name": "a"}, null]}}}),
            json!({"metadata": {}, "spec": {"template": {"items": [{"name": "a", "limits": {}}, {"limits": {}}]}}}),
        ),
        (
            "quantities become canonical, other things do not",
            json!({"spec": {"amounts": {"cpu": 1, "memory": "1024Mi", "x": null, "y": "none"}, "port": 1}}),
            json!({"metadata": {}, "spec": {"template": {}, "port": 1, "amounts": {"cpu": "1", "memory": "1Gi", "x": "0", "y": "none"}}}),
        ),
        (
            "raw data is left alone",
            json!({"spec": {"raw": {"a": null, "b": [], "c": {}}}}),
            json!({"metadata": {}, "spec": {"template": {}, "raw": {"a": null, "b": [], "c": {}}}}),
        ),
        ("unknown fields go", json!({"bogus": 1}), json!({"metadata": {}, "spec": {"template": {}}})),
    ];
    for (name, mut object, expected) in cases {
        thing().decode(&mut object);
        assert_eq!(object, expected, "{name}");
        let once = object.clone();
        thing().decode(&mut object);
        assert_eq!(object, once, "{name}, twice");
    }
}

#[test]
fn of_custom_objects_only_metadata_passes_through_a_struct() {
    let schema = custom(&json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "x": {"type": "string"},
        "l": {"type": "array", "items": {"type": "object", "x-kubernetes-embedded-resource": true}},
        "metadata": {"type": "object", "properties": {"labels": {"type": "object"}}},
    }}}}));
    let metadata = json!({"name": "n", "labels": {}, "finalizers": null, "bogus": 1});
    let mut object = json!({
        "metadata": metadata,
        "spec": {"x": null, "l": [{"metadata": metadata}], "metadata": metadata},
    });
    schema.decode(&mut object);
    assert_eq!(
        object,
        json!({
            "metadata": {"name": "n"},
            "spec": {"x": null, "l": [{"metadata": {"name": "n"}}], "metadata": metadata},
        })
    );
}

#[test]
fn a_new_object_has_its_structs_its_zeros_and_nulls_for_what_is_required() {
    let empty = json!({"metadata": {}, "spec": {"template": {}, "rules": null, "reason": ""}});
    assert_eq!(thing().empty_object(), empty);
    assert_eq!(custom(&json!({"type": "object"})).empty_object(), json!({}));
}
