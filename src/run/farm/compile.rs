//! `build`, `plan` and `config compile` of a farm: settings first, then each tree's vendor directory, then what leads
//! to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use super::super::invalidate::{self, Publication};
use super::super::{Means, answer, formatted, problem, problems, verbose, warn};
use super::{Trees, errors};
use crate::build::{self, Build, Request};
use crate::cli::{self, Format};
use crate::config::compile::Compilation;
use crate::config::configuration::Configuration;
use crate::config::options;
use crate::config::plan::Plan;
use crate::config::write;
use crate::fastcgi::Address;
use crate::report::summary::{Invalidated, Tense};
use crate::report::{ExitCode, Output, Problem, Reporter, Verbosity};

/// The version of the JSON form.
const SCHEMA: &str = "1.0.0";

/// Compiles a farm, builds its trees and publishes both.
pub(in crate::run) fn build(
    tree: &Path,
    flags: &cli::Build,
    means: &Means,
    reporter: &dyn Reporter,
) -> Result<Output, Vec<Problem>> {
    refuse_output(&flags.inputs)?;
    if flags.dry_run || flags.locked {
        return planned(tree, &flags.inputs, means, flags.format, flags.locked, reporter);
    }
    let options =
        options::read(&super::directory(&flags.inputs.config)).map_err(|error| vec![super::of_options(&error)])?;
    let mut pools = flags.invalidate.clone();
    pools.extend(configured_pools(&options.invalidate)?);
    let _lock = lock(&options.output, !flags.no_wait, reporter)?;
    // Read under the lock: another build may have published, or an update of a wiki have ended, while we waited.
    let configuration = super::read(&flags.inputs.config, tree)?;
    let mut trees = Trees::read(&configuration);
    if let Some(problems) = trees.failed.remove("") {
        // The farm's only MediaWiki. Perhaps it is another directory, and `-d` was forgotten: nothing is changed.
        return Err(problems);
    }
    let mut compilation = trees.compile(&configuration);
    super::warn(&compilation.model.findings, &configuration.sources, reporter);
    let mut failed = std::mem::take(&mut trees.failed);
    for version in failed.keys() {
        compilation.drop_version(version);
    }

    refuse_nothing(&compilation)?;
    write_settings(&compilation.plan(program().as_deref()), &options.output)?;
    let built = on_trees(&mut compilation, &mut failed, &flags.inputs, means, build::build, reporter);
    let plan = compilation.plan(program().as_deref());
    let files = write::publish(&plan, &options.output).map_err(|error| vec![of_write(&error)])?;
    let mut told = Vec::new();
    let mut untold = Vec::new();
    let of_trees = built.iter().map(|(version, build)| {
        Publication::of_build(&request(&compilation, version, &flags.inputs, means).vendor(), &build.plan)
    });
    // In the order in which they were published: what is not known yet is asked for by nobody.
    for published in of_trees.chain([Publication::of_farm(&options.output, &plan)]) {
        for (pool, answer) in pools.iter().zip(invalidate::tell(&pools, &published)) {
            told.push(invalidate::answer(pool, &answer));
            match &answer {
                Ok(told) => reporter.note(Verbosity::Normal, &invalidate::note(pool, told)),
                Err(error) => untold.push(invalidate::problem(pool, &published, error)),
            }
        }
    }
    let nothing = files == 0 && plan.create.is_empty();
    if nothing && built.values().all(|build| build.written.as_ref().is_some_and(|written| written.files == 0)) {
        reporter.note(Verbosity::Normal, "everything is published already; nothing was written");
    }
    let output = summary(&compilation, &plan, &built, &told, flags.format, Tense::Done)?;
    Ok(finished(output, &compilation, failed, untold))
}

/// Plans all that, and writes nothing.
pub(in crate::run) fn plan(
    tree: &Path,
    flags: &cli::Plan,
    means: &Means,
    reporter: &dyn Reporter,
) -> Result<Output, Vec<Problem>> {
    refuse_output(&flags.inputs)?;
    planned(tree, &flags.inputs, means, flags.format, false, reporter)
}

fn planned(
    tree: &Path,
    inputs: &cli::Inputs,
    means: &Means,
    format: Format,
    locked: bool,
    reporter: &dyn Reporter,
) -> Result<Output, Vec<Problem>> {
    let configuration = super::read(&inputs.config, tree)?;
    let mut trees = Trees::read(&configuration);
    let mut compilation = trees.compile(&configuration);
    super::warn(&compilation.model.findings, &configuration.sources, reporter);
    let mut failed = std::mem::take(&mut trees.failed);
    for version in failed.keys() {
        compilation.drop_version(version);
    }
    let built = on_trees(&mut compilation, &mut failed, inputs, means, build::plan, reporter);
    let plan = compilation.plan(program().as_deref());
    let mut stale = Vec::new();
    if locked {
        stale.extend(built.values().filter(|build| !build.is_published()).map(problem::out_of_date));
        if !write::is_published(&plan, &configuration.options.output).map_err(|error| vec![of_write(&error)])? {
            let what = "what is compiled of the farm is out of date";
            stale.push(Problem::new(ExitCode::OutOfDate, what).hint("run `mwfarm build`"));
        }
    }
    let output = summary(&compilation, &plan, &built, &[], format, Tense::Planned)?;
    Ok(finished(output, &compilation, failed, stale))
}

