//! Locks: who may write where, one at a time.

use std::fs::File;
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
    /// Locks a directory; waits for another holder when asked to.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn take(directory: &Path, wait: bool) -> Result<Self, LockError> {
        let system = |source| LockError::System { directory: directory.to_owned(), source };
        let file = File::open(directory).map_err(system)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) if wait => file.lock().map_err(system)?,
            Err(std::fs::TryLockError::WouldBlock) => {
                let holder = file.metadata().ok().and_then(|metadata| holder(metadata.ino()));
                let holder = holder.unwrap_or_else(|| "another process".to_owned());
                return Err(LockError::Held { directory: directory.to_owned(), holder });
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(system(error)),
        }
        Ok(Self { directory: file })
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

/// The process that holds a `flock` on an inode, as `/proc/locks` has it: `process 42 (mwfarm)`.
fn holder(inode: u64) -> Option<String> {
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let suffix = format!(":{inode}");
    let process = locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "FLOCK")?;
        words.get(at + 4).filter(|word| word.ends_with(&suffix))?;
        words.get(at + 3)?.parse::<u32>().ok()
    })?;
    Some(match fs::read_to_string(format!("/proc/{process}/comm")) {
        Ok(name) => format!("process {process} ({})", name.trim_end()),
        // It shared its lock, and was killed.
        Err(_) => format!("a program that process {process} has left"),
    })
}
