//! Copies a vendor tree, for `--output`: everything that Composer installed, without what mwfarm generated.

use std::io;
use std::path::{Path, PathBuf};

use super::autoload::Names;
use super::generated::Generated;
use super::published::{DISPATCHER, INSTALLED, MANIFEST};
use crate::disk;

/// Something that is not copied.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refuses.
    #[error("cannot copy `{}`", path.display())]
    System {
        /// The path in the tree.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A link inside a package that leads out of it, or a device, socket or pipe.
    #[error("`{}` is {what}, and the copy would not be complete without it", path.display())]
    Refused {
        /// The path in the tree.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The directory to write is in the vendor directory that is read, or the same.
    #[error("`{}` lies in the tree's own vendor directory", .0.display())]
    Inside(PathBuf),
}

/// Copies `vendor/` of a tree into a directory. Links to `packages` (paths relative to the tree) are followed, as
/// Composer makes them for local packages; links inside a package are copied as links when they stay in it. Files
/// copied before are left alone. Returns how many files were written.
///
/// # Errors
/// See [`Error`].
pub fn vendor(tree: &Path, to: &Path, packages: &Names<'_>) -> Result<usize, Error> {
    let from = tree.join("vendor");
    let system = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::System { path, source }
    };
    let real = |path: &Path| fs_err::canonicalize(path).map_err(system(path));
    if real(to)?.starts_with(real(&from)?) {
        return Err(Error::Inside(to.to_owned()));
    }
    let mut written = 0;
    // Directory below vendor/, and the real directory that links in it must not leave.
    let mut open: Vec<(PathBuf, PathBuf)> = vec![(PathBuf::new(), real(&from)?)];
    while let Some((directory, confine)) = open.pop() {
        disk::make_directories(&to.join(&directory)).map_err(system(&directory))?;
        for name in disk::names(&from.join(&directory)).map_err(system(&directory))? {
            let relative = directory.join(&name);
            let path = from.join(&relative);
            if is_ours(&relative) {
                continue;
            }
            let Some(metadata) = disk::look(&path).map_err(system(&path))? else { continue };
            let is_package = relative.to_str().is_some_and(|path| packages.contains(format!("vendor/{path}").as_str()));
            if metadata.is_dir() || (metadata.is_symlink() && is_package && path.is_dir()) {
                let confine = if is_package { real(&path)? } else { confine.clone() };
                open.push((relative, confine));
            } else if metadata.is_symlink() {
                let target = real(&path)?;
                if !target.starts_with(&confine) {
                    return Err(Error::Refused { path, what: "a link that leaves its package" });
                }
                written += usize::from(disk::copy_link(&path, &to.join(&relative)).map_err(system(&path))?);
            } else if metadata.is_file() {
                written += usize::from(disk::copy_file(&path, &to.join(&relative)).map_err(system(&path))?);
            } else {
                return Err(Error::Refused { path, what: "neither a file nor a directory" });
            }
        }
    }
    Ok(written)
}

/// What a build writes itself, or keeps as an original.
fn is_ours(relative: &Path) -> bool {
    let Some(path) = relative.to_str() else { return false };
    path == DISPATCHER
        || path == INSTALLED
        || path == MANIFEST
        || path == disk::STAGING
        || Generated::parse(path).is_some()
}
