//! Holding wikis, giving them to others, making their secrets anew; archiving, restoring, expiring and deleting them.

use std::path::PathBuf;

use super::agent;
use super::bare;
use super::create;
use super::engine::{Engine, goes_on, of_lock, of_registry};
use super::lock;
use super::name::Name;
use super::options::Database;
use super::order::{Action, Order};
use super::record::{Held, State, Wiki};
use super::release::Release;
use super::releases::{self, unusable};
use super::{cache, database, home, list, recover, registry, repository, secrets, users, web};
use crate::disk;
use crate::farm::Host;
use crate::report::{ExitCode, Problem, Verbosity};

/// The steps of [`archive`], in order.
pub const ARCHIVE: [&str; 4] = ["registry", "route", "site", "cache"];

/// The steps of [`restore`], in order.
pub const RESTORE: [&str; 10] =
    ["list", "user", "branch", "secrets", "home", "database", "cache", "site", "registry", "route"];

/// The steps of [`delete`], in order.
pub const DELETE: [&str; 8] = ["route", "site", "cache", "list", "database", "user", "code", "registry"];

/// Lets pushes wait.
///
/// # Errors
/// There is no such wiki, or it cannot be noted.
pub fn hold(engine: &Engine<'_>, name: &Name, why: &str) -> Result<(), Problem> {
    change(engine, name, |wiki| {
        if matches!(wiki.state, State::Deleting) {
            return Err(wrong_state(wiki, "held"));
        }
        engine.note(name, &format!("held: {why}"))?;
        wiki.held =
            Some(Held { by: engine.who.to_owned(), why: why.to_owned(), since: crate::disk::now(), by_deploy: false });
        engine.put(wiki)
    })
}

/// Lets pushes through again. Says whether they waited. What is served is not bad any more, if it was: whoever says so
/// has repaired the wiki.
///
/// # Errors
/// As of [`hold`].
pub fn resume(engine: &Engine<'_>, name: &Name) -> Result<bool, Problem> {
    change(engine, name, |wiki| {
        let mut held = wiki.held.take().is_some() | wiki.broken.take().is_some();
        // A link that is none of ours is told by all else.
        if let Ok(Some(served)) = super::attempt::served(engine, wiki)
            && wiki.is_bad(&served.code, served.config.as_ref()).is_some()
        {
            wiki.unmark(&served.code, served.config.as_ref());
            held = true;
        }
        if held {
            engine.note(name, "resumed")?;
            engine.put(wiki)?;
        }
        Ok(held)
    })
}

/// Says who owns a wiki: these, and nobody else. Says whether that is new.
///
/// # Errors
/// One of them is no user of the machine, there is no such wiki, or it cannot be noted.
pub fn set_owners(engine: &Engine<'_>, name: &Name, owners: &[String]) -> Result<bool, Problem> {
    users::check_owners(engine.options, name, owners)?;
    change(engine, name, |wiki| {
        if matches!(wiki.state, State::Deleting) {
            return Err(wrong_state(wiki, "owned"));
        }
        let is_new = wiki.owners != owners;
        if is_new {
            let owners = if owners.is_empty() { "nobody".to_owned() } else { owners.join(", ") };
            engine.note(name, &format!("owned by {owners}"))?;
        }
        wiki.owners = owners.to_vec();
        engine.put(wiki)?;
        // One whose making has not come so far gets its group then.
        if matches!(wiki.state, State::Ready | State::Archived) {
            engine.step(wiki, "user", |wiki| users::ensure(engine.options, wiki))?;
        }
        Ok(is_new)
    })
}

/// Says for how many seconds from now a wiki stays; `None`: for good. Gives the time at which it ends, in seconds since
/// 1970.
///
/// # Errors
/// There is no such wiki, it is being deleted, or it cannot be noted.
pub fn limit(engine: &Engine<'_>, name: &Name, seconds: Option<u64>) -> Result<Option<u64>, Problem> {
    change(engine, name, |wiki| {
        if matches!(wiki.state, State::Deleting) {
            return Err(wrong_state(wiki, "given a time"));
        }
        wiki.expires = seconds.map(|seconds| crate::disk::now().saturating_add(seconds));
        engine.note(name, if seconds.is_some() { "given another time" } else { "given no time" })?;
        engine.put(wiki)?;
        Ok(wiki.expires)
    })
}

/// Makes a wiki's secrets anew, and tells them to the wiki and to the cache.
///
/// # Errors
/// There is no such wiki, it has no secrets yet, or a step failed: what was begun is ended by reconciling, and doing it
/// again makes them anew again.
pub fn rotate(engine: &Engine<'_>, name: &Name) -> Result<(), Problem> {
    let options = engine.options;
    change(engine, name, |wiki| {
        if !matches!(wiki.state, State::Ready | State::Archived) {
            return Err(wrong_state(wiki, "given other secrets"));
        }
        engine.note(name, "made its secrets anew")?;
        engine.step(wiki, "secrets", |wiki| {
            secrets::rotate(options, &wiki.name)?;
            secrets::render(options, wiki)
        })?;
        engine.step(wiki, "cache", |_| cache::ensure(options)).map(drop)
    })
}

