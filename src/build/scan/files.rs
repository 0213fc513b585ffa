//! The files that a path stands for, found as Symfony's Finder finds them for Composer, and their contents.

use std::fs::{DirEntry, FileType, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::cache::{Hint, Moment};
use super::glob::{self, join};
use super::{Error, Kind, Reason, ScanPath};
use crate::disk;

/// How many files and directories one path may hold.
pub(super) const MOST: usize = 1_000_000;

/// How many directories one path may lead to by way of links: with a few links, each way doubles with each level.
pub(super) const MOST_LINKED: usize = 10_000;

/// How many bytes a PHP file may have.
pub const LONGEST: u64 = 64 << 20;

/// Composer passes these to its class map generator; case counts.
const EXTENSIONS: [&[u8]; 3] = [b"php", b"inc", b"hh"];

/// Directories of version control, which Finder never enters.
const VERSION_CONTROL: [&str; 9] =
    [".svn", "_svn", "CVS", "_darcs", ".arch-params", ".monotone", ".bzr", ".git", ".hg"];

/// What a path stands for.
pub(super) struct Listing {
    pub(super) kind: Kind,
    /// The canonical path of a single file or directory: relative to the real path of the tree, or absolute when
    /// outside.
    pub(super) real: Option<String>,
    /// Ordered by path.
    pub(super) files: Vec<File>,
    pub(super) warnings: Vec<String>,
}

/// A file, not yet read.
pub(super) struct File {
    /// As found, relative to the tree.
    pub(super) path: String,
    /// Canonical, when that is another: relative to the real path of the tree, or absolute when outside.
    pub(super) real: Option<String>,
    /// What the listing says of it; none when nobody asked or the system does not tell.
    pub(super) hint: Option<Hint>,
}

impl File {
    fn new(path: String, real: Option<String>, hint: Option<Hint>) -> Self {
        Self { real: real.filter(|real| *real != path), path, hint }
    }

    /// Its canonical path.
    pub(super) fn real(&self) -> &str {
        self.real.as_deref().unwrap_or(&self.path)
    }
}

/// The tree and its real path.
pub(super) struct Places {
    tree: PathBuf,
    real: PathBuf,
    /// Whether listings have hints, which cost a system call each.
    hints: bool,
}

impl Places {
    pub(super) fn of(tree: &Path, hints: bool) -> Result<Self, Error> {
        let real = tree.canonicalize().map_err(|error| failed("", Reason::Unreadable(error)))?;
        Ok(Self { tree: tree.to_owned(), real, hints })
    }

    /// Finds the files of one path.
    pub(super) fn list(&self, path: &ScanPath) -> Result<Listing, Error> {
        let mut walk =
            Walk { places: self, package: &path.confine, allowed: None, files: Vec::new(), warnings: Vec::new() };
        let mut single = None;
        let kind = match self.metadata(&path.path)? {
            Some(metadata) if metadata.is_file() => {
                let real = walk.enter(&path.path)?;
                single = Some(real.clone());
                if has_extension(path.path.as_bytes()) {
                    walk.files.push(File::new(path.path.clone(), Some(real), self.hint(&metadata)));
                }
                Kind::File
            }
            Some(metadata) if metadata.is_dir() => {
                single = Some(walk.directory(&path.path)?);
                Kind::Directory
            }
            None if path.path.contains('*') => {
                let found = glob::directories(&self.tree, &path.path);
                let found = found.ok_or_else(|| failed(&path.path, Reason::TooManyMatch))?;
                for directory in &found {
                    walk.directory(directory)?;
                }
                if found.is_empty() { Kind::Missing } else { Kind::Directory }
            }
            _ => Kind::Missing,
        };
        walk.files.sort_by(|a, b| a.path.cmp(&b.path));
        walk.files.dedup_by(|a, b| a.path == b.path);
        Ok(Listing { kind, real: single, files: walk.files, warnings: walk.warnings })
    }

    /// Reads the file at a real path; the hint is older than the contents.
    pub(super) fn read(&self, real: &str, contents: &mut Vec<u8>) -> Result<Hint, Reason> {
        contents.clear();
        let file = disk::open(&self.real.join(real)).map_err(Reason::Unreadable)?;
        let metadata = file.metadata().map_err(Reason::Unreadable)?;
        if !metadata.is_file() {
            return Err(Reason::Unreadable(io::Error::other("it is no longer a regular file")));
        }
        if metadata.len() <= LONGEST {
            contents.reserve(usize::try_from(metadata.len()).unwrap_or_default() + 1);
            file.take(LONGEST + 1).read_to_end(contents).map_err(Reason::Unreadable)?;
        }
        if metadata.len().max(contents.len() as u64) > LONGEST {
            return Err(Reason::TooLong);
        }
        Ok(hint_of(&metadata))
    }

    fn hint(&self, metadata: &Metadata) -> Option<Hint> {
        self.hints.then(|| hint_of(metadata))
    }

    /// What stands at a path, behind links; `None` when nothing does.
    fn metadata(&self, path: &str) -> Result<Option<Metadata>, Error> {
        existing(self.tree.join(path).metadata()).map_err(|error| failed(path, Reason::Unreadable(error)))
    }

    /// A canonical path as text, see [`Listing::real`].
    fn real_text(&self, real: &Path) -> Result<String, Reason> {
        real.strip_prefix(&self.real).unwrap_or(real).to_str().map(str::to_owned).ok_or(Reason::NotUtf8)
    }
}

/// A walk through the directories that one path stands for.
struct Walk<'a> {
    places: &'a Places,
    /// The directory that links must not leave, as the caller gave it; empty when they may.
    package: &'a str,
    /// The real paths of that directory, and of the one that the walk began with.
    allowed: Option<[PathBuf; 2]>,
    files: Vec<File>,
    warnings: Vec<String>,
}

