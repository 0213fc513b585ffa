//! Comparing the registry with the disk, the web servers, the proxy and the branches, and mending what differs.
//!
//! The registry says which wikis there are, the link which release is served, the branch which one should be.

use std::collections::BTreeMap;
use std::path::Path;

use super::attempt::{self, Outcome, Request, What};
use super::create;
use super::engine::{Engine, of_lock, of_registry};
use super::lock;
use super::name::Name;
use super::options::Live;
use super::queue::Queue;
use super::record::{State, Wiki};
use super::release::{Release, Sha};
use super::releases::unusable;
use super::watch::worker::Counts;
use super::web::daemon::Daemon;
use super::{cache, config_repository, home, list, recover, registry, repository, retire, secrets, web};
use crate::disk;
use crate::report::Problem;

/// What was found and done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reconciled {
    /// Of each wiki of which anything was found: what, in words.
    pub wikis: BTreeMap<Name, Vec<String>>,
    /// What belongs to no wiki.
    pub strangers: Vec<String>,
    /// What could not be mended.
    pub problems: Vec<Problem>,
}

/// Mends all wikis, or one. A wiki whose record cannot be read is told, and left as it is.
///
/// # Errors
/// The registry cannot be read, or there is no such wiki. That one wiki cannot be mended is told in the result.
pub fn reconcile(engine: &Engine<'_>, only: Option<&Name>) -> Result<Reconciled, Problem> {
    let options = engine.options;
    let mut found = Reconciled::default();
    let (mut wikis, damaged) = registry::readable(&options.layout).map_err(|error| of_registry(&error))?;
    if let Some(only) = only {
        wikis.retain(|name, _| name == only);
        if let Some(error) = damaged.get(only) {
            return Err(of_registry(error));
        }
        if wikis.is_empty() {
            return Err(super::engine::unknown(only));
        }
    } else {
        found.problems.extend(damaged.values().map(of_registry));
    }
    sweep(engine)?;
    let remote = match repository::ensure(options).and_then(|()| repository::ls_remote(options)) {
        Ok(remote) => Some(remote),
        Err(problem) => {
            found.problems.push(problem);
            None
        }
    };
    mend_each(engine, wikis.keys(), remote.as_ref().map(|remote| &remote.refs), &mut found);
    if let (Some(remote), None) = (&remote, only) {
        strangers(engine, &remote.refs, &mut found)?;
    }
    Ok(found)
}

/// Makes what a start of the machine takes away, before the daemons run: the directory of PHP-FPM's sockets, without
/// which it does not start, and the files of the wikis' secrets. Nothing else is asked or changed.
///
/// # Errors
/// The registry cannot be read. That one wiki's secrets cannot is told in the result.
pub fn boot(engine: &Engine<'_>) -> Result<Reconciled, Problem> {
    let layout = &engine.options.layout;
    let sockets = layout.sockets();
    disk::make_directories(&sockets).map_err(|error| unusable(&sockets, &error))?;
    let mut found = Reconciled::default();
    let (wikis, damaged) = registry::readable(layout).map_err(|error| of_registry(&error))?;
    found.problems.extend(damaged.values().map(of_registry));
    for (name, wiki) in wikis {
        // A wiki without a release may have no secrets yet, and needs none.
        if wiki.state == State::Deleting || disk::look(&layout.current(&name)).is_ok_and(|link| link.is_none()) {
            continue;
        }
        // Whoever is at work there makes the file, too.
        let Ok(_lock) = lock::wiki(layout, &name, false) else { continue };
        match secrets::render(engine.options, &wiki) {
            Ok(true) => drop(found.wikis.insert(name, vec!["made the file of its secrets".to_owned()])),
            Ok(false) => {}
            Err(problem) => found.problems.push(problem),
        }
    }
    Ok(found)
}

/// Ends what a crash left of all wikis that were made. Branches are not looked at, and wikis that are not finished are
/// left alone: both can take hours.
///
/// # Errors
/// As of [`reconcile`].
pub fn mend_all(engine: &Engine<'_>) -> Result<Reconciled, Problem> {
    sweep(engine)?;
    let mut found = Reconciled::default();
    let (wikis, damaged) = registry::readable(&engine.options.layout).map_err(|error| of_registry(&error))?;
    found.problems.extend(damaged.values().map(of_registry));
    let made = wikis.iter().filter(|(_, wiki)| wiki.state != State::Provisioning).map(|(name, _)| name);
    mend_each(engine, made, None, &mut found);
    Ok(found)
}

