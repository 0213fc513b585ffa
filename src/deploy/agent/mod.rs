//! What is done on an app server. With one machine, deploys call it directly; with many, `mwfarm agent` is called there.

mod server;
mod told;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::create;
use super::engine::{Engine, of_registry, unknown};
use super::health;
use super::name::Name;
use super::options::Options;
use super::order::{Action, Health, Observed, Order, SCHEMA};
use super::record::{self, Wiki};
use super::registry;
use super::release::ReleaseId;
use super::releases;
use super::web;
use crate::report::{ExitCode, Problem};

pub use told::Routes;

/// What came of an order that was brought here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Whether anything changed.
    pub changed: bool,
    /// The number of the newer order that had come before; then nothing was done.
    pub superseded_by: Option<u64>,
}

/// Follows an order of an engine that is somewhere else, unless a newer one has come before it. The wiki's lock has to be
/// held.
///
/// # Errors
/// As of [`apply`]; or two orders have one number.
pub fn follow(engine: &Engine<'_>, order: &Order) -> Result<Followed, Problem> {
    check(order)?;
    if !matches!(order.action, Action::Withdraw | Action::Remove) {
        create::check_host(engine.options, &order.wiki.host)?;
    }
    if order.action == Action::Ensure {
        server::check(engine.options, order)?;
    }
    if let told::Turn::Over(newest) = told::arrive(engine.options, order)? {
        return Ok(Followed { changed: false, superseded_by: Some(newest) });
    }
    let is_served = match order.action {
        Action::Ensure | Action::Serve => Some(true),
        Action::Withdraw | Action::Remove => Some(false),
        Action::Prepare | Action::Try | Action::Switch => None,
    };
    let mut changed = false;
    if is_served == Some(false) {
        // Nobody is sent to what goes.
        told::follow(engine.options, order, false)?;
        changed |= create::route(engine)?;
    }
    changed |= apply(engine, order)?;
    if is_served == Some(true) {
        told::follow(engine.options, order, true)?;
    }
    if is_served != Some(false) {
        changed |= create::route(engine)?;
    }
    Ok(Followed { changed, superseded_by: None })
}

/// What an order may say at all.
fn check(order: &Order) -> Result<(), Problem> {
    let refuse = |what: String, hint: &str| Err(Problem::new(ExitCode::Usage, what).hint(hint));
    for (what, schema, known) in [
        ("the order's form", order.schema, SCHEMA),
        ("the form of the order's record", order.wiki.schema, record::SCHEMA),
    ] {
        if schema != known {
            let what = format!("{what} is {schema}, and this mwfarm knows {known}");
            return refuse(what, "use the same mwfarm on all servers");
        }
    }
    if let (Some(release), Some(code)) = (&order.release, &order.code)
        && release.short != code.short()
    {
        let what = format!("the order's field `release` is {release}, and its field `code` is {code}");
        return refuse(what, "a release's name ends in twelve digits of its commit");
    }
    Ok(())
}

/// Does what an order says. Says whether anything changed. The wiki's lock has to be held.
///
/// # Errors
/// It cannot be followed; what was served is served.
pub fn apply(engine: &Engine<'_>, order: &Order) -> Result<bool, Problem> {
    check(order)?;
    let layout = &engine.options.layout;
    let wiki = &order.wiki;
    let release = || order.release.as_ref().ok_or_else(|| missing("release"));
    match order.action {
        Action::Ensure => server::ensure(engine, order),
        Action::Prepare => {
            let code = order.code.as_ref().ok_or_else(|| missing("code"))?;
            server::prepare(engine, wiki, release()?, code, order.config.as_ref())
        }
        Action::Try => switch(engine, wiki, release()?, &layout.next(&wiki.name)),
        Action::Switch => switch(engine, wiki, release()?, &layout.current(&wiki.name)),
        Action::Serve => match site(engine.options, wiki) {
            Some(site) => web::apply::ensure_site(engine.options, &site),
            None => Ok(false),
        },
        Action::Withdraw => web::apply::remove_site(engine.options, &wiki.name),
        Action::Remove => server::remove(engine, wiki),
    }
}

