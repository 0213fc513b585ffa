//! Making a wiki: each step is made sure of, in an order that never shows half a wiki; the route comes last.

use std::collections::BTreeSet;

use super::agent;
use super::attempt::{self, Outcome, Request, What};
use super::engine::{Engine, goes_on, of_lock, of_registry};
use super::git;
use super::journal::{Entry, Stage};
use super::lock;
use super::name::Name;
use super::options::{Backend, Options, Web};
use super::order::{Action, Order};
use super::record::{State, Wiki};
use super::release::{Release, Sha};
use super::{cache, database, home, list, ready, recover, registry, releases, repository, secrets, users, web};
use crate::disk;
use crate::farm::Host;
use crate::report::{ExitCode, Problem, Verbosity};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The wiki's name.
    pub name: Name,
    /// The full ref that its branch begins with.
    pub base: Option<String>,
    /// Who may become it.
    pub owners: Vec<String>,
    /// Where it answers, when that does not follow the name.
    pub host: Option<Host>,
    /// For how many seconds.
    pub ttl: Option<u64>,
    /// What serves it, when that is not what serves the farm's wikis.
    pub web: Option<Backend>,
}

impl Asked {
    /// A wiki of which nothing but the name is said.
    #[must_use]
    pub fn of(name: &Name) -> Self {
        Self { name: name.clone(), base: None, owners: Vec::new(), host: None, ttl: None, web: None }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The wiki.
    pub wiki: Wiki,
    /// What it serves.
    pub release: Release,
    /// The steps that changed something.
    pub changed: Vec<&'static str>,
}

/// The steps, in order, as a plan shows them and a record names the one that failed.
pub const STEPS: [&str; 11] =
    ["registry", "list", "user", "branch", "secrets", "home", "database", "cache", "code", "route", "ready"];

/// What asking for a wiki would come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The wiki's name.
    pub name: Name,
    /// Where it would answer.
    pub host: Host,
    /// What its branch begins with.
    pub base: String,
    /// How far it is; `None`: nobody has asked for it yet.
    pub state: Option<State>,
    /// What is left to be made, in order.
    pub steps: Vec<&'static str>,
}

/// Says what asking would come to, by the same decisions, and neither changes nor notes anything.
///
/// # Errors
/// What [`create`] would refuse.
pub fn plan(engine: &Engine<'_>, asked: &Asked) -> Result<Plan, Problem> {
    let options = engine.options;
    let host = check(options, asked)?;
    let plan = |state, base: &str, steps: &[&'static str]| {
        Ok(Plan { name: asked.name.clone(), host: host.clone(), base: base.to_owned(), state, steps: steps.to_vec() })
    };
    let Some(wiki) = registry::find(&options.layout, &asked.name).map_err(|error| of_registry(&error))? else {
        // A farm without a repository has no wikis yet, and no branches of theirs.
        let core = options.layout.core();
        if disk::look(&core).map_err(|error| releases::unusable(&core, &error))?.is_some() {
            branch_is_free(options, asked)?;
        }
        name_is_free(options, &asked.name)?;
        ready::check(options, asked.web)?;
        return plan(None, asked.base.as_deref().unwrap_or(&options.base), &STEPS);
    };
    let wiki = same(options, wiki, asked, &host)?;
    let made = wiki.state == State::Ready && wiki.broken.is_none();
    plan(Some(wiki.state), &wiki.base, if made { &[] } else { &STEPS[1..] })
}

/// Makes a wiki, or finishes making it.
///
/// # Errors
/// The name, the host, the base or an owner is refused, and nothing is made; or a step failed: running it again goes on
/// from there.
pub fn create(engine: &Engine<'_>, asked: &Asked) -> Result<Created, Problem> {
    let options = engine.options;
    let host = check(options, asked)?;
    let _lock = lock::wiki(&options.layout, &asked.name, true).map_err(|error| of_lock(&error))?;
    let known = registry::find(&options.layout, &asked.name).map_err(|error| of_registry(&error))?;
    let mut changed = Vec::new();
    let mut wiki = if let Some(wiki) = known {
        same(options, wiki, asked, &host)?
    } else {
        engine.begins(&asked.name, "registry");
        repository::ensure(options)?;
        branch_is_free(options, asked)?;
        name_is_free(options, &asked.name)?;
        ready::check(options, asked.web)?;
        changed.push("registry");
        enter(engine, asked, host)?
    };
    let release = finished(engine, &mut wiki, &mut changed)
        .map_err(|problem| goes_on(problem, &format!("mwfarm wiki create {}", asked.name)))?;
    Ok(Created { wiki, release, changed })
}

