//! Writes rendered files: only what changed, so that build caches stay; and removes only what a previous run wrote.

mod lock;

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use similar::TextDiff;

use crate::{
    Error, Errors,
    emit::{Files, MARK},
    input::INDEX_FILE,
    text,
};

pub use lock::LOCK_FILE;
use lock::Lock;

/// What writing did, by path relative to the output folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Files that were not there.
    pub created: Vec<String>,
    /// Files that had another content.
    pub changed: Vec<String>,
    /// Files of a previous run that are no longer generated.
    pub removed: Vec<String>,
    /// How many were as they shall be.
    pub unchanged: usize,
}

/// A file that is not as it would be generated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Path relative to the output folder.
    pub path: String,
    /// Unified diff from what is there to what would be generated.
    pub diff: String,
}

/// What has to be done so that the folder holds the files.
struct Steps {
    create: Vec<String>,
    change: Vec<String>,
    remove: Vec<String>,
    unchanged: usize,
}

impl From<Steps> for Written {
    fn from(steps: Steps) -> Self {
        Self {
            created: steps.create,
            changed: steps.change,
            removed: steps.remove,
            unchanged: steps.unchanged,
        }
    }
}

/// Makes the folder hold the files.
///
/// Files that the previous run's lock lists and that are no longer rendered are removed, with the folders that they
/// leave empty. Nothing else is.
///
/// # Errors
///
/// A file that was not generated is in the way: then nothing is written at all. Or a file cannot be written.
pub fn write(folder: &Path, files: &Files) -> Result<Written, Errors> {
    let lock = Lock::load(folder)?;
    let steps = steps(folder, files, &lock)?;
    // Before anything is removed, both what was and what will be is listed: a run that ends half-way leaves a lock
    // that covers all files, so that the next one can go on.
    let complete = Lock::of(files);
    if lock != complete {
        store(folder, LOCK_FILE, &lock.and(&complete).render())?;
    }
    for path in steps.create.iter().chain(&steps.change) {
        store(folder, path, &files[path])?;
    }
    for path in &steps.remove {
        remove(folder, path)?;
    }
    if lock != complete {
        store(folder, LOCK_FILE, &complete.render())?;
    }
    Ok(steps.into())
}

/// Makes the folder hold pinned documents, as [`write()`] does: what the index of a previous capture lists, and is no
/// longer pinned, is removed.
///
/// # Errors
///
/// As [`write()`].
pub fn write_pinned(folder: &Path, files: &Files) -> Result<Written, Errors> {
    let steps = steps(folder, files, &Lock::of_index(folder)?)?;
    for path in steps.create.iter().chain(&steps.change).filter(|path| *path != INDEX_FILE) {
        store(folder, path, &files[path])?;
    }
    // The new index comes between: it never lists what is not there, and what it no longer lists may stay for a while.
    if let Some(index) = files.get(INDEX_FILE) {
        store(folder, INDEX_FILE, index)?;
    }
    for path in &steps.remove {
        remove(folder, path)?;
    }
    Ok(steps.into())
}

/// What [`write()`] would change. Writes nothing.
///
/// # Errors
///
/// As [`write()`], as far as it is about reading.
pub fn check(folder: &Path, files: &Files) -> Result<Vec<Difference>, Errors> {
    let lock = Lock::load(folder)?;
    let steps = steps(folder, files, &lock)?;
    let mut differences = Vec::new();
    let mut paths: Vec<&String> = steps.create.iter().chain(&steps.change).chain(&steps.remove).collect();
    paths.sort();
    for path in paths {
        let there = read(folder, path)?.unwrap_or_default();
        let wanted = files.get(path).map_or("", String::as_str);
        differences.push(Difference { path: path.clone(), diff: unified(path, &there, wanted) });
    }
    let complete = Lock::of(files);
    if lock != complete {
        let diff = unified(LOCK_FILE, &lock.render(), &complete.render());
        differences.push(Difference { path: LOCK_FILE.to_owned(), diff });
    }
    Ok(differences)
}

fn steps(folder: &Path, files: &Files, lock: &Lock) -> Result<Steps, Errors> {
    let mut steps = Steps { create: Vec::new(), change: Vec::new(), remove: Vec::new(), unchanged: 0 };
    let mut errors = Vec::new();
    for (path, wanted) in files {
        match read(folder, path)? {
            None => steps.create.push(path.clone()),
            Some(there) if there == *wanted => steps.unchanged += 1,
            Some(there) if lock.lists(path) || there.contains(MARK) => steps.change.push(path.clone()),
            Some(_) => errors.push(Error::Foreign { path: folder.join(path) }),
        }
    }
    for (path, digest) in lock.iter().filter(|(path, _)| !files.contains_key(*path)) {
        match read(folder, path)? {
            None => {}
            // Neither our content nor our mark: somebody put another file in its place.
            Some(there) if text::sha256(there.as_bytes()) == digest || there.contains(MARK) => {
                steps.remove.push(path.to_owned());
            }
            Some(_) => errors.push(Error::Foreign { path: folder.join(path) }),
        }
    }
    Errors::unless_empty(errors)?;
    Ok(steps)
}

fn read(folder: &Path, path: &str) -> Result<Option<String>, Error> {
    let path = folder.join(path);
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io { path, source }),
    }
}

/// Writes beside the file first: whoever reads it sees the old content or the new one, and nothing between.
fn store(folder: &Path, path: &str, content: &str) -> Result<(), Error> {
    let path = folder.join(path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::io(parent))?;
    }
    let mut beside = path.clone().into_os_string();
    beside.push(".kubefed-gen-new");
    let beside = PathBuf::from(beside);
    fs::write(&beside, content).map_err(Error::io(&beside))?;
    fs::rename(&beside, &path).map_err(Error::io(&path))
}

fn remove(folder: &Path, path: &str) -> Result<(), Error> {
    let file = folder.join(path);
    fs::remove_file(&file).map_err(Error::io(&file))?;
    let parents = Path::new(path).ancestors().skip(1).filter(|parent| *parent != Path::new(""));
    for parent in parents {
        // Fails where something is left in it, which then stays.
        if fs::remove_dir(folder.join(parent)).is_err() {
            break;
        }
    }
    Ok(())
}

fn unified(path: &str, there: &str, wanted: &str) -> String {
    TextDiff::from_lines(there, wanted)
        .unified_diff()
        .header(&format!("a/{path}"), &format!("b/{path}"))
        .to_string()
}