/// A farm without any wiki is a list that was emptied by mistake: its wikis are not taken away.
fn refuse_nothing(compilation: &Compilation<'_>) -> Result<(), Vec<Problem>> {
    let configuration: &Configuration = compilation.configuration;
    let published = configuration.published.manifest.as_ref().map_or(0, |manifest| manifest.wikis.len());
    if published == 0 || !compilation.wikis.is_empty() {
        return Ok(());
    }
    let mut problems = errors(&compilation.model.findings, &configuration.sources);
    let what = format!("the configuration has no wiki that could be published, and {published} are");
    let output = configuration.options.output.display();
    let hint = format!("correct the lists; to take the farm away, remove `{output}` and `mwfarm eject` each tree");
    problems.push(Problem::new(ExitCode::Farm, what).hint(hint));
    Err(problems)
}

/// A vendor tree elsewhere would name settings of this farm.
fn refuse_output(inputs: &cli::Inputs) -> Result<(), Vec<Problem>> {
    if inputs.output.is_none() {
        return Ok(());
    }
    let what = "`--output` makes a vendor tree for other machines, and the settings of a farm are compiled on this one";
    Err(vec![Problem::new(ExitCode::Usage, what).hint("leave `--output` out, or name a list of wikis with `--wikis`")])
}

pub(super) fn lock(output: &Path, wait: bool, reporter: &dyn Reporter) -> Result<crate::disk::Lock, Vec<Problem>> {
    match write::lock(output, false) {
        Err(write::Error::Lock(crate::disk::LockError::Held { holder, .. })) if wait => {
            reporter
                .note(Verbosity::Normal, &format!("waiting for {holder}, which is at work in `{}`", output.display()));
            write::lock(output, true)
        }
        lock => lock,
    }
    .map_err(|error| vec![of_write(&error)])
}

fn write_settings(plan: &Plan, output: &Path) -> Result<(), Vec<Problem>> {
    write::settings(plan, output).map_err(|error| vec![of_write(&error)])
}

pub(super) fn of_write(error: &write::Error) -> Problem {
    let problem = Problem::from_error(ExitCode::Failed, error);
    match error {
        write::Error::Lock(_) => problem.hint("wait for it, or leave `--no-wait` out"),
        write::Error::Stranger(_) => problem.hint("move it away and build again"),
        write::Error::System { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            problem.hint("`output` of mwfarm.yml names another directory")
        }
        write::Error::Link(_) | write::Error::System { .. } => problem,
    }
}

/// The pools that `mwfarm.yml` names.
pub(super) fn configured_pools(pools: &[String]) -> Result<Vec<Address>, Vec<Problem>> {
    let parsed = pools.iter().map(|pool| {
        pool.parse::<Address>().map_err(|error| {
            let what = format!("mwfarm.yml, field `invalidate`: `{}` is no pool", pool.escape_debug());
            vec![Problem::new(ExitCode::Farm, what).cause(error)]
        })
    });
    parsed.collect()
}

/// What is done with a tree: [`build::build`], or [`build::plan`].
type Work = fn(&Request, &dyn Reporter) -> Result<Build, build::Error>;

/// Builds or plans every tree. Of one that cannot be built the wikis stay as they were; why is added to `failed`.
fn on_trees(
    compilation: &mut Compilation<'_>,
    failed: &mut BTreeMap<String, Vec<Problem>>,
    inputs: &cli::Inputs,
    means: &Means,
    work: Work,
    reporter: &dyn Reporter,
) -> BTreeMap<String, Build> {
    let mut built = BTreeMap::new();
    for version in compilation.versions() {
        if failed.contains_key(&version) {
            continue;
        }
        match on_tree(compilation, &version, inputs, means, work, reporter) {
            Ok(Some(done)) => {
                built.insert(version, done);
            }
            Ok(None) => {}
            Err(problems) => {
                compilation.drop_version(&version);
                failed.insert(version, problems);
            }
        }
    }
    built
}