/// Mends wikis one after another, and once what they have in common.
fn mend_each<'n>(
    engine: &Engine<'_>,
    names: impl Iterator<Item = &'n Name>,
    remote: Option<&BTreeMap<String, Sha>>,
    found: &mut Reconciled,
) {
    let mut common = |what: &str, done: Result<bool, Problem>| match done {
        Ok(true) => found.strangers.push(format!("{what} not those of the registry")),
        Ok(false) => {}
        Err(problem) => found.problems.push(problem),
    };
    // Redis does not start without the file of its users, also when there is no wiki yet.
    common("the cache's users were", cache::ensure(engine.options));
    common("the farm's list of wikis was", list::ensure(engine.options));
    // What one of them is refused for, it alone is told.
    let sites = match create::sites(engine) {
        Ok(changed) => {
            common("the web servers' wikis were", Ok(changed));
            true
        }
        // Each wiki would only be told the same.
        Err(problem) if web::daemon::has_lost_its_socket(engine.options, Daemon::Fpm) => {
            common("", Err(problem));
            true
        }
        Err(_) => false,
    };
    for name in names {
        match mend(engine, name, remote, !sites) {
            Ok(done) if done.is_empty() => {}
            Ok(done) => {
                found.wikis.insert(name.clone(), done);
            }
            Err(problem) => found.problems.push(problem),
        }
    }
    // Last: nobody is sent to what is not there.
    match create::route(engine) {
        Ok(true) => found.strangers.push("the proxy's routes were not those of the registry".to_owned()),
        Err(problem) if !found.problems.contains(&problem) => found.problems.push(problem),
        Ok(false) | Err(_) => {}
    }
}

/// Removes files that deaths left half written, each under the lock of whoever writes them.
fn sweep(engine: &Engine<'_>) -> Result<(), Problem> {
    let layout = &engine.options.layout;
    let discard = |path: &Path| disk::discard(path).map_err(|error| unusable(path, &error));
    let records = layout.state().join("wikis");
    let secrets = layout.root().join("run/mwfarm/secrets");
    let journals = layout.state().join("journal");
    for (directory, end) in
        [(records, ".json"), (secrets, ".php"), (journals.clone(), ".jsonl"), (journals, ".jsonl.1")]
    {
        for (path, file) in disk::left(&directory).map_err(|error| unusable(&directory, &error))? {
            let Some(name) = file.strip_suffix(end).and_then(|name| Name::new(name).ok()) else { continue };
            // Whoever is at work there has it in hand.
            if let Ok(_lock) = lock::wiki(layout, &name, false) {
                discard(&path)?;
            }
        }
    }
    let state = layout.state();
    let left: Vec<_> = disk::left(&state).map_err(|error| unusable(&state, &error))?;
    if !left.is_empty() {
        let _farm = lock::farm(layout).map_err(|error| of_lock(&error))?;
        for (path, _) in left.iter().filter(|(_, file)| file == registry::IDS) {
            discard(path)?;
        }
        // A worker that runs does it itself.
        if let Ok(_queue) = Queue::open(layout) {
            Counts::tidy(layout).map_err(|error| unusable(&state, &error))?;
        }
    }
    Ok(())
}

