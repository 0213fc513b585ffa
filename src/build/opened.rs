//! Opens a vendor directory that mwfarm has built in, for what changes it otherwise than by building: `eject`, `gc` and
//! `rollback`.

use std::io;
use std::path::{Path, PathBuf};

use super::published::{self, Published};
use crate::disk::{self, Lock, LockError};
use crate::report::Reporter;

/// Why it is not opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is published cannot be read.
    #[error("cannot read what is published")]
    Published(#[from] published::Error),
    /// There is no build.
    #[error("mwfarm has not built in `{0}`")]
    Nothing(String),
    /// The vendor directory is a link, or its `composer/` is.
    #[error(transparent)]
    Link(#[from] disk::Linked),
    /// Another command is at work.
    #[error("the vendor directory is locked")]
    Lock(#[from] LockError),
    /// The system does not tell.
    #[error("cannot look at `{}`", path.display())]
    System {
        /// The vendor directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The directory without slashes at its end, when something is there and neither it nor its `composer/` is a link.
///
/// # Errors
/// See [`Error`].
pub(super) fn look(vendor: &Path) -> Result<PathBuf, Error> {
    let vendor = disk::without_trailing_slash(vendor);
    match disk::look(&vendor) {
        Ok(Some(_)) => {}
        Ok(None) => return Err(Error::Nothing(vendor.display().to_string())),
        Err(source) => return Err(Error::System { path: vendor, source }),
    }
    disk::refuse_links([vendor.clone(), vendor.join("composer")])?;
    Ok(vendor)
}

/// Locks it; says so before it waits.
///
/// # Errors
/// See [`Error`].
pub(super) fn lock(vendor: &Path, wait: bool, reporter: &dyn Reporter) -> Result<Lock, Error> {
    Ok(super::lock(vendor, wait, reporter)?)
}

/// Reads what is published in it; without a manifest, [`Error::Nothing`] is the caller's to say.
///
/// # Errors
/// See [`Error`].
pub(super) fn read(vendor: &Path) -> Result<Published, Error> {
    Ok(Published::read(vendor)?)
}
