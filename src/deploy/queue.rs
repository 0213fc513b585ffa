//! The spool between those who hear of pushes and the one who deploys: a file for each push.
//!
//! ```text
//! queue/new/   what nobody has looked at yet: written beside its name, and renamed to it
//! queue/cur/   what the worker has taken and not finished
//! queue/bad/   what was no entry; the worker locks this directory, which nobody else can open
//! ```
//!
//! A hook adds a file and returns at once. The worker renames it to `cur/`, and removes it when the deploy that follows
//! has ended: whatever dies in between, the entry is still there, and doing it twice is harmless, because a deploy of
//! what is served already does nothing. An entry says that a branch is to be looked at, not what it has: so the newest
//! one of a wiki stands for all of them, and their order does not matter. What a loss of power takes (or a hook that
//! could not write) is found by `reconcile`, which compares what is served with the remote repository.
//!
//! Whoever may push writes into `new/`: on a farm with users, the git user's group may add files there and nothing else
//! (see [`prepare`]). So everything in it is checked as what comes from outside, and neither links nor pipes nor
//! directories in it do harm.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::event::{Event, Kind, Source, json};
use super::layout::Layout;
use super::name::Name;
use super::release::Sha;
use crate::disk;
use crate::report::{ExitCode, Problem, Reporter};

/// The version of the form of an entry.
pub const SCHEMA: u32 = 1;

/// Larger files are no entries, in bytes.
const MAX_BYTES: u64 = 4096;

/// How many entries are taken at once, so that a flood in `new/` does not keep the worker from its work.
const MAX_TAKEN: usize = 10_000;

/// How many files are kept in `bad/`.
const MAX_BAD: usize = 100;

/// How old an unfinished file has to be before it is removed: whoever wrote it is dead.
const ABANDONED: Duration = Duration::from_secs(3600);

/// A file of the spool: `{"schema":1,"wiki":"alpha","source":"hook","kind":"updated",…}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The version of this form.
    pub schema: u32,
    /// The wiki to look at; without it, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wiki: Option<Name>,
    /// Who told.
    pub source: Source,
    /// What happened.
    pub kind: Kind,
    /// Where the branch is, as far as that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Sha>,
    /// Who did it, as far as that was told.
    pub who: String,
    /// When it was told, in seconds since 1970.
    pub at: u64,
}

impl Entry {
    /// The entry for an event about a wiki.
    #[must_use]
    pub fn of(event: &Event, wiki: &Name) -> Self {
        Self {
            schema: SCHEMA,
            wiki: Some(wiki.clone()),
            source: event.source,
            kind: event.kind,
            code: event.new.clone(),
            who: event.who.clone(),
            at: crate::disk::now(),
        }
    }

    /// The entry for a commit in a wiki's configuration.
    #[must_use]
    pub fn of_config(wiki: &Name, who: &str) -> Self {
        let who = who.to_owned();
        let wiki = Some(wiki.clone());
        Self { schema: SCHEMA, wiki, source: Source::Hook, kind: Kind::Config, code: None, who, at: crate::disk::now() }
    }

    /// The entry for a look at all wikis: events were lost, or may have been.
    #[must_use]
    pub fn of_all(source: Source) -> Self {
        let who = source.word().to_owned();
        Self { schema: SCHEMA, wiki: None, source, kind: Kind::Missed, code: None, who, at: crate::disk::now() }
    }
}

/// Makes the spool. With a group, its members may add to it, and see what is new in it and how much there is; nobody
/// else may do anything.
///
/// # Errors
/// Those of the system.
pub fn prepare(layout: &Layout, group: Option<u32>) -> io::Result<()> {
    let queue = layout.queue();
    disk::make_directories(&layout.state())?;
    disk::make_directory(&queue, 0o755, None)?;
    let (new, cur) = if group.is_some() { (0o3770, 0o2750) } else { (0o700, 0o700) };
    disk::make_directory(&queue.join("new"), new, group)?;
    disk::make_directory(&queue.join("cur"), cur, group)?;
    disk::make_directory(&queue.join("bad"), 0o700, None)
}

/// Adds an entry, durably. The spool has to be there.
///
/// # Errors
/// Those of the system.
pub fn add(layout: &Layout, entry: &Entry) -> io::Result<()> {
    let json = serde_json::to_vec(entry)?;
    disk::replace(&layout.queue().join("new").join(file_name()), &json, 0o644)
}

/// How many entries wait and how many are being worked on.
///
/// # Errors
/// Those of the system, also when the spool is not there.
pub fn lengths(layout: &Layout) -> io::Result<(usize, usize)> {
    let count = |directory: &str| {
        let names = disk::entries(&layout.queue().join(directory))?;
        Ok::<_, io::Error>(names.iter().filter(|name| !is_hidden(name)).count())
    };
    Ok((count("new")?, count("cur")?))
}

/// A name that no other writer takes, and that sorts by time.
fn file_name() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Seeded by the system for each instance: two processes with one number, as containers have, differ.
    let random = RandomState::new().build_hasher().finish();
    format!("{:020}-{}-{random:016x}.json", since.as_nanos(), std::process::id())
}

fn is_hidden(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// The spool of the one who works on it.
#[derive(Debug)]
pub struct Queue {
    directory: PathBuf,
    _lock: disk::Lock,
}

/// An entry that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its file in `cur/`.
    pub file: String,
    /// What it says.
    pub entry: Entry,
}

