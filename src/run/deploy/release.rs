//! What is built of a release: the farm's settings compiled for its wiki, and the Composer sets of its tree.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::farm::{self, Trees};
use super::super::problem::problems;
use crate::build::published::Published;
use crate::build::{self, Build, plan};
use crate::config::wikis;
use crate::deploy::engine::{Built, ToBuild};
use crate::deploy::options::Options;
use crate::farm::{ExtensionId, Farm, Host, Wanted, Wiki, WikiId};
use crate::report::{ExitCode, Problem, Reporter, Silent};

/// The file of a wiki's own configuration that says which extensions it has on.
const OWN: &str = "wiki.yml";

/// What the settings of a wiki with such a file load.
const LOAD: &str = "<?php\n// Made by mwfarm: the extensions of wiki.yml, each after those that it requires.\n\
                    require_once MW_INSTALL_PATH . '/vendor/mwfarm_extensions.php';\n\
                    foreach ( MwFarm\\Extensions::load() as $mwfarmEntry ) {\n\trequire_once $mwfarmEntry;\n}\n\
                    unset( $mwfarmEntry );\n";

/// What a wiki has on.
struct Chosen {
    wanted: Vec<Wanted>,
    /// In load order, when the farm's settings say it.
    order: Option<Vec<ExtensionId>>,
    settings: Option<String>,
    sources: BTreeMap<String, String>,
}

/// Builds a release that is not at its place yet.
pub(super) fn build(options: &Options, release: &ToBuild<'_>, reporter: &dyn Reporter) -> Result<Built, Vec<Problem>> {
    let has_packages = release.tree.join("vendor/composer/installed.json").is_file();
    let chosen = chosen(options, release, has_packages, reporter)?;
    if !has_packages {
        let extensions = chosen.order.unwrap_or_default().iter().map(ToString::to_string).collect();
        return Ok(Built { generation: None, extensions, settings: chosen.settings, sources: chosen.sources });
    }
    let wanted: Vec<ExtensionId> = chosen.wanted.iter().map(|wanted| wanted.extension.clone()).collect();
    let request = build::Request {
        tree: release.tree.to_owned(),
        output: None,
        farm: Farm {
            file: OWN.to_owned(),
            wikis: vec![Wiki {
                id: id(release)?,
                hosts: release.hosts.clone(),
                db: None,
                wanted: chosen.wanted,
                settings: None,
            }],
        },
        strategy: plan::Strategy::QuickBold,
        optimize: false,
        authoritative: false,
        fast: false,
        absolute_paths: false,
        mediawikifarm: false,
        wait: true,
        // Each release is a tree of its own, and built once.
        cache: None,
    };
    let built = build::build(&request, &Silent).map_err(|error| problems(release.tree, error))?;
    let extensions = match chosen.order {
        Some(order) => order.iter().map(ToString::to_string).collect(),
        None => in_order(&built, &wanted),
    };
    let generation = Some(built.plan.generation.to_string());
    Ok(Built { generation, extensions, settings: chosen.settings, sources: chosen.sources })
}

/// What these extensions load, in load order.
fn in_order(built: &Build, wanted: &[ExtensionId]) -> Vec<String> {
    let extensions = &built.tree.extensions;
    let mut chosen: Vec<usize> =
        wanted.iter().filter_map(|id| extensions.binary_search_by(|extension| extension.id.cmp(id)).ok()).collect();
    chosen.sort_unstable();
    let closure = built.graph.closure(&chosen).extensions;
    let order = built.graph.order().iter().filter(|index| closure.contains(index));
    order.map(|&index| extensions[index].id.to_string()).collect()
}

fn id(release: &ToBuild<'_>) -> Result<WikiId, Vec<Problem>> {
    WikiId::new(release.wiki.name.as_str()).map_err(|error| vec![Problem::from_error(ExitCode::Failed, &error)])
}

/// The farm's settings say what is on, else the wiki's own list; without either, all that the tree has can be loaded.
fn chosen(
    options: &Options,
    release: &ToBuild<'_>,
    has_packages: bool,
    reporter: &dyn Reporter,
) -> Result<Chosen, Vec<Problem>> {
    if options.has_settings() {
        return of_farm(options, release, reporter);
    }
    let own = release.config.join(OWN);
    if own.is_file() {
        let wiki = wikis::read_own(&own, &id(release)?, &release.hosts)
            .map_err(|error| vec![Problem::from_error(ExitCode::Failed, &error)])?;
        let settings = if has_packages { Some(LOAD.to_owned()) } else { None };
        return Ok(Chosen { wanted: wiki.wanted, order: None, settings, sources: BTreeMap::new() });
    }
    let wanted = if has_packages { all(release.tree)? } else { Vec::new() };
    Ok(Chosen { wanted, order: None, settings: None, sources: BTreeMap::new() })
}

fn all(tree: &Path) -> Result<Vec<Wanted>, Vec<Problem>> {
    let published = Published::read(&tree.join("vendor")).map_err(|error| problems(tree, build::Error::from(error)))?;
    let (model, _) = build::read(tree, &published).map_err(|error| problems(tree, error))?;
    let wanted = |id: &ExtensionId| Wanted { extension: id.clone(), field: "the tree".to_owned() };
    Ok(model.extensions.iter().map(|extension| wanted(&extension.id)).collect())
}

/// Compiles the farm's settings for this wiki.
fn of_farm(options: &Options, release: &ToBuild<'_>, reporter: &dyn Reporter) -> Result<Chosen, Vec<Problem>> {
    let host: &Host = &release.wiki.host;
    let mut configuration = farm::read_staged(&options.directory, release.tree, &release.place)?;
    configuration.wikis.retain(|wiki| wiki.hosts.contains(host));
    let Some(id) = configuration.wikis.first().map(|wiki| wiki.id.clone()) else {
        return Err(vec![unknown(options, release)]);
    };
    let compilation = Trees::read(&configuration).compile(&configuration);
    let errors = farm::errors(&compilation.model.findings, &configuration.sources);
    let compiled = compilation.wikis.get(&id).and_then(|wiki| wiki.compiled.get(""));
    let text = compiled.and_then(|compiled| compilation.settings.iter().find(|file| file.name == compiled.settings));
    let (Some(compiled), Some(text)) = (compiled, text) else {
        return Err(if errors.is_empty() { vec![unknown(options, release)] } else { errors });
    };
    farm::warn(&compilation.model.findings, &configuration.sources, reporter);
    let wanted = |id: &ExtensionId| Wanted { extension: id.clone(), field: "the farm's settings".to_owned() };
    Ok(Chosen {
        wanted: compiled.wanted.iter().map(wanted).collect(),
        order: Some(compiled.extensions.clone()),
        settings: Some(text.text.to_string()),
        sources: configuration.sources.digests().clone(),
    })
}

fn unknown(options: &Options, release: &ToBuild<'_>) -> Problem {
    let what = format!("the farm's settings know no wiki at `{}`", release.wiki.host);
    Problem::new(ExitCode::Farm, what)
        .cause(format!("farms.yml in `{}`", options.directory.display()))
        .hint("let the farm's list of wikis be the file `list` of mwfarm.yml's section `deploy`")
}