/// Takes a wiki off the web. Says whether it was there.
///
/// # Errors
/// A step failed; doing it again goes on from there.
pub fn archive(engine: &Engine<'_>, name: &Name, why: &str) -> Result<bool, Problem> {
    change(engine, name, |wiki| archive_locked(engine, wiki, why))
}

/// The same for a wiki whose lock is held.
pub(super) fn archive_locked(engine: &Engine<'_>, wiki: &mut Wiki, why: &str) -> Result<bool, Problem> {
    if !matches!(wiki.state, State::Ready | State::Archived) {
        return Err(wrong_state(wiki, "archived"));
    }
    recover::recover(engine, wiki)?;
    let was = wiki.state;
    wiki.state = State::Archived;
    engine.begins(&wiki.name, "registry");
    if was == State::Ready {
        engine.note(&wiki.name, why)?;
        engine.put(wiki)?;
    }
    engine.begins(&wiki.name, "route");
    let routed = create::route(engine)?;
    engine.begins(&wiki.name, "site");
    let served = agent::apply(engine, &Order::new(Action::Withdraw, wiki))?;
    engine.begins(&wiki.name, "cache");
    // Redis forgets its user; its keys go when there is no room.
    cache::ensure(engine.options)?;
    Ok(was == State::Ready || routed || served)
}

/// Serves an archived wiki again, with the release that it served.
///
/// # Errors
/// As of [`archive`]; or it does not answer, and is still archived.
pub fn restore(engine: &Engine<'_>, name: &Name) -> Result<Release, Problem> {
    change(engine, name, |wiki| {
        if !matches!(wiki.state, State::Ready | State::Archived) {
            return Err(wrong_state(wiki, "restored"));
        }
        create::belongings(engine, wiki, &mut Vec::new())?;
        cache::ensure_with(engine.options, Some(name))?;
        let Some(served) = super::attempt::served(engine, wiki)? else {
            return Err(Problem::new(ExitCode::Failed, format!("`{name}` has no release that could be served")));
        };
        let begins = |step| engine.begins(name, step);
        begins("site");
        agent::apply(engine, &Order::new(Action::Serve, wiki))?;
        if let Err(reason) = engine.check(wiki, &wiki.host, &served.release) {
            let what = format!("`{name}` does not answer as it should, and stays archived");
            return Err(Problem::new(ExitCode::Failed, what).cause(reason));
        }
        begins("registry");
        if wiki.state == State::Archived {
            engine.note(name, "restored")?;
        }
        wiki.state = State::Ready;
        // It was archived because its time was over: it would be again.
        if wiki.expires.is_some_and(|expires| expires <= crate::disk::now()) {
            wiki.expires = None;
            let text =
                format!("`{name}` stays now until somebody archives it; `mwfarm wiki ttl` gives it another time");
            engine.reporter.note(Verbosity::Normal, &text);
        }
        wiki.broken = None;
        engine.put(wiki)?;
        // Another command may have taken its user of the cache away meanwhile.
        cache::ensure(engine.options)?;
        begins("route");
        create::route(engine)?;
        Ok(served)
    })
}

/// Archives the wikis whose time is over, or only tells them. Gives their names, and what failed. Without `wait`, wikis
/// on which another command is at work are left for the next time.
///
/// # Errors
/// The registry cannot be read.
pub fn expire(engine: &Engine<'_>, dry_run: bool, wait: bool) -> Result<(Vec<Name>, Vec<Problem>), Problem> {
    let (wikis, damaged) = registry::readable(&engine.options.layout).map_err(|error| of_registry(&error))?;
    let now = crate::disk::now();
    let mut expired = Vec::new();
    let mut failed: Vec<Problem> = damaged.values().map(of_registry).collect();
    for (name, wiki) in wikis {
        if !is_over(&wiki, now) {
            continue;
        }
        match if dry_run { Ok(true) } else { archive_if_over(engine, &name, now, wait) } {
            Ok(true) => expired.push(name),
            Ok(false) => {}
            Err(problem) => failed.push(problem),
        }
    }
    Ok((expired, failed))
}

/// Whether a wiki is served although its time is over.
fn is_over(wiki: &Wiki, now: u64) -> bool {
    wiki.state == State::Ready && wiki.expires.is_some_and(|expires| expires <= now)
}

/// Archives a wiki if its time is over once nobody else is at work on it: who restored it, or made it anew, has said
/// otherwise meanwhile. Says whether it did.
fn archive_if_over(engine: &Engine<'_>, name: &Name, now: u64, wait: bool) -> Result<bool, Problem> {
    let layout = &engine.options.layout;
    let _lock = match lock::wiki(layout, name, wait) {
        Ok(lock) => lock,
        Err(disk::LockError::Held { .. }) => return Ok(false),
        Err(error) => return Err(of_lock(&error)),
    };
    match registry::find(layout, name).map_err(|error| of_registry(&error))? {
        Some(mut wiki) if is_over(&wiki, now) => {
            archive_locked(engine, &mut wiki, "archived: its time is over").map(|_| true)
        }
        _ => Ok(false),
    }
}

