//! One deploy of one wiki, from the commit to the release that is served.
//!
//! Everything is noted in the journal before it is done. Up to the switch nothing is visible; after it, a release that
//! does not answer is left again by itself, unless update.php has changed the schema (DEPLOY.md §8).

use super::agent;
use super::engine::{Engine, of_lock, told};
use super::git::Repository;
use super::journal::{self, Entry, Stage};
use super::lock;
use super::name::Name;
use super::order::{Action, Order, SCHEMA};
use super::record::{Broken, Desired, Held, State, Wiki};
use super::registry;
use super::release::{Release, ReleaseId, Sha};
use super::releases::{self, unusable};
use super::schema::{self, Schema};
use super::{assemble, config_repository, home, lint, recover, repository, tree};
use crate::disk;
use crate::report::{ExitCode, Problem, Verbosity};

/// What is to be deployed, and on whose word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What.
    pub what: What,
    /// Why, in the words of who asked.
    pub why: String,
    /// What told: `deploy`, `gerrit`, `hook`, `webhook`, `reconcile`, `create`.
    pub event: String,
    /// Whether a push asks, and not a person: holds and bad marks then count.
    pub automatic: bool,
    /// Whether a deploy of the same wiki that is running is waited for.
    pub wait: bool,
}

/// What is to be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The newest commit of the wiki's branch, with the newest configuration.
    Newest,
    /// This commit of the branch.
    Revision(String),
    /// The release before the served one.
    Revert,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is served.
    Deployed(Release),
    /// It was served already.
    Unchanged(Release),
    /// Pushes wait: why.
    Skipped(String),
}

/// Deploys a wiki.
///
/// # Errors
/// Another deploy runs and was not to be waited for; the commit, its tree or the configuration is refused; a step
/// failed. The message says what is served now if that is not what was served before.
pub fn deploy(engine: &Engine<'_>, name: &Name, request: &Request) -> Result<Outcome, Problem> {
    let layout = &engine.options.layout;
    engine.wiki(name)?;
    let _lock = lock::wiki(layout, name, request.wait).map_err(|error| of_lock(&error))?;
    // As it is now: another deploy may have ended while we waited.
    let mut wiki = engine.wiki(name)?;
    if wiki.state != State::Ready {
        let what = format!("`{name}` is {}, so that nothing can be deployed", wiki.state.word());
        let hint = match wiki.state {
            State::Provisioning => format!("`mwfarm wiki create {name}` finishes it"),
            State::Archived => format!("`mwfarm wiki restore {name}` brings it back"),
            _ => format!("`mwfarm wiki show {name}` tells more"),
        };
        return Err(Problem::new(ExitCode::Usage, what).hint(hint));
    }
    recover::recover(engine, &mut wiki)?;
    locked(engine, &mut wiki, request)
}

