//! The registry: one file for each wiki, and the numbers that were given away, which nobody gets again.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::home;
use super::journal;
use super::layout::Layout;
use super::lock;
use super::name::Name;
use super::options::Range;
use super::record::{SCHEMA, Wiki};
use crate::disk;
use crate::farm::Host;

/// A registry that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refuses.
    #[error("cannot use `{}`", path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what was written.
    #[error("`{}` does not fit: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// All numbers are given away.
    #[error("no number is left for a user from {} to {}", .0.from, .0.to)]
    Full(Range),
    /// Nobody knows any more which numbers were given away.
    #[error("`{}` is gone, and nothing else tells the number of the wiki `{wiki}`", path.display())]
    Forgotten {
        /// The file of the numbers.
        path: PathBuf,
        /// A wiki that was there.
        wiki: Name,
        /// The highest number that something still tells.
        highest: Option<u32>,
    },
    /// Somebody holds a lock.
    #[error(transparent)]
    Locked(#[from] lock::Error),
}

/// Why records cannot be read, by the names of their wikis.
pub type Damaged = BTreeMap<Name, Error>;

/// The record of a wiki, if there is one.
///
/// # Errors
/// It cannot be read, or is damaged.
pub fn find(layout: &Layout, name: &Name) -> Result<Option<Wiki>, Error> {
    let path = layout.record(name);
    let bytes = disk::read_optional(&path).map_err(|source| Error::System { path: path.clone(), source })?;
    bytes.map(|bytes| parse(&path, name, &bytes)).transpose()
}

fn parse(path: &Path, name: &Name, bytes: &[u8]) -> Result<Wiki, Error> {
    #[derive(serde::Deserialize)]
    struct Form {
        schema: u32,
    }
    let damaged = |reason: String| Error::Damaged { path: path.to_owned(), reason };
    // The form first: what another one has instead of a field is no fault.
    let form: Form = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    if form.schema != SCHEMA {
        return Err(damaged(format!("its form is {}, and this mwfarm knows {SCHEMA}", form.schema)));
    }
    let wiki: Wiki = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    if wiki.name != *name {
        return Err(damaged(format!("it is about `{}`", wiki.name)));
    }
    Ok(wiki)
}

/// The wikis that can be read, by name, and why others cannot.
///
/// Whoever acts on all wikis goes on with those that can be read. The others are not gone: nothing of theirs is changed,
/// taken away or given to somebody else until somebody has mended their records.
///
/// # Errors
/// The registry as a whole cannot be read.
pub fn readable(layout: &Layout) -> Result<(BTreeMap<Name, Wiki>, Damaged), Error> {
    let (mut wikis, mut damaged) = (BTreeMap::new(), BTreeMap::new());
    for name in named(&layout.state().join("wikis"), ".json")? {
        match find(layout, &name) {
            Ok(Some(wiki)) => {
                wikis.insert(name, wiki);
            }
            Ok(None) => {}
            Err(error) => {
                damaged.insert(name, error);
            }
        }
    }
    Ok((wikis, damaged))
}

/// The wikis that have a file in a directory, or a directory.
fn named(directory: &Path, end: &str) -> Result<Vec<Name>, Error> {
    let names = disk::names(directory).map_err(|source| Error::System { path: directory.to_owned(), source })?;
    Ok(names.iter().filter_map(|name| Name::new(name.strip_suffix(end)?).ok()).collect())
}

/// Where a wiki answers and its user's number, as far as a record tells that is no record any more: that of a newer
/// mwfarm, or one that somebody has changed by hand.
#[must_use]
pub fn claims(layout: &Layout, name: &Name) -> (Option<Host>, Option<u32>) {
    let bytes = disk::read_optional(&layout.record(name)).ok().flatten().unwrap_or_default();
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(&bytes) else { return (None, None) };
    let host = json["host"].as_str().and_then(|host| Host::new(host).ok());
    (host, json["uid"].as_u64().and_then(|uid| u32::try_from(uid).ok()))
}

/// Puts a record in the place of the one before. The wiki's lock has to be held.
///
/// # Errors
/// Those of the system.
pub fn put(layout: &Layout, wiki: &Wiki) -> Result<(), Error> {
    let path = layout.record(&wiki.name);
    let mut json = serde_json::to_vec_pretty(wiki).unwrap_or_default();
    json.push(b'\n');
    let write = || {
        disk::make_directories(&layout.state())?;
        // Names and faults of wikis are not for other wikis.
        disk::make_directory(path.parent().unwrap_or(Path::new(".")), 0o700, None)?;
        disk::replace(&path, &json, 0o600)
    };
    write().map_err(|source| Error::System { path: path.clone(), source })
}

