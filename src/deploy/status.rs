//! What there is to know of the wikis at a glance.

use serde::Serialize;

use super::engine::{Engine, of_registry};
use super::journal::{self, Entry};
use super::layout::Layout;
use super::name::Name;
use super::options::{Backend, Options, Web};
use super::outdated::{Outdated, Today};
use super::record::{State, Wiki};
use super::release::{Release, ReleaseId};
use super::releases::{self, unusable};
use super::web::{self, daemon::Daemon};
use super::{attempt, registry};
use crate::disk;
use crate::report::Problem;

/// The farm.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The version of the JSON form.
    pub schema: &'static str,
    /// How many pushes wait to be looked at.
    pub queue: usize,
    /// The web servers that serve its wikis, or should, and do not run.
    pub stopped: Vec<Daemon>,
    /// Its wikis.
    pub wikis: Vec<Line>,
}

/// A wiki.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// Its record.
    #[serde(flatten)]
    pub wiki: Wiki,
    /// What it serves.
    pub release: Option<ReleaseId>,
    /// What that was made with and is different today.
    pub outdated: Vec<Outdated>,
    /// What serves it; `None`: nothing that mwfarm configures.
    pub served_by: Option<Backend>,
}

/// A wiki with all that is known of it.
#[derive(Debug, Clone, Serialize)]
pub struct Detail {
    /// The version of the JSON form.
    pub schema: &'static str,
    /// Its record.
    pub wiki: Wiki,
    /// What it serves.
    pub release: Option<Release>,
    /// What that was made with and is different today.
    pub outdated: Vec<Outdated>,
    /// What serves it; `None`: nothing that mwfarm configures.
    pub served_by: Option<Backend>,
    /// The releases on disk, the newest last.
    pub releases: Vec<ReleaseId>,
    /// The last lines of its journal, the newest last.
    pub journal: Vec<Entry>,
    /// Who used its rights of late, the newest last.
    pub audit: Vec<Entry>,
}

/// The version of the JSON form of all.
const SCHEMA: &str = "1.2.0";

/// The version of the JSON form of one.
const DETAIL: &str = "1.2.0";

/// How many lines of the journal are told, and of the audit.
const LINES: usize = 20;

/// All wikis that can be told of, and what is wrong with others.
///
/// # Errors
/// The registry as a whole cannot be read.
pub fn status(engine: &Engine<'_>) -> Result<(Status, Vec<Problem>), Problem> {
    let layout = &engine.options.layout;
    let (readable, damaged) = registry::readable(layout).map_err(|error| of_registry(&error))?;
    let mut problems: Vec<Problem> = damaged.values().map(of_registry).collect();
    let mut wikis = Vec::new();
    let mut today = Today::of(engine.options);
    for (name, wiki) in readable {
        let release = releases::current(layout, &name).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        let outdated = outdated(layout, &mut today, &wiki, release.as_ref()).unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
        let served_by = engine.options.backend(&wiki);
        wikis.push(Line { wiki, release, outdated, served_by });
    }
    let spool = layout.queue().join("new");
    let queue = disk::names(&spool).map_err(|error| unusable(&spool, &error))?.len();
    let stopped = stopped(engine.options, &wikis);
    Ok((Status { schema: SCHEMA, queue, stopped, wikis }, problems))
}

/// The daemons that are needed and are not there. Only their processes are looked for: whether they answer is asked by
/// those who change something.
fn stopped(options: &Options, wikis: &[Line]) -> Vec<Daemon> {
    let is_needed = |daemon: &Daemon| {
        let serves = |line: &Line| line.wiki.state == State::Ready && line.served_by == daemon.backend();
        let is_always = *daemon == Daemon::Nginx || web::is_usual(options, *daemon);
        options.web != Web::None && (is_always || wikis.iter().any(serves))
    };
    let needed = web::DAEMONS.into_iter().filter(is_needed);
    needed.filter(|daemon| !web::daemon::is_running(options, *daemon)).collect()
}

/// One wiki.
///
/// # Errors
/// There is no such wiki, or its files cannot be read.
pub fn detail(engine: &Engine<'_>, name: &Name) -> Result<Detail, Problem> {
    let layout = &engine.options.layout;
    let wiki = engine.wiki(name)?;
    let path = layout.journal(name);
    let mut journal = journal::read(&path).map_err(|error| unusable(&path, &error))?;
    let old = journal.len().saturating_sub(LINES);
    journal.drain(..old);
    let release = attempt::served(engine, &wiki)?;
    let id = release.as_ref().map(|release| &release.release);
    let audit = layout.audit(name);
    Ok(Detail {
        schema: DETAIL,
        outdated: outdated(layout, &mut Today::of(engine.options), &wiki, id)?,
        release,
        releases: releases::list(layout, name)?,
        served_by: engine.options.backend(&wiki),
        wiki,
        journal,
        audit: journal::last(&audit, LINES).map_err(|error| unusable(&audit, &error))?,
    })
}

/// What of a release is not as it would be made today. Of wikis that are not served, that is nobody's concern yet.
fn outdated(
    layout: &Layout,
    today: &mut Today<'_>,
    wiki: &Wiki,
    release: Option<&ReleaseId>,
) -> Result<Vec<Outdated>, Problem> {
    let (Some(id), State::Ready) = (release, wiki.state) else { return Ok(Vec::new()) };
    match releases::read(layout, &wiki.name, id)? {
        Some(release) => today.differs(wiki, &release),
        None => Ok(Vec::new()),
    }
}
