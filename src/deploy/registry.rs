//! The registry: one file for each wiki, and the numbers that were given away, which nobody gets again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::lock;
use super::name::Name;
use super::options::Range;
use super::record::{SCHEMA, Wiki};
use crate::disk;

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
    /// Somebody holds a lock.
    #[error(transparent)]
    Locked(#[from] lock::Error),
}

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
    let damaged = |reason: String| Error::Damaged { path: path.to_owned(), reason };
    let wiki: Wiki = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    if wiki.schema != SCHEMA {
        return Err(damaged(format!("its form is {}, and this mwfarm knows {SCHEMA}", wiki.schema)));
    }
    if wiki.name != *name {
        return Err(damaged(format!("it is about `{}`", wiki.name)));
    }
    Ok(wiki)
}

/// All wikis, by name.
///
/// # Errors
/// One cannot be read, or is damaged: whoever acts on all of them must not take it for gone.
pub fn all(layout: &Layout) -> Result<BTreeMap<Name, Wiki>, Error> {
    let (wikis, damaged) = readable(layout)?;
    match damaged.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(wikis),
    }
}

/// The wikis that can be read, by name, and why others cannot.
///
/// # Errors
/// The registry as a whole cannot be read.
pub fn readable(layout: &Layout) -> Result<(BTreeMap<Name, Wiki>, Vec<Error>), Error> {
    let directory = layout.state().join("wikis");
    let names = disk::names(&directory).map_err(|source| Error::System { path: directory, source })?;
    let (mut wikis, mut damaged) = (BTreeMap::new(), Vec::new());
    for file in names {
        let Some(name) = file.strip_suffix(".json").and_then(|name| Name::new(name).ok()) else { continue };
        match find(layout, &name) {
            Ok(Some(wiki)) => {
                wikis.insert(name, wiki);
            }
            Ok(None) => {}
            Err(error) => damaged.push(error),
        }
    }
    Ok((wikis, damaged))
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
/// wiki that is gone must never belong to another one.
///
/// # Errors
/// None is left, or the system refuses.
pub fn allocate(layout: &Layout, range: Range) -> Result<u32, Error> {
    let _farm = lock::farm(layout)?;
    let path = layout.state().join(IDS);
    let system = |source| Error::System { path: path.clone(), source };
    let last = match disk::read_optional(&path).map_err(system)? {
        None => None,
        Some(bytes) => Some(
            serde_json::from_slice::<Ids>(&bytes)
                .map_err(|error| Error::Damaged { path: path.clone(), reason: error.to_string() })?
                .last,
        ),
    };
    let id = last.map_or(range.from, |last| last.saturating_add(1).max(range.from));
    if id > range.to {
        return Err(Error::Full(range));
    }
    let json = serde_json::to_vec(&Ids { last: id }).unwrap_or_default();
    disk::make_directories(&layout.state()).and_then(|()| disk::replace(&path, &json, 0o644)).map_err(system)?;
    Ok(id)
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Ids {
    last: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_never_given_twice() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path().to_owned());
        let range = Range { from: 61_000, to: 61_002 };
        let given: Vec<u32> = (0..3).map(|_| allocate(&layout, range).unwrap()).collect();
        assert_eq!(given, [61_000, 61_001, 61_002]);
        assert!(matches!(allocate(&layout, range), Err(Error::Full(_))));
        assert_eq!(allocate(&layout, Range { from: 500_000, to: 500_001 }).unwrap(), 500_000);
    }
}
