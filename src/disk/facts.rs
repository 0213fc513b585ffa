//! Facts about what is at a path, for those who only look.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fs_err as fs;

/// The bytes of a regular file, behind links; `None` when there is none.
#[must_use]
pub fn size(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len())
}

/// Whether there is a directory, behind links.
#[must_use]
pub fn is_directory(path: &Path) -> bool {
    path.is_dir()
}

/// What is under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A link or anything else.
    Other,
}

/// The UTF-8 names in a directory and of which kind each is, a link not followed; none when it does not exist.
///
/// # Errors
/// Those of the system except that there is no such directory.
pub fn kinds(directory: &Path) -> io::Result<Vec<(String, Kind)>> {
    let mut kinds = Vec::new();
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(kinds),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string() {
            let kind = match entry.file_type()? {
                kind if kind.is_dir() => Kind::Directory,
                kind if kind.is_file() => Kind::File,
                _ => Kind::Other,
            };
            kinds.push((name, kind));
        }
    }
    Ok(kinds)
}

/// The permission bits of what is at a path, a link not followed; `None` when nothing is.
#[must_use]
pub fn permissions(path: &Path) -> Option<u32> {
    Some(fs::symlink_metadata(path).ok()?.mode() & 0o7777)
}

/// The regular files below a directory whose names end so, with their sizes in bytes, by path relative to it. Links
/// to directories are followed once, and only where extensions and packages are: in the first two levels, and not to
/// what the directory itself lies in. Hidden directories and those named in `pass_over` are not entered; what cannot be
/// read is left out.
#[must_use]
pub fn files_below(directory: &Path, ends: &str, pass_over: &[&str]) -> BTreeMap<PathBuf, u64> {
    let mut files = BTreeMap::new();
    let real = fs::canonicalize(directory).unwrap_or_default();
    let mut seen = std::collections::HashSet::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        let Ok(here) = fs::metadata(directory.join(&below)) else { continue };
        if !seen.insert((here.dev(), here.ino())) {
            continue;
        }
        for entry in fs::read_dir(directory.join(&below)).into_iter().flatten().filter_map(io::Result::ok) {
            let name = entry.file_name();
            let Some(text) = name.to_str().filter(|text| !text.starts_with('.')) else { continue };
            let path = below.join(text);
            let kind = entry.file_type().ok();
            let is_link = kind.is_some_and(|kind| kind.is_symlink());
            let around = || fs::canonicalize(entry.path()).is_ok_and(|target| real.starts_with(target));
            let followed = is_link && path.components().count() <= 2 && !around();
            let metadata = if followed { fs::metadata(entry.path()).ok() } else { None };
            let is_directory =
                kind.is_some_and(|kind| kind.is_dir()) || metadata.as_ref().is_some_and(std::fs::Metadata::is_dir);
            if is_directory {
                if !pass_over.iter().any(|name| path == Path::new(name)) {
                    open.push(path);
                }
            } else if text.ends_with(ends)
                && let Some(size) = size(&directory.join(&path))
            {
                files.insert(path, size);
            }
        }
    }
    files
}
