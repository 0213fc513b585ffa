//! `gc` and `rollback`: what is done with generations that are published already.

use std::path::Path;

use super::invalidate::{self, Publication};
use super::{farm, formatted, problem};
use crate::build::gc::{self, Keep};
use crate::build::history::{self, Generation};
use crate::build::opened;
use crate::build::published::Published;
use crate::build::rollback::{self, Change, Plan, Request};
use crate::cli;
use crate::disk;
use crate::report::generations::{
    Collection, Directory, GenerationState, Generations, Kept, Reason, Rollback, SCHEMA, Stranger, Wiki,
};
use crate::report::summary::{Tense, WikiState};
use crate::report::{self, Output, Problem, Reporter, Verbosity};

/// Removes what no request uses any more.
pub(super) fn collect(tree: &Path, flags: &cli::Gc, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let directories = if flags.output.is_none() && farm::collects(tree, &flags.config) {
        farm::collect(flags, reporter)?
    } else {
        let vendor = flags.output.clone().unwrap_or_else(|| tree.join("vendor"));
        vec![of_vendor(&vendor, flags, reporter)?]
    };
    let tense = if flags.dry_run { Tense::Planned } else { Tense::Done };
    let answer = Collection { schema: SCHEMA, directories };
    Ok(Output::done(formatted(flags.format, || answer.text(tense), || answer.json())?))
}

/// Collects in one vendor directory.
pub(super) fn of_vendor(vendor: &Path, flags: &cli::Gc, reporter: &dyn Reporter) -> Result<Directory, Vec<Problem>> {
    let keep: Keep = flags.kept();
    let collected = gc::collect(vendor, &keep, !flags.no_wait, flags.dry_run, reporter);
    let collected = collected.map_err(|error| vec![problem::of_gc(&error)])?;
    for name in &collected.plan.names {
        reporter.note(Verbosity::Verbose, &format!("{name}"));
    }
    let kept = collected.plan.kept.into_iter().map(|(generation, reason)| {
        let (reason, seconds) = match reason {
            gc::Reason::InUse => (Reason::InUse, None),
            gc::Reason::Latest => (Reason::Latest, None),
            gc::Reason::Grace(seconds) => (Reason::Grace, Some(seconds)),
        };
        Kept { generation, reason, seconds }
    });
    let strangers = collected.strangers.into_iter();
    Ok(Directory {
        directory: vendor.display().to_string(),
        kept: kept.collect(),
        removed: collected.plan.generations,
        names: collected.plan.names.iter().map(ToString::to_string).collect(),
        files: collected.files,
        bytes: collected.bytes,
        strangers: strangers.map(|(name, file)| Stranger { name: name.to_string(), file }).collect(),
    })
}

/// Serves an earlier generation again, or lists those that are there.
pub(super) fn rollback(tree: &Path, flags: &cli::Rollback, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let vendor = flags.output.clone().unwrap_or_else(|| tree.join("vendor"));
    let failed = |error: rollback::Error| vec![problem::of_rollback(&error)];
    if flags.list {
        let published = Published::read(&vendor).map_err(|error| failed(opened::Error::from(error).into()))?;
        let answer = generations(&vendor, &published).map_err(failed)?;
        return Ok(Output::done(formatted(flags.format, || answer.text(), || answer.json())?));
    }
    let request = Request { tree: tree.to_owned(), vendor: vendor.clone(), to: flags.to.clone(), wait: !flags.no_wait };
    let (plan, tense) = if flags.dry_run {
        (rollback::plan(&request).map_err(failed)?, Tense::Planned)
    } else {
        (rollback::rollback(&request, reporter).map_err(failed)?, Tense::Done)
    };
    if !plan.changed.is_empty() {
        let files: Vec<_> = plan.changed.iter().map(|file| report::escaped(file)).collect();
        reporter.warning(&format!(
            "the tree is not what this generation was built from, and is not taken back: {}",
            files.join(", ")
        ));
    }
    let mut invalidated = Vec::new();
    let mut untold = Vec::new();
    if !flags.dry_run {
        let published = Publication::of_rollback(&vendor, &plan);
        for (pool, told) in flags.invalidate.iter().zip(invalidate::tell(&flags.invalidate, &published)) {
            invalidated.push(invalidate::answer(pool, &told));
            match &told {
                Ok(told) => reporter.note(Verbosity::Normal, &invalidate::note(pool, told)),
                Err(error) => untold.push(invalidate::problem(pool, &published, error)),
            }
        }
    }
    let Plan { from, to, wikis, changed, .. } = plan;
    let state = |change| match change {
        Change::Created => WikiState::Created,
        Change::Changed => WikiState::Changed,
        Change::Removed => WikiState::Removed,
    };
    let wikis = wikis.into_iter().map(|(id, change)| Wiki { id, state: state(change) }).collect();
    let answer = Rollback { schema: SCHEMA, from, to, wikis, changed, invalidated };
    Ok(Output::done(formatted(flags.format, || answer.text(tense), || answer.json())?).but(untold))
}

/// The generations that are there.
fn generations(vendor: &Path, published: &Published) -> Result<Generations, rollback::Error> {
    let Some(manifest) = &published.manifest else {
        return Err(opened::Error::Nothing(vendor.display().to_string()).into());
    };
    let now = disk::now();
    let known = history::generations(manifest).into_iter().map(|generation| {
        let state = match generation {
            _ if published.live.as_ref() == Some(generation.key()) => GenerationState::Served,
            Generation::Current(_) if published.live.is_some() => GenerationState::Interrupted,
            _ if generation.is_undone() => GenerationState::Undone,
            _ if generation.is_skipped() => GenerationState::Skipped,
            _ => GenerationState::Earlier,
        };
        // What is served has not been replaced, whatever a build that was interrupted has noted.
        let replaced = generation.replaced().filter(|_| state != GenerationState::Served);
        report::generations::Generation {
            generation: generation.key().clone(),
            state,
            replaced,
            ago: replaced.map(|then| now.saturating_sub(then)),
            wikis: generation.wikis().map(<[_]>::len),
        }
    });
    Ok(Generations { schema: SCHEMA, generations: known.collect() })
}
