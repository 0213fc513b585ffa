//! Publishing: everything new is made in a directory beside its place, and gets there by `rename`.

use std::fs::{File, FileTimes};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err as fs;

use super::{clear, create, look, named, permit, sync_directory};

/// The staging directory's name. Only the holder of the lock makes it, so what is there when a build begins was left
/// by one that was killed.
pub const STAGING: &str = ".mwfarm_staging";

/// Time of modification of every hashed file, 2000-01-01: OPcache compiles files younger than two seconds on every
/// request, and what never changes may be as old as it likes.
const OLD: Duration = Duration::from_secs(946_684_800);

/// A directory beside the targets, in which everything new is made.
#[derive(Debug)]
pub struct Staging {
    directory: PathBuf,
    vendor: PathBuf,
}

impl Staging {
    /// Makes it. What a killed build left there is removed; only a build makes that name, and only under the lock.
    ///
    /// # Errors
    /// Those of the system.
    pub fn new(vendor: &Path) -> io::Result<Self> {
        Self::discard(vendor)?;
        let staging = Self { directory: vendor.join(STAGING), vendor: vendor.to_owned() };
        fs::create_dir(&staging.directory)?;
        Ok(staging)
    }

    /// Makes a directory in it.
    ///
    /// # Errors
    /// Those of the system.
    pub fn directory(&self, name: &str) -> io::Result<()> {
        fs::create_dir(self.directory.join(name))
    }

    /// Writes a file of a hashed name, with an old time of modification.
    ///
    /// # Errors
    /// Those of the system.
    pub fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.directory.join(name);
        let file = create(&path, content, None)?;
        let old = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + OLD);
        file.set_times(old).map_err(|error| named(&path, &error))
    }

    /// Writes a file of a hashed name that not everybody may read. It keeps its time of modification: MediaWiki takes
    /// that of its settings for the time of their last change.
    ///
    /// # Errors
    /// Those of the system.
    pub fn write_private(&self, name: &str, content: &[u8], mode: u32, group: Option<u32>) -> io::Result<()> {
        let path = self.directory.join(name);
        let file = create(&path, b"", Some(0o600))?;
        if let Some(group) = group {
            // Who may not give the file to that group keeps it to itself: what is private stays so.
            let given = rustix::fs::fchown(&file, None, Some(rustix::fs::Gid::from_raw(group))).is_ok();
            permit(&path, &file, if given { mode } else { mode & 0o600 })?;
        } else {
            permit(&path, &file, mode)?;
        }
        (&file).write_all(content).map_err(|error| named(&path, &error))
    }

    /// Puts hashed names in their places: all content durable first, then the renames, then those.
    ///
    /// # Errors
    /// Those of the system.
    pub fn publish_hashed<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> io::Result<()> {
        self.make_durable()?;
        for name in names {
            fs::rename(self.directory.join(name), self.vendor.join(name))?;
        }
        sync_directory(&self.vendor)
    }

    /// Replaces one file of a fixed name, durably. Its time of modification is greater than that of the one it
    /// replaces, in whole seconds: OPcache compares nothing else.
    ///
    /// # Errors
    /// Those of the system.
    pub fn replace(&self, name: &str, content: &[u8], mode: Option<u32>) -> io::Result<()> {
        let target = self.vendor.join(name);
        let staged = self.directory.join("replacement");
        let file = create(&staged, content, mode)?;
        let error = |error: io::Error| named(&staged, &error);
        if let Some(replaced) = look(&target)?
            && replaced.mtime() >= file.metadata().map_err(error)?.mtime()
        {
            // At the end of time there is no later one.
            let later = replaced.modified()?.checked_add(Duration::from_secs(1));
            later.map(|later| file.set_times(FileTimes::new().set_modified(later))).transpose().map_err(error)?;
        }
        file.sync_all().map_err(error)?;
        fs::rename(&staged, &target)?;
        sync_directory(target.parent().unwrap_or(&self.vendor))
    }

    /// Puts a link in its place, or another in place of one. It is not durable before [`Self::make_durable`].
    ///
    /// # Errors
    /// Those of the system.
    pub fn link(&self, name: &str, target: &str) -> io::Result<()> {
        let staged = self.directory.join("link");
        std::os::unix::fs::symlink(target, &staged).map_err(|error| named(&staged, &error))?;
        fs::rename(&staged, self.vendor.join(name))
    }

    /// Where a file or link with the content of another is made, before it gets its name. Numbered by the caller.
    #[must_use]
    pub fn copy(&self, number: usize) -> PathBuf {
        self.directory.join(format!("copy{number}"))
    }

    /// Makes all that is in the staging directory durable, and what got its name before: one call for all files, since
    /// a clean build of a large farm writes thousands.
    ///
    /// # Errors
    /// Those of the system: also what failed to be written before.
    pub fn make_durable(&self) -> io::Result<()> {
        let error = |error: io::Error| named(&self.vendor, &error);
        rustix::fs::syncfs(&File::open(&self.vendor).map_err(error)?).map_err(|errno| error(errno.into()))
    }

    /// Takes a hashed file or directory out of its place by one rename, so that it is never there in part. It is
    /// removed with the staging directory.
    ///
    /// # Errors
    /// Those of the system, and when the name is not of the kind expected.
    pub fn withdraw(&self, name: &str, directory: bool) -> io::Result<()> {
        let path = self.vendor.join(name);
        match look(&path)? {
            None => Ok(()),
            Some(metadata) if metadata.is_dir() == directory && metadata.is_file() != directory => {
                fs::rename(&path, self.directory.join(name))
            }
            Some(_) => Err(named(&path, &io::Error::other("is not what mwfarm made there"))),
        }
    }

    /// Removes the staging directory.
    ///
    /// # Errors
    /// Those of the system.
    pub fn remove(&self) -> io::Result<()> {
        clear(&self.directory)
    }

    /// Removes what a killed build left of its staging directory.
    ///
    /// # Errors
    /// Those of the system.
    pub fn discard(vendor: &Path) -> io::Result<()> {
        clear(&vendor.join(STAGING))
    }
}
