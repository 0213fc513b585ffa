//! The steps of one deploy, after it was decided what is deployed.

use super::super::engine::{Engine, told};
use super::super::journal::{self, Stage};
use super::super::options::Live;
use super::super::order::{Action, Order};
use super::super::record::{Broken, Held, Wiki};
use super::super::release::{Release, ReleaseId, Sha};
use super::super::releases::{self, unusable};
use super::super::schema::{self, Schema};
use super::super::{agent, repository};
use super::revert::prune;
use super::{Failure, Outcome, Request};
use crate::disk;
use crate::report::{ExitCode, Problem};

/// The marker of a release that answers 503.
pub(in crate::deploy) const CLOSED: &str = ".mwfarm/closed";

pub(super) struct Attempt<'a> {
    pub(super) engine: &'a Engine<'a>,
    pub(super) wiki: &'a mut Wiki,
    pub(super) request: &'a Request,
    pub(super) release: ReleaseId,
    pub(super) code: Sha,
    pub(super) config: Option<Sha>,
    pub(super) current: Option<Release>,
    pub(super) number: u64,
}

impl Attempt<'_> {
    pub(super) fn run(&mut self) -> Result<Outcome, Failure> {
        self.note(Stage::Queued, None)?;
        let result = self.steps();
        let layout = &self.engine.options.layout;
        let _ = releases::unlink(&layout.next(&self.wiki.name), &self.wiki.name);
        match result {
            Ok(release) => {
                self.wiki.broken = None;
                self.wiki.keep_promise(true);
                // Somebody wanted it although it was marked, and it works.
                self.wiki.unmark(&self.code, self.config.as_ref());
                self.engine.put(self.wiki)?;
                // Before the end is noted: should this be interrupted, it is done again.
                prune(self.engine, self.wiki).and_then(|()| self.note(Stage::Done, None)).map_err(|problem| {
                    let problem = problem.cause(format!("release {} is served", release.release));
                    Failure { stage: Stage::Verified, problem }
                })?;
                Ok(Outcome::Deployed(release))
            }
            Err(Failure { stage, problem }) => {
                let error = told(&problem);
                if stage.is_final() {
                    self.wiki.keep_promise(false);
                }
                if matches!(stage, Stage::RolledBack | Stage::NeedsOperator) {
                    let why = format!("release {} did not answer as it should", self.release);
                    // What was made again of commits that work is not their fault.
                    if !self.current.as_ref().is_some_and(|current| current.is_of(&self.code, self.config.as_ref())) {
                        self.wiki.mark_bad(&self.code, self.config.as_ref(), &error);
                    }
                    self.wiki.held =
                        Some(Held { by: "mwfarm".to_owned(), why, since: crate::disk::now(), by_deploy: true });
                }
                self.wiki.broken = Some(Broken {
                    step: format!("deploy of {}", self.release),
                    error: error.clone(),
                    needs_operator: (stage == Stage::NeedsOperator)
                        .then(|| problem.hint.clone().unwrap_or_else(|| "look at the wiki".to_owned())),
                });
                self.engine.put(self.wiki)?;
                if !stage.is_final() {
                    return Err(Failure { stage, problem });
                }
                if releases::current(layout, &self.wiki.name)?.as_ref() != Some(&self.release) {
                    releases::remove(layout, &self.wiki.name, &self.release)?;
                }
                // What it pinned; the problem itself is more important, and the next attempt does it, too.
                let _ = prune(self.engine, self.wiki);
                self.note(stage, Some(error))?;
                Err(Failure { stage, problem })
            }
        }
    }

    fn steps(&mut self) -> Result<Release, Failure> {
        let engine = self.engine;
        let layout = &engine.options.layout;
        let name = self.wiki.name.clone();
        repository::pin(engine.options, &name, &self.code)?;
        self.note(Stage::Fetched, None)?;
        self.order(Action::Prepare)?;
        self.note(Stage::Built, None)?;
        self.order(Action::Serve)?;
        let schema = self.schema()?;
        self.switch().map_err(|problem| {
            // What failed after the rename, such as making it durable, takes nothing back.
            let is_served = releases::current(layout, &name).is_ok_and(|link| link.as_ref() == Some(&self.release));
            if is_served { self.unasked(problem) } else { self.after(schema, problem) }
        })?;
        self.open().and_then(|()| self.note(Stage::Switched, None)).map_err(|problem| self.unasked(problem))?;
        if let Err(reason) = engine.check(self.wiki, &self.wiki.host, &self.release) {
            return Err(self.leave(schema, &reason));
        }
        self.note(Stage::Verified, None)?;
        releases::read(layout, &name, &self.release)?
            .ok_or_else(|| Problem::new(ExitCode::Failed, format!("the release {} is gone", self.release)).into())
    }

    /// The release is tried, and takes the place of the one before. What fails here fails before it does.
    fn switch(&self) -> Result<(), Problem> {
        let engine = self.engine;
        let name = &self.wiki.name;
        self.order(Action::Try)?;
        if let Err(reason) = engine.check(self.wiki, &engine.next_host(name)?, &self.release) {
            let what = format!("{} of `{name}` does not work", self.code.short());
            return Err(Problem::new(ExitCode::Failed, what).cause(reason).cause("nothing was switched"));
        }
        self.note(Stage::Checked, None)?;
        self.note(Stage::Switching, None)?;
        self.order(Action::Switch).map(drop)
    }

    /// The schema is made, or brought to what the new code needs. Whatever fails, the served release is open after it.
    fn schema(&mut self) -> Result<Schema, Failure> {
        let engine = self.engine;
        let site = engine.site(self.wiki, engine.options.layout.release(&self.wiki.name, &self.release));
        if !schema::is_needed(&site) {
            return Ok(Schema::Same);
        }
        let path = engine.options.layout.journal(&self.wiki.name);
        let entries = journal::read(&path).map_err(|error| unusable(&path, &error))?;
        let before = schema::look(engine.options, self.wiki)?;
        self.note(Stage::SchemaBegun, None)?;
        let updated = self.close().and_then(|()| schema::update(engine.options, self.wiki, &site, &before));
        let schema = match updated {
            Ok(_) if journal::schema_is_in_doubt(&entries) => Schema::Changed,
            Ok(schema) => schema,
            Err(problem) => {
                let failed = 1 + journal::failed_updates(&entries, Some(&self.code), self.config.as_ref());
                // The working file is none of these commits, and may be another one each time.
                let is_committed = engine.options.config == Live::Committed;
                if failed >= schema::TRIES && is_committed && self.current.is_some() {
                    self.wiki.held = Some(Held::after_tries(failed, &self.code));
                }
                self.open()?;
                return Err(problem.into());
            }
        };
        let stage = if schema == Schema::Same { Stage::SchemaSame } else { Stage::SchemaChanged };
        self.note(stage, None).map_err(|problem| self.after(schema, problem))?;
        // With what has changed, the release that is served may not work: it stays closed until the switch.
        if schema == Schema::Same {
            self.open()?;
        }
        Ok(schema)
    }

    /// Lets the served release answer 503 while the database is made for another version of MediaWiki.
    fn close(&self) -> Result<(), Problem> {
        let Some(current) = &self.current else { return Ok(()) };
        let layout = &self.engine.options.layout;
        let old = layout.release(&self.wiki.name, &current.release);
        let new = layout.release(&self.wiki.name, &self.release);
        if schema::version(&old) == schema::version(&new) {
            return Ok(());
        }
        let marker = old.join(CLOSED);
        disk::touch(&marker).map_err(|error| unusable(&marker, &error))
    }

    fn open(&self) -> Result<(), Problem> {
        match &self.current {
            Some(current) => open(self.engine, self.wiki, &current.release),
            None => Ok(()),
        }
    }

    /// Something failed when the release was served already: the attempt has no end yet, and what comes next finds one
    /// for it.
    fn unasked(&self, problem: Problem) -> Failure {
        let _ = self.open();
        let told = format!("release {} is served, and nobody has asked whether it answers", self.release);
        let problem = problem.cause(told).hint("`mwfarm watch reconcile` finishes the deploy");
        Failure { stage: Stage::Switching, problem }
    }

    /// Something failed before the switch, but perhaps not before the schema was changed.
    fn after(&self, schema: Schema, problem: Problem) -> Failure {
        // What failed is more important than that this may fail, too; the next command opens it, then.
        let _ = self.open();
        if schema != Schema::Changed || self.current.is_none() {
            return problem.into();
        }
        let hint = format!(
            "update.php has changed the schema for {}, and the release before is still served: see whether it works; \
             else restore the database, or push code that works",
            self.code.short()
        );
        Failure { stage: Stage::NeedsOperator, problem: problem.hint(hint) }
    }

    /// The served release does not answer: back to the one before, if that can work.
    fn leave(&self, schema: Schema, reason: &str) -> Failure {
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
            return Failure { stage: Stage::NeedsOperator, problem: problem.hint(hint) };
        }
        let layout = &self.engine.options.layout;
        let link = layout.current(name);
        if let Err(error) = releases::switch(&link, name, &current.release)
            && releases::linked(&link, name).ok().flatten().as_ref() != Some(&current.release)
        {
            return Failure { stage: Stage::NeedsOperator, problem: problem.cause(told(&error)) };
        }
        match self.engine.check(self.wiki, &self.wiki.host, &current.release) {
            Ok(()) => {
                let problem = problem.cause(format!("release {} is served again", current.release));
                let hint = format!("push a better commit, then `mwfarm wiki resume {name}`");
                Failure { stage: Stage::RolledBack, problem: problem.hint(hint) }
            }
            Err(reason) => {
                let cause =
                    format!("release {} is linked again, and does not answer either: {reason}", current.release);
                Failure {
                    stage: Stage::NeedsOperator,
                    problem: problem.cause(cause).hint("look at the web server and the database"),
                }
            }
        }
    }

    fn order(&self, action: Action) -> Result<bool, Problem> {
        let order = Order {
            release: Some(self.release.clone()),
            code: Some(self.code.clone()),
            config: self.config.clone(),
            ..Order::new(action, self.wiki)
        };
        agent::apply(self.engine, &order)
    }

    fn note(&self, stage: Stage, error: Option<String>) -> Result<(), Problem> {
        let mut entry = self.engine.entry(self.number, stage, &self.request.why);
        entry.code = Some(self.code.clone());
        entry.config.clone_from(&self.config);
        entry.release = Some(self.release.clone());
        entry.error = error;
        self.engine.add(&self.wiki.name, &entry)
    }
}

/// Takes the marker of a release away.
pub(in crate::deploy) fn open(engine: &Engine<'_>, wiki: &Wiki, release: &ReleaseId) -> Result<(), Problem> {
    let marker = engine.options.layout.release(&wiki.name, release).join(CLOSED);
    disk::discard(&marker).map_err(|error| unusable(&marker, &error))
}
