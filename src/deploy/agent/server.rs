//! A server that has nothing of a wiki yet, and shall run it; or that ran it, and shall no more.

use super::super::engine::{Engine, of_registry};
use super::super::options::Options;
use super::super::order::Order;
use super::super::record::{State, Wiki};
use super::super::release::{ReleaseId, Sha};
use super::super::releases::{self, unusable};
use super::super::{assemble, attempt, bare, cache, config_repository, home, registry, repository, users, web};
use super::{missing, site, switch};
use crate::disk;
use crate::report::{ExitCode, Problem};

/// Makes sure of all that a wiki has on an app server, and has it served: what an engine would ask for step by step. Each
/// step looks at what is there, and one that is switched has answered where releases are tried.
pub(super) fn ensure(engine: &Engine<'_>, order: &Order) -> Result<bool, Problem> {
    let options = engine.options;
    let layout = &options.layout;
    let wiki = &order.wiki;
    let Wanted { release, code } = check(engine.options, order)?;
    // Before anything is made: nothing else is done until they are there.
    secrets_are_there(engine, wiki)?;
    let mut changed = user(engine, wiki)?;
    secrets_are_open(engine, wiki)?;
    changed |= home::ensure_directories(options, wiki)?;
    changed |= cache::ensure_class(options)?;
    changed |= prepare(engine, wiki, release, code, order.config.as_ref())?;
    if let Some(site) = site(options, wiki) {
        changed |= web::apply::ensure_site(options, &site)?;
    }
    let served = releases::current(layout, &wiki.name)?;
    let is_new = served.as_ref() != Some(release);
    if is_new {
        let next = layout.next(&wiki.name);
        switch(engine, wiki, release, &next)?;
        let tried = engine.check(wiki, &engine.next_host(&wiki.name)?, release);
        releases::unlink(&next, &wiki.name)?;
        tried.map_err(|reason| {
            let problem =
                Problem::new(ExitCode::Failed, format!("{} of `{}` does not work here", code.short(), wiki.name));
            let served = served.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
            problem.cause(reason).cause(format!("nothing was switched; what is served: {served}"))
        })?;
        switch(engine, wiki, release, &layout.current(&wiki.name))?;
        changed = true;
    }
    // As a deploy does: without it, old releases would fill the disk, and OPcache.
    if is_new || releases::list(layout, &wiki.name)?.len() > options.keep {
        attempt::prune(engine, wiki)?;
    }
    Ok(changed)
}

/// What has to be said to have a release served.
pub(super) struct Wanted<'o> {
    release: &'o ReleaseId,
    code: &'o Sha,
}

/// What an order to have a wiki served has to say, before anything is done.
pub(super) fn check<'o>(options: &Options, order: &'o Order) -> Result<Wanted<'o>, Problem> {
    if let Some(range) = options.users
        && !order.wiki.uid.is_some_and(|uid| (range.from..=range.to).contains(&uid))
    {
        let number = order.wiki.uid.map_or_else(|| "none".to_owned(), |uid| uid.to_string());
        let (name, from, to) = (&order.wiki.name, range.from, range.to);
        let what = format!("the user of `{name}` has number {number}, and this server's are {from} to {to}");
        return Err(Problem::new(ExitCode::Usage, what).hint("`deploy.users` of mwfarm.yml is the same on all servers"));
    }
    let release = order.release.as_ref().ok_or_else(|| missing("release"))?;
    let code = order.code.as_ref().ok_or_else(|| missing("code"))?;
    Ok(Wanted { release, code })
}

/// Makes a release of commits that are brought here.
pub(super) fn prepare(
    engine: &Engine<'_>,
    wiki: &Wiki,
    release: &ReleaseId,
    code: &Sha,
    config: Option<&Sha>,
) -> Result<bool, Problem> {
    // What a death has left.
    releases::clear_staging(&engine.options.layout, &wiki.name)?;
    if releases::read(&engine.options.layout, &wiki.name, release)?.is_some() {
        return Ok(false);
    }
    bring(engine, wiki, code)?;
    if let Some(config) = config {
        config_repository::bring(engine.options, wiki, config, &home::work_tree(engine.options, &wiki.name))?;
    }
    assemble::assemble(engine, wiki, release, code, config)
}

