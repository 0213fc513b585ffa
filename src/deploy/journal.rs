//! The journal of a wiki: one line of JSON for each thing that is about to be done, or was, with who and why.
//!
//! It is written before the thing itself. A line that a crash cut is passed over.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::release::{ReleaseId, Sha};
use crate::disk;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in seconds since 1970.
    pub at: u64,
    /// The attempt's number; 0 for what is no deploy.
    pub attempt: u64,
    /// How far it is, or what was done.
    pub stage: Stage,
    /// Who: a user of the system, or a pusher's name as the event told it.
    pub who: String,
    /// Why: the message of the command, or what told of the push.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// The commit of the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Sha>,
    /// The commit of the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Sha>,
    /// The release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseId>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The number of the wiki's user, where the wiki was asked for: no other wiki gets it, and the record goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
}

/// How far a deploy is, and what else is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It begins.
    Queued,
    /// The commits are here and pinned.
    Fetched,
    /// The release is complete under its name.
    Built,
    /// update.php is about to run.
    SchemaBegun,
    /// update.php has run; the schema is as before.
    SchemaSame,
    /// update.php has run; the schema has changed, so that the release before may not work any more.
    SchemaChanged,
    /// The release answered before it had traffic.
    Checked,
    /// The link is about to be switched.
    Switching,
    /// The link is switched.
    Switched,
    /// It answers with the new release.
    Verified,
    /// All is done.
    Done,
    /// It failed; what was served is served.
    Failed,
    /// It failed after the switch, and the release before is served again.
    RolledBack,
    /// It failed after the switch, and the release before cannot be served.
    NeedsOperator,
    /// A newer push took its place.
    Superseded,
    /// No deploy: the wiki was asked for, held, resumed, archived, restored, deleted, or somebody became it.
    Noted,
}

impl Stage {
    /// Whether nothing more comes of an attempt.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Done | Self::Failed | Self::RolledBack | Self::NeedsOperator | Self::Superseded | Self::Noted
        )
    }

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Fetched => "fetched",
            Self::Built => "built",
            Self::SchemaBegun => "schema-begun",
            Self::SchemaSame => "schema-same",
            Self::SchemaChanged => "schema-changed",
            Self::Checked => "checked",
            Self::Switching => "switching",
            Self::Switched => "switched",
            Self::Verified => "verified",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
            Self::NeedsOperator => "needs-operator",
            Self::Superseded => "superseded",
            Self::Noted => "noted",
        }
    }
}

/// Adds a line, durably.
///
/// # Errors
/// Those of the system.
pub fn add(journal: &Path, entry: &Entry) -> std::io::Result<()> {
    let line = serde_json::to_vec(entry)?;
    disk::append_line(journal, &line, 0o600)
}

/// Whether an update.php may have changed the schema since the last release that was found to work: one did, or one
/// began and nobody knows how far it came. What a later one finds unchanged is no sign then.
#[must_use]
pub fn schema_is_in_doubt(entries: &[Entry]) -> bool {
    let (mut doubt, mut before) = (false, false);
    for entry in entries {
        match entry.stage {
            Stage::SchemaBegun => (before, doubt) = (doubt, true),
            Stage::SchemaSame => doubt = before,
            Stage::SchemaChanged => doubt = true,
            Stage::Done => doubt = false,
            _ => {}
        }
    }
    doubt
}

/// How often update.php was begun for these commits, and failed or was cut off, since they last came to be served well.
#[must_use]
pub fn failed_updates(entries: &[Entry], code: Option<&Sha>, config: Option<&Sha>) -> usize {
    let mut failed = 0_usize;
    for entry in entries.iter().filter(|entry| (entry.code.as_ref(), entry.config.as_ref()) == (code, config)) {
        match entry.stage {
            Stage::SchemaBegun => failed += 1,
            Stage::SchemaSame | Stage::SchemaChanged => failed = failed.saturating_sub(1),
            Stage::Done => failed = 0,
            _ => {}
        }
    }
    failed
}

/// All lines, the oldest first, but for those that a crash cut.
///
/// # Errors
/// Those of the system; or a line says something that this mwfarm does not know, as that of a newer one. Passed over, a
/// deploy that goes on would be taken for none.
pub fn read(journal: &Path) -> std::io::Result<Vec<Entry>> {
    let text = disk::read_optional(journal)?.unwrap_or_default();
    let mut entries = Vec::new();
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        match serde_json::from_slice(line) {
            Ok(entry) => entries.push(entry),
            Err(error) if error.is_data() => {
                let message = format!("line {} does not fit: {error}", number + 1);
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, message));
            }
            Err(_) => {}
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_in_doubt_until_a_release_works_with_it() {
        use Stage::{Done, Failed, Queued, SchemaBegun, SchemaChanged, SchemaSame};
        let entry = |stage: &Stage| Entry {
            at: 0,
            attempt: 1,
            stage: *stage,
            who: String::new(),
            why: String::new(),
            code: None,
            config: None,
            release: None,
            error: None,
            uid: None,
        };
        for (stages, doubt) in [
            (&[][..], false),
            (&[Queued, SchemaBegun, SchemaSame, Failed], false),
            (&[Queued, SchemaBegun, SchemaChanged, Failed], true),
            (&[Queued, SchemaBegun, Failed], true),
            (&[SchemaBegun, Failed, SchemaBegun, SchemaSame], true),
            (&[SchemaBegun, SchemaChanged, Done], false),
            (&[SchemaBegun, Failed, SchemaBegun, SchemaSame, Done, SchemaBegun, SchemaSame], false),
        ] {
            let entries: Vec<Entry> = stages.iter().map(entry).collect();
            assert_eq!(schema_is_in_doubt(&entries), doubt, "{stages:?}");
        }
    }
}
