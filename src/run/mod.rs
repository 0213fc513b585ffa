//! Carries out a command: hands values from verb to verb and their results to `report`.

mod answer;
mod cache;
mod deploy;
mod doctor;
mod farm;
mod generations;
mod invalidate;
mod problem;

use std::path::{Path, PathBuf};

use crate::build::published::Published;
use crate::build::{self, Build, Request, eject, verify};
use crate::cli::{self, Arguments, Command, ConfigCommand, Format, Inputs};
use crate::config::wikis;
use crate::disk;
use crate::farm::Farm;
use crate::report::summary::Tense;
use crate::report::{ExitCode, Output, Phase, Problem, Reporter, Verbosity};
use problem::problems;

/// Runs what the arguments ask for.
///
/// # Errors
/// What stands in the way, ready to be printed; the first problem decides the exit code.
pub fn run(arguments: Arguments, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let tree = arguments.global.working_dir.clone().unwrap_or_else(|| PathBuf::from("."));
    if !matches!(arguments.command, Command::Rollback(_) | Command::Gc(_) | Command::Eject(_)) {
        // Others have nothing to do side by side.
        build::write::use_threads(arguments.global.jobs).map_err(|error| {
            let problem = Problem::new(ExitCode::Failed, "cannot start threads").cause(error.to_string());
            vec![problem.hint("raise the limit on processes (`ulimit -u`), or do with one thread, by `--jobs 1`")]
        })?;
    }
    // Who asks for quiet wants to hear of what went wrong, and of what was asked for.
    let silent = arguments.global.quiet && changes(&arguments.command);
    let mut output = answered(arguments, &tree, reporter)?;
    if silent {
        output.stdout.clear();
    }
    Ok(output)
}

/// Whether a command is for what it changes, and its answer, a text, for people who watch.
fn changes(command: &Command) -> bool {
    match command {
        Command::Build(build) => !build.dry_run && build.format == Format::Text,
        Command::Config(config) => {
            matches!(&config.command, ConfigCommand::Compile(compile) if {
                let build = cli::Build::from(compile.clone());
                !build.dry_run && build.format == Format::Text
            })
        }
        Command::Rollback(flags) => !flags.dry_run && !flags.list && flags.format == Format::Text,
        Command::Gc(flags) => !flags.dry_run && flags.format == Format::Text,
        Command::Eject(_) => true,
        _ => false,
    }
}

fn answered(arguments: Arguments, tree: &Path, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let means = || Means { wait: true, cache: cache::find(arguments.global.no_cache) };
    match arguments.command {
        Command::Build(build) if is_farm(tree, &build.inputs)? => {
            farm::build(tree, &build, &means().waiting(&build), reporter)
        }
        Command::Build(build) => run_build(tree, &build, &means().waiting(&build), reporter),
        Command::Plan(plan) if is_farm(tree, &plan.inputs)? => farm::plan(tree, &plan, &means(), reporter),
        Command::Plan(plan) => {
            let request = request(tree, &plan.inputs, &means())?;
            let build = planned(&request, reporter)?;
            Ok(Output::done(answer::summary(&build, Vec::new(), plan.format, Tense::Planned)?))
        }
        Command::Why(why) => run_why(tree, &why, reporter),
        Command::Verify(verify) => run_verify(tree, &verify, reporter),
        Command::Graph(graph) => {
            let published = Published::read(&tree.join("vendor")).map_err(|error| problems(tree, error.into()))?;
            let (model, checked) = build::read(tree, &published).map_err(|error| problems(tree, error))?;
            warn(reporter, model.warnings.iter().chain(&checked.warnings));
            let links = build::graph::DependencyGraph::new(&model);
            Ok(Output::done(answer::graph(&model, &links, graph.format)))
        }
        Command::Doctor(doctor) => doctor::run(tree, &doctor, &means(), &arguments.global, reporter),
        Command::Rollback(flags) => generations::rollback(tree, &flags, reporter),
        Command::Gc(flags) => generations::collect(tree, &flags, reporter),
        Command::Eject(eject) => run_eject(tree, &eject, reporter),
        Command::Config(config) => match config.command {
            ConfigCommand::Check(check) => farm::check(tree, &check),
            ConfigCommand::Compile(compile) => {
                let build = compile.into();
                farm::build(tree, &build, &means().waiting(&build), reporter)
            }
            ConfigCommand::Show(show) => farm::show(tree, &show, reporter),
            ConfigCommand::Explain(explain) => farm::explain(tree, &explain),
            ConfigCommand::Diff(diff) => farm::diff(tree, &diff, reporter),
        },
        Command::Wikis(wikis) => farm::wikis(tree, &wikis, reporter),
        Command::Run(run) if deploy::is_there(&run.config) => deploy::run(&run, reporter),
        Command::Wiki(wiki) => deploy::wiki(&wiki, reporter),
        Command::Deploy(flags) => deploy::deploy(&flags, arguments.global.jobs, reporter),
        Command::Status(flags) => deploy::status(&flags, reporter),
        Command::Watch(watch) => deploy::watch(&watch, arguments.global.jobs, reporter),
        Command::Agent(agent) => deploy::agent(&agent, reporter),
        Command::Run(run) => {
            deploy::check_farm(&run.config)?;
            farm::run(&run, arguments.global.jobs, reporter)
        }
        Command::Completions(completions) => Ok(Output::done(cli::completions(completions.shell))),
        Command::Man(man) => run_man(&man, reporter),
    }
}

