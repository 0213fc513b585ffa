//! Locks: files that stay, held by open descriptors, so that no death leaves one behind.
//!
//! The order is fixed, so that nobody waits in a ring: wiki, farm, one ref, repository, web. Nobody waits for a wiki's
//! lock who holds one of the others; and nobody waits at all for the one of removing, which a worker holds for its life.

use std::path::Path;

use super::layout::Layout;
use super::name::Name;
use crate::disk;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "held until it is dropped")] disk::Lock);

/// Why a lock was not had.
pub type Error = disk::LockError;

/// The lock of a wiki: one of its commands at a time.
///
/// # Errors
/// Somebody holds it and `wait` is false, or the system refuses.
pub fn wiki(layout: &Layout, name: &Name, wait: bool) -> Result<Held, Error> {
    // No wiki's name has a dot.
    take(layout, &format!("{name}.wiki"), wait, disk::Lock::take)
}

/// The lock on the numbers and names of all wikis.
///
/// # Errors
/// As of [`wiki`].
pub fn farm(layout: &Layout) -> Result<Held, Error> {
    take(layout, "farm.lock", true, disk::Lock::take)
}

/// The lock on the core repository of whoever removes something there: alone.
///
/// # Errors
/// As of [`wiki`].
pub fn repository(layout: &Layout, wait: bool) -> Result<Held, Error> {
    take(layout, REPOSITORY, wait, disk::Lock::take)
}

/// The same of those who only add to it, together with others who do. What they wait for at a remote, nobody else does.
///
/// # Errors
/// As of [`wiki`].
pub fn repository_shared(layout: &Layout) -> Result<Held, Error> {
    take(layout, REPOSITORY, true, disk::Lock::take_shared)
}

/// The lock on one ref of the core repository, or on all below one name. Nobody may hold two.
///
/// # Errors
/// As of [`wiki`].
pub fn reference(layout: &Layout, reference: &str) -> Result<Held, Error> {
    // No ref that we use has a `%`, and none is longer than a file's name may be.
    take(layout, &format!("{}.ref", reference.replace('/', "%")), true, disk::Lock::take)
}

const REPOSITORY: &str = "repository.lock";

/// The lock on the generated configuration of web servers, of the proxy and of the cache.
///
/// # Errors
/// As of [`wiki`].
pub fn web(layout: &Layout) -> Result<Held, Error> {
    take(layout, "web.lock", true, disk::Lock::take)
}

/// Whoever has this one removes the files of releases that were taken away, and all others leave that to him.
///
/// # Errors
/// As of [`wiki`].
pub fn removing(layout: &Layout) -> Result<Held, Error> {
    take(layout, "removed.lock", false, disk::Lock::take)
}

fn take(
    layout: &Layout,
    file: &str,
    wait: bool,
    lock: fn(&Path, bool) -> Result<disk::Lock, Error>,
) -> Result<Held, Error> {
    let path = layout.locks().join(file);
    let system = |path: &Path, source| Error::System { directory: path.to_owned(), source };
    // Whoever can open a file can lock it, and a wiki's code would keep all others from being deployed.
    disk::make_directories(&layout.state())
        .and_then(|()| disk::make_directory(&layout.locks(), 0o700, None))
        .map_err(|source| system(&path, source))?;
    disk::touch(&path).map_err(|source| system(&path, source))?;
    lock(&path, wait).map(Held)
}
