//! The levels of a wiki, and which keys of a file stand for them.

use super::prepared::DEFAULT;
use crate::config::farms::FarmWiki;
use crate::farm::WikiId;

/// Whom a value is for, the lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level<'a> {
    /// All wikis: a file with `key: default`. Priority 1.
    DefaultFile,
    /// All wikis: `default` in a file with a star. Priority 2.
    Default,
    /// The wikis of a suffix. Priority 3.
    Suffix,
    /// The wikis with a tag; among a wiki's tags, the first is the highest. Priority 4.
    Tag(&'a str),
    /// One wiki. Priority 5.
    Wiki,
}

impl Level<'_> {
    /// MediaWikiFarm's number for it, from 1; 0 is MediaWiki's own default.
    #[must_use]
    pub fn priority(self) -> u8 {
        match self {
            Self::DefaultFile => 1,
            Self::Default => 2,
            Self::Suffix => 3,
            Self::Tag(_) => 4,
            Self::Wiki => 5,
        }
    }
}

/// The levels of one wiki.
#[derive(Debug, Clone)]
pub struct Levels<'a> {
    /// The wiki.
    pub id: &'a WikiId,
    /// Those with a name, from high to low. A name stands for one level only, the highest.
    named: Vec<(Level<'a>, &'a str)>,
}

/// A level by its number, from 0, the highest.
pub(super) type Rung = u32;

/// A key of a star file that says something to a wiki.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard<'a> {
    pub(super) rung: Rung,
    /// The text of the key, without the `+` of a diff.
    pub(super) key: &'a str,
    /// Whether it is `default`, which is below a key with the same level.
    pub(super) default: bool,
}

impl<'a> Levels<'a> {
    /// The levels of a wiki of this ID and suffix, and of these tags, the highest first.
    #[must_use]
    pub fn new(id: &'a WikiId, suffix: &'a str, tags: &'a [String]) -> Self {
        let tags = tags.iter().map(|tag| (Level::Tag(tag), tag.as_str()));
        let all = [(Level::Wiki, id.as_str())].into_iter().chain(tags).chain([(Level::Suffix, suffix)]);
        let mut named: Vec<(Level<'a>, &'a str)> = Vec::new();
        for (level, name) in all {
            // `default` is the key of all wikis, whoever is called so.
            if name != DEFAULT && !named.iter().any(|(_, known)| *known == name) {
                named.push((level, name));
            }
        }
        Self { id, named }
    }

    /// The levels of a wiki of the farm.
    #[must_use]
    pub fn of(wiki: &'a FarmWiki) -> Self {
        Self::new(&wiki.id, &wiki.suffix, &wiki.tags)
    }

    pub(super) fn level(&self, rung: Rung) -> Level<'a> {
        match self.named.get(rung as usize) {
            Some((level, _)) => *level,
            None if rung == self.default() => Level::Default,
            None => Level::DefaultFile,
        }
    }

    /// Where a file with this `key` stands; nowhere when it is not for this wiki.
    pub(super) fn fixed(&self, key: &str) -> Option<Rung> {
        if key == DEFAULT { Some(self.default() + 1) } else { self.rung(key) }
    }

    /// The keys that say something to this wiki in a file with a star: what stands for the star when the wiki, a tag or
    /// the suffix is put there, and `default`.
    pub(super) fn star(&self, before: &str, behind: &str, default: Option<&str>) -> Vec<Heard<'a>> {
        let mut heard = Vec::with_capacity(self.named.len() + 1);
        for ((_, name), rung) in self.named.iter().zip(0..) {
            let text = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
            // A star stands for at least one byte.
            if let Some(key) = text.filter(|text| !text.is_empty() && *text != DEFAULT) {
                heard.push(Heard { rung, key, default: false });
            }
        }
        let rung = match default {
            None | Some(DEFAULT) => Some(self.default()),
            Some(name) => self.rung(name),
        };
        heard.extend(rung.map(|rung| Heard { rung, key: DEFAULT, default: true }));
        heard
    }

    fn rung(&self, name: &str) -> Option<Rung> {
        self.named.iter().zip(0..).find_map(|((_, known), rung)| (*known == name).then_some(rung))
    }

    fn default(&self) -> Rung {
        Rung::try_from(self.named.len()).unwrap_or(Rung::MAX - 1)
    }
}