/// The same for a wiki whose lock is held, and of which nothing is unfinished.
///
/// # Errors
/// As of [`deploy`].
pub fn locked(engine: &Engine<'_>, wiki: &mut Wiki, request: &Request) -> Result<Outcome, Problem> {
    if let Some(held) = &wiki.held {
        let text = format!("`{}` is held by {}: {}", wiki.name, held.by, held.why);
        if request.automatic {
            return Ok(Outcome::Skipped(text));
        }
        if request.what != What::Revert {
            let hint = format!("`mwfarm wiki resume {}` lets deploys through again", wiki.name);
            return Err(Problem::new(ExitCode::Usage, text).hint(hint));
        }
    }
    if request.what == What::Revert {
        return revert(engine, wiki, request);
    }
    let current = served(engine, wiki)?;
    let code = commit(engine, wiki, request, current.as_ref())
        .map_err(|problem| not_fetched(engine, wiki, request, problem))?;
    if let Some(skipped) = left_out(engine, wiki, request, current.as_ref(), &code)? {
        return Ok(skipped);
    }
    let config =
        configuration(engine, wiki, current.as_ref().is_some_and(|current| current.code != code), current.as_ref())?;
    if let Some(current) = current.as_ref().filter(|current| current.code == code && current.config == config) {
        settle(engine, wiki, &code, request)?;
        return Ok(Outcome::Unchanged(current.clone()));
    }
    if let Some(bad) = wiki.is_bad(&code, config.as_ref()) {
        let text = format!("{} of `{}` is marked as bad: {}", code.short(), wiki.name, bad.why);
        if request.automatic {
            return Ok(Outcome::Skipped(text));
        }
        if request.what == What::Newest {
            let hint =
                format!("push a better one, or `mwfarm deploy {} --rev {}` all the same", wiki.name, code.short());
            return Err(Problem::new(ExitCode::Usage, text).hint(hint));
        }
        wiki.bad.retain(|bad| bad.code != code || bad.config != config);
    }
    let number = wiki.next;
    wiki.next += 1;
    wiki.desired = Some(Desired { code: code.clone(), event: request.event.clone() });
    engine.put(wiki)?;
    let release = ReleaseId::new(number, &code);
    let mut deploy = Attempt { engine, wiki, request, release, code, config, current, number };
    deploy.run()
}

/// The release that is served, with what it says of itself.
///
/// # Errors
/// The link is none of ours, or it cannot be read.
pub fn served(engine: &Engine<'_>, wiki: &Wiki) -> Result<Option<Release>, Problem> {
    let layout = &engine.options.layout;
    match releases::current(layout, &wiki.name)? {
        None => Ok(None),
        Some(release) => releases::read(layout, &wiki.name, &release),
    }
}

/// The commit to deploy, which is here and belongs to the wiki's branch. The code of a wiki whose branch was deleted
/// stays what it is: its configuration goes on.
fn commit(engine: &Engine<'_>, wiki: &Wiki, request: &Request, current: Option<&Release>) -> Result<Sha, Problem> {
    let fetched = repository::fetch(engine.options, &wiki.branch);
    if let (Err(_), Some(current), What::Newest) = (&fetched, current, &request.what)
        && repository::ls_remote(engine.options).is_ok_and(|remote| !remote.refs.contains_key(&wiki.branch))
    {
        return Ok(current.code.clone());
    }
    let newest = fetched?;
    match &request.what {
        What::Revision(revision) => repository::resolve(engine.options, &wiki.branch, revision),
        What::Newest | What::Revert => Ok(newest),
    }
}

/// Notes that the newest commit cannot even be fetched, if that is not the network's fault: git refuses its objects.
fn not_fetched(engine: &Engine<'_>, wiki: &mut Wiki, request: &Request, problem: Problem) -> Problem {
    let remote = repository::ls_remote(engine.options).unwrap_or_default();
    let Some(code) = remote.refs.get(&wiki.branch).filter(|_| request.what == What::Newest) else { return problem };
    let error = told(&problem);
    let mut entry = engine.entry(0, Stage::Failed, &request.why);
    entry.code = Some(code.clone());
    entry.error = Some(error.clone());
    wiki.broken = Some(Broken { step: format!("fetch of {}", code.short()), error, needs_operator: None });
    // The problem itself is more important than that it could not be noted.
    let _ = engine.add(&wiki.name, &entry).and_then(|()| engine.put(wiki));
    problem
}

