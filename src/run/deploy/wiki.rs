//! `wiki` and `run`: wikis as people ask for them, look at them, become them and end them.

use std::ffi::OsString;
use std::path::Path;

use super::{answer, caller, changing, name, of_name, with_engine};
use crate::cli::deploy::{self as flags, WikiCommand};
use crate::cli::{self, ConfigDir};
use crate::deploy::create::{self, Asked};
use crate::deploy::engine::{Engine, of_registry};
use crate::deploy::maintenance::Site;
use crate::deploy::name::Name;
use crate::deploy::options;
use crate::deploy::options::{Backend, Live};
use crate::deploy::record::{State, Wiki};
use crate::deploy::{registry, releases, retire, status};
use crate::farm::Host;
use crate::process::{Environment, Program};
use crate::report::{ExitCode, Output, Problem, Reporter};
use crate::run::farm;

/// Whether scripts of this farm are those of deployed wikis.
pub(in crate::run) fn is_there(config: &ConfigDir) -> bool {
    options::is_there(&cli::deploy::directory(config))
}

/// `wiki`
pub(in crate::run) fn wiki(wiki: &flags::Wiki, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    match &wiki.command {
        WikiCommand::Create(flags) => create(flags, reporter),
        WikiCommand::List(flags) => {
            let (status, problems) = with_engine(&flags.config, reporter, status::status)?;
            Ok(answer::list(&status, flags.format)?.but(problems))
        }
        WikiCommand::Show(flags) => {
            let name = named(&flags.name)?;
            let detail = with_engine(&flags.config, reporter, |engine| status::detail(engine, &name))?;
            answer::detail(&detail, flags.format)
        }
        WikiCommand::Hold(flags) => {
            let name = named(&flags.name)?;
            let why = flags.why.join(" ");
            with_engine(&flags.config, reporter, |engine| retire::hold(engine, &name, &why))?;
            Ok(answer::line(&format!("`{name}` is held: pushes wait until `mwfarm wiki resume {name}`")))
        }
        WikiCommand::Resume(flags) => {
            let name = named(&flags.name)?;
            let held = changing(&flags.config, reporter, |engine| retire::resume(engine, &name))?;
            Ok(answer::line(&if held {
                format!("`{name}` is resumed; `mwfarm deploy {name}` deploys what waits")
            } else {
                format!("`{name}` was not held")
            }))
        }
        WikiCommand::Owners(flags) => {
            let name = named(&flags.name)?;
            if flags.owners.is_empty() && !flags.nobody {
                let hint = format!("`mwfarm wiki show {name}` tells who owns it; `--nobody` leaves it to root");
                return Err(vec![Problem::new(ExitCode::Usage, "no user is named").hint(hint)]);
            }
            let is_new =
                with_engine(&flags.config, reporter, |engine| retire::set_owners(engine, &name, &flags.owners))?;
            let owners = if flags.owners.is_empty() { "nobody".to_owned() } else { flags.owners.join(", ") };
            Ok(answer::line(&format!("`{name}` is owned by {owners}{}", if is_new { "" } else { ", as before" })))
        }
        WikiCommand::Ttl(flags) => {
            let name = named(&flags.name)?;
            let expires = with_engine(&flags.config, reporter, |engine| retire::limit(engine, &name, flags.time))?;
            Ok(answer::line(&match expires {
                Some(expires) => format!("`{name}` is archived after {}", answer::time(expires)),
                None => format!("`{name}` stays until somebody archives it"),
            }))
        }
        WikiCommand::Rotate(flags) => {
            let name = named(&flags.name)?;
            with_engine(&flags.config, reporter, |engine| retire::rotate(engine, &name))?;
            Ok(answer::line(&format!("`{name}` has other secrets; those before are in the history of its repository")))
        }
        WikiCommand::Archive(flags) => {
            let name = named(&flags.name)?;
            changing(&flags.config, reporter, |engine| retire::archive(engine, &name, "archived"))?;
            Ok(answer::line(&format!("`{name}` is archived: nothing of it is served, and everything is kept")))
        }
        WikiCommand::Restore(flags) => {
            let name = named(&flags.name)?;
            let release = changing(&flags.config, reporter, |engine| retire::restore(engine, &name))?;
            Ok(answer::line(&format!("`{name}` serves release {} again", release.release)))
        }
        WikiCommand::Delete(flags) => delete(flags, reporter),
        WikiCommand::Expire(flags) => {
            let (expired, problems) =
                changing(&flags.config, reporter, |engine| retire::expire(engine, flags.dry_run, true))?;
            Ok(answer::expired(&expired, flags.dry_run, flags.format)?.but(problems))
        }
        WikiCommand::Become(flags) => become_wiki(flags, reporter),
    }
}

fn named(text: &str) -> Result<Name, Vec<Problem>> {
    name(text).map_err(|problem| vec![problem])
}

fn create(flags: &flags::Create, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let host = flags.host.as_deref().map(Host::new).transpose().map_err(|error| vec![of_name(&error)])?;
    let asked = Asked {
        name: named(&flags.name)?,
        base: flags.base.clone(),
        owners: flags.owners.clone(),
        host,
        ttl: flags.ttl,
        web: flags.web.map(|web| match web {
            flags::Web::Itk => Backend::Itk,
            flags::Web::Fpm => Backend::Fpm,
        }),
    };
    if flags.dry_run {
        let plan = with_engine(&flags.config, reporter, |engine| create::plan(engine, &asked))?;
        return answer::planned(&plan, flags.format);
    }
    let created = changing(&flags.config, reporter, |engine| create::create(engine, &asked))?;
    answer::created(&created, flags.format)
}