impl Queue {
    /// Takes the spool for this process; it is made when it is not there.
    ///
    /// # Errors
    /// Another process works on it, or the system refuses.
    pub fn open(layout: &Layout) -> Result<Self, Problem> {
        let directory = layout.queue();
        if disk::look(&directory.join("bad")).ok().flatten().is_none() {
            prepare(layout, None).map_err(|error| failed(&directory, &error))?;
        }
        let lock = disk::Lock::take(&directory.join("bad"), false).map_err(|error| {
            let held = matches!(error, disk::LockError::Held { .. });
            let problem = Problem::from_error(if held { ExitCode::Usage } else { ExitCode::Failed }, &error);
            if held { problem.hint("one worker is enough: it deploys several wikis at a time") } else { problem }
        })?;
        Ok(Self { directory, _lock: lock })
    }

    /// What a worker before left unfinished, the oldest first.
    ///
    /// # Errors
    /// Those of the system.
    pub fn left(&self, reporter: &dyn Reporter) -> Result<Vec<Taken>, Problem> {
        let cur = self.directory.join("cur");
        let names = disk::entries(&cur).map_err(|error| failed(&cur, &error))?;
        Ok(names.into_iter().filter_map(|name| self.read(name.to_str()?, reporter)).collect())
    }

    /// Takes what is new, the oldest first. What is no entry is put aside, with a warning.
    ///
    /// # Errors
    /// Those of the system.
    pub fn take(&self, reporter: &dyn Reporter) -> Result<Vec<Taken>, Problem> {
        let new = self.directory.join("new");
        let mut taken = Vec::new();
        let names = disk::entries(&new).map_err(|error| failed(&new, &error))?;
        let (hidden, names): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| is_hidden(name));
        for name in hidden {
            remove_abandoned(&new.join(name));
        }
        for name in names.into_iter().take(MAX_TAKEN) {
            // In `cur/` nobody else can put something in its place between the look and the reading.
            let Some(file) = name.to_str().filter(|name| is_file_name(name)) else {
                self.set_aside(&new.join(&name), "its name is none of ours", reporter);
                continue;
            };
            match disk::relocate(&new.join(file), &self.directory.join("cur").join(file)) {
                Ok(()) => taken.extend(self.read(file, reporter)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.set_aside(&new.join(file), &error.to_string(), reporter),
            }
        }
        Ok(taken)
    }

    /// Removes an entry whose work has ended.
    ///
    /// # Errors
    /// Those of the system.
    pub fn done(&self, file: &str) -> Result<(), Problem> {
        let path = self.directory.join("cur").join(file);
        disk::discard(&path).map_err(|error| failed(&path, &error))
    }

    fn read(&self, file: &str, reporter: &dyn Reporter) -> Option<Taken> {
        let cur = self.directory.join("cur");
        let text = match disk::read_small(&cur, file, MAX_BYTES) {
            // Nothing is wrong with the entry: it is taken again, as soon as it can be.
            Err(error) if is_ours(&error) => {
                reporter.warning(&format!("cannot read `{}` yet: {error}", cur.join(file).display()));
                let _ = disk::relocate(&cur.join(file), &self.directory.join("new").join(file));
                return None;
            }
            text => text,
        };
        let entry = text.map_err(|error| error.to_string()).and_then(|text| {
            let value = json::read(&text).map_err(|error| error.to_string())?;
            let entry: Entry = serde_json::from_value(value).map_err(|error| error.to_string())?;
            let fits = entry.schema == SCHEMA;
            fits.then_some(entry).ok_or_else(|| format!("its form is not {SCHEMA}, the one that this mwfarm knows"))
        });
        match entry {
            Ok(entry) => Some(Taken { file: file.to_owned(), entry }),
            Err(reason) => {
                self.set_aside(&cur.join(file), &reason, reporter);
                None
            }
        }
    }

    /// Moves what is no entry out of the way, so that it is told of once.
    fn set_aside(&self, path: &Path, reason: &str, reporter: &dyn Reporter) {
        let bad = self.directory.join("bad");
        reporter.warning(&format!("`{}` is no entry of the queue: {reason}", path.display()));
        let full = disk::entries(&bad).is_ok_and(|names| names.len() >= MAX_BAD);
        // One that was renamed once cannot have a name that is taken there. A directory is not removed by us: what is in
        // it belongs to others.
        let moved = if full && disk::look(path).is_ok_and(|found| found.is_some_and(|found| !found.is_dir())) {
            disk::discard(path)
        } else {
            disk::relocate(path, &bad.join(file_name()))
        };
        if let Err(error) = moved {
            reporter.warning(&format!("`{}` cannot be put aside: {error}", path.display()));
        }
    }
}

/// Whether a name is one that [`add`] gives.
fn is_file_name(name: &str) -> bool {
    let middle = name.strip_suffix(".json").unwrap_or_default();
    !middle.is_empty() && name.len() <= 80 && middle.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether an error is about this process or this machine rather than about the file.
fn is_ours(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let number = Errno::from_io_error(error);
    number.is_some_and(|number| [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO, Errno::INTR].contains(&number))
}

fn remove_abandoned(path: &Path) {
    let Ok(Some(found)) = disk::look(path) else { return };
    let age = found.modified().ok().and_then(|modified| modified.elapsed().ok());
    if found.is_file() && age.is_some_and(|age| age > ABANDONED) {
        // The next look tries again.
        let _ = disk::discard(path);
    }
}

fn failed(path: &Path, error: &io::Error) -> Problem {
    Problem::new(ExitCode::Failed, format!("cannot use `{}`", path.display())).cause(error.to_string())
}

#[cfg(test)]
mod tests;
