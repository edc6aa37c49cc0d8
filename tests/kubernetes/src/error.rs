//! What can go wrong on the way to a running control plane.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

/// Why the programs could not be found or built, or why a control plane did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name cannot be used for a control plane.
    #[error("`{name}` cannot name a control plane: {problem}")]
    Name {
        /// The name as given.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// The folder of `KUBEBUILDER_ASSETS` lacks programs.
    #[error(
        "the folder {folder} of KUBEBUILDER_ASSETS lacks {missing}: build what is missing into it \
         (in {module}: `CGO_ENABLED=0 go build -o {folder}/NAME PACKAGE`, packages in the `tool` block of go.mod), \
         or unset KUBEBUILDER_ASSETS to have all programs built once into the cache folder"
    )]
    MissingPrograms {
        /// The folder that was looked into.
        folder: PathBuf,
        /// File names of the missing programs, separated by commas.
        missing: String,
        /// The Go module whose tools are meant.
        module: PathBuf,
    },

    /// There is no folder to build into.
    #[error(
        "no cache folder for the control-plane programs: set XDG_CACHE_HOME or HOME, or KUBEBUILDER_ASSETS to a \
         folder that holds them"
    )]
    NoCacheFolder,

    /// The pinned Go module does not say which version to build.
    #[error("go.mod of the control-plane programs requires no readable version of k8s.io/kubernetes")]
    NoVersion,

    /// The Go toolchain is not installed.
    #[error(
        "the control-plane programs have to be built once, which needs Go, and `{go}` cannot be run: install Go \
         (https://go.dev/dl), or set KUBEBUILDER_ASSETS to a folder that holds the programs"
    )]
    NoGo {
        /// The program that was tried.
        go: PathBuf,
        /// Why it could not be run.
        source: io::Error,
    },

    /// `go build` failed.
    #[error("building {program} failed ({status}):\n{output}")]
    Build {
        /// File name of the program.
        program: &'static str,
        /// How the build ended.
        status: ExitStatus,
        /// The last lines that the build wrote.
        output: String,
    },

    /// A file, folder, socket or process could not be handled.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file, folder or program.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },

    /// No certificate could be made.
    #[error("cannot make the certificates of a control plane")]
    Certificate(#[from] rcgen::Error),

    /// No client could be made from a plane's own kubeconfig, or a request to a running plane failed.
    #[error(transparent)]
    Client(Box<kube::Error>),

    /// A server ended instead of getting ready.
    #[error("{server} ended ({status}) instead of getting ready; the end of {log}:\n{tail}")]
    Ended {
        /// The server, with its plane's name.
        server: String,
        /// How it ended.
        status: ExitStatus,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },

    /// A server did not get ready in time.
    #[error("{server} was not ready after {limit:?} ({answer}); the end of {log}:\n{tail}")]
    NotReady {
        /// The server, with its plane's name.
        server: String,
        /// How long it was waited for.
        limit: Duration,
        /// What the last probe said.
        answer: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },

    /// A server that should have been running was not.
    #[error("{server} is not running")]
    NotRunning {
        /// The server, with its plane's name.
        server: String,
    },
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        Self::Client(Box::new(error))
    }
}

impl Error {
    /// For `map_err`: names what was tried, and on what.
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// The last `count` lines of a text.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
