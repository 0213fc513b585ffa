//! What a release is called, and what it says of itself.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a commit: 40 or 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Sha(String);

impl Sha {
    /// Takes a full name in lower case; `None` for anything else, also for the zeros that stand for no commit.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let hex = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let some = text.bytes().any(|byte| byte != b'0');
        (hex && some && matches!(text.len(), 40 | 64)).then(|| Self(text.to_owned()))
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first twelve digits.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Sha {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| serde::de::Error::custom("not a commit's name"))
    }
}

/// A release's directory: the number of the attempt that made it, and the commit: `7-0123456789ab`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseId {
    /// The number of the attempt; no wiki ever has the same twice.
    pub seq: u64,
    /// Twelve digits of the commit of the code.
    pub short: String,
}

impl ReleaseId {
    /// The release that an attempt makes of a commit.
    #[must_use]
    pub fn new(seq: u64, code: &Sha) -> Self {
        Self { seq, short: code.short().to_owned() }
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.seq, self.short)
    }
}

/// A text that names no release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a release")]
pub struct NoRelease;

impl FromStr for ReleaseId {
    type Err = NoRelease;

    fn from_str(text: &str) -> Result<Self, NoRelease> {
        let (seq, short) = text.split_once('-').ok_or(NoRelease)?;
        let hex = short.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let number = !seq.is_empty() && !seq.starts_with('0') && seq.bytes().all(|byte| byte.is_ascii_digit());
        match seq.parse() {
            Ok(seq) if number && hex && short.len() == 12 => Ok(Self { seq, short: short.to_owned() }),
            _ => Err(NoRelease),
        }
    }
}

impl Serialize for ReleaseId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReleaseId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// `release.json`: what a release is made of. It is written last, so that a directory without it is not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The version of this form.
    pub schema: u32,
    /// Its name.
    pub release: ReleaseId,
    /// The commit of the code.
    pub code: Sha,
    /// The ref it was deployed from.
    pub branch: String,
    /// The commit of the wiki's configuration.
    pub config: Option<Sha>,
    /// What the build of the Composer sets published, when the tree has Composer packages.
    pub generation: Option<String>,
    /// The extensions and skins that the compiled settings load, in load order.
    pub extensions: Vec<String>,
    /// When it was made, in seconds since 1970.
    pub made: u64,
    /// SHA-256 over names, modes and objects of the code's tree.
    pub digest: String,
    /// The version of the mwfarm that made it; empty of one that did not say so.
    #[serde(default)]
    pub mwfarm: String,
    /// The key of the files of the farm's settings that it was made with, which `.mwfarm/sources.json` lists; `None` when
    /// the farm had no settings.
    #[serde(default)]
    pub sources: Option<String>,
}

impl Release {
    /// Whether it is made of these commits of code and configuration.
    #[must_use]
    pub fn is_of(&self, code: &Sha, config: Option<&Sha>) -> bool {
        self.code == *code && self.config.as_ref() == config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_have_full_names() {
        let sha = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(Sha::new(sha).unwrap().short(), "0123456789ab");
        for text in ["", "0123", &sha.to_uppercase(), &"0".repeat(40), &format!("{sha}\n"), "HEAD", &"g".repeat(40)] {
            assert_eq!(Sha::new(text), None, "{text:?}");
        }
    }

    #[test]
    fn releases_are_named_one_way_only() {
        let id: ReleaseId = "7-0123456789ab".parse().unwrap();
        assert_eq!((id.seq, id.to_string().as_str()), (7, "7-0123456789ab"));
        for text in [
            "",
            "7",
            "7-",
            "07-0123456789ab",
            "-0123456789ab",
            "+7-0123456789ab",
            "7-0123456789AB",
            "7-0123456789abc",
            "7-0123456789ab/",
        ] {
            assert!(text.parse::<ReleaseId>().is_err(), "{text:?}");
        }
    }
}