/// Goes on with a wiki that is not finished; one that is, or is gone, is left alone.
///
/// # Errors
/// A step failed.
pub fn finish(engine: &Engine<'_>, name: &Name) -> Result<Option<Release>, Problem> {
    let layout = &engine.options.layout;
    let _lock = lock::wiki(layout, name, true).map_err(|error| of_lock(&error))?;
    match registry::find(layout, name).map_err(|error| of_registry(&error))? {
        Some(mut wiki) if wiki.state == State::Provisioning => finished(engine, &mut wiki, &mut Vec::new()).map(Some),
        _ => Ok(None),
    }
}

fn finished(engine: &Engine<'_>, wiki: &mut Wiki, changed: &mut Vec<&'static str>) -> Result<Release, Problem> {
    let release = provision(engine, wiki, changed)?;
    if wiki.state != State::Ready || wiki.broken.is_some() {
        engine.begins(&wiki.name, "ready");
        wiki.state = State::Ready;
        wiki.broken = None;
        engine.put(wiki)?;
    }
    Ok(release)
}

/// What can be known to be wrong before anything is made. Gives the wiki's host.
fn check(options: &Options, asked: &Asked) -> Result<Host, Problem> {
    let refuse = |what: String| Problem::new(ExitCode::Usage, what);
    let host = match &asked.host {
        Some(host) => host.clone(),
        None => options.host(&asked.name).map_err(|error| refuse(error.to_string()))?,
    };
    check_host(options, &host)?;
    if let Some(base) = asked.base.as_deref().filter(|base| !git::is_ref(base)) {
        return Err(refuse(format!("`{base}` is no full name of a ref")).hint("such as `refs/heads/master`"));
    }
    if let (Some(web), Web::None) = (asked.web, options.web) {
        let what = format!("`--web {}` is not possible: mwfarm configures no web server", web.word());
        return Err(refuse(what).cause(format!("{}, field `deploy.web`: none", super::options::FILE)));
    }
    users::check_owners(options, &asked.name, &asked.owners)?;
    list::check(options)?;
    free(options, &asked.name, &host)?;
    Ok(host)
}

/// Refuses a host that no wiki of the farm can have.
pub(super) fn check_host(options: &Options, host: &Host) -> Result<(), Problem> {
    let refuse = |what: String| Err(Problem::new(ExitCode::Usage, what));
    match host.as_str().strip_suffix(options.zone.as_str()).and_then(|rest| rest.strip_suffix('.')) {
        None | Some("") => refuse(format!("`{host}` is not in the zone `{}`", options.zone)),
        Some(label) if label.contains(['.', '/']) || label.contains("--") => {
            refuse(format!("`{host}` is not directly below `{}`", options.zone))
        }
        Some(_) => Ok(()),
    }
}

/// Refuses a host that another wiki has, or could have.
fn free(options: &Options, name: &Name, host: &Host) -> Result<(), Problem> {
    let layout = &options.layout;
    let (wikis, damaged) = registry::readable(layout).map_err(|error| of_registry(&error))?;
    let is_of = |other: &Name| Problem::new(ExitCode::Usage, format!("`{host}` is the host of the wiki `{other}`"));
    if let Some(other) = wikis.values().find(|wiki| wiki.host == *host && wiki.name != *name) {
        return Err(is_of(&other.name));
    }
    if wikis.get(name).is_some_and(|wiki| wiki.host == *host) {
        return Ok(());
    }
    for (other, error) in damaged.iter().filter(|(other, _)| *other != name) {
        let claimed = registry::claims(layout, other).0;
        if claimed.as_ref() == Some(host) || options.host(other).is_ok_and(|usual| usual == *host) {
            return Err(is_of(other).cause(error.to_string()));
        }
        // One that is on the web answers at a host that is routed, and that no other one has.
        let is_known = claimed.is_some() || web::apply::has_site(options, other)?;
        if !is_known || web::apply::routed(options)?.iter().any(|(routed, _)| routed == host) {
            let what = format!("`{host}` may be the host of the wiki `{other}`, whose record cannot be read");
            return Err(Problem { what, ..of_registry(error) }.cause(error.to_string()));
        }
    }
    Ok(())
}

