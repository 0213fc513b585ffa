//! The secrets of a wiki: a repository that only root reads, and a file of what the wiki itself has to know.
//!
//! They are never arguments, variables of an environment or lines of a journal: programs get them on their input.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::rand::{GetRandomFlags, getrandom};
use serde::{Deserialize, Serialize};

use super::bare;
use super::git::{self, Repository};
use super::name::Name;
use super::options::Options;
use super::record::Wiki;
use super::system::unusable;
use super::users;
use crate::disk::{self, Owner};
use crate::php::Value;
use crate::report::{ExitCode, Problem};

/// The version of the form of the file in the repository.
const SCHEMA: u32 = 1;

/// The branch that has them.
const BRANCH: &str = "refs/heads/main";

/// The file in it.
const FILE: &str = "secrets.json";

/// How long secrets are made anew while somebody pushes again and again, each time a little faster than we.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest that a command of git may take here.
const TIME: Duration = Duration::from_secs(60);

/// What nobody but the wiki may know; most of it, not even people who may change its settings.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    schema: u32,
    /// `$wgSecretKey`: 64 hexadecimal digits.
    pub secret_key: String,
    /// `$wgUpgradeKey`: 16 hexadecimal digits.
    pub upgrade_key: String,
    /// The password of the wiki's user of the cache: 64 hexadecimal digits.
    pub redis_password: String,
    /// What the wiki's keys in the cache begin with, before a colon: 32 hexadecimal digits. It keeps wikis apart even
    /// where a cache knows no users, and so stays as long as the wiki.
    pub cache_prefix: String,
    /// The first password of the wiki's first administrator: 32 hexadecimal digits.
    pub admin_password: String,
    /// What else of MediaWiki's settings is secret, by names, such as `wgSMTP`: an operator adds it, and mwfarm never
    /// makes or changes it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, serde_json::Value>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    fn new() -> Result<Self, Problem> {
        Ok(Self {
            schema: SCHEMA,
            secret_key: random_hex::<32>()?,
            upgrade_key: random_hex::<8>()?,
            redis_password: random_hex::<32>()?,
            cache_prefix: random_hex::<16>()?,
            admin_password: random_hex::<16>()?,
            settings: BTreeMap::new(),
        })
    }
}

/// Makes a wiki's secrets, unless it has some, and the file of them, unless it is right. Says whether it changed
/// anything.
///
/// # Errors
/// What is there cannot be read, or the system refuses.
pub fn ensure(options: &Options, wiki: &Wiki) -> Result<bool, Problem> {
    let place = options.layout.private(&wiki.name);
    let mut changed = false;
    if disk::find(&place).map_err(unusable(&place))?.is_none() {
        create(options, &wiki.name, &place)?;
        changed = true;
    }
    Ok(render(options, wiki)? || changed)
}

/// A wiki's secrets.
///
/// # Errors
/// There are none, or they are damaged.
pub fn read(options: &Options, name: &Name) -> Result<Secrets, Problem> {
    read_of(options, name, BRANCH)
}

/// Those of a commit.
fn read_of(options: &Options, name: &Name, commit: &str) -> Result<Secrets, Problem> {
    let repository = Repository::ours(&options.layout.private(name));
    let output = repository.run(["cat-file", "blob", &format!("{commit}:{FILE}")], TIME);
    let json = output.map_err(|error| failed(name, &error))?;
    parse(&json).map_err(|reason| {
        let place = options.layout.private(name);
        Problem::new(ExitCode::Failed, format!("the secrets of `{name}` do not fit"))
            .cause(reason)
            .cause(format!("{}, branch `main`, file `{FILE}`", place.display()))
            .hint(format!("commit one that does: `git clone {}`, as root", place.display()))
    })
}

/// What the file says; else what of it does not fit, which is never shown: it is secret all the same.
fn parse(json: &[u8]) -> Result<Secrets, String> {
    // Its place, and no more: what serde says may hold a value.
    let at = |error: serde_json::Error| {
        let kind = if error.is_data() { "has not the fields that it should" } else { "is no JSON" };
        format!("it {kind}, line {} column {}", error.line(), error.column())
    };
    let secrets: Secrets = serde_json::from_slice(json).map_err(at)?;
    if secrets.schema != SCHEMA {
        return Err(format!("its form is {}, and this mwfarm knows {SCHEMA}", secrets.schema));
    }
    for (field, text) in [
        ("secret_key", &secrets.secret_key),
        ("upgrade_key", &secrets.upgrade_key),
        ("redis_password", &secrets.redis_password),
        ("cache_prefix", &secrets.cache_prefix),
        ("admin_password", &secrets.admin_password),
    ] {
        // They get into lines of Redis, which have no quotes.
        if text.len() < 16 || text.len() > 256 || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(format!("field `{field}` is not made of 16 to 256 letters and digits"));
        }
    }
    for name in secrets.settings.keys() {
        let is_global = name.starts_with("wg") && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_global {
            return Err(format!("field `settings` has `{}`, which is no `wg…`", name.escape_debug()));
        }
    }
    Ok(secrets)
}

