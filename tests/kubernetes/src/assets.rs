//! Where the programs come from: a folder that the user names, or a cache folder that is filled once.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::go_build::{GoBuild, tell};

/// The Go module that pins the programs; also the one place that names Kubernetes' version.
const GO_MOD: &str = include_str!("../go.mod");

/// The folder of that module.
const MODULE: &str = env!("CARGO_MANIFEST_DIR");

/// A program of a control plane, unmodified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The store of all API servers.
    Etcd,
    /// The API server.
    KubeApiserver,
    /// The controllers: namespaces, garbage, service accounts, Deployments, Jobs.
    KubeControllerManager,
    /// The command line client.
    Kubectl,
}

impl Program {
    /// Every program, in the order in which they are built: what is small or wanted first comes first.
    pub const ALL: [Self; 4] = [Self::Etcd, Self::KubeApiserver, Self::Kubectl, Self::KubeControllerManager];

    /// The program's file name.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::Kubectl => "kubectl",
        }
    }

    /// The Go package that the program is built from; one of the `tool` lines of `go.mod`.
    pub(crate) const fn package(self) -> &'static str {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3",
            Self::KubeApiserver => "k8s.io/kubernetes/cmd/kube-apiserver",
            Self::KubeControllerManager => "k8s.io/kubernetes/cmd/kube-controller-manager",
            Self::Kubectl => "k8s.io/kubernetes/cmd/kubectl",
        }
    }
}

/// The version of Kubernetes that is built where no folder of programs is given, for example `v1.36.3`.
///
/// # Errors
/// [`Error::NoVersion`] if `go.mod` requires no version of `k8s.io/kubernetes`.
pub fn kubernetes_version() -> Result<&'static str, Error> {
    required_version(GO_MOD).ok_or(Error::NoVersion)
}

fn required_version(go_mod: &str) -> Option<&str> {
    go_mod.lines().find_map(|line| {
        let mut words = line.split_whitespace().filter(|word| *word != "require");
        let is_kubernetes = words.next() == Some("k8s.io/kubernetes");
        words.next().filter(|version| is_kubernetes && version.starts_with('v'))
    })
}

/// A folder that holds every [`Program`].
#[derive(Debug, Clone)]
pub struct Assets {
    folder: PathBuf,
}

impl Assets {
    /// Finds the programs, or builds them.
    ///
    /// The folder that the environment variable `KUBEBUILDER_ASSETS` names comes first (envtest's convention; it
    /// must also hold `kube-controller-manager`, which envtest's own archives lack). Otherwise it is
    /// `${XDG_CACHE_HOME:-$HOME/.cache}/kubefed/kubernetes/VERSION-OS-ARCHITECTURE`, which is filled by `go build`
    /// on first use: some twenty minutes on two processors, with a line on standard error per program.
    ///
    /// Blocks: call it through `spawn_blocking` from asynchronous code.
    ///
    /// # Errors
    /// [`Error::MissingPrograms`] for an incomplete folder of `KUBEBUILDER_ASSETS`, [`Error::NoGo`] and
    /// [`Error::Build`] where building is not possible, [`Error::NoCacheFolder`] without a home.
    pub fn locate() -> Result<Self, Error> {
        Self::locate_in(|variable| env::var_os(variable), Path::new("go"), tell)
    }

    fn locate_in(
        variable: impl Fn(&str) -> Option<OsString>,
        go: &Path,
        report: fn(&str),
    ) -> Result<Self, Error> {
        let path = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(folder) = path("KUBEBUILDER_ASSETS") {
            let missing = missing_programs(&folder);
            if missing.is_empty() {
                return Ok(Self { folder });
            }
            let missing = missing.join(", ");
            return Err(Error::MissingPrograms { folder, missing, module: MODULE.into() });
        }
        let cache = path("XDG_CACHE_HOME")
            .or_else(|| path("HOME").map(|home| home.join(".cache")))
            .ok_or(Error::NoCacheFolder)?;
        let build = GoBuild { go, module: Path::new(MODULE), version: kubernetes_version()?, report };
        let folder = cache.join("kubefed").join("kubernetes").join(build.key());
        if !missing_programs(&folder).is_empty() {
            build.run(&folder)?;
        }
        Ok(Self { folder })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of one program.
    #[must_use]
    pub fn program(&self, program: Program) -> PathBuf {
        self.folder.join(program.file_name())
    }
}

/// File names of the programs that a folder lacks.
pub(crate) fn missing_programs(folder: &Path) -> Vec<&'static str> {
    let names = Program::ALL.into_iter().map(Program::file_name);
    names.filter(|name| !folder.join(name).is_file()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn environment(pairs: &[(&'static str, &Path)]) -> impl Fn(&str) -> Option<OsString> + use<> {
        let pairs: Vec<(&str, OsString)> =
            pairs.iter().map(|(name, path)| (*name, path.as_os_str().to_owned())).collect();
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn the_pinned_version_is_read_from_either_form_of_require() {
        assert_eq!(required_version("require k8s.io/kubernetes v1.36.3\n"), Some("v1.36.3"));
        assert_eq!(
            required_version("require (\n\tk8s.io/kubernetes v1.37.0 // indirect\n)"),
            Some("v1.37.0")
        );
        assert_eq!(required_version("replace k8s.io/kubernetes => ../kubernetes"), None);
        assert!(kubernetes_version().expect("a version").starts_with("v1."));
    }

    #[test]
    fn every_program_is_a_tool_of_the_module() {
        for program in Program::ALL {
            let line = format!("\n\t{}\n", program.package());
            assert!(GO_MOD.contains(&line), "{} is not in go.mod", program.package());
        }
    }

    #[test]
    fn a_given_folder_is_taken_when_complete_and_refused_by_name_of_what_it_lacks() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["etcd", "kube-apiserver", "kubectl"] {
            fs::write(folder.path().join(name), "").expect("a file");
        }
        let given = environment(&[("KUBEBUILDER_ASSETS", folder.path())]);
        let nowhere = Path::new("/nonexistent/go");

        let error = Assets::locate_in(&given, nowhere, |_| {}).expect_err("a program is missing").to_string();
        assert!(error.contains("lacks kube-controller-manager: build"), "{error}");

        fs::write(folder.path().join("kube-controller-manager"), "").expect("a file");
        let assets = Assets::locate_in(&given, nowhere, |_| {}).expect("a complete folder");
        assert_eq!(assets.program(Program::Kubectl), folder.path().join("kubectl"));
    }

    #[test]
    fn without_go_and_without_programs_the_error_says_what_to_install() {
        let cache = tempfile::tempdir().expect("a folder");
        let variables =
            environment(&[("KUBEBUILDER_ASSETS", Path::new("")), ("XDG_CACHE_HOME", cache.path())]);
        let error = Assets::locate_in(variables, Path::new("/nonexistent/go"), |_| {}).expect_err("no Go");
        assert!(matches!(error, Error::NoGo { .. }), "{error}");
        assert!(error.to_string().contains("install Go"), "{error}");

        let error =
            Assets::locate_in(environment(&[]), Path::new("/nonexistent/go"), |_| {}).expect_err("no home");
        assert!(matches!(error, Error::NoCacheFolder), "{error}");
    }
}
