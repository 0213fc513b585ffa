//! What a killed deploy left: it is carried on where it was, or taken back. The link alone says what is served.

use super::attempt;
use super::engine::Engine;
use super::journal::{self, Entry, Stage};
use super::record::{Bad, Broken, Held, Wiki};
use super::registry;
use super::releases::{self, unusable};
use crate::report::Problem;

/// Mends a wiki whose lock is held. Says what was done, in words; nothing when all was well.
///
/// # Errors
/// Its files cannot be read, or the system refuses.
pub fn recover(engine: &Engine<'_>, wiki: &mut Wiki) -> Result<Vec<String>, Problem> {
    let layout = &engine.options.layout;
    let name = wiki.name.clone();
    let mut done = Vec::new();
    let path = layout.journal(&name);
    let entries = journal::read(&path).map_err(|error| unusable(&path, &error))?;
    let last = entries.iter().rev().find(|entry| entry.attempt > 0);
    if let Some(attempt) = last.map(|entry| entry.attempt) {
        // A record that a crash took back would give a number twice.
        if wiki.next <= attempt {
            wiki.next = attempt + 1;
            engine.put(wiki)?;
        }
    }
    if releases::linked(&layout.next(&name), &name)?.is_some() {
        releases::unlink(&layout.next(&name), &name)?;
        done.push("a release was being tried".to_owned());
    }
    if releases::clear_staging(layout, &name)? {
        done.push("removed an unfinished release".to_owned());
    }
    let current = releases::current(layout, &name)?;
    if let Some(current) = &current {
        if crate::disk::look(&layout.release(&name, current).join(attempt::CLOSED)).is_ok_and(|found| found.is_some()) {
            attempt::open(engine, wiki, current)?;
            done.push(format!("release {current} was closed for an upgrade"));
        }
    }
    let unfinished = last.filter(|entry| !entry.stage.is_final()).cloned();
    if let Some(entry) = unfinished {
        done.push(finish(engine, wiki, &entry, &entries)?);
    }
    // Releases that are neither served nor were: what is newer than the served one and is not marked.
    if let Some(current) = releases::current(layout, &name)? {
        for release in releases::list(layout, &name)?.iter().filter(|release| release.seq > current.seq) {
            let read = releases::read(layout, &name, release)?;
            if read.is_none_or(|read| wiki.is_bad(&read.code, read.config.as_ref()).is_none()) {
                releases::remove(layout, &name, release)?;
                done.push(format!("removed release {release}, which was never served"));
            }
        }
    }
    Ok(done)
}

/// Ends an attempt whose last line in the journal promised more.
fn finish(engine: &Engine<'_>, wiki: &mut Wiki, last: &Entry, entries: &[Entry]) -> Result<String, Problem> {
    let layout = &engine.options.layout;
    let name = wiki.name.clone();
    let note = |stage, error: Option<String>| {
        engine.add(&name, &Entry { at: registry::now(), stage, error, who: engine.who.to_owned(), ..last.clone() })
    };
    let current = releases::current(layout, &name)?;
    let Some(release) = last.release.clone().filter(|release| current.as_ref() == Some(release)) else {
        // Not switched: nothing of it was seen.
        if let Some(release) = &last.release {
            let was_served = release.seq != last.attempt;
            if !was_served {
                releases::remove(layout, &name, release)?;
            }
        }
        note(Stage::Failed, Some("interrupted".to_owned()))?;
        return Ok(format!("attempt {} was interrupted; nothing of it was served", last.attempt));
    };
    match engine.check(&wiki.host, &release) {
        Ok(()) => {
            if wiki.broken.take().is_some() {
                engine.put(wiki)?;
            }
            note(Stage::Verified, None)?;
            note(Stage::Done, None)?;
            Ok(format!("release {release} was switched and answers as it should"))
        }
        Err(reason) => leave(engine, wiki, last, entries, &reason),
    }
}

/// A switched release that does not answer is left, as its deploy would have done.
fn leave(
    engine: &Engine<'_>,
    wiki: &mut Wiki,
    last: &Entry,
    entries: &[Entry],
    reason: &str,
) -> Result<String, Problem> {
    let layout = &engine.options.layout;
    let name = wiki.name.clone();
    let changed = entries.iter().any(|entry| entry.attempt == last.attempt && entry.stage == Stage::SchemaChanged);
    let is_revert = last.release.as_ref().is_some_and(|release| release.seq != last.attempt);
    let served = attempt::served(engine, wiki)?;
    if let Some(bad) = served.as_ref().filter(|_| !is_revert) {
        wiki.bad.push(Bad { code: bad.code.clone(), config: bad.config.clone(), why: reason.to_owned() });
    }
    let before = match &served {
        Some(served) => {
            let is_bad = |other: &super::release::Release| wiki.is_bad(&other.code, other.config.as_ref()).is_some();
            releases::before(layout, &name, &served.release, is_bad)?
        }
        None => None,
    };
    let (stage, told) = match before.filter(|_| !changed && !is_revert) {
        Some(before) => {
            releases::switch(&layout.current(&name), &name, &before.release)?;
            (
                Stage::RolledBack,
                format!("an interrupted deploy did not answer; release {} is served again", before.release),
            )
        }
        None => (Stage::NeedsOperator, "an interrupted deploy does not answer".to_owned()),
    };
    wiki.held = Some(Held { by: "mwfarm".to_owned(), why: told.clone(), since: registry::now() });
    wiki.broken = Some(Broken {
        step: format!("deploy of attempt {}", last.attempt),
        error: reason.to_owned(),
        needs_operator: (stage == Stage::NeedsOperator)
            .then(|| format!("repair the wiki, then `mwfarm wiki resume {name}`")),
    });
    engine.put(wiki)?;
    engine.add(
        &name,
        &Entry {
            at: registry::now(),
            stage,
            error: Some(reason.to_owned()),
            who: engine.who.to_owned(),
            ..last.clone()
        },
    )?;
    Ok(told)
}