/// Removes a record. The wiki's lock has to be held.
///
/// # Errors
/// Those of the system.
pub fn remove(layout: &Layout, name: &Name) -> Result<(), Error> {
    let path = layout.record(name);
    disk::discard(&path).map_err(|source| Error::System { path, source })
}

/// The file of the numbers that were given away, in the farm's state.
pub const IDS: &str = "ids.json";

/// The number of the next wiki's user. It is noted as given away before it is used, whatever comes of it: files of a
/// wiki that is gone must never belong to another one. Numbers that are somebody else's are passed over, as `is_taken`
/// tells.
///
/// Should the file of them be gone, records, journals and the groups of homes tell which numbers were given.
///
/// # Errors
/// None is left, nobody knows which were given, or the system refuses.
pub fn allocate<E: From<Error>>(
    layout: &Layout,
    range: Range,
    is_taken: impl Fn(u32) -> Result<bool, E>,
) -> Result<u32, E> {
    let _farm = lock::farm(layout).map_err(Error::from)?;
    let path = layout.state().join(IDS);
    let system = |source| Error::System { path: path.clone(), source };
    let last = match disk::read_optional(&path).map_err(system)? {
        None => remembered(layout, range, &path)?,
        Some(bytes) => {
            let ids: Ids = serde_json::from_slice(&bytes)
                .map_err(|error| Error::Damaged { path: path.clone(), reason: error.to_string() })?;
            Some(ids.last)
        }
    };
    // One from a backup knows less than the records.
    let (wikis, damaged) = readable(layout)?;
    let recorded = wikis.values().filter_map(|wiki| wiki.uid);
    let claimed = damaged.keys().filter_map(|name| claims(layout, name).1);
    let last = recorded.chain(claimed).chain(last).max();
    let mut id = last.map_or(range.from, |last| last.saturating_add(1).max(range.from));
    while id <= range.to && is_taken(id)? {
        id += 1;
    }
    if id > range.to {
        return Err(Error::Full(range).into());
    }
    let json = serde_json::to_vec(&Ids { last: id }).unwrap_or_default();
    disk::make_directories(&layout.state()).and_then(|()| disk::replace(&path, &json, 0o644)).map_err(system)?;
    Ok(id)
}

