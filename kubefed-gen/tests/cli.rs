//! The binary, as people and CI call it.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking, their helpers too")]

mod support;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};
use support::{document, project};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kubefed-gen")).current_dir(folder).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_committed_output_is_up_to_date() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = run(&workspace, &["generate", "--check"]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn generate_check_and_generate_again() {
    let folder = tempfile::tempdir().unwrap();
    let document = document(&[("Alpha", "alphas")], &json!({"type": "object"}));
    project(folder.path(), &["Alpha"], &document);

    let output = run(folder.path(), &["generate", "--check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("+pub struct Alpha;"));
    assert!(text(&output.stderr).contains("run: kubefed-gen generate --config kubefed-gen.yaml"));
    assert!(!folder.path().join("out").exists());

    let output = run(folder.path(), &["generate"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("created src/kinds/example_alpha.rs\n"));
    assert_eq!(run(folder.path(), &["generate", "--check"]).status.code(), Some(0));
    assert!(
        text(&run(folder.path(), &["generate"]).stdout).starts_with("out: 0 created, 0 changed, 0 removed, ")
    );
}

#[test]
fn errors_go_to_standard_error_one_per_line() {
    let folder = tempfile::tempdir().unwrap();
    project(
        folder.path(),
        &["Gamma", "Delta"],
        &document(&[("Alpha", "alphas")], &json!({"type": "object"})),
    );
    let output = run(folder.path(), &["generate"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "");
    let errors = text(&output.stderr);
    assert_eq!(
        errors.lines().filter(|line| line.starts_with("error: no input describes")).count(),
        2,
        "{errors}"
    );
}

#[test]
fn a_configuration_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["generate"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("kubefed-gen.yaml"), "{}", text(&output.stderr));
}

#[test]
fn list_shows_what_can_be_selected() {
    let folder = tempfile::tempdir().unwrap();
    let document = document(&[("Alpha", "alphas"), ("Beta", "betas")], &json!({"type": "object"}));
    project(folder.path(), &["Beta"], &document);
    let output = text(&run(folder.path(), &["list"]).stdout);
    let rows: Vec<Vec<&str>> = output.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["KIND", "APIVERSION", "NAME", "NAMESPACED", "SHORTNAMES", "SELECTED"]);
    assert_eq!(rows[1], ["Alpha", "example/v1", "alphas", "true"]);
    assert_eq!(rows[2], ["Beta", "example/v1", "betas", "true", "yes"]);
    let output = text(&run(folder.path(), &["list", "--input", "input/doc.json"]).stdout);
    assert!(!output.contains("yes"), "{output}");
}

#[test]
fn schema_prints_the_template() {
    let folder = tempfile::tempdir().unwrap();
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "size": {"type": "integer", "default": 3, "description": "How big. Very."}}}}});
    project(folder.path(), &["Alpha"], &document(&[("Alpha", "alphas")], &schema));
    let output = run(folder.path(), &["schema", "alpha", "-o", "json", "--descriptions", "short"]);
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        printed["properties"]["spec"]["properties"]["size"],
        json!({"type": "integer", "description": "How big."})
    );
    let output = text(&run(folder.path(), &["schema", "alphas.example"]).stdout);
    assert!(output.contains("size:\n") && output.contains("type: integer\n"), "{output}");
}

#[cfg(feature = "capture")]
#[test]
fn capture_pins_documents_that_were_saved_as_served() {
    let folder = tempfile::tempdir().unwrap();
    let served = folder.path().join("served");
    fs::create_dir(&served).unwrap();
    let version = json!({"gitVersion": "v1.36.3", "major": "1", "minor": "36", "platform": "any"});
    fs::write(served.join("version.json"), version.to_string()).unwrap();
    let mut document = document(&[("Alpha", "alphas")], &json!({"type": "object", "description": "gone"}));
    document["components"]["schemas"]["io.k8s.api.example.v1.Alpha"]["description"] = json!("gone");
    fs::write(served.join("apis__example__v1.json"), format!("{document:#}")).unwrap();
    fs::write(served.join("apis__example.json"), "{}").unwrap();

    let output = run(folder.path(), &["capture", "--from", "served", "--out", "pinned"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let pinned = support::files_below(&folder.path().join("pinned"));
    assert_eq!(pinned.keys().collect::<Vec<_>>(), ["apis__example__v1.json", "index.json"]);
    assert!(!pinned["apis__example__v1.json"].contains("gone"));
    let output = text(&run(folder.path(), &["list", "--input", "pinned"]).stdout);
    assert!(output.contains("Alpha"), "{output}");
}
