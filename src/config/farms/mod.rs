//! `farms.yml`: which wikis there are, where they answer, and which files configure them.
//!
//! ```text
//! main file ─ entries ─→ farms, redirects ─ enumerate ─→ wikis with hosts ─ redirects ─→ all hosts ─ unique ─→
//!                             lists, versions, tags ─┘
//! ```
//!
//! MediaWikiFarm decides at every request whether a host is one of the farm; here all wikis are enumerated ahead, so
//! that a request only looks its host up. Where that cannot be done, a [`Pattern`] stays.

mod entries;
mod enumerate;
mod lists;
mod redirects;
mod server;
mod template;
mod unique;
mod wiki;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, Severity};
use super::read::Document;
use super::value::Mark;
use crate::farm::{Host, WikiId};

pub use lists::Read;
pub use server::Matcher;

/// How many versions of MediaWiki the farm has.
pub enum Mode<'a> {
    /// One, in this directory. There are no versions, and every variable of a wikiID needs a list.
    Monoversion {
        /// The directory, for `$CODE`.
        code: &'a str,
    },
    /// Several, each in a directory of its own.
    Multiversion {
        /// The directory above them, for `$CODE`.
        code: &'a str,
        /// Whether a name is that of a directory which holds MediaWiki. It is asked for plain names only.
        is_version: &'a dyn Fn(&str) -> bool,
        /// The version a wiki runs on while its upgrade waits: `$VERSION` and `$CODE` follow it. Nothing for a wiki
        /// that runs on the version which the files ask for.
        active: &'a dyn Fn(&WikiId) -> Option<String>,
    },
}

/// All that the main file says.
#[derive(Debug, Default)]
pub struct Enumeration {
    /// The wikis without errors, by identifier.
    pub wikis: Vec<FarmWiki>,
    /// What could not be enumerated, in the order of the file. The table of hosts goes first.
    pub patterns: Vec<Pattern>,
    /// The wikis of which some finding says an error. One may be in `wikis` too: that which was first of two.
    pub broken: BTreeSet<WikiId>,
    /// What to answer where a farm has no wiki, in the order of the file.
    pub missing: Vec<NotFound>,
    /// What was found, in the order of the work: errors and warnings.
    pub findings: Vec<Finding>,
}

/// Hosts that are not enumerated.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The farm's name.
    pub farm: String,
    /// Its hosts.
    pub matcher: Matcher,
    /// Where they lead.
    pub target: Target,
    /// Where the farm is written.
    pub mark: Mark,
}

/// Where a [`Pattern`] leads. The texts are templates: variables are replaced in one pass, the longest name first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To the wiki of this identifier, if there is one: those that could be enumerated are among
    /// [`Enumeration::wikis`], without hosts.
    Wiki {
        /// `suffix`, for `$SUFFIX`.
        suffix: String,
        /// `wikiID`
        id: String,
    },
    /// To this host, which is looked up in turn; five times at most.
    Redirect(String),
}

/// What a farm answers where it has no wiki.
#[derive(Debug, Clone)]
pub struct NotFound {
    /// The farm's name.
    pub farm: String,
    /// Its hosts: see [`Matcher::delimited`].
    pub pattern: String,
    /// `HTTP404`: the name of a PHP or HTML file.
    pub file: String,
}

/// Enumerates all wikis. `read` gives the files that the main file names.
///
/// One broken farm or wiki does not keep the others from being returned; what is wrong is in the findings.
#[must_use]
pub fn enumerate(main: &Document, mode: &Mode<'_>, read: &mut Read<'_>) -> Enumeration {
    let mut findings = Vec::new();
    let entries = entries::parse(&main.root, &mut findings);
    let mut work = enumerate::Work::new(mode, read, findings);
    for (index, entry) in entries.iter().enumerate() {
        if let entries::Entry::Farm(farm) = entry {
            work.farm(index, farm);
        }
    }
    let enumerate::Done { mut wikis, mut broken, mut patterns, mut findings } = work.done();
    unique::earlier_entries_win(&entries, &mut wikis, &mut findings);
    redirects::follow(&entries, &mut wikis, &mut patterns, &mut findings);
    unique::refuse_shared(&entries, &mut wikis, &mut findings);

    patterns.sort_by_key(|&(index, _)| index);
    let mut wikis: Vec<FarmWiki> = wikis.into_iter().map(|made| made.wiki).collect();
    wikis.sort_by(|a, b| a.id.cmp(&b.id));
    let missing = entries.iter().filter_map(|entry| missing(entry, &mut findings)).collect();
    let wrong = findings.iter().filter(|finding| finding.severity == Severity::Error);
    broken.extend(wrong.filter_map(|finding| finding.wiki.clone()));
    let patterns = patterns.into_iter().map(|(_, pattern)| pattern).collect();
    Enumeration { wikis, patterns, broken, missing, findings }
}

/// `HTTP404` where there is no wiki, and so no variables but the farm's name.
fn missing(entry: &entries::Entry, findings: &mut Vec<Finding>) -> Option<NotFound> {
    let entries::Entry::Farm(farm) = entry else { return None };
    let field = farm.not_found.as_ref()?;
    let matcher = farm.server.matcher();
    let reason = match field.template.fill(|name| (name == "FARM").then_some(&*farm.name)) {
        Ok(_) if !matcher.is_quick => "matching `server` might take exponential time".to_owned(),
        Ok(file) => return Some(NotFound { farm: farm.name.clone(), pattern: matcher.delimited(), file }),
        Err(name) => format!("`${name}` has no value there"),
    };
    let message = format!("is not used where there is no wiki, because {reason}");
    findings.push(Finding::warning(field.mark, field.path.clone(), message));
    None
}

/// A wiki as its farm describes it.
#[derive(Debug, Clone)]
pub struct FarmWiki {
    /// `wikiID`.
    pub id: WikiId,
    /// The farm's name.
    pub farm: String,
    /// `suffix`.
    pub suffix: String,
    /// Where it answers: its `$SERVER`, other hosts of the same pattern, and the redirects that lead there. Empty when
    /// a [`Pattern`] leads there.
    pub hosts: Vec<Host>,
    /// Its tags, the highest first; the suffix is not among them.
    pub tags: Vec<String>,
    /// All variables with their values, without `$`: `lang`, `SERVER`, `WIKIID`.
    pub variables: BTreeMap<String, String>,
    /// The version that the files ask for, and where; none in monoversion.
    pub version: Option<(String, Mark)>,
    /// Whether a changed version waits for `update.php`; the file to import once, when one is named.
    pub deployments: Option<String>,
    /// `data`.
    pub data: Option<String>,
    /// `HTTP404`.
    pub not_found: Option<String>,
    /// `config`, with variables filled in.
    pub config: Vec<Entry>,
    /// Where the farm is written.
    pub mark: Mark,
}

/// One file of `config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, relative to the configuration directory.
    pub file: String,
    /// Whom it is for.
    pub scope: Scope,
    /// Its number in `config`, from 0: the later one is higher within a level.
    pub index: usize,
}

/// Whom a file is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `key` without star: `default`, a suffix, a tag or a wiki. The file maps names to values.
    Fixed(String),
    /// `key` with a star: the file maps names to maps, whose keys stand for the star. With the level that `default`
    /// in them belongs to, when the entry names one with `default:`.
    Star {
        /// What stands before the star.
        before: String,
        /// What stands behind it.
        behind: String,
        /// `default:`
        default: Option<String>,
    },
    /// `executable: true`: a PHP file that LocalSettings.php includes.
    Executable,
}
