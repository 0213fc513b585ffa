//! PHP files → classes: what Composer's `ClassMapGenerator` finds, read once for every rule that asks.
//!
//! `files` finds the files as Symfony's Finder does; `parser` reads one, by way of `strip` (PHP's lexer), `clean`
//! (Composer's cleaner) and `declarations` (Composer's expressions); `psr` says which classes a PSR rule may load.
//! `cache` knows what the scan before found, and `store` keeps that.

mod cache;
mod class_name;
mod clean;
mod declarations;
mod effects;
mod files;
mod glob;
mod outline;
mod parser;
mod psr;
mod store;
mod strip;
mod tokens;
mod yield_from;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

pub use class_name::ClassName;
pub use effects::{Effect, effects};
pub use files::LONGEST;
pub use parser::{Unparsable, find_classes};
pub use psr::{psr0_classes, psr4_classes};
pub use store::Store;

use cache::{Cache, Found, Hash};
use files::{File, Listing, Places};
use parser::Parser;

/// One path of an autoload rule, to scan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScanPath {
    /// A file or a directory, relative to the tree, normalised; the tree itself is the empty text. With a `*` that
    /// is no directory's name, it stands for all directories that match, as in Composer's `classmap`.
    pub path: String,
    /// The directory of the package or extension that the rule belongs to, relative to the tree. Links below the
    /// path must not lead out of it, by real paths. The empty text is the tree: there, links may lead anywhere.
    pub confine: String,
}

/// What the files below some paths declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// For each [`ScanPath`] given, in that order.
    pub paths: Vec<Scanned>,
    /// What was passed over, ready to be shown: names that are not UTF-8, `x.php` that is no file.
    pub warnings: Vec<String>,
}

/// One path, scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    /// What stands at the path.
    pub kind: Kind,
    /// The real path of a single file or directory that stands there: relative to the real path of the tree, or
    /// absolute when outside. A pattern has none.
    pub real: Option<String>,
    /// Its files that end in `.php`, `.inc` or `.hh`, ordered by the bytes of their paths. Composer takes the order
    /// in which the file system lists them; ours is the same everywhere.
    pub files: Vec<ScannedFile>,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing, or neither a file nor a directory. Composer gives up on a `classmap` path like this and passes over
    /// a PSR path.
    Missing,
    /// A file.
    File,
    /// A directory, or directories that match a pattern.
    Directory,
}

/// A file and its classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedFile {
    /// Its path as found, relative to the tree: it begins with the path of the rule.
    pub path: String,
    /// Its real path when that is another: relative to the real path of the tree, or absolute when outside.
    pub real: Option<String>,
    /// What it declares, in order, repeated names too.
    pub classes: Arc<[ClassName]>,
}

/// A file or directory that is not scanned, and the reason.
#[derive(Debug, thiserror::Error)]
#[error("cannot look for classes in {}", shown(file))]
pub struct Error {
    /// The path as found, relative to the tree.
    pub file: String,
    /// Why.
    #[source]
    pub reason: Reason,
}

fn shown(file: &str) -> String {
    if file.is_empty() { "the tree".to_owned() } else { format!("`{}`", file.escape_debug()) }
}

/// Why a file or directory is not scanned.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// A link leads out of the package.
    #[error("it leads to `{}`, outside `{}`", real.escape_debug(), package.escape_debug())]
    Outside {
        /// The real path it leads to.
        real: String,
        /// The directory it must not leave.
        package: String,
    },
    /// A link leads to a directory that it stands in. Versions of Composer disagree on such a tree.
    #[error("it leads back to `{}`, which it stands in", real.escape_debug())]
    Loop {
        /// The real path it leads to.
        real: String,
    },
    /// Its real path is not UTF-8.
    #[error("its real path is not UTF-8")]
    NotUtf8,
    /// It holds too many files.
    #[error("it holds more than {} files and directories", files::MOST)]
    TooMany,
    /// Links lead to too many directories.
    #[error("links in it lead to more than {} directories", files::MOST_LINKED)]
    TooManyLinked,
    /// Too many directories match.
    #[error("it matches more than {} paths", glob::MOST)]
    TooManyMatch,
    /// It is too long.
    #[error("it is longer than {} MiB", files::LONGEST >> 20)]
    TooLong,
    /// PHP cannot make sense of it, and Composer gives up on it.
    #[error(transparent)]
    Unparsable(#[from] Unparsable),
}

