//! The walk through the levels of a wiki.

use std::cmp::Reverse;

use super::levels::{Levels, Rung};
use super::names::NameId;
use super::prepared::{Content, Form, Part, Prepared, Track};
use crate::config::farms::{Entry, Scope};
use crate::config::value::Node;

/// A value that says something to the wiki.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'d> {
    pub(super) part: Part<'d>,
    pub(super) rung: Rung,
    /// The number of its file among those of the wiki.
    pub(super) file: u32,
    /// Whether its key is the `default` of a star file.
    default: bool,
}

impl Said<'_> {
    /// What comes first is higher: the level, the later file, and within a file `key`, `+key` and `default` when that is
    /// on the same level.
    fn order(&self) -> impl Ord + use<> {
        (self.part.name, self.part.track, self.rung, Reverse(self.file), self.default, self.part.form)
    }
}

/// Everything that the files say to a wiki, by name and track, from high to low; of one name, or of all.
pub(super) fn said<'d>(levels: &Levels<'_>, files: &[(&Entry, &Prepared<'d>)], only: Option<NameId>) -> Vec<Said<'d>> {
    let mut all = Vec::new();
    let wanted = |part: &&Part<'d>| only.is_none_or(|name| part.name == name);
    for ((entry, prepared), file) in files.iter().zip(0..) {
        match (&entry.scope, &prepared.content) {
            (Scope::Fixed(key), Content::Fixed(parts)) => {
                let Some(rung) = levels.fixed(key) else { continue };
                all.extend(parts.iter().filter(wanted).map(|part| Said { part: *part, rung, file, default: false }));
            }
            (Scope::Star { before, behind, default }, Content::Star(by_key)) => {
                for heard in levels.star(before, behind, default.as_deref()) {
                    let parts = by_key.get(heard.key.as_bytes()).map_or(&[][..], Vec::as_slice);
                    let said = |part: &Part<'d>| Said { part: *part, rung: heard.rung, file, default: heard.default };
                    all.extend(parts.iter().filter(wanted).map(said));
                }
            }
            // A file that was prepared for another kind of entry says nothing.
            _ => {}
        }
    }
    all.sort_unstable_by_key(Said::order);
    all
}

/// Whether a file says anything to a wiki.
#[must_use]
pub fn says(levels: &Levels<'_>, entry: &Entry, file: &Prepared<'_>) -> bool {
    match (&entry.scope, &file.content) {
        (Scope::Fixed(key), Content::Fixed(parts)) => !parts.is_empty() && levels.fixed(key).is_some(),
        (Scope::Star { before, behind, default }, Content::Star(by_key)) => {
            let heard = levels.star(before, behind, default.as_deref());
            heard.iter().any(|heard| by_key.contains_key(heard.key.as_bytes()))
        }
        _ => false,
    }
}

/// What is said of one name, by tracks: of its value, and of the diff.
pub(super) fn tracks<'s, 'd>(of_name: &'s [Said<'d>]) -> (&'s [Said<'d>], &'s [Said<'d>]) {
    of_name.split_at(of_name.partition_point(|said| said.part.track == Track::Value))
}

/// What the walk finds in one track.
pub(super) struct Walk<'s, 'd> {
    /// The diffs that count, from high to low.
    pub(super) diffs: &'s [Said<'d>],
    /// The whole value at which it ended.
    pub(super) whole: Option<&'s Said<'d>>,
    /// The diffs above a whole value that is no array: they are dropped.
    pub(super) dropped: &'s [Said<'d>],
    /// What is below the whole value.
    pub(super) overridden: &'s [Said<'d>],
}

impl<'s, 'd> Walk<'s, 'd> {
    pub(super) fn of(of_track: &'s [Said<'d>]) -> Self {
        let end = of_track.iter().position(|said| said.part.form == Form::Whole).unwrap_or(of_track.len());
        let (diffs, rest) = of_track.split_at(end);
        let Some((whole, overridden)) = rest.split_first() else {
            return Self { diffs, whole: None, dropped: &[], overridden: &[] };
        };
        let (diffs, dropped) = if whole.part.node.value.is_array() { (diffs, &[][..]) } else { (&[][..], diffs) };
        Self { diffs, whole: Some(whole), dropped, overridden }
    }

    /// What the result is made of, from high to low.
    pub(super) fn parts(&self) -> impl DoubleEndedIterator<Item = &'s Said<'d>> + use<'s, 'd> {
        self.diffs.iter().chain(self.whole)
    }

    pub(super) fn nodes(&self) -> impl DoubleEndedIterator<Item = &'d Node> + use<'s, 'd> {
        self.parts().map(|said| said.part.node)
    }
}