/// What is to be said of a branch that was forced to another history: it is not followed, unless the farm or somebody
/// says so.
fn left_out(
    engine: &Engine<'_>,
    wiki: &Wiki,
    request: &Request,
    current: Option<&Release>,
    code: &Sha,
) -> Result<Option<Outcome>, Problem> {
    let Some(current) = current.filter(|current| current.code != *code && request.what == What::Newest) else {
        return Ok(None);
    };
    if repository::is_ancestor(engine.options, &current.code, code)? {
        return Ok(None);
    }
    let name = &wiki.name;
    let text = format!("{} of `{name}` leaves out {}, which is served", code.short(), current.code.short());
    let stage = if engine.options.force_push { Stage::Noted } else { Stage::Failed };
    let mut entry = engine.entry(0, stage, "the branch was forced to another history");
    entry.code = Some(code.clone());
    entry.error = Some(text.clone());
    engine.add(name, &entry)?;
    match (engine.options.force_push, request.automatic) {
        (true, _) => Ok(None),
        (false, true) => Ok(Some(Outcome::Skipped(text))),
        (false, false) => {
            let hint = format!("`mwfarm deploy {name} --rev {}` deploys it all the same", code.short());
            Err(Problem::new(ExitCode::Usage, text).hint(hint))
        }
    }
}

/// The commit of the configuration: the newest one, or the served one when the newest is refused and new code is to be
/// deployed with it.
fn configuration(
    engine: &Engine<'_>,
    wiki: &Wiki,
    new_code: bool,
    current: Option<&Release>,
) -> Result<Option<Sha>, Problem> {
    if engine.options.config == super::options::Live::Seed {
        return Ok(None);
    }
    let work = home::work_tree(engine.options, &wiki.name);
    let newest = config_repository::import(engine.options, wiki, &work)?;
    let served = current.and_then(|current| current.config.clone());
    if served.as_ref() == Some(&newest) {
        return Ok(served);
    }
    match check_configuration(engine, wiki, &newest) {
        Ok(()) => Ok(Some(newest)),
        Err(problem) if new_code && served.is_some() => {
            engine.reporter.warning(&format!(
                "the configuration of `{}` is that of {}: {}",
                wiki.name,
                served.as_ref().map_or("", Sha::short),
                told(&problem)
            ));
            Ok(served)
        }
        Err(problem) => {
            let mut entry = engine.entry(0, Stage::Failed, "a commit of the configuration is refused");
            entry.config = Some(newest);
            entry.error = Some(told(&problem));
            engine.add(&wiki.name, &entry)?;
            Err(problem)
        }
    }
}

/// Whether a commit of the configuration could be live.
fn check_configuration(engine: &Engine<'_>, wiki: &Wiki, commit: &Sha) -> Result<(), Problem> {
    let copy = Repository::ours(&engine.options.layout.config_copy(&wiki.name));
    let scanned = tree::scan_config(&copy, commit, &tree::CONFIG_LIMITS)?;
    let all = lint::changed(&copy, None, &scanned, commit)?;
    assemble::parse(engine, wiki, &copy, &scanned, &all, "the configuration")
}

/// Nothing is to be done: what an earlier failure left in the record does not hold any more.
fn settle(engine: &Engine<'_>, wiki: &mut Wiki, code: &Sha, request: &Request) -> Result<(), Problem> {
    let desired = Some(Desired { code: code.clone(), event: request.event.clone() });
    if wiki.broken.is_none() && wiki.desired.as_ref().map(|desired| &desired.code) == Some(code) {
        return Ok(());
    }
    wiki.broken = None;
    wiki.desired = desired;
    engine.put(wiki)
}

struct Attempt<'a> {
    engine: &'a Engine<'a>,
    wiki: &'a mut Wiki,
    request: &'a Request,
    release: ReleaseId,
    code: Sha,
    config: Option<Sha>,
    current: Option<Release>,
    number: u64,
}

/// What is known when a step fails.
struct Failed {
    stage: Stage,
    problem: Problem,
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self { stage: Stage::Failed, problem }
    }
}

