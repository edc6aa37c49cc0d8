//! The index of a folder of pinned documents.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use crate::Error;

/// Name of the index in a folder of pinned documents.
pub const INDEX_FILE: &str = "index.json";

/// What a folder of pinned documents holds, and where it came from.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// One document per group version, sorted by path.
    pub documents: Vec<PinnedDocument>,
    /// The API server that served them.
    pub server: Server,
}

/// One pinned document.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct PinnedDocument {
    /// Its file in the folder: the path with `__` for `/`, and `.json`.
    pub file: String,
    /// Its path in the server's `/openapi/v3`: `api/v1`, `apis/apps/v1`.
    pub path: String,
    /// sha256 of the file, hexadecimal.
    pub sha256: String,
}

/// What the API server says of itself at `/version`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// As `v1.36.3`.
    pub git_version: String,
    /// As `1`.
    pub major: String,
    /// As `36`.
    pub minor: String,
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is no index.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Document {
            file: path.display().to_string(),
            pointer: String::new(),
            message: format!("no index of pinned documents: {error}"),
        })
    }

    /// The index as it is written: indented, ending in a line break.
    #[must_use]
    pub fn render(&self) -> String {
        // Strings and lists only: this always serialises.
        let value = serde_json::to_value(self).unwrap_or_default();
        format!("{:#}\n", crate::text::sorted(&value))
    }
}
