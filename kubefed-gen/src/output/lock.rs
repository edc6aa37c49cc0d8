//! The list of the files that a run wrote.

use std::{collections::BTreeMap, fs, io::ErrorKind, path::Path};

use crate::{
    Error,
    emit::Files,
    input::{INDEX_FILE, Index},
    text,
};

/// Name of the list in the output folder.
pub const LOCK_FILE: &str = ".kubefed-gen.lock";

const COMMENT: &str =
    "# Written by kubefed-gen: the files that it may replace or remove, each with its sha256.\n";

/// Digests by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lock(BTreeMap<String, String>);

impl Lock {
    pub(super) fn of(files: &Files) -> Self {
        Self(files.iter().map(|(path, content)| (path.clone(), text::sha256(content.as_bytes()))).collect())
    }

    /// The lock of the previous run; empty if there was none.
    pub(super) fn load(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(LOCK_FILE);
        let content = match fs::read_to_string(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(Error::Io { path, source }),
        };
        let mut listed = BTreeMap::new();
        for (index, line) in content.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            match line.split_once("  ").filter(|(_, file)| stays_inside(file)) {
                Some((digest, file)) => {
                    listed.insert(file.to_owned(), digest.to_owned());
                }
                None => {
                    return Err(Error::Config {
                        path,
                        message: format!(
                            "line {}: a digest and a path below this folder are expected",
                            index + 1
                        ),
                    });
                }
            }
        }
        Ok(Self(listed))
    }

    /// What the index of a folder of pinned documents lists, and the index itself; empty where there is none.
    pub(super) fn of_index(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(INDEX_FILE);
        if !path.exists() {
            return Ok(Self::default());
        }
        let documents = Index::load(&path)?.documents.into_iter();
        let mut listed: BTreeMap<String, String> = documents
            .filter(|pinned| stays_inside(&pinned.file))
            .map(|pinned| (pinned.file, pinned.sha256))
            .collect();
        listed.insert(INDEX_FILE.to_owned(), String::new());
        Ok(Self(listed))
    }

    pub(super) fn render(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let lines: String = self.0.iter().map(|(path, digest)| format!("{digest}  {path}\n")).collect();
        format!("{COMMENT}{lines}")
    }

    pub(super) fn lists(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, digest)| (path.as_str(), digest.as_str()))
    }

    /// What either lists; of both, this one's digest.
    pub(super) fn and(&self, other: &Self) -> Self {
        let mut both = other.0.clone();
        both.extend(self.0.clone());
        Self(both)
    }
}

/// A lock that was tampered with must not make us remove what is elsewhere.
fn stays_inside(path: &str) -> bool {
    use std::path::Component;
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}
