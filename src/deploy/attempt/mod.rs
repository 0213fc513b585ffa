//! One deploy of one wiki, from the commit to the release that is served.
//!
//! Everything is noted in the journal before it is done. Up to the switch nothing is visible; after it, a release that
//! does not answer is left again by itself, unless update.php has changed the schema (DEPLOY.md §8).

mod all;
mod choose;
mod plan;
mod revert;
mod steps;

use super::engine::{Engine, of_lock};
use super::journal::Stage;
use super::lock;
use super::name::Name;
use super::record::{Desired, Held, State, Wiki};
use super::release::{Release, ReleaseId, Sha};
use super::releases;
use super::{recover, repository};
use crate::report::{ExitCode, Problem};
use choose::{commit, configuration, left_out, not_fetched};
use revert::revert;
use steps::Attempt;

pub use all::{All, One, deploy_all, plan_all};
pub use plan::{Plan, Planned, plan};
pub(in crate::deploy) use revert::{prune, turn_back};
pub(in crate::deploy) use steps::{CLOSED, open};

/// What is to be deployed, and on whose word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What.
    pub what: What,
    /// Why, in the words of who asked.
    pub why: String,
    /// What told: `deploy`, `gerrit`, `hook`, `webhook`, `reconcile`, `create`.
    pub event: String,
    /// Who asks.
    pub asker: Asker,
    /// Whether a deploy of the same wiki that is running is waited for.
    pub wait: bool,
}

/// Who asks for a deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A push, or a look at all wikis: what a person has decided, or has to, is left alone, and what was refused a short
    /// time ago is not looked at again.
    Push,
    /// A person, for all wikis at once: what is decided for one of them is left alone.
    ForAll,
    /// A person, for this wiki.
    ForOne,
}

impl Asker {
    /// Whether a wiki is passed over that is held, whose commit is marked as bad, or whose branch has another history.
    fn passes_over(self) -> bool {
        matches!(self, Self::Push | Self::ForAll)
    }
}

/// What is to be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The newest commit of the wiki's branch, with the newest configuration.
    Newest,
    /// The commits that are served, in a release that is made anew; the newest ones when none is served.
    Again,
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

/// A deploy that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// How it ended: [`Stage::Failed`], [`Stage::RolledBack`] or [`Stage::NeedsOperator`]; another stage when it has no
    /// end yet, and the next command finds one.
    pub stage: Stage,
    /// Why.
    pub problem: Problem,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { stage: Stage::Failed, problem }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        failure.problem
    }
}

/// Deploys a wiki.
///
/// # Errors
/// Another deploy runs and was not to be waited for; the commit, its tree or the configuration is refused; a step
/// failed. The message says what is served now if that is not what was served before.
pub fn deploy(engine: &Engine<'_>, name: &Name, request: &Request) -> Result<Outcome, Failure> {
    let layout = &engine.options.layout;
    engine.wiki(name)?;
    let _lock = lock::wiki(layout, name, request.wait).map_err(|error| of_lock(&error))?;
    // As it is now: another deploy may have ended while we waited.
    let mut wiki = engine.wiki(name)?;
    is_ready(&wiki)?;
    recover::recover(engine, &mut wiki)?;
    locked(engine, &mut wiki, request)
}

/// Whether anything can be deployed to a wiki.
fn is_ready(wiki: &Wiki) -> Result<(), Problem> {
    let name = &wiki.name;
    let hint = match wiki.state {
        State::Ready => return Ok(()),
        State::Provisioning => format!("`mwfarm wiki create {name}` finishes it"),
        State::Archived => format!("`mwfarm wiki restore {name}` brings it back"),
        State::Deleting => format!("`mwfarm wiki show {name}` tells more"),
    };
    let what = format!("`{name}` is {}, so that nothing can be deployed", wiki.state.word());
    Err(Problem::new(ExitCode::Usage, what).hint(hint))
}

/// The same for a wiki whose lock is held, and of which nothing is unfinished.
///
/// # Errors
/// As of [`deploy`].
pub fn locked(engine: &Engine<'_>, wiki: &mut Wiki, request: &Request) -> Result<Outcome, Failure> {
    let Deploy { code, config, current } = match decide(engine, wiki, request, Notes::Kept)? {
        Decision::Skip(why) => return Ok(Outcome::Skipped(why)),
        Decision::Revert => return Ok(revert(engine, wiki, request)?),
        Decision::Nothing(current) => {
            let before = wiki.clone();
            if let Some(held) = by_hand(engine, wiki, request, &current.code) {
                wiki.held = Some(held);
            }
            if matches!(request.what, What::Revision(_)) {
                // Somebody wants it although it was marked, and it is what is served.
                wiki.unmark(&current.code, current.config.as_ref());
            }
            if *wiki != before {
                engine.put(wiki)?;
            }
            settle(engine, wiki, &current.code, request)?;
            return Ok(Outcome::Unchanged(*current));
        }
        Decision::Deploy(deploy) => *deploy,
    };
    let number = wiki.next;
    wiki.next += 1;
    wiki.desired = Some(Desired { code: code.clone(), event: request.event.clone() });
    wiki.will_hold = by_hand(engine, wiki, request, &code);
    engine.put(wiki)?;
    let release = ReleaseId::new(number, &code);
    // What a wiki that is not made yet serves is nothing to go back to.
    let current = current.filter(|_| wiki.state != State::Provisioning);
    Attempt { engine, wiki, request, release, code, config, current, number }.run()
}

