//! Who needs whom: packages and extensions, joined by both kinds of edges — Composer's `require` and the
//! `requires` of `extension.json` — since a tool that reads only one of them is wrong on real farms.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::manifest::is_platform;
use super::package::{Link, Tree};
use super::resolve;
use crate::farm::ExtensionId;

/// The dependency graph of a tree.
#[derive(Debug)]
pub struct DependencyGraph {
    /// For each package: what it needs.
    packages: Vec<Needs>,
    /// For each extension that is not an installed package: what its directory needs; for one that is, only what its
    /// manifests need.
    extensions: Vec<Needs>,
    /// What their development requirements add, where those count.
    extensions_dev: Vec<Needs>,
    /// The extension that a package is.
    extension_of: Vec<Option<usize>>,
    /// The package that an extension is.
    package_of: Vec<Option<usize>>,
    /// What the base needs, packages that nobody needs included.
    base: Needs,
    /// What the root's development requirements add.
    base_dev: Needs,
    /// Packages that nobody needs.
    orphans: Vec<usize>,
    /// Extensions in load order: dependencies first, ties by name.
    order: Vec<usize>,
    /// Extensions that require each other in a circle.
    cycles: Vec<Vec<usize>>,
    ids: Vec<ExtensionId>,
}

/// What a node needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Needs {
    packages: Vec<usize>,
    extensions: Vec<usize>,
    /// Extensions that `extension.json` or `skin.json` requires.
    registered: Vec<usize>,
    /// Requirements that can be satisfied in several ways.
    choices: Vec<Choice>,
}

/// A requirement that several satisfy, by name, `provide` or `replace`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Choice {
    /// The packages, the preferred one first.
    packages: Vec<usize>,
    /// Extensions whose part of the root satisfies it: the root is there before any package is looked for.
    extensions: Vec<usize>,
}

/// C(S) and S*.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Closure {
    /// S*: indices into the tree's extensions.
    pub extensions: BTreeSet<usize>,
    /// C(S): indices into the tree's packages, and so in the order of names.
    pub packages: BTreeSet<usize>,
    /// Those of C(S) that only development requirements need.
    pub dev: BTreeSet<usize>,
}

/// A node on the way from somebody who needs to something needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Node {
    /// The base.
    Base,
    /// An extension, by index.
    Extension(usize),
    /// A package that is no extension, by index.
    Package(usize),
}

impl DependencyGraph {
    /// Makes the graph.
    #[must_use]
    pub fn new(tree: &Tree) -> Self {
        let by_name: HashMap<&str, usize> =
            tree.packages.iter().enumerate().map(|(index, package)| (package.name.as_str(), index)).collect();
        let package_of: Vec<Option<usize>> = tree
            .extensions
            .iter()
            .map(|extension| extension.package.as_deref().and_then(|name| by_name.get(name).copied()))
            .collect();
        let mut extension_of = vec![None; tree.packages.len()];
        for (extension, package) in package_of.iter().enumerate() {
            if let Some(package) = package {
                extension_of[*package] = Some(extension);
            }
        }
        let by_id: HashMap<&ExtensionId, usize> =
            tree.extensions.iter().enumerate().map(|(index, extension)| (&extension.id, index)).collect();
        let links = Links { tree, providers: resolve::Providers::new(tree), by_id, extension_of: &extension_of };

        let packages = tree.packages.iter().map(|package| links.needs(&package.require)).collect();
        let mut extensions = vec![Needs::default(); tree.extensions.len()];
        let mut extensions_dev = extensions.clone();
        let (mut base, mut base_dev) = (Needs::default(), Needs::default());
        for part in &tree.root.parts {
            let (dev, always): (Vec<&Link>, Vec<&Link>) = part.require.iter().partition(|link| link.dev);
            let (always, dev) = (links.needs(always), links.needs(dev));
            let owner = part.owner.as_ref().and_then(|owner| links.by_id.get(owner));
            let (needs, needs_dev) = match owner {
                Some(&extension) => (&mut extensions[extension], &mut extensions_dev[extension]),
                None => (&mut base, &mut base_dev),
            };
            needs.add(always);
            needs_dev.add(dev);
        }
        // Admins list extension packages in the root as well; they belong to the wikis that turn them on.
        for base in [&mut base, &mut base_dev] {
            base.packages.retain(|&package| extension_of[package].is_none());
            base.extensions.clear();
            base.choices.retain(|choice| !choice.packages.is_empty());
        }
        let (names, skin_names) = (manifest_names(tree, false), manifest_names(tree, true));
        for (extension, needs) in tree.extensions.iter().zip(&mut extensions) {
            for manifest in &extension.manifests {
                let extensions = manifest.extensions.iter().filter_map(|link| names.get(link.target.as_str()));
                let skins = manifest.skins.iter().filter_map(|link| skin_names.get(link.target.as_str()));
                needs.registered.extend(extensions.chain(skins));
            }
        }
        for (index, needs) in extensions.iter_mut().enumerate() {
            needs.extensions.retain(|&other| other != index);
            needs.registered.retain(|&other| other != index);
        }

        let mut graph = Self {
            packages,
            extensions,
            extensions_dev,
            extension_of,
            package_of,
            base,
            base_dev,
            orphans: Vec::new(),
            order: Vec::new(),
            cycles: Vec::new(),
            ids: tree.extensions.iter().map(|extension| extension.id.clone()).collect(),
        };
        let everything = graph.closure(&(0..graph.ids.len()).collect::<Vec<_>>());
        graph.orphans = (0..graph.packages.len()).filter(|package| !everything.packages.contains(package)).collect();
        graph.base.packages.extend(&graph.orphans);
        (graph.order, graph.cycles) = graph.load_order();
        graph
    }

