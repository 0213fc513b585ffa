//! What a deploy would do.

use super::super::engine::{Engine, of_lock};
use super::super::name::Name;
use super::super::release::{Release, ReleaseId, Sha};
use super::super::{assemble, lock, repository, tree};
use super::revert::ends;
use super::{Decision, Deploy, Notes, Request, decide, is_ready};
use crate::report::Problem;

/// What a deploy would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The commit of the code.
    pub code: Sha,
    /// That of the configuration.
    pub config: Option<Sha>,
    /// The wiki's branch.
    pub branch: String,
    /// The release that is served.
    pub current: Option<ReleaseId>,
    /// The steps, in words.
    pub steps: Vec<String>,
}

/// What would come of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Planned {
    /// This.
    Deploy(Plan),
    /// Nothing: why.
    Skip(String),
}

/// Says what a deploy would do, by the same decisions: it fetches, and neither changes nor notes anything.
///
/// # Errors
/// What a deploy would refuse; another command is at work on the wiki.
pub fn plan(engine: &Engine<'_>, name: &Name, request: &Request) -> Result<Planned, Problem> {
    let layout = &engine.options.layout;
    engine.wiki(name)?;
    let _lock = lock::wiki(layout, name, request.wait).map_err(|error| of_lock(&error))?;
    let mut wiki = engine.wiki(name)?;
    is_ready(&wiki)?;
    let branch = wiki.branch.clone();
    let of = |release: &Release, current, steps| Plan {
        code: release.code.clone(),
        config: release.config.clone(),
        branch: branch.clone(),
        current: Some(current),
        steps,
    };
    let plan = match decide(engine, &mut wiki, request, Notes::None)? {
        Decision::Skip(why) => return Ok(Planned::Skip(why)),
        Decision::Nothing(current) => {
            of(&current, current.release.clone(), vec!["nothing, as it is served".to_owned()])
        }
        Decision::Revert => {
            let (left, target) = ends(engine, &wiki)?;
            let try_it = format!("try release {}", target.release);
            of(&target, left.release, vec![try_it, "switch".to_owned(), "hold pushes".to_owned()])
        }
        Decision::Deploy(deploy) => {
            let Deploy { code, config, current } = *deploy;
            let scanned = tree::scan(&repository::core(engine.options), &code, &engine.options.limits)?;
            let mut steps = vec![format!("export {} files, {} bytes", scanned.files, scanned.bytes)];
            if current.as_ref().is_none_or(|current| current.code != code) {
                assemble::parse_changed(engine, &wiki, current.as_ref(), &scanned, &code)?;
            }
            for step in ["build the Composer sets", "update the database", "try", "switch", "check"] {
                steps.push(step.to_owned());
            }
            Plan { code, config, branch, current: current.map(|current| current.release), steps }
        }
    };
    Ok(Planned::Deploy(plan))
}
