//! What `gc` and `rollback` did or would do, as JSON for programs and as text for people.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{HumanBytes, HumanDuration};
use serde::Serialize;

use super::escaped;
use super::summary::{Invalidated, Tense};
use super::table::list;
use crate::farm::WikiId;
use crate::key::Key;

/// The version of the JSON forms.
pub const SCHEMA: &str = "1.0.0";

/// The answer of `mwfarm gc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Collection {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Where was looked: vendor directories, then what a farm is compiled into.
    pub directories: Vec<Directory>,
}

/// What was removed from a directory, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Directory {
    /// The directory.
    pub directory: String,
    /// Generations that stay, the latest first.
    pub kept: Vec<Kept>,
    /// Generations that go.
    pub removed: Vec<Key>,
    /// Names in the directory that go.
    pub names: Vec<String>,
    /// How many files they hold.
    pub files: usize,
    /// How many bytes.
    pub bytes: u64,
    /// Names that would go if they held nothing that mwfarm did not make.
    pub strangers: Vec<Stranger>,
}

/// A generation that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Its name.
    pub generation: Key,
    /// Why.
    pub reason: Reason,
    /// For how many seconds at least; none while it is one of the latest or in use.
    pub seconds: Option<u64>,
}

/// Why a generation stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Wikis are served it.
    InUse,
    /// It is one of the latest.
    Latest,
    /// Requests that began with it may still run.
    Grace,
}

/// A name that stays because of what somebody else has put into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stranger {
    /// The name.
    pub name: String,
    /// What is in it.
    pub file: String,
}

impl Collection {
    /// The JSON form, over several lines, with a line end.
    ///
    /// # Errors
    /// None that are known: every part can be written as JSON.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The text form.
    #[must_use]
    pub fn text(&self, tense: Tense) -> String {
        let verb = if tense == Tense::Planned { "would remove" } else { "removed" };
        let mut text = String::new();
        for directory in &self.directories {
            let _ = writeln!(text, "{}", escaped(&directory.directory));
            for kept in &directory.kept {
                let why = match kept.reason {
                    Reason::InUse => "in use".to_owned(),
                    Reason::Latest => "one of the latest".to_owned(),
                    Reason::Grace => {
                        let rest = HumanDuration(Duration::from_secs(kept.seconds.unwrap_or_default()));
                        format!("requests may still use it, for another {rest}")
                    }
                };
                let _ = writeln!(text, "  kept generation {}: {why}", kept.generation);
            }
            for generation in &directory.removed {
                let _ = writeln!(text, "  {verb} generation {generation}");
            }
            for Stranger { name, file } in &directory.strangers {
                let _ = writeln!(text, "  kept {}: mwfarm did not make {}", escaped(name), escaped(file));
            }
            if directory.names.is_empty() {
                text.push_str("  nothing to remove\n");
                continue;
            }
            for name in directory.names.iter().filter(|_| tense == Tense::Planned) {
                let _ = writeln!(text, "  {verb} {}", escaped(name));
            }
            let files = if directory.files == 1 { "1 file".to_owned() } else { format!("{} files", directory.files) };
            let _ = writeln!(text, "  {verb} {files}, {}", HumanBytes(directory.bytes));
        }
        text
    }
}

/// The answer of `mwfarm rollback`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rollback {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The generation that was served before.
    pub from: Key,
    /// The one that is served now.
    pub to: Key,
    /// The wikis that this changes.
    pub wikis: Vec<Wiki>,
    /// Files of the tree that have changed since the generation was built.
    pub changed: Vec<String>,
    /// The PHP-FPM pools that were to be told.
    pub invalidated: Vec<Invalidated>,
}

/// A wiki that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wiki {
    /// Its identifier.
    pub id: WikiId,
    /// What happens to it.
    pub state: super::summary::WikiState,
}

impl Rollback {
    /// The JSON form, over several lines, with a line end.
    ///
    /// # Errors
    /// None that are known: every part can be written as JSON.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The text form.
    #[must_use]
    pub fn text(&self, tense: Tense) -> String {
        use super::summary::WikiState;
        let verb = if tense == Tense::Planned { "would be served" } else { "are served" };
        let mut text = format!("wikis {verb} generation {}, no longer {}\n", self.to, self.from);
        for (state, what) in [
            (WikiState::Changed, "changed"),
            (WikiState::Created, "there again"),
            (WikiState::Removed, "no longer there"),
            (WikiState::Kept, "kept"),
        ] {
            let wikis = self.wikis.iter().filter(|wiki| wiki.state == state);
            let wikis: Vec<&str> = wikis.map(|wiki| wiki.id.as_str()).collect();
            if !wikis.is_empty() {
                let _ = writeln!(text, "{what}: {}", wikis.join(", "));
            }
        }
        if self.wikis.is_empty() {
            text.push_str("no wiki changes\n");
        }
        text
    }
}

/// The answer of `mwfarm rollback --list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Generations {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The generations that are there, in the order in which `rollback` goes through them.
    pub generations: Vec<Generation>,
}

/// A generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Generation {
    /// Its name.
    pub generation: Key,
    /// Whether wikis are served it.
    pub state: GenerationState,
    /// When another took its place, in seconds since 1970; none when that is not known.
    pub replaced: Option<u64>,
    /// How long ago that was, in seconds.
    pub ago: Option<u64>,
    /// How many wikis it has; none when only its files are kept.
    pub wikis: Option<usize>,
}

/// Whether wikis are served a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GenerationState {
    /// They are.
    Served,
    /// `rollback` has left it.
    Undone,
    /// `rollback` goes to it only when it is named: a build that would have published it was interrupted, or it was
    /// undone and another one has been built since.
    Skipped,
    /// A build that was interrupted would have published it.
    Interrupted,
    /// It was served before.
    Earlier,
}

impl Generations {
    /// The JSON form, over several lines, with a line end.
    ///
    /// # Errors
    /// None that are known: every part can be written as JSON.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The text form.
    #[must_use]
    pub fn text(&self) -> String {
        let rows = self.generations.iter().map(|generation| {
            let state = match generation.state {
                GenerationState::Served => "served",
                GenerationState::Undone => "undone",
                GenerationState::Skipped => "skipped",
                GenerationState::Interrupted => "interrupted",
                GenerationState::Earlier => "earlier",
            };
            let ago = generation.ago.map(|ago| format!("{} ago", HumanDuration(Duration::from_secs(ago))));
            let wikis = generation.wikis.map_or("only files".to_owned(), |wikis| wikis.to_string());
            let cells = [generation.generation.to_string(), state.to_owned(), ago.unwrap_or_default(), wikis];
            cells.into_iter().map(|cell| vec![cell]).collect()
        });
        list(&["GENERATION", "STATE", "REPLACED", "WIKIS"], &rows.collect::<Vec<_>>())
    }
}