impl Attempt<'_> {
    fn run(&mut self) -> Result<Outcome, Problem> {
        self.note(Stage::Queued, None)?;
        let result = self.steps();
        let layout = &self.engine.options.layout;
        let _ = releases::unlink(&layout.next(&self.wiki.name), &self.wiki.name);
        match result {
            Ok(release) => {
                self.wiki.broken = None;
                self.engine.put(self.wiki)?;
                // Before the end is noted: should this be interrupted, it is done again.
                prune(self.engine, self.wiki)
                    .map_err(|problem| problem.cause(format!("release {} is served", release.release)))?;
                self.note(Stage::Done, None)?;
                Ok(Outcome::Deployed(release))
            }
            Err(Failed { stage, problem }) => {
                let error = told(&problem);
                if matches!(stage, Stage::RolledBack | Stage::NeedsOperator) {
                    let why = format!("release {} did not answer as it should", self.release);
                    self.wiki.mark_bad(&self.code, self.config.as_ref(), &error);
                    self.wiki.held = Some(Held { by: "mwfarm".to_owned(), why, since: registry::now() });
                }
                self.wiki.broken = Some(Broken {
                    step: format!("deploy of {}", self.release),
                    error: error.clone(),
                    needs_operator: (stage == Stage::NeedsOperator)
                        .then(|| problem.hint.clone().unwrap_or_else(|| "look at the wiki".to_owned())),
                });
                self.engine.put(self.wiki)?;
                if releases::current(layout, &self.wiki.name)?.as_ref() != Some(&self.release) {
                    releases::remove(layout, &self.wiki.name, &self.release)?;
                }
                // What it pinned; the problem itself is more important, and the next attempt does it, too.
                let _ = prune(self.engine, self.wiki);
                self.note(stage, Some(error))?;
                Err(problem)
            }
        }
    }

    fn steps(&mut self) -> Result<Release, Failed> {
        let engine = self.engine;
        let layout = &engine.options.layout;
        let name = self.wiki.name.clone();
        repository::pin(engine.options, &name, &self.code)?;
        self.note(Stage::Fetched, None)?;
        self.order(Action::Prepare)?;
        self.note(Stage::Built, None)?;
        self.order(Action::Serve)?;
        let schema = self.schema()?;
        self.order(Action::Try)?;
        if let Err(reason) = engine.check(&engine.next_host(&name)?, &self.release) {
            let problem = Problem::new(ExitCode::Failed, format!("{} of `{name}` does not work", self.code.short()))
                .cause(reason)
                .cause("nothing was switched");
            return Err(self.after(schema, problem));
        }
        self.note(Stage::Checked, None)?;
        self.note(Stage::Switching, None)?;
        self.order(Action::Switch)?;
        self.open()?;
        self.note(Stage::Switched, None)?;
        if let Err(reason) = engine.check(&self.wiki.host, &self.release) {
            return Err(self.leave(schema, &reason));
        }
        self.note(Stage::Verified, None)?;
        releases::read(layout, &name, &self.release)?
            .ok_or_else(|| Problem::new(ExitCode::Failed, format!("the release {} is gone", self.release)).into())
    }

    /// The schema is made, or brought to what the new code needs.
    fn schema(&mut self) -> Result<Schema, Failed> {
        let engine = self.engine;
        let site = engine.site(self.wiki, engine.options.layout.release(&self.wiki.name, &self.release));
        let new = releases::read(&engine.options.layout, &self.wiki.name, &self.release)?;
        if !schema::is_needed(&site, self.current.as_ref(), new.as_ref()) {
            return Ok(Schema::Same);
        }
        let path = engine.options.layout.journal(&self.wiki.name);
        let entries = journal::read(&path).map_err(|error| unusable(&path, &error))?;
        self.note(Stage::SchemaBegun, None)?;
        let closed = self.close()?;
        let result = schema::update(engine.options, self.wiki, &site);
        match result {
            Ok(schema) => {
                let schema = if journal::schema_is_in_doubt(&entries) { Schema::Changed } else { schema };
                let stage = if schema == Schema::Same { Stage::SchemaSame } else { Stage::SchemaChanged };
                self.note(stage, None)?;
                // The release that is served works on: whatever changed, it has to until the switch.
                if closed && schema == Schema::Same {
                    self.open()?;
                }
                Ok(schema)
            }
            Err(problem) => {
                self.open()?;
                Err(problem.into())
            }
        }
    }

    /// Lets the served release answer 503 while the database is made for another version of MediaWiki.
    fn close(&self) -> Result<bool, Problem> {
        let Some(current) = &self.current else { return Ok(false) };
        let layout = &self.engine.options.layout;
        let old = layout.release(&self.wiki.name, &current.release);
        let new = layout.release(&self.wiki.name, &self.release);
        if schema::version(&old) == schema::version(&new) {
            return Ok(false);
        }
        let marker = old.join(CLOSED);
        disk::touch(&marker).map_err(|error| unusable(&marker, &error))?;
        Ok(true)
    }

    fn open(&self) -> Result<(), Problem> {
        match &self.current {
            Some(current) => open(self.engine, self.wiki, &current.release),
            None => Ok(()),
        }
    }

    /// Something failed before the switch, but perhaps not before the schema was changed.
    fn after(&self, schema: Schema, problem: Problem) -> Failed {
        if schema != Schema::Changed || self.current.is_none() {
            return problem.into();
        }
        let _ = self.open();
        let hint = format!(
            "update.php has changed the schema for {}, and the release before is still served: see whether it works; \
             else restore the database, or push code that works",
            self.code.short()
        );
        Failed { stage: Stage::NeedsOperator, problem: problem.hint(hint) }
    }

    /// The served release does not answer: back to the one before, if that can work.
    fn leave(&self, schema: Schema, reason: &str) -> Failed {
        let name = &self.wiki.name;
        let what = format!("`{name}` did not answer as it should with {}", self.code.short());
        let problem = Problem::new(ExitCode::Failed, what).cause(reason);
        let Some(current) = &self.current else { return problem.into() };
        if schema == Schema::Changed {
            let hint = format!(
                "update.php has changed the schema, so that release {} may not work any more: repair the wiki and \
                 `mwfarm wiki resume {name}`, or restore the database and `mwfarm deploy {name} --revert`",
                current.release
            );
            return Failed { stage: Stage::NeedsOperator, problem: problem.hint(hint) };
        }
        let layout = &self.engine.options.layout;
        if let Err(error) = releases::switch(&layout.current(name), name, &current.release) {
            return Failed { stage: Stage::NeedsOperator, problem: problem.cause(told(&error)) };
        }
        match self.engine.check(&self.wiki.host, &current.release) {
            Ok(()) => {
                let problem = problem.cause(format!("release {} is served again", current.release));
                let hint = format!("push a better commit, then `mwfarm wiki resume {name}`");
                Failed { stage: Stage::RolledBack, problem: problem.hint(hint) }
            }
            Err(reason) => {
                let cause =
                    format!("release {} is linked again, and does not answer either: {reason}", current.release);
                Failed {
                    stage: Stage::NeedsOperator,
                    problem: problem.cause(cause).hint("look at the web server and the database"),
                }
            }
        }
    }

    fn order(&self, action: Action) -> Result<bool, Problem> {
        let order = Order {
            schema: SCHEMA,
            action,
            wiki: self.wiki.clone(),
            release: Some(self.release.clone()),
            code: Some(self.code.clone()),
            config: self.config.clone(),
        };
        agent::apply(self.engine, &order)
    }

    fn note(&self, stage: Stage, error: Option<String>) -> Result<(), Problem> {
        self.engine
            .reporter
            .note(Verbosity::Verbose, &format!("{}: {}: {}", self.wiki.name, self.release, stage.word()));
        let mut entry = self.engine.entry(self.number, stage, &self.request.why);
        entry.code = Some(self.code.clone());
        entry.config.clone_from(&self.config);
        entry.release = Some(self.release.clone());
        entry.error = error;
        self.engine.add(&self.wiki.name, &entry)
    }
}

