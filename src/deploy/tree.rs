//! Whether the tree of a commit may become a release: decided from its list before anything of it is on disk.

mod links;
mod names;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::git::{self, Repository};
use super::objects::{self, Batch};
use super::options::Limits;
use super::release::Sha;
use crate::process;
use crate::report::{ExitCode, Problem};

/// The longest path of a file, in bytes: what Linux takes, with room for the directory of the release.
const MAX_PATH: usize = 3_800;

/// The longest target of a link, in bytes.
const MAX_TARGET: u64 = 1_024;

/// The most links of a tree. MediaWiki 1.39 and 1.43 with all their extensions have none.
const MAX_LINKS: usize = 5_000;

/// The most parts of a path. MediaWiki's deepest file has 11.
const MAX_DEPTH: usize = 128;

/// How many refusals are listed.
const MAX_REFUSED: usize = 20;

/// How long the list of a tree may be, in bytes, for each file that it may have. MediaWiki's have 130.
const LIST_BYTES: u64 = 1_024;

/// The longest list of any tree.
const MAX_LIST: u64 = 256 << 20;

/// How long listing a tree may take.
const TIME: Duration = Duration::from_secs(120);

/// What the tree of a wiki's configuration may be.
pub const CONFIG_LIMITS: Limits = Limits { files: 5_000, bytes: 64 << 20, file_bytes: 8 << 20 };

/// A tree that may become a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// How many files and links it has.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// SHA-256 over modes, objects and paths, in 64 hexadecimal digits.
    pub digest: String,
    /// Directories, files and links, in git's order: a directory stands before what is in it.
    pub entries: Vec<Entry>,
}

/// Something in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path from the top, without `.`, `..` and links.
    pub path: String,
    /// What it is.
    pub kind: Kind,
}

/// What something in a tree is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// Its content.
        object: Sha,
        /// Its size in bytes.
        size: u64,
        /// Whether it can be executed.
        executable: bool,
    },
    /// A link.
    Link {
        /// Where it leads; not out of the tree.
        target: String,
    },
}

/// Something for which a tree is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its path, with everything escaped that is not printable; empty for the tree as a whole.
    pub path: String,
    /// Why, as the rest of a sentence.
    pub reason: String,
}

/// A tree that does not become a release.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// git does not tell.
    #[error(transparent)]
    Git(#[from] git::Error),
    /// It is refused: the first twenty reasons.
    #[error("the tree of {commit} is refused")]
    Refused {
        /// The commit.
        commit: Sha,
        /// Why.
        refused: Vec<Refused>,
    },
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Git(error) => error.into(),
            Error::Refused { ref refused, .. } => {
                let causes = refused.iter().map(ToString::to_string);
                Self::new(ExitCode::Usage, error.to_string()).causes(causes)
            }
        }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.path.is_empty() {
            write!(f, "it {}", self.reason)
        } else {
            write!(f, "`{}` {}", self.path, self.reason)
        }
    }
}

/// Which tree it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The code of a wiki.
    Code,
    /// Its configuration.
    Config,
}

/// Looks at the tree of a commit of code.
///
/// # Errors
/// See [`Error`].
pub fn scan(repository: &Repository, commit: &Sha, limits: &Limits) -> Result<Tree, Error> {
    look(repository, commit, limits, Role::Code)
}

/// Looks at the tree of a commit of a wiki's configuration, which has to have a file `LocalSettings.php`.
///
/// # Errors
/// See [`Error`].
pub fn scan_config(repository: &Repository, commit: &Sha, limits: &Limits) -> Result<Tree, Error> {
    look(repository, commit, limits, Role::Config)
}

fn look(repository: &Repository, commit: &Sha, limits: &Limits, role: Role) -> Result<Tree, Error> {
    let refuse = |refused| Err(Error::Refused { commit: commit.clone(), refused });
    let program = repository.program(["ls-tree", "-r", "-t", "-l", "-z", "--full-tree", commit.as_str()]);
    let longest = limits.files.saturating_mul(LIST_BYTES).saturating_add(1 << 20).min(MAX_LIST);
    let list = match program.capture(usize::try_from(longest).unwrap_or(usize::MAX), TIME) {
        Ok(captured) => git::succeeded(captured, "ls-tree")?,
        // A few objects can name each other so often that their list has no end.
        Err(process::Error::Output { .. }) => {
            return refuse(vec![whole(format!("has a list of files of more than {longest} bytes"))]);
        }
        Err(error) => return Err(git::Error::from(error).into()),
    };
    let mut verdict = Verdict::default();
    let listed = verdict.list(&list, limits, role);
    if verdict.refused.is_empty() {
        let links: Vec<_> = listed.iter().filter(|listed| listed.mode == LINK).collect();
        let wanted: Vec<_> = links.iter().map(|link| (&link.object, link.size)).collect();
        let mut targets = Vec::with_capacity(links.len());
        for range in objects::batches(&wanted) {
            targets.extend(Batch::read(repository, &wanted[range])?.contents().map(<[u8]>::to_vec));
        }
        verdict.links(&listed, targets);
    }
    let tree = verdict.tree(listed, role);
    if verdict.refused.is_empty() { Ok(tree) } else { refuse(verdict.refused) }
}

const DIRECTORY: &str = "040000";
const FILE: &str = "100644";
const EXECUTABLE: &str = "100755";
const LINK: &str = "120000";

/// A line of the list.
struct Listed<'l> {
    mode: &'l str,
    object: Sha,
    size: u64,
    path: &'l str,
}

/// What is found out about a tree.
#[derive(Default)]
struct Verdict {
    refused: Vec<Refused>,
    files: u64,
    directories: u64,
    bytes: u64,
    targets: HashMap<String, String>,
}

