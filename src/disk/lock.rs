//! Locks: who may write where, one at a time.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fs_err as fs;

/// A lock on a vendor directory, given up when dropped, also by death.
///
/// The directory itself is locked (`flock`), so that no file has to stay behind for it.
#[derive(Debug)]
pub struct Lock {
    directory: File,
    path: PathBuf,
}

/// Why a lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody holds it.
    #[error("{holder} is at work in `{}`", directory.display())]
    Held {
        /// The directory.
        directory: PathBuf,
        /// Who, as far as the system tells.
        holder: String,
    },
    /// Another directory has taken its place.
    #[error("`{}` was replaced by another directory meanwhile", .0.display())]
    Replaced(PathBuf),
    /// The system refuses.
    #[error("cannot lock `{}`", directory.display())]
    System {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Lock {
    /// Locks a directory; waits for another holder when asked to. What is locked is what has that name then: somebody
    /// such as Composer may have made the directory anew while this waited.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn take(directory: &Path, wait: bool) -> Result<Self, LockError> {
        Self::take_as(directory, wait, File::try_lock, File::lock)
    }

    /// The same together with all others who take it so: nobody of them holds it alone.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn take_shared(directory: &Path, wait: bool) -> Result<Self, LockError> {
        Self::take_as(directory, wait, File::try_lock_shared, File::lock_shared)
    }

    fn take_as(
        directory: &Path,
        wait: bool,
        try_lock: fn(&File) -> Result<(), std::fs::TryLockError>,
        lock: fn(&File) -> io::Result<()>,
    ) -> Result<Self, LockError> {
        let system = |source| LockError::System { directory: directory.to_owned(), source };
        loop {
            let file = File::open(directory).map_err(system)?;
            match try_lock(&file) {
                Ok(()) => {}
                Err(std::fs::TryLockError::WouldBlock) if wait => lock(&file).map_err(system)?,
                Err(std::fs::TryLockError::WouldBlock) => {
                    let holder = file.metadata().ok().and_then(|metadata| holder(&metadata));
                    let holder = holder.unwrap_or_else(|| "another process".to_owned());
                    return Err(LockError::Held { directory: directory.to_owned(), holder });
                }
                Err(std::fs::TryLockError::Error(error)) => return Err(system(error)),
            }
            let lock = Self { directory: file, path: directory.to_owned() };
            if lock.is_of(directory).map_err(system)? {
                return Ok(lock);
            }
        }
    }

    /// Refuses to go on when another directory has taken the place of the one that is locked.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn check(&self) -> Result<(), LockError> {
        match self.is_of(&self.path) {
            Ok(true) => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(LockError::System { directory: self.path.clone(), source: error })
            }
            _ => Err(LockError::Replaced(self.path.clone())),
        }
    }

    fn is_of(&self, directory: &Path) -> io::Result<bool> {
        let (locked, there) = (self.directory.metadata()?, fs::metadata(directory)?);
        Ok((locked.dev(), locked.ino()) == (there.dev(), there.ino()))
    }

    /// Lets programs that are started from now on hold it, too: should this process be killed, it is given up when
    /// they have ended.
    ///
    /// # Errors
    /// Those of the system.
    pub fn share(&self) -> io::Result<()> {
        Ok(rustix::io::fcntl_setfd(&self.directory, rustix::io::FdFlags::empty())?)
    }
}

impl Drop for Lock {
    /// Gives it up, also when a program still shares it.
    fn drop(&mut self) {
        // Where nobody does, closing the file would be enough.
        let _ = self.directory.unlock();
    }
}

/// The process that holds a `flock` on a file, as `/proc/locks` has it: `process 42 (mwfarm)`. None when the system does
/// not tell, as of processes in another PID namespace.
fn holder(locked: &Metadata) -> Option<String> {
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let (major, minor) = (rustix::fs::major(locked.dev()), rustix::fs::minor(locked.dev()));
    let place = format!("{major:02x}:{minor:02x}:{}", locked.ino());
    let inode = format!(":{}", locked.ino());
    let find = |is_it: &dyn Fn(&str) -> bool| {
        locks.lines().find_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let at = words.iter().position(|word| *word == "FLOCK")?;
            // A process that waits has an arrow before it.
            let holds = !words.contains(&"->") && words.get(at + 4).is_some_and(|word| is_it(word));
            if holds { words.get(at + 3)?.parse::<i32>().ok() } else { None }
        })
    };
    // Some file systems tell `stat` of another device than they tell here.
    let process = find(&|word| word == place).or_else(|| find(&|word| word.ends_with(&inode)))?;
    let id = rustix::process::Pid::from_raw(process).filter(|id| id.as_raw_nonzero().get() > 0)?;
    if let Ok(name) = fs::read_to_string(format!("/proc/{process}/comm")) {
        return Some(format!("process {process} ({})", name.trim_end().escape_debug()));
    }
    Some(match rustix::process::test_kill_process(id) {
        // It shared its lock, and was killed.
        Err(rustix::io::Errno::SRCH) => format!("a program that process {process} has left"),
        _ => format!("process {process}"),
    })
}