/// Builds or plans one tree. Wikis whose extensions need what is not there are left as they were. Nothing when no wiki is
/// left.
fn on_tree(
    compilation: &mut Compilation<'_>,
    version: &str,
    inputs: &cli::Inputs,
    means: &Means,
    work: Work,
    reporter: &dyn Reporter,
) -> Result<Option<Build>, Vec<Problem>> {
    loop {
        let request = request(compilation, version, inputs, means);
        if compilation.tree(version).is_none() {
            return Ok(None);
        }
        match work(&request, reporter) {
            Ok(build) => {
                warn(reporter, &build.warnings);
                verbose(&build, reporter);
                return Ok(Some(build));
            }
            Err(build::Error::Dangling(dangling)) => {
                // Each time, at least one wiki less.
                let wikis: BTreeSet<_> = dangling.iter().map(|one| one.wiki.clone()).collect();
                for one in &dangling {
                    compilation.refuse(&one.wiki, &one.dangling.to_string());
                }
                if !wikis.iter().any(|wiki| compilation.restore(wiki, version)) {
                    return Err(problems(&request.tree, build::Error::Dangling(dangling)));
                }
            }
            Err(error) => return Err(problems(&request.tree, error)),
        }
    }
}

/// This program, as requests that look for changes start it.
fn program() -> Option<std::path::PathBuf> {
    std::env::current_exe().ok()
}

fn request(compilation: &Compilation<'_>, version: &str, inputs: &cli::Inputs, means: &Means) -> Request {
    let tree = compilation.tree(version).unwrap_or(Path::new("."));
    let mut request = super::super::request_of(tree, inputs, compilation.farm(version), means);
    let always = &compilation.configuration.options.build;
    request.optimize |= always.optimize_autoloader;
    request.authoritative |= always.classmap_authoritative;
    request.fast |= always.autoloader == options::Autoloader::Fast;
    request.absolute_paths |= always.absolute_paths;
    request.mediawikifarm |= always.mediawikifarm;
    request
}

/// What was compiled and built.
fn summary(
    compilation: &Compilation<'_>,
    plan: &Plan,
    built: &BTreeMap<String, Build>,
    invalidated: &[Invalidated],
    format: Format,
    tense: Tense,
) -> Result<Output, Vec<Problem>> {
    let text = || {
        let mut text = String::new();
        for (version, build) in built {
            if !version.is_empty() {
                let _ = write!(text, "MediaWiki `{version}`\n\n");
            }
            text.push_str(&answer::of(build).text(tense, None));
            text.push('\n');
        }
        text.push_str(&compiled(compilation, plan, tense));
        text
    };
    let json = || {
        let trees =
            built.iter().map(|(version, build)| Ok((version.clone(), serde_json::to_value(answer::of(build))?)));
        let trees: serde_json::Map<String, serde_json::Value> = trees.collect::<serde_json::Result<_>>()?;
        let value = json!({
            "schema": SCHEMA,
            "generation": plan.manifest.generation,
            "created": plan.create.iter().map(|file| &file.name).collect::<Vec<_>>(),
            "kept": plan.kept.len(),
            "wikis": plan.manifest.wikis,
            "broken": compilation.model.broken,
            "trees": trees,
            "invalidated": invalidated,
        });
        let mut text = serde_json::to_string_pretty(&value)?;
        text.push('\n');
        Ok(text)
    };
    Ok(Output::done(formatted(format, text, json)?))
}

/// One sentence about settings.
fn compiled(compilation: &Compilation<'_>, plan: &Plan, tense: Tense) -> String {
    let wikis = |count: usize| if count == 1 { "1 wiki".to_owned() } else { format!("{count} wikis") };
    let verb = if tense == Tense::Planned { "would write" } else { "wrote" };
    let output = compilation.configuration.options.output.display();
    let mut text = format!(
        "Settings of {} in {output}: {verb} {}, kept {}\n",
        wikis(plan.manifest.wikis.len()),
        plan.create.len(),
        plan.kept.len()
    );
    let pending = plan.manifest.wikis.iter().filter(|(id, wiki)| {
        let in_use = compilation.configuration.published.in_use.get(*id).map(|state| state.version.as_str());
        let in_use = in_use.or_else(|| plan.versions.get(*id).map(String::as_str));
        wiki.delayed && in_use.is_some_and(|version| version != wiki.version)
    });
    let pending: Vec<&str> = pending.map(|(id, _)| id.as_str()).collect();
    if !pending.is_empty() {
        let _ = writeln!(
            text,
            "{} for `mwfarm run update`: {}",
            if pending.len() == 1 { "1 wiki waits".to_owned() } else { format!("{} wait", wikis(pending.len())) },
            pending.join(", ")
        );
    }
    text
}

/// The result, with all that went wrong; the farm's own errors come first.
fn finished(
    output: Output,
    compilation: &Compilation<'_>,
    failed: BTreeMap<String, Vec<Problem>>,
    more: Vec<Problem>,
) -> Output {
    let configuration: &Configuration = compilation.configuration;
    let mut problems = errors(&compilation.model.findings, &configuration.sources);
    problems.extend(failed.into_values().flatten());
    problems.extend(more);
    output.but(problems)
}
