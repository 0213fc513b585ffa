//! What an engine has told this server: the number of the newest order about each wiki, and which wikis it serves.
//!
//! The registry is the engine's. A server that only runs wikis has none, and keeps no more than this.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::super::name::Name;
use super::super::options::{Backend, Options};
use super::super::order::{Action, Order};
use super::super::record::Wiki;
use super::super::releases::{self, unusable};
use crate::disk;
use crate::farm::Host;
use crate::key::sha256;
use crate::report::{ExitCode, Problem};

/// The version of the form.
const SCHEMA: u32 = 1;

/// What was told of one wiki.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Notice {
    schema: u32,
    /// The number of the newest order, and the digest of all that it says.
    pub(super) newest: Option<(u64, String)>,
    /// The wiki, as that order has it.
    pub(super) wiki: Wiki,
    /// Whether it is served here.
    pub(super) is_served: bool,
}

/// Why what was told of wikis cannot be read, by their names.
pub(super) type Damaged = BTreeMap<Name, Problem>;

/// Whether an order is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is the newest one, or has no number.
    Now,
    /// One with this number has come before it.
    Over(u64),
}

/// Notes an order that came, before it is followed: from now on, older ones are not.
///
/// # Errors
/// Another order has the same number, or the system refuses.
pub(super) fn arrive(options: &Options, order: &Order) -> Result<Turn, Problem> {
    let name = &order.wiki.name;
    let before = find(options, name)?;
    let newest = before.as_ref().and_then(|told| told.newest.clone());
    let digest = digest(order);
    match (order.serial, &newest) {
        (Some(serial), Some((newest, _))) if serial < *newest => return Ok(Turn::Over(*newest)),
        (Some(serial), Some((newest, known))) if serial == *newest && digest != *known => {
            let what = format!("another order about `{name}` had the number {serial}, too");
            return Err(Problem::new(ExitCode::Usage, what).hint("give each order a higher number than all before"));
        }
        _ => {}
    }
    let told = Notice {
        schema: SCHEMA,
        newest: order.serial.map(|serial| (serial, digest)).or(newest),
        wiki: order.wiki.clone(),
        is_served: before.as_ref().is_some_and(|told| told.is_served),
    };
    if before.as_ref() != Some(&told) {
        put(options, &told)?;
    }
    Ok(Turn::Now)
}

/// Notes what an order that was followed has made of the wiki.
///
/// # Errors
/// Those of the system.
pub(super) fn follow(options: &Options, order: &Order, is_served: bool) -> Result<(), Problem> {
    match find(options, &order.wiki.name)? {
        Some(told) if order.action == Action::Remove && told.newest.is_none() => {
            let path = path(options, &order.wiki.name);
            disk::discard(&path).map_err(|error| unusable(&path, &error))
        }
        Some(told) if told.is_served != is_served => put(options, &Notice { is_served, ..told }),
        _ => Ok(()),
    }
}

/// What was told of a wiki, if anything was.
///
/// # Errors
/// It cannot be read.
pub(super) fn find(options: &Options, name: &Name) -> Result<Option<Notice>, Problem> {
    let path = path(options, name);
    let Some(json) = disk::read_optional(&path).map_err(|error| unusable(&path, &error))? else { return Ok(None) };
    let damaged = |reason: String| {
        Problem::new(ExitCode::Failed, format!("`{}` does not fit: {reason}", path.display()))
            .hint("remove it, and give the newest order again")
    };
    let told: Notice = serde_json::from_slice(&json).map_err(|error| damaged(error.to_string()))?;
    if told.schema != SCHEMA || told.wiki.name != *name {
        return Err(damaged("it has another form, or is about another wiki".to_owned()));
    }
    Ok(Some(told))
}

/// All wikis of which anything was told, by name, and why what was told of others cannot be read.
///
/// # Errors
/// The directory cannot be read.
pub(super) fn readable(options: &Options) -> Result<(BTreeMap<Name, Notice>, Damaged), Problem> {
    let directory = options.layout.agent();
    let names = disk::names(&directory).map_err(|error| unusable(&directory, &error))?;
    let (mut all, mut damaged) = (BTreeMap::new(), BTreeMap::new());
    for name in names.iter().filter_map(|file| Name::new(file.strip_suffix(".json")?).ok()) {
        match find(options, &name) {
            Ok(told) => all.extend(told.map(|told| (name, told))),
            Err(problem) => drop(damaged.insert(name, problem)),
        }
    }
    Ok((all, damaged))
}

/// The hosts of wikis that are served here by an engine's word.
#[derive(Debug, Default)]
pub struct Routes {
    /// Those that are, and what is behind each.
    pub served: Vec<(Host, Backend)>,
    /// Those of wikis that are not.
    pub withdrawn: Vec<Host>,
    /// Whether these are all. Else something of a wiki cannot be read, and its host stays as it is.
    pub all: bool,
}

/// The hosts of wikis of which an engine has told, and that no registry of this server has.
///
/// # Errors
/// The directory cannot be read.
pub(super) fn routes(options: &Options, registry: &BTreeMap<Name, Wiki>) -> Result<Routes, Problem> {
    let (mut all, damaged) = readable(options)?;
    all.retain(|name, _| !registry.contains_key(name));
    let mut routes = Routes { all: damaged.keys().all(|name| registry.contains_key(name)), ..Routes::default() };
    for (name, told) in all {
        let backend = options.backend(&told.wiki);
        match (releases::current(&options.layout, &name), backend) {
            (Ok(Some(_)), Some(backend)) if told.is_served => routes.served.push((told.wiki.host, backend)),
            // Its link is none of ours: `observe` tells of it.
            (Err(_), Some(_)) if told.is_served => routes.all = false,
            _ => routes.withdrawn.push(told.wiki.host),
        }
    }
    Ok(routes)
}

fn path(options: &Options, name: &Name) -> PathBuf {
    options.layout.agent().join(format!("{name}.json"))
}

fn put(options: &Options, told: &Notice) -> Result<(), Problem> {
    let path = path(options, &told.wiki.name);
    let directory = options.layout.agent();
    let mut json = serde_json::to_vec_pretty(told).unwrap_or_default();
    json.push(b'\n');
    let file = format!("{}.json", told.wiki.name);
    let write = || {
        disk::make_directories(&options.layout.state())?;
        disk::make_directory(&directory, 0o700, None)?;
        // Left by a death; the wiki's lock is held.
        for (left, _) in disk::left(&directory)?.into_iter().filter(|(_, of)| *of == file) {
            disk::discard(&left)?;
        }
        disk::replace(&path, &json, 0o600)
    };
    write().map_err(|error| unusable(&path, &error))
}

/// All that an order says, in a form that is the same whenever it says the same.
fn digest(order: &Order) -> String {
    sha256(&serde_json::to_vec(order).unwrap_or_default())
}