/// Refuses a base that there is not, and a branch that somebody made, with another history than is asked for: it would be
/// deployed instead. That of a wiki which was deleted was kept for the next one of its name.
fn branch_is_free(options: &Options, asked: &Asked) -> Result<(), Problem> {
    let remote = repository::ls_remote(options)?.refs;
    let branch = Options::branch(&asked.name);
    let base = asked.base.as_ref().unwrap_or(&options.base);
    let Some(tip) = remote.get(&branch) else {
        // Whether a branch has a commit is seen when it is here.
        if remote.contains_key(base) || Sha::new(base).is_some() {
            return Ok(());
        }
        let what = format!("the core repository has no branch `{}`", base.escape_debug());
        return Err(match asked.base {
            Some(_) => Problem::new(ExitCode::Usage, what),
            None => Problem::new(ExitCode::Farm, what).cause(format!("{}, field `deploy.base`", super::options::FILE)),
        });
    };
    if remote.get(base) == Some(tip) || base == tip.as_str() {
        return Ok(());
    }
    let journal = options.layout.journal(&asked.name);
    let was_there = disk::look(&journal).map_err(|error| releases::unusable(&journal, &error))?.is_some();
    if asked.base.is_none() && (was_there || options.create_from_branches) {
        return Ok(());
    }
    let what = format!("the branch `{branch}` is there, at {}, and does not begin with `{base}`", tip.short());
    Err(Problem::new(ExitCode::Usage, what).hint(format!("`--base {branch}` takes it as it is")))
}

/// A wiki that is there already, if nothing else is asked for than what it is.
fn same(options: &Options, wiki: Wiki, asked: &Asked, host: &Host) -> Result<Wiki, Problem> {
    let refuse = |what: String, hint: &str| Err(Problem::new(ExitCode::Usage, what).hint(hint));
    let name = &wiki.name;
    match wiki.state {
        State::Provisioning | State::Ready => {}
        State::Archived => {
            return refuse(format!("`{name}` is archived"), "`mwfarm wiki restore` brings it back");
        }
        State::Deleting => {
            return refuse(format!("`{name}` is being deleted"), "`mwfarm wiki delete` finishes that");
        }
    }
    if wiki.host != *host {
        return refuse(format!("`{name}` is there, and answers at `{}`", wiki.host), "leave `--host` out");
    }
    if asked.base.as_ref().is_some_and(|base| *base != wiki.base) {
        return refuse(format!("`{name}` is there, and began with `{}`", wiki.base), "leave `--base` out");
    }
    // Who asks for a name that is taken must not get the wiki of somebody else.
    let sorted = |owners: &[String]| owners.iter().cloned().collect::<BTreeSet<_>>();
    if !asked.owners.is_empty() && sorted(&asked.owners) != sorted(&wiki.owners) {
        let owners = if wiki.owners.is_empty() { "nobody".to_owned() } else { wiki.owners.join(", ") };
        let hint = "leave `--owner` out, or choose another name; `mwfarm wiki owners` gives it to somebody else";
        return refuse(format!("`{name}` is there, and is owned by {owners}"), hint);
    }
    let left = |expires: u64| expires.saturating_sub(wiki.created);
    if asked.ttl.is_some_and(|ttl| wiki.expires.is_none_or(|expires| left(expires).abs_diff(ttl) > 1)) {
        let hint = "leave `--ttl` out; `mwfarm wiki ttl` gives it another time";
        return refuse(format!("`{name}` is there, for another time"), hint);
    }
    if let Some(there) = options.backend(&wiki).filter(|there| asked.web.is_some_and(|web| web != *there)) {
        return refuse(format!("`{name}` is there, and is served by `{}`", there.word()), "leave `--web` out");
    }
    Ok(wiki)
}

/// Refuses a name of which something is there without a record: it is somebody else's, or was left by hand.
fn name_is_free(options: &Options, name: &Name) -> Result<(), Problem> {
    let layout = &options.layout;
    for path in [layout.home(name), layout.releases(name), layout.private(name), layout.current(name)] {
        if disk::look(&path).map_err(|error| releases::unusable(&path, &error))?.is_some() {
            let what = format!("`{}` is there, and the registry knows no wiki `{name}`", path.display());
            return Err(Problem::new(ExitCode::Usage, what).hint("move it away, or choose another name"));
        }
    }
    Ok(())
}