/// Scans every path. Each file is read once, however many of the paths lead to it and by whatever links.
///
/// The files are those that Composer scans: links are followed; hidden files and directories, and those of version
/// control, are passed over, unless a path names them. Other than Composer's Finder, this opens only regular files,
/// and does not follow links out of the package or into a loop.
///
/// The result and the error do not depend on the number of threads nor on the order in which directories are listed.
pub fn scan(tree: &Path, paths: &[ScanPath]) -> Result<Scan, Error> {
    Ok(scan_with(tree, paths, None)?.0)
}

/// [`scan`], with the same result, but without reading the files that the scan before has read. Besides it gives what is
/// to be kept for the next one, when that is anything else than what is kept.
///
/// # Errors
/// Those of [`scan`].
pub fn scan_with(tree: &Path, paths: &[ScanPath], store: Option<&Store>) -> Result<(Scan, Option<Vec<u8>>), Error> {
    let places = Places::of(tree, store.is_some())?;
    let listings = paths.iter().collect::<BTreeSet<_>>();
    let list = || listings.into_par_iter().map(|path| (path, places.list(path))).collect::<Vec<_>>();
    let (cache, listings) = rayon::join(|| store.map(Store::cache), list);
    let cache = cache.as_ref();
    let listings = listings
        .into_iter()
        .map(|(path, listing)| Ok((path, listing?)))
        .collect::<Result<BTreeMap<&ScanPath, Listing>, Error>>()?;

    let mut ways = listings.values().flat_map(|listing| &listing.files).enumerate().collect::<Vec<_>>();
    // Stable: of several ways to a file, the first is kept. Listings are sorted already, for the most part.
    ways.sort_by(|(_, a), (_, b)| a.real().cmp(b.real()));
    let mut files: Vec<&File> = Vec::with_capacity(ways.len());
    let mut places_of_ways = vec![0; ways.len()];
    for (way, file) in ways {
        if files.last().is_none_or(|last| last.real() != file.real()) {
            files.push(file);
        }
        places_of_ways[way] = files.len() - 1;
    }
    let known = match cache {
        Some(cache) => cache.recall(files.iter().map(|file| file.real())),
        None => vec![None; files.len()],
    };
    let read = files
        .par_iter()
        .zip(&known)
        .map_init(Reader::default, |reader, (file, known)| {
            let recalled = || cache?.by_hint((*known)?, file.hint.as_ref()?);
            let found = recalled().map_or_else(|| reader.read(&places, file, cache), Ok);
            found.map_err(|reason| Error { file: file.path.clone(), reason })
        })
        .collect::<Vec<_>>();
    let found = read.into_iter().collect::<Result<Vec<Found>, Error>>()?;
    let kept = cache.and_then(|cache| {
        let files = files.iter().zip(&known).zip(&found);
        cache.replaced(files.map(|((file, known), found)| (file.real(), *known, found)))
    });

    let mut warnings = Vec::new();
    let mut places_of_ways = places_of_ways.into_iter();
    let mut scanned = BTreeMap::new();
    for (path, listing) in listings {
        warnings.extend(listing.warnings);
        let files = listing.files.into_iter().zip(&mut places_of_ways).map(|(file, place)| ScannedFile {
            path: file.path,
            real: file.real,
            classes: Arc::clone(&found[place].classes),
        });
        scanned.insert(path, Scanned { kind: listing.kind, real: listing.real, files: files.collect() });
    }
    warnings.sort();
    warnings.dedup();
    let paths = if scanned.len() == paths.len() {
        paths.iter().filter_map(|path| scanned.remove(path)).collect()
    } else {
        paths.iter().map(|path| scanned[path].clone()).collect()
    };
    Ok((Scan { paths, warnings }, kept))
}

/// Keeps the memory that reading needs from file to file.
#[derive(Default)]
struct Reader {
    parser: Parser,
    contents: Vec<u8>,
}

impl Reader {
    /// Reads a file; parses it unless its content is known.
    fn read(&mut self, places: &Places, file: &File, cache: Option<&Cache<'_>>) -> Result<Found, Reason> {
        let hint = places.read(file.real(), &mut self.contents)?;
        let hash: Hash = if cache.is_some() { Sha256::digest(&self.contents).into() } else { [0; 32] };
        let classes = match cache.and_then(|cache| cache.by_hash(&hash)) {
            Some(classes) => classes,
            None => Arc::from(self.parser.find_classes(&self.contents)?),
        };
        Ok(Found { classes, hint, hash })
    }
}

#[cfg(test)]
mod tests;
