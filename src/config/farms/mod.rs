//! `farms.yml`: which wikis there are, where they answer, and which files configure them.

use std::collections::BTreeMap;

use super::value::Mark;
use crate::farm::{Host, WikiId};

/// A wiki as its farm describes it.
#[derive(Debug, Clone)]
pub struct FarmWiki {
    /// `wikiID`.
    pub id: WikiId,
    /// The farm's name.
    pub farm: String,
    /// `suffix`.
    pub suffix: String,
    /// Where it answers: its `$SERVER`, and the redirects that lead there.
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
