//! Farms with settings: reads their configuration, lets `build` say in which order extensions load, and compiles them.

mod collect;
mod compile;
mod explain;
mod script;
mod show;
mod update;
mod wikis;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::problem::problems;
use crate::build;
use crate::build::graph::DependencyGraph;
use crate::build::package::Tree;
use crate::build::published::Published;
use crate::cli;
use crate::config::compile::Compilation;
use crate::config::configuration::{self, Configuration};
use crate::config::finding::{Finding, Severity};
use crate::config::options;
use crate::config::read::Sources;
use crate::config::tree;
use crate::deploy;
use crate::farm::{ExtensionId, Farm};
use crate::report::{ExitCode, Problem, Reporter};

pub(super) use collect::{collect, collects};
pub(super) use compile::{build, plan};
pub(super) use explain::explain;
pub(super) use script::{ended, run};
pub(super) use show::{check, diff, show};
pub(super) use wikis::wikis;

/// Where a farm's configuration is when nothing else is said.
const CONFIG: &str = cli::CONFIG_DIR;

/// The directory of the configuration.
pub(super) fn directory(config: &cli::ConfigDir) -> PathBuf {
    config.config_dir.clone().unwrap_or_else(|| CONFIG.into())
}

/// Whether there is a farm's main file where it is looked for without a flag.
pub(super) fn is_there() -> bool {
    is_in(Path::new(CONFIG))
}

/// Whether a directory has a farm's main file.
pub(super) fn is_in(directory: &Path) -> bool {
    ["farms.yml", "farms.yaml", "farms.json", "farms.php"].iter().any(|name| directory.join(name).is_file())
}

fn read(config: &cli::ConfigDir, tree: &Path) -> Result<Configuration, Vec<Problem>> {
    Configuration::read(&directory(config), tree).map_err(unread)
}

/// Reads a farm to say what is wrong with it. Wikis that are deployed each have a tree of their own, and what another one
/// has would be wrong of most of them: unless one is named, none is looked at.
fn read_to_check(config: &cli::ConfigDir, tree: &Path) -> Result<Configuration, Vec<Problem>> {
    let directory = directory(config);
    let is_named = tree != Path::new(".") || tree::is_mediawiki(tree);
    if is_named || !deploy::options::is_there(&directory) {
        return read(config, tree);
    }
    Configuration::read_for_any(&directory, tree).map_err(unread)
}

/// Reads the farm in a directory for a tree that will be somewhere else.
pub(super) fn read_staged(directory: &Path, tree: &Path, place: &Path) -> Result<Configuration, Vec<Problem>> {
    Configuration::read_staged(directory, tree, place).map_err(unread)
}

fn unread(error: configuration::Error) -> Vec<Problem> {
    match error {
        configuration::Error::Main(found) => vec![problem(&found.0, &found.1)],
        configuration::Error::Tree { .. } => vec![
            Problem::from_error(ExitCode::Farm, &error)
                .hint("`tree` or `code` of mwfarm.yml names it; without them, `-d` does"),
        ],
        configuration::Error::Options(options) => vec![of_options(&options)],
        configuration::Error::Published(_) => vec![Problem::from_error(ExitCode::Farm, &error)],
    }
}

/// Options that cannot be read.
fn of_options(error: &options::Error) -> Problem {
    let problem = Problem::from_error(ExitCode::Farm, error);
    if error.file.is_dir() || error.file.ends_with(options::FILE) {
        return problem;
    }
    problem.hint("`--config-dir` names the directory of farms.yml")
}

/// The wikis of a farm that a tree serves.
pub(super) fn of_tree(tree: &Path, config: &cli::ConfigDir) -> Result<Farm, Vec<Problem>> {
    let configuration = read(config, tree)?;
    let compilation = Trees::read(&configuration).compile(&configuration);
    let real = tree.canonicalize().ok();
    let version = configuration.trees.iter().find(|(_, known)| Some(&known.directory) == real.as_ref());
    let Some((version, _)) = version else {
        let what = format!("no wiki of the farm has its MediaWiki in `{}`", tree.display());
        return Err(vec![Problem::new(ExitCode::Usage, what).hint("`-d` names the directory of one of its versions")]);
    };
    Ok(compilation.farm(version))
}

