//! Everything that is in a directory, kept in memory.

use std::collections::BTreeMap;
use std::fs::{self, FileTimes};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use mwfarm::key::sha256;

/// What is in a directory, by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot(pub(super) BTreeMap<String, Entry>);

/// What is at a path.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    /// A directory, with its mode.
    Directory(u32),
    /// A file.
    File { content: Vec<u8>, mode: u32, modified: SystemTime },
    /// A link, with where it leads.
    Link(PathBuf),
}

impl PartialEq for Entry {
    /// Times are none of the content: two builds happen at two times.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Directory(one), Self::Directory(other)) => one == other,
            (Self::Link(one), Self::Link(other)) => one == other,
            (Self::File { content, mode, .. }, Self::File { content: other, mode: other_mode, .. }) => {
                mode == other_mode
                    && (content == other || timeless(content).is_some_and(|one| timeless(other) == Some(one)))
            }
            _ => false,
        }
    }
}

impl Eq for Entry {}

/// A manifest without the times at which generations were replaced.
fn timeless(content: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(content).ok()?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("\"replaced\": ")).collect();
    (text.lines().count() > lines.len()).then(|| lines.join("\n"))
}

impl Snapshot {
    /// What is in a directory now; nothing when there is none.
    pub(super) fn of(directory: &Path) -> Self {
        let mut entries = BTreeMap::new();
        let mut open = vec![PathBuf::new()];
        while let Some(below) = open.pop() {
            let Ok(found) = fs::read_dir(directory.join(&below)) else { continue };
            for entry in found {
                let path = below.join(entry.expect("an entry").file_name());
                let there = directory.join(&path);
                let metadata = fs::symlink_metadata(&there).expect("what is there");
                let entry = if metadata.is_dir() {
                    open.push(path.clone());
                    Entry::Directory(metadata.mode() & 0o7777)
                } else if metadata.is_symlink() {
                    Entry::Link(fs::read_link(&there).expect("a link"))
                } else {
                    let content = fs::read(&there).expect("a file");
                    let modified = metadata.modified().expect("a time");
                    Entry::File { content, mode: metadata.mode() & 0o7777, modified }
                };
                entries.insert(path.to_str().expect("UTF-8").to_owned(), entry);
            }
        }
        Self(entries)
    }

    /// Brings a directory into this state; what is as it should be is left alone.
    pub(super) fn restore(&self, directory: &Path) {
        fs::create_dir_all(directory).expect("a directory");
        let now = Self::of(directory);
        for (path, entry) in now.0.iter().rev().filter(|(path, entry)| self.0.get(*path) != Some(entry)) {
            let there = directory.join(path);
            let removed = match entry {
                Entry::Directory(_) if matches!(self.0.get(path), Some(Entry::Directory(_))) => Ok(()),
                Entry::Directory(_) => fs::remove_dir(&there),
                _ => fs::remove_file(&there),
            };
            removed.expect("removed");
        }
        for (path, entry) in &self.0 {
            let there = directory.join(path);
            let same = now.0.get(path) == Some(entry);
            match entry {
                Entry::Directory(mode) => {
                    if !matches!(now.0.get(path), Some(Entry::Directory(_))) {
                        fs::create_dir(&there).expect("a directory");
                    }
                    fs::set_permissions(&there, fs::Permissions::from_mode(*mode)).expect("a mode");
                }
                Entry::File { content, mode, modified } => {
                    if !same {
                        fs::write(&there, content).expect("a file");
                        fs::set_permissions(&there, fs::Permissions::from_mode(*mode)).expect("a mode");
                    }
                    let file = fs::File::open(&there).expect("a file");
                    file.set_times(FileTimes::new().set_modified(*modified)).expect("a time");
                }
                Entry::Link(target) if !same => symlink(target, &there).expect("a link"),
                Entry::Link(_) => {}
            }
        }
    }

    /// Without what is at this path and below.
    pub(super) fn without(&self, path: &str) -> Self {
        let below =
            |other: &String| other.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        Self(
            self.0
                .iter()
                .filter(|(other, _)| !below(other))
                .map(|(path, entry)| (path.clone(), entry.clone()))
                .collect(),
        )
    }

    /// What is below a path.
    pub(super) fn below(&self, path: &str) -> Self {
        let inside = |other: &str| other.strip_prefix(path)?.strip_prefix('/').map(str::to_owned);
        Self(self.0.iter().filter_map(|(other, entry)| Some((inside(other)?, entry.clone()))).collect())
    }

    /// The content of a file.
    pub(super) fn file(&self, path: &str) -> Option<&[u8]> {
        match self.0.get(path) {
            Some(Entry::File { content, .. }) => Some(content),
            _ => None,
        }
    }

    /// The time of modification of a file, in whole seconds.
    pub(super) fn seconds(&self, path: &str) -> Option<u64> {
        match self.0.get(path) {
            Some(Entry::File { modified, .. }) => Some(modified.duration_since(UNIX_EPOCH).expect("a time").as_secs()),
            _ => None,
        }
    }

    /// Paths at which the other one has something else, or only one has something.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let here =
            self.0.iter().filter(|(path, entry)| other.0.get(*path) != Some(entry)).map(|(path, _)| path.clone());
        let there = other.0.keys().filter(|path| !self.0.contains_key(*path)).map(|path| format!("+{path}"));
        here.chain(there).collect()
    }

    /// A digest of everything, times left out.
    pub(super) fn digest(&self) -> String {
        let mut text = Vec::new();
        for (path, entry) in &self.0 {
            let what = match entry {
                Entry::Directory(mode) => format!("directory {mode:o}"),
                Entry::File { content, mode, .. } => format!("file {mode:o} {}", sha256(content)),
                Entry::Link(target) => format!("link {}", target.display()),
            };
            text.extend_from_slice(format!("{path}\0{what}\0").as_bytes());
        }
        sha256(&text)
    }
}