/// A directory on the way.
struct Directory {
    path: String,
    real: String,
    /// The one it stands in, by its place in the list of those seen.
    parent: Option<usize>,
    /// Whether a link led here or to a directory around it. Only then can the way lead in a circle.
    linked: bool,
}

impl Walk<'_> {
    /// Begins at a path that exists; returns its real path. It may be a link, but not out of a package it stands in.
    fn enter(&mut self, root: &str) -> Result<String, Error> {
        let real = |path: &str| {
            let real = self.places.tree.join(path).canonicalize();
            real.map_err(|error| failed(path, Reason::Unreadable(error)))
        };
        let root_real = real(root)?;
        if !self.package.is_empty() {
            let package_real = real(self.package)?;
            if Path::new(root).starts_with(self.package) && !root_real.starts_with(&package_real) {
                return Err(failed(root, self.outside(&root_real)));
            }
            self.allowed = Some([package_real, root_real.clone()]);
        }
        self.places.real_text(&root_real).map_err(|reason| failed(root, reason))
    }

    /// Walks through a directory and all below; returns its real path.
    fn directory(&mut self, root: &str) -> Result<String, Error> {
        let real = self.enter(root)?;
        let mut seen = vec![Directory { path: root.to_owned(), real: real.clone(), parent: None, linked: false }];
        let mut entries = 0;
        let mut linked = 0;
        let mut next = 0;
        while next < seen.len() {
            let unreadable = |error| failed(&seen[next].path, Reason::Unreadable(error));
            let list = std::fs::read_dir(self.places.real.join(&seen[next].real)).map_err(unreadable)?;
            let mut list = list.collect::<io::Result<Vec<_>>>().map_err(unreadable)?;
            entries += list.len();
            if entries > MOST {
                return Err(failed(root, Reason::TooMany));
            }
            // Of several errors, the first in this order is reported.
            list.sort_by_cached_key(DirEntry::file_name);
            let mut found = Vec::new();
            for entry in list {
                found.extend(self.entry(&seen, next, &entry)?);
            }
            linked += found.iter().filter(|directory| directory.linked).count();
            if linked > MOST_LINKED {
                return Err(failed(root, Reason::TooManyLinked));
            }
            seen.extend(found);
            next += 1;
        }
        Ok(real)
    }

    /// Looks at one entry: takes note of a file, returns a directory.
    fn entry(&mut self, seen: &[Directory], parent: usize, entry: &DirEntry) -> Result<Option<Directory>, Error> {
        let within = &seen[parent];
        let name = entry.file_name();
        let scannable = has_extension(name.as_encoded_bytes());
        let kind = entry.file_type();
        if !scannable && kind.as_ref().is_ok_and(FileType::is_file) {
            return Ok(None);
        }
        let Some(name) = name.to_str() else {
            if !name.as_encoded_bytes().starts_with(b".") {
                self.skip(&join(&within.path, &name.to_string_lossy()), "its name is not UTF-8");
            }
            return Ok(None);
        };
        if is_hidden(name) {
            return Ok(None);
        }
        let path = join(&within.path, name);
        let unreadable = |error| failed(&path, Reason::Unreadable(error));
        let mut kind = kind.map_err(unreadable)?;
        let mut real = (within.real != within.path).then(|| join(&within.real, name));
        let mut linked = within.linked;
        let mut hint = None;
        if kind.is_symlink() {
            let Some(target) = existing(entry.path().metadata()).map_err(unreadable)? else { return Ok(None) };
            kind = target.file_type();
            hint = self.places.hint(&target);
            if !(kind.is_dir() || kind.is_file() && scannable) {
                return Ok(None);
            }
            let target = entry.path().canonicalize().map_err(unreadable)?;
            if self.allowed.iter().any(|allowed| !allowed.iter().any(|inside| target.starts_with(inside))) {
                return Err(failed(&path, self.outside(&target)));
            }
            let Ok(text) = self.places.real_text(&target) else {
                self.skip(&path, "its real path is not UTF-8");
                return Ok(None);
            };
            real = Some(text);
            linked = true;
        }
        if kind.is_dir() {
            if VERSION_CONTROL.contains(&name) {
                return Ok(None);
            }
            let real = real.unwrap_or_else(|| path.clone());
            let around = std::iter::successors(Some(within), |directory| Some(&seen[directory.parent?]));
            if linked && around.into_iter().any(|directory| directory.real == real) {
                return Err(failed(&path, Reason::Loop { real }));
            }
            return Ok(Some(Directory { path, real, parent: Some(parent), linked }));
        }
        if scannable {
            if kind.is_file() {
                if hint.is_none() && self.places.hints {
                    // Of the entry, not of a path: the system need not find its way again.
                    hint = entry.metadata().ok().filter(Metadata::is_file).map(|metadata| hint_of(&metadata));
                }
                self.files.push(File::new(path, real, hint));
            } else {
                self.skip(&path, "it is not a regular file");
            }
        }
        Ok(None)
    }

    fn outside(&self, real: &Path) -> Reason {
        Reason::Outside { real: real.to_string_lossy().into_owned(), package: self.package.to_owned() }
    }

    fn skip(&mut self, path: &str, reason: &str) {
        self.warnings.push(format!("`{}` was not scanned: {reason}", path.escape_debug()));
    }
}

