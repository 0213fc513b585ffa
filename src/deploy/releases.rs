//! The releases of a wiki on disk: which there are, which is served, and how that changes.

use std::io;
use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::lock;
use super::name::Name;
use super::release::{Release, ReleaseId};
use crate::disk;
use crate::report::{ExitCode, Problem};

/// The version of the form of `release.json`.
pub const SCHEMA: u32 = 1;

/// The releases that are complete, the oldest first.
///
/// # Errors
/// The directory cannot be read.
pub fn list(layout: &Layout, name: &Name) -> Result<Vec<ReleaseId>, Problem> {
    let directory = layout.releases(name);
    let names = disk::names(&directory).map_err(|error| unusable(&directory, &error))?;
    let mut releases: Vec<ReleaseId> = names.iter().filter_map(|name| name.parse().ok()).collect();
    releases.retain(|release| read(layout, name, release).ok().flatten().is_some());
    releases.sort();
    Ok(releases)
}

/// What a release says of itself; `None` when it is not there or not complete.
///
/// # Errors
/// It cannot be read.
pub fn read(layout: &Layout, name: &Name, release: &ReleaseId) -> Result<Option<Release>, Problem> {
    let file = layout.release(name, release).join(".mwfarm/release.json");
    let json = disk::read_optional(&file).map_err(|error| unusable(&file, &error))?;
    Ok(json.and_then(|json| serde_json::from_slice::<Release>(&json).ok()).filter(|read| read.release == *release))
}

/// The release that a link names.
///
/// # Errors
/// There is something else than our link.
pub fn linked(link: &Path, name: &Name) -> Result<Option<ReleaseId>, Problem> {
    let target = match disk::find(link).map_err(|error| unusable(link, &error))? {
        None => return Ok(None),
        Some(disk::Found::Link(target)) => target,
        Some(_) => {
            return Err(Problem::new(ExitCode::Failed, format!("`{}` is not a link of mwfarm's", link.display()))
                .hint("move it away"));
        }
    };
    let release = target.to_str().and_then(|target| target.strip_prefix(&format!("../releases/{name}/")));
    let release = release.and_then(|release| release.parse().ok());
    release.map(Some).ok_or_else(|| {
        let what = format!("`{}` leads to `{}`, which is no release of `{name}`", link.display(), target.display());
        Problem::new(ExitCode::Failed, what).hint("remove the link, and `mwfarm watch reconcile`")
    })
}

/// The release that is served.
///
/// # Errors
/// See [`linked`].
pub fn current(layout: &Layout, name: &Name) -> Result<Option<ReleaseId>, Problem> {
    linked(&layout.current(name), name)
}

/// The release to go back to: the newest one that is older than the served one and was not found to be bad.
///
/// # Errors
/// The directory cannot be read.
pub fn before(
    layout: &Layout,
    name: &Name,
    current: &ReleaseId,
    is_bad: impl Fn(&Release) -> bool,
) -> Result<Option<Release>, Problem> {
    for release in list(layout, name)?.iter().rev().filter(|release| release.seq < current.seq) {
        if let Some(read) = read(layout, name, release)?.filter(|read| !is_bad(read)) {
            return Ok(Some(read));
        }
    }
    Ok(None)
}

/// The newest release that was not found to be bad.
///
/// # Errors
/// The directory cannot be read.
pub fn newest(layout: &Layout, name: &Name, is_bad: impl Fn(&Release) -> bool) -> Result<Option<Release>, Problem> {
    for release in list(layout, name)?.iter().rev() {
        if let Some(read) = read(layout, name, release)?.filter(|read| !is_bad(read)) {
            return Ok(Some(read));
        }
    }
    Ok(None)
}

/// Lets a link name a release: one rename.
///
/// # Errors
/// Those of the system.
pub fn switch(link: &Path, name: &Name, release: &ReleaseId) -> Result<(), Problem> {
    let write = || {
        disk::make_directories(link.parent().unwrap_or(Path::new("/")))?;
        disk::replace_link(link, &Layout::link_target(name, release))
    };
    linked(link, name)?;
    write().map_err(|error| unusable(link, &error))
}

/// Takes a link of ours away, and one that was to take its place.
///
/// # Errors
/// There is something else than our link, or the system refuses.
pub fn unlink(link: &Path, name: &Name) -> Result<(), Problem> {
    linked(link, name)?;
    disk::discard(&disk::staged_link(link)).and_then(|()| disk::discard(link)).map_err(|error| unusable(link, &error))
}

