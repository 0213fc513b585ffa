//! `gc` of a farm: in each of its trees, then among its settings files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::super::{generations, problem};
use crate::build::{self, gc, opened};
use crate::cli;
use crate::config::options;
use crate::config::published::{Manifest, Published};
use crate::key::Key;
use crate::report::generations::{Directory, Stranger};
use crate::report::{ExitCode, Problem, Reporter};

/// Whether what is to be collected is a farm with settings: when the command line says so, or when it names no tree and
/// the current directory has no list of its own.
pub(in crate::run) fn collects(tree: &Path, config: &cli::ConfigDir) -> bool {
    let named = tree != Path::new(".");
    config.config_dir.is_some() || !named && !tree.join(super::super::WIKIS).exists() && super::is_there()
}

/// Collects. What the configuration says now does not matter, but what it was compiled to.
pub(in crate::run) fn collect(flags: &cli::Gc, reporter: &dyn Reporter) -> Result<Vec<Directory>, Vec<Problem>> {
    let options = options::read(&super::directory(&flags.config)).map_err(|error| vec![super::of_options(&error)])?;
    let output = &options.output;
    let unread = |error| vec![Problem::from_error(ExitCode::Failed, &error)];
    if Published::read(output).map_err(unread)?.manifest.is_none() {
        let what = format!("no farm is compiled in `{}`", output.display());
        return Err(vec![Problem::new(ExitCode::Failed, what).hint("run `mwfarm build`")]);
    }
    let _lock = if flags.dry_run { None } else { Some(super::compile::lock(output, !flags.no_wait, reporter)?) };
    let Some(manifest) = Published::read(output).map_err(unread)?.manifest else { return Ok(Vec::new()) };
    let mut directories = Vec::new();
    let mut named = BTreeSet::new();
    for (tree, is_former) in trees(&manifest) {
        let vendor = &tree.join("vendor");
        if !is_former && !tree.is_dir() {
            let what = format!("the farm's tree `{}` is not there", tree.display());
            let hint = "what it needs is not known: mount it, or take it out of the configuration and build";
            return Err(vec![Problem::new(ExitCode::Failed, what).hint(hint)]);
        }
        let built = build::published::Published::read(vendor)
            .map_err(|error| vec![problem::of_gc(&opened::Error::from(error).into())])?;
        if built.manifest.is_none() {
            // One that is gone, or from which everything was taken out.
            continue;
        }
        let collected = generations::of_vendor(vendor, flags, reporter)?;
        named.extend(tables(vendor, &collected.names)?);
        directories.push(collected);
    }
    let failed = |error: std::io::Error| {
        let what = format!("cannot remove from `{}`", output.display());
        vec![Problem::new(ExitCode::Failed, what).cause(error.to_string())]
    };
    let grace = flags.kept().grace;
    let collected = crate::config::gc::collect(output, &manifest, named, grace, flags.dry_run).map_err(failed)?;
    let strangers = collected.strangers.into_iter();
    directories.push(Directory {
        directory: output.display().to_string(),
        kept: Vec::new(),
        removed: Vec::new(),
        names: collected.names,
        files: collected.files,
        bytes: collected.bytes,
        strangers: strangers.map(|(name, file)| Stranger { name, file }).collect(),
    });
    Ok(directories)
}

/// The farm's trees, and those that it had before: somebody may still be served from there.
fn trees(manifest: &Manifest) -> BTreeMap<&Path, bool> {
    let former = manifest.former.iter().map(|tree| (tree.as_path(), true));
    former.chain(manifest.trees.values().map(|tree| (tree.as_path(), false))).collect()
}

/// The keys of settings files that the tables of a vendor directory name, but for those that go.
fn tables(vendor: &Path, without: &[String]) -> Result<BTreeSet<Key>, Vec<Problem>> {
    let texts = gc::tables(vendor, without).map_err(|error| vec![problem::of_gc(&error)])?;
    Ok(texts.iter().flat_map(|text| crate::config::gc::keys(text)).collect())
}
