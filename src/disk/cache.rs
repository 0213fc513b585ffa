//! A directory of what can be made again, such as `~/.cache/mwfarm`. Losing it costs time and nothing else, so nothing
//! in it is made durable; what is read of it must say itself whether it is whole.

use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};

use super::named;

/// After this time without a change a file is removed: its tree is probably gone.
const KEPT: Duration = Duration::from_secs(180 * 24 * 60 * 60);

/// A file that was of use after this time is made young again.
const RENEWED: Duration = Duration::from_secs(24 * 60 * 60);

/// What a file is called until it is complete, behind its name.
const UNFINISHED: &str = ".new";

/// The directory, open.
#[derive(Debug)]
pub struct Cache {
    directory: File,
    path: PathBuf,
}

impl Cache {
    /// Opens it; makes it first, with mode 0700, when `make` says so. `None` when it is not there.
    ///
    /// # Errors
    /// Those of the system, and when others may have put something there: it is a link, or belongs to another user, or
    /// its group or all may write to it.
    pub fn open(path: &Path, make: bool) -> io::Result<Option<Self>> {
        if make {
            DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| named(path, &error))?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory: File = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(directory) => directory.into(),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(named(path, &error.into())),
        };
        let metadata = directory.metadata()?;
        let unfit = |what: &str| Err(named(path, &io::Error::other(what.to_owned())));
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return unfit("it belongs to another user");
        }
        if metadata.mode() & 0o022 != 0 {
            return unfit("others may write to it");
        }
        Ok(Some(Self { directory, path: path.to_owned() }))
    }

    /// Reads a file; `None` when it is not there, is no file or has more than `most` bytes.
    ///
    /// # Errors
    /// Those of the system except that there is no such file.
    pub fn read(&self, name: &str, most: u64) -> io::Result<Option<Vec<u8>>> {
        let failed = |error: io::Error| named(&self.path.join(name), &error);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file: File = match rustix::fs::openat(&self.directory, name, flags, Mode::empty()) {
            Ok(file) => file.into(),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(failed(error.into())),
        };
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() || metadata.len() > most {
            return Ok(None);
        }
        let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default() + 1);
        file.take(most + 1).read_to_end(&mut content).map_err(failed)?;
        Ok((content.len() as u64 <= most).then_some(content))
    }

    /// Puts a file with mode 0600 in the place of another one or of none: readers see the old or the new one. Says
    /// whether it did; it does not while another process does. What one that was killed left is written over.
    ///
    /// # Errors
    /// Those of the system.
    pub fn replace(&self, name: &str, content: &[u8]) -> io::Result<bool> {
        let staged = format!("{name}{UNFINISHED}");
        let replace = || -> io::Result<bool> {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = File::from(rustix::fs::openat(&self.directory, &staged, flags, Mode::RUSR | Mode::WUSR)?);
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
            // Whoever held the lock until now has given that file its final name, unless it was killed.
            let there = match rustix::fs::statat(&self.directory, &staged, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(there) => there,
                Err(rustix::io::Errno::NOENT) => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            let metadata = file.metadata()?;
            if (there.st_ino, there.st_dev) != (metadata.ino(), metadata.dev()) || !metadata.is_file() {
                return Ok(false);
            }
            let written = file
                .set_len(0)
                .and_then(|()| (&file).write_all(content))
                .and_then(|()| Ok(rustix::fs::renameat(&self.directory, &staged, &self.directory, name)?));
            if written.is_err() {
                // Half a file is of no use, and may be what fills the disk.
                let _ = rustix::fs::unlinkat(&self.directory, &staged, AtFlags::empty());
            }
            written.map(|()| true)
        };
        replace().map_err(|error| named(&self.path.join(name), &error))
    }

    /// Makes a file a day old or older as young as if it were written now, so that [`Self::sweep`] leaves it: it was of
    /// use. Where that cannot be, it stays as old as it is.
    pub fn renew(&self, name: &str) {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = rustix::fs::openat(&self.directory, name, flags, Mode::empty()).map(File::from) else { return };
        let Ok(there) = file.metadata() else { return };
        let age = there.modified().ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
        if there.is_file() && age.is_some_and(|age| age > RENEWED) {
            let _ = file.set_modified(SystemTime::now());
        }
    }

    /// Removes the files among those that `ours` names which begin with `magic`, or are a part of it, and have not
    /// changed for half a year. What cannot be removed stays.
    ///
    /// # Errors
    /// Those of the system when it does not list the directory.
    pub fn sweep(&self, ours: impl Fn(&str) -> bool, magic: &[u8]) -> io::Result<()> {
        let now = SystemTime::now();
        for entry in rustix::fs::Dir::read_from(&self.directory)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if !ours(name.strip_suffix(UNFINISHED).unwrap_or(name)) {
                continue;
            }
            let Ok(there) = rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let modified =
                SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(there.st_mtime.max(0).cast_unsigned()));
            let age = modified.and_then(|modified| now.duration_since(modified).ok());
            if age.is_some_and(|age| age > KEPT) && self.begins(name, magic).unwrap_or(false) {
                let _ = rustix::fs::unlinkat(&self.directory, name, AtFlags::empty());
            }
        }
        Ok(())
    }

    /// Whether there is a file that begins so, or would if it had been finished.
    fn begins(&self, name: &str, magic: &[u8]) -> io::Result<bool> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&self.directory, name, flags, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Ok(false);
        }
        let mut begin = Vec::with_capacity(magic.len());
        file.take(magic.len() as u64).read_to_end(&mut begin)?;
        Ok(magic.starts_with(&begin))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn opened(directory: &Path) -> Cache {
        Cache::open(directory, true).unwrap().unwrap()
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn it_is_made_only_when_it_is_to_be() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("a/b");
        assert!(Cache::open(&directory, false).unwrap().is_none());
        assert!(!parent.path().join("a").exists());
        let cache = opened(&directory);
        assert_eq!(cache.read("x", 10).unwrap(), None);
        assert!(cache.replace("x", b"one").unwrap());
        assert!(cache.replace("x", b"two!").unwrap());
        assert_eq!(cache.read("x", 4).unwrap().as_deref(), Some(&b"two!"[..]));
        assert_eq!(cache.read("x", 3).unwrap(), None, "it is too large");
        assert_eq!(names(&directory), ["x"]);
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let parent = tempfile::tempdir().unwrap();
        let cache = opened(parent.path());
        fs::create_dir(parent.path().join("directory")).unwrap();
        assert_eq!(cache.read("directory", 10).unwrap(), None);
        std::os::unix::fs::symlink("/etc/passwd", parent.path().join("link")).unwrap();
        assert!(cache.read("link", 1 << 20).is_err());
        rustix::fs::mkfifoat(rustix::fs::CWD, parent.path().join("pipe"), Mode::RWXU).unwrap();
        assert_eq!(cache.read("pipe", 10).unwrap(), None, "and does not wait");
    }

    #[test]
    fn only_one_writes_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let cache = opened(parent.path());
        let other = File::create(parent.path().join("x.new")).unwrap();
        rustix::fs::flock(&other, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert!(!cache.replace("x", b"one").unwrap());
        // The other one is done: what it wrote has its name now.
        fs::rename(parent.path().join("x.new"), parent.path().join("x")).unwrap();
        drop(other);
        assert!(cache.replace("x", b"one").unwrap());
        // Or it was killed.
        fs::write(parent.path().join("x.new"), "half of something longer").unwrap();
        assert!(cache.replace("x", b"two").unwrap());
        assert_eq!(
            (fs::read(parent.path().join("x")).unwrap(), names(parent.path())),
            (b"two".to_vec(), vec!["x".into()])
        );
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let cache = opened(parent.path());
        fs::create_dir(parent.path().join("x")).unwrap();
        assert!(cache.replace("x", b"one").is_err());
        assert_eq!(names(parent.path()), ["x"]);
    }

    #[test]
    fn what_is_old_goes() {
        let parent = tempfile::tempdir().unwrap();
        let cache = opened(parent.path());
        let old = SystemTime::now() - KEPT - Duration::from_secs(100);
        fs::create_dir(parent.path().join("directory")).unwrap();
        for (name, content) in
            [("old", "magic and more"), ("old.new", "mag"), ("foreign", "mine"), ("other", "magic"), ("young", "magic")]
        {
            fs::write(parent.path().join(name), content).unwrap();
        }
        for name in ["directory", "old", "old.new", "foreign", "other"] {
            File::open(parent.path().join(name)).unwrap().set_modified(old).unwrap();
        }
        cache.sweep(|name| name != "other", b"magic").unwrap();
        assert_eq!(names(parent.path()), ["directory", "foreign", "other", "young"]);
    }

    #[test]
    fn what_is_of_use_does_not_grow_old() {
        let parent = tempfile::tempdir().unwrap();
        let cache = opened(parent.path());
        let modified = |name: &str| fs::metadata(parent.path().join(name)).unwrap().modified().unwrap();
        let hour = Duration::from_secs(60 * 60);
        for (name, age, renewed) in [("used", 25 * hour, true), ("young", 23 * hour, false)] {
            fs::write(parent.path().join(name), "").unwrap();
            let then = SystemTime::now() - age;
            File::open(parent.path().join(name)).unwrap().set_modified(then).unwrap();
            let before = modified(name);
            cache.renew(name);
            assert_eq!(modified(name) > before + hour, renewed, "{name}");
        }
        cache.renew("nothing");
    }
}
