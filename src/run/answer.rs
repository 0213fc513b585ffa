//! Results of verbs as what `report` shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::json;

use super::formatted;
use crate::build::generated::Generated;
use crate::build::graph::{DependencyGraph, Node};
use crate::build::package::Tree;
use crate::build::published::FIXED;
use crate::build::verify::Wrong;
use crate::build::{Build, eject, plan, verify};
use crate::cli::{self, Format, GraphFormat};
use crate::farm::{ExtensionId, Farm, WikiId};
use crate::key::Key;
use crate::report::summary::{self, LinkState, State, Summary, Tense, WikiState};
use crate::report::verification::{self, Difference, Verification};
use crate::report::why::{self, Why};
use crate::report::{ExitCode, Output, Problem, escaped};

/// The version of the JSON form of a graph.
const GRAPH_SCHEMA: &str = "1.0.0";

/// A build or a plan, with the pools that were to be told.
pub(super) fn summary(
    build: &Build,
    invalidated: Vec<summary::Invalidated>,
    format: Format,
    tense: Tense,
) -> Result<Vec<u8>, Vec<Problem>> {
    let summary = Summary { invalidated, ..of(build) };
    formatted(format, || summary.text(tense, None), || summary.json())
}

pub(super) fn of(build: &Build) -> Summary {
    let (plan, objects) = (&build.plan, &build.objects);
    let ids = |indices: &[usize]| -> Vec<ExtensionId> {
        indices.iter().map(|&index| objects.extensions[index].clone()).collect()
    };
    let packages = |indices: &[usize]| -> Vec<String> {
        indices.iter().map(|&index| objects.packages[index].name.clone()).collect()
    };
    let state = |kept: bool| if kept { State::Kept } else { State::Created };
    let classes = build.classes();
    let sets = plan.sets.iter().zip(classes).map(|(set, classes)| summary::Set {
        extension: set.extension.map(|extension| objects.extensions[extension].clone()),
        key: set.key.clone(),
        directory: format!("composer{}", set.key),
        packages: packages(&set.added.packages),
        classes,
        state: state(set.kept),
    });
    let mut bundles: Vec<summary::Bundle> = plan
        .bundles
        .iter()
        .map(|bundle| summary::Bundle {
            hash: bundle.hash.clone(),
            extensions: ids(&bundle.selection.extensions),
            packages: packages(&bundle.selection.packages),
            wikis: wikis_of(plan, &bundle.hash),
            state: state(bundle.kept),
        })
        .collect();
    bundles.sort_by(|a, b| a.hash.cmp(&b.hash));
    Summary {
        schema: summary::SCHEMA,
        generation: plan.generation.clone(),
        sets: sets.collect(),
        bundles,
        wikis: wikis(build),
        order: ids(&plan.order),
        links: links(build),
        removed: build.removed().iter().map(ToString::to_string).collect(),
        invalidated: Vec::new(),
        warnings: build.warnings.clone(),
    }
}

fn links(build: &Build) -> Vec<summary::Link> {
    let (made, stale) = build.changed_links();
    let mut links: Vec<summary::Link> = build
        .plan
        .links
        .iter()
        .map(|(name, set)| summary::Link {
            name: name.clone(),
            directory: Some(Generated::Set(set.clone()).to_string()),
            state: if made.contains(name) { LinkState::Created } else { LinkState::Kept },
        })
        .collect();
    links.extend(stale.into_iter().map(|name| summary::Link { name, directory: None, state: LinkState::Removed }));
    links.sort_by(|a, b| a.name.cmp(&b.name));
    links
}

fn wikis_of(plan: &plan::Plan, bundle: &Key) -> Vec<WikiId> {
    let served = plan.wikis.iter().filter(|(_, index)| plan.bundles[*index].hash == *bundle);
    served.map(|(wiki, _)| wiki.id.clone()).collect()
}

