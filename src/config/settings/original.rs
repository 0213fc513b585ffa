//! What MediaWikiFarm 2.0 makes of the same files, so that a check can say which settings change with the move.
//!
//! Its rule is no walk from high to low: each file changes what those before it left, and a merge forgets how high the
//! value was that it merged with.

use std::collections::{BTreeMap, BTreeSet};

use super::Setting;
use super::levels::{Level, Levels};
use super::merge::{append, entries};
use super::names::{NameId, Names};
use super::prepared::{Content, Form, Part, Prepared, Track};
use crate::config::farms::{Entry, Scope};
use crate::config::value::Node;

/// A setting that MediaWikiFarm gives another value.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference<'d> {
    /// The setting, without `+`.
    pub name: &'d str,
    /// What MediaWikiFarm makes of it.
    pub original: Original,
}

/// What MediaWikiFarm makes of a setting.
#[derive(Debug, Clone, PartialEq)]
pub enum Original {
    /// It is not set.
    Unset,
    /// It has this value.
    Value(Node),
    /// This is added to MediaWiki's value.
    Diff(Node),
    /// PHP stops: an array is merged with something else.
    Fails,
}

/// A track as the files so far left it; without a node, PHP has stopped.
struct Left {
    priority: u8,
    node: Option<Node>,
}

/// Lists the settings of a wiki that MediaWikiFarm gives another value, by name. MediaWikiFarm knows no tags.
///
/// That it appends lists to MediaWiki's own, before which they stand here, is no difference of the settings.
#[must_use]
pub fn differences<'d>(
    names: &Names<'d>,
    levels: &Levels<'_>,
    files: &[(&Entry, &Prepared<'d>)],
    settings: &[Setting<'d>],
) -> Vec<Difference<'d>> {
    let mut tracks = BTreeMap::new();
    for (entry, file) in files {
        apply(levels, &entry.scope, &file.content, &mut tracks);
    }
    let mut mentioned: BTreeSet<&'d str> = settings.iter().map(|one| one.name).collect();
    let settings: BTreeMap<&str, &Setting<'_>> = settings.iter().map(|one| (one.name, one)).collect();
    mentioned.extend(tracks.keys().map(|(id, _)| names.get(*id).raw));
    let mut found = Vec::new();
    for name in mentioned {
        let mut track = |track| names.find(name).and_then(|id| tracks.remove(&(id, track)));
        let original = both(track(Track::Value), track(Track::Diff));
        let same = match (&original, settings.get(name)) {
            (Original::Unset, setting) => setting.is_none(),
            (Original::Value(node), Some(Setting { value: Some(here), .. }))
            | (Original::Diff(node), Some(Setting { diff: Some(here), .. })) => same(node, here),
            _ => false,
        };
        if !same {
            found.push(Difference { name, original });
        }
    }
    found
}

/// What a value and a diff come to.
fn both(value: Option<Left>, diff: Option<Left>) -> Original {
    match (value, diff) {
        (None, None) => Original::Unset,
        (Some(Left { node: None, .. }), _) | (_, Some(Left { node: None, .. })) => Original::Fails,
        (Some(Left { node: Some(node), .. }), None) => Original::Value(node),
        (None, Some(Left { node: Some(node), .. })) => Original::Diff(node),
        (Some(Left { node: Some(value), .. }), Some(Left { node: Some(diff), .. })) => {
            append(&value, &diff).map_or(Original::Fails, Original::Value)
        }
    }
}

type Tracks = BTreeMap<(NameId, Track), Left>;

/// Applies one file.
fn apply(levels: &Levels<'_>, scope: &Scope, content: &Content<'_>, tracks: &mut Tracks) {
    match (scope, content) {
        (Scope::Fixed(key), Content::Fixed(parts)) => {
            let Some(priority) = levels.fixed(key).and_then(|rung| without_tags(levels.level(rung))) else { return };
            for part in parts {
                let left = tracks.get(&(part.name, part.track));
                if left.is_none_or(|left| left.priority <= priority) {
                    let node = Some(part.node.clone());
                    tracks.insert((part.name, part.track), Left { priority, node });
                }
            }
        }
        (Scope::Star { before, behind, default }, Content::Star(by_key)) => {
            let mut heard: BTreeMap<(NameId, Track), Said<'_>> = BTreeMap::new();
            for key in levels.star(before, behind, None) {
                let level = levels.level(key.rung);
                for part in by_key.get(key.key.as_bytes()).into_iter().flatten() {
                    let said = heard.entry((part.name, part.track)).or_default();
                    said.take(level, part);
                }
            }
            let suffix = default
                .as_ref()
                .is_some_and(|default| levels.fixed(default).is_some_and(|rung| levels.level(rung) == Level::Suffix));
            for (track, said) in heard {
                let left = said.onto(tracks.remove(&track), if suffix { 3 } else { 2 });
                tracks.extend(left.map(|left| (track, left)));
            }
        }
        _ => {}
    }
}

fn without_tags(level: Level<'_>) -> Option<u8> {
    Some(level.priority()).filter(|_| !matches!(level, Level::Tag(_)))
}

/// What a file with a star says to a wiki in one track.
#[derive(Default)]
struct Said<'d> {
    wiki: Option<&'d Node>,
    wiki_diff: Option<&'d Node>,
    suffix: Option<&'d Node>,
    suffix_diff: Option<&'d Node>,
    default: Option<&'d Node>,
}

impl<'d> Said<'d> {
    fn take(&mut self, level: Level<'_>, part: &Part<'d>) {
        let place = match (level, part.form) {
            (Level::Wiki, Form::Whole) => &mut self.wiki,
            (Level::Wiki, Form::Diff) => &mut self.wiki_diff,
            (Level::Suffix, Form::Whole) => &mut self.suffix,
            (Level::Suffix, Form::Diff) => &mut self.suffix_diff,
            (Level::Default | Level::DefaultFile, Form::Whole) => &mut self.default,
            _ => return,
        };
        *place = Some(part.node);
    }

    /// The steps of MediaWikiFarm, onto what earlier files left.
    fn onto(&self, left: Option<Left>, default_priority: u8) -> Option<Left> {
        let mut priority = left.as_ref().map_or(0, |left| left.priority);
        let mut current = left;
        if let Some(node) = self.wiki {
            return Some(Left { priority: 5, node: Some(node.clone()) });
        }
        if let Some(diff) = self.wiki_diff {
            current = Some(merged(current, diff));
            priority = 3;
        }
        if priority <= 3 {
            if let Some(node) = self.suffix {
                return Some(Left { priority: 3, node: Some(node.clone()) });
            }
            if let Some(diff) = self.suffix_diff {
                current = Some(merged(current, diff));
                priority = 3;
            }
        }
        if let Some(node) = self.default.filter(|_| priority <= 2) {
            return Some(Left { priority: default_priority, node: Some(node.clone()) });
        }
        current
    }
}

/// A merge with what earlier files left. Its priority is 3, however high that was.
fn merged(left: Option<Left>, diff: &Node) -> Left {
    let node = match left {
        None => Some(diff.clone()),
        Some(left) => left.node.and_then(|node| append(&node, diff)),
    };
    Left { priority: 3, node }
}

/// Whether two values are the same to PHP, which knows one kind of array.
fn same(a: &Node, b: &Node) -> bool {
    if !a.value.is_array() || !b.value.is_array() {
        return a == b;
    }
    let mut pairs = entries(&a.value).zip(entries(&b.value));
    entries(&a.value).count() == entries(&b.value).count()
        && pairs.all(|((a_key, a), (b_key, b))| a_key == b_key && same(a, b))
}
