//! Helpers of the integration tests.

#![allow(dead_code)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

/// The pinned documents of the workspace.
pub(crate) fn pinned() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/testbed/openapi")
}

/// All files below a folder, by path relative to it.
pub(crate) fn files_below(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
                files.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}

/// A document that serves `kinds` (kind and plural) of `example` in the version v1, all with the given schema.
pub(crate) fn document(kinds: &[(&str, &str)], schema: &Value) -> Value {
    let mut paths = json!({});
    let mut schemas = json!({});
    for (kind, plural) in kinds {
        let gvk = json!({"group": "example", "version": "v1", "kind": kind});
        let operation = json!({"x-kubernetes-group-version-kind": gvk});
        let collection = format!("/apis/example/v1/namespaces/{{namespace}}/{plural}");
        paths[&collection] = json!({"get": operation, "post": operation});
        paths[format!("{collection}/{{name}}")] =
            json!({"get": operation, "patch": operation, "delete": operation});
        let mut schema = schema.clone();
        schema["x-kubernetes-group-version-kind"] = json!([gvk]);
        schemas[format!("io.k8s.api.example.v1.{kind}")] = schema;
    }
    json!({"openapi": "3.0.0", "info": {"title": "t", "version": "1.36"}, "paths": paths, "components": {"schemas": schemas}})
}

/// Writes a configuration and one document into a folder, and answers the configuration's path.
pub(crate) fn project(folder: &Path, kinds: &[&str], document: &Value) -> PathBuf {
    fs::create_dir_all(folder.join("input")).unwrap();
    fs::write(folder.join("input/doc.json"), document.to_string()).unwrap();
    let config = folder.join("kubefed-gen.yaml");
    let kinds: String = kinds.iter().map(|kind| format!("- {kind}\n")).collect();
    let text =
        format!("inputs: [input]\noutput: out\ncrate: {{name: types, binary: manager}}\nkinds:\n{kinds}");
    fs::write(&config, text).unwrap();
    config
}
