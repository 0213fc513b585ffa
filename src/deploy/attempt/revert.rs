//! Going back to a release, and letting go of those that nobody needs.

use super::super::engine::{Engine, told};
use super::super::journal::{Entry, Stage};
use super::super::record::{Broken, Desired, Held, Wiki};
use super::super::release::Release;
use super::super::releases;
use super::super::{config_repository, home, repository, web};
use super::{Outcome, Request, served};
use crate::report::{ExitCode, Problem, Verbosity};

/// Back to the release before: it is tried, switched, and the one that is left is marked as bad.
pub(super) fn revert(engine: &Engine<'_>, wiki: &mut Wiki, request: &Request) -> Result<Outcome, Problem> {
    let layout = &engine.options.layout;
    let name = wiki.name.clone();
    let (left, target) = ends(engine, wiki)?;
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
    let tried = engine.check(wiki, &engine.next_host(&name)?, &target.release);
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

/// The release that a revert leaves, and that which it goes back to.
pub(super) fn ends(engine: &Engine<'_>, wiki: &Wiki) -> Result<(Release, Release), Problem> {
    let name = &wiki.name;
    let Some(left) = served(engine, wiki)? else {
        return Err(Problem::new(ExitCode::Usage, format!("`{name}` serves no release")));
    };
    let is_bad = |release: &Release| wiki.is_bad(&release.code, release.config.as_ref()).is_some();
    let Some(target) = releases::before(&engine.options.layout, name, &left.release, is_bad)? else {
        let what = format!("there is no release of `{name}` before {} to go back to", left.release);
        let hint = format!("`mwfarm deploy {name} --rev COMMIT` builds an older commit again");
        return Err(Problem::new(ExitCode::Usage, what).hint(hint));
    };
    Ok((left, target))
}

/// Goes back to a release that was tried, from the line of the journal which promises that. Each step does nothing when
/// it was done before.
///
/// # Errors
/// The release does not answer, or the system refuses.
pub(in crate::deploy) fn turn_back(
    engine: &Engine<'_>,
    wiki: &mut Wiki,
    promised: &Entry,
    target: &Release,
    event: &str,
) -> Result<(), Problem> {
    let layout = &engine.options.layout;
    let name = wiki.name.clone();
    let note = |stage, error: Option<String>| {
        engine.add(&name, &Entry { at: crate::disk::now(), stage, error, ..promised.clone() })
    };
    // The record first: a push in between must not take back what was decided.
    if let Some(left) = served(engine, wiki)?.filter(|left| left.release != target.release) {
        let why = if promised.why.is_empty() { "left by a revert" } else { &promised.why };
        if !target.is_of(&left.code, left.config.as_ref()) {
            wiki.mark_bad(&left.code, left.config.as_ref(), why);
        }
        wiki.held = Some(Held {
            by: promised.who.clone(),
            why: format!("reverted: {why}"),
            since: crate::disk::now(),
            by_deploy: true,
        });
        wiki.desired = Some(Desired { code: target.code.clone(), event: event.to_owned() });
        wiki.broken = None;
        engine.put(wiki)?;
        releases::switch(&layout.current(&name), &name, &target.release)?;
    }
    note(Stage::Switched, None)?;
    if let Err(reason) = engine.check(wiki, &wiki.host, &target.release) {
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
pub(in crate::deploy) fn prune(engine: &Engine<'_>, wiki: &Wiki) -> Result<(), Problem> {
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
    forget(engine, wiki);
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
    keep_configurations(engine, wiki)
}

/// Lets go of configurations that no release has.
pub(super) fn keep_configurations(engine: &Engine<'_>, wiki: &Wiki) -> Result<(), Problem> {
    let (layout, name) = (&engine.options.layout, &wiki.name);
    // What was refused would be brought again with the next look at it.
    let mut configs: Vec<_> = wiki.refused.iter().map(|refused| refused.config.clone()).collect();
    for release in releases::list(layout, name)? {
        configs.extend(releases::read(layout, name, &release)?.and_then(|release| release.config));
    }
    config_repository::keep(engine.options, wiki, &configs)
}

/// Lets PHP forget what it has compiled of releases that are not served.
fn forget(engine: &Engine<'_>, wiki: &Wiki) {
    let layout = &engine.options.layout;
    let kept = releases::current(layout, &wiki.name).ok().flatten().map(|release| release.to_string());
    let below = [layout.releases(&wiki.name), home::caches(layout, &wiki.name)];
    match web::opcache::forget(layout, &below, kept.as_deref()) {
        Ok(None) => {}
        Ok(Some(memory)) if memory.is_too_small() => engine.reporter.warning(&format!(
            "PHP-FPM's OPcache is full of what is served, {} MB: the rest is compiled with every request; \
             raise `opcache.memory_consumption`",
            memory.total() >> 20
        )),
        Ok(Some(memory)) => engine.reporter.note(
            Verbosity::Verbose,
            &format!("OPcache has forgotten {} files; {} MB are in use", memory.forgotten, memory.used >> 20),
        ),
        // The wiki is well all the same.
        Err(problem) => engine.reporter.warning(&told(&problem)),
    }
}