/// The wikis of the plan, and those that the published generation has and the plan has not.
fn wikis(build: &Build) -> Vec<summary::Wiki> {
    let (plan, objects) = (&build.plan, &build.objects);
    let manifest = build.published.manifest.as_ref();
    let before: BTreeMap<&WikiId, _> =
        manifest.iter().flat_map(|manifest| &manifest.wikis).map(|wiki| (&wiki.id, wiki)).collect();
    let live = build.published.is_live();
    let mut wikis: Vec<summary::Wiki> = Vec::new();
    for (wiki, index) in &plan.wikis {
        let bundle = &plan.bundles[*index];
        let on: BTreeSet<usize> = bundle.selection.extensions.iter().copied().collect();
        let extensions: Vec<ExtensionId> = plan
            .order
            .iter()
            .filter(|index| on.contains(index))
            .map(|&index| objects.extensions[index].clone())
            .collect();
        let wanted: BTreeSet<&ExtensionId> = wiki.wanted.iter().map(|wanted| &wanted.extension).collect();
        let state = match before.get(&wiki.id) {
            None => WikiState::Created,
            Some(before) if live && before.bundle == bundle.hash && before.hosts == wiki.hosts => WikiState::Kept,
            Some(_) => WikiState::Changed,
        };
        wikis.push(summary::Wiki {
            id: wiki.id.clone(),
            hosts: wiki.hosts.clone(),
            pulled_in: extensions.iter().filter(|id| !wanted.contains(id)).cloned().collect(),
            extensions,
            bundle: bundle.hash.clone(),
            state,
        });
    }
    let now: BTreeSet<&WikiId> = plan.wikis.iter().map(|(wiki, _)| &wiki.id).collect();
    for (id, gone) in before.iter().filter(|(id, _)| !now.contains(**id)) {
        let bundle = manifest.iter().flat_map(|manifest| &manifest.bundles).find(|bundle| bundle.hash == gone.bundle);
        wikis.push(summary::Wiki {
            id: (*id).clone(),
            hosts: gone.hosts.clone(),
            extensions: bundle.map(|bundle| bundle.extensions.clone()).unwrap_or_default(),
            pulled_in: Vec::new(),
            bundle: gone.bundle.clone(),
            state: WikiState::Removed,
        });
    }
    wikis.sort_by(|a, b| a.id.cmp(&b.id));
    wikis
}

/// Why a package or an extension is there.
pub(super) fn why(tree: &Tree, graph: &DependencyGraph, farm: &Farm, flags: &cli::Why) -> Result<Output, Vec<Problem>> {
    let name = flags.package.as_str();
    let package = tree.packages.iter().position(|package| package.name == name.to_lowercase());
    let extension = tree
        .extensions
        .iter()
        .position(|extension| extension.id.as_str() == name || (!name.contains('/') && extension.id.name() == name));
    let node = match (package, extension) {
        (Some(package), _) => graph.node(package),
        (None, Some(extension)) => Node::Extension(extension),
        (None, None) => {
            return Err(vec![
                Problem::new(ExitCode::Usage, format!("no package or extension `{name}` is installed"))
                    .hint("give a package's name, `vendor/name`, or a directory such as `extensions/Cite`"),
            ]);
        }
    };
    let closures: Vec<(&WikiId, Vec<usize>)> = farm.wikis.iter().map(|wiki| (&wiki.id, wanted(tree, wiki))).collect();
    let chosen = flags.wiki.as_deref();
    if let Some(wiki) = chosen.filter(|wiki| !closures.iter().any(|(id, _)| id.as_str() == *wiki)) {
        return Err(vec![
            Problem::new(ExitCode::Usage, format!("no wiki `{wiki}` in the farm"))
                .cause(format!("`{}` does not list it", farm.file)),
        ]);
    }
    let loads = |closure: &crate::build::graph::Closure| match node {
        Node::Package(package) => closure.packages.contains(&package),
        Node::Extension(extension) => closure.extensions.contains(&extension),
        Node::Base => true,
    };
    let in_base = loads(&graph.base());
    let wikis: Vec<&(&WikiId, Vec<usize>)> = closures
        .iter()
        .filter(|(id, _)| chosen.is_none_or(|chosen| id.as_str() == chosen))
        .filter(|(_, wanted)| loads(&graph.closure(wanted)))
        .collect();
    let from: Vec<Node> = match chosen {
        // For one wiki: from what it turns on.
        Some(_) => wikis.iter().flat_map(|(_, wanted)| wanted).map(|&extension| Node::Extension(extension)).collect(),
        None => (0..tree.extensions.len()).map(Node::Extension).collect(),
    };
    let base = std::iter::once(Node::Base).filter(|_| in_base);
    let paths = base.chain(from.into_iter().filter(|from| *from != node)).filter_map(|from| graph.path(from, node));
    let label = |node: &Node| match *node {
        Node::Base => "composer.json".to_owned(),
        Node::Extension(extension) => tree.extensions[extension].id.to_string(),
        Node::Package(package) => tree.packages[package].name.clone(),
    };
    let mut paths: Vec<why::Path> = paths.map(|path| why::Path { steps: path.iter().map(label).collect() }).collect();
    paths.dedup();
    let version = package
        .or_else(|| {
            let name = tree.extensions[extension?].package.as_deref()?;
            tree.packages.iter().position(|package| package.name == name)
        })
        .map(|package| tree.packages[package].version.clone());
    let answer = Why {
        schema: why::SCHEMA,
        package: label(&node),
        version,
        base: in_base,
        paths,
        wikis: wikis.iter().map(|(id, _)| (*id).clone()).collect(),
    };
    Ok(Output::done(formatted(flags.format, || answer.text(flags.wiki.as_deref()), || answer.json())?))
}

