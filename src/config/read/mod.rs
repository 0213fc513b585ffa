//! Reads the files of a configuration directory, whatever their format, into [`Node`]s.
//!
//! | ending | format |
//! |---|---|
//! | `.yml` `.yaml` | YAML, scalars as Symfony has them; what other readers take for something else is refused |
//! | `.json` | JSON |
//! | `.ser` | PHP's serialize format, arrays and plain values only |
//! | `.php` | a PHP file that returns an array; a separate PHP evaluates it |
//! | `.dblist` | one name a line, with `#` comments |
//!
//! Texts of any size are bounded: [`MAX_BYTES`] or [`MAX_LIST_BYTES`] a file, [`MAX_VALUES`] values, arrays nested
//! [`MAX_DEPTH`] deep.

mod confined;
mod evaluated;
mod json;
mod list;
mod problem;
mod serialized;
mod yaml;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::finding::{Finding, Place};
use super::value::{FileId, Node};
use crate::disk;
use crate::key;
use confined::Opened;
use problem::{Problem, shown};

/// The largest file, in bytes.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The largest `.dblist`, in bytes.
pub const MAX_LIST_BYTES: u64 = 64 * 1024 * 1024;

/// How deep arrays may be nested.
pub const MAX_DEPTH: usize = 64;

/// How many values a file may hold; what aliases repeat counts each time.
pub const MAX_VALUES: usize = 2_000_000;

/// What the main file may be called.
const MAIN: [&str; 4] = ["farms.yml", "farms.yaml", "farms.json", "farms.php"];

/// A file that was read.
#[derive(Debug)]
pub struct Document {
    /// Its name, relative to the configuration directory, as the configuration names it.
    pub name: String,
    /// What it holds: a list or a map.
    pub root: Node,
    /// The first 32 hex digits of SHA-256 over its bytes. Files that a PHP file includes are no part of it.
    pub digest: String,
    /// Its permission bits.
    pub mode: u32,
    /// The group that it belongs to.
    pub group: u32,
}

/// The files of a configuration directory, each read once.
#[derive(Debug)]
pub struct Sources {
    directory: PathBuf,
    php: PathBuf,
    /// How long a PHP file may take.
    time: Duration,
    /// The names of all files that were asked for, by their identifiers.
    names: Vec<String>,
    /// What came of them.
    results: HashMap<String, Result<Arc<Document>, Box<Finding>>>,
    documents: Vec<Arc<Document>>,
    digests: BTreeMap<String, String>,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Yaml,
    Json,
    Serialized,
    Php,
    List,
}

