//! `run update`: brings a wiki's data to the version that the configuration asks for. Where upgrades are delayed, the
//! version becomes the wiki's own when update.php has succeeded, and not before.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::compile::of_write;
use super::script::{Farm, ended};
use super::show::some;
use crate::config::published::{self, InUse, Wiki};
use crate::config::tree::Tree;
use crate::config::write;
use crate::disk::{self, Lock};
use crate::farm::{ExtensionId, WikiId};
use crate::process::Status;
use crate::report::{ExitCode, Output, Problem, Reporter, Verbosity};

/// Where it is written for what wikis were updated, in the output directory, with the logs of `--all`.
const UPDATES: &str = "updates";

/// What a wiki was updated for last: when that changes, it needs update.php.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Updated {
    /// The version's name.
    version: String,
    /// `MW_VERSION`.
    mediawiki: String,
    /// What was on.
    extensions: Vec<ExtensionId>,
}

/// One wiki, on the terminal.
pub(super) fn one(
    farm: &Farm,
    id: &WikiId,
    wiki: &Wiki,
    arguments: &[OsString],
    reporter: &dyn Reporter,
) -> Result<Output, Vec<Problem>> {
    let program = farm.program(id, &wiki.version, "update", arguments)?;
    let run = || program.run().map_err(|error| vec![Problem::from_error(ExitCode::Failed, &error)]);
    let status = update(farm, id, wiki, &run)?;
    if status == Status::Exited(0) && wiki.delayed {
        reporter.note(Verbosity::Normal, &format!("{id} runs on {} now", wiki.version));
    }
    Ok(ended(status))
}

/// All wikis that need it, several at once. One that fails does not stop the others; run again, it is the first.
pub(super) fn all(
    farm: &Farm,
    jobs: Option<NonZeroUsize>,
    arguments: &[OsString],
    reporter: &dyn Reporter,
) -> Result<Output, Vec<Problem>> {
    let mut queue = VecDeque::new();
    for (id, wiki) in &farm.manifest.wikis {
        if needs_update(farm, id, wiki)? {
            queue.push_back(id);
        }
    }
    let total = queue.len();
    if total == 0 {
        return Ok(Output::done(format!("{} up to date\n", some(farm.manifest.wikis.len(), "wiki"))));
    }
    let workers = jobs.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get).min(total);
    // update.php counts down for whoever watches it.
    let mut arguments = arguments.to_vec();
    if !arguments.iter().any(|argument| argument == "--quick") {
        arguments.push("--quick".into());
    }
    let queue = Mutex::new(queue);
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop_front();
                    let Some(id) = next else { return };
                    match logged(farm, id, &arguments) {
                        Ok(what) => reporter.note(Verbosity::Normal, &format!("{id}: updated for {what}")),
                        Err(problems) => {
                            reporter.warning(&format!("{id}: not updated"));
                            let mut failed = failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                            failed.push((id, problems));
                        }
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    failed.sort_by_key(|(id, _)| *id);
    let text = format!("{} updated, {} failed\n", some(total - failed.len(), "wiki"), failed.len());
    Ok(Output::done(text).but(failed.into_iter().flat_map(|(_, problems)| problems).collect()))
}

/// The version with MediaWiki's own number.
fn shown(farm: &Farm, wiki: &Wiki) -> String {
    let release = farm.tree(&wiki.version).ok().and_then(|tree| Tree::read(tree).ok()).map(|tree| tree.release);
    format!("MediaWiki {}", release.unwrap_or_default())
}

/// Updates a wiki; what update.php says goes into a file. Says for what it was updated.
fn logged(farm: &Farm, id: &WikiId, arguments: &[OsString]) -> Result<String, Vec<Problem>> {
    // As it is published now: a queue may take hours.
    let farm = &Farm::read(farm.options.clone())?;
    let Some(wiki) = farm.manifest.wikis.get(id) else { return Err(vec![of_meanwhile(id)]) };
    let program = farm.program(id, &wiki.version, "update", arguments)?;
    let log = farm.options.output.join(UPDATES).join(format!("{id}.log"));
    let run = || {
        let file = disk::log(&log).map_err(|error| vec![of_file(&log, &error)])?;
        program.run_into(file).map_err(|error| vec![Problem::from_error(ExitCode::Failed, &error)])
    };
    match update(farm, id, wiki, &run)? {
        Status::Exited(0) => Ok(shown(farm, wiki)),
        status => {
            let what = format!("update.php of wiki `{id}` ended with {}", status.code());
            Err(vec![
                Problem::new(ExitCode::Failed, what)
                    .cause(format!("`{}` has what it said", log.display()))
                    .hint(format!("`mwfarm run update --wiki {id}` runs it again")),
            ])
        }
    }
}