    /// C(S) and S* for some extensions: what the base and they need, transitively.
    ///
    /// A requirement that several locked packages or merged directories satisfy is met by any of them that is needed
    /// anyway, else by the preferred package, as Composer's solver decides after everything without a choice is
    /// decided.
    #[must_use]
    pub fn closure(&self, extensions: &[usize]) -> Closure {
        let mut closure = self.reach(extensions, true);
        if self.has_dev() {
            let always = self.reach(extensions, false);
            closure.dev = closure.packages.difference(&always.packages).copied().collect();
        }
        closure
    }

    fn has_dev(&self) -> bool {
        std::iter::once(&self.base_dev).chain(&self.extensions_dev).any(|needs| *needs != Needs::default())
    }

    fn reach(&self, extensions: &[usize], dev: bool) -> Closure {
        let mut closure = Closure::default();
        let mut open: Vec<Node> = vec![Node::Base];
        open.extend(extensions.iter().map(|&extension| Node::Extension(extension)));
        let mut choices: Vec<&Choice> = Vec::new();
        let mut base_seen = false;
        loop {
            while let Some(node) = open.pop() {
                let new = match node {
                    Node::Base => !std::mem::replace(&mut base_seen, true),
                    Node::Extension(extension) => {
                        if let Some(package) = self.package_of[extension] {
                            closure.packages.insert(package);
                        }
                        closure.extensions.insert(extension)
                    }
                    Node::Package(package) => closure.packages.insert(package),
                };
                if new {
                    for needs in self.needs(node, dev) {
                        open.extend(needs.packages.iter().map(|&package| self.node(package)));
                        let extensions = needs.extensions.iter().chain(&needs.registered);
                        open.extend(extensions.map(|&extension| Node::Extension(extension)));
                        choices.extend(&needs.choices);
                    }
                }
            }
            choices.sort_unstable();
            choices.dedup();
            choices.retain(|choice| {
                !choice.packages.iter().any(|package| closure.packages.contains(package))
                    && !choice.extensions.iter().any(|extension| closure.extensions.contains(extension))
            });
            match choices.first().and_then(|choice| self.ways(choice).next()) {
                Some(preferred) => open.push(preferred),
                None => return closure,
            }
        }
    }

    /// The base: C(∅).
    #[must_use]
    pub fn base(&self) -> Closure {
        self.closure(&[])
    }

    /// Extensions in load order: what an extension requires comes before it, ties by name.
    #[must_use]
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Extensions that require each other in a circle, each circle by name.
    #[must_use]
    pub fn cycles(&self) -> &[Vec<usize>] {
        &self.cycles
    }

    /// Packages that nobody requires; they belong to the base.
    #[must_use]
    pub fn orphans(&self) -> &[usize] {
        &self.orphans
    }