fn hint_of(metadata: &Metadata) -> Hint {
    Hint {
        size: metadata.size(),
        modified: Moment { seconds: metadata.mtime(), nanoseconds: metadata.mtime_nsec() },
        changed: Moment { seconds: metadata.ctime(), nanoseconds: metadata.ctime_nsec() },
        inode: metadata.ino(),
        device: metadata.dev(),
    }
}

fn failed(file: &str, reason: Reason) -> Error {
    Error { file: file.to_owned(), reason }
}

/// Takes "there is nothing", or a link to nothing or to itself, for an answer, and that nothing can be at so long a path.
fn existing(metadata: io::Result<Metadata>) -> io::Result<Option<Metadata>> {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    match metadata {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | InvalidFilename) => Ok(None),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What follows the last dot of the name is one of Composer's extensions.
fn has_extension(name: &[u8]) -> bool {
    let dot = name.iter().rposition(|&byte| byte == b'.');
    let slash = name.iter().rposition(|&byte| byte == b'/');
    dot > slash && dot.is_some_and(|dot| EXTENSIONS.contains(&&name[dot + 1..]))
}

/// Finder's rule for hidden names, `\..+`, in which a line break is no character.
fn is_hidden(name: &str) -> bool {
    name.len() > 1 && name.starts_with('.') && !name.contains('\n')
}