fn of_meanwhile(id: &WikiId) -> Problem {
    let what = format!("wiki `{id}` is compiled for another version since this began");
    Problem::new(ExitCode::Failed, what).hint("run it again")
}

fn of_file(path: &std::path::Path, error: &std::io::Error) -> Problem {
    Problem::new(ExitCode::Failed, format!("cannot write `{}`", path.display())).cause(error.to_string())
}

/// Runs update.php for a wiki, and switches its version when that succeeds. While it runs, requests are told to come
/// back if the version changes.
fn update(
    farm: &Farm,
    id: &WikiId,
    wiki: &Wiki,
    run: &dyn Fn() -> Result<Status, Vec<Problem>>,
) -> Result<Status, Vec<Problem>> {
    let output = &farm.options.output;
    let record = record(farm, id);
    let file = |error: std::io::Error| vec![of_file(&record, &error)];
    disk::make_directories(&output.join(UPDATES)).map_err(file)?;
    disk::touch(&record).map_err(file)?;
    let lock = Lock::take(&record, false).map_err(|error| {
        vec![
            Problem::new(ExitCode::Failed, format!("wiki `{id}` is being updated already"))
                .cause(error.to_string())
                .hint("wait for it"),
        ]
    })?;
    // Should we be killed, update.php goes on, and no second one may run beside it.
    lock.share().map_err(file)?;
    // As it is now: another update may have ended since. No build may be on its way: it would not know that this version
    // is about to be that of the wiki's data.
    let building = write::lock(output, true).map_err(|error| vec![of_write(&error)])?;
    let published = Farm::read(farm.options.clone())?.manifest.wikis;
    if published.get(id).is_none_or(|now| now.version != wiki.version || now.delayed != wiki.delayed) {
        return Err(vec![of_meanwhile(id)]);
    }
    let before = published::state(output, id).map_err(file)?.filter(|_| wiki.delayed);
    let changes = before.as_ref().is_some_and(|state| state.version != wiki.version || state.updating);
    let switch =
        |version: &str, updating| write::version(output, id, version, updating).map_err(|error| vec![of_write(&error)]);
    if let Some(InUse { version, .. }) = before.as_ref().filter(|_| changes) {
        switch(version, true)?;
    }
    drop(building);
    if changes {
        // Requests that were let in before still use the data.
        thread::sleep(Duration::from_secs(farm.options.drain));
    }
    let status = run();
    let succeeded = matches!(status, Ok(Status::Exited(0)));
    if let Some(InUse { version, .. }) = before.as_ref().filter(|_| changes) {
        switch(if succeeded { &wiki.version } else { version }, false)?;
    }
    if succeeded {
        if let Some(compiled) = wiki.compiled.get(&wiki.version).filter(|_| changes) {
            write::link(output, id, &compiled.settings).map_err(|error| vec![of_write(&error)])?;
        }
        let json = serde_json::to_vec_pretty(&now(farm, wiki)?).unwrap_or_default();
        disk::overwrite(&record, &json).map_err(file)?;
    }
    status
}

fn record(farm: &Farm, id: &WikiId) -> PathBuf {
    farm.options.output.join(UPDATES).join(format!("{id}.json"))
}

/// What a wiki would be updated for.
fn now(farm: &Farm, wiki: &Wiki) -> Result<Updated, Vec<Problem>> {
    let directory = farm.tree(&wiki.version)?;
    let tree = Tree::read(directory).map_err(|error| {
        vec![Problem::new(ExitCode::Failed, format!("cannot read `{}`", directory.display())).cause(error.to_string())]
    })?;
    let compiled = wiki.compiled.get(&wiki.version);
    Ok(Updated {
        version: wiki.version.clone(),
        mediawiki: tree.release,
        extensions: compiled.map(|compiled| compiled.extensions.clone()).unwrap_or_default(),
    })
}

/// Whether a wiki waits for another version, was interrupted, or was never updated for what it is now.
fn needs_update(farm: &Farm, id: &WikiId, wiki: &Wiki) -> Result<bool, Vec<Problem>> {
    let state = farm.published.in_use.get(id).filter(|_| wiki.delayed);
    if state.is_some_and(|state| state.updating || state.version != wiki.version) {
        return Ok(true);
    }
    let record = record(farm, id);
    let json = disk::read_optional(&record).map_err(|error| vec![of_file(&record, &error)])?;
    let before = json.and_then(|json| serde_json::from_slice::<Updated>(&json).ok());
    Ok(before != Some(now(farm, wiki)?))
}