fn delete(flags: &flags::Delete, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let name = named(&flags.name)?;
    if let Some(meant) = flags.yes_i_mean.as_ref().filter(|meant| **meant != flags.name) {
        let what = format!("`--yes-i-mean {meant}` is not `{name}`");
        return Err(vec![Problem::new(ExitCode::Usage, what).hint("nothing was deleted")]);
    }
    if flags.dry_run {
        let plan = with_engine(&flags.config, reporter, |engine| retire::plan(engine, &name))?;
        return answer::deletion(&plan, flags.format);
    }
    with_engine(&flags.config, reporter, |engine| retire::delete(engine, &name))?;
    Ok(answer::line(&format!("`{name}` is deleted; its branch `wiki/{name}` and its journal are kept")))
}

/// The wiki's release that is served, as scripts see it.
fn served<'w>(engine: &'w Engine<'_>, wiki: &'w Wiki) -> Result<Site<'w>, Problem> {
    let layout = &engine.options.layout;
    match releases::current(layout, &wiki.name)? {
        Some(release) if wiki.state == State::Ready => Ok(engine.site(wiki, layout.release(&wiki.name, &release))),
        _ => {
            let what = format!("`{}` is {}, and serves no code", wiki.name, wiki.state.word());
            Err(Problem::new(ExitCode::Usage, what).hint(format!("`mwfarm wiki show {}` tells more", wiki.name)))
        }
    }
}

/// A shell, or a command, as the wiki's user, in its configuration repository.
fn become_wiki(flags: &flags::Become, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    caller::check_farm(&flags.config)?;
    let name = named(&flags.name)?;
    let status = with_engine(&flags.config, reporter, |engine| {
        let wiki = engine.wiki(&name)?;
        caller::check_owner(&wiki)?;
        let site = served(engine, &wiki)?;
        let mut command = flags.command.iter().cloned();
        let program = command.next().unwrap_or_else(|| "/bin/bash".into());
        engine.audit(&name, &format!("{} became it", engine.who))?;
        let directory = match engine.options.config {
            Live::Committed => site.home.join("config.git-work"),
            Live::Seed => site.home.join("config"),
        };
        let mut variables = site.variables();
        variables.extend(std::env::var_os("TERM").map(|term| (OsString::from("TERM"), term)));
        let user = wiki.name.user();
        for (variable, who) in [
            ("USER", user.as_str()),
            ("LOGNAME", &user),
            ("GIT_AUTHOR_NAME", engine.who),
            ("GIT_COMMITTER_NAME", engine.who),
        ] {
            variables.push((variable.into(), who.into()));
        }
        let program = Program {
            program: program.into(),
            arguments: command.collect(),
            directory,
            environment: Environment::Clean(variables),
            user: site.user,
            limits: None,
        };
        program.run().map_err(|error| Problem::from_error(ExitCode::Failed, &error))
    })?;
    Ok(farm::ended(status))
}

/// `run`: a maintenance script as the wiki's user, with the code and the settings that are served.
pub(in crate::run) fn run(flags: &cli::Run, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let Some(name) = &flags.wiki else {
        let what = "`--all` is for farms of one code tree; deployed wikis are updated by their deploys";
        return Err(vec![Problem::new(ExitCode::Usage, what).hint("`--wiki NAME`")]);
    };
    caller::check_farm(&flags.config)?;
    let status = with_engine(&flags.config, reporter, |engine| {
        let wiki = of_name_or_host(engine, name)?;
        let name = wiki.name.clone();
        caller::check_owner(&wiki)?;
        let site = served(engine, &wiki)?;
        let file = script(&site, &flags.script)?;
        let program = site.script(&file, &flags.arguments);
        engine.audit(&name, &format!("{} ran {file}", engine.who))?;
        program.run().map_err(|error| Problem::from_error(ExitCode::Failed, &error))
    })?;
    Ok(farm::ended(status))
}

/// The wiki of a name, or of a host.
fn of_name_or_host(engine: &Engine<'_>, text: &str) -> Result<Wiki, Problem> {
    let (wikis, _) = registry::readable(&engine.options.layout).map_err(|error| of_registry(&error))?;
    match wikis.into_values().find(|wiki| wiki.host.as_str() == text) {
        Some(wiki) => Ok(wiki),
        None => engine.wiki(&name(text)?),
    }
}

/// The script's file, relative to the tree, which it never leaves.
fn script(site: &Site<'_>, script: &str) -> Result<String, Problem> {
    let none = || {
        let what = format!("there is no script `{}` in `{}`", script.escape_debug(), site.tree.display());
        let hint = "scripts are named as in `maintenance/`, or by their path in MediaWiki's directory";
        Problem::new(ExitCode::Usage, what).hint(hint)
    };
    let is_plain = script.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    if !is_plain || script.starts_with(['/', '-']) || script.split('/').any(|part| part == ".." || part.is_empty()) {
        return Err(none());
    }
    let file = if script.contains('/') {
        script.to_owned()
    } else {
        format!("maintenance/{}.php", script.strip_suffix(".php").unwrap_or(script))
    };
    let file = if site.has(&file) {
        file
    } else {
        // Some scripts have changed to capital letters with a release.
        let names = crate::disk::names(&site.tree.join("maintenance")).unwrap_or_default();
        let wanted = file.strip_prefix("maintenance/").unwrap_or_default();
        let found = names.into_iter().find(|name| name.eq_ignore_ascii_case(wanted)).ok_or_else(none)?;
        format!("maintenance/{found}")
    };
    // The link to the wiki's settings leads out of the tree, or to what is ours in it.
    let real = |path: &Path| crate::disk::real_path(path).map_err(|_| none());
    let (path, tree) = (real(&site.tree.join(&file))?, real(&site.tree)?);
    if path.starts_with(&tree) && !path.starts_with(tree.join(".mwfarm")) { Ok(file) } else { Err(none()) }
}