/// Makes all secrets anew that can be, after what was pushed last: not the prefix of the cache, which is a place, nor the first password of the
/// administrator, who may have changed it, nor what an operator has added. Those before stay in the repository's history.
///
/// The file, and the cache's users, are renewed by [`render`] and `cache::ensure`.
///
/// # Errors
/// As of [`read`].
pub fn rotate(options: &Options, name: &Name) -> Result<Secrets, Problem> {
    let place = options.layout.private(name);
    let repository = Repository::ours(&place);
    let tip = || {
        let sha = repository.run(["rev-parse", "--verify", BRANCH], TIME).map_err(|error| failed(name, &error))?;
        Ok::<_, Problem>(String::from_utf8_lossy(&sha).trim_end().to_owned())
    };
    let begun = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        // What a git that was killed left; one that is at work is waited for. Operators push here, too.
        bare::heal(&repository)?;
        let before = tip()?;
        let old = read_of(options, name, &before)?;
        let new = Secrets {
            cache_prefix: old.cache_prefix,
            admin_password: old.admin_password,
            settings: old.settings,
            ..Secrets::new()?
        };
        match commit(name, &place, &new, &before) {
            // Somebody pushes just now, or has pushed: what they added stays.
            Err(problem)
                if begun.elapsed() < PATIENCE && (problem.what.contains("File exists") || tip()? != before) =>
            {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(100));
            }
            result => return result.map(|()| new),
        }
    }
}

/// Writes what the wiki may read of its secrets: a PHP file that returns an array. `settings` in it are globals of
/// MediaWiki, `redis` is read by `FarmRedisBagOStuff`. Says whether it wrote anything.
///
/// # Errors
/// There are no secrets, or the system refuses.
pub fn render(options: &Options, wiki: &Wiki) -> Result<bool, Problem> {
    let secrets = read(options, &wiki.name)?;
    let text = |text: &str| Value::text(text);
    let map =
        |pairs: Vec<(&str, Value)>| Value::Map(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
    let mut settings = vec![("wgSecretKey", text(&secrets.secret_key)), ("wgUpgradeKey", text(&secrets.upgrade_key))];
    settings.extend(secrets.settings.iter().map(|(name, value)| (name.as_str(), php(value))));
    let value = map(vec![
        ("settings", map(settings)),
        (
            "redis",
            map(vec![
                ("user", text(&wiki.name.user())),
                ("password", text(&secrets.redis_password)),
                ("prefix", text(&super::cache::prefix(&secrets))),
            ]),
        ),
    ]);
    let mut file = format!("<?php\n// Secrets of {}, made by mwfarm from its private repository.\nreturn ", wiki.name);
    value.write(&mut file, 0);
    file.push_str(";\n");
    let path = options.layout.secrets(&wiki.name);
    let owner = Owner { uid: Owner::us().uid, gid: users::owner(options, wiki).gid };
    let write = || {
        if let Some(directory) = path.parent() {
            disk::make_directories(directory.parent().unwrap_or(Path::new("/")))?;
            // Whose secrets there are is not for everybody to list.
            disk::own_directory(directory, Owner::us(), 0o711, None)?;
        }
        disk::own_file(&path, file.as_bytes(), owner, 0o440)
    };
    write().map_err(unusable(&path))
}

/// A value as PHP has it. serde's reader takes no more than 128 levels, and so no stack is too small.
fn php(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::text(text),
        serde_json::Value::Array(list) => Value::List(list.iter().map(php).collect()),
        serde_json::Value::Object(map) => {
            Value::Map(map.iter().map(|(name, value)| (name.clone(), php(value))).collect())
        }
    }
}

/// Removes a wiki's secrets and the file of them. Says whether there was anything.
///
/// # Errors
/// Those of the system.
pub fn remove(options: &Options, name: &Name) -> Result<bool, Problem> {
    let (place, file) = (options.layout.private(name), options.layout.secrets(name));
    let (out, new) = (beside(&place, "old"), beside(&place, "new"));
    let mut changed = disk::find(&file).map_err(unusable(&file))?.is_some();
    disk::discard(&file).map_err(unusable(&file))?;
    // Left by one that was killed as it made them.
    disk::clear(&new).map_err(unusable(&new))?;
    // A repository that is half removed must not be taken for one.
    disk::clear(&out).map_err(unusable(&out))?;
    if disk::find(&place).map_err(unusable(&place))?.is_some() {
        disk::rename_new(&place, &out).map_err(unusable(&place))?;
        disk::clear(&out).map_err(unusable(&out))?;
        changed = true;
    }
    Ok(changed)
}