fn switch(engine: &Engine<'_>, wiki: &Wiki, release: &ReleaseId, link: &Path) -> Result<bool, Problem> {
    if releases::read(&engine.options.layout, &wiki.name, release)?.is_none() {
        let what = format!("the release {release} of `{}` is not on this server", wiki.name);
        return Err(Problem::new(ExitCode::Failed, what));
    }
    if releases::linked(link, &wiki.name)?.as_ref() == Some(release) {
        return Ok(false);
    }
    releases::switch(link, &wiki.name, release)?;
    Ok(true)
}

fn missing(field: &str) -> Problem {
    Problem::new(ExitCode::Usage, format!("the order has no field `{field}`"))
}

/// The wiki, as web servers know it; `None` where mwfarm configures none.
#[must_use]
pub fn site(options: &Options, wiki: &Wiki) -> Option<web::Site> {
    let backend = options.backend(wiki)?;
    Some(web::Site { name: wiki.name.clone(), host: wiki.host.clone(), uid: wiki.uid, backend })
}

/// The hosts of wikis that this server serves by an engine's word, and that its registry does not have. What is told of
/// one wiki and cannot be read keeps back no other.
///
/// # Errors
/// The directory of them cannot be read.
pub fn routes(options: &Options, registry: &BTreeMap<Name, Wiki>) -> Result<Routes, Problem> {
    told::routes(options, registry)
}

/// How long a wiki that is only looked at may take to answer.
const LOOK: Duration = Duration::from_secs(15);

fn look(engine: &Engine<'_>, wiki: &Wiki, release: &ReleaseId) -> Result<(), String> {
    let Some(backend) = engine.options.backend(wiki) else { return Ok(()) };
    let time = LOOK.min(Duration::from_secs(engine.options.health.seconds));
    health::check_within(engine.options, backend, &wiki.host, release, time).map_err(|unwell| unwell.to_string())
}

/// Looks at a wiki, or at all that the registry has or an engine has told of. Tells what cannot be read of others, too.
///
/// # Errors
/// There is no such wiki, or something of the one that is asked for cannot be read; or nothing of any.
pub fn observe(engine: &Engine<'_>, only: Option<&Name>) -> Result<(Vec<Observed>, Vec<Problem>), Problem> {
    let layout = &engine.options.layout;
    if let Some(name) = only {
        let known = match registry::find(layout, name).map_err(|error| of_registry(&error))? {
            None => told::find(engine.options, name)?.map(|told| told.wiki),
            known => known,
        };
        return Ok((vec![observe_one(engine, &known.ok_or_else(|| unknown(name))?)?], Vec::new()));
    }
    let (told, untold) = told::readable(engine.options)?;
    let mut all: BTreeMap<Name, Wiki> = told.into_iter().map(|(name, told)| (name, told.wiki)).collect();
    let (wikis, damaged) = registry::readable(layout).map_err(|error| of_registry(&error))?;
    all.extend(wikis);
    let mut problems: Vec<Problem> = damaged.values().map(of_registry).collect();
    problems.extend(untold.into_iter().filter(|(name, _)| !all.contains_key(name)).map(|(_, problem)| problem));
    let mut observed = Vec::new();
    for wiki in all.values() {
        match observe_one(engine, wiki) {
            Ok(one) => observed.push(one),
            Err(problem) => problems.push(problem.cause(format!("the wiki `{}`", wiki.name))),
        }
    }
    Ok((observed, problems))
}

/// Looks at a wiki as its record has it.
///
/// # Errors
/// Its directories cannot be read.
pub fn observe_one(engine: &Engine<'_>, wiki: &Wiki) -> Result<Observed, Problem> {
    let layout = &engine.options.layout;
    let name: &Name = &wiki.name;
    let current = releases::current(layout, name)?;
    let read = match &current {
        Some(release) => releases::read(layout, name, release)?,
        None => None,
    };
    let health = match &current {
        None => Health { ok: false, reason: Some("no release is served".to_owned()) },
        Some(release) => match look(engine, wiki, release) {
            Ok(()) => Health { ok: true, reason: None },
            Err(reason) => Health { ok: false, reason: Some(reason) },
        },
    };
    let told = told::find(engine.options, name)?;
    Ok(Observed {
        wiki: name.to_string(),
        serial: told.and_then(|told| told.newest).map(|(serial, _)| serial),
        site: web::apply::has_site(engine.options, name)?,
        release: current,
        code: read.as_ref().map(|read| read.code.clone()),
        config: read.and_then(|read| read.config),
        releases: releases::list(layout, name)?,
        health,
    })
}
