//! Reads `wikis.yml`, the simple list of a farm's wikis.
//!
//! ```yaml
//! wikis:
//!   alpha: { hosts: [alpha.example.org], extensions: [Cite, AbuseFilter], skins: [Vector] }
//!   beta:  { hosts: [www.example.org/beta, beta.example.org], extensions: [], db: beta_wiki }
//! ```
//!
//! `hosts` is needed, the rest is not. The names of extensions and skins are directory names; one with a `/` is a
//! whole directory, such as `extensions/Cite`.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::farm::{ExtensionId, Farm, Host, Wanted, Wiki, WikiId};

/// Larger files are refused; 50,000 wikis with twenty extensions each take about half of it.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// How many names, lists and maps the file may hold, so that short ones cannot take all memory.
const MAX_VALUES: usize = 2_000_000;

/// What aliases may add to the file, in YAML events, so that a small file cannot grow without end.
const MAX_REPEATED: usize = 2_000_000;

/// Wikis that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read `{}`", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file as a whole is not what it should be.
    #[error("`{}` {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong, as the rest of a sentence.
        reason: String,
    },
    /// One field is not what it should be.
    #[error("`{}`, field `{}`: {reason}", file.display(), field.escape_debug())]
    Field {
        /// The file.
        file: PathBuf,
        /// The field, such as `wikis.alpha.hosts[0]`.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads the wikis, sorted by identifier.
///
/// # Errors
/// The first thing that is wrong, with the field: a name or host that breaks its rule, a host that two wikis have,
/// a key given twice, a field that is not known, or a file that is too large or no YAML.
pub fn read(file: &Path) -> Result<Farm, Error> {
    let bytes = read_bytes(file)?;
    let text = String::from_utf8(bytes).map_err(|_| of_file(file, "is not UTF-8".to_owned()))?;
    let written = parse(file, &text)?;
    let mut wikis = Vec::with_capacity(written.wikis.0.len());
    for (name, wiki) in written.wikis.0 {
        wikis.push(checked(file, &name, wiki)?);
    }
    wikis.sort_by(|a, b| a.id.cmp(&b.id));
    refuse_shared_hosts(file, &wikis)?;
    refuse_shared_databases(file, &wikis)?;
    Ok(Farm { file: file.display().to_string(), wikis })
}

/// Reads the extensions and skins of one wiki whose identifier and hosts are known, from a file that has only
/// `extensions:` and `skins:`.
///
/// # Errors
/// As of [`read`].
pub fn read_own(file: &Path, id: &WikiId, hosts: &[Host]) -> Result<Wiki, Error> {
    let bytes = read_bytes(file)?;
    let text = String::from_utf8(bytes).map_err(|_| of_file(file, "is not UTF-8".to_owned()))?;
    let written: WrittenOwn = serde_saphyr::from_str_with_options(&text, options())
        .map_err(|error| of_file(file, format!("is no list of extensions and skins: {}", in_words(&error))))?;
    let hosts = hosts.iter().map(ToString::to_string).collect();
    let WrittenOwn { extensions, skins } = written;
    checked(file, id.as_str(), WrittenWiki { hosts, extensions, skins, db: None })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOwn {
    #[serde(default)]
    extensions: Vec<String>,
    #[serde(default)]
    skins: Vec<String>,
}

fn read_bytes(file: &Path) -> Result<Vec<u8>, Error> {
    let fail = |source| Error::Read { file: file.to_owned(), source };
    let too_large = || of_file(file, format!("is larger than {} MiB", MAX_BYTES / 1024 / 1024));
    let metadata = fs::metadata(file).map_err(fail)?;
    // Asked before opening: opening a pipe would wait for a writer.
    if !metadata.is_file() {
        return Err(of_file(file, "is not a regular file".to_owned()));
    }
    if metadata.len() > MAX_BYTES {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    File::open(file).map_err(fail)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large());
    }
    Ok(bytes)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    wikis: Named<WrittenWiki>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenWiki {
    hosts: Vec<String>,
    #[serde(default)]
    extensions: Vec<String>,
    #[serde(default)]
    skins: Vec<String>,
    #[serde(default)]
    db: Option<String>,
}

/// A mapping in the order written; a key given twice is refused.
#[derive(Debug)]
struct Named<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamedVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for NamedVisitor<T> {
            type Value = Named<T>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a mapping of names")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                let mut seen = HashSet::new();
                while let Some(key) = map.next_key::<String>()? {
                    if !seen.insert(key.clone()) {
                        return Err(A::Error::custom(format_args!("`{}` is given twice", key.escape_debug())));
                    }
                    let value = map.next_value()?;
                    pairs.push((key, value));
                }
                Ok(Named(pairs))
            }
        }
        deserializer.deserialize_map(NamedVisitor(PhantomData))
    }
}