impl Verdict {
    fn refuse(&mut self, path: &[u8], reason: impl Into<String>) {
        if self.refused.len() < MAX_REFUSED {
            self.refused.push(Refused { path: shown(path), reason: reason.into() });
        }
    }

    /// Takes the list apart: `<mode> <type> <object> <size>\t<path>\0`, again and again.
    fn list<'l>(&mut self, list: &'l [u8], limits: &Limits, role: Role) -> Vec<Listed<'l>> {
        let mut all: Vec<Listed<'l>> = Vec::new();
        let mut folded: HashMap<String, &'l str> = HashMap::new();
        for line in list.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            let at = line.iter().position(|byte| *byte == b'\t').unwrap_or(line.len());
            let path = line.get(at + 1..).unwrap_or_default();
            let head = std::str::from_utf8(&line[..at]).unwrap_or_default();
            let words: Vec<&'l str> = head.split_ascii_whitespace().collect();
            let [mode, _, object, size] = words[..] else {
                self.refuse(path, "is listed by git in a way that is not understood");
                break;
            };
            let size = match (mode, size.parse::<u64>()) {
                (DIRECTORY, _) => 0,
                (FILE | EXECUTABLE | LINK, Ok(size)) => size,
                (FILE | EXECUTABLE | LINK, Err(_)) => {
                    self.refuse(path, "has no content in this repository");
                    continue;
                }
                ("160000", _) => {
                    self.refuse(path, "is a submodule; its files have to be committed");
                    continue;
                }
                _ => {
                    self.refuse(path, format!("has the mode {mode}, which no file has"));
                    continue;
                }
            };
            let Some(object) = Sha::new(object) else {
                self.refuse(path, "has no object");
                continue;
            };
            let path = match names::check(path, role == Role::Config) {
                Ok(path) => path,
                Err(reason) => {
                    self.refuse(path, reason);
                    continue;
                }
            };
            if let Some(first) = folded.insert(path.to_lowercase(), path) {
                self.refuse(path.as_bytes(), format!("differs from `{first}` in case only"));
            }
            if mode == DIRECTORY {
                self.directories += 1;
            } else {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(size);
                let most = if mode == LINK { MAX_TARGET } else { limits.file_bytes };
                if size > most {
                    self.refuse(path.as_bytes(), format!("has {size} bytes, at most {most} are allowed"));
                }
            }
            all.push(Listed { mode, object, size, path });
        }
        if self.files > limits.files {
            self.refused.push(whole(format!("has {} files, at most {} are allowed", self.files, limits.files)));
        }
        // Those that have nothing in them need a place on the disk, too.
        if self.directories > limits.files {
            let (number, most) = (self.directories, limits.files);
            self.refused.push(whole(format!("has {number} directories, at most {most} are allowed")));
        }
        if self.bytes > limits.bytes {
            self.refused.push(whole(format!("has {} bytes, at most {} are allowed", self.bytes, limits.bytes)));
        }
        let is_settings = |listed: &Listed<'_>| listed.path == "LocalSettings.php" && listed.mode != LINK;
        if role == Role::Config && self.refused.is_empty() && !all.iter().any(is_settings) {
            self.refused.push(whole("has no file `LocalSettings.php`"));
        }
        all
    }

    /// Follows all links, as far as names go.
    fn links(&mut self, listed: &[Listed<'_>], targets: Vec<Vec<u8>>) {
        let paths = listed.iter().filter(|listed| listed.mode == LINK).map(|link| link.path);
        if targets.len() > MAX_LINKS {
            self.refused.push(whole(format!("has {} links, at most {MAX_LINKS} are allowed", targets.len())));
            return;
        }
        for (path, target) in paths.zip(targets) {
            match String::from_utf8(target) {
                Ok(target) if !target.is_empty() && !target.contains(char::is_control) => {
                    self.targets.insert(path.to_owned(), target);
                }
                _ => self.refuse(path.as_bytes(), "is a link to what is no path"),
            }
        }
        let mut steps = 0;
        let wrong = listed.iter().filter_map(|link| {
            let target = self.targets.get(link.path)?;
            let wrong = links::follow(&self.targets, link.path, &mut steps).err()?;
            Some((link.path, format!("is a link to `{}`, which {wrong}", shown(target.as_bytes()))))
        });
        for (path, reason) in wrong.collect::<Vec<_>>() {
            self.refuse(path.as_bytes(), reason);
        }
    }

    fn tree(&mut self, listed: Vec<Listed<'_>>, role: Role) -> Tree {
        let mut digest = Sha256::new();
        digest.update(match role {
            Role::Code => "code\0",
            Role::Config => "config\0",
        });
        let entries = listed.into_iter().filter_map(|Listed { mode, object, size, path }| {
            let kind = match mode {
                DIRECTORY => Kind::Directory,
                LINK => Kind::Link { target: self.targets.remove(path)? },
                _ => Kind::File { object: object.clone(), size, executable: mode == EXECUTABLE },
            };
            if mode != DIRECTORY {
                digest.update(format!("{mode} {object} {path}\0"));
            }
            Some(Entry { path: path.to_owned(), kind })
        });
        let entries = entries.collect();
        let digest = digest.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        Tree { files: self.files, bytes: self.bytes, digest, entries }
    }
}

fn whole(reason: impl Into<String>) -> Refused {
    Refused { path: String::new(), reason: reason.into() }
}

/// The path with everything escaped that is not printable.
fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let text: String = text.chars().take(300).collect();
    text.escape_debug().to_string()
}

#[cfg(test)]
mod tests;
