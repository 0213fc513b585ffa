//! What a deploy would do.

use super::super::engine::Engine;
use super::super::name::Name;
use super::super::release::{Release, ReleaseId, Sha};
use super::super::releases;
use super::super::{repository, tree};
use super::choose::{commit, configuration};
use super::{Request, What, served};
use crate::report::{ExitCode, Problem};

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

/// Says what a deploy would do: it fetches, and changes nothing that is served.
///
/// # Errors
/// The commit or the configuration is refused.
pub fn plan(engine: &Engine<'_>, name: &Name, request: &Request) -> Result<Plan, Problem> {
    let wiki = engine.wiki(name)?;
    let current = served(engine, &wiki)?;
    let mut steps = Vec::new();
    if let Some(held) = &wiki.held {
        steps.push(format!("nothing, as it is held by {}: {}", held.by, held.why));
    }
    let (code, config) = if request.what == What::Revert {
        let is_bad = |release: &Release| wiki.is_bad(&release.code, release.config.as_ref()).is_some();
        let before = match &current {
            Some(current) => releases::before(&engine.options.layout, name, &current.release, is_bad)?,
            None => None,
        };
        let Some(before) = before else {
            return Err(Problem::new(ExitCode::Usage, format!("there is no release of `{name}` to go back to")));
        };
        steps.extend([format!("try release {}", before.release), "switch".to_owned(), "hold pushes".to_owned()]);
        (before.code, before.config)
    } else {
        let code = commit(engine, &wiki, request, current.as_ref())?;
        let new_code = current.as_ref().is_some_and(|current| current.code != code);
        let config = configuration(engine, &mut wiki.clone(), request, new_code, current.as_ref())?;
        if current.as_ref().is_some_and(|current| current.code == code && current.config == config) {
            steps.push("nothing, as it is served".to_owned());
        } else {
            let scanned = tree::scan(&repository::core(engine.options), &code, &engine.options.limits)?;
            steps.push(format!("export {} files, {} bytes", scanned.files, scanned.bytes));
            for step in ["build the Composer sets", "update the database", "try", "switch", "check"] {
                steps.push(step.to_owned());
            }
        }
        (code, config)
    };
    let branch = wiki.branch.clone();
    Ok(Plan { code, config, branch, current: current.map(|current| current.release), steps })
}