fn parse(file: &Path, text: &str) -> Result<Written, Error> {
    if text.trim().is_empty() {
        return Err(of_file(file, "is empty; it should hold `wikis:`".to_owned()));
    }
    match serde_saphyr::from_str_with_options(text, options()) {
        Ok(written) => Ok(written),
        // Following the path costs time, so only a file that is wrong is read again with it.
        Err(error) => Err(located(file, text, &error)),
    }
}

fn located(file: &Path, text: &str, error: &serde_saphyr::Error) -> Error {
    let mut located = None;
    let again = serde_saphyr::with_deserializer_from_str_with_options(text, options(), |deserializer| {
        serde_path_to_error::deserialize::<_, Written>(deserializer).map_err(|error| {
            let path = error.path().to_string();
            // A key that is refused before it is read has no name yet.
            let field = path.strip_suffix(".?").unwrap_or(&path).to_owned();
            located = Some((field, in_words(error.inner())));
            error.into_inner()
        })
    });
    let (field, reason) = match (located, again) {
        (Some(located), _) => located,
        (None, Err(error)) => (".".to_owned(), in_words(&error)),
        (None, Ok(_)) => (".".to_owned(), in_words(error)),
    };
    if field == "." {
        return of_file(file, format!("is not a list of wikis: {reason}"));
    }
    Error::Field { file: file.to_owned(), field, reason }
}

/// A message of the parser in one line, what it quotes of the file escaped.
fn in_words(error: &serde_saphyr::Error) -> String {
    let message = error.without_snippet().render_with_formatter(&serde_saphyr::UserMessageFormatter);
    let line: String = message.lines().next().unwrap_or_default().chars().take(300).collect();
    // Quotes are the parser's own words; they need no backslash.
    line.split('\'').map(|part| part.escape_debug().to_string()).collect::<Vec<_>>().join("'")
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: MAX_VALUES,
            max_nodes: MAX_VALUES,
            max_depth: 16,
            flow_nesting_limit: 16,
            max_documents: 1,
            // One anchor that all wikis share is good style here.
            enforce_alias_anchor_ratio: false,
            max_aliases: 1_000_000,
        },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPEATED,
        },
    }
}

fn of_file(file: &Path, reason: String) -> Error {
    Error::File { file: file.to_owned(), reason }
}

fn checked(file: &Path, name: &str, written: WrittenWiki) -> Result<Wiki, Error> {
    let wrong = |field: &str, reason: String| {
        let field = if field.is_empty() { format!("wikis.{name}") } else { format!("wikis.{name}.{field}") };
        Error::Field { file: file.to_owned(), field, reason }
    };
    let id = WikiId::new(name).map_err(|error| wrong("", error.to_string()))?;
    let mut hosts: Vec<Host> = Vec::with_capacity(written.hosts.len());
    for (index, host) in written.hosts.iter().enumerate() {
        let host = Host::new(host).map_err(|error| wrong(&format!("hosts[{index}]"), error.to_string()))?;
        if hosts.contains(&host) {
            return Err(wrong(&format!("hosts[{index}]"), format!("`{}` stands there twice", host.as_str())));
        }
        hosts.push(host);
    }
    let mut wanted: Vec<Wanted> = Vec::with_capacity(written.extensions.len() + written.skins.len());
    for (kind, names) in [("extensions", &written.extensions), ("skins", &written.skins)] {
        for (index, name) in names.iter().enumerate() {
            let field = format!("{kind}[{index}]");
            let directory = if name.contains('/') { name.clone() } else { format!("{kind}/{name}") };
            let extension = ExtensionId::new(&directory).map_err(|error| wrong(&field, error.to_string()))?;
            if name.is_empty() {
                return Err(wrong(&field, "is empty".to_owned()));
            }
            if wanted.iter().any(|other| other.extension == extension) {
                return Err(wrong(&field, format!("`{extension}` stands there twice")));
            }
            wanted.push(Wanted { extension, field: format!("wikis.{id}.{field}") });
        }
    }
    if let Some(db) = &written.db
        && (db.is_empty() || db.len() > 255 || db.chars().any(char::is_control))
    {
        return Err(wrong("db", "must have 1 to 255 bytes and no control characters".to_owned()));
    }
    Ok(Wiki { id, hosts, db: written.db, wanted, settings: None })
}

/// Core runs scripts with `--wiki` and the name of a database: it has to lead to one wiki.
fn refuse_shared_databases(file: &Path, wikis: &[Wiki]) -> Result<(), Error> {
    let mut owners: HashMap<&str, &WikiId> = wikis.iter().map(|wiki| (wiki.id.as_str(), &wiki.id)).collect();
    for wiki in wikis {
        let Some(db) = wiki.db.as_deref() else { continue };
        match owners.insert(db, &wiki.id) {
            Some(other) if *other != wiki.id => {
                let reason = format!("`{}` names the wiki `{other}` already", db.escape_debug());
                return Err(Error::Field { file: file.to_owned(), field: format!("wikis.{}.db", wiki.id), reason });
            }
            _ => {}
        }
    }
    Ok(())
}

