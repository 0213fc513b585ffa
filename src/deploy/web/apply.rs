//! Writes the configuration of what serves, and has the daemons take it.
//!
//! Each step can be repeated, and a death between any two of them is made good by the next call: what has to be written
//! is seen on the disk, and what has to be loaded is asked of the daemon itself, which says by what it serves.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::daemon::{self, Daemon};
use super::{Generated, Origin, Site};
use crate::deploy::lock;
use crate::deploy::name::Name;
use crate::deploy::options::{Backend, Options, Web};
use crate::disk;
use crate::farm::Host;
use crate::key::sha256;
use crate::report::{ExitCode, Problem};

/// Larger files are no configuration of ours.
const LARGEST: u64 = 16 << 20;

/// Writes what a daemon's own configuration includes, so that it can start before there is any wiki. All functions here
/// do that first. Says whether anything changed.
///
/// # Errors
/// As of [`ensure_site`].
pub fn ensure_farm(options: &Options) -> Result<bool, Problem> {
    publish(options, Change::default())
}

/// Has a wiki served by what is behind the proxy. Says whether anything changed. When it returns, the daemons serve by
/// it. Nothing is written or told to them when all is as it should be.
///
/// # Errors
/// A file lies there that mwfarm did not write; a daemon refuses its configuration (what was there before is put back);
/// a daemon does not run (the configuration stays, so that repeating is enough); or the system refuses.
pub fn ensure_site(options: &Options, site: &Site) -> Result<bool, Problem> {
    ensure_sites(options, || Ok(vec![site.clone()]))
}

/// The same of many at once, which costs as much as there are, and not for each of them. They are asked for when nobody
/// else can write the configuration.
///
/// # Errors
/// As of [`ensure_site`]: one that is refused keeps the others back. And those of `sites`.
pub fn ensure_sites(options: &Options, sites: impl FnOnce() -> Result<Vec<Site>, Problem>) -> Result<bool, Problem> {
    let (mut moved, mut left) = (Vec::new(), Vec::new());
    let mut changed = publish_with(options, || {
        let mut change = Change::default();
        for site in sites()? {
            for daemon in super::DAEMONS {
                let file = super::site(options, daemon, &site);
                let file = file.map_err(|error| Problem::from_error(ExitCode::Usage, &error))?;
                let path = super::site_path(options, daemon, &site.name);
                if file.is_none() && read(&path)?.is_some() {
                    moved.push((site.host.clone(), site.backend));
                    left.push(path);
                }
                change.put.extend(file);
            }
        }
        Ok(change)
    })?;
    if !left.is_empty() {
        // Another backend serves them from now on: nobody is sent to the one of before when it forgets them.
        changed |= publish_with(options, || {
            let routes = read(&super::routes_path(options))?.unwrap_or_default();
            let routes = super::rerouted(options, &String::from_utf8_lossy(&routes), &moved);
            Ok(Change { put: vec![routes], ..Change::default() })
        })?;
        changed |= publish(options, Change { remove: left, ..Change::default() })?;
    }
    Ok(changed)
}

