//! What a killed deploy left: it is carried on where it was, or taken back. The link alone says what is served.

use super::agent;
use super::attempt;
use super::create;
use super::engine::Engine;
use super::journal::{self, Entry, Stage};
use super::options::Live;
use super::order::{Action, Order};
use super::record::{Broken, Held, State, Wiki};
use super::release::{Release, ReleaseId};
use super::releases::{self, unusable};
use super::schema;
use crate::disk;
use crate::report::Problem;

/// Mends a wiki whose lock is held. Says what was done, in words; nothing when all was well.
///
/// # Errors
/// Its files cannot be read, or the system refuses.
pub fn recover(engine: &Engine<'_>, wiki: &mut Wiki) -> Result<Vec<String>, Problem> {
    let layout = &engine.options.layout;
    let name = wiki.name.clone();
    let mut done = tidy(engine, wiki)?;
    let path = layout.journal(&name);
    let entries = journal::read(&path).map_err(|error| unusable(&path, &error))?;
    // A record that a crash took back would give a number twice.
    let releases = releases::list(layout, &name)?;
    let used = entries.iter().map(|entry| entry.attempt).chain(releases.iter().map(|release| release.seq)).max();
    if let Some(used) = used.filter(|used| wiki.next <= *used) {
        wiki.next = used + 1;
        engine.put(wiki)?;
    }
    let last = entries.iter().rev().find(|entry| entry.attempt > 0);
    if let Some(last) = last.filter(|entry| !entry.stage.is_final()) {
        let of_attempt = entries.iter().filter(|entry| entry.attempt == last.attempt).cloned().collect();
        // The working file is none of these commits, and may be another one each time.
        let failed = match engine.options.config {
            Live::Committed => journal::failed_updates(&entries, last.code.as_ref(), last.config.as_ref()),
            Live::Seed => 0,
        };
        done.push(Interrupted { engine, last: last.clone(), entries: of_attempt, failed }.finish(wiki)?);
    } else {
        journal::shorten(&path, &entries, &releases).map_err(|error| unusable(&path, &error))?;
    }
    // Whatever was served has kept its promise.
    if wiki.keep_promise(false) {
        engine.put(wiki)?;
        if done.is_empty() {
            done.push("a deploy had not begun".to_owned());
        }
    }
    // Releases that are newer than the served one and never were served. One that was is kept: somebody went back by
    // hand, or by an order.
    if let Some(current) = releases::current(layout, &name)? {
        let was_served = |release: &ReleaseId| {
            let of_it = |entry: &&Entry| entry.attempt == release.seq && entry.release.as_ref() == Some(release);
            let served = |entry: &Entry| matches!(entry.stage, Stage::Switched | Stage::Verified | Stage::Done);
            entries.iter().filter(of_it).any(served)
        };
        for release in releases::list(layout, &name)?.iter().filter(|release| release.seq > current.seq) {
            if !was_served(release) {
                releases::remove(layout, &name, release)?;
                done.push(format!("removed release {release}, which was never served"));
            }
        }
    }
    Ok(done)
}

/// Removes what is there for as long as an attempt takes.
fn tidy(engine: &Engine<'_>, wiki: &Wiki) -> Result<Vec<String>, Problem> {
    let layout = &engine.options.layout;
    let name = &wiki.name;
    let mut done = Vec::new();
    if releases::linked(&layout.next(name), name)?.is_some() {
        done.push("a release was being tried".to_owned());
    }
    releases::unlink(&layout.next(name), name)?;
    let staged = disk::staged_link(&layout.current(name));
    disk::discard(&staged).map_err(|error| unusable(&staged, &error))?;
    if releases::clear_staging(layout, name)? {
        done.push("removed an unfinished release".to_owned());
    }
    // The first password of an administrator is in it.
    let installer = layout.installer(name);
    disk::clear(&installer).map_err(|error| unusable(&installer, &error))?;
    // Also of those that are not served: going back to one would find it closed.
    for release in releases::list(layout, name)? {
        let marker = layout.release(name, &release).join(attempt::CLOSED);
        if disk::look(&marker).map_err(|error| unusable(&marker, &error))?.is_some() {
            attempt::open(engine, wiki, &release)?;
            done.push(format!("release {release} was closed for an upgrade"));
        }
    }
    Ok(done)
}

