//! What can go wrong, with the place where it did.

use std::{fmt, path::PathBuf};

use kubefed_core::schema::normalise::NormaliseError;

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration cannot be read.
    #[error("{}: {message}", path.display())]
    Config {
        /// The configuration's file.
        path: PathBuf,
        /// What is wrong, with line and column where known.
        message: String,
    },
    /// An input is no document that can be read.
    #[error("{file}: at {pointer:?}: {message}")]
    Document {
        /// The input's file.
        file: String,
        /// JSON pointer of the place in it.
        pointer: String,
        /// What is wrong.
        message: String,
    },
    /// A pinned document is not the one that was captured.
    #[error(
        "{file}: its sha256 is {found}, while the index beside it says {expected}: capture the documents again"
    )]
    Digest {
        /// The input's file.
        file: String,
        /// The digest that the index names.
        expected: String,
        /// The digest of the file.
        found: String,
    },
    /// The schema of a kind cannot be turned into a template schema.
    #[error("{file}: {kind}: {source}")]
    Schema {
        /// The input's file.
        file: String,
        /// The kind, with group and version.
        kind: String,
        /// What is wrong, with the JSON pointer.
        source: NormaliseError,
    },
    /// The template schema of a kind came out in a form that an API server would refuse: a defect of this generator.
    #[error("{file}: {kind}: the template schema is not structural: {violation}; please report this")]
    NotStructural {
        /// The input's file.
        file: String,
        /// The kind, with group and version.
        kind: String,
        /// The first violation.
        violation: String,
    },
    /// Two inputs describe the same kind.
    #[error("{kind} is described by {first} and by {second}: leave one of them out of the inputs")]
    DuplicateKind {
        /// The kind, with group and version.
        kind: String,
        /// The file that was read first.
        first: String,
        /// The other.
        second: String,
    },
    /// The configuration names a kind that no input describes.
    #[error("no input describes the kind {name}{}", nearest_of(nearest))]
    UnknownKind {
        /// As it stands in the configuration.
        name: String,
        /// What it may have meant.
        nearest: Vec<String>,
    },
    /// A name fits several kinds.
    #[error("{name} fits several kinds: write one of {}", candidates.join(", "))]
    AmbiguousKind {
        /// As it stands in the configuration.
        name: String,
        /// The ways to write each.
        candidates: Vec<String>,
    },
    /// Two selected kinds would have the same federated kind.
    #[error("{first} and {second} would both be federated as {federated}: leave one of them out")]
    SameFederatedKind {
        /// One target.
        first: String,
        /// The other.
        second: String,
        /// The name that both would have.
        federated: String,
    },
    /// A kind is known to the input, and k8s-openapi has no Rust type for it.
    #[error(
        "{file}: {kind}: there is no Rust type for it in k8s-openapi (the schema is called {definition})"
    )]
    NoRustType {
        /// The input's file.
        file: String,
        /// The kind, with group and version.
        kind: String,
        /// Name of its schema in the document.
        definition: String,
    },
    /// A replica path does not lead to an integer of the template.
    #[error("{kind}: the path {path:?} leads to no integer in the schema of {file}")]
    ReplicasPath {
        /// The kind, with group and version.
        kind: String,
        /// The path as configured.
        path: String,
        /// The input's file.
        file: String,
    },
    /// A manifest could not be written as YAML.
    #[error("{path}: {message}")]
    Render {
        /// The file that was to be.
        path: String,
        /// Why not.
        message: String,
    },
    /// A file is in the way that this generator did not write.
    #[error("{}: this file was not generated: move or delete it, or generate into another folder", path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// A running API server could not be read.
    #[error("{what}: {message}")]
    Server {
        /// What was asked for.
        what: String,
        /// Why it was not got.
        message: String,
    },
}

fn nearest_of(nearest: &[String]) -> String {
    if nearest.is_empty() { String::new() } else { format!("; nearest: {}", nearest.join(", ")) }
}

impl Error {
    /// For `map_err` on file operations.
    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// Everything that is wrong: at least one [`Error`]. Displayed with one line for each.
#[derive(Debug)]
pub struct Errors(Vec<Error>);

impl Errors {
    /// `Ok` if nothing was collected.
    pub(crate) fn unless_empty(errors: Vec<Error>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self(errors)) }
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &Error> {
        self.0.iter()
    }
}

impl From<Error> for Errors {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}