    /// What a node needs directly, every package of a choice included, in order and each once.
    #[must_use]
    pub fn neighbours(&self, node: Node) -> Vec<Node> {
        let mut nodes = BTreeSet::new();
        for needs in self.needs(node, true) {
            nodes.extend(needs.packages.iter().map(|&package| self.node(package)));
            nodes.extend(needs.choices.iter().flat_map(|choice| self.ways(choice)));
            let extensions = needs.extensions.iter().chain(&needs.registered);
            nodes.extend(extensions.map(|&extension| Node::Extension(extension)));
        }
        nodes.remove(&node);
        nodes.into_iter().collect()
    }

    /// Which kinds of edges lead directly from a node to another: Composer's `require`, `extension.json`'s `requires`.
    #[must_use]
    pub fn kinds(&self, from: Node, to: Node) -> (bool, bool) {
        let (mut composer, mut registration) = (false, false);
        for needs in self.needs(from, true) {
            composer |= needs.packages.iter().any(|&package| self.node(package) == to)
                || needs.choices.iter().flat_map(|choice| self.ways(choice)).any(|way| way == to)
                || needs.extensions.iter().any(|&extension| Node::Extension(extension) == to);
            registration |= needs.registered.iter().any(|&extension| Node::Extension(extension) == to);
        }
        (composer, registration)
    }

    /// The shortest way from a node to another, both included.
    #[must_use]
    pub fn path(&self, from: Node, to: Node) -> Option<Vec<Node>> {
        let mut came_from: HashMap<Node, Node> = HashMap::new();
        let mut queue = std::collections::VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            if node == to {
                let mut path = vec![to];
                while let Some(&before) = path.last().and_then(|last| came_from.get(last)) {
                    path.push(before);
                }
                path.reverse();
                return Some(path);
            }
            for next in self.neighbours(node) {
                if next != from && !came_from.contains_key(&next) {
                    came_from.insert(next, node);
                    queue.push_back(next);
                }
            }
        }
        None
    }

    /// The node of a package: its extension when it is one.
    #[must_use]
    pub fn node(&self, package: usize) -> Node {
        self.extension_of[package].map_or(Node::Package(package), Node::Extension)
    }

    /// What satisfies a choice, the preferred first.
    fn ways(&self, choice: &Choice) -> impl Iterator<Item = Node> {
        let packages = choice.packages.iter().map(|&package| self.node(package));
        packages.chain(choice.extensions.iter().map(|&extension| Node::Extension(extension)))
    }

    fn needs(&self, node: Node, dev: bool) -> impl Iterator<Item = &Needs> {
        let (own, own_dev, package) = match node {
            Node::Base => (Some(&self.base), Some(&self.base_dev), None),
            Node::Extension(extension) => {
                (Some(&self.extensions[extension]), Some(&self.extensions_dev[extension]), self.package_of[extension])
            }
            Node::Package(package) => (None, None, Some(package)),
        };
        own.into_iter().chain(own_dev.filter(|_| dev)).chain(package.map(|package| &self.packages[package]))
    }

    /// Topological order of the extensions with circles as one component, and those circles.
    fn load_order(&self) -> (Vec<usize>, Vec<Vec<usize>>) {
        let mut graph: DiGraph<usize, ()> = DiGraph::new();
        let nodes: Vec<NodeIndex> = (0..self.ids.len()).map(|extension| graph.add_node(extension)).collect();
        for extension in 0..self.ids.len() {
            for required in self.required_extensions(extension) {
                graph.add_edge(nodes[extension], nodes[required], ());
            }
        }
        // `kosaraju_scc` is iterative; `tarjan_scc` recurses and overflows on deep graphs.
        let mut components: Vec<Vec<usize>> = kosaraju_scc(&graph)
            .into_iter()
            .map(|component| {
                let mut members: Vec<usize> = component.into_iter().map(|node| graph[node]).collect();
                members.sort_unstable();
                members
            })
            .collect();
        // Extensions are ordered by id, so the first member names the component.
        components.sort_unstable();
        let mut component_of = vec![0; self.ids.len()];
        for (index, members) in components.iter().enumerate() {
            for &member in members {
                component_of[member] = index;
            }
        }
        let mut waits_for: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); components.len()];
        let mut users: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); components.len()];
        for edge in graph.edge_indices() {
            if let Some((from, to)) = graph.edge_endpoints(edge) {
                let (from, to) = (component_of[graph[from]], component_of[graph[to]]);
                if from != to {
                    waits_for[from].insert(to);
                    users[to].insert(from);
                }
            }
        }
        let mut ready: BTreeSet<usize> = (0..components.len()).filter(|&c| waits_for[c].is_empty()).collect();
        let mut order = Vec::with_capacity(self.ids.len());
        while let Some(component) = ready.pop_first() {
            order.extend(&components[component]);
            for &user in &users[component] {
                waits_for[user].remove(&component);
                if waits_for[user].is_empty() {
                    ready.insert(user);
                }
            }
        }
        let cycles = components.into_iter().filter(|members| members.len() > 1).collect();
        (order, cycles)
    }

    /// Extensions that an extension requires directly or through libraries only.
    fn required_extensions(&self, extension: usize) -> BTreeSet<usize> {
        let mut required = BTreeSet::new();
        let mut seen: HashSet<Node> = HashSet::from([Node::Extension(extension)]);
        let mut open = vec![Node::Extension(extension)];
        while let Some(node) = open.pop() {
            for next in self.neighbours(node) {
                if seen.insert(next) {
                    match next {
                        Node::Extension(other) => {
                            required.insert(other);
                        }
                        _ => open.push(next),
                    }
                }
            }
        }
        required
    }
}