/// How a build goes about it, whatever it builds.
#[derive(Debug, Clone)]
struct Means {
    /// Whether it waits for another one.
    wait: bool,
    /// Where scans are kept.
    cache: Option<build::Cache>,
}

impl Means {
    fn waiting(self, flags: &cli::Build) -> Self {
        Self { wait: !flags.no_wait, ..self }
    }
}

fn run_build(tree: &Path, flags: &cli::Build, means: &Means, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let request = request(tree, &flags.inputs, means)?;
    if flags.dry_run || flags.locked {
        let build = planned(&request, reporter)?;
        let output = Output::done(answer::summary(&build, Vec::new(), flags.format, Tense::Planned)?);
        return Ok(if flags.locked && !build.is_published() {
            output.but(vec![problem::out_of_date(&build)])
        } else {
            output
        });
    }
    let build = build::build(&request, reporter).map_err(|error| problems(tree, error))?;
    warn(reporter, &build.warnings);
    verbose(&build, reporter);
    if build.written.as_ref().is_some_and(|written| written.files == 0) {
        reporter.note(Verbosity::Normal, "everything is published already; nothing was written");
    }
    let published = invalidate::Publication::of_build(&request.vendor(), &build.plan);
    let told = invalidate::tell(&flags.invalidate, &published);
    let mut invalidated = Vec::new();
    let mut untold = Vec::new();
    for (pool, told) in flags.invalidate.iter().zip(&told) {
        invalidated.push(invalidate::answer(pool, told));
        match told {
            Ok(told) => reporter.note(Verbosity::Normal, &invalidate::note(pool, told)),
            Err(error) => untold.push(invalidate::problem(pool, &published, error)),
        }
    }
    let output = Output::done(answer::summary(&build, invalidated, flags.format, Tense::Done)?).but(untold);
    // The process is about to end, and gives all its memory back at once: a large farm is millions of small pieces.
    std::mem::forget(build);
    Ok(output)
}

fn planned(request: &Request, reporter: &dyn Reporter) -> Result<Build, Vec<Problem>> {
    let build = build::plan(request, reporter).map_err(|error| problems(&request.tree, error))?;
    warn(reporter, &build.warnings);
    verbose(&build, reporter);
    Ok(build)
}

fn run_why(tree: &Path, why: &cli::Why, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let vendor = tree.join("vendor");
    let published = Published::read(&vendor).map_err(|error| problems(tree, error.into()))?;
    let (model, checked) = build::read(tree, &published).map_err(|error| problems(tree, error))?;
    warn(reporter, model.warnings.iter().chain(&checked.warnings));
    // Who needs a package can be asked of a tree without wikis; which wikis load it is then none.
    let farm = match &why.wikis {
        None if why.config.config_dir.is_some() => farm::of_tree(tree, &why.config)?,
        None if why.wiki.is_none() && !tree.join(WIKIS).exists() => Farm::default(),
        file => farm(tree, file.as_deref())?,
    };
    let graph = build::graph::DependencyGraph::new(&model);
    answer::why(&model, &graph, &farm, why)
}

fn run_verify(tree: &Path, flags: &cli::Verify, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let vendor = flags.output.clone().unwrap_or_else(|| tree.join("vendor"));
    reporter.begin(Phase::Verify, 1);
    let verified = verify::verify(tree, &vendor).map_err(|error| problem::of_verify(&error))?;
    reporter.end();
    answer::verification(verified, flags.format)
}

fn run_eject(tree: &Path, flags: &cli::Eject, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let vendor = flags.output.clone().unwrap_or_else(|| tree.join("vendor"));
    let ejected = eject::eject(&vendor, !flags.no_wait, reporter).map_err(|error| problem::of_eject(&error))?;
    for name in &ejected.removed {
        reporter.note(Verbosity::Verbose, &format!("removed {name}"));
    }
    Ok(Output::done(answer::ejected(&ejected)))
}

