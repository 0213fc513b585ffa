//! Wikis that are deployed from branches: hands what `config` and `build` make of a release to `deploy`.

mod answer;
mod caller;
mod observed;
mod release;
mod watch;
mod wiki;

use std::num::NonZeroUsize;

use crate::cli::ConfigDir;
use crate::cli::deploy::{self as cli, AgentCommand};
use crate::deploy::attempt::{self, Asker, Outcome, Planned, Request, What};
use crate::deploy::engine::{self, Engine, ToBuild};
use crate::deploy::lock;
use crate::deploy::name::Name;
use crate::deploy::options::{self, Options};
use crate::deploy::order::{Observed, Order};
use crate::deploy::{agent, registry, releases, status};
use crate::farm::NameError;
use crate::report::{ExitCode, Output, Problem, Reporter, Verbosity};

pub(super) use caller::check_farm;
pub(super) use watch::watch;
pub(super) use wiki::{is_there, run, wiki};

/// Lets a command work with a farm whose options are read.
fn with_engine<T>(
    config: &ConfigDir,
    reporter: &dyn Reporter,
    action: impl FnOnce(&Engine<'_>) -> Result<T, Problem>,
) -> Result<T, Vec<Problem>> {
    // What wikis and web servers have to read is readable whatever root's own umask is; the rest is given exact rights.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let options = read(config)?;
    if options.users.is_some() && !rustix::process::geteuid().is_root() {
        let what = "wikis have users of their own, and only root can work with them";
        return Err(vec![Problem::new(ExitCode::Usage, what).hint("say `sudo` before it")]);
    }
    let build = |to_build: &ToBuild<'_>| release::build(&options, to_build, reporter);
    let who = who();
    let engine = Engine { options: &options, build: &build, reporter, who: &who };
    action(&engine).map_err(|problem| vec![problem])
}

/// The same with a command that may take releases away. If it does, and no worker is there, it removes their files, and
/// what others have left, at its end, when no wiki waits for it any more.
fn changing<T>(
    config: &ConfigDir,
    reporter: &dyn Reporter,
    action: impl FnOnce(&Engine<'_>) -> Result<T, Problem>,
) -> Result<T, Vec<Problem>> {
    with_engine(config, reporter, |engine| {
        let left = || releases::removed(&engine.options.layout).unwrap_or_default();
        let before = left();
        let result = action(engine);
        if left().iter().any(|path| !before.contains(path)) {
            empty(engine);
        }
        result
    })
}

/// Removes the files of releases that were taken away, unless somebody else is at it.
fn empty(engine: &Engine<'_>) {
    if let Err(problem) = releases::empty_unless_another_does(&engine.options.layout) {
        engine.reporter.warning(&format!("files of old releases are left: {}", engine::told(&problem)));
    }
}

fn read(config: &ConfigDir) -> Result<Options, Vec<Problem>> {
    options::read(&cli::directory(config)).map_err(|error| {
        let hint = "`--config-dir` names the directory of mwfarm.yml; docs/deploy.md shows its section `deploy`";
        vec![Problem::from_error(ExitCode::Farm, &error).hint(hint)]
    })
}

fn name(text: &str) -> Result<Name, Problem> {
    Name::new(text).map_err(|error| of_name(&error))
}

fn of_name(error: &NameError) -> Problem {
    let hint = "names of wikis are letters a-z and digits, with single `-` between: `alpha`, `my-wiki2`";
    Problem::from_error(ExitCode::Usage, error).hint(hint)
}

/// On whose behalf we work: who asked sudo, else the user of the environment, else whom the number tells.
fn who() -> String {
    let named = |variable: &str| std::env::var(variable).ok().filter(|name| !name.is_empty());
    named("SUDO_USER").or_else(|| named("LOGNAME")).or_else(|| named("USER")).unwrap_or_else(|| {
        match rustix::process::getuid() {
            user if user.is_root() => "root".to_owned(),
            user => format!("uid {}", user.as_raw()),
        }
    })
}

/// `deploy`
pub(super) fn deploy(
    flags: &cli::Deploy,
    jobs: Option<NonZeroUsize>,
    reporter: &dyn Reporter,
) -> Result<Output, Vec<Problem>> {
    let mut request = Request {
        what: match &flags.rev {
            _ if flags.revert => What::Revert,
            _ if flags.again => What::Again,
            Some(revision) => What::Revision(revision.clone()),
            None => What::Newest,
        },
        why: flags.message.join(" "),
        event: "deploy".to_owned(),
        asker: if flags.all { Asker::ForAll } else { Asker::ForOne },
        wait: flags.wait || flags.all,
    };
    let name = match (&flags.name, flags.all) {
        (Some(text), false) => name(text).map_err(|problem| vec![problem])?,
        (first, _) => {
            // The first word of the message, then; but not the name of somebody who meant one wiki.
            request.why = first.iter().chain(&flags.message).map(String::as_str).collect::<Vec<_>>().join(" ");
            return changing(&flags.config, reporter, |engine| {
                if let Some(name) = first.as_ref().and_then(|first| Name::new(first).ok())
                    && registry::find(&engine.options.layout, &name).is_ok_and(|wiki| wiki.is_some())
                {
                    let what = format!("`{name}` is one wiki, and `--all` means all of them");
                    return Err(Problem::new(ExitCode::Usage, what).hint("leave one of the two out"));
                }
                let jobs = jobs.unwrap_or_else(watch::jobs);
                Ok(if flags.dry_run {
                    answer::plans(attempt::plan_all(engine, &request, jobs)?, flags.format)
                } else {
                    answer::outcomes(attempt::deploy_all(engine, &request, jobs)?, flags.format)
                })
            })?;
        }
    };
    if flags.dry_run {
        return match with_engine(&flags.config, reporter, |engine| attempt::plan(engine, &name, &request))? {
            Planned::Deploy(plan) => answer::plan(&name, &plan, flags.format),
            Planned::Skip(why) => answer::outcome(&name, &Outcome::Skipped(why), flags.format),
        };
    }
    let result = changing(&flags.config, reporter, |engine| {
        let result = attempt::deploy(engine, &name, &request);
        if let (Ok(_), Ok(Some(wiki))) = (&result, registry::find(&engine.options.layout, &name))
            && wiki.held.is_some_and(|held| held.by_deploy)
        {
            reporter.note(Verbosity::Normal, &format!("pushes to `{name}` wait until `mwfarm wiki resume {name}`"));
        }
        // Should this fail, too, what failed before is more important.
        Ok(result.map_err(|failure| (failure, releases::current(&engine.options.layout, &name).ok().flatten())))
    })?;
    match result {
        Ok(outcome) => answer::outcome(&name, &outcome, flags.format),
        Err((failure, served)) => answer::failure(&name, failure, served.as_ref(), flags.format),
    }
}

/// `status`
pub(super) fn status(flags: &cli::List, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let (status, problems) = with_engine(&flags.config, reporter, status::status)?;
    Ok(answer::status(&status, flags.format)?.but(problems))
}

/// `agent`
pub(super) fn agent(agent: &cli::Agent, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    match &agent.command {
        AgentCommand::Apply(flags) => {
            let mut json = Vec::new();
            let read = std::io::Read::read_to_end(&mut std::io::Read::take(std::io::stdin(), MAX_ORDER), &mut json);
            let wrong =
                |cause: String| vec![Problem::new(ExitCode::Usage, "the standard input holds no order").cause(cause)];
            read.map_err(|error| wrong(error.to_string()))?;
            let order: Order = serde_json::from_slice(&json).map_err(|error| wrong(error.to_string()))?;
            let (followed, observed) = changing(&flags.config, reporter, |engine| {
                let result = follow(engine, &order)?;
                // Also what one has left that was killed: where only orders come, nobody reconciles.
                empty(engine);
                Ok(result)
            })?;
            observed::applied(&followed, &observed, flags.format)
        }
        AgentCommand::Observe(flags) => {
            let only = flags.name.as_deref().map(name).transpose().map_err(|problem| vec![problem])?;
            let (observed, problems) =
                with_engine(&flags.config, reporter, |engine| agent::observe(engine, only.as_ref()))?;
            Ok(observed::observed(&observed, flags.format)?.but(problems))
        }
    }
}

/// Follows one order, and sees what has come of it. Nobody else is at work on the wiki meanwhile.
fn follow(engine: &Engine<'_>, order: &Order) -> Result<(agent::Followed, Observed), Problem> {
    let layout = &engine.options.layout;
    let _lock = lock::wiki(layout, &order.wiki.name, true).map_err(|error| engine::of_lock(&error))?;
    let followed = agent::follow(engine, order)?;
    Ok((followed, agent::observe_one(engine, &order.wiki)?))
}

/// The longest order, in bytes.
const MAX_ORDER: u64 = 1 << 20;