fn mend(
    engine: &Engine<'_>,
    name: &Name,
    remote: Option<&BTreeMap<String, Sha>>,
    site: bool,
) -> Result<Vec<String>, Problem> {
    let layout = &engine.options.layout;
    // Held to the end: what is done is about what was seen.
    let _lock = match lock::wiki(layout, name, false) {
        Ok(lock) => lock,
        // Whoever is at work will be done.
        Err(crate::disk::LockError::Held { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(of_lock(&error)),
    };
    let Some(mut wiki) = registry::find(layout, name).map_err(|error| of_registry(&error))? else {
        return Ok(Vec::new());
    };
    match wiki.state {
        State::Deleting => {
            retire::delete_locked(engine, &mut wiki)?;
            Ok(vec!["finished deleting it".to_owned()])
        }
        // The proxy and the cache do not know it, as was made sure of for all.
        State::Archived if !web::apply::has_site(engine.options, name)? => recover::recover(engine, &mut wiki),
        State::Archived => {
            let changed = retire::archive_locked(engine, &mut wiki, "archived")?;
            Ok(if changed { vec!["took it off the web".to_owned()] } else { Vec::new() })
        }
        State::Provisioning | State::Ready => serve(engine, &mut wiki, remote, site),
    }
}

fn serve(
    engine: &Engine<'_>,
    wiki: &mut Wiki,
    remote: Option<&BTreeMap<String, Sha>>,
    site: bool,
) -> Result<Vec<String>, Problem> {
    let mut done = recover::recover(engine, wiki)?;
    let mut changed = Vec::new();
    let release = match wiki.state {
        State::Provisioning => create::provision(engine, wiki, &mut changed)?,
        _ => create::keep(engine, wiki, site, &mut changed)?,
    };
    done.extend(changed.iter().map(|step| format!("made sure of its {step}")));
    if wiki.state == State::Provisioning {
        wiki.state = State::Ready;
        wiki.broken = None;
        engine.put(wiki)?;
        done.push("finished making it".to_owned());
    }
    if let Some(remote) = remote {
        if !remote.contains_key(&wiki.branch) {
            done.push(format!("its branch is gone; release {} is still served", release.release));
            return Ok(done);
        }
        if serves_the_newest(engine, wiki, &release, remote.get(&wiki.branch)) {
            return Ok(done);
        }
        // What a person holds is no difference: `status` tells it.
        if wiki.held.is_some() {
            return Ok(done);
        }
        let request = Request {
            what: What::Newest,
            why: "a push that nobody told of".to_owned(),
            event: "reconcile".to_owned(),
            asker: attempt::Asker::Push,
            wait: true,
        };
        match attempt::locked(engine, wiki, &request)? {
            Outcome::Deployed(release) => done.push(format!("deployed {}", release.release)),
            Outcome::Unchanged(_) => {}
            // Somebody has to decide, and is told as often as this is asked.
            Outcome::Skipped(why) => done.push(why),
        }
    }
    Ok(done)
}

/// Whether a deploy would find nothing to do, as far as the remote repository has said already: it is not asked once more
/// for each wiki. Where that cannot be known, the deploy finds out, and tells.
fn serves_the_newest(engine: &Engine<'_>, wiki: &Wiki, served: &Release, newest: Option<&Sha>) -> bool {
    let is_settled = wiki.broken.is_none() && wiki.desired.as_ref().map(|desired| &desired.code) == newest;
    if !is_settled || newest != Some(&served.code) {
        return false;
    }
    if engine.options.config == Live::Seed {
        return served.config.is_none();
    }
    let work = home::work_tree(engine.options, &wiki.name);
    config_repository::head(wiki, &work).is_ok_and(|head| head == served.config)
}

/// Branches without a wiki, which are only told.
fn strangers(engine: &Engine<'_>, remote: &BTreeMap<String, Sha>, found: &mut Reconciled) -> Result<(), Problem> {
    let (wikis, damaged) = registry::readable(&engine.options.layout).map_err(|error| of_registry(&error))?;
    for reference in remote.keys() {
        let Some(label) = reference.strip_prefix("refs/heads/wiki/") else { continue };
        let text = match Name::new(label) {
            Ok(name) if wikis.contains_key(&name) || damaged.contains_key(&name) => continue,
            Ok(name) if engine.options.create_from_branches => {
                match create::create(engine, &create::Asked::of(&name)) {
                    Ok(_) => {
                        found.wikis.insert(name, vec!["made it, as its branch was there".to_owned()]);
                    }
                    Err(problem) => found.problems.push(problem),
                }
                continue;
            }
            Ok(name) => format!("the branch `{reference}` has no wiki; `mwfarm wiki create {name}` would make it"),
            Err(error) => format!("the branch `{}` is no wiki's: {error}", reference.escape_debug()),
        };
        found.strangers.push(text);
    }
    Ok(())
}
