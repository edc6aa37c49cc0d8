//! Builds the programs with Go, once per version, safely against other builders.

use std::env::consts;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::assets::{Program, missing_programs};
use crate::error::{Error, last_lines};

/// How many lines of a failed build are shown.
const SHOWN_LINES: usize = 30;

/// What the name of a folder that is being filled continues with.
const UNFINISHED: &str = ".building-";

/// One way to build all programs.
pub(crate) struct GoBuild<'a> {
    /// The `go` program.
    pub(crate) go: &'a Path,
    /// The folder of the Go module that pins the programs.
    pub(crate) module: &'a Path,
    /// Kubernetes' version, with its `v`.
    pub(crate) version: &'a str,
    /// Told what is being done, a line at a time.
    pub(crate) report: fn(&str),
}

impl GoBuild<'_> {
    /// The name of the folder that this build fills, for example `v1.36.3-linux-amd64`.
    pub(crate) fn key(&self) -> String {
        format!("{}-{}-{}", self.version, go_system(), go_architecture())
    }

    /// Fills `folder` with every program, unless somebody else just did.
    ///
    /// The programs are built in a folder beside and moved as a whole, so `folder` is complete or absent. A lock
    /// file makes a second builder wait; the lock ends with its holder, so a killed build blocks nobody.
    pub(crate) fn run(&self, folder: &Path) -> Result<(), Error> {
        let parent = folder.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
        let _lock = self.lock(&folder.with_file_name(beside(folder, ".lock")))?;
        if missing_programs(folder).is_empty() {
            return Ok(());
        }
        remove_unfinished(folder)?;
        // Of a name that nobody else writes to: where a builder was killed, its `go` may still be at work.
        let unfinished = tempfile::Builder::new().prefix(&beside(folder, UNFINISHED)).tempdir_in(parent);
        let unfinished = unfinished.map_err(Error::io("create a folder in", parent))?;
        for (index, program) in Program::ALL.into_iter().enumerate() {
            (self.report)(&format!(
                "building {} of Kubernetes {} ({} of {}; the first build takes some twenty minutes in all)",
                program.file_name(),
                self.version,
                index + 1,
                Program::ALL.len(),
            ));
            self.build(program, &unfinished.path().join(program.file_name()))?;
        }
        remove_folder(folder)?;
        let finished = unfinished.keep();
        fs::rename(&finished, folder).map_err(Error::io("move the finished programs to", folder))?;
        (self.report)(&format!("the programs are in {}", folder.display()));
        Ok(())
    }

    fn build(&self, program: Program, output: &Path) -> Result<(), Error> {
        let result = Command::new(self.go)
            .current_dir(self.module)
            .env("CGO_ENABLED", "0")
            .env("GOOS", go_system())
            .env("GOARCH", go_architecture())
            // A workspace around the checkout must not change what is built.
            .env("GOWORK", "off")
            .args(["build", "-trimpath", "-ldflags", &self.linker_flags(), "-o"])
            .arg(output)
            .arg(program.package())
            .stdin(Stdio::null())
            .output()
            .map_err(|source| Error::NoGo { go: self.go.to_owned(), source })?;
        if result.status.success() {
            return Ok(());
        }
        let output = String::from_utf8_lossy(&result.stderr);
        Err(Error::Build {
            program: program.file_name(),
            status: result.status,
            output: last_lines(&output, SHOWN_LINES),
        })
    }

    fn lock(&self, path: &Path) -> Result<File, Error> {
        let file = File::create(path).map_err(Error::io("create", path))?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path)(error)),
        }
        (self.report)("waiting for another process that builds the same programs");
        file.lock().map_err(Error::io("lock", path))?;
        Ok(file)
    }

    /// Without these, `/version` says `v0.0.0-master` and clients that look at it misbehave.
    fn linker_flags(&self) -> String {
        let mut numbers = self.version.trim_start_matches('v').split('.');
        let mut number = || numbers.next().unwrap_or_default();
        let (major, minor) = (number(), number());
        let variables = "k8s.io/component-base/version";
        format!(
            "-s -w -X {variables}.gitVersion={} -X {variables}.gitMajor={major} -X {variables}.gitMinor={minor}",
            self.version
        )
    }
}

/// The name of `folder`, continued.
fn beside(folder: &Path, ending: &str) -> OsString {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    name
}

