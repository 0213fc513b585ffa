//! A generated farm on disk.

use mwfarm::build::{Request, plan};
use mwfarm::config::wikis;

use crate::farm::Farm;

/// A tree below `target/tmp`, removed when dropped.
pub(crate) struct Tree {
    directory: tempfile::TempDir,
}

impl Tree {
    /// The farm of so many extensions.
    pub(crate) fn new(extensions: usize) -> Self {
        let directory = tempfile::Builder::new().prefix("farm-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        let tree = Self { directory: directory.expect("a directory below target/tmp") };
        Farm::new(extensions).write(tree.directory.path()).expect("a farm");
        tree
    }

    /// A build of it, into its own vendor directory.
    pub(crate) fn request(&self) -> Request {
        let path = self.directory.path();
        Request {
            tree: path.to_owned(),
            output: None,
            farm: wikis::read(&path.join("wikis.yml")).expect("wikis"),
            strategy: plan::Strategy::QuickBold,
            optimize: false,
            authoritative: false,
            fast: false,
            absolute_paths: false,
            mediawikifarm: false,
            wait: false,
            cache: None,
        }
    }
}
