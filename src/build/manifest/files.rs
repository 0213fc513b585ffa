//! Reads single files of a tree, without being led astray by what lies there.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Error;
use crate::disk;

/// Files of the tree that are larger are refused; the largest real `installed.json` has a few megabytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Files of an extension that are larger are refused; the largest real `extension.json` has 100 KB.
const MAX_FOREIGN_BYTES: u64 = 4 * 1024 * 1024;

/// The files of one tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files<'a> {
    /// The directory of the root `composer.json`.
    pub(super) tree: &'a Path,
    /// Contents that stand for a file, by its path relative to the tree; `None` stands for its absence.
    pub(super) restored: &'a BTreeMap<String, Option<Vec<u8>>>,
}

impl Files<'_> {
    /// The bytes of a file of the tree itself; `None` when it does not exist.
    pub(super) fn read(&self, file: &str) -> Result<Option<Vec<u8>>, Error> {
        if let Some(bytes) = self.restored.get(file) {
            return Ok(bytes.clone());
        }
        read_regular(file, &self.tree.join(file), MAX_BYTES)
    }

    /// The bytes of a file that lies directly in the directory of an extension or package; `None` when it does
    /// not exist. The directory may be a link to anywhere (Composer and Debian link whole packages), but a file
    /// in it that is a link must stay in that directory or in the tree: its author is not the farm's owner.
    pub(super) fn read_foreign(&self, directory: &str, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let file = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
        if let Some(bytes) = self.restored.get(&file) {
            return Ok(bytes.clone());
        }
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
        read_regular(&file, &path, MAX_FOREIGN_BYTES)
    }

    /// Whether a path of the tree is a directory or a link to one.
    pub(super) fn is_directory(&self, path: &str) -> bool {
        self.tree.join(path).is_dir()
    }
}

fn read_regular(file: &str, path: &Path, max_bytes: u64) -> Result<Option<Vec<u8>>, Error> {
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
    let too_large = || Error::of_file(file, format!("is larger than {} MiB", max_bytes / 1024 / 1024));
    if metadata.len() > max_bytes {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    // Should a pipe have taken its place since, this does not wait for a writer either.
    disk::open(path).map_err(fail)?.take(max_bytes + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > max_bytes {
        return Err(too_large());
    }
    Ok(Some(bytes))
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::build::manifest::tests::{copy, read_at};

    #[test]
    fn odd_files_are_refused() {
        let tree = copy("merged");
        let local = tree.path().join("composer.local.json");
        fs::remove_file(&local).expect("removed");
        fs::create_dir(&local).expect("made");
        assert_eq!(read_at(&tree).expect_err("refused").to_string(), "`composer.local.json` is not a regular file");

        let tree = copy("merged");
        let pipe = tree.path().join("extensions/Plain/extension-pipe.json");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).expect("a pipe");
        let error = read_at(&tree).expect_err("refused").to_string();
        assert_eq!(error, "`extensions/Plain/extension-pipe.json` is not a regular file");
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_to_extensions_but_not_out_of_them() {
        use std::os::unix::fs::symlink;
        let elsewhere = tempfile::tempdir().expect("a directory");
        fs::write(elsewhere.path().join("extension.json"), r#"{"name": "Linked"}"#).expect("written");
        fs::write(elsewhere.path().join("secret"), "not for the eyes of a build").expect("written");
        let tree = copy("merged");
        symlink(elsewhere.path(), tree.path().join("extensions/Linked")).expect("linked");
        symlink("Linked", tree.path().join("extensions/Again")).expect("linked");
        symlink("loop", tree.path().join("extensions/loop")).expect("linked");
        let ids: Vec<_> = read_at(&tree).expect("good").extensions.iter().map(|e| e.id.to_string()).collect();
        assert!(
            ids.contains(&"extensions/Linked".to_owned()) && ids.contains(&"extensions/Again".to_owned()),
            "{ids:?}"
        );

        let manifest = tree.path().join("extensions/Twofold/extension.json");
        symlink("extension-repo.json", &manifest).expect("linked");
        assert!(read_at(&tree).is_ok(), "a link within the directory");
        fs::remove_file(&manifest).expect("removed");
        symlink(elsewhere.path().join("secret"), &manifest).expect("linked");
        let error = read_at(&tree).expect_err("refused").to_string();
        assert_eq!(error, "`extensions/Twofold/extension.json` is a link that leaves its directory");
        fs::remove_file(&manifest).expect("removed");
        symlink("nowhere", &manifest).expect("linked");
        let error = read_at(&tree).expect_err("refused").to_string();
        assert_eq!(error, "cannot read `extensions/Twofold/extension.json`");
    }
}