/// An error of the configuration.
fn problem(finding: &Finding, sources: &Sources) -> Problem {
    let problem = Problem::new(ExitCode::Farm, format!("{}: {}", finding.location(sources), finding.message));
    let mut causes = Vec::new();
    if !finding.field.is_empty() {
        causes.push(format!("field `{}`", finding.field));
    }
    if let Some(wiki) = &finding.wiki {
        causes.push(format!("wiki `{wiki}` {}cannot be compiled", others(finding)));
    }
    let problem = if causes.is_empty() { problem } else { problem.cause(causes.join("; ")) };
    match &finding.hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

/// The errors among what was found.
pub(super) fn errors(findings: &[Finding], sources: &Sources) -> Vec<Problem> {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    let mut errors: Vec<&Finding> = errors.collect();
    errors.sort_by(|a, b| a.order(sources).cmp(&b.order(sources)));
    errors.into_iter().map(|finding| problem(finding, sources)).collect()
}

/// Says the warnings among what was found, as one line each.
pub(super) fn warn(findings: &[Finding], sources: &Sources, reporter: &dyn Reporter) {
    for finding in findings.iter().filter(|finding| finding.severity == Severity::Warning) {
        reporter.warning(&line(finding, sources));
    }
}

/// What was found, as one line.
fn line(finding: &Finding, sources: &Sources) -> String {
    let mut line = format!("{}: ", finding.location(sources));
    if !finding.field.is_empty() {
        let _ = write!(line, "`{}` ", finding.field);
    }
    if let Some(wiki) = &finding.wiki {
        let _ = write!(line, "of wiki `{wiki}` {}", others(finding));
    }
    if line.ends_with(' ') && !line.ends_with(": ") {
        line.truncate(line.len() - 1);
        line.push_str(": ");
    }
    line.push_str(&finding.message);
    line
}

/// How many other wikis it is about, to stand behind the first one.
fn others(finding: &Finding) -> String {
    match finding.others {
        0 => String::new(),
        1 => "and 1 other ".to_owned(),
        others => format!("and {others} others "),
    }
}

/// What builds know of the trees of a farm.
#[derive(Default)]
pub(super) struct Trees {
    known: BTreeMap<String, Known>,
    /// The trees that cannot be read, with why.
    failed: BTreeMap<String, Vec<Problem>>,
}

struct Known {
    tree: Tree,
    graph: DependencyGraph,
    /// What was asked for before: many wikis have the same extensions.
    orders: HashMap<Vec<usize>, Vec<ExtensionId>>,
}

impl Trees {
    /// Reads the trees of a farm.
    pub(super) fn read(configuration: &Configuration) -> Self {
        let mut trees = Self::default();
        for (version, tree) in &configuration.trees {
            let read = Published::read(&tree.directory.join("vendor"))
                .map_err(build::Error::from)
                .and_then(|published| build::read(&tree.directory, &published));
            match read {
                Ok((model, _)) => {
                    let graph = DependencyGraph::new(&model);
                    trees.known.insert(version.clone(), Known { tree: model, graph, orders: HashMap::new() });
                }
                Err(error) => {
                    trees.failed.insert(version.clone(), problems(&tree.directory, error));
                }
            }
        }
        trees
    }

    /// Compiles a farm.
    pub(super) fn compile<'c>(&mut self, configuration: &'c Configuration) -> Compilation<'c> {
        Compilation::new(configuration, &mut |version, on| self.order(version, on))
    }

    /// What a build loads for these extensions, in load order.
    fn order(&mut self, version: &str, on: &[ExtensionId]) -> Vec<ExtensionId> {
        let Some(known) = self.known.get_mut(version) else { return Vec::new() };
        let extensions = &known.tree.extensions;
        let mut chosen: Vec<usize> =
            on.iter().filter_map(|id| extensions.binary_search_by(|extension| extension.id.cmp(id)).ok()).collect();
        chosen.sort_unstable();
        let graph = &known.graph;
        let order = known.orders.entry(chosen).or_insert_with_key(|chosen| {
            let closure = graph.closure(chosen).extensions;
            let order = graph.order().iter().filter(|index| closure.contains(index));
            order.map(|&index| extensions[index].id.clone()).collect()
        });
        order.clone()
    }
}