fn run_man(man: &cli::Man, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let failed = |error: std::io::Error| vec![Problem::from_error(ExitCode::Failed, &error)];
    let pages = cli::manual().map_err(failed)?;
    let Some(directory) = &man.output else {
        return Ok(Output::done(pages.into_iter().next().map(|(_, text)| text).unwrap_or_default()));
    };
    for (name, text) in &pages {
        let path = directory.join(name);
        disk::write_plain(&path, text).map_err(|error| {
            vec![Problem::new(ExitCode::Failed, format!("cannot write `{}`", path.display())).cause(error.to_string())]
        })?;
        reporter.note(Verbosity::Verbose, &format!("wrote {name}"));
    }
    Ok(Output::done(Vec::new()))
}

/// The list of wikis beside `composer.json`.
const WIKIS: &str = "wikis.yml";

fn request(tree: &Path, inputs: &Inputs, means: &Means) -> Result<Request, Vec<Problem>> {
    let farm = match &inputs.wikis {
        // MediaWikiFarm has a list of its own, and names what a wiki loads.
        None if inputs.mediawikifarm && !tree.join(WIKIS).exists() => Farm::default(),
        file => farm(tree, file.as_deref())?,
    };
    Ok(request_of(tree, inputs, farm, means))
}

/// What is to be built for these wikis.
fn request_of(tree: &Path, inputs: &Inputs, farm: Farm, means: &Means) -> Request {
    Request {
        tree: tree.to_owned(),
        output: inputs.output.clone(),
        farm,
        strategy: match inputs.strategy {
            cli::Strategy::QuickBold => build::plan::Strategy::QuickBold,
            cli::Strategy::Bold => build::plan::Strategy::Bold,
        },
        optimize: inputs.optimize_autoloader,
        authoritative: inputs.classmap_authoritative,
        fast: inputs.autoloader == cli::Autoloader::Fast,
        absolute_paths: inputs.absolute_paths,
        mediawikifarm: inputs.mediawikifarm,
        wait: means.wait,
        cache: means.cache.clone(),
    }
}

/// Whether the wikis are those of `farms.yml`. Without a flag, they are if that is the only list there is.
fn is_farm(tree: &Path, inputs: &Inputs) -> Result<bool, Vec<Problem>> {
    if inputs.config.config_dir.is_some() || inputs.wikis.is_some() {
        return Ok(inputs.config.config_dir.is_some());
    }
    match (tree.join(WIKIS).exists(), farm::is_there()) {
        (true, true) => {
            let what = format!("there are two lists of wikis: `{WIKIS}` of the tree, and `farms.yml`");
            let hint = "say which one counts: `--wikis FILE` or `--config-dir DIR`";
            Err(vec![Problem::new(ExitCode::Usage, what).hint(hint)])
        }
        (_, farm) => Ok(farm),
    }
}

fn farm(tree: &Path, file: Option<&Path>) -> Result<Farm, Vec<Problem>> {
    let default = tree.join(WIKIS);
    let file = file.unwrap_or(&default);
    wikis::read(file).map_err(|error| vec![problem::of_farm(tree, &error)])
}

fn warn<'w>(reporter: &dyn Reporter, warnings: impl IntoIterator<Item = &'w String>) {
    for warning in warnings {
        reporter.warning(warning);
    }
}

fn verbose(build: &Build, reporter: &dyn Reporter) {
    for set in &build.plan.sets {
        let extension = set.extension.map_or("the base", |extension| build.objects.extensions[extension].as_str());
        let state = if set.kept { "kept" } else { "created" };
        reporter.note(Verbosity::VeryVerbose, &format!("set composer{} of {extension}: {state}", set.key));
        reporter.note(Verbosity::Debug, &build.set_json(set));
    }
    for bundle in &build.plan.bundles {
        let state = if bundle.kept { "kept" } else { "created" };
        reporter.note(Verbosity::VeryVerbose, &format!("bundle_{}.php: {state}", bundle.hash));
    }
}

/// A format that a result has as text and as JSON.
fn formatted(
    format: Format,
    text: impl FnOnce() -> String,
    json: impl FnOnce() -> serde_json::Result<String>,
) -> Result<Vec<u8>, Vec<Problem>> {
    match format {
        Format::Text => Ok(text().into_bytes()),
        Format::Json => {
            json().map(String::into_bytes).map_err(|error| vec![Problem::from_error(ExitCode::Failed, &error)])
        }
    }
}
