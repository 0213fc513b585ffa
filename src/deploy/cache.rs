//! Where wikis keep what they need not keep: one Redis, in which each wiki is a user that has only keys of its own.
//!
//! ```text
//! srv/private/redis.password       that of the administrator `mwfarm`; root only
//! etc/mwfarm/users.acl             all users; Redis is started with it as its `aclfile`
//! etc/mwfarm/php/FarmRedisBagOStuff.php      MediaWiki's cache with the wiki's prefix before each key
//! ```
//!
//! Redis is told of a new user by itself: `ACL LOAD` would close the connections of all wikis.

mod acl;
mod server;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::engine::of_registry;
use super::lock;
use super::name::Name;
use super::options::{Cache, FILE, Options};
use super::record::{State, Wiki};
use super::registry;
use super::secrets::{self, Secrets};
use super::system::unusable;
use crate::disk::{self, Owner};
use crate::php::Value;
use crate::report::{ExitCode, Problem};

use acl::Users;
use server::Server;

pub use acl::COMMANDS;

/// The class of MediaWiki's cache.
const CLASS: &str = "FarmRedisBagOStuff";
const CLASS_FILE: &str = include_str!("../../php/deploy/FarmRedisBagOStuff.php");

/// What the keys and channels of a wiki begin with.
#[must_use]
pub fn prefix(secrets: &Secrets) -> String {
    format!("{}:", secrets.cache_prefix)
}

/// The file with all users, which Redis reads when it starts.
#[must_use]
pub fn file(options: &Options) -> PathBuf {
    options.layout.etc().join("users.acl")
}

/// Makes Redis, and the file that it reads when it starts, know exactly the wikis of the registry, and the users that
/// others wrote into the file. Says whether it changed anything. Wikis that are archived or being deleted, and such
/// without secrets yet, are left out. Users of wikis whose record or secrets cannot be read stay as they are.
///
/// # Errors
/// Redis cannot be asked, or uses another file; the file is right all the same.
pub fn ensure(options: &Options) -> Result<bool, Problem> {
    ensure_with(options, None)
}

/// The same, where one more wiki is known, which is about to be served again.
///
/// # Errors
/// As of [`ensure`].
pub fn ensure_with(options: &Options, besides: Option<&Name>) -> Result<bool, Problem> {
    let Cache::Redis(socket) = &options.cache else { return Ok(false) };
    // What is written is what was read under the lock: another process may make another wiki.
    let _web = lock::web(&options.layout).map_err(|error| Problem::from_error(ExitCode::Failed, &error))?;
    let (wikis, damaged) = registry::readable(&options.layout).map_err(|error| of_registry(&error))?;
    let mut known = Vec::new();
    let mut kept: BTreeSet<String> = damaged.keys().map(Name::user).collect();
    for (name, wiki) in wikis {
        let served = matches!(wiki.state, State::Provisioning | State::Ready) || besides == Some(&name);
        let place = options.layout.private(&name);
        if served && disk::find(&place).map_err(unusable(&place))?.is_some() {
            match secrets::read(options, &name) {
                Ok(secrets) => known.push((name, secrets)),
                // Its own steps tell; the others must not wait for it.
                Err(_) => drop(kept.insert(name.user())),
            }
        }
    }
    let password = administrator(options)?;
    let path = file(options);
    let before = disk::read_optional(&path).map_err(unusable(&path))?.unwrap_or_default();
    let users = Users::new(&String::from_utf8_lossy(&before), &password, &known, &kept);
    let mut changed = write(options, socket, &path, &users)?;
    let server = Server::new(socket, &password);
    changed |= server.follow(&users, &kept, &path).map_err(|problem| match problem.hint {
        None => problem.hint(hint(&path)),
        Some(_) => problem,
    })?;
    Ok(changed)
}

/// Removes all keys of a wiki that is gone; without it they would stay until Redis needs their room. Says how many.
///
/// # Errors
/// Redis cannot be asked.
pub fn remove(options: &Options, name: &Name) -> Result<u64, Problem> {
    let Cache::Redis(socket) = &options.cache else { return Ok(0) };
    let place = options.layout.private(name);
    if disk::find(&place).map_err(unusable(&place))?.is_none() {
        return Ok(0);
    }
    let prefix = prefix(&secrets::read(options, name)?);
    Server::new(socket, &administrator(options)?).remove_keys(&prefix)
}

