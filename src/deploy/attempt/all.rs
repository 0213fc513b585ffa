//! The same for all wikis, several at a time: none waits for another one, and none fails because another one did.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::super::engine::{Engine, of_registry};
use super::super::name::Name;
use super::super::record::{State, Wiki};
use super::super::registry;
use super::super::release::ReleaseId;
use super::super::releases;
use super::{Failure, Outcome, Planned, Request, deploy, plan};
use crate::report::Problem;

/// What came of all wikis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct All<T> {
    /// Of each, by name.
    pub wikis: Vec<One<T>>,
    /// The records that cannot be read.
    pub damaged: Vec<Problem>,
}

/// What came of one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct One<T> {
    /// The wiki.
    pub name: Name,
    /// What.
    pub what: T,
    /// The release that is served now.
    pub served: Option<ReleaseId>,
}

/// Deploys all wikis of the farm, `jobs` at a time. Those that are held or not served are skipped.
///
/// # Errors
/// The registry as a whole cannot be read.
pub fn deploy_all(
    engine: &Engine<'_>,
    request: &Request,
    jobs: NonZeroUsize,
) -> Result<All<Result<Outcome, Failure>>, Problem> {
    each(engine, jobs, |wiki| {
        if let Some(why) = idle(wiki) {
            return Ok(Outcome::Skipped(why));
        }
        let what = deploy(engine, &wiki.name, request);
        // Not at the end only: all of them would need twice their place. There it is told what cannot be removed.
        let _ = releases::empty_unless_another_does(&engine.options.layout);
        what
    })
}

/// Says what [`deploy_all`] would do.
///
/// # Errors
/// As there.
pub fn plan_all(
    engine: &Engine<'_>,
    request: &Request,
    jobs: NonZeroUsize,
) -> Result<All<Result<Planned, Problem>>, Problem> {
    each(engine, jobs, |wiki| match idle(wiki) {
        Some(why) => Ok(Planned::Skip(why)),
        None => plan(engine, &wiki.name, request),
    })
}

/// Why a wiki is not deployed with all others, if it is not.
fn idle(wiki: &Wiki) -> Option<String> {
    (wiki.state != State::Ready).then(|| format!("`{}` is {}", wiki.name, wiki.state.word()))
}

fn each<T: Send>(
    engine: &Engine<'_>,
    jobs: NonZeroUsize,
    action: impl Fn(&Wiki) -> T + Sync,
) -> Result<All<T>, Problem> {
    let layout = &engine.options.layout;
    let (wikis, damaged) = registry::readable(layout).map_err(|error| of_registry(&error))?;
    let wikis: Vec<Wiki> = wikis.into_values().collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(wikis.len()));
    let work = || {
        while let Some(wiki) = wikis.get(next.fetch_add(1, Ordering::Relaxed)) {
            let what = action(wiki);
            let served = releases::current(layout, &wiki.name).ok().flatten();
            let one = One { name: wiki.name.clone(), what, served };
            done.lock().unwrap_or_else(PoisonError::into_inner).push(one);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs.get().min(wikis.len()) {
            scope.spawn(work);
        }
        work();
    });
    let mut wikis = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    wikis.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(All { wikis, damaged: damaged.values().map(of_registry).collect() })
}
