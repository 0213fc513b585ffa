//! Opening files of the configuration directory, and of nowhere else.

use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::problem::{Problem, shown};
use crate::disk;

/// A file as it was found.
pub(super) struct Opened {
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// Its permission bits.
    pub(super) mode: u32,
    /// Its group.
    pub(super) group: u32,
    /// The directory, absolute and without links.
    pub(super) directory: PathBuf,
    /// Its own path, absolute and without links.
    pub(super) path: PathBuf,
}

/// Refuses names that are no plain relative paths.
pub(super) fn check(name: &str) -> Result<(), Problem> {
    let wrong = |reason: &str| {
        let problem = Problem::new(0, format!("the file name `{}` {reason}", shown(name)));
        Err(problem.hint("files are named relative to the configuration directory, and lie in it"))
    };
    if name.is_empty() {
        return wrong("is empty");
    }
    if name.chars().any(char::is_control) {
        return wrong("holds a control character");
    }
    if name.starts_with('/') {
        return wrong("is absolute");
    }
    for part in name.split('/') {
        match part {
            "" => return wrong("has an empty part"),
            ".." => return wrong("has the part `..`"),
            _ => {}
        }
    }
    Ok(())
}

/// Reads a file of the directory. Links are followed as long as they lead to a file in the directory, which may be
/// reached by a link itself.
pub(super) fn read(directory: &Path, name: &str, most: u64) -> Result<Opened, Problem> {
    check(name)?;
    let root = disk::real_path(directory).map_err(|error| unreadable_directory(directory, &error))?;
    let path = disk::real_path(&root.join(name)).map_err(|error| unreadable(directory, &error))?;
    let inside = path.strip_prefix(&root).ok().filter(|inside| inside.components().all(is_normal));
    let Some(inside) = inside else {
        let problem = Problem::new(0, "is a link that leads out of the configuration directory");
        return Err(problem.hint("put the file itself there"));
    };
    let unreadable = |error: &io::Error| unreadable(directory, error);
    // Between the look and the opening, links may have been put there: those are not followed.
    let file = disk::open_beneath(&root, inside).map_err(|error| unreadable(&error))?;
    let metadata = file.metadata().map_err(|error| unreadable(&error))?;
    if !metadata.is_file() {
        return Err(Problem::new(0, "is not a regular file"));
    }
    let mut bytes = Vec::new();
    if metadata.len() <= most {
        file.take(most + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    }
    if metadata.len() > most || bytes.len() as u64 > most {
        return Err(Problem::new(0, format!("is larger than {} MiB", most / 1024 / 1024)));
    }
    let (mode, group) = (metadata.mode() & 0o7777, metadata.gid());
    Ok(Opened { bytes, mode, group, directory: root, path })
}

fn is_normal(component: Component) -> bool {
    matches!(component, Component::Normal(_))
}

pub(super) fn unreadable_directory(directory: &Path, error: &io::Error) -> Problem {
    let message = format!("the configuration directory `{}` cannot be read: {}", directory.display(), reason(error));
    Problem::new(0, message).hint("`--config-dir` names another one")
}

fn unreadable(directory: &Path, error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Problem::new(0, format!("there is no such file in `{}`", directory.display()))
        }
        _ => Problem::new(0, format!("cannot be read: {}", reason(error))),
    }
}

/// What the system says, without the path that is named anyway.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is none".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