/// The marker of a release that answers 503.
pub(super) const CLOSED: &str = ".mwfarm/closed";

/// Takes the marker of a release away.
pub(super) fn open(engine: &Engine<'_>, wiki: &Wiki, release: &ReleaseId) -> Result<(), Problem> {
    let marker = engine.options.layout.release(&wiki.name, release).join(CLOSED);
    disk::discard(&marker).map_err(|error| unusable(&marker, &error))
}

/// Back to the release before: it is tried, switched, and the one that is left is marked as bad.
fn revert(engine: &Engine<'_>, wiki: &mut Wiki, request: &Request) -> Result<Outcome, Problem> {
    let layout = &engine.options.layout;
    let name = wiki.name.clone();
    let Some(left) = served(engine, wiki)? else {
        return Err(Problem::new(ExitCode::Usage, format!("`{name}` serves no release")));
    };
    let is_bad = |release: &Release| wiki.is_bad(&release.code, release.config.as_ref()).is_some();
    let Some(target) = releases::before(layout, &name, &left.release, is_bad)? else {
        let what = format!("there is no release of `{name}` before {} to go back to", left.release);
        let hint = format!("`mwfarm deploy {name} --rev COMMIT` builds an older commit again");
        return Err(Problem::new(ExitCode::Usage, what).hint(hint));
    };
    let attempt = wiki.next;
    wiki.next += 1;
    engine.put(wiki)?;
    let note = |stage, error: Option<String>| {
        let mut entry = engine.entry(attempt, stage, &request.why);
        entry.code = Some(target.code.clone());
        entry.config.clone_from(&target.config);
        entry.release = Some(target.release.clone());
        entry.error = error;
        engine.add(&name, &entry).map(|()| entry)
    };
    note(Stage::Queued, None)?;
    releases::switch(&layout.next(&name), &name, &target.release)?;
    let tried = engine.check(&engine.next_host(&name)?, &target.release);
    releases::unlink(&layout.next(&name), &name)?;
    if let Err(reason) = tried {
        let what = format!("release {} of `{name}` does not work any more, and {} stays", target.release, left.release);
        note(Stage::Failed, Some(reason.clone()))?;
        let hint = "perhaps update.php has changed the schema since: restore the database, too";
        return Err(Problem::new(ExitCode::Failed, what).cause(reason).hint(hint));
    }
    let entry = note(Stage::Switching, None)?;
    turn_back(engine, wiki, &entry, &target, &request.event)?;
    Ok(Outcome::Deployed(target))
}