/// Random bytes of the kernel, as hexadecimal digits.
pub(super) fn random_hex<const BYTES: usize>() -> Result<String, Problem> {
    let mut bytes = [0; BYTES];
    let mut filled = 0;
    while filled < BYTES {
        match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            Ok(more) => filled += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                return Err(Problem::new(ExitCode::Failed, "the system has no random numbers").cause(error.to_string()));
            }
        }
    }
    Ok(hex(&bytes))
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Makes the repository. It gets its name when it is complete.
fn create(options: &Options, name: &Name, place: &Path) -> Result<(), Problem> {
    let new = beside(place, "new");
    let prepare = || {
        if let Some(directory) = place.parent() {
            disk::make_directories(directory.parent().unwrap_or(Path::new("/")))?;
            disk::own_directory(directory, Owner::us(), 0o700, None)?;
        }
        disk::clear(&new)?;
        disk::own_directory(&new, Owner::us(), 0o700, None).map(drop)
    };
    prepare().map_err(unusable(place))?;
    let init = ["init", "--quiet", "--bare", "--template=", "--initial-branch=main"];
    Repository::ours(&new).run(init, TIME).map_err(|error| failed(name, &error))?;
    commit(name, &new, &Secrets::new()?, "")?;
    // Losing power must not lose secrets that were used meanwhile.
    disk::rename_new(&new, &options.layout.private(name)).map_err(unusable(place))
}

/// Adds a commit after another one, which has to be the newest; an empty name is that of none.
fn commit(name: &Name, place: &Path, secrets: &Secrets, parent: &str) -> Result<(), Problem> {
    let repository = Repository::ours(place);
    let git = |arguments: &[&str], input: &[u8]| {
        let identity = ["-c", "core.fsync=all", "-c", "user.name=mwfarm", "-c", "user.email=mwfarm@localhost"];
        let program = repository.program([&identity[..], arguments].concat());
        let captured = program.capture_with(input, 64 << 10, TIME).map_err(|error| failed(name, &error.into()))?;
        let output = git::succeeded(captured, arguments[0]).map_err(|error| failed(name, &error))?;
        Ok::<_, Problem>(String::from_utf8_lossy(&output).trim_end().to_owned())
    };
    let mut json = serde_json::to_vec_pretty(secrets).unwrap_or_default();
    json.push(b'\n');
    let blob = git(&["hash-object", "-w", "--stdin"], &json)?;
    let tree = git(&["mktree"], format!("100644 blob {blob}\t{FILE}\n").as_bytes())?;
    let mut arguments = vec!["commit-tree", "-m", "Secrets", &tree];
    if !parent.is_empty() {
        arguments.extend(["-p", parent]);
    }
    let sha = git(&arguments, b"")?;
    git(&["update-ref", BRANCH, &sha, parent], b"").map(drop)
}

/// A place for a repository on its way in or out; no wiki's name has a dot.
fn beside(place: &Path, what: &str) -> PathBuf {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    place.with_file_name(format!(".{what}.{name}"))
}

fn failed(name: &Name, error: &git::Error) -> Problem {
    Problem::from_error(ExitCode::Failed, error).cause(format!("secrets of the wiki `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let secrets = Secrets::new().unwrap();
        let shown = format!("{secrets:?} {:#?}", Some(&secrets));
        for secret in [&secrets.secret_key, &secrets.redis_password, &secrets.cache_prefix, &secrets.admin_password] {
            assert!(!shown.contains(secret.as_str()));
        }
        assert_eq!((secrets.secret_key.len(), secrets.cache_prefix.len()), (64, 32));
        assert_ne!(secrets, Secrets::new().unwrap());
    }

    #[test]
    fn what_does_not_fit_is_told_by_its_place_and_not_shown() {
        let good = serde_json::to_value(Secrets::new().unwrap()).unwrap();
        let with = |field: &str, value: serde_json::Value| {
            let mut json = good.clone();
            json[field] = value;
            parse(json.to_string().as_bytes()).map(drop)
        };
        assert_eq!(with("settings", serde_json::json!({"wgSMTP": {"password": "hidden", "port": 25}})), Ok(()));
        for (field, value, why) in [
            ("schema", 2.into(), "its form is 2, and this mwfarm knows 1"),
            ("redis_password", "hidden".into(), "field `redis_password` is not made of 16 to 256 letters and digits"),
            ("redis_password", "hidden >x +@all ~* hidden".into(), "field `redis_password` is not made of"),
            ("secret_key", "".into(), "field `secret_key` is not"),
            ("admin_password", 5.into(), "it has not the fields that it should, line 1 column "),
            ("settings", serde_json::json!({"GLOBALS": "hidden"}), "field `settings` has `GLOBALS`, which is no `wg…`"),
            ("settings", serde_json::json!({"wg-x": "hidden"}), "field `settings` has `wg-x`"),
        ] {
            let error = with(field, value).unwrap_err();
            assert!(error.starts_with(why) && !error.contains("hidden"), "{error}");
        }
        assert_eq!(parse(b"{\"hidden").unwrap_err(), "it is no JSON, line 1 column 8");
    }
}
