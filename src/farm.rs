//! The nouns every verb shares: wikis, their hosts, the extensions they turn on. Data and invariants only.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An extension or a skin, named by its directory below the tree: `extensions/Cite`, `skins/Vector`.
///
/// Package name, manifest name and directory often differ (three different names are common); the
/// directory is the only one that every extension has, so it is the identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExtensionId(String);

impl ExtensionId {
    /// Takes a directory relative to the tree, with `/` between its parts.
    ///
    /// # Errors
    /// Says which rule the text breaks: empty, absolute, `.` or `..` as a part, or a control character.
    pub fn new(directory: &str) -> Result<Self, NameError> {
        let refuse = |reason| Err(NameError { kind: "extension", name: directory.to_owned(), reason });
        if directory.is_empty() || directory.len() > 512 {
            return refuse("must have 1 to 512 bytes");
        }
        if directory.chars().any(|c| c.is_control() || matches!(c, '\\' | ',' | '\'' | '"' | '`' | '$')) {
            return refuse("must not contain control characters, quotes, backslashes, commas or `$`");
        }
        if directory.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
            return refuse("must be a plain relative directory, such as `extensions/Cite`");
        }
        Ok(Self(directory.to_owned()))
    }

    /// The directory, relative to the tree.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part of the directory, which is what `wfLoadExtension` takes.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// Whether this is a skin: it lies below `skins/`.
    #[must_use]
    pub fn is_skin(&self) -> bool {
        self.0.starts_with("skins/")
    }
}

impl fmt::Display for ExtensionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A wiki's identifier: `[a-z0-9][a-z0-9_-]{0,62}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WikiId(String);

impl WikiId {
    /// Checks the identifier.
    ///
    /// # Errors
    /// Says that the name does not have the form `[a-z0-9][a-z0-9_-]{0,62}`.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let first = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let rest = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
        if first && rest && name.len() <= 63 {
            return Ok(Self(name.to_owned()));
        }
        Err(NameError {
            kind: "wiki",
            name: name.to_owned(),
            reason: "must be 1 to 63 of a-z, 0-9, `_`, `-`, and begin with a letter or a digit",
        })
    }

    /// The identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WikiId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a wiki answers: a host name or IP literal, without port, in lower case, and for path farms the path
/// below it: `www.example.org/beta`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Host(String);

impl TryFrom<String> for Host {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl Host {
    /// Checks a host with an optional path. Hosts are looked up exactly, so they are refused rather than cleaned.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let refuse = |reason| Err(NameError { kind: "host", name: text.to_owned(), reason });
        let (host, path) = match text.find('/') {
            Some(slash) => (&text[..slash], &text[slash..]),
            None => (text, ""),
        };
        if host.is_empty() || host.len() > 253 {
            return refuse("must have 1 to 253 bytes before the path");
        }
        if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            if address.parse::<std::net::Ipv6Addr>().is_err() || address.bytes().any(|b| b.is_ascii_uppercase()) {
                return refuse("is not an IPv6 address in brackets, in lower case");
            }
        } else {
            let label = |label: &str| {
                (1..=63).contains(&label.len())
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            };
            if !host.split('.').all(label) {
                return refuse("must be labels of a-z, 0-9 and `-`, without port and without trailing dot");
            }
        }
        let part = |part: &str| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
        };
        if !path.is_empty() && (path.len() > 255 || !path[1..].split('/').all(part)) {
            return refuse("has a path that is not made of parts of letters, digits, `-`, `.`, `_`, `~`");
        }
        Ok(Self(text.to_owned()))
    }

    /// Host and path, as they are looked up.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name of the farm that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} `{}` {reason}", name.escape_debug())]
pub struct NameError {
    /// What was named: `wiki`, `host`, `extension`.
    pub kind: &'static str,
    /// The name as written.
    pub name: String,
    /// The rule it breaks.
    pub reason: &'static str,
}

/// An extension that a wiki turns on, as the farm's file names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The directory that the name stands for.
    pub extension: ExtensionId,
    /// The field it was written in, such as `wikis.alpha.extensions[1]`.
    pub field: String,
}

/// One wiki.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wiki {
    /// Its identifier.
    pub id: WikiId,
    /// Where it answers; no host belongs to two wikis.
    pub hosts: Vec<Host>,
    /// Its database, when that is not named as the wiki.
    pub db: Option<String>,
    /// What it turns on, in the order of the file; what those require is not listed.
    pub wanted: Vec<Wanted>,
    /// Its compiled settings: a PHP file, by its absolute path.
    pub settings: Option<String>,
}

/// All wikis of one tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Farm {
    /// The file that lists them, for messages.
    pub file: String,
    /// The wikis, by identifier.
    pub wikis: Vec<Wiki>,
}