fn refuse_shared_hosts(file: &Path, wikis: &[Wiki]) -> Result<(), Error> {
    let mut owners: HashMap<&Host, &WikiId> = HashMap::new();
    for wiki in wikis {
        for (index, host) in wiki.hosts.iter().enumerate() {
            if let Some(other) = owners.insert(host, &wiki.id) {
                let field = format!("wikis.{}.hosts[{index}]", wiki.id);
                let reason = format!("`{host}` belongs to the wiki `{other}` already");
                return Err(Error::Field { file: file.to_owned(), field, reason });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    fn farm(text: &str) -> Result<Farm, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("wikis.yml");
        fs::write(&file, text).expect("written");
        read(&file).map_err(|error| {
            let source = std::error::Error::source(&error).map(|e| format!(": {e}")).unwrap_or_default();
            format!("{error}{source}").replace(&file.display().to_string(), "wikis.yml")
        })
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let found = farm(text).expect_err("refused");
        assert!(found.starts_with(expected), "{found}\nshould begin with\n{expected}");
    }

    #[test]
    fn wikis_are_read_and_sorted() {
        let farm = farm(
            "wikis:\n  beta: { hosts: [www.example.org/beta, beta.example.org], extensions: [], db: beta_wiki }\n  \
             alpha:\n    hosts: [alpha.example.org]\n    extensions: [Cite, other/Place, skins/Odd]\n    skins: \
             [Vector]\n",
        )
        .expect("good");
        let ids: Vec<_> = farm.wikis.iter().map(|wiki| wiki.id.as_str()).collect();
        assert_eq!(ids, ["alpha", "beta"]);
        let wanted: Vec<_> = farm.wikis[0].wanted.iter().map(|w| (w.extension.as_str(), w.field.as_str())).collect();
        assert_eq!(
            wanted,
            [
                ("extensions/Cite", "wikis.alpha.extensions[0]"),
                ("other/Place", "wikis.alpha.extensions[1]"),
                ("skins/Odd", "wikis.alpha.extensions[2]"),
                ("skins/Vector", "wikis.alpha.skins[0]"),
            ]
        );
        assert_eq!(farm.wikis[1].db.as_deref(), Some("beta_wiki"));
        let hosts: Vec<_> = farm.wikis[1].hosts.iter().map(Host::as_str).collect();
        assert_eq!(hosts, ["www.example.org/beta", "beta.example.org"]);
        assert!(farm.file.ends_with("wikis.yml"));
    }

    #[test]
    fn scalars_are_text_as_written() {
        let farm = farm("wikis:\n  1.40: {hosts: []}\n").expect_err("a name with a dot");
        assert!(farm.contains("field `wikis.1.40`: wiki `1.40` must be"), "{farm}");
        let farm = super::tests::farm("wikis:\n  007: {hosts: [], db: 1.40, extensions: [yes, 1e3]}\n").expect("good");
        assert_eq!(farm.wikis[0].id.as_str(), "007");
        assert_eq!(farm.wikis[0].db.as_deref(), Some("1.40"));
        let wanted: Vec<_> = farm.wikis[0].wanted.iter().map(|w| w.extension.as_str()).collect();
        assert_eq!(wanted, ["extensions/yes", "extensions/1e3"]);
    }

    #[test]
    fn bad_files_name_file_and_field() {
        refused("", "`wikis.yml` is empty");
        refused("# nothing\n", "`wikis.yml` is not a list of wikis: ");
        refused("wikis\n", "`wikis.yml` is not a list of wikis: ");
        refused("wikis: [\n", "`wikis.yml`, field `wikis`: ");
        refused("wikis: {}\n}\n", "`wikis.yml`");
        refused("wikis:\n  a: {hosts: [a.org]\n", "`wikis.yml`, field `wikis.a`: unclosed bracket '{' at line 2");
        refused("wikis:\n", "`wikis.yml`, field `wikis`: ");
        refused("wiki: {}\n", "`wikis.yml`, field `wiki`: unknown field");
        refused("wikis: {}\nfarms: {}\n", "`wikis.yml`, field `farms`: unknown field");
        refused("wikis: {}\n---\nwikis: {}\n", "`wikis.yml` ");
        refused("wikis:\n  Alpha: {hosts: []}\n", "`wikis.yml`, field `wikis.Alpha`: wiki `Alpha` must be");
        refused("wikis:\n  a: {}\n", "`wikis.yml`, field `wikis.a`: ");
        refused("wikis:\n  a: {hosts: a.org}\n", "`wikis.yml`, field `wikis.a.hosts`: ");
        refused("wikis:\n  a: {hosts: [[b]]}\n", "`wikis.yml`, field `wikis.a.hosts[0]`: ");
        refused("wikis:\n  a: {hosts: [a.org], extension: []}\n", "`wikis.yml`, field `wikis.a.extension`: unknown");
        refused("wikis:\n  a: {hosts: [A.org]}\n", "`wikis.yml`, field `wikis.a.hosts[0]`: host `A.org` must be");
        refused("wikis:\n  a: {hosts: ['a.org:80']}\n", "`wikis.yml`, field `wikis.a.hosts[0]`: host `a.org:80`");
        refused(
            "wikis:\n  a: {hosts: [a.org, a.org]}\n",
            "`wikis.yml`, field `wikis.a.hosts[1]`: `a.org` stands there",
        );
        refused(
            "wikis:\n  b: {hosts: [x.org]}\n  a: {hosts: [y.org, x.org]}\n",
            "`wikis.yml`, field `wikis.b.hosts[0]`: `x.org` belongs to the wiki `a` already",
        );
        refused(
            "wikis:\n  a: {hosts: [], extensions: [../x]}\n",
            "`wikis.yml`, field `wikis.a.extensions[0]`: extension `../x` must be a plain relative directory",
        );
        refused("wikis:\n  a: {hosts: [], skins: ['']}\n", "`wikis.yml`, field `wikis.a.skins[0]`: ");
        refused("wikis:\n  a: {hosts: [], skins: [X, X]}\n", "`wikis.yml`, field `wikis.a.skins[1]`: `skins/X` stands");
        refused("wikis:\n  a: {hosts: [], db: ''}\n", "`wikis.yml`, field `wikis.a.db`: must have");
        refused(
            "wikis:\n  a: {hosts: [], db: x}\n  b: {hosts: [], db: x}\n",
            "`wikis.yml`, field `wikis.b.db`: `x` names the wiki `a` already",
        );
        refused(
            "wikis:\n  a: {hosts: [], db: b}\n  b: {hosts: []}\n",
            "`wikis.yml`, field `wikis.a.db`: `b` names the wiki `b` already",
        );
    }

    #[test]
    fn keys_given_twice_are_named() {
        refused(
            "wikis:\n  a: {hosts: []}\n  a: {hosts: []}\n",
            "`wikis.yml`, field `wikis`: duplicate mapping key `a`",
        );
        refused("wikis:\n  a: {hosts: [], hosts: []}\n", "`wikis.yml`, field `wikis.a`: duplicate mapping key `hosts`");
        refused("wikis:\n  a: {hosts: [~]}\n", "`wikis.yml`, field `wikis.a.hosts[0]`: null is not allowed");
    }

    #[test]
    fn one_list_may_serve_many_wikis() {
        let mut text = "wikis:\n  a: {hosts: [a.org], extensions: &base [Cite, Poem]}\n".to_owned();
        for i in 0..2000 {
            writeln!(text, "  w{i}: {{hosts: [w{i}.org], extensions: *base}}").expect("a string");
        }
        assert_eq!(farm(&text).expect("good").wikis[2000].wanted.len(), 2);
    }

    #[test]
    fn aliases_do_not_grow_without_end() {
        let list = (0..2000).map(|i| format!("E{i}")).collect::<Vec<_>>().join(", ");
        let mut text = format!("wikis:\n  a: {{hosts: [], extensions: &x [{list}]}}\n");
        for i in 0..10_000 {
            writeln!(text, "  w{i}: {{hosts: [], extensions: *x}}").expect("a string");
        }
        refused(&text, "`wikis.yml`");
        refused("wikis: &w\n  a: *w\n", "`wikis.yml`");
        refused(&format!("wikis: {}{}\n", "[".repeat(5000), "]".repeat(5000)), "`wikis.yml`");
    }

    #[test]
    fn many_wikis_are_read_in_time() {
        let mut text = String::from("wikis:\n");
        for i in 0..10_000 {
            writeln!(text, "  w{i}: {{hosts: [w{i}.example.org], extensions: [Cite, Poem], skins: [Vector]}}")
                .expect("a string");
        }
        // A release reads ten times as many in a second. Were the time not linear, this would not end.
        assert_eq!(farm(&text).expect("good").wikis.len(), 10_000);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(wikis:|[ a-z\\n:\\[\\]{}&*!|>'\"-]|\\PC){0,60}") {
            let directory = tempfile::tempdir().expect("a directory");
            let file = directory.path().join("wikis.yml");
            fs::write(&file, text).expect("written");
            let _ = read(&file);
        }
    }
}