/// Removes what killed builders of `folder` left behind. Only for the holder of the lock.
fn remove_unfinished(folder: &Path) -> Result<(), Error> {
    let parent = folder.parent().unwrap_or(folder);
    let prefix = beside(folder, UNFINISHED);
    for entry in fs::read_dir(parent).map_err(Error::io("read", parent))? {
        let entry = entry.map_err(Error::io("read", parent))?;
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            remove_folder(&entry.path())?;
        }
    }
    Ok(())
}

fn remove_folder(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", folder)(error)),
        _ => Ok(()),
    }
}

/// Tells the user, past the test harness, which would hold the line back until the end of the test.
pub(crate) fn tell(line: &str) {
    // Nobody to tell is no reason to stop.
    let _ = writeln!(io::stderr(), "kubefed-kubernetes: {line}");
}

/// Go's name of this operating system.
fn go_system() -> &'static str {
    match consts::OS {
        "macos" => "darwin",
        other => other,
    }
}

/// Go's name of this processor architecture.
fn go_architecture() -> &'static str {
    match consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::thread;

    use super::*;

    /// A stand-in for `go` that notes each call in `calls` and writes the file after `-o`; `fails_at` names a
    /// package whose build fails.
    fn stand_in(folder: &Path, fails_at: &str) -> PathBuf {
        let go = folder.join("go");
        let script = format!(
            r#"#!/bin/sh
echo "$CGO_ENABLED $*" >> "{calls}"
while [ "$1" != -o ]; do shift; done
if [ "$3" = "{fails_at}" ]; then echo "no such package" >&2; exit 3; fi
echo program > "$2"
"#,
            calls = folder.join("calls").display(),
        );
        // Written by another process: a file that this one has open for writing cannot be executed, and a fork on
        // another thread would hold it open for a moment.
        let write = r#"printf %s "$1" > "$2" && chmod +x "$2""#;
        let status = Command::new("sh").args(["-c", write, "sh", &script]).arg(&go).status();
        assert!(status.expect("a shell").success());
        go
    }

    /// Sorted names of what is in the folder above.
    fn beside_names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder.parent().expect("a parent")).expect("entries");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn two_builders_build_once_and_leave_one_complete_folder() {
        let home = tempfile::tempdir().expect("a folder");
        let go = stand_in(home.path(), "");
        let folder = home.path().join("cache/v1.2.3");
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let build = GoBuild { go: &go, module: home.path(), version: "v1.2.3", report: |_| {} };
                    build.run(&folder).expect("a build");
                });
            }
        });
        assert!(missing_programs(&folder).is_empty());
        let calls = fs::read_to_string(home.path().join("calls")).expect("calls");
        assert_eq!(calls.lines().count(), Program::ALL.len(), "{calls}");
        for call in calls.lines() {
            assert!(call.starts_with("0 build -trimpath -ldflags -s -w -X "), "{call}");
            assert!(call.contains("gitVersion=v1.2.3 ") && call.contains("gitMinor=2 "), "{call}");
        }
        assert_eq!(beside_names(&folder), ["v1.2.3", "v1.2.3.lock"]);
    }

    #[test]
    fn a_failed_build_shows_its_output_and_leaves_no_folder_and_the_next_one_succeeds() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("cache/v1.2.3");
        let go = stand_in(home.path(), Program::Kubectl.package());
        let build = GoBuild { go: &go, module: home.path(), version: "v1.2.3", report: |_| {} };
        let error = build.run(&folder).expect_err("a failure").to_string();
        assert!(error.contains("building kubectl failed") && error.contains("no such package"), "{error}");
        assert_eq!(beside_names(&folder), ["v1.2.3.lock"]);

        stand_in(home.path(), "");
        build.run(&folder).expect("a build after the failure");
        assert!(missing_programs(&folder).is_empty());
    }

    #[test]
    fn an_incomplete_folder_is_replaced_and_what_a_killed_builder_left_is_removed() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("cache/v1.2.3");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("etcd"), "old").expect("a file");
        let of_another_version = home.path().join("cache/v1.2.30.building-x");
        for unfinished in [home.path().join("cache/v1.2.3.building-x"), of_another_version] {
            fs::create_dir(unfinished).expect("a folder");
        }
        let go = stand_in(home.path(), "");
        GoBuild { go: &go, module: home.path(), version: "v1.2.3", report: |_| {} }
            .run(&folder)
            .expect("a build");
        assert_eq!(fs::read_to_string(folder.join("etcd")).expect("etcd"), "program\n");
    }
}
