//! Copies a vendor tree, for `--output`: everything that Composer installed, without what mwfarm generated.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::autoload::Names;
use super::generated::Generated;
use super::mediawikifarm;
use super::published::{FIXED, MANIFEST};
use crate::disk::{self, Found, Staging};

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
    let ours = |name: &OsString| [MANIFEST, MARK].iter().any(|ours| name == ours);
    if names.is_empty() || names.iter().any(ours) { Ok(()) } else { Err(Error::Foreign(to.to_owned())) }
}

/// An empty file in a directory to write which says to the next build, until there is a manifest, that what is there is
/// the part of a copy.
pub const MARK: &str = ".mwfarm_copy";

/// A directory to copy.
struct Open {
    /// Its path below `vendor/`.
    path: PathBuf,
    /// The real directory that links in it must not leave.
    confine: PathBuf,
    /// Whether it is a package's or in one: then what the tree does not have goes, such as a class of an old version.
    package: bool,
}

/// What a copy consists of, before it is put in its place.
#[derive(Debug, Default)]
struct Staged {
    /// Directories to make, those above before those below.
    directories: Vec<PathBuf>,
    /// Files and links in the staging directory, by number, with their paths.
    copies: Vec<PathBuf>,
    /// What the tree does not have any more.
    stale: Vec<PathBuf>,
}

/// A copy that is in its place, with what it has too much: the generation that is served until another one is published
/// may need it.
#[must_use]
#[derive(Debug)]
pub struct Copied {
    stale: Vec<PathBuf>,
}

/// Copies `vendor/` of a tree into a directory. Links to `packages` (paths relative to the tree) are followed, as
/// Composer makes them for local packages; links inside a package are copied as links when they stay in it. Files
/// copied before are left alone; each other one is replaced by one rename, after all of them are durable.
///
/// # Errors
/// See [`Error`].
pub fn vendor(tree: &Path, to: &Path, packages: &Names<'_>) -> Result<Copied, Error> {
    let output = |source| Error::Output { path: to.to_owned(), source };
    if disk::look(&to.join(MANIFEST)).map_err(output)?.is_none() {
        disk::touch(&to.join(MARK)).map_err(output)?;
    }
    let staging = Staging::for_copies(to).map_err(output)?;
    let staged = stage(tree, to, packages, &staging)?;
    if !staged.copies.is_empty() {
        staging.make_durable().map_err(output)?;
    }
    for directory in &staged.directories {
        disk::refuse_links([directory.clone()])?;
        disk::make_directories(directory).map_err(output)?;
    }
    for (number, target) in staged.copies.iter().enumerate() {
        disk::put(&staging.copied(number), target).map_err(output)?;
    }
    if !staged.copies.is_empty() {
        // Also where no map has changed, and nothing else is published.
        staging.make_durable().map_err(output)?;
    }
    Ok(Copied { stale: staged.stale })
}

/// Removes what a failure has left in a directory to write: temporary files, and where there is nothing else, the mark.
///
/// # Errors
/// Those of the system.
pub fn settle(to: &Path) -> io::Result<()> {
    Staging::discard(to)?;
    if disk::entries(to)?.iter().all(|name| name == MARK) { disk::discard(&to.join(MARK)) } else { Ok(()) }
}

/// Looks through the tree's vendor directory, and makes copies of what is not in `to` yet.
fn stage(tree: &Path, to: &Path, packages: &Names<'_>, staging: &Staging) -> Result<Staged, Error> {
    let from = tree.join("vendor");
    let system = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::System { path, source }
    };
    let real = |path: &Path| fs_err::canonicalize(path).map_err(system(path));
    let mut staged = Staged::default();
    let mut open = vec![Open { path: PathBuf::new(), confine: real(&from)?, package: false }];
    while let Some(directory) = open.pop() {
        let target = to.join(&directory.path);
        disk::refuse_links([target.clone()])?;
        let names = disk::entries(&from.join(&directory.path)).map_err(system(&directory.path))?;
        match disk::look(&target).map_err(system(&target))? {
            Some(there) if there.is_dir() => {
                if directory.package {
                    let there = disk::entries(&target).map_err(system(&target))?;
                    staged.stale.extend(there.difference(&names).map(|stale| target.join(stale)));
                }
            }
            Some(_) if directory.package => {
                // Of a file no directory can be made without a moment at which neither is there.
                disk::clear(&target).map_err(system(&target))?;
                staged.directories.push(target);
            }
            _ => staged.directories.push(target),
        }
        for name in names {
            let relative = directory.path.join(&name);
            let path = from.join(&relative);
            if is_ours(&relative) {
                continue;
            }
            let Some(metadata) = disk::look(&path).map_err(system(&path))? else { continue };
            let is_package = relative.to_str().is_some_and(|path| packages.contains(format!("vendor/{path}").as_str()));
            let copy = |staged: &Staged| staging.copy(staged.copies.len()).map_err(system(to));
            let place = to.join(&relative);
            if metadata.is_dir() || (metadata.is_symlink() && is_package && path.is_dir()) {
                let confine = if is_package { real(&path)? } else { directory.confine.clone() };
                open.push(Open { path: relative, confine, package: directory.package || is_package });
            } else if metadata.is_symlink() {
                let leads = disk::link_target(&path).map_err(system(&path))?;
                if mediawikifarm::is_ours(&relative, &leads) {
                    continue;
                }
                if !real(&path)?.starts_with(&directory.confine) {
                    return Err(Error::Refused { path, what: "a link that leaves its package" });
                }
                if leads.is_absolute() {
                    return Err(Error::Refused { path, what: "a link to an absolute path" });
                }
                if disk::find(&place).map_err(system(&place))? != Some(Found::Link(leads.clone())) {
                    disk::make_link(&copy(&staged)?, &leads).map_err(system(&path))?;
                    staged.copies.push(place);
                }
            } else if metadata.is_file() {
                if !disk::is_copy(&path, &place).map_err(system(&path))? {
                    disk::copy_file(&path, &copy(&staged)?).map_err(system(&path))?;
                    staged.copies.push(place);
                }
            } else {
                return Err(Error::Refused { path, what: "neither a file nor a directory" });
            }
        }
    }
    Ok(staged)
}

impl Copied {
    /// Removes what the tree does not have any more, and the mark: the generation of the copy is published.
    ///
    /// # Errors
    /// Those of the system.
    pub fn finish(self, to: &Path) -> io::Result<()> {
        self.stale.iter().try_for_each(|path| disk::clear(path))?;
        disk::discard(&to.join(MARK))
    }
}

/// What a build writes itself, or keeps as an original.
fn is_ours(relative: &Path) -> bool {
    let Some(path) = relative.to_str() else { return false };
    FIXED.contains(&path) || [MANIFEST, MARK, disk::STAGING].contains(&path) || Generated::parse(path).is_some()
}
