//! The order in which a generation is published, in one place: wherever it is interrupted, wikis are served the generation
//! before or this one as a whole, and everything that was made is listed.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::published::{FIXED, MANIFEST, Manifest};
use crate::disk::{self, Staging};

/// What is to be published.
#[derive(Debug)]
pub(super) struct Publication<'p> {
    /// The texts of the files of fixed names.
    pub(super) fixed: &'p BTreeMap<String, String>,
    /// Hashed names that are in the staging directory and not yet in their places.
    pub(super) fresh: Vec<String>,
    /// Links for `MediaWikiFarm` to be made, each with what it leads to.
    pub(super) links: Vec<(String, String)>,
    /// Links for `MediaWikiFarm` that go.
    pub(super) stale_links: Vec<String>,
    /// The manifest.
    pub(super) manifest: &'p Manifest,
}

impl Publication<'_> {
    /// Publishes. Says how many files of fixed names and links were made, replaced or removed.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn publish(&self, staging: &Staging, vendor: &Path) -> io::Result<usize> {
        let manifest = self.manifest.to_json();
        if manifest.len() as u64 > disk::LARGEST {
            let limit = disk::LARGEST >> 20;
            return Err(io::Error::other(format!("`{MANIFEST}` would be larger than {limit} MiB: `mwfarm gc` helps")));
        }
        let mut files = self.links.len() + self.stale_links.len();
        // The manifest first: wherever a build is killed, all that it made is listed, for the next one and for eject.
        files += replace(staging, vendor, MANIFEST, &manifest)?;
        if !self.fresh.is_empty() {
            staging.publish_hashed(self.fresh.iter().map(String::as_str))?;
        }
        for (name, target) in &self.links {
            staging.link(name, target)?;
        }
        if !self.links.is_empty() {
            staging.make_durable()?;
        }
        // The dispatcher last: it alone switches.
        for name in FIXED.iter().rev() {
            if let Some(text) = self.fixed.get(*name) {
                files += replace(staging, vendor, name, text.as_bytes())?;
            }
        }
        for name in &self.stale_links {
            // What was served until now needed them. Should a kill leave one, it is known by where it leads.
            disk::discard(&vendor.join(name))?;
        }
        Ok(files)
    }
}

/// Replaces a file of a fixed name, if it differs. Says how many were written.
fn replace(staging: &Staging, vendor: &Path, name: &str, content: &[u8]) -> io::Result<usize> {
    if disk::read_optional(&vendor.join(name))?.is_some_and(|there| there == content) {
        return Ok(0);
    }
    staging.replace(name, content, None)?;
    Ok(1)
}