/// The highest number that was given away, when only records, journals and homes know; `None`: there never was a wiki.
fn remembered(layout: &Layout, range: Range, ids: &Path) -> Result<Option<u32>, Error> {
    let state = layout.state();
    let mut names: BTreeMap<Name, Option<u32>> = BTreeMap::new();
    for name in named(&layout.homes(), "")? {
        let home = layout.home(&name);
        let system = |source| Error::System { path: home.clone(), source };
        let Some(found) = disk::look(&home).map_err(system)? else { continue };
        let number = [found.gid(), found.uid()].into_iter().find(|id| (range.from..=range.to).contains(id));
        // The place may be shared with others, who know nothing of wikis.
        let mut parts = home::PARTS.iter().map(|part| disk::look(&home.join(part)).map_err(system));
        let is_wiki = parts.try_fold(false, |is, part| part.map(|part| is || part.is_some()))?;
        if found.is_dir() && (is_wiki || number.is_some()) {
            names.insert(name, number);
        }
    }
    for (directory, end) in [(state.join("wikis"), ".json"), (state.join("journal"), ".jsonl")] {
        for name in named(&directory, end)? {
            names.entry(name).or_default();
        }
    }
    let (mut highest, mut forgotten) = (None, None);
    for (name, of_home) in names {
        let path = layout.journal(&name);
        let entries = journal::read(&path).map_err(|source| Error::System { path, source })?;
        let of_record = find(layout, &name).ok().flatten();
        let claimed = of_record.as_ref().map_or_else(|| claims(layout, &name).1, |wiki| wiki.uid);
        let numbers = entries.iter().filter_map(|entry| entry.uid).chain(claimed).chain(of_home).max();
        // A record that can be read, and has no number, is that of a wiki without a user.
        if numbers.is_none() && of_record.is_none() {
            forgotten = Some(name);
        }
        highest = highest.max(numbers);
    }
    match forgotten {
        None => Ok(highest),
        Some(wiki) => Err(Error::Forgotten { path: ids.to_owned(), wiki, highest }),
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Ids {
    last: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: Range = Range { from: 61_000, to: 61_009 };

    fn next(layout: &Layout) -> Result<u32, Error> {
        allocate(layout, RANGE, |_| Ok(false))
    }

    fn journal_of(layout: &Layout, name: &str, uid: Option<u32>) {
        let path = layout.journal(&Name::new(name).unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let uid = uid.map(|uid| format!(",\"uid\":{uid}")).unwrap_or_default();
        let line = format!("{{\"at\":1,\"attempt\":0,\"stage\":\"noted\",\"who\":\"root\"{uid}}}\n");
        std::fs::write(path, line).unwrap();
    }

    #[test]
    fn numbers_are_never_given_twice() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path().to_owned());
        let range = Range { from: 61_000, to: 61_003 };
        let free = |number| Ok::<_, Error>(number == 61_001);
        let given: Vec<u32> = (0..3).map(|_| allocate(&layout, range, free).unwrap()).collect();
        assert_eq!(given, [61_000, 61_002, 61_003], "that of somebody else is passed over");
        assert!(matches!(allocate(&layout, range, free), Err(Error::Full(_))));
        assert_eq!(allocate(&layout, Range { from: 500_000, to: 500_001 }, free).unwrap(), 500_000);
    }

    #[test]
    fn numbers_are_known_without_the_file_of_them_or_none_is_given() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path().to_owned());
        let ids = layout.state().join(IDS);
        assert_eq!(next(&layout).unwrap(), 61_000);
        let host = Host::new("a.wiki.test").unwrap();
        put(&layout, &Wiki::new(Name::new("a").unwrap(), host, "refs/heads/main", Some(61_004))).unwrap();
        assert_eq!(next(&layout).unwrap(), 61_005, "a file from a backup knows less");
        std::fs::remove_file(&ids).unwrap();
        assert_eq!(next(&layout).unwrap(), 61_005);
        // A wiki that is gone has left its journal.
        std::fs::remove_file(&ids).unwrap();
        journal_of(&layout, "gone", Some(61_006));
        assert_eq!(next(&layout).unwrap(), 61_007);
        // A record that somebody has changed by hand, or a newer mwfarm.
        std::fs::write(layout.record(&Name::new("b").unwrap()), "{\"schema\": 9, \"uid\": 61008}").unwrap();
        std::fs::remove_file(&ids).unwrap();
        assert_eq!(next(&layout).unwrap(), 61_009);
        // An older mwfarm did not note them, and nobody knows.
        std::fs::remove_file(&ids).unwrap();
        journal_of(&layout, "old", None);
        let Err(Error::Forgotten { wiki, highest, .. }) = next(&layout) else { panic!("it was given") };
        assert_eq!((wiki.as_str(), highest), ("old", Some(61_008)));
        assert!(!ids.exists());
        for (damage, what) in [("", "EOF"), ("{\"last\": -1}", "invalid value")] {
            std::fs::write(&ids, damage).unwrap();
            let error = next(&layout).unwrap_err().to_string();
            assert!(error.contains("ids.json` does not fit") && error.contains(what), "{error}");
        }
    }

    #[test]
    fn what_else_is_beside_the_homes_of_wikis_is_not_theirs() {
        use std::os::unix::fs::lchown;
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path().to_owned());
        let ids = layout.state().join(IDS);
        let home = |name: &str| layout.home(&Name::new(name).unwrap());
        std::fs::create_dir_all(home("notes").join("drafts")).unwrap();
        std::fs::write(home("list"), "").unwrap();
        assert_eq!(next(&layout).unwrap(), 61_000, "a shared place");
        // A home whose record and journal are lost tells the number itself, if it has one.
        std::fs::create_dir_all(home("lost").join("config.git-work")).unwrap();
        std::fs::remove_file(&ids).unwrap();
        let Err(Error::Forgotten { wiki, .. }) = next(&layout) else { panic!("it was given") };
        assert_eq!(wiki.as_str(), "lost");
        if rustix::process::geteuid().is_root() {
            lchown(home("lost"), Some(0), Some(61_003)).unwrap();
            assert_eq!(next(&layout).unwrap(), 61_004);
            std::fs::remove_file(&ids).unwrap();
            std::fs::create_dir_all(home("bare")).unwrap();
            lchown(home("bare"), Some(61_005), Some(0)).unwrap();
            assert_eq!(next(&layout).unwrap(), 61_006);
        }
    }

    #[test]
    fn a_record_of_another_form_is_refused_for_its_form() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path().to_owned());
        let name = Name::new("a").unwrap();
        std::fs::create_dir_all(layout.record(&name).parent().unwrap()).unwrap();
        std::fs::write(layout.record(&name), "{\"schema\": 2, \"hosts\": []}").unwrap();
        let error = find(&layout, &name).unwrap_err().to_string();
        assert!(error.ends_with("its form is 2, and this mwfarm knows 1"), "{error}");
    }
}
