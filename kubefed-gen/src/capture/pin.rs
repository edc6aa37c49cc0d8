//! From documents as served to files for the tree.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Map, Value};

use crate::{
    Error,
    emit::Files,
    input::{INDEX_FILE, Index, PinnedDocument, Server},
    model::version_rank,
    text,
};

/// What an API server serves of itself.
#[derive(Clone, Debug)]
pub struct Served {
    /// What `/version` answers.
    pub server: Server,
    /// The documents of `/openapi/v3` by path: `api/v1`, `apis/apps/v1`.
    pub documents: BTreeMap<String, Value>,
}

/// Which versions are pinned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// Stable ones, as `v1`.
    #[default]
    Stable,
    /// Also betas and alphas.
    All,
}

impl Versions {
    /// Whether a path of `/openapi/v3` is a group version that is pinned. Paths of groups and of what is not part of
    /// an API group are not.
    #[must_use]
    pub fn include(self, path: &str) -> bool {
        let version = match path.split('/').collect::<Vec<_>>().as_slice() {
            ["api", version] | ["apis", _, version] => version_rank(version).0,
            _ => return false,
        };
        match self {
            Self::Stable => version == 3,
            Self::All => version > 0,
        }
    }
}

/// The files for the documents: one per group version, without descriptions, keys sorted, compact, and an index with
/// the server's version and the digest of each. Nothing but descriptions is left out.
#[must_use]
pub fn pin(served: &Served, versions: Versions) -> Files {
    let mut files = Files::new();
    let mut documents = Vec::new();
    for (path, document) in served.documents.iter().filter(|(path, _)| versions.include(path)) {
        let content = text::compact_json(&without_descriptions(document, Keys::Keywords));
        let file = file_of(path);
        documents.push(PinnedDocument {
            file: file.clone(),
            path: path.clone(),
            sha256: text::sha256(content.as_bytes()),
        });
        files.insert(file, content);
    }
    let index = Index { documents, server: served.server.clone() };
    files.insert(INDEX_FILE.to_owned(), index.render());
    files
}

/// Documents that were saved as served, for example by `kubectl get --raw`: files as [`pin`] names them, and the
/// answer of `/version` in `version.json`. Other files are passed over.
///
/// # Errors
///
/// A file cannot be read, or is no JSON.
pub fn read_folder(folder: &Path) -> Result<Served, Error> {
    let version = folder.join("version.json");
    let server = serde_json::from_value(json_file(&version)?).map_err(|error| Error::Document {
        file: version.display().to_string(),
        pointer: String::new(),
        message: format!("not what an API server answers at /version: {error}"),
    })?;
    let mut documents = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let file = entry.map_err(Error::io(folder))?.path();
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(path) = name.strip_suffix(".json").map(|name| name.replace("__", "/")) else {
            continue;
        };
        if Versions::All.include(&path) {
            documents.insert(path, json_file(&file)?);
        }
    }
    Ok(Served { server, documents })
}

fn json_file(path: &Path) -> Result<Value, Error> {
    let bytes = fs::read(path).map_err(Error::io(path))?;
    serde_json::from_slice(&bytes).map_err(|error| Error::Document {
        file: path.display().to_string(),
        pointer: String::new(),
        message: format!("no JSON: {error}"),
    })
}

fn file_of(path: &str) -> String {
    format!("{}.json", path.replace('/', "__"))
}

/// What the keys of an object are: a property may itself be called `description` or `default`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// Keywords of OpenAPI.
    Keywords,
    /// Names that the document's author chose.
    Names,
}

fn without_descriptions(value: &Value, keys: Keys) -> Value {
    match value {
        Value::Array(values) => {
            Value::Array(values.iter().map(|value| without_descriptions(value, Keys::Keywords)).collect())
        }
        Value::Object(map) if keys == Keys::Names => map
            .iter()
            .map(|(name, value)| (name.clone(), without_descriptions(value, Keys::Keywords)))
            .collect(),
        Value::Object(map) => map
            .iter()
            .filter(|(keyword, value)| !(*keyword == "description" && value.is_string()))
            .map(|(keyword, value)| (keyword.clone(), under(keyword, value)))
            .collect::<Map<_, _>>()
            .into(),
        scalar => scalar.clone(),
    }
}

fn under(keyword: &str, value: &Value) -> Value {
    match keyword {
        "default" | "enum" | "example" => value.clone(),
        "content" | "definitions" | "headers" | "parameters" | "paths" | "patternProperties"
        | "properties" | "responses" | "schemas" | "securitySchemes" => {
            without_descriptions(value, Keys::Names)
        }
        _ => without_descriptions(value, Keys::Keywords),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn served() -> Served {
        let document = json!({"paths": {"/b": {"description": "gone"}, "/a": {}}, "openapi": "3.0.0",
            "components": {"schemas": {"Kind": {"description": "gone", "type": "object", "properties": {
                "description": {"type": "string", "description": "gone", "default": {"description": "stays"}},
                "default": {"type": "string", "description": "gone"}}}}}});
        let server =
            Server { git_version: "v1.36.3".to_owned(), major: "1".to_owned(), minor: "36".to_owned() };
        let paths = ["api", "api/v1", "apis/apps/v1", "apis/apps/v1beta1", "apis/apps", "openid/v1/jwks"];
        Served {
            server,
            documents: paths.iter().map(|path| ((*path).to_owned(), document.clone())).collect(),
        }
    }

    #[test]
    fn only_descriptions_are_left_out() {
        let files = pin(&served(), Versions::Stable);
        assert_eq!(files.keys().collect::<Vec<_>>(), ["api__v1.json", "apis__apps__v1.json", "index.json"]);
        assert_eq!(
            files["api__v1.json"],
            concat!(
                r#"{"components":{"schemas":{"Kind":{"properties":{"default":{"type":"string"},"#,
                r#""description":{"default":{"description":"stays"},"type":"string"}},"type":"object"}}},"#,
                r#""openapi":"3.0.0","paths":{"/a":{},"/b":{}}}"#,
                "\n"
            )
        );
    }

    #[test]
    fn the_index_names_server_and_digests() {
        let files = pin(&served(), Versions::Stable);
        let index: Index = serde_json::from_str(&files["index.json"]).unwrap();
        assert_eq!(index.server.git_version, "v1.36.3");
        let paths: Vec<&str> = index.documents.iter().map(|document| document.path.as_str()).collect();
        assert_eq!(paths, ["api/v1", "apis/apps/v1"]);
        for document in &index.documents {
            assert_eq!(document.sha256, text::sha256(files[&document.file].as_bytes()));
        }
    }

    #[rstest]
    #[case("api/v1", true, true)]
    #[case("apis/apps/v1", true, true)]
    #[case("apis/apps/v1beta2", false, true)]
    #[case("apis/apps/v1alpha1", false, true)]
    #[case("api", false, false)]
    #[case("apis/apps", false, false)]
    #[case("openid/v1/jwks", false, false)]
    #[case(".well-known/openid-configuration", false, false)]
    fn group_versions_are_pinned(#[case] path: &str, #[case] stable: bool, #[case] all: bool) {
        assert_eq!((Versions::Stable.include(path), Versions::All.include(path)), (stable, all));
    }
}
