//! What is done on an app server. With one machine, deploys call it directly; with many, `mwfarm agent` is called there.

use std::time::Duration;

use super::assemble;
use super::engine::Engine;
use super::health;
use super::name::Name;
use super::options::Web;
use super::order::{Action, Health, Observed, Order, SCHEMA};
use super::record::Wiki;
use super::release::{ReleaseId, Sha};
use super::releases;
use super::repository;
use super::web;
use crate::report::{ExitCode, Problem};

/// Follows an order. Says whether anything changed. The wiki's lock has to be held.
///
/// # Errors
/// It cannot be followed; what was served is served.
pub fn apply(engine: &Engine<'_>, order: &Order) -> Result<bool, Problem> {
    if order.schema != SCHEMA {
        let what = format!("the order's form is {}, and this mwfarm knows {SCHEMA}", order.schema);
        return Err(Problem::new(ExitCode::Usage, what).hint("use the same mwfarm on all servers"));
    }
    if let (Some(release), Some(code)) = (&order.release, &order.code)
        && release.short != code.short()
    {
        let what = format!("the order's field `release` is {release}, and its field `code` is {code}");
        return Err(Problem::new(ExitCode::Usage, what).hint("a release's name ends in twelve digits of its commit"));
    }
    let layout = &engine.options.layout;
    let wiki = &order.wiki;
    let release = || order.release.as_ref().ok_or_else(|| missing("release"));
    match order.action {
        Action::Prepare => {
            let code = order.code.as_ref().ok_or_else(|| missing("code"))?;
            let release = release()?;
            bring(engine, wiki, release, code)?;
            assemble::assemble(engine, wiki, release, code, order.config.as_ref())
        }
        Action::Try => switch(engine, wiki, release()?, &layout.next(&wiki.name)),
        Action::Switch => switch(engine, wiki, release()?, &layout.current(&wiki.name)),
        Action::Serve => web::apply::ensure_site(engine.options, &site(wiki)),
        Action::Withdraw => web::apply::remove_site(engine.options, &wiki.name),
    }
}

/// Makes sure that the commit of a release which is to be made is in the repository of this server.
fn bring(engine: &Engine<'_>, wiki: &Wiki, release: &ReleaseId, code: &Sha) -> Result<(), Problem> {
    let options = engine.options;
    if repository::has(&repository::core(options), code)
        || releases::read(&options.layout, &wiki.name, release)?.is_some()
    {
        return Ok(());
    }
    repository::ensure(options)?;
    repository::fetch(options, &wiki.branch)?;
    if repository::has(&repository::core(options), code) {
        return Ok(());
    }
    let what = format!("`{}` of the core repository has no commit {code}", wiki.branch);
    Err(Problem::new(ExitCode::Failed, what).hint("see whether the branch was forced to another history"))
}

fn switch(engine: &Engine<'_>, wiki: &Wiki, release: &ReleaseId, link: &std::path::Path) -> Result<bool, Problem> {
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

/// The wiki, as web servers know it.
#[must_use]
pub fn site(wiki: &Wiki) -> web::Site {
    web::Site { name: wiki.name.clone(), host: wiki.host.clone(), uid: wiki.uid }
}

/// How long a wiki that is only looked at may take to answer.
const LOOK: Duration = Duration::from_secs(5);

fn look(engine: &Engine<'_>, wiki: &Wiki, release: &ReleaseId) -> Result<(), String> {
    if engine.options.web == Web::None {
        return Ok(());
    }
    let time = LOOK.min(Duration::from_secs(engine.options.health.seconds));
    health::check_within(engine.options, &wiki.host, release, time).map_err(|unwell| unwell.to_string())
}

/// Looks at a wiki.
///
/// # Errors
/// Its directories cannot be read.
pub fn observe(engine: &Engine<'_>, wiki: &Wiki) -> Result<Observed, Problem> {
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
    Ok(Observed {
        wiki: name.to_string(),
        release: current,
        code: read.as_ref().map(|read| read.code.clone()),
        config: read.and_then(|read| read.config),
        releases: releases::list(layout, name)?,
        health,
    })
}