/// The extensions that a wiki turns on, as far as the tree has them.
fn wanted(tree: &Tree, wiki: &crate::farm::Wiki) -> Vec<usize> {
    let index = |id: &ExtensionId| tree.extensions.binary_search_by(|extension| extension.id.cmp(id)).ok();
    wiki.wanted.iter().filter_map(|wanted| index(&wanted.extension)).collect()
}

/// What `verify` found.
pub(super) fn verification(verified: verify::Verified, format: Format) -> Result<Output, Vec<Problem>> {
    // A build never touches what is there under a hashed name.
    let is_damaged = |found: &verify::Difference| {
        matches!(found.wrong, Wrong::Changed | Wrong::Stranger | Wrong::Unreadable(_))
            && !FIXED.contains(&found.file.as_str())
    };
    let damaged = verified.differences.iter().any(is_damaged);
    let hint = match verified.differences.first().map(|found| &found.wrong) {
        _ if damaged => "remove each of these files, or bring it back as it was, and run `mwfarm build`",
        Some(Wrong::Maps(_)) => "run `mwfarm build` if these files are meant to be gone, else bring them back",
        _ => "run `mwfarm build`",
    };
    let what = if verified.differences.iter().all(|found| matches!(found.wrong, Wrong::Maps(_))) {
        "files that wikis load are gone"
    } else {
        "what is published is not as mwfarm made it"
    };
    let differences = verified.differences.into_iter();
    let answer = Verification {
        schema: verification::SCHEMA,
        generation: verified.generation,
        files: verified.files,
        mapped: verified.mapped,
        differences: differences.map(|found| Difference { file: found.file, what: found.wrong.to_string() }).collect(),
    };
    let exit = answer.exit();
    let output = Output::done(formatted(format, || answer.text(), || answer.json())?);
    if exit == ExitCode::Done {
        return Ok(output);
    }
    Ok(output.but(vec![Problem::new(exit, what).hint(hint)]))
}

/// What `eject` did.
pub(super) fn ejected(ejected: &eject::Ejected) -> String {
    let restored: Vec<_> = ejected.restored.iter().map(|name| escaped(name)).collect();
    let mut text = String::new();
    if !restored.is_empty() {
        let _ = writeln!(text, "restored {}", restored.join(", "));
    }
    let _ = writeln!(text, "removed {} names that builds had made", ejected.removed.len());
    for (name, stranger) in &ejected.strangers {
        let _ = writeln!(text, "kept {}: mwfarm did not make {}", escaped(name), escaped(stranger));
    }
    text
}