/// Takes name and number.
fn enter(engine: &Engine<'_>, asked: &Asked, host: Host) -> Result<Wiki, Problem> {
    let options = engine.options;
    let layout = &options.layout;
    let name = &asked.name;
    let uid = match options.users {
        None => None,
        Some(range) => Some(registry::allocate(layout, range, users::is_taken)?),
    };
    // Two that ask for one host at once must not both get it.
    let _farm = lock::farm(layout).map_err(|error| of_lock(&error))?;
    free(options, name, &host)?;
    let now = disk::now();
    let wiki = Wiki {
        owners: asked.owners.clone(),
        created: now,
        expires: asked.ttl.map(|ttl| now + ttl),
        web: asked.web,
        ..Wiki::new(name.clone(), host, asked.base.as_deref().unwrap_or(&options.base), uid)
    };
    engine.add(name, &Entry { uid, ..engine.entry(0, Stage::Noted, "asked for") })?;
    engine.put(&wiki)?;
    Ok(wiki)
}

/// Makes sure of everything that a wiki has. What changed is added to `changed`.
///
/// # Errors
/// A step failed; the record names it.
pub fn provision(engine: &Engine<'_>, wiki: &mut Wiki, changed: &mut Vec<&'static str>) -> Result<Release, Problem> {
    belongings(engine, wiki, changed)?;
    engine.begins(&wiki.name, "code");
    let release = code(engine, wiki, true, changed)?;
    if engine.step(wiki, "route", |_| route(engine))? {
        changed.push("route");
    }
    if !changed.is_empty() {
        let changed = changed.join(", ");
        engine.reporter.note(Verbosity::Verbose, &format!("made of `{}`: {changed}", wiki.name));
    }
    Ok(release)
}

/// The same of a wiki that is made, where whoever looks at all wikis has made sure of what they have in common: list,
/// cache and routes, and their sites if `site` is false. These cost as much as there are wikis, and would for each one.
///
/// # Errors
/// As of [`provision`].
pub fn keep(
    engine: &Engine<'_>,
    wiki: &mut Wiki,
    site: bool,
    changed: &mut Vec<&'static str>,
) -> Result<Release, Problem> {
    ensure_own(engine, wiki, changed)?;
    if changed.contains(&"secrets") {
        // The cache knew others, or none.
        engine.step(wiki, "cache", |_| cache::ensure(engine.options))?;
    }
    code(engine, wiki, site, changed)
}

/// Everything but code and route.
///
/// # Errors
/// A step failed; the record names it.
pub fn belongings(engine: &Engine<'_>, wiki: &mut Wiki, changed: &mut Vec<&'static str>) -> Result<(), Problem> {
    // The farm's settings are compiled for the wikis that it lists.
    engine.step(wiki, "list", |_| list::ensure(engine.options))?;
    ensure_own(engine, wiki, changed)?;
    if engine.step(wiki, "cache", |_| cache::ensure(engine.options))? {
        changed.push("cache");
    }
    Ok(())
}

/// What is this wiki's alone.
fn ensure_own(engine: &Engine<'_>, wiki: &mut Wiki, changed: &mut Vec<&'static str>) -> Result<(), Problem> {
    let options = engine.options;
    let mut note = |did: bool, step: &'static str| {
        if did {
            changed.push(step);
        }
    };
    note(engine.step(wiki, "user", |wiki| users::ensure(options, wiki))?, "user");
    engine.step(wiki, "branch", |wiki| {
        // Once: a branch that somebody deletes later is not made again behind their back.
        if wiki.state == State::Provisioning {
            repository::ensure(options)?;
            repository::create_branch(options, &wiki.base, &wiki.branch)?;
        }
        Ok(())
    })?;
    note(engine.step(wiki, "secrets", |wiki| secrets::ensure(options, wiki))?, "secrets");
    note(engine.step(wiki, "home", |wiki| home::ensure(options, wiki))?, "home");
    note(engine.step(wiki, "database", |wiki| database::ensure(options, wiki))?, "database");
    Ok(())
}

