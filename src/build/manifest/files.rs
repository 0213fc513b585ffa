//! Reads single files of a tree, without being led astray by what lies there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Error;

/// Files larger than this are refused; the largest real `installed.json` is a few megabytes.
pub(super) const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The files of one tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files<'a> {
    /// The directory of the root `composer.json`.
    pub(super) tree: &'a Path,
    /// Contents that stand for a file, by its path relative to the tree.
    pub(super) restored: &'a BTreeMap<String, Vec<u8>>,
}

impl Files<'_> {
    /// The bytes of a file of the tree itself; `None` when it does not exist.
    pub(super) fn read(&self, file: &str) -> Result<Option<Vec<u8>>, Error> {
        if let Some(bytes) = self.restored.get(file) {
            return Ok(Some(bytes.clone()));
        }
        read_regular(file, &self.tree.join(file))
    }

    /// The bytes of a file that lies directly in the directory of an extension or package; `None` when it does
    /// not exist. The directory may be a link to anywhere (Composer and Debian link whole packages), but a file
    /// in it that is a link must stay in that directory or in the tree: its author is not the farm's owner.
    pub(super) fn read_foreign(&self, directory: &str, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let file = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
        let path = self.tree.join(&file);
        let fail = |source| Error::Read { file: file.clone(), source };
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() => {
                let target = fs::canonicalize(&path).map_err(fail)?;
                let inside = |root: PathBuf| fs::canonicalize(root).is_ok_and(|root| target.starts_with(root));
                if !inside(self.tree.join(directory)) && !inside(self.tree.to_owned()) {
                    return Err(Error::of_file(&file, "is a link that leaves its directory"));
                }
            }
            Ok(_) => {}
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(fail(error)),
        }
        read_regular(&file, &path)
    }

    /// Whether a path of the tree is a directory or a link to one.
    pub(super) fn is_directory(&self, path: &str) -> bool {
        self.tree.join(path).is_dir()
    }
}

fn read_regular(file: &str, path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let fail = |source| Error::Read { file: file.to_owned(), source };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        // A link that leads nowhere is a mistake, not an absent file.
        Err(error) if is_missing(&error) && fs::symlink_metadata(path).is_err() => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    // Asked before opening: opening a pipe would wait for a writer.
    if !metadata.is_file() {
        return Err(Error::of_file(file, "is not a regular file"));
    }
    let too_large = || Error::of_file(file, format!("is larger than {} MiB", MAX_BYTES / 1024 / 1024));
    if metadata.len() > MAX_BYTES {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    File::open(path).map_err(fail)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large());
    }
    Ok(Some(bytes))
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