/// Goes back to a release that was tried, from the line of the journal which promises that. Each step does nothing when
/// it was done before.
///
/// # Errors
/// The release does not answer, or the system refuses.
pub(super) fn turn_back(
    engine: &Engine<'_>,
    wiki: &mut Wiki,
    promised: &Entry,
    target: &Release,
    event: &str,
) -> Result<(), Problem> {
    let layout = &engine.options.layout;
    let name = wiki.name.clone();
    let note = |stage, error: Option<String>| {
        engine.add(&name, &Entry { at: registry::now(), stage, error, ..promised.clone() })
    };
    // The record first: a push in between must not take back what was decided.
    if let Some(left) = served(engine, wiki)?.filter(|left| left.release != target.release) {
        let why = if promised.why.is_empty() { "left by a revert" } else { &promised.why };
        wiki.mark_bad(&left.code, left.config.as_ref(), why);
        wiki.held = Some(Held { by: promised.who.clone(), why: format!("reverted: {why}"), since: registry::now() });
        wiki.desired = Some(Desired { code: target.code.clone(), event: event.to_owned() });
        wiki.broken = None;
        engine.put(wiki)?;
        releases::switch(&layout.current(&name), &name, &target.release)?;
    }
    note(Stage::Switched, None)?;
    if let Err(reason) = engine.check(&wiki.host, &target.release) {
        let hint = "look at the web server";
        wiki.broken = Some(Broken {
            step: format!("revert to {}", target.release),
            error: reason.clone(),
            needs_operator: Some(hint.to_owned()),
        });
        engine.put(wiki)?;
        note(Stage::NeedsOperator, Some(reason.clone()))?;
        let what = format!("`{name}` does not answer as it should with release {}", target.release);
        return Err(Problem::new(ExitCode::Failed, what).cause(reason).hint(hint));
    }
    note(Stage::Done, None)
}