/// An attempt whose last line in the journal promised more.
struct Interrupted<'a> {
    engine: &'a Engine<'a>,
    last: Entry,
    /// All its lines.
    entries: Vec<Entry>,
    /// How often update.php has failed for its commits, this time included.
    failed: usize,
}

impl Interrupted<'_> {
    /// Ends it.
    fn finish(&self, wiki: &mut Wiki) -> Result<String, Problem> {
        let layout = &self.engine.options.layout;
        let name = wiki.name.clone();
        let current = releases::current(layout, &name)?;
        let Some(release) = &self.last.release else { return self.taken_back(wiki) };
        if self.is_revert() && self.reached(Stage::Switching) {
            return self.turn_back(wiki, release);
        }
        if current.as_ref() == Some(release) {
            return self.verify(wiki, release);
        }
        if self.is_revert() {
            return self.taken_back(wiki);
        }
        releases::remove(layout, &name, release)?;
        // It was switched, and is not any more: it did not answer, and was being left.
        if let (true, Some(current), Some(code)) = (self.reached(Stage::Switched), current, &self.last.code) {
            let reason = "it did not answer as it should";
            let config = self.last.config.as_ref();
            if !releases::read(layout, &name, &current)?.is_some_and(|current| current.is_of(code, config)) {
                wiki.mark_bad(code, config, reason);
            }
            let told = format!("release {release} {}; release {current} is served again", &reason[3..]);
            self.hold(wiki, Stage::RolledBack, reason, &told)?;
            return Ok(told);
        }
        self.taken_back(wiki)
    }

    /// Whether it goes back to a release of an attempt before.
    fn is_revert(&self) -> bool {
        self.last.release.as_ref().is_some_and(|release| release.seq != self.last.attempt)
    }

    fn reached(&self, stage: Stage) -> bool {
        self.entries.iter().any(|entry| entry.stage == stage)
    }

    fn note(&self, wiki: &Wiki, stage: Stage, error: Option<String>) -> Result<(), Problem> {
        let who = self.engine.who.to_owned();
        self.engine.add(&wiki.name, &Entry { at: crate::disk::now(), stage, error, who, ..self.last.clone() })
    }

    /// Not switched: nothing of it was seen.
    fn taken_back(&self, wiki: &mut Wiki) -> Result<String, Problem> {
        let served = releases::current(&self.engine.options.layout, &wiki.name)?;
        let mut error = "interrupted".to_owned();
        if let (Some(served), true) = (served, journal::schema_is_in_doubt(&self.entries)) {
            error.push_str(" after update.php had begun");
            wiki.broken = Some(Broken {
                step: format!("deploy of attempt {}", self.last.attempt),
                error: error.clone(),
                needs_operator: Some(format!(
                    "update.php may have changed the schema, and release {served} is still served: see whether it \
                     works; `mwfarm deploy {}` does it again, else restore the database",
                    wiki.name
                )),
            });
            if let Some(code) = self.last.code.as_ref().filter(|_| self.failed >= schema::TRIES) {
                wiki.held = Some(Held::after_tries(self.failed, code));
            }
            self.engine.put(wiki)?;
        }
        attempt::prune(self.engine, wiki)?;
        self.note(wiki, Stage::Failed, Some(error))?;
        Ok(format!("attempt {} was interrupted; nothing of it was served", self.last.attempt))
    }

    /// Carries a revert on: the release was tried, and somebody wants it.
    fn turn_back(&self, wiki: &mut Wiki, release: &ReleaseId) -> Result<String, Problem> {
        let layout = &self.engine.options.layout;
        let Some(target) = releases::read(layout, &wiki.name, release)? else { return self.taken_back(wiki) };
        self.serve(wiki)?;
        attempt::turn_back(self.engine, wiki, &self.last, &target, "deploy")?;
        Ok(format!("finished going back to release {release}"))
    }

    /// It was switched: is it well?
    fn verify(&self, wiki: &mut Wiki, release: &ReleaseId) -> Result<String, Problem> {
        self.serve(wiki)?;
        if let Err(reason) = self.engine.check(wiki, &wiki.host, release) {
            return self.leave(wiki, &reason);
        }
        let before = wiki.clone();
        wiki.broken = None;
        wiki.keep_promise(true);
        if let Some(code) = &self.last.code {
            wiki.unmark(code, self.last.config.as_ref());
        }
        if *wiki != before {
            self.engine.put(wiki)?;
        }
        self.note(wiki, Stage::Verified, None)?;
        attempt::prune(self.engine, wiki)?;
        self.note(wiki, Stage::Done, None)?;
        Ok(format!("release {release} was switched and answers as it should"))
    }

    /// Makes sure of what a release needs to answer: after a loss of power, what is below `run` is gone. A release must
    /// not be found to be bad for that.
    fn serve(&self, wiki: &mut Wiki) -> Result<(), Problem> {
        if !matches!(wiki.state, State::Ready | State::Provisioning) {
            return Ok(());
        }
        create::belongings(self.engine, wiki, &mut Vec::new())?;
        agent::apply(self.engine, &Order::new(Action::Serve, wiki)).map(drop)
    }

    /// A switched release that does not answer is left, as its deploy would have done.
    fn leave(&self, wiki: &mut Wiki, reason: &str) -> Result<String, Problem> {
        let layout = &self.engine.options.layout;
        let name = wiki.name.clone();
        let Some(served) = attempt::served(self.engine, wiki)? else { return self.taken_back(wiki) };
        let is_bad = |other: &Release| wiki.is_bad(&other.code, other.config.as_ref()).is_some();
        let before = releases::before(layout, &name, &served.release, is_bad)?;
        if !before.as_ref().is_some_and(|before| before.is_of(&served.code, served.config.as_ref())) {
            wiki.mark_bad(&served.code, served.config.as_ref(), reason);
        }
        let (stage, told) = match before.filter(|_| !self.reached(Stage::SchemaChanged)) {
            Some(before) => {
                // The record first: from now on the release is bad, whatever happens.
                self.engine.put(wiki)?;
                releases::switch(&layout.current(&name), &name, &before.release)?;
                releases::remove(layout, &name, &served.release)?;
                let told = "an interrupted deploy did not answer; release";
                (Stage::RolledBack, format!("{told} {} is served again", before.release))
            }
            None => (Stage::NeedsOperator, "an interrupted deploy does not answer".to_owned()),
        };
        self.hold(wiki, stage, reason, &told)?;
        Ok(told)
    }

    /// Lets pushes wait after a release was left, or should be.
    fn hold(&self, wiki: &mut Wiki, stage: Stage, reason: &str, told: &str) -> Result<(), Problem> {
        wiki.held =
            Some(Held { by: "mwfarm".to_owned(), why: told.to_owned(), since: crate::disk::now(), by_deploy: true });
        wiki.broken = Some(Broken {
            step: format!("deploy of attempt {}", self.last.attempt),
            error: reason.to_owned(),
            needs_operator: (stage == Stage::NeedsOperator)
                .then(|| format!("repair the wiki, then `mwfarm wiki resume {}`", wiki.name)),
        });
        self.engine.put(wiki)?;
        attempt::prune(self.engine, wiki)?;
        self.note(wiki, stage, Some(reason.to_owned()))
    }
}
