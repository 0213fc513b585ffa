//! Names of what a build writes into `vendor/`: the only names it ever creates, and the only ones it may remove.

use std::fmt;

use crate::key::Key;

/// A hashed name in `vendor/`. Parsing is the only way from a name on disk to something that may be removed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generated {
    /// `composer<KEY>/`: a set.
    Set(Key),
    /// `mwfarm_<KEY>/`: the PHP runtime.
    Runtime(Key),
    /// `bundle_<KEY>.php`: a bundle.
    Bundle(Key),
    /// `bundle_<KEY>_installed.php`: what `InstalledVersions` answers for it.
    Installed(Key),
    /// `wikis_<KEY>.php`: the wiki table of a generation.
    Wikis(Key),
    /// `wikis_<KEY>/`: the same in 256 parts with an index.
    WikiParts(Key),
}

impl Generated {
    /// Reads a name; anything but the exact forms is none of ours.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(key) = name.strip_prefix("composer") {
            return Key::parse(key).map(Self::Set);
        }
        if let Some(key) = name.strip_prefix("mwfarm_") {
            return Key::parse(key).map(Self::Runtime);
        }
        if let Some(key) = name.strip_prefix("wikis_") {
            return match key.strip_suffix(".php") {
                Some(key) => Key::parse(key).map(Self::Wikis),
                None => Key::parse(key).map(Self::WikiParts),
            };
        }
        let file = name.strip_suffix(".php")?;
        let bundle = file.strip_prefix("bundle_")?;
        match bundle.strip_suffix("_installed") {
            Some(key) => Key::parse(key).map(Self::Installed),
            None => Key::parse(bundle).map(Self::Bundle),
        }
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        matches!(self, Self::Set(_) | Self::Runtime(_) | Self::WikiParts(_))
    }
}

impl fmt::Display for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(key) => write!(f, "composer{key}"),
            Self::Runtime(key) => write!(f, "mwfarm_{key}"),
            Self::Bundle(key) => write!(f, "bundle_{key}.php"),
            Self::Installed(key) => write!(f, "bundle_{key}_installed.php"),
            Self::Wikis(key) => write!(f, "wikis_{key}.php"),
            Self::WikiParts(key) => write!(f, "wikis_{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_nothing_else_is_ours() {
        let key = Key::of(b"x");
        for name in [
            Generated::Set(key.clone()),
            Generated::Runtime(key.clone()),
            Generated::Bundle(key.clone()),
            Generated::Installed(key.clone()),
            Generated::Wikis(key.clone()),
            Generated::WikiParts(key.clone()),
        ] {
            assert_eq!(Generated::parse(&name.to_string()), Some(name));
        }
        let hex = key.as_str();
        for name in [
            "composer",
            "..",
            "",
            "autoload.php",
            &format!("composer{hex}/"),
            &format!("composer{}", hex.to_uppercase()),
            &format!("composer{hex}0"),
            &format!("bundle_{hex}"),
            &format!("bundle_{hex}.php\n"),
            &format!("x/bundle_{hex}.php"),
            &format!("wikis_{hex}_installed.php"),
            &format!("mwfarm_{hex}.php"),
        ] {
            assert_eq!(Generated::parse(name), None, "{name}");
        }
    }
}