/// The graph in one of its languages.
pub(super) fn graph(tree: &Tree, graph: &DependencyGraph, format: GraphFormat) -> String {
    let extensions = (0..tree.extensions.len()).map(Node::Extension);
    let packages = (0..tree.packages.len()).filter(|&p| graph.node(p) == Node::Package(p)).map(Node::Package);
    let nodes: Vec<Node> = std::iter::once(Node::Base).chain(extensions).chain(packages).collect();
    let number: BTreeMap<Node, usize> = nodes.iter().enumerate().map(|(index, &node)| (node, index)).collect();
    let name = |node: Node| match node {
        Node::Base => tree.root.name.clone(),
        Node::Extension(extension) => tree.extensions[extension].id.to_string(),
        Node::Package(package) => tree.packages[package].name.clone(),
    };
    let edges: Vec<(Node, Node)> =
        nodes.iter().flat_map(|&from| graph.neighbours(from).into_iter().map(move |to| (from, to))).collect();
    let mut text = String::new();
    match format {
        GraphFormat::Dot => {
            let quoted = |node: Node| name(node).replace('\\', "\\\\").replace('"', "\\\"");
            text.push_str("digraph mwfarm {\n  rankdir=LR;\n  node [shape=box];\n");
            for &node in &nodes {
                let shape = match node {
                    Node::Base => " [shape=doubleoctagon]",
                    Node::Extension(_) => " [style=filled]",
                    Node::Package(_) => "",
                };
                let _ = writeln!(text, "  \"{}\"{shape};", escaped(&quoted(node)));
            }
            for &(from, to) in &edges {
                // An edge that only extension.json has is dashed.
                let style = if graph.kinds(from, to).0 { "" } else { " [style=dashed]" };
                let (from, to) = (quoted(from), quoted(to));
                let _ = writeln!(text, "  \"{}\" -> \"{}\"{style};", escaped(&from), escaped(&to));
            }
            text.push_str("}\n");
        }
        GraphFormat::Mermaid => {
            text.push_str("flowchart LR\n");
            for (index, &node) in nodes.iter().enumerate() {
                let label = name(node).replace('#', "#35;").replace('"', "#quot;");
                let label = escaped(&label);
                let _ = match node {
                    Node::Base => writeln!(text, "  n{index}[[\"{label}\"]]"),
                    Node::Extension(_) => writeln!(text, "  n{index}([\"{label}\"])"),
                    Node::Package(_) => writeln!(text, "  n{index}[\"{label}\"]"),
                };
            }
            for &(from, to) in &edges {
                let arrow = if graph.kinds(from, to).0 { "-->" } else { "-.->" };
                let _ = writeln!(text, "  n{} {arrow} n{}", number[&from], number[&to]);
            }
        }
        GraphFormat::Json => {
            let kind = |node: Node| match node {
                Node::Base => "base",
                Node::Extension(extension) if tree.extensions[extension].id.is_skin() => "skin",
                Node::Extension(_) => "extension",
                Node::Package(_) => "package",
            };
            let version = |node: Node| match node {
                Node::Package(package) => Some(tree.packages[package].version.as_str()),
                Node::Extension(extension) => {
                    let package = tree.extensions[extension].package.as_deref();
                    tree.packages.iter().find(|known| Some(known.name.as_str()) == package).map(|p| p.version.as_str())
                }
                Node::Base => None,
            };
            let ids = |indices: &[usize]| -> Vec<&str> {
                indices.iter().map(|&index| tree.extensions[index].id.as_str()).collect()
            };
            let edges = edges.iter().map(|&(from, to)| {
                let (composer, registration) = graph.kinds(from, to);
                json!({"from": name(from), "to": name(to), "composer": composer, "registration": registration})
            });
            let value = json!({
                "schema": GRAPH_SCHEMA,
                "nodes": nodes.iter().map(|&node| {
                    json!({"name": name(node), "kind": kind(node), "version": version(node)})
                }).collect::<Vec<_>>(),
                "edges": edges.collect::<Vec<_>>(),
                "order": ids(graph.order()),
                "cycles": graph.cycles().iter().map(|cycle| ids(cycle)).collect::<Vec<_>>(),
                "orphans": graph.orphans().iter().map(|&p| tree.packages[p].name.as_str()).collect::<Vec<_>>(),
            });
            let _ = writeln!(text, "{value:#}");
        }
    }
    text
}