/// Makes sure that the commit of a release which is to be made is in the repository of this server, and stays.
fn bring(engine: &Engine<'_>, wiki: &Wiki, code: &Sha) -> Result<(), Problem> {
    let options = engine.options;
    if !repository::has(&repository::core(options), code) {
        repository::ensure(options)?;
        repository::fetch(options, &wiki.branch)?;
        if !repository::has(&repository::core(options), code) {
            let what = format!("`{}` of the core repository has no commit {code}", wiki.branch);
            return Err(
                Problem::new(ExitCode::Failed, what).hint("see whether the branch was forced to another history")
            );
        }
    }
    repository::pin(options, &wiki.name, code)
}

/// The user and the group with the number that the wiki has on all servers; of its owners, those whom this one knows.
fn user(engine: &Engine<'_>, wiki: &Wiki) -> Result<bool, Problem> {
    let mut here = Wiki { owners: Vec::new(), ..wiki.clone() };
    for owner in &wiki.owners {
        if users::number(owner)?.is_some() {
            here.owners.push(owner.clone());
        }
    }
    users::ensure(engine.options, &here)
}

/// The file with the wiki's secrets, which no order brings: who may read orders and logs would read them.
fn secrets_are_there(engine: &Engine<'_>, wiki: &Wiki) -> Result<(), Problem> {
    let path = engine.options.layout.secrets(&wiki.name);
    match disk::look(&path).map_err(|error| unusable(&path, &error))? {
        Some(found) if found.is_file() => Ok(()),
        _ => {
            let what = format!("`{}` is not there: an order brings no secrets", path.display());
            let hint = "copy it from the server that deploys, as one brings secrets to servers; after each start, too";
            Err(Problem::new(ExitCode::Failed, what).hint(hint))
        }
    }
}

/// It has to be readable for the wiki, and for no other one.
fn secrets_are_open(engine: &Engine<'_>, wiki: &Wiki) -> Result<(), Problem> {
    let path = engine.options.layout.secrets(&wiki.name);
    let owner = users::owner(engine.options, wiki);
    let owner = disk::Owner { uid: disk::Owner::us().uid, gid: owner.gid };
    let content = disk::read_optional(&path).map_err(|error| unusable(&path, &error))?.unwrap_or_default();
    disk::own_file(&path, &content, owner, 0o440).map(drop).map_err(|error| unusable(&path, &error))
}

/// Takes away all that [`ensure`] made, but for the home: files of pages may be on storage that other servers use.
pub(super) fn remove(engine: &Engine<'_>, wiki: &Wiki) -> Result<bool, Problem> {
    let options = engine.options;
    let (layout, name) = (&options.layout, &wiki.name);
    let known = registry::find(layout, name).map_err(|error| of_registry(&error))?;
    if known.is_some_and(|known| known.state != State::Deleting) {
        let what = format!("the registry of this server has `{name}`");
        return Err(
            Problem::new(ExitCode::Usage, what).hint(format!("`mwfarm wiki delete {name}` deletes it everywhere"))
        );
    }
    let mut changed = web::apply::remove_site(options, name)?;
    changed |= users::remove(options, wiki)?;
    for link in [layout.next(name), layout.current(name)] {
        changed |= disk::look(&link).map_err(|error| unusable(&link, &error))?.is_some();
        releases::unlink(&link, name)?;
    }
    let secrets = layout.secrets(name);
    let releases = layout.releases(name);
    changed |= disk::look(&releases).map_err(|error| unusable(&releases, &error))?.is_some();
    releases::clear(layout, name)?;
    let copy = layout.config_copy(name);
    for path in [bare::staged(&copy), copy, secrets] {
        changed |= disk::look(&path).map_err(|error| unusable(&path, &error))?.is_some();
        disk::clear(&path).map_err(|error| unusable(&path, &error))?;
    }
    if disk::is_directory(&layout.core()) {
        for pin in repository::pins(options, name)? {
            repository::unpin(options, name, &pin)?;
        }
    }
    Ok(changed)
}