/// The hold that a commit chosen by hand leaves, unless it is the newest one: the next push, or the next look at the
/// branches, would undo it.
fn by_hand(engine: &Engine<'_>, wiki: &Wiki, request: &Request, code: &Sha) -> Option<Held> {
    let is_newest = repository::tip(engine.options, &wiki.branch).as_ref() == Some(code);
    (matches!(request.what, What::Revision(_)) && !is_newest).then(|| Held {
        by: engine.who.to_owned(),
        why: format!("{} was deployed by hand", code.short()),
        since: crate::disk::now(),
        by_deploy: true,
    })
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

/// What a request comes to.
enum Decision {
    /// Nothing now: why.
    Skip(String),
    /// Going back.
    Revert,
    /// Nothing, as this is served.
    Nothing(Box<Release>),
    /// A new release.
    Deploy(Box<Deploy>),
}

/// What a new release is made of.
struct Deploy {
    code: Sha,
    config: Option<Sha>,
    /// What is served.
    current: Option<Release>,
}

/// Whether what is refused is noted in record and journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notes {
    Kept,
    /// Somebody only wants to know.
    None,
}

/// Decides what is to be done for a request, as holds, marks and the histories of the branches have it.
fn decide(engine: &Engine<'_>, wiki: &mut Wiki, request: &Request, notes: Notes) -> Result<Decision, Problem> {
    if let Some(held) = &wiki.held {
        let text = held.told(&wiki.name);
        if request.asker.passes_over() {
            return Ok(Decision::Skip(text));
        }
        let by_hand = held.by_deploy && matches!(request.what, What::Revision(_));
        if request.what != What::Revert && !by_hand {
            let hint = format!("`mwfarm wiki resume {}` lets deploys through again", wiki.name);
            return Err(Problem::new(ExitCode::Usage, text).hint(hint));
        }
    }
    if request.what == What::Revert {
        return Ok(Decision::Revert);
    }
    let current = served(engine, wiki)?;
    let again = current.as_ref().filter(|_| request.what == What::Again);
    let code = match again {
        Some(current) => current.code.clone(),
        None => commit(engine, wiki, request, current.as_ref()).map_err(|problem| match notes {
            Notes::Kept => not_fetched(engine, wiki, request, problem),
            Notes::None => problem,
        })?,
    };
    let skipped = left_out(engine, wiki, request, current.as_ref(), &code, notes)?;
    // Its configuration goes on, with the code that is served.
    let code = match &current {
        Some(current) if skipped.is_some() => current.code.clone(),
        _ => code,
    };
    let config = if let Some(current) = again {
        current.config.clone()
    } else {
        let new_code = current.as_ref().is_some_and(|current| current.code != code);
        let newest = configuration(engine, wiki, request, new_code, current.as_ref(), notes);
        match notes {
            Notes::Kept => engine.step(wiki, "configuration", |_| newest)?,
            Notes::None => newest?,
        }
    };
    let same = current.as_ref().filter(|current| current.is_of(&code, config.as_ref()));
    match skipped {
        Some(why) if same.is_some() => return Ok(Decision::Skip(why)),
        Some(why) if notes == Notes::Kept => engine.reporter.warning(&why),
        _ => {}
    }
    if let (Some(current), None) = (same, again) {
        return Ok(Decision::Nothing(Box::new(current.clone())));
    }
    // What is served is made again by nobody but a person, who knows it.
    if let Some(bad) = wiki.is_bad(&code, config.as_ref()).filter(|_| again.is_none()) {
        let text = format!("{} of `{}` is marked as bad: {}", code.short(), wiki.name, bad.why);
        if request.asker.passes_over() {
            return Ok(Decision::Skip(text));
        }
        if !matches!(request.what, What::Revision(_)) {
            let hint =
                format!("push a better one, or `mwfarm deploy {} --rev {}` all the same", wiki.name, code.short());
            return Err(Problem::new(ExitCode::Usage, text).hint(hint));
        }
    }
    Ok(Decision::Deploy(Box::new(Deploy { code, config, current })))
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