/// What deleting a wiki would take away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// The wiki.
    pub wiki: Name,
    /// How far it is.
    pub state: State,
    /// Where it answers.
    pub host: Host,
    /// Its user and group, if it has a user of its own.
    pub user: Option<String>,
    /// Its database on the server, if it has one there.
    pub database: Option<String>,
    /// Its files and directories that are there.
    pub paths: Vec<PathBuf>,
    /// Its branch in the core repository, which stays.
    pub branch: String,
    /// Its journal, which stays.
    pub journal: PathBuf,
}

/// Says what deleting a wiki would take away, and changes nothing.
///
/// # Errors
/// There is no such wiki, or it cannot be looked at.
pub fn plan(engine: &Engine<'_>, name: &Name) -> Result<Deletion, Problem> {
    let options = engine.options;
    let layout = &options.layout;
    let wiki = engine.wiki(name)?;
    let mut paths = Vec::new();
    for path in [
        layout.current(name),
        layout.releases(name),
        layout.home(name),
        layout.config_copy(name),
        layout.private(name),
        layout.secrets(name),
        layout.record(name),
    ] {
        if disk::look(&path).map_err(|error| unusable(&path, &error))?.is_some() {
            paths.push(path);
        }
    }
    let is_served = matches!(options.database, Database::Mariadb(_));
    Ok(Deletion {
        wiki: name.clone(),
        state: wiki.state,
        host: wiki.host,
        user: wiki.uid.map(|_| name.user()),
        database: is_served.then(|| name.database()),
        paths,
        branch: wiki.branch,
        journal: layout.journal(name),
    })
}

/// Deletes a wiki: what is seen of it first, its number last. Its branch, its journal and the number stay taken.
///
/// # Errors
/// A step failed; doing it again goes on from there.
pub fn delete(engine: &Engine<'_>, name: &Name) -> Result<(), Problem> {
    change(engine, name, |wiki| delete_locked(engine, wiki))
}

/// The same for a wiki whose lock is held.
pub(super) fn delete_locked(engine: &Engine<'_>, wiki: &mut Wiki) -> Result<(), Problem> {
    take_away(engine, wiki).map_err(|problem| {
        let name = &wiki.name;
        goes_on(problem, &format!("mwfarm wiki delete {name} --yes-i-mean {name}"))
    })
}

fn take_away(engine: &Engine<'_>, wiki: &mut Wiki) -> Result<(), Problem> {
    let options = engine.options;
    let layout = &options.layout;
    if wiki.state != State::Deleting {
        wiki.state = State::Deleting;
        engine.note(&wiki.name, "deleted")?;
        engine.put(wiki)?;
    }
    engine.step(wiki, "route", |_| create::route(engine))?;
    engine.step(wiki, "site", |wiki| web::apply::remove_site(options, &wiki.name))?;
    engine.step(wiki, "cache", |wiki| {
        // The user first, so that it makes no more keys.
        cache::ensure(options)?;
        cache::remove(options, &wiki.name)
    })?;
    engine.step(wiki, "list", |_| list::ensure(options))?;
    engine.step(wiki, "database", |wiki| database::remove(options, &wiki.name))?;
    // What it still runs ends before its files go.
    engine.step(wiki, "user", |wiki| users::remove(options, wiki))?;
    engine.step(wiki, "code", |wiki| {
        releases::unlink(&layout.next(&wiki.name), &wiki.name)?;
        releases::unlink(&layout.current(&wiki.name), &wiki.name)?;
        home::remove(options, &wiki.name)?;
        secrets::remove(options, &wiki.name)?;
        releases::clear(layout, &wiki.name)?;
        let copy = layout.config_copy(&wiki.name);
        for directory in [bare::staged(&copy), copy, layout.installer(&wiki.name)] {
            disk::clear(&directory).map_err(|error| unusable(&directory, &error))?;
        }
        for pin in repository::pins(options, &wiki.name)? {
            repository::unpin(options, &wiki.name, &pin)?;
        }
        Ok(())
    })?;
    engine.begins(&wiki.name, "registry");
    registry::remove(layout, &wiki.name).map_err(|error| of_registry(&error))
}

fn wrong_state(wiki: &Wiki, done: &str) -> Problem {
    let state = if wiki.state == State::Deleting { "being deleted" } else { wiki.state.word() };
    let what = format!("`{}` is {state}, and cannot be {done}", wiki.name);
    let hint = match wiki.state {
        State::Provisioning => "`mwfarm wiki create` finishes it, `mwfarm wiki delete` takes it away",
        State::Deleting => "`mwfarm wiki delete` finishes that",
        State::Ready | State::Archived => "`mwfarm wiki show` tells more",
    };
    Problem::new(ExitCode::Usage, what).hint(hint)
}

fn change<T>(
    engine: &Engine<'_>,
    name: &Name,
    action: impl FnOnce(&mut Wiki) -> Result<T, Problem>,
) -> Result<T, Problem> {
    engine.wiki(name)?;
    let _lock = lock::wiki(&engine.options.layout, name, true).map_err(|error| of_lock(&error))?;
    action(&mut engine.wiki(name)?)
}