/// Removes releases and pins that nobody needs any more: the newest, the served one and the one to go back to stay.
pub(super) fn prune(engine: &Engine<'_>, wiki: &Wiki) -> Result<(), Problem> {
    let layout = &engine.options.layout;
    let name = &wiki.name;
    let mut kept = Vec::new();
    if let Some(current) = releases::current(layout, name)? {
        let is_bad = |release: &Release| wiki.is_bad(&release.code, release.config.as_ref()).is_some();
        kept.extend(releases::before(layout, name, &current, is_bad)?.map(|release| release.release));
        kept.push(current);
    }
    let list = releases::list(layout, name)?;
    let old = list.len().saturating_sub(engine.options.keep);
    for release in list.iter().take(old).filter(|release| !kept.contains(release)) {
        releases::remove(layout, name, release)?;
    }
    let left = releases::list(layout, name)?;
    if let Err(problem) = home::prune_caches(engine.options, wiki, &left) {
        // A wiki can put what it likes there.
        engine.reporter.warning(&format!("caches of old releases of `{name}` are left: {}", told(&problem)));
    }
    let mut codes = Vec::new();
    for release in left {
        codes.extend(releases::read(layout, name, &release)?.map(|release| release.code));
    }
    for pin in repository::pins(engine.options, name)? {
        if !codes.contains(&pin) {
            repository::unpin(engine.options, name, &pin)?;
        }
    }
    Ok(())
}

/// What a deploy would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The commit of the code.
    pub code: Sha,
    /// That of the configuration.
    pub config: Option<Sha>,
    /// The wiki's branch.
    pub branch: String,
    /// The release that is served.
    pub current: Option<ReleaseId>,
    /// The steps, in words.
    pub steps: Vec<String>,
}

/// Says what a deploy would do: it fetches, and changes nothing that is served.
///
/// # Errors
/// The commit or the configuration is refused.
pub fn plan(engine: &Engine<'_>, name: &Name, request: &Request) -> Result<Plan, Problem> {
    let wiki = engine.wiki(name)?;
    let current = served(engine, &wiki)?;
    let mut steps = Vec::new();
    if let Some(held) = &wiki.held {
        steps.push(format!("nothing, as it is held by {}: {}", held.by, held.why));
    }
    let (code, config) = if request.what == What::Revert {
        let is_bad = |release: &Release| wiki.is_bad(&release.code, release.config.as_ref()).is_some();
        let before = match &current {
            Some(current) => releases::before(&engine.options.layout, name, &current.release, is_bad)?,
            None => None,
        };
        let Some(before) = before else {
            return Err(Problem::new(ExitCode::Usage, format!("there is no release of `{name}` to go back to")));
        };
        steps.extend([format!("try release {}", before.release), "switch".to_owned(), "hold pushes".to_owned()]);
        (before.code, before.config)
    } else {
        let code = commit(engine, &wiki, request, current.as_ref())?;
        let new_code = current.as_ref().is_some_and(|current| current.code != code);
        let config = configuration(engine, &wiki, new_code, current.as_ref())?;
        if current.as_ref().is_some_and(|current| current.code == code && current.config == config) {
            steps.push("nothing, as it is served".to_owned());
        } else {
            let scanned = tree::scan(&repository::core(engine.options), &code, &engine.options.limits)?;
            steps.push(format!("export {} files, {} bytes", scanned.files, scanned.bytes));
            for step in ["build the Composer sets", "update the database", "try", "switch", "check"] {
                steps.push(step.to_owned());
            }
        }
        (code, config)
    };
    let branch = wiki.branch.clone();
    Ok(Plan { code, config, branch, current: current.map(|current| current.release), steps })
}
