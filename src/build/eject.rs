//! `eject`: takes a build out of a vendor directory, leaving every byte that Composer wrote.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::copy::MARK;
use super::generated::Generated;
use super::opened;
use super::published::{self, FIXED, MANIFEST, Manifest, Published};
use super::strangers::stranger;
use crate::disk::{self, Staging};
use crate::report::Reporter;

/// Why nothing is taken out, or not everything.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not opened.
    #[error(transparent)]
    Open(#[from] opened::Error),
    /// The system refuses.
    #[error("cannot restore `{directory}`")]
    System {
        /// The vendor directory.
        directory: String,
        /// Why.
        source: io::Error,
    },
}

/// What was taken out.
#[derive(Debug, PartialEq, Eq)]
pub struct Ejected {
    /// Files put back.
    pub restored: Vec<String>,
    /// Names removed: of files and links that were not there before, and hashed ones.
    pub removed: Vec<String>,
    /// Hashed names that stay because something is in them which mwfarm did not make, each with it.
    pub strangers: Vec<(String, String)>,
}

/// Puts the originals back, the dispatcher first, then removes every hashed name that the manifest lists, then the
/// manifest. What Composer has replaced since is left as it is.
///
/// # Errors
/// See [`Error`].
pub fn eject(vendor: &Path, wait: bool, reporter: &dyn Reporter) -> Result<Ejected, Error> {
    let system = |source| Error::System { directory: vendor.display().to_string(), source };
    let vendor = &opened::look(vendor)?;
    let _lock = opened::lock(vendor, wait, reporter)?;
    let published = opened::read(vendor)?;
    let Some(manifest) = &published.manifest else {
        Staging::discard(vendor).map_err(system)?;
        return Err(opened::Error::Nothing(vendor.display().to_string()).into());
    };

    let staging = Staging::new(vendor).map_err(system)?;
    let ejected = take_out(&published, manifest, &staging, vendor).map_err(system);
    let removed = staging.remove().map_err(system);
    // Why something cannot be taken out says more than why cleaning up after it failed.
    let ejected = ejected?;
    removed.map(|()| ejected)
}

fn take_out(published: &Published, manifest: &Manifest, staging: &Staging, vendor: &Path) -> io::Result<Ejected> {
    let (mut restored, mut removed, mut strangers) = (Vec::new(), Vec::new(), Vec::new());
    for name in FIXED {
        let is_gone = || Ok::<_, io::Error>(disk::look(&vendor.join(name))?.is_none());
        if !published.in_place.contains_key(name) && !is_gone()? {
            continue;
        }
        if let Some((content, mode)) = published.originals.get(name).and_then(published::Original::content) {
            staging.replace(name, &content, Some(mode))?;
            restored.push(name.to_owned());
        } else if published.in_place.contains_key(name) {
            disk::discard(&vendor.join(name))?;
            removed.push(name.to_owned());
        }
    }
    let names: BTreeSet<Generated> = manifest.names();
    for name in published.links() {
        disk::discard(&vendor.join(name))?;
        removed.push(name.to_owned());
    }
    for name in names.iter().filter(|name| published.present.contains(name)) {
        if let Some(stranger) = stranger(vendor, published, name)? {
            strangers.push((name.to_string(), stranger));
            continue;
        }
        staging.withdraw(&name.to_string(), name.is_directory())?;
        removed.push(name.to_string());
    }
    disk::discard(&vendor.join(MARK))?;
    disk::discard(&vendor.join(MANIFEST))?;
    Ok(Ejected { restored, removed, strangers })
}
