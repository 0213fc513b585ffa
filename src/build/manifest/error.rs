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

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::build::manifest::installed;
    use crate::build::manifest::tests::{copy, edit, read_at};

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn bad_trees_are_refused_with_file_and_field() {
        let installed = installed::FILE;
        let local = "composer.local.json";
        for (file, from, to, expected) in [
            (
                "composer.json",
                "\"Acme/Wiki\"",
                "\"wiki\"",
                "`composer.json`, field `name`: `wiki` is not the name of a package",
            ),
            (
                "composer.json",
                "\"config\": {",
                "\"target-dir\": \"x\", \"config\": {",
                "`composer.json`, field `target-dir`: ",
            ),
            (
                "composer.json",
                "\"config\": {",
                "\"config\": {\"vendor-dir\": \"lib\",",
                "`composer.json`, field `config.vendor-dir`: `lib` is not supported",
            ),
            (
                "composer.json",
                "\"8.1.0\"",
                "true",
                "`composer.json`, field `config.platform.php`: expected a version or `false`",
            ),
            (
                "composer.json",
                "\"acme/base\": \"^1.0\"",
                "\"a base\": \"1\"",
                "`composer.json`, field `require`: `a base` is not",
            ),
            (
                "composer.json",
                "\"./start.php\"",
                "\"/etc/passwd\"",
                "`composer.json`, field `autoload.files[0]`: `/etc/passwd` is",
            ),
            (
                "composer.json",
                "\"./start.php\"",
                "\"../x\"",
                "`composer.json`, field `autoload.files[0]`: `../x` leaves the",
            ),
            (
                "composer.json",
                "settings/needed",
                "settings/none",
                "`composer.json`, field `extra.merge-plugin.require`: no file",
            ),
            (
                "composer.json",
                "settings/needed",
                "../needed",
                "`composer.json`, field `extra.merge-plugin.require`: `../needed",
            ),
            (local, "dev-main as 2.5.0", "dev-main as two of", "`composer.local.json`, field `require.acme/main`: "),
            (
                local,
                "\"settings/more.json\"",
                "7",
                "`composer.local.json`, field `extra.merge-plugin.include[0]`: invalid type",
            ),
            (local, "{", "[", "`composer.local.json` has the wrong form: expected an object, found a list"),
            (local, "{", "{,", "`composer.local.json` is not JSON: "),
            (
                installed,
                "\"acme/base\"",
                "\"../base\"",
                "`vendor/composer/installed.json`, field `packages[1].name`: `../base`",
            ),
            (
                installed,
                "\"version\": \"1.5.0\"",
                "\"version\": 1.5",
                "`vendor/composer/installed.json`, field `packages[1].version`",
            ),
            (
                installed,
                "\"version\": \"1.5.0\",",
                "",
                "`vendor/composer/installed.json`, field `packages[acme/base].version`: is missing",
            ),
            (
                installed,
                "\"../acme/base\"",
                "\"/srv/base\"",
                "`vendor/composer/installed.json`, field `packages[acme/base].install-path`: `/srv/base` is absolute",
            ),
            (
                installed,
                "\"../acme/base\"",
                "\"../..\"",
                "`vendor/composer/installed.json`, field `packages[acme/base].install-path`: `../..` is no directory",
            ),
            (
                installed,
                "\"src/\"",
                "\"phar://x\"",
                "`vendor/composer/installed.json`, field `packages[acme/base].autoload.psr-4.Acme\\\\Base\\\\[0]`: `phar://x`",
            ),
            (
                installed,
                "acme/main\"",
                "acme/base\"",
                "`vendor/composer/installed.json`, field `packages[acme/base].name`: is listed twice",
            ),
            (
                "extensions/Plain/extension.json",
                "\"version\": \"1.0.0\"",
                "\"version\": 1",
                "`extensions/Plain/extension.json`, field `version`: invalid type",
            ),
            ("composer.lock", "[", "", "`composer.lock`"),
        ] {
            let tree = copy("merged");
            edit(&tree, file, from, to);
            let error = read_at(&tree).expect_err(expected);
            let text = error.to_string();
            assert!(text.starts_with(expected), "{text}\nshould begin with\n{expected}");
            assert_eq!(error.file(), file);
        }
        let tree = copy("merged");
        fs::remove_file(tree.path().join(installed)).expect("removed");
        assert_eq!(read_at(&tree).expect_err("missing").to_string(), "cannot read `vendor/composer/installed.json`");
    }
}
