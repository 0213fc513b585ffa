//! Copies a vendor tree, for `--output`: everything that Composer installed, without what mwfarm generated.

use std::io;
use std::path::{Path, PathBuf};

use super::autoload::Names;
use super::generated::Generated;
use super::mediawikifarm;
use super::published::{FIXED, MANIFEST};
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
    /// A link that the copy could not have, or a device, socket or pipe.
    #[error("`{}` is {what}, and the copy would not be complete without it", path.display())]
    Refused {
        /// The path in the tree.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A directory to write is a link.
    #[error(transparent)]
    Link(#[from] disk::Linked),
    /// The directory to write is in the vendor directory that is read, or the same.
    #[error("`{}` lies in the tree's own vendor directory", .0.display())]
    Inside(PathBuf),
    /// The directory to write holds what no build made.
    #[error("`{}` is not empty, and not made by a build", .0.display())]
    Foreign(PathBuf),
    /// The directory to write cannot be made.
    #[error("cannot use `{}`", path.display())]
    Output {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Makes the directory to write, with those above it, unless it would lie in the tree's own vendor directory. Says
/// whether it was made.
///
/// # Errors
/// See [`Error`].
pub fn prepare(tree: &Path, to: &Path) -> Result<bool, Error> {
    let output = |source| Error::Output { path: to.to_owned(), source };
    let there = to.ancestors().map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
    let nearest = there.map(fs_err::canonicalize).find(Result::is_ok);
    let vendor = fs_err::canonicalize(tree.join("vendor"));
    if let (Some(Ok(real)), Ok(vendor)) = (nearest, vendor)
        && real.starts_with(vendor)
    {
        return Err(Error::Inside(to.to_owned()));
    }
    let missing = disk::look(to).map_err(output)?.is_none();
    disk::make_directories(to).map_err(output)?;
    Ok(missing)
}

/// Refuses a directory with anything in it, unless that is an earlier build's or begun by one: it would be mixed up.
///
/// # Errors
/// See [`Error`].
pub fn refuse_foreign(to: &Path) -> Result<(), Error> {
    let names = disk::entries(to).map_err(|source| Error::Output { path: to.to_owned(), source })?;
    let ours = names.is_empty() || [MANIFEST, disk::STAGING].iter().any(|ours| names.iter().any(|name| name == ours));
    if ours { Ok(()) } else { Err(Error::Foreign(to.to_owned())) }
}

/// A directory to copy.
struct Open {
    /// Its path below `vendor/`.
    path: PathBuf,
    /// The real directory that links in it must not leave.
    confine: PathBuf,
    /// Whether it is a package's or in one: then what the tree does not have goes, such as a class of an old version.
    package: bool,
}

/// Copies `vendor/` of a tree into a directory. Links to `packages` (paths relative to the tree) are followed, as
/// Composer makes them for local packages; links inside a package are copied as links when they stay in it. Files
/// copied before are left alone, and what a package no longer has is removed. Returns how many files were written.
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
    if disk::look(&to.join(MANIFEST)).map_err(system(to))?.is_none() {
        // Says to the next build, should this one be killed, that the directory is ours.
        disk::Staging::new(to).map_err(system(to))?;
    }
    let mut written = 0;
    let mut open = vec![Open { path: PathBuf::new(), confine: real(&from)?, package: false }];
    while let Some(directory) = open.pop() {
        let target = to.join(&directory.path);
        disk::refuse_links([target.clone()])?;
        disk::make_directories(&target).map_err(system(&target))?;
        let names = disk::entries(&from.join(&directory.path)).map_err(system(&directory.path))?;
        if directory.package {
            for stale in disk::entries(&target).map_err(system(&target))?.difference(&names) {
                let stale = target.join(stale);
                disk::clear(&stale).map_err(system(&stale))?;
            }
        }
        for name in names {
            let relative = directory.path.join(&name);
            let path = from.join(&relative);
            if is_ours(&relative) {
                continue;
            }
            let Some(metadata) = disk::look(&path).map_err(system(&path))? else { continue };
            let is_package = relative.to_str().is_some_and(|path| packages.contains(format!("vendor/{path}").as_str()));
            if metadata.is_dir() || (metadata.is_symlink() && is_package && path.is_dir()) {
                let confine = if is_package { real(&path)? } else { directory.confine.clone() };
                let package = directory.package || is_package;
                let target = to.join(&relative);
                let there = disk::look(&target).map_err(system(&target))?;
                if package && there.is_some_and(|metadata| !metadata.is_dir()) {
                    disk::clear(&target).map_err(system(&target))?;
                }
                open.push(Open { path: relative, confine, package });
            } else if metadata.is_symlink() {
                if mediawikifarm::is_ours(&relative, &disk::link_target(&path).map_err(system(&path))?) {
                    continue;
                }
                let target = real(&path)?;
                if !target.starts_with(&directory.confine) {
                    return Err(Error::Refused { path, what: "a link that leaves its package" });
                }
                if fs_err::read_link(&path).map_err(system(&path))?.is_absolute() {
                    return Err(Error::Refused { path, what: "a link to an absolute path" });
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
    FIXED.contains(&path) || path == MANIFEST || path == disk::STAGING || Generated::parse(path).is_some()
}
