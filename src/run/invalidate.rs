//! Tells PHP-FPM pools that a build has published: the OPcache of a pool with `validate_timestamps=0` never looks at
//! files again, and only a process of the pool can make it.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::Deserialize;

use crate::build::generated::Generated;
use crate::build::php::runtime;
use crate::build::plan::Plan;
use crate::build::published::{FIXED, PRELOAD};
use crate::build::rollback;
use crate::config::{self, entry};
use crate::fastcgi::{self, Address};
use crate::key::Key;
use crate::report::{ExitCode, Problem, summary};

/// How long a pool has to answer: it may be busy.
const TIMEOUT: Duration = Duration::from_secs(15);

/// How much of a wrong answer is shown, in characters.
const EXCERPT: usize = 200;

/// What was published, as pools are told.
#[derive(Debug, Clone)]
pub(super) struct Publication {
    /// Where: a vendor directory, or what a farm is compiled into.
    directory: PathBuf,
    /// The script in it that tells.
    script: String,
    /// The generation.
    generation: Key,
    /// The files of fixed names that have changed.
    files: Vec<String>,
}

impl Publication {
    /// Of a build.
    pub(super) fn of_build(vendor: &Path, plan: &Plan) -> Self {
        let runtime = Generated::Runtime(plan.runtime.clone());
        Self {
            directory: vendor.to_owned(),
            script: format!("{runtime}/{}", runtime::INVALIDATE),
            generation: plan.generation.clone(),
            // What is preloaded is read when PHP starts, and never again.
            files: FIXED.into_iter().filter(|name| *name != PRELOAD).map(str::to_owned).collect(),
        }
    }

    /// Of an earlier generation.
    pub(super) fn of_rollback(vendor: &Path, plan: &rollback::Plan) -> Self {
        Self {
            directory: vendor.to_owned(),
            script: format!("{}/{}", plan.runtime(), runtime::INVALIDATE),
            generation: plan.to.clone(),
            files: FIXED.into_iter().filter(|name| *name != PRELOAD).map(str::to_owned).collect(),
        }
    }

    /// Of a farm.
    pub(super) fn of_farm(output: &Path, plan: &config::plan::Plan) -> Self {
        Self {
            directory: output.to_owned(),
            script: format!("mwfarm_{}/{}", plan.runtime, entry::INVALIDATE),
            generation: plan.manifest.generation.clone(),
            files: plan.fixed(),
        }
    }
}

/// A pool that was told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Told {
    /// Its version of PHP.
    pub(super) php: String,
    /// Whether its OPcache is on.
    pub(super) opcache: bool,
    /// Files below the directory that it will compile anew.
    pub(super) invalidated: Vec<String>,
    /// Files that it goes on serving as they were.
    refused: Vec<String>,
}

/// Why a pool was not told.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The path of the directory cannot be handed over.
    #[error("cannot name `{}` to it", directory.display())]
    Path {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It did not answer.
    #[error(transparent)]
    Request(#[from] fastcgi::Error),
    /// It runs the script, which finds another generation.
    #[error(
        "it sees another generation in `{directory}`: another build has published since, or the file is not the same"
    )]
    OtherGeneration {
        /// The directory.
        directory: String,
    },
    /// It did not run the script.
    #[error("it does not run `{script}` (status {status}: {excerpt})")]
    Status {
        /// The script.
        script: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of what it said.
        excerpt: String,
    },
    /// It answered something else.
    #[error("it answered something else than `{script}` does: {excerpt}")]
    Answer {
        /// The script.
        script: String,
        /// The beginning of what it said.
        excerpt: String,
    },
    /// Its OPcache keeps what it has.
    #[error("its OPcache refuses to give up {}: see `opcache.restrict_api` and `disable_functions`", files.join(", "))]
    Refused {
        /// The files.
        files: Vec<String>,
    },
}

/// Tells all pools at once; results in their order.
pub(super) fn tell(pools: &[Address], published: &Publication) -> Vec<Result<Told, Error>> {
    thread::scope(|scope| {
        let threads: Vec<_> = pools.iter().map(|pool| scope.spawn(|| tell_one(pool, published))).collect();
        let joined = threads.into_iter().map(thread::ScopedJoinHandle::join);
        joined.map(|told| told.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

fn tell_one(pool: &Address, published: &Publication) -> Result<Told, Error> {
    let path = |source| Error::Path { directory: published.directory.clone(), source };
    let real = published.directory.canonicalize().map_err(path)?;
    let directory = real.to_str().ok_or_else(|| path(io::Error::other("the path is not UTF-8")))?;
    let script = format!("{directory}/{}", published.script);
    let parameters = [
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_FILENAME", &script),
        ("SCRIPT_NAME", "/mwfarm-invalidate"),
        ("MWFARM_INVALIDATE", published.generation.as_str()),
        ("MWFARM_INVALIDATE_FILES", &published.files.join(",")),
    ];
    let response = fastcgi::request(pool, &parameters, TIMEOUT)?;
    if response.status == 404 && response.body.is_empty() {
        return Err(Error::OtherGeneration { directory: directory.to_owned() });
    }
    if response.status != 200 {
        let said = if response.stderr.is_empty() { &response.body } else { &response.stderr };
        return Err(Error::Status { script, status: response.status, excerpt: excerpt(said) });
    }
    let Ok(told) = serde_json::from_slice::<Told>(&response.body) else {
        let said = if response.body.is_empty() { &response.stderr } else { &response.body };
        return Err(Error::Answer { script, excerpt: excerpt(said) });
    };
    if !told.refused.is_empty() {
        return Err(Error::Refused { files: told.refused });
    }
    Ok(told)
}

/// The beginning of what a server said, on one line.
fn excerpt(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(" ").chars().take(EXCERPT).collect() }
}

/// A pool as the summary has it.
pub(super) fn answer(pool: &Address, told: &Result<Told, Error>) -> summary::Invalidated {
    let (php, opcache, files, error) = match told {
        Ok(told) => (Some(told.php.clone()), Some(told.opcache), told.invalidated.clone(), None),
        Err(error) => (None, None, Vec::new(), Some(causes(error).join(": "))),
    };
    summary::Invalidated { pool: pool.to_string(), php, opcache, files, error }
}

/// What to say of a pool that was told.
pub(super) fn note(pool: &Address, told: &Told) -> String {
    if told.opcache {
        format!("told `{pool}` (PHP {}): {}", told.php, told.invalidated.join(", "))
    } else {
        format!("told `{pool}` (PHP {}), whose OPcache is off", told.php)
    }
}

/// What is wrong when a pool was not told.
pub(super) fn problem(pool: &Address, published: &Publication, error: &Error) -> Problem {
    let generation = &published.generation;
    let what = format!("generation {generation} is published, but the pool `{pool}` could not be told");
    Problem::new(ExitCode::Failed, what)
        .causes(causes(error))
        .hint("reload the pool (`systemctl reload php-fpm`), or run the same build again once it can be told")
}

/// The error and its sources.
fn causes(error: &Error) -> Vec<String> {
    let error: &dyn std::error::Error = error;
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect()
}
