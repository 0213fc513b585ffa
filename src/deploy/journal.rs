//! The journal of a wiki: one line of JSON for each thing that is about to be done, or was, with who and why.
//!
//! It is written before the thing itself. A line that a crash cut is passed over.
//!
//! Who became a wiki or ran its scripts is noted apart, in its *audit*: owners can do that as often as they like, and what
//! they add to is never read as a whole.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

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
    /// A newer push took its place. Not written any more, and read in old journals: the newer one says so in its `why`.
    Superseded,
    /// No deploy: the wiki was asked for, held, resumed, archived, restored, deleted; or somebody became it.
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

/// How large a journal grows, in bytes.
const MOST: u64 = 1 << 20;

/// How many of its last lines a journal keeps in any case: more than are told.
const KEPT: usize = 40;

/// How much of the end of a file is read for its last lines, in bytes.
const END: u64 = 16 << 10;

/// Where a journal is kept as it was before it was shortened.
#[must_use]
pub fn before(journal: &Path) -> PathBuf {
    let mut name = journal.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// Shortens a journal that has grown large, of which these are the lines, to what is still asked of it; as it was, it
/// is kept beside it, in the place of the one before. Nothing of it may be unfinished, and the wiki's lock has to be
/// held. Says whether it did.
///
/// # Errors
/// Those of the system.
pub fn shorten(journal: &Path, entries: &[Entry], releases: &[ReleaseId]) -> std::io::Result<bool> {
    if disk::look(journal)?.is_none_or(|file| file.len() <= MOST) {
        return Ok(false);
    }
    let kept = needed(entries, releases);
    let mut text = Vec::new();
    for entry in &kept {
        serde_json::to_writer(&mut text, entry)?;
        text.push(b'\n');
    }
    // Perhaps all of it is needed.
    if text.len() as u64 > MOST / 2 {
        return Ok(false);
    }
    let whole = disk::read_optional(journal)?.unwrap_or_default();
    disk::replace(&before(journal), &whole, 0o600)?;
    disk::replace(journal, &text, 0o600)?;
    Ok(true)
}

/// The lines from which all is seen that is still asked: the user's number, the number of the last attempt and its end,
/// whether these releases were served, and whether the schema is in doubt; and the last ones.
fn needed(entries: &[Entry], releases: &[ReleaseId]) -> Vec<Entry> {
    let highest = entries.iter().map(|entry| entry.attempt).max().filter(|highest| *highest > 0);
    let last = entries.iter().rev().find(|entry| entry.attempt > 0).map(|entry| entry.attempt);
    let of = |entry: &Entry| (entry.code.clone(), entry.config.clone());
    let commits = entries.iter().rev().find(|entry| entry.attempt > 0).map(of);
    let uid = entries.iter().rposition(|entry| entry.uid.is_some());
    let settled = entries.iter().rposition(|entry| entry.stage == Stage::Done).map_or(0, |done| done + 1);
    let doubt = entries[settled..].iter().position(|entry| entry.stage == Stage::SchemaBegun);
    let doubt = doubt.map(|at| settled + at).filter(|_| schema_is_in_doubt(entries));
    let is_needed = |at: usize, entry: &Entry| {
        // By which the tries of update.php are counted.
        let is_try = matches!(entry.stage, Stage::SchemaBegun | Stage::SchemaSame | Stage::SchemaChanged | Stage::Done);
        let was_served = matches!(entry.stage, Stage::Switched | Stage::Verified | Stage::Done);
        at + KEPT >= entries.len()
            || [uid, doubt].contains(&Some(at))
            || entry.attempt > 0 && [highest, last].contains(&Some(entry.attempt))
            || at >= settled && is_try && commits == Some(of(entry))
            || was_served && entry.release.as_ref().is_some_and(|release| releases.contains(release))
    };
    entries.iter().enumerate().filter(|(at, entry)| is_needed(*at, entry)).map(|(_, entry)| entry.clone()).collect()
}

/// The last lines of a file that may be of any size, the oldest first; those that cannot be read are passed over.
///
/// # Errors
/// Those of the system.
pub fn last(file: &Path, most: usize) -> std::io::Result<Vec<Entry>> {
    let mut file = match disk::open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
    let mut text = Vec::new();
    file.take(END).read_to_end(&mut text)?;
    // The first line may be the end of one.
    let lines = text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let mut entries: Vec<Entry> = lines.collect();
    entries.drain(..entries.len().saturating_sub(most));
    Ok(entries)
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

    fn line(attempt: u64, stage: Stage) -> Entry {
        let release = (attempt > 0).then(|| release(attempt));
        Entry {
            at: 0,
            attempt,
            stage,
            who: "carol".to_owned(),
            why: "x".repeat(200),
            code: None,
            config: None,
            release,
            error: None,
            uid: None,
        }
    }

    fn release(attempt: u64) -> ReleaseId {
        ReleaseId::new(attempt, &Sha::new("0123456789abcdef0123456789abcdef01234567").unwrap())
    }

    #[test]
    fn a_journal_that_has_grown_is_shortened_to_what_is_asked_of_it() {
        use Stage::{Done, Failed, Noted, Queued, SchemaBegun, SchemaChanged, Switched};
        let directory = tempfile::tempdir().unwrap();
        let journal = directory.path().join("a.jsonl");
        let mut all = vec![Entry { uid: Some(61_007), ..line(0, Noted) }];
        for attempt in 1..=900 {
            all.extend([Queued, SchemaBegun, SchemaChanged, Switched, Done].map(|stage| line(attempt, stage)));
        }
        all.extend([Queued, SchemaBegun, Failed].map(|stage| line(901, stage)));
        all.extend((0..100).map(|_| line(0, Failed)));
        let text: String = all.iter().map(|entry| serde_json::to_string(entry).unwrap() + "\n").collect();
        std::fs::write(&journal, &text[..1000]).unwrap();
        assert!(!shorten(&journal, &all, &[]).unwrap(), "it is small");
        std::fs::write(&journal, &text).unwrap();
        assert!(shorten(&journal, &all, &[release(5), release(900)]).unwrap());
        assert_eq!(std::fs::read_to_string(before(&journal)).unwrap(), text);
        let kept = read(&journal).unwrap();
        assert!(kept.len() < 60, "{}", kept.len());
        assert_eq!(kept.iter().find_map(|entry| entry.uid), Some(61_007));
        assert_eq!(kept.iter().map(|entry| entry.attempt).max(), Some(901));
        assert_eq!(kept.iter().rev().find(|entry| entry.attempt > 0).unwrap().stage, Failed);
        assert!(schema_is_in_doubt(&all) && schema_is_in_doubt(&kept));
        let served = |attempt: u64| kept.iter().any(|entry| entry.attempt == attempt && entry.stage == Switched);
        assert_eq!([4, 5, 900].map(served), [false, true, true]);
        assert_eq!(kept[kept.len() - 20..], all[all.len() - 20..]);
        // Without doubt, none comes of it.
        all.extend([Queued, SchemaBegun, SchemaChanged, Done].map(|stage| line(902, stage)));
        assert!(!schema_is_in_doubt(&needed(&all, &[])));
    }

    #[test]
    fn the_last_lines_of_a_file_of_any_size_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.audit.jsonl");
        assert_eq!(last(&file, 3).unwrap(), []);
        for at in 0..500 {
            add(&file, &Entry { at, ..line(0, Stage::Noted) }).unwrap();
        }
        let told: Vec<u64> = last(&file, 3).unwrap().iter().map(|entry| entry.at).collect();
        assert_eq!(told, [497, 498, 499]);
        assert!(last(&file, 500).unwrap().len() < 100, "no more than the end is read");
    }

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
