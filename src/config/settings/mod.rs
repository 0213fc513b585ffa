//! The planes: what all files together say of one wiki's settings.
//!
//! ```text
//! files ─ Prepared (once per file: names checked, indexed by key) ─┐
//! wiki  ─ Levels ──────────────────────────────────────────────────┴ resolve ─ Setting …
//! ```
//!
//! Four planes decide: whom a value is for ([`Level`]), the order of the files within a level, whether it is the value or
//! a diff onto MediaWiki's ([`Track`]), and whether it is whole or merged with what is below ([`Form`]). The walk through
//! them is that of MediaWiki core's `SiteConfiguration`, over levels that are those of MediaWikiFarm.

mod explain;
mod levels;
pub mod merge;
mod names;
mod original;
mod prepared;
mod walk;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::farms::Entry;
use super::finding::Finding;
use super::value::{Node, Value};

pub use explain::{Contribution, State, explain};
pub use levels::{Level, Levels};
pub use names::{Name, NameId, Names};
pub use original::{Difference, Original, differences};
pub use prepared::{Form, Kind, Prepared, Track};
pub use walk::says;

use walk::Walk;

/// A wiki's settings.
#[derive(Debug)]
pub struct Resolved<'d> {
    /// In the order in which the wiki's files mention them first.
    pub settings: Vec<Setting<'d>>,
    /// What is odd about them, for this wiki.
    pub findings: Vec<Finding>,
}

/// What a wiki's files say of one setting. At least one of `value` and `diff` is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting<'d> {
    /// The name as written, without the `+` of a diff.
    pub name: &'d str,
    /// The variable of PHP, of `[A-Za-z0-9_]` only.
    pub variable: Cow<'d, str>,
    /// The value that replaces MediaWiki's; never null.
    pub value: Option<Cow<'d, Node>>,
    /// An array to put onto MediaWiki's value; only without `value`.
    pub diff: Option<Cow<'d, Node>>,
}

/// Gathers a wiki's settings from its files, which are given in their order in `config`, the executable ones left out.
///
/// Per name, the levels are walked down; within a level, from the last file to the first. A whole value ends the walk,
/// what comes before it are diffs; a whole value that is no array drops them. In the track of values, diffs are merged as
/// core does it ([`merge::merge`]); in that of diffs the higher one always wins ([`merge::onto`]). When both tracks say
/// something, the diff is put onto the value here and now.
#[must_use]
pub fn resolve<'d>(names: &Names<'d>, levels: &Levels<'_>, files: &[(&Entry, &Prepared<'d>)]) -> Resolved<'d> {
    let said = walk::said(levels, files, None);
    let mut findings = Vec::new();
    let mut settings = Vec::new();
    for of_name in said.chunk_by(|a, b| a.part.name == b.part.name) {
        let (of_value, of_diff) = walk::tracks(of_name);
        let (value_walk, diff_walk) = (Walk::of(of_value), Walk::of(of_diff));
        let Name { raw, variable } = names.get(of_name[0].part.name);
        findings.extend(replaced(raw, &diff_walk, levels, files));

        // From high to low, as core does; from low to high, as if each were put onto MediaWiki's value.
        let value = joined(value_walk.nodes(), merge::merge);
        let diff = joined(diff_walk.nodes().rev(), merge::onto);
        let (value, diff) = match (value.filter(|node| !matches!(node.value, Value::Null)), diff) {
            (None, None) => continue,
            (Some(value), Some(diff)) => (Some(Cow::Owned(merge::onto(&value, &diff))), None),
            one => one,
        };
        let mentioned = of_name.iter().map(|said| (said.file, said.part.position)).min();
        settings.push((mentioned, Setting { name: raw, variable: variable.clone(), value, diff }));
    }
    settings.sort_unstable_by_key(|(mentioned, _)| *mentioned);
    Resolved { settings: settings.into_iter().map(|(_, setting)| setting).collect(), findings }
}

/// All nodes as one; a single one is not copied.
fn joined<'d>(nodes: impl Iterator<Item = &'d Node>, join: fn(&Node, &Node) -> Node) -> Option<Cow<'d, Node>> {
    nodes.map(Cow::Borrowed).reduce(|one, next| Cow::Owned(join(&one, &next)))
}

/// Says when a `+name` in a file for one key drops those below it: it looks as if they came together.
fn replaced(
    name: &str,
    walk: &Walk<'_, '_>,
    levels: &Levels<'_>,
    files: &[(&Entry, &Prepared<'_>)],
) -> Option<Finding> {
    let (whole, lower) = (walk.whole?, walk.overridden.first()?);
    if whole.part.key.is_some() {
        return None;
    }
    let lower = files[lower.file as usize].0.file.escape_debug();
    let message = format!("replaces the diff that `{lower}` has: in a file for one key, a diff is all of it");
    let hint = "a file whose `key` has a star merges what `+` stands before";
    let field = format!("+{}", name.escape_debug());
    Some(Finding::warning(whole.part.node.mark, field, message).of_wiki(levels.id).hint(hint))
}
