//! Documents become [`KindModel`]s.

mod index;
mod openapi_v3;
mod short_names;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;

use crate::{
    Error, Errors,
    model::{Document, KindModel},
    text,
};

pub use index::{INDEX_FILE, Index, PinnedDocument, Server};

/// Reads all kinds from files and folders of OpenAPI v3 documents, sorted by group, kind and version.
///
/// Of a folder with an index (see [`capture`](crate::capture)) the documents that it lists are read, and checked
/// against their digests; of any other folder every `*.json` in it. `folder` is what the files are named relative to.
///
/// # Errors
///
/// All that cannot be read, with file and JSON pointer.
pub fn read(inputs: &[PathBuf], folder: &Path) -> Result<Vec<KindModel>, Errors> {
    let mut errors = Vec::new();
    let mut kinds: Vec<KindModel> = Vec::new();
    for input in inputs {
        let files = match files_of(input) {
            Ok(files) => files,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        for (path, digest) in files {
            match document(&path, digest.as_deref(), folder) {
                Ok(document) => openapi_v3::kinds(&Arc::new(document), &mut kinds, &mut errors),
                Err(error) => errors.push(error),
            }
        }
    }
    kinds.sort_by(|a, b| (&a.group, &a.kind, &a.version).cmp(&(&b.group, &b.kind, &b.version)));
    for pair in kinds.windows(2) {
        let [first, second] = pair else { continue };
        if (&first.group, &first.kind, &first.version) == (&second.group, &second.kind, &second.version) {
            errors.push(Error::DuplicateKind {
                kind: first.title(),
                first: first.source.file.clone(),
                second: second.source.file.clone(),
            });
        }
    }
    Errors::unless_empty(errors)?;
    Ok(kinds)
}

/// The files of an input, each with its digest where an index names it.
fn files_of(input: &Path) -> Result<Vec<(PathBuf, Option<String>)>, Error> {
    let metadata = fs::metadata(input).map_err(Error::io(input))?;
    if metadata.is_file() {
        return Ok(vec![(input.to_owned(), None)]);
    }
    let index = input.join(INDEX_FILE);
    if index.is_file() {
        let index = Index::load(&index)?;
        return Ok(index
            .documents
            .into_iter()
            .map(|pinned| (input.join(pinned.file), Some(pinned.sha256)))
            .collect());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(input).map_err(Error::io(input))? {
        let path = entry.map_err(Error::io(input))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push((path, None));
        }
    }
    files.sort();
    Ok(files)
}

fn document(path: &Path, expected: Option<&str>, folder: &Path) -> Result<Document, Error> {
    let bytes = fs::read(path).map_err(Error::io(path))?;
    let file = name_of(path, folder);
    let sha256 = text::sha256(&bytes);
    if let Some(expected) = expected.filter(|expected| *expected != sha256) {
        return Err(Error::Digest { file, expected: expected.to_owned(), found: sha256 });
    }
    let content: Value = serde_json::from_slice(&bytes).map_err(|error| Error::Document {
        file: file.clone(),
        pointer: String::new(),
        message: format!("no JSON: {error}"),
    })?;
    let version = content.pointer("/info/version").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(Document { file, sha256, version, content })
}

/// The path relative to the folder where it is below it: what is generated must not depend on where the tree is.
fn name_of(path: &Path, folder: &Path) -> String {
    let relative = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<_> = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/").replacen("//", "/", 1)
}
