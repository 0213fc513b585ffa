//! Who writes into the reference repository: many side by side, each another ref, and git keeps them apart; one alone
//! who removes objects, or what a git that was killed left.
//!
//! Whoever is alone is so for as long as this machine needs, never for as long as a remote does.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::super::bare::{self, heal, heal_if_idle, heal_ref};
use super::super::engine::of_lock;
use super::super::git::Repository;
use super::super::lock::{self, Held};
use super::super::options::Options;
use super::core;
use crate::disk;
use crate::report::Problem;

/// How long one waits for a lock that a git has which is not ours any more, or to be alone where that can wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often one looks.
const PAUSE: Duration = Duration::from_millis(100);

/// What is in the repository for as long as objects are removed. Its name is one of those that are healed, which waits
/// until a removal has ended whose parent was killed.
const REMOVING: &str = "mwfarm-removing.lock";

/// Writes one ref, beside others who write other ones. The refs of one `owner` are written one after another.
///
/// # Errors
/// Those of the action; the system refuses.
pub(super) fn beside<T>(
    options: &Options,
    owner: &str,
    reference: &str,
    write: impl Fn(&Repository) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let _reference = lock::reference(&options.layout, owner).map_err(|error| of_lock(&error))?;
    let repository = core(options);
    let begun = Instant::now();
    loop {
        tidy(options, &repository)?;
        let shared = lock::repository_shared(&options.layout).map_err(|error| of_lock(&error))?;
        heal_ref(&repository, reference)?;
        match write(&repository) {
            // Such as that of all packed refs, which a git was killed with. Whoever is at work is waited for.
            Err(problem) if problem.what.contains(".lock': File exists") && begun.elapsed() < PATIENCE => {}
            result => return result,
        }
        drop(shared);
        std::thread::sleep(PAUSE);
    }
}

/// Removes what gits that were killed left, if nobody is at work; else the next one does.
///
/// # Errors
/// The system refuses.
pub(super) fn tidy(options: &Options, repository: &Repository) -> Result<(), Problem> {
    // What went while we looked belongs to somebody who is at work.
    if bare::left(&repository.directory).is_ok_and(|left| left.is_empty()) {
        return Ok(());
    }
    match lock::repository(&options.layout, false) {
        Err(lock::Error::Held { .. }) => Ok(()),
        Err(error) => Err(of_lock(&error)),
        Ok(_alone) if is_removing(options)? => heal(repository),
        Ok(_alone) => heal_if_idle(repository).map(drop),
    }
}

/// Waits to be alone, which takes as long as others take: only where nobody can be at work.
///
/// # Errors
/// The system refuses.
pub(super) fn alone(options: &Options) -> Result<Held, Problem> {
    lock::repository(&options.layout, true).map_err(|error| of_lock(&error))
}

/// Packs objects and refs: beside all others, and once at a time, as git itself makes sure.
///
/// # Errors
/// Those of the action; the system refuses.
pub(super) fn packing(options: &Options, pack: impl FnOnce() -> Result<(), Problem>) -> Result<(), Problem> {
    tidy(options, &core(options))?;
    let _shared = lock::repository_shared(&options.layout).map_err(|error| of_lock(&error))?;
    pack()
}

/// Removes objects, if one can be alone soon.
///
/// # Errors
/// Those of the action; the system refuses.
pub(super) fn alone_soon(options: &Options, remove: impl FnOnce() -> Result<(), Problem>) -> Result<(), Problem> {
    let begun = Instant::now();
    let _alone = loop {
        match lock::repository(&options.layout, false) {
            Ok(alone) => break alone,
            // Nobody is kept waiting meanwhile.
            Err(lock::Error::Held { .. }) if begun.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            Err(lock::Error::Held { .. }) => return Ok(()),
            Err(error) => return Err(of_lock(&error)),
        }
    };
    heal(&core(options))?;
    let marker = removing(options);
    let failed = |error| super::super::releases::unusable(&marker, &error);
    disk::touch(&marker).map_err(failed)?;
    let removed = remove();
    disk::discard(&marker).map_err(failed)?;
    removed
}

fn removing(options: &Options) -> PathBuf {
    options.layout.core().join(REMOVING)
}

fn is_removing(options: &Options) -> Result<bool, Problem> {
    let marker = removing(options);
    Ok(disk::look(&marker).map_err(|error| super::super::releases::unusable(&marker, &error))?.is_some())
}
