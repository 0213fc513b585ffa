//! Names of wikis that are made by request: one allow-list, from which all other names follow.
//!
//! Identifier, unix user, database, host label, branch and cache namespace are functions of the name, each injective,
//! so that two wikis never share one of them (DEPLOY.md §9).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::farm::NameError;

/// The longest name: with `wiki-` before it, a unix user's name (32) and a host label (63, with `next--`) still fit.
const LONGEST: usize = 24;

/// What is no wiki's name: hosts that browsers and mail expect elsewhere, and words of this program's own layout.
const RESERVED: &[&str] = &[
    "admin",
    "all",
    "api",
    "autoconfig",
    "autodiscover",
    "common",
    "default",
    "ftp",
    "imap",
    "localhost",
    "mail",
    "mediawiki",
    "mwfarm",
    "news",
    "next",
    "ns",
    "ns1",
    "ns2",
    "pop",
    "private",
    "proxy",
    "releases",
    "root",
    "servicegroup",
    "smtp",
    "static",
    "status",
    "unknown",
    "webmail",
    "wpad",
    "www",
];

/// The name of a wiki: `[a-z][a-z0-9]{0,19}(-[a-z0-9]+)*`, at most 24 bytes, none that is reserved or punycode.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// Checks a name. Nothing is lower-cased or cut: what does not fit is refused.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let refuse = |reason| Err(NameError { kind: "wiki", name: text.to_owned(), reason });
        if text.is_empty() || text.len() > LONGEST {
            return refuse("must have 1 to 24 characters");
        }
        if !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
            return refuse("must be made of a-z, 0-9 and `-`");
        }
        let mut parts = text.split('-');
        let first = parts.next().unwrap_or_default();
        if !first.starts_with(|c: char| c.is_ascii_lowercase()) || first.len() > 20 {
            return refuse("must begin with a letter, and have at most 20 characters before a `-`");
        }
        if parts.any(str::is_empty) {
            return refuse("must not end with `-`, nor have two in a row");
        }
        if first == "xn" || RESERVED.contains(&text) {
            return refuse("is reserved");
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The unix user and group of the wiki: `wiki-alpha`.
    #[must_use]
    pub fn user(&self) -> String {
        format!("wiki-{}", self.0)
    }

    /// The wiki's database: `wiki_alpha`, with `_` for `-`, which no name has.
    #[must_use]
    pub fn database(&self) -> String {
        format!("wiki_{}", self.0.replace('-', "_"))
    }

    /// The name of a new release's host before it has traffic: `next--alpha`, which no wiki can have.
    #[must_use]
    pub fn next(&self) -> String {
        format!("next--{}", self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_give_good_names() {
        for name in ["a", "alpha", "a1", "a-b", "a-1", "abcdefghijklmnopqrst-abc"] {
            let name = Name::new(name).unwrap();
            assert!(name.user().len() <= 32 && name.next().len() <= 63 && name.database().len() <= 64);
        }
        assert_eq!(Name::new("a-b").unwrap().database(), "wiki_a_b");
    }

    #[test]
    fn everything_else_is_refused() {
        for name in [
            "",
            "-a",
            "a-",
            "a--b",
            "1a",
            "A",
            "a_b",
            "a.b",
            "a/b",
            "a b",
            "a\n",
            "a\0",
            "é",
            "ａ",
            "xn--a",
            "xn-a",
            "www",
            "next",
            "$(id)",
            "`id`",
            "a;b",
            "a|b",
            "a&b",
            "'",
            "\"",
            "%2e",
            "..",
            ".",
            "<b>",
            "#",
            "!",
            "${IFS}",
            "abcdefghijklmnopqrstuvwxy",
            "abcdefghijklmnopqrstu",
            "next--a",
        ] {
            assert!(Name::new(name).is_err(), "{name:?}");
        }
        assert!(Name::new(&"a".repeat(10_000)).is_err());
    }
}
