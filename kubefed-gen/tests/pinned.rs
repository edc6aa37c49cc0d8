//! Every kind of the pinned documents of a real API server.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking, their helpers too")]

mod support;

use kubefed_core::schema::{
    crd::{CrdShape, FederatedCrd, federated_crd},
    normalise::{NormaliseOptions, violations},
    structural::Structural,
};
use kubefed_gen::{input, model::KindModel};
use serde_json::{Map, Value, json};

fn kinds() -> Vec<KindModel> {
    let kinds = input::read(&[support::pinned()], &support::pinned()).unwrap();
    assert!(kinds.len() >= 55, "only {} kinds were found", kinds.len());
    kinds
}

/// The CRD schema of the federated kind.
fn schema(model: &KindModel) -> Value {
    let template = model.template_schema(NormaliseOptions::default()).unwrap();
    let crd = federated_crd(&FederatedCrd {
        federated: &model.federated("types.kubefed.io", "v1beta1"),
        short_names: Vec::new(),
        template_schema: &template,
        has_replicas: true,
        shape: CrdShape::Typed,
    });
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// A value with every field that the source schema knows, straight from the document.
fn sample(schema: &Value, document: &Value, following: &mut Vec<String>) -> Option<Value> {
    if let Some(all) = schema.get("allOf").and_then(Value::as_array) {
        return sample(&all[0], document, following);
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        if following.iter().any(|followed| followed == reference) {
            return None;
        }
        following.push(reference.to_owned());
        let value = sample(document.pointer(&reference[1..]).unwrap(), document, following);
        following.pop();
        return value;
    }
    let anything = || json!({"any": {"thing": [1, "two"]}});
    Some(match schema.get("type").and_then(Value::as_str) {
        Some("object") => match (schema.get("properties"), schema.get("additionalProperties")) {
            (Some(Value::Object(properties)), _) => {
                let fields = properties.iter();
                let fields =
                    fields.filter_map(|(name, of)| Some((name.clone(), sample(of, document, following)?)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
            (_, Some(values)) => json!({"key": sample(values, document, following)?}),
            _ => anything(),
        },
        Some("array") => json!([sample(&schema["items"], document, following)?]),
        Some("string") => match schema.get("enum") {
            Some(values) => values[0].clone(),
            None => match schema.get("format").and_then(Value::as_str) {
                Some("date-time") => json!("2024-01-01T00:00:00Z"),
                Some("byte") => json!("YQ=="),
                _ => json!("text"),
            },
        },
        Some("integer") => json!(1),
        Some("number") => json!(1.5),
        Some("boolean") => json!(true),
        _ if schema.get("oneOf").is_some() => json!("50%"),
        _ => anything(),
    })
}

#[test]
fn every_schema_is_structural() {
    for model in kinds() {
        assert_eq!(violations(&schema(&model)), Vec::<String>::new(), "{}", model.title());
    }
}

#[test]
fn a_template_with_every_field_passes_and_loses_nothing() {
    for model in kinds() {
        let document = &model.source.content;
        let definition = &document["components"]["schemas"][&model.definition];
        let mut template = sample(definition, document, &mut Vec::new()).unwrap();
        template.as_object_mut().unwrap().remove("status");
        template["metadata"] =
            json!({"labels": {"a": "b"}, "annotations": {"c": "d"}, "finalizers": ["e/f"]});
        let object = json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": "F", "metadata": {"name": "a"},
            "spec": {"template": template}});
        let structural = Structural::parse(&schema(&model)).unwrap();
        let mut stored = object.clone();
        assert_eq!(structural.prune(&mut stored), Vec::<String>::new(), "{}", model.title());
        structural.default(&mut stored);
        assert_eq!(stored, object, "{}: something was filled in", model.title());
        let errors: Vec<String> = structural.validate(&stored).iter().map(ToString::to_string).collect();
        assert_eq!(errors, Vec::<String>::new(), "{}", model.title());
    }
}

#[test]
fn an_empty_template_passes() {
    for model in kinds() {
        let structural = Structural::parse(&schema(&model)).unwrap();
        let mut stored = json!({"metadata": {"name": "a"}, "spec": {"template": {"spec": {}}}});
        structural.prune(&mut stored);
        structural.default(&mut stored);
        assert!(structural.validate(&stored).is_empty(), "{}", model.title());
        let template = stored.pointer("/spec/template/spec");
        assert!(template.is_none_or(|spec| *spec == json!({})), "{}: something was filled in", model.title());
    }
}

#[test]
fn defaults_stand_only_in_keys_of_lists() {
    fn defaults(schema: &Value, keys: &[&str], path: &str, found: &mut Vec<String>) {
        let own: Vec<&str> = schema["x-kubernetes-list-map-keys"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            if property.get("default").is_some() && !keys.contains(&name.as_str()) {
                found.push(path.clone());
            }
            defaults(property, &[], &path, found);
        }
        for keyword in ["items", "additionalProperties"] {
            if let Some(schema) = schema.get(keyword) {
                defaults(schema, &own, &format!("{path}[]"), found);
            }
        }
    }
    for model in kinds() {
        let mut found = Vec::new();
        defaults(&schema(&model)["properties"]["spec"]["properties"]["template"], &[], "", &mut found);
        assert_eq!(found, Vec::<String>::new(), "{}", model.title());
    }
}

#[test]
fn kinds_that_cannot_be_written_are_left_out_and_scopes_are_read_from_the_paths() {
    let kinds = kinds();
    let find = |kind: &str| kinds.iter().find(|model| model.kind == kind);
    for kind in ["Binding", "TokenReview", "ComponentStatus", "Scale", "Eviction"] {
        assert!(find(kind).is_none(), "{kind}");
    }
    assert!(!find("Namespace").unwrap().target().is_namespaced());
    assert!(find("Pod").unwrap().target().is_namespaced());
    let deployment = find("Deployment").unwrap();
    assert_eq!(deployment.subresources.iter().collect::<Vec<_>>(), ["scale", "status"]);
    assert_eq!(deployment.source.file, "apis__apps__v1.json");
}

#[test]
fn sizes_stay_where_client_side_apply_works() {
    for model in kinds() {
        let size = model.template_schema(NormaliseOptions::default()).unwrap().to_string().len();
        assert!(size < 256 * 1024, "{}: {size} bytes", model.title());
    }
}