/// A release is served, and the web server knows the wiki: looked at if `site` is true.
fn code(engine: &Engine<'_>, wiki: &mut Wiki, site: bool, changed: &mut Vec<&'static str>) -> Result<Release, Problem> {
    recover::recover(engine, wiki)?;
    if let Some(served) = attempt::served(engine, wiki)? {
        if site {
            let order = Order::new(Action::Serve, wiki);
            if engine.step(wiki, "code", |_| agent::apply(engine, &order))? {
                changed.push("code");
            }
        }
        // A first release that did not answer is linked all the same: there is none to go back to.
        if wiki.state != State::Provisioning || engine.check(wiki, &wiki.host, &served.release).is_ok() {
            return Ok(served);
        }
    }
    if let Some(lost) = lost(engine, wiki)? {
        changed.push("code");
        return Ok(lost);
    }
    let request = |what| Request {
        what,
        why: "the wiki's first release".to_owned(),
        event: "create".to_owned(),
        asker: attempt::Asker::ForOne,
        wait: true,
    };
    changed.push("code");
    let mut outcome = attempt::locked(engine, wiki, &request(What::Newest))?;
    if matches!(outcome, Outcome::Unchanged(_)) {
        // These are the commits that did not answer: what they lacked may be there now.
        outcome = attempt::locked(engine, wiki, &request(What::Again))?;
    }
    match outcome {
        Outcome::Deployed(release) | Outcome::Unchanged(release) => Ok(release),
        Outcome::Skipped(why) => Err(Problem::new(ExitCode::Failed, why)),
    }
}

/// A wiki that was made and has lost its link serves its newest good release again, held or not: that is no deploy.
fn lost(engine: &Engine<'_>, wiki: &Wiki) -> Result<Option<Release>, Problem> {
    let layout = &engine.options.layout;
    if wiki.state != State::Ready || releases::current(layout, &wiki.name)?.is_some() {
        return Ok(None);
    }
    let is_bad = |release: &Release| wiki.is_bad(&release.code, release.config.as_ref()).is_some();
    let Some(release) = releases::newest(layout, &wiki.name, is_bad)? else { return Ok(None) };
    releases::switch(&layout.current(&wiki.name), &wiki.name, &release.release)?;
    let answer = engine.check(wiki, &wiki.host, &release.release);
    answer.map(|()| Some(release)).map_err(|reason| {
        let what = format!("the link of `{}` was lost, and it does not answer as it should", wiki.name);
        Problem::new(ExitCode::Failed, what).cause(reason)
    })
}

/// The web servers know all wikis that are ready; what is said of one whose record cannot be read stays. Says whether
/// anything changed.
///
/// # Errors
/// The registry as a whole cannot be read, or a daemon refuses the configuration of one of them: then none is changed.
pub fn sites(engine: &Engine<'_>) -> Result<bool, Problem> {
    web::apply::ensure_sites(engine.options, || {
        let (wikis, _) = registry::readable(&engine.options.layout).map_err(|error| of_registry(&error))?;
        // Also one that has lost its link: it gets it back, and is asked then.
        Ok(wikis
            .values()
            .filter(|wiki| wiki.state == State::Ready)
            .filter_map(|wiki| agent::site(engine.options, wiki))
            .collect())
    })
}

/// The proxy knows all wikis that are ready, and those of which everything else is made. As long as a record cannot be
/// read, or what an engine has told of a wiki, it also knows the hosts that it knew and that no other wiki has.
///
/// # Errors
/// The registry as a whole cannot be read, or the proxy refuses its configuration.
pub fn route(engine: &Engine<'_>) -> Result<bool, Problem> {
    web::apply::ensure_routes(engine.options, || {
        let layout = &engine.options.layout;
        let (wikis, damaged) = registry::readable(layout).map_err(|error| of_registry(&error))?;
        // On an app server, the registry knows none.
        let told = agent::routes(engine.options, &wikis)?;
        let is_all = damaged.is_empty() && told.all;
        let mut hosts = if is_all { Vec::new() } else { web::apply::routed(engine.options)? };
        let of_told = |host: &Host| told.withdrawn.contains(host) || told.served.iter().any(|(of, _)| of == host);
        hosts.retain(|(host, _)| wikis.values().all(|wiki| wiki.host != *host) && !of_told(host));
        hosts.extend(told.served);
        for (name, wiki) in wikis {
            let is_served = match wiki.state {
                State::Ready => true,
                // Another wiki's link that is none is told with that wiki.
                State::Provisioning => releases::current(layout, &name).is_ok_and(|current| current.is_some()),
                State::Archived | State::Deleting => false,
            };
            if is_served && let Some(backend) = engine.options.backend(&wiki) {
                hosts.push((wiki.host, backend));
            }
        }
        Ok(hosts)
    })
}