impl Needs {
    fn add(&mut self, other: Self) {
        self.packages.extend(other.packages);
        self.extensions.extend(other.extensions);
        self.choices.extend(other.choices);
    }
}

/// Turns requirements into edges.
struct Links<'t> {
    tree: &'t Tree,
    providers: resolve::Providers<'t>,
    by_id: HashMap<&'t ExtensionId, usize>,
    extension_of: &'t [Option<usize>],
}

impl Links<'_> {
    fn needs<'l>(&self, requirements: impl IntoIterator<Item = &'l Link>) -> Needs {
        let mut needs = Needs::default();
        for link in requirements {
            let candidates = self.providers.candidates(link);
            if is_platform(&link.target) && self.is_on_platform(&link.target, &candidates.packages) {
                continue;
            }
            let owners: Option<Vec<usize>> = candidates
                .parts
                .iter()
                .map(|&part| self.by_id.get(self.tree.root.parts[part].owner.as_ref()?).copied())
                .collect();
            // Without an owner, the root itself has it, for every wiki.
            let Some(mut extensions) = owners else { continue };
            if extensions.is_empty() && candidates.packages.is_empty() {
                // A directory that calls itself so.
                extensions.extend(self.providers.directories(&link.target).first());
            }
            match (candidates.packages.as_slice(), extensions.as_slice()) {
                ([only], []) => needs.packages.push(*only),
                ([], [only]) => needs.extensions.push(*only),
                ([], []) => {}
                _ => needs.choices.push(Choice { packages: candidates.packages, extensions }),
            }
        }
        needs
    }

    /// Whether a requirement on PHP or on something of PHP's leads to no package. Composer's solver takes it from
    /// the platform; a polyfill that provides it comes in only when somebody requires the polyfill by its own name.
    /// Only an extension that alone provides what the platform lacks is turned on for it.
    fn is_on_platform(&self, target: &str, packages: &[usize]) -> bool {
        let configured = self.tree.platform.get(target).is_some_and(Option::is_some);
        configured || packages.iter().any(|&package| self.extension_of[package].is_none())
    }
}

/// Name in `extension.json` or `skin.json` → the extension that has it. Of several, one of the kind wanted goes
/// first, then the one whose directory is named so, then the first.
fn manifest_names(tree: &Tree, skins: bool) -> BTreeMap<&str, usize> {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, extension) in tree.extensions.iter().enumerate() {
        for name in extension.manifests.iter().filter_map(|manifest| manifest.name.as_deref()) {
            let rank = |index: usize| {
                let id = &tree.extensions[index].id;
                (id.is_skin() == skins, id.name() == name)
            };
            let known = names.entry(name).or_insert(index);
            if rank(index) > rank(*known) {
                *known = index;
            }
        }
    }
    names
}

#[cfg(test)]
mod tests;
