//! Publishing: everything new is made in a directory beside its place, and gets there by `rename`.

use std::collections::BTreeSet;
use std::fs::{File, FileTimes};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
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

    /// As [`Staging::new`], but it is made with the first [`Staging::copy`]: where nothing is to be copied, nothing is
    /// touched.
    ///
    /// # Errors
    /// Those of the system.
    pub fn for_copies(vendor: &Path) -> io::Result<Self> {
        Self::discard(vendor)?;
        Ok(Self { directory: vendor.join(STAGING), vendor: vendor.to_owned() })
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
        let mut directories = BTreeSet::new();
        for name in names {
            let target = self.vendor.join(name);
            fs::rename(self.directory.join(name), &target)?;
            directories.extend(target.parent().map(Path::to_owned));
        }
        directories.iter().try_for_each(|directory| sync_directory(directory))
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

    /// Where a file or link with the content of another is made, before it gets its name. Numbered by the caller, from 0.
    ///
    /// # Errors
    /// Those of the system.
    pub fn copy(&self, number: usize) -> io::Result<PathBuf> {
        if number == 0 && look(&self.directory)?.is_none() {
            fs::create_dir(&self.directory)?;
        }
        Ok(self.copied(number))
    }

    /// Where that is.
    #[must_use]
    pub fn copied(&self, number: usize) -> PathBuf {
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
    /// removed with the staging directory. No link is followed on the way from the directory, not even one that has
    /// appeared meanwhile.
    ///
    /// # Errors
    /// Those of the system, and when the name is not of the kind expected.
    pub fn withdraw(&self, name: &str, directory: bool) -> io::Result<()> {
        use rustix::fs::{AtFlags, FileType, Mode, OFlags};
        let path = self.vendor.join(name);
        let system = |errno: rustix::io::Errno| named(&path, &errno.into());
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = |at: &OwnedFd, name: &str| rustix::fs::openat(at, name, flags, Mode::empty());
        let mut from = rustix::fs::open(&self.vendor, flags, Mode::empty()).map_err(system)?;
        let mut to = open(&from, STAGING).map_err(system)?;
        let mut last = name;
        while let Some((above, rest)) = last.split_once('/') {
            (from, to) = (open(&from, above).map_err(system)?, open(&to, above).map_err(system)?);
            last = rest;
        }
        let kind = match rustix::fs::statat(&from, last, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => FileType::from_raw_mode(found.st_mode),
            Err(rustix::io::Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(system(errno)),
        };
        if kind != if directory { FileType::Directory } else { FileType::RegularFile } {
            return Err(named(&path, &io::Error::other("is not what mwfarm made there")));
        }
        rustix::fs::renameat(&from, last, &to, last).map_err(system)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of ours, beside one that is not.
    fn place() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let vendor = directory.path().join("vendor");
        for path in ["vendor/settings", "elsewhere/settings"] {
            fs::create_dir_all(directory.path().join(path)).unwrap();
        }
        fs::write(directory.path().join("elsewhere/settings/a.php"), "").unwrap();
        (directory, vendor)
    }

    #[test]
    fn what_is_withdrawn_is_gone_with_the_staging_directory() {
        let (directory, vendor) = place();
        fs::write(vendor.join("settings/a.php"), "").unwrap();
        fs::create_dir(vendor.join("set")).unwrap();
        let staging = Staging::new(&vendor).unwrap();
        staging.directory("settings").unwrap();
        staging.withdraw("settings/a.php", false).unwrap();
        staging.withdraw("set", true).unwrap();
        staging.withdraw("nothing", true).unwrap();
        staging.remove().unwrap();
        assert_eq!(fs::read_dir(vendor.join("settings")).unwrap().count(), 0);
        assert_eq!(fs::read_dir(&vendor).unwrap().count(), 1);
        assert!(directory.path().join("elsewhere/settings/a.php").exists());
    }

    #[test]
    fn nothing_is_withdrawn_through_a_link() {
        let (directory, vendor) = place();
        let elsewhere = directory.path().join("elsewhere/settings/a.php");
        fs::remove_dir(vendor.join("settings")).unwrap();
        std::os::unix::fs::symlink("../elsewhere/settings", vendor.join("settings")).unwrap();
        std::os::unix::fs::symlink("../elsewhere/settings/a.php", vendor.join("b.php")).unwrap();
        let staging = Staging::new(&vendor).unwrap();
        staging.directory("settings").unwrap();
        for (name, directory) in [("settings/a.php", false), ("b.php", false), ("settings", true)] {
            staging.withdraw(name, directory).unwrap_err();
            assert!(elsewhere.exists());
        }
        // The directory itself has become one meanwhile.
        fs::rename(&vendor, directory.path().join("moved")).unwrap();
        std::os::unix::fs::symlink("elsewhere", &vendor).unwrap();
        fs::create_dir_all(directory.path().join("elsewhere/.mwfarm_staging/settings")).unwrap();
        staging.withdraw("settings/a.php", false).unwrap_err();
        assert!(elsewhere.exists());
    }
}