impl Sources {
    /// A directory of which nothing is read yet. `php` is the program that evaluates PHP files.
    #[must_use]
    pub fn new(directory: &Path, php: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            php: php.to_owned(),
            time: evaluated::MAX_TIME,
            names: Vec::new(),
            results: HashMap::new(),
            documents: Vec::new(),
            digests: BTreeMap::new(),
        }
    }

    /// Reads the file that describes the farms: the one of `farms.yml`, `farms.yaml`, `farms.json` and `farms.php`
    /// that is there.
    ///
    /// # Errors
    /// None is there, or two are, or what [`read`](Self::read) says.
    pub fn main(&mut self) -> Result<Arc<Document>, Box<Finding>> {
        let mut found = Vec::new();
        for name in MAIN {
            match disk::look(&self.directory.join(name)) {
                Ok(None) => {}
                Ok(Some(_)) => found.push(name),
                Err(error) => {
                    let problem = confined::unreadable_directory(&self.directory, &error);
                    return Err(about(MAIN[0], problem).into());
                }
            }
        }
        match found[..] {
            [name] => self.read(name),
            [] => {
                let message = format!("there is no such file in `{}`", self.directory.display());
                let hint =
                    "`--config-dir` names the directory; `farms.yaml`, `farms.json` and `farms.php` will do, too";
                Err(Box::new(Finding::error(MAIN[0], "", message).hint(hint)))
            }
            [first, second, ..] => {
                let message = format!("`{second}` is there, too, and only one of them can describe the farms");
                Err(Box::new(Finding::error(first, "", message).hint("remove or rename the one that is not meant")))
            }
        }
    }

    /// Reads a file by its name, relative to the directory; the second time it is only looked up.
    ///
    /// # Errors
    /// What is wrong with it, with its line: it leads out of the directory, is missing, too large, or not of its format.
    pub fn read(&mut self, name: &str) -> Result<Arc<Document>, Box<Finding>> {
        if let Some(result) = self.results.get(name) {
            return result.clone();
        }
        let file = FileId(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(name.to_owned());
        let mut digest = String::new();
        let result = self.read_new(name, file, &mut digest).map(Arc::new);
        if confined::check(name).is_ok() {
            self.digests.insert(name.to_owned(), digest);
        }
        if let Ok(document) = &result {
            self.documents.push(Arc::clone(document));
        }
        self.results.insert(name.to_owned(), result.clone());
        result
    }

    /// Looks at a file that is only to be named, such as one that PHP includes. Whether it is PHP is asked of PHP, which
    /// does not run it.
    ///
    /// # Errors
    /// What [`read`](Self::read) says of a file that is not there, or not in the directory; its first syntax error.
    pub fn file(&mut self, name: &str) -> Result<(), Box<Finding>> {
        let opened = confined::check(name).and_then(|()| confined::read(&self.directory, name, MAX_BYTES));
        let opened = opened.map_err(|problem| Box::new(about(name, problem)))?;
        if Format::of(name).is_ok_and(|format| format == Format::Php) {
            let file = FileId(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
            self.names.push(name.to_owned());
            evaluated::lint(&self.php, &opened.directory, &opened.path, self.time)
                .map_err(|problem| Box::new(problem.finding(file)))?;
        }
        Ok(())
    }

    /// The name of a file.
    #[must_use]
    pub fn name(&self, file: FileId) -> &str {
        self.names.get(file.0 as usize).map_or("?", String::as_str)
    }

    /// All files that could be read, in the order of their identifiers.
    #[must_use]
    pub fn documents(&self) -> &[Arc<Document>] {
        &self.documents
    }

    /// The digest of each file that was asked for, as it was then, by its name: those with errors as well, so that it
    /// can be told when they change. That of a file that is not there is empty.
    #[must_use]
    pub fn digests(&self) -> &BTreeMap<String, String> {
        &self.digests
    }

    fn read_new(&self, name: &str, file: FileId, digest: &mut String) -> Result<Document, Box<Finding>> {
        let format = confined::check(name).and_then(|()| Format::of(name)).map_err(|problem| about(name, problem))?;
        let opened = confined::read(&self.directory, name, format.limit()).map_err(|problem| about(name, problem))?;
        key::Key::of(&opened.bytes).as_str().clone_into(digest);
        let root = self.parse(format, name, &opened, file).map_err(|problem| problem.finding(file))?;
        if !root.value.is_array() {
            let problem = Problem::new(root.mark.line, format!("holds {}, and no list or map", root.kind()));
            return Err(problem.finding(file).into());
        }
        Ok(Document { name: name.to_owned(), root, digest: digest.clone(), mode: opened.mode, group: opened.group })
    }

    fn parse(&self, format: Format, name: &str, opened: &Opened, file: FileId) -> Result<Node, Problem> {
        let bytes = opened.bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&opened.bytes);
        match format {
            Format::Yaml => yaml::parse(utf8(bytes)?, file),
            Format::Json => json::parse(utf8(bytes)?, file),
            Format::Serialized => serialized::parse(&opened.bytes, file),
            Format::List => list::parse(bytes, file),
            Format::Php => {
                let root = evaluated::read(&self.php, &opened.directory, &opened.path, self.time, file)?;
                // PHP opened it on its own: what it saw is what was read here only if nothing changed since.
                let again = confined::read(&self.directory, name, format.limit())?;
                if again.bytes != opened.bytes {
                    return Err(Problem::new(0, "changed while it was read"));
                }
                Ok(root)
            }
        }
    }
}

impl Format {
    /// The format is what follows the last dot, as written.
    fn of(name: &str) -> Result<Self, Problem> {
        let ending = name.rsplit('/').next().and_then(|file| file.rsplit_once('.')).map(|(_, ending)| ending);
        match ending {
            Some("yml" | "yaml") => Ok(Self::Yaml),
            Some("json") => Ok(Self::Json),
            Some("ser") => Ok(Self::Serialized),
            Some("php") => Ok(Self::Php),
            Some("dblist") => Ok(Self::List),
            other => {
                let message = match other {
                    Some(ending) => format!("the ending `.{}` is not read", shown(ending)),
                    None => "has no ending that tells its format".to_owned(),
                };
                let hint = "`.yml`, `.yaml`, `.json`, `.php`, `.ser` and `.dblist` are, in lower case";
                Err(Problem::new(0, message).hint(hint))
            }
        }
    }

    fn limit(self) -> u64 {
        if self == Self::List { MAX_LIST_BYTES } else { MAX_BYTES }
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        Problem::new(u32::try_from(line).unwrap_or(u32::MAX), "is not UTF-8")
    })
}

/// A problem with a file that was not read at all.
fn about(name: &str, problem: Problem) -> Finding {
    let mut finding = problem.finding(FileId(u32::MAX));
    finding.place = Place::File(shown(name));
    finding
}

#[cfg(test)]
mod tests;
