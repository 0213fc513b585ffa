//! Keeps what scans found, one file for each tree in a directory of its own: what it holds depends on inodes and times,
//! and has no place in a vendor directory.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::cache::{self, Cache, Moment};
use crate::disk;
use crate::key::sha256;

/// What the names of caches begin with; the SHA-256 of the tree's real path follows.
const PREFIX: &str = "scan-";

/// The cache of one tree, on disk.
#[derive(Debug)]
pub struct Store {
    cache: disk::Cache,
    name: String,
    content: Vec<u8>,
    now: Moment,
}

impl Store {
    /// Opens the directory and reads what was kept of the tree; with `make`, makes the directory first. `None` when
    /// there is none. `now` is what the clock says: what is about to be read is not as young.
    ///
    /// # Errors
    /// Those of the system, and when others may have put something into the directory.
    pub fn open(directory: &Path, tree: &Path, make: bool, now: SystemTime) -> io::Result<Option<Self>> {
        let Some(cache) = disk::Cache::open(directory, make)? else { return Ok(None) };
        let name = format!("{PREFIX}{}", sha256(disk::real_path(tree)?.as_os_str().as_encoded_bytes()));
        let content = cache.read(&name, cache::MOST)?.unwrap_or_default();
        Ok(Some(Self { cache, name, content, now: moment(now) }))
    }

    /// What is known of the tree's files.
    pub(super) fn cache(&self) -> Cache<'_> {
        Cache::new(&self.content, self.now)
    }

    /// Keeps what a scan gave instead of what was kept. Of two builds at once, one is kept.
    ///
    /// # Errors
    /// Those of the system.
    pub fn keep(&self, content: &[u8]) -> io::Result<()> {
        let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.cache.sweep(|name| name.strip_prefix(PREFIX).is_some_and(is_digest), cache::MAGIC)?;
        self.cache.replace(&self.name, content).map(drop)
    }

    /// What was kept is of use and stays.
    pub fn renew(&self) {
        self.cache.renew(&self.name);
    }
}

fn moment(time: SystemTime) -> Moment {
    let parts = |duration: std::time::Duration| {
        (i64::try_from(duration.as_secs()).unwrap_or(i64::MAX), i64::from(duration.subsec_nanos()))
    };
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => {
            let (seconds, nanoseconds) = parts(since);
            Moment { seconds, nanoseconds }
        }
        // Before 1970, where a clock stands that has lost its battery: nothing was written by then.
        Err(_) => Moment { seconds: i64::MIN, nanoseconds: 0 },
    }
}
