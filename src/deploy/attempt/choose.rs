//! What is deployed: the commit of the code, and that of the configuration.

use super::super::engine::{Engine, told};
use super::super::journal::{self, Stage};
use super::super::options::Live;
use super::super::record::{Broken, Refused, Wiki};
use super::super::release::{Release, Sha};
use super::super::releases::unusable;
use super::super::{assemble, config_repository, home, lint, repository, tree};
use super::revert::keep_configurations;
use super::{Asker, Notes, Request, What};
use crate::report::{ExitCode, Problem};

/// The commit to deploy, which is here and belongs to the wiki's branch. The code of a wiki whose branch was deleted
/// stays what it is: its configuration goes on.
pub(super) fn commit(
    engine: &Engine<'_>,
    wiki: &Wiki,
    request: &Request,
    current: Option<&Release>,
) -> Result<Sha, Problem> {
    // The farm's file may name another remote than when the last look was.
    repository::ensure(engine.options)?;
    let fetched = repository::fetch(engine.options, &wiki.branch);
    if let (Err(_), Some(current), What::Newest) = (&fetched, current, &request.what)
        && repository::ls_remote(engine.options).is_ok_and(|remote| !remote.refs.contains_key(&wiki.branch))
    {
        return Ok(current.code.clone());
    }
    let newest = fetched?;
    match &request.what {
        What::Revision(revision) => repository::resolve(engine.options, &wiki.branch, revision),
        What::Newest | What::Again | What::Revert => Ok(newest),
    }
}

/// Notes that the newest commit cannot even be fetched, if that is not the network's fault: git refuses its objects.
pub(super) fn not_fetched(engine: &Engine<'_>, wiki: &mut Wiki, request: &Request, problem: Problem) -> Problem {
    let remote = repository::ls_remote(engine.options).unwrap_or_default();
    let Some(code) = remote.refs.get(&wiki.branch).filter(|_| request.what == What::Newest) else { return problem };
    let error = told(&problem);
    let mut entry = engine.entry(0, Stage::Failed, &request.why);
    entry.code = Some(code.clone());
    entry.error = Some(error.clone());
    wiki.broken = Some(Broken { step: format!("fetch of {}", code.short()), error, needs_operator: None });
    // The problem itself is more important than that it could not be noted.
    let _ = engine.add(&wiki.name, &entry).and_then(|()| engine.put(wiki));
    problem
}

/// Why a line of the journal tells of a commit that is not deployed.
const FORCED: &str = "the branch was forced to another history";

/// What is to be said of a branch that was forced to another history: it is not followed, unless the farm or somebody
/// says so.
pub(super) fn left_out(
    engine: &Engine<'_>,
    wiki: &Wiki,
    request: &Request,
    current: Option<&Release>,
    code: &Sha,
    notes: Notes,
) -> Result<Option<String>, Problem> {
    let Some(current) = current.filter(|current| current.code != *code && request.what == What::Newest) else {
        return Ok(None);
    };
    if repository::is_ancestor(engine.options, &current.code, code)? {
        return Ok(None);
    }
    let name = &wiki.name;
    let text = format!("{} of `{name}` leaves out {}, which is served", code.short(), current.code.short());
    let stage = if engine.options.force_push { Stage::Noted } else { Stage::Failed };
    if notes == Notes::Kept {
        let mut entry = engine.entry(0, stage, FORCED);
        entry.code = Some(code.clone());
        entry.error = Some(text.clone());
        // Whoever looks at it finds the same each time.
        let path = engine.options.layout.journal(name);
        let entries = journal::read(&path).map_err(|error| unusable(&path, &error))?;
        let last = entries.iter().rev().find(|entry| entry.why == FORCED);
        if last.is_none_or(|last| (&last.code, &last.error) != (&entry.code, &entry.error)) {
            engine.add(name, &entry)?;
        }
    }
    match (engine.options.force_push, request.asker.passes_over()) {
        (true, _) => Ok(None),
        (false, true) => Ok(Some(text)),
        (false, false) => {
            let hint = format!("`mwfarm deploy {name} --rev {}` deploys it all the same", code.short());
            Err(Problem::new(ExitCode::Usage, text).hint(hint))
        }
    }
}

/// How long a refused configuration is not looked at again for nothing but the word of its wiki, which costs the wiki
/// nothing, in seconds. Perhaps it was the system's fault.
const REFUSED: u64 = 600;

/// The commit of the configuration: the newest one, or the served one when the newest is refused and new code is to be
/// deployed with it.
pub(super) fn configuration(
    engine: &Engine<'_>,
    wiki: &mut Wiki,
    request: &Request,
    new_code: bool,
    current: Option<&Release>,
    notes: Notes,
) -> Result<Option<Sha>, Problem> {
    if engine.options.config == Live::Seed {
        return Ok(None);
    }
    let work = home::work_tree(engine.options, &wiki.name);
    let asked = config_repository::newest(wiki, &work)?;
    let now = crate::disk::now();
    let before = wiki.refused.clone().filter(|refused| refused.config == asked);
    let lately = before.clone().filter(|refused| request.asker == Asker::Push && now.abs_diff(refused.at) < REFUSED);
    let taken = match &lately {
        Some(refused) => Err(Problem::new(ExitCode::Failed, refused.why.clone())),
        None => config_repository::take(engine.options, wiki, &work, &asked),
    };
    // There may be another one by now.
    let newest = taken.as_ref().unwrap_or(&asked).clone();
    let before = before.filter(|refused| refused.config == newest);
    let served = current.and_then(|current| current.config.clone());
    if served.as_ref() == Some(&newest) {
        return Ok(served);
    }
    let checked = taken.and_then(|_| check_configuration(engine, wiki, &newest));
    match (&checked, lately) {
        (Ok(()), _) => wiki.refused = None,
        (Err(_), Some(_)) => wiki.refused.clone_from(&before),
        (Err(problem), None) => {
            wiki.refused = Some(Refused { config: newest.clone(), why: told(problem), at: now });
            // Those that were refused before it. That they stay is less important than why it is refused.
            if notes == Notes::Kept {
                let _ = keep_configurations(engine, wiki);
            }
        }
    }
    match checked {
        Ok(()) => Ok(Some(newest)),
        Err(problem) if new_code && served.is_some() => {
            engine.reporter.warning(&format!(
                "the configuration of `{}` is that of {}: {}",
                wiki.name,
                served.as_ref().map_or("", Sha::short),
                told(&problem)
            ));
            Ok(served)
        }
        Err(problem) if notes == Notes::None => Err(problem),
        Err(problem) => {
            let is_new = before.as_ref().map(|before| &before.why) != wiki.refused.as_ref().map(|refused| &refused.why);
            if request.asker == Asker::Push && !is_new {
                return Err(problem);
            }
            let mut entry = engine.entry(0, Stage::Failed, "a commit of the configuration is refused");
            entry.config = Some(newest);
            entry.error = Some(told(&problem));
            engine.add(&wiki.name, &entry)?;
            Err(problem)
        }
    }
}

/// Whether a commit of the configuration could be live.
fn check_configuration(engine: &Engine<'_>, wiki: &Wiki, commit: &Sha) -> Result<(), Problem> {
    let copy = config_repository::copy(engine.options, wiki);
    let scanned = tree::scan_config(&copy, commit, &tree::CONFIG_LIMITS)?;
    let all = lint::changed(&copy, None, &scanned, commit)?;
    assemble::parse(engine, wiki, &copy, &scanned, &all, "the configuration")
}
