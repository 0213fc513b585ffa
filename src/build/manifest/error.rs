//! What can be wrong with a tree's files.

use std::io;

/// A file of the tree that cannot be used. Always names the file, and the field when there is one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read, or is missing although it is needed.
    #[error("cannot read `{}`", file.escape_debug())]
    Read {
        /// The file, relative to the tree.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// The file as a whole is not what it should be.
    #[error("`{}` {reason}", file.escape_debug())]
    File {
        /// The file, relative to the tree.
        file: String,
        /// What is wrong, as the rest of a sentence.
        reason: String,
    },
    /// One field of the file is not what it should be.
    #[error("`{}`, field `{}`: {reason}", file.escape_debug(), field.escape_debug())]
    Field {
        /// The file, relative to the tree.
        file: String,
        /// The field, such as `autoload.psr-4.Acme\` or `packages[acme/lib].version`.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// The file, relative to the tree.
    #[must_use]
    pub fn file(&self) -> &str {
        match self {
            Self::Read { file, .. } | Self::File { file, .. } | Self::Field { file, .. } => file,
        }
    }

    /// The field, when one field is to blame.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Field { field, .. } => Some(field),
            Self::Read { .. } | Self::File { .. } => None,
        }
    }

    pub(super) fn of_file(file: &str, reason: impl Into<String>) -> Self {
        Self::File { file: file.to_owned(), reason: reason.into() }
    }
}

/// Where in a file something stands, to say so when it is wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The file, relative to the tree.
    pub(super) file: &'a str,
    /// The object that holds the fields: empty, or `packages[acme/lib]`.
    pub(super) object: &'a str,
}

impl<'a> Place<'a> {
    /// The top of a file.
    pub(super) fn top(file: &'a str) -> Self {
        Self { file, object: "" }
    }

    /// The full name of a field of this object.
    pub(super) fn field(&self, field: &str) -> String {
        if self.object.is_empty() { field.to_owned() } else { format!("{}.{field}", self.object) }
    }

    /// An error about a field of this object.
    pub(super) fn error(&self, field: &str, reason: impl Into<String>) -> Error {
        Error::Field { file: self.file.to_owned(), field: self.field(field), reason: reason.into() }
    }
}