/// Takes a release away: one rename, so that no half of it is ever found under its name. Its files go later, as removing
/// ten thousands of them can take longer than deploying them: [`empty`]. One of each wiki at most is left for that, so that
/// whoever pushes faster than the disk removes fills no disk. The wiki's lock has to be held.
///
/// # Errors
/// Those of the system.
pub fn remove(layout: &Layout, name: &Name, release: &ReleaseId) -> Result<(), Problem> {
    let from = layout.release(name, release);
    let to = staged(layout, name, release.seq, REMOVED);
    let remove = || -> io::Result<()> {
        if disk::look(&from)?.is_none() {
            return Ok(());
        }
        for before in of(layout, name)? {
            disk::clear(&before)?;
        }
        make_staging(layout)?;
        disk::relocate(&from, &to)
    };
    remove().map_err(|error| unusable(&from, &error))
}

/// What [`remove`] has put out of the way is called so.
const REMOVED: &str = "removed";

/// The releases, of all wikis, whose files are still to be removed.
///
/// # Errors
/// Those of the system.
pub fn removed(layout: &Layout) -> Result<Vec<PathBuf>, Problem> {
    let staging = layout.staging();
    let names = disk::names(&staging).map_err(|error| unusable(&staging, &error))?;
    Ok(names.iter().filter(|name| is_removed(name)).map(|name| staging.join(name)).collect())
}

/// Those of one wiki.
fn of(layout: &Layout, name: &Name) -> io::Result<Vec<PathBuf>> {
    let (staging, prefix) = (layout.staging(), format!("{name}."));
    let names = disk::names(&staging)?;
    let ours = names.iter().filter(|staged| staged.starts_with(&prefix) && is_removed(staged));
    Ok(ours.map(|name| staging.join(name)).collect())
}

fn is_removed(staged: &str) -> bool {
    staged.rsplit('.').next() == Some(REMOVED)
}

/// Removes the files of releases that were taken away, until it is to end. No lock is needed: several may do so at a time.
///
/// # Errors
/// The first one of the system; the others are removed all the same.
pub fn empty(layout: &Layout, ends: &dyn Fn() -> bool) -> Result<(), Problem> {
    let mut result = Ok(());
    for path in removed(layout)? {
        if ends() {
            break;
        }
        result = result.and(disk::clear(&path).map_err(|error| unusable(&path, &error)));
    }
    result
}

/// The same, unless somebody else is at it: then that one does it, such as the worker, for as long as it runs.
///
/// # Errors
/// Those of the system.
pub fn empty_unless_another_does(layout: &Layout) -> Result<(), Problem> {
    // Who came meanwhile has left something to us, which is not gone on with for ever.
    for _ in 0..ROUNDS {
        if removed(layout)?.is_empty() {
            break;
        }
        match lock::removing(layout) {
            Ok(_lock) => empty(layout, &|| false)?,
            Err(disk::LockError::Held { .. }) => break,
            Err(error) => return Err(Problem::from_error(ExitCode::Failed, &error)),
        }
    }
    Ok(())
}

/// How often one looks for what others have left meanwhile.
const ROUNDS: u32 = 3;

/// Makes the directory of what is not finished, or no release any more. Unlike that of a wiki's releases, which a release
/// gets into by its last rename, it keeps no wiki from what is another one's: only we come in.
///
/// # Errors
/// Those of the system.
pub(super) fn make_staging(layout: &Layout) -> io::Result<()> {
    let staging = layout.staging();
    disk::make_directories(staging.parent().unwrap_or(Path::new("/")))?;
    disk::make_directory(&staging, 0o700, None)
}

/// Where something of an attempt is while it is not finished. No wiki's name has a dot.
#[must_use]
pub fn staged(layout: &Layout, name: &Name, seq: u64, what: &str) -> PathBuf {
    layout.staging().join(format!("{name}.{seq}.{what}"))
}

/// Removes what attempts of a wiki left unfinished, but not what was taken away. The wiki's lock has to be held.
///
/// # Errors
/// Those of the system.
pub fn clear_staging(layout: &Layout, name: &Name) -> Result<bool, Problem> {
    let staging = layout.staging();
    let prefix = format!("{name}.");
    let mut found = false;
    for left in disk::names(&staging).map_err(|error| unusable(&staging, &error))? {
        if left.starts_with(&prefix) && !is_removed(&left) {
            found = true;
            disk::clear(&staging.join(&left)).map_err(|error| unusable(&staging.join(&left), &error))?;
        }
    }
    Ok(found)
}

/// Removes all that there is of a wiki's releases, those that were taken away, too. The wiki's lock has to be held.
///
/// # Errors
/// Those of the system.
pub fn clear(layout: &Layout, name: &Name) -> Result<(), Problem> {
    clear_staging(layout, name)?;
    let staging = layout.staging();
    let removed = of(layout, name).map_err(|error| unusable(&staging, &error))?;
    for path in removed.into_iter().chain([layout.releases(name)]) {
        disk::clear(&path).map_err(|error| unusable(&path, &error))?;
    }
    Ok(())
}

/// A path that the system refuses to use.
pub(super) fn unusable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(ExitCode::Failed, format!("cannot use `{}`", path.display())).cause(error.to_string())
}
