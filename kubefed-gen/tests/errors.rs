//! Inputs that are wrong: each error names the file, the place in it, and the kind.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking, their helpers too")]

mod support;

use std::fs;

use kubefed_gen::{config::Config, generate};
use rstest::rstest;
use serde_json::{Value, json};
use support::{document, project};

fn object(field: &Value) -> Value {
    json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {"field": field}}}})
}

fn error_of(kinds: &[&str], document: &Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::load(&project(folder.path(), kinds, document)).unwrap();
    generate(&config).unwrap_err().to_string()
}

#[rstest]
#[case::unresolved_reference(object(&json!({"$ref": "#/components/schemas/absent"})),
    "/components/schemas/io.k8s.api.example.v1.Alpha/properties/spec/properties/field", "absent")]
#[case::a_number_as_schema(object(&json!(3)),
    "/components/schemas/io.k8s.api.example.v1.Alpha/properties/spec/properties/field", "a number")]
#[case::a_wrong_type(object(&json!({"type": {}})),
    "/components/schemas/io.k8s.api.example.v1.Alpha/properties/spec/properties/field/type", "an object")]
#[case::no_object(json!({"type": "string"}), "/components/schemas/io.k8s.api.example.v1.Alpha", "of type object")]
fn a_schema_that_is_wrong(#[case] schema: Value, #[case] pointer: &str, #[case] what: &str) {
    let error = error_of(&["Alpha"], &document(&[("Alpha", "alphas")], &schema));
    assert!(error.starts_with("input/doc.json: Alpha (example/v1): "), "{error}");
    assert!(error.contains(&format!("\"{pointer}\"")) && error.contains(what), "{error}");
}

#[rstest]
#[case::swagger(json!({"swagger": "2.0"}), "/openapi", "no OpenAPI 3")]
#[case::no_object(json!([]), "/openapi", "no OpenAPI 3")]
#[case::no_paths(json!({"openapi": "3.0.0"}), "/paths", "served paths")]
#[case::no_schemas(json!({"openapi": "3.0.0", "paths": {}}), "/components/schemas", "schemas")]
fn a_document_that_is_wrong(#[case] document: Value, #[case] pointer: &str, #[case] what: &str) {
    let error = error_of(&["Alpha"], &document);
    assert!(
        error.starts_with(&format!("input/doc.json: at \"{pointer}\": ")) && error.contains(what),
        "{error}"
    );
}

#[test]
fn a_kind_that_is_served_and_not_described() {
    let mut document = document(&[("Alpha", "alphas")], &json!({"type": "object"}));
    document["components"]["schemas"] = json!({});
    let error = error_of(&["Alpha"], &document);
    assert!(error.contains("input/doc.json") && error.contains("Alpha (example/v1)"), "{error}");
}

#[test]
fn a_file_that_is_no_json() {
    let folder = tempfile::tempdir().unwrap();
    let config = project(folder.path(), &["Alpha"], &json!({}));
    fs::write(folder.path().join("input/doc.json"), "{\n  \"openapi\": ").unwrap();
    let error = generate(&Config::load(&config).unwrap()).unwrap_err().to_string();
    assert!(error.contains("input/doc.json") && error.contains("line 2"), "{error}");
}

#[test]
fn an_input_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let config = project(folder.path(), &["Alpha"], &json!({}));
    fs::remove_dir_all(folder.path().join("input")).unwrap();
    let error = generate(&Config::load(&config).unwrap()).unwrap_err().to_string();
    assert!(error.contains("input"), "{error}");
}

#[test]
fn all_errors_are_told_at_once() {
    let document = document(&[("Alpha", "alphas"), ("Beta", "betas")], &object(&json!(3)));
    let error = error_of(&["Alpha", "Beta", "Gamma"], &document);
    assert_eq!(error.lines().count(), 3, "{error}");
    for kind in ["Alpha", "Beta", "Gamma"] {
        assert!(error.contains(kind), "{error}");
    }
}

#[rstest]
#[case::a_typo("Alhpa", "nearest: Alpha (example/v1)")]
#[case::another_group("alphas.other", "alphas.other")]
fn a_kind_that_nobody_describes(#[case] name: &str, #[case] what: &str) {
    let error = error_of(&[name], &document(&[("Alpha", "alphas")], &json!({"type": "object"})));
    assert!(error.contains("no input describes") && error.contains(what), "{error}");
}

#[test]
fn a_name_that_fits_several_groups() {
    let mut both = document(&[("Alpha", "alphas")], &json!({"type": "object"}));
    let other = document(&[("Alpha", "alphas")], &json!({"type": "object"})).to_string();
    let other: Value = serde_json::from_str(
        &other
            .replace("/apis/example/", "/apis/other/")
            .replace("\"example\"", "\"other\"")
            .replace(".example.", ".other."),
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = project(folder.path(), &["Alpha"], &both);
    fs::write(folder.path().join("input/other.json"), other.to_string()).unwrap();
    let error = generate(&Config::load(&config).unwrap()).unwrap_err().to_string();
    assert!(
        error.contains("alphas.example (example/v1)") && error.contains("alphas.other (other/v1)"),
        "{error}"
    );

    project(folder.path(), &["alphas.example", "alphas.other"], &both);
    let error = generate(&Config::load(&config).unwrap()).unwrap_err().to_string();
    assert!(error.contains("federatedalphas.types.kubefed.io"), "{error}");

    both["info"]["title"] = json!("the same again");
    fs::write(folder.path().join("input/other.json"), both.to_string()).unwrap();
    let error = generate(&Config::load(&config).unwrap()).unwrap_err().to_string();
    assert!(error.contains("input/doc.json and by input/other.json"), "{error}");
}

#[test]
fn a_replica_path_that_leads_nowhere() {
    let document = document(&[("Alpha", "alphas")], &object(&json!({"type": "string"})));
    let error = error_of(&["{kind: Alpha, replicas: spec.field}"], &document);
    assert!(
        error.contains("Alpha (example/v1)") && error.contains("spec.field") && error.contains("doc.json"),
        "{error}"
    );
}

#[test]
fn a_kind_without_a_rust_type() {
    let mut document = document(&[("Alpha", "alphas")], &json!({"type": "object"}));
    let schemas = document["components"]["schemas"].as_object_mut().unwrap();
    let schema = schemas.remove("io.k8s.api.example.v1.Alpha").unwrap();
    schemas.insert("org.example.v1.Alpha".to_owned(), schema);
    let error = error_of(&["Alpha"], &document);
    assert!(error.contains("Alpha (example/v1)") && error.contains("org.example.v1.Alpha"), "{error}");
}

#[test]
fn a_pinned_document_that_was_edited() {
    let folder = tempfile::tempdir().unwrap();
    let document = document(&[("Alpha", "alphas")], &json!({"type": "object"}));
    let config = project(folder.path(), &["Alpha"], &document);
    let index = json!({"documents": [{"file": "doc.json", "path": "apis/example/v1", "sha256": "00"}],
        "server": {"gitVersion": "v1.36.3", "major": "1", "minor": "36"}});
    fs::write(folder.path().join("input/index.json"), index.to_string()).unwrap();
    let error = generate(&Config::load(&config).unwrap()).unwrap_err().to_string();
    assert!(error.contains("input/doc.json") && error.contains("capture"), "{error}");
}