/// What MediaWiki is told of its cache. Arrays are to be merged over those that are there. No secret is in it: the class
/// reads the file of them.
#[must_use]
pub fn settings(options: &Options, wiki: &Wiki) -> Vec<(String, Value)> {
    let Cache::Redis(socket) = &options.cache else { return Vec::new() };
    let path = |path: &Path| Value::Text(path.to_string_lossy().into_owned());
    let map =
        |pairs: Vec<(&str, Value)>| Value::Map(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
    let cache = map(vec![
        ("class", Value::text(CLASS)),
        ("servers", Value::List(vec![path(socket)])),
        ("farmSecrets", path(&options.layout.secrets(&wiki.name))),
    ]);
    let mut settings = vec![
        ("wgAutoloadClasses".to_owned(), map(vec![(CLASS, path(&class_file(options)))])),
        ("wgObjectCaches".to_owned(), map(vec![("redis", cache)])),
    ];
    for kind in ["Main", "Message", "Parser", "Session"] {
        settings.push((format!("wg{kind}CacheType"), Value::text("redis")));
    }
    settings
}

/// Writes the class of MediaWiki's cache, and nothing else: what an app server needs of it. Says whether it was not there.
///
/// # Errors
/// Those of the system.
pub fn ensure_class(options: &Options) -> Result<bool, Problem> {
    if options.cache == Cache::None {
        return Ok(false);
    }
    let _web = lock::web(&options.layout).map_err(|error| Problem::from_error(ExitCode::Failed, &error))?;
    let class = class_file(options);
    write_class(options).map_err(unusable(&class))
}

fn write_class(options: &Options) -> std::io::Result<bool> {
    let class = class_file(options);
    let directory = class.parent().unwrap_or(Path::new("/"));
    disk::make_directories(&options.layout.etc())?;
    disk::own_directory(directory, Owner::us(), 0o755, None)?;
    disk::sweep(directory)?;
    disk::own_file(&class, CLASS_FILE.as_bytes(), Owner::us(), 0o644)
}

fn class_file(options: &Options) -> PathBuf {
    options.layout.etc().join("php").join(format!("{CLASS}.php"))
}

/// Writes the file of all users, which Redis has to be able to read, and the class.
fn write(options: &Options, socket: &Path, path: &Path, users: &Users) -> Result<bool, Problem> {
    let etc = options.layout.etc();
    // Passwords are in the file only as digests; the prefixes are nobody's business all the same.
    let group = disk::look(socket).map_err(unusable(socket))?.or(disk::look(path).map_err(unusable(path))?);
    let owner = Owner { uid: Owner::us().uid, gid: group.map_or(Owner::us().gid, |there| group_of(&there)) };
    let write = || {
        write_class(options)?;
        disk::sweep(&etc)?;
        disk::own_file(path, users.text().as_bytes(), owner, 0o640)
    };
    write().map_err(unusable(path))
}

fn group_of(there: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::gid(there)
}

/// The password of the administrator, made when there is none.
fn administrator(options: &Options) -> Result<String, Problem> {
    let path = options.layout.root().join("srv/private/redis.password");
    if let Some(bytes) = disk::read_optional(&path).map_err(unusable(&path))? {
        let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        if text.len() < 32 || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let problem = Problem::new(ExitCode::Failed, format!("`{}` holds no password", path.display()));
            return Err(problem.hint("at least 32 letters and digits, as `openssl rand -hex 32` gives"));
        }
        return Ok(text);
    }
    let password = secrets::random_hex::<32>()?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    let write = || {
        disk::make_directories(directory.parent().unwrap_or(Path::new("/")))?;
        disk::own_directory(directory, Owner::us(), 0o700, None)?;
        disk::sweep(directory)?;
        disk::own_file(&path, format!("{password}\n").as_bytes(), Owner::us(), 0o600)
    };
    write().map_err(unusable(&path))?;
    Ok(password)
}

/// What an operator has to do once.
fn hint(path: &Path) -> String {
    format!("start Redis with `aclfile {}`, and see `deploy.cache` in {FILE}", path.display())
}
