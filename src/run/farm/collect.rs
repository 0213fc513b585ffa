//! `gc` of a farm: in each of its trees, then among its settings files.

use std::path::Path;

use crate::cli;
use crate::report::generations::Directory;
use crate::report::{Problem, Reporter};

/// Whether what is to be collected is a farm with settings: when the command line says so, or when the tree has no list
/// of its own.
pub(in crate::run) fn collects(tree: &Path, config: &cli::ConfigDir) -> bool {
    config.config_dir.is_some() || !tree.join(super::super::WIKIS).exists() && super::is_there()
}

/// Collects.
pub(in crate::run) fn collect(
    tree: &Path,
    flags: &cli::Gc,
    reporter: &dyn Reporter,
) -> Result<Vec<Directory>, Vec<Problem>> {
    let configuration = super::read(&flags.config, tree)?;
    let mut directories = Vec::new();
    for tree in configuration.trees.values() {
        directories.push(super::super::generations::of_vendor(&tree.directory.join("vendor"), flags, reporter)?);
    }
    Ok(directories)
}
