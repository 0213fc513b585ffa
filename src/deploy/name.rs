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

    /// The rule of DEPLOY.md §9, word for word, over all short texts of what could be mistaken, and longer ones.
    #[test]
    fn names_are_those_of_the_rule_and_share_nothing() {
        let letters = ['a', 'b', '0', '9', '-', '_', 'A', '.'];
        let mut texts = vec![String::new()];
        for _ in 0..5 {
            let longer = texts.iter().flat_map(|text| letters.iter().map(move |letter| format!("{text}{letter}")));
            texts.extend(longer.collect::<Vec<_>>());
            texts.sort();
            texts.dedup();
        }
        for length in 15..30 {
            let word = "a".repeat(length);
            texts.extend([format!("{word}-b"), format!("b-{word}"), format!("{}-{}", &word[..10], &word[10..]), word]);
        }
        let is_digit_or_letter = |part: &str| part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'));
        let mut derived = std::collections::BTreeMap::new();
        let mut good = 0;
        for text in &texts {
            // ^[a-z][a-z0-9]{0,19}(-[a-z0-9]+)*$, at most 24
            let (first, rest) = text.split_once('-').map_or((text.as_str(), None), |(first, rest)| (first, Some(rest)));
            let is_first = first.starts_with(|letter: char| letter.is_ascii_lowercase())
                && first.len() <= 20
                && is_digit_or_letter(first);
            let is_rest =
                rest.is_none_or(|rest| rest.split('-').all(|part| !part.is_empty() && is_digit_or_letter(part)));
            let is_name = is_first && is_rest && text.len() <= 24;
            let name = Name::new(text);
            assert_eq!(name.is_ok(), is_name, "{text}");
            let Ok(name) = name else { continue };
            good += 1;
            for (kind, other) in [("user", name.user()), ("database", name.database()), ("host", name.next())] {
                let whose = derived.insert((kind, other), text);
                assert!(whose.is_none_or(|whose| whose == text), "{text} and {whose:?}");
            }
            assert!(name.next().parse::<u64>().is_err() && Name::new(&name.next()).is_err());
        }
        assert!(good > 1000, "{good}");
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
