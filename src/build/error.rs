//! What stands in the way of a build.

use std::io;
use std::path::PathBuf;

use super::{candidates, copy, manifest, plan, published, resolve, rules, scan, write};
use crate::disk::{self, LockError};
use crate::farm::WikiId;

/// Why there is no build.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tree cannot be read.
    #[error("cannot read the tree")]
    Manifest(#[from] manifest::Error),
    /// The locked versions do not satisfy everybody.
    #[error("the extensions cannot be installed together")]
    Unmet(Vec<resolve::Unmet>),
    /// An autoload rule cannot be followed.
    #[error("an autoload rule cannot be followed")]
    Rule(#[from] rules::Error),
    /// A class map rule leads nowhere.
    #[error("an autoload rule leads nowhere")]
    Missing(#[from] candidates::Missing),
    /// PHP files cannot be scanned.
    #[error("cannot scan for classes")]
    Scan(#[from] scan::Error),
    /// The farm does not fit the tree.
    #[error("the farm does not fit the tree")]
    Plan(#[from] plan::Error),
    /// Wikis turn on what needs something that is not there.
    #[error("an extension needs another that is not there")]
    Dangling(Vec<Dangling>),
    /// Packages that wikis load are not where they were installed.
    #[error("a package is missing")]
    Absent(Vec<Absent>),
    /// What is published cannot be read.
    #[error("cannot build into the vendor directory")]
    Published(#[from] published::Error),
    /// The vendor directory is a link, or its `composer/` is.
    #[error(transparent)]
    Link(#[from] disk::Linked),
    /// Another build is at work.
    #[error("the vendor directory is locked")]
    Lock(#[from] LockError),
    /// The vendor tree cannot be copied.
    #[error("cannot copy the vendor tree")]
    Copy(#[from] copy::Error),
    /// Writing failed.
    #[error("cannot publish")]
    Write(#[from] write::Error),
    /// Reading failed.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A requirement of a manifest that nothing satisfies, of an extension that is on.
#[derive(Debug)]
pub struct Dangling {
    /// What it is.
    pub dangling: resolve::Dangling,
    /// A wiki that has it on.
    pub wiki: WikiId,
}

/// A package that is not where it was installed.
#[derive(Debug)]
pub struct Absent {
    /// Its name.
    pub package: String,
    /// Where it should be, relative to the tree.
    pub path: String,
    /// A wiki that loads it; `None` when the base has it.
    pub wiki: Option<WikiId>,
}