/// Whether anything says that a wiki is served.
///
/// # Errors
/// Those of the system.
pub fn has_site(options: &Options, name: &Name) -> Result<bool, Problem> {
    for daemon in super::DAEMONS.into_iter().filter(|_| options.web != Web::None) {
        let path = super::site_path(options, daemon, name);
        if disk::look(&path).map_err(|error| system(&path, &error))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Has a wiki no longer served by what is behind the proxy. Says whether anything changed.
///
/// # Errors
/// As of [`ensure_site`], except that daemons need not run.
pub fn remove_site(options: &Options, name: &Name) -> Result<bool, Problem> {
    let remove = super::DAEMONS.map(|daemon| super::site_path(options, daemon, name)).to_vec();
    publish(options, Change { remove, ..Change::default() })
}

/// Has the proxy know these hosts, with what is behind it for each, and no others. Says whether anything changed. They
/// are asked for when nobody else can write the configuration: of two who add a host each, the second one finds what the
/// first one did.
///
/// # Errors
/// As of [`ensure_site`], and those of `hosts`.
pub fn ensure_routes(
    options: &Options,
    hosts: impl FnOnce() -> Result<Vec<(Host, Backend)>, Problem>,
) -> Result<bool, Problem> {
    publish_with(options, || Ok(Change { put: vec![super::routes(options, &hosts()?)], ..Change::default() }))
}

/// The hosts that the proxy knows and what is behind it for each, as its file says.
///
/// # Errors
/// Something else is there, or the system refuses.
pub fn routed(options: &Options) -> Result<Vec<(Host, Backend)>, Problem> {
    let text = read(&super::routes_path(options))?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let apache = format!("{};", options.services.address(Backend::Itk));
    let route = |(host, address): (&str, &str)| {
        let backend = if address == apache { Backend::Itk } else { Backend::Fpm };
        Host::new(host).ok().map(|host| (host, backend))
    };
    Ok(text.lines().filter_map(|line| line.split_once(' ')).filter_map(route).collect())
}

/// What is to be on disk.
#[derive(Debug, Default)]
struct Change {
    put: Vec<Generated>,
    remove: Vec<PathBuf>,
}

/// A file that has to be written or removed, and what is there.
#[derive(Debug)]
struct Step {
    path: PathBuf,
    before: Option<Vec<u8>>,
    after: Option<Vec<u8>>,
}

fn publish(options: &Options, change: Change) -> Result<bool, Problem> {
    publish_with(options, || Ok(change))
}

fn publish_with(options: &Options, change: impl FnOnce() -> Result<Change, Problem>) -> Result<bool, Problem> {
    if options.web == Web::None {
        return Ok(false);
    }
    super::check(options).map_err(|reason| Problem::new(ExitCode::Farm, reason))?;
    let layout = &options.layout;
    let _held = lock::web(layout).map_err(|error| Problem::from_error(ExitCode::Failed, &error))?;

    let mut change = change()?;
    let removes = !change.remove.is_empty();
    let told = complete(options, &mut change)?;
    let steps = steps(change)?;
    // The order in which nobody is sent to what is not there yet, or no longer.
    let mut order = super::DAEMONS;
    if removes {
        order.reverse();
    }
    let stale: Vec<Daemon> = order.into_iter().filter(|daemon| is_stale(options, *daemon, &told[daemon])).collect();
    let result = steps.iter().try_for_each(|step| write(&step.path, step.after.as_deref()));
    let result = result.and_then(|()| stale.iter().try_for_each(|&daemon| daemon::check(options, daemon)));
    if let Err(problem) = result {
        return Err(restore(&steps, problem));
    }
    for &daemon in &stale {
        if removes && !daemon::is_running(options, daemon) {
            continue;
        }
        daemon::reload(options, daemon, &told[&daemon].digest)?;
    }
    Ok(!steps.is_empty() || !stale.is_empty())
}

/// What is said to a daemon.
#[derive(Debug)]
struct Said {
    /// The digest of all of it.
    digest: String,
    /// Whether it has anything to do: it serves wikis, or did, or the farm's wikis are served by it as a rule.
    is_used: bool,
}

/// Whether a daemon has to be told what is said to it. One that is not used may not be there at all; if it is, and was
/// told of wikis once, it serves on what is gone.
fn is_stale(options: &Options, daemon: Daemon, told: &Said) -> bool {
    if !told.is_used && !daemon::is_running(options, daemon) {
        return false;
    }
    daemon::loaded(options, daemon).map_or(told.is_used, |loaded| loaded != told.digest)
}

/// Adds what every configuration has, and tells for each daemon the digest of all that will be said to it.
fn complete(options: &Options, change: &mut Change) -> Result<BTreeMap<Daemon, Said>, Problem> {
    let etc = options.layout.etc();
    let sockets = options.layout.sockets();
    let directories = super::DAEMONS.into_iter().map(|daemon| super::site_directory(options, daemon));
    for directory in directories.chain([etc.clone(), sockets]) {
        disk::make_directories(&directory).map_err(|error| system(&directory, &error))?;
        // Left by a death; only the holder of the lock writes here.
        disk::sweep(&directory).map_err(|error| system(&directory, &error))?;
    }
    let routes = super::routes_path(options);
    if !change.put.iter().any(|file| file.path == routes) && read(&routes)?.is_none() {
        change.put.push(super::routes(options, []));
    }
    change.put.push(super::local_settings(options));
    let mut told = BTreeMap::new();
    let put: BTreeMap<PathBuf, String> =
        change.put.iter().map(|file| (file.path.clone(), file.content.clone())).collect();
    for daemon in super::DAEMONS {
        let directory = super::site_directory(options, daemon);
        let names = disk::names(&directory).map_err(|error| system(&directory, &error))?;
        let mut paths: BTreeSet<PathBuf> =
            names.iter().filter(|name| is_included(name)).map(|name| directory.join(name)).collect();
        paths.extend(change.put.iter().map(|file| &file.path).filter(|path| path.starts_with(&directory)).cloned());
        let was_used = !paths.is_empty();
        paths.retain(|path| !change.remove.contains(path));
        let serves = !paths.is_empty() || (options.web == Web::Fpm && daemon == Daemon::Nginx);
        if daemon == Daemon::Nginx {
            paths.insert(routes.clone());
        }
        let mut all = super::farm(options, daemon, serves, "").content;
        for path in &paths {
            let content = match put.get(path) {
                Some(content) => content.clone().into_bytes(),
                None => read(path)?.unwrap_or_default(),
            };
            all.extend([path.display().to_string().as_str(), " ", sha256(&content).as_str(), "\n"]);
        }
        let digest = sha256(all.as_bytes());
        change.put.push(super::farm(options, daemon, serves, &digest));
        let is_used = daemon == Daemon::Nginx || was_used || super::is_usual(options, daemon);
        told.insert(daemon, Said { digest, is_used });
    }
    Ok(told)
}

/// Whether a daemon reads a file of this name: as the farm's files say, `*.conf`, which leaves out hidden ones.
fn is_included(name: &str) -> bool {
    !name.starts_with('.') && name.strip_suffix(".conf").is_some()
}

/// What of a change is not on disk yet.
fn steps(change: Change) -> Result<Vec<Step>, Problem> {
    let put = change.put.into_iter().map(|file| (file.path, Some(file.content.into_bytes())));
    let remove = change.remove.into_iter().map(|path| (path, None));
    let mut steps = Vec::new();
    for (path, after) in put.chain(remove) {
        let before = read(&path)?;
        if before == after {
            continue;
        }
        if before.as_ref().is_some_and(|content| super::origin(content) == Origin::Foreign) {
            return Err(foreign(&path, "it has not the header of what mwfarm generates"));
        }
        steps.push(Step { path, before, after });
    }
    Ok(steps)
}

/// Puts back what was there, in the opposite order.
fn restore(steps: &[Step], problem: Problem) -> Problem {
    let failed = steps.iter().rev().filter_map(|step| write(&step.path, step.before.as_deref()).err());
    let failed: Vec<String> = failed.flat_map(|problem| std::iter::once(problem.what).chain(problem.causes)).collect();
    match (steps.is_empty(), failed.is_empty()) {
        (true, _) => problem,
        (false, true) => problem.cause("what was there before was put back"),
        (false, false) => problem.causes(failed),
    }
}

fn write(path: &Path, content: Option<&[u8]>) -> Result<(), Problem> {
    let done = match content {
        Some(content) => disk::replace(path, content, 0o644),
        None => disk::discard(path),
    };
    done.map_err(|error| system(path, &error))
}

/// Reads a file of ours that may be missing. Nothing else has its name.
fn read(path: &Path) -> Result<Option<Vec<u8>>, Problem> {
    match disk::look(path).map_err(|error| system(path, &error))? {
        None => Ok(None),
        Some(found) if found.is_file() && found.len() <= LARGEST => {
            disk::read_optional(path).map_err(|error| system(path, &error))
        }
        Some(_) => Err(foreign(path, "it is a link, a directory, or very large")),
    }
}

fn foreign(path: &Path, reason: &str) -> Problem {
    Problem::new(ExitCode::Usage, format!("`{}` is not mwfarm's, and is left alone", path.display()))
        .cause(reason)
        .hint("move it to another name, and repeat the command")
}

fn system(path: &Path, error: &io::Error) -> Problem {
    Problem::new(ExitCode::Failed, format!("cannot write `{}`", path.display())).cause(error.to_string())
}
