use super::*;
use crate::build::package::{
    Duplicates, Extension, ExtensionManifest, LoaderSettings, Package, PlatformCheck, Root, RootBlock, RootPart,
};

/// A tree of packages and extensions without code.
struct Farm {
    tree: Tree,
}

impl Farm {
    fn new(requires: &[&str]) -> Self {
        let block = RootBlock {
            name: "core".into(),
            pretty_version: "1.0".into(),
            version: "1.0.0.0".into(),
            reference: None,
            kind: "project".into(),
            install_path: "../../".into(),
            aliases: Vec::new(),
            dev: false,
        };
        let part = RootPart { file: "composer.json".into(), require: links(requires), ..RootPart::default() };
        let root = Root { name: "core".into(), block, parts: vec![part], duplicates: Duplicates::Merge };
        let loader = LoaderSettings {
            authoritative: false,
            optimize: true,
            prepend: true,
            use_include_path: false,
            platform_check: PlatformCheck::PhpOnly,
        };
        let tree = Tree {
            root,
            packages: Vec::new(),
            absent: Vec::new(),
            extensions: Vec::new(),
            loader,
            dev: false,
            platform: BTreeMap::new(),
            mediawiki_version: None,
            other_root: None,
            warnings: Vec::new(),
        };
        Self { tree }
    }

    fn package(mut self, name: &str, requires: &[&str]) -> Self {
        self.tree.packages.push(package(name, requires));
        self
    }

    fn provider(mut self, name: &str, provides: &str) -> Self {
        let provide = links(&[provides]);
        self.tree.packages.push(Package { provide, ..package(name, &[]) });
        self
    }

    fn extension(mut self, directory: &str, package: Option<&str>, registered: &[&str]) -> Self {
        let manifest = ExtensionManifest {
            file: format!("{directory}/extension.json"),
            name: Some(directory.rsplit('/').next().unwrap().to_owned()),
            extensions: links(registered),
            ..ExtensionManifest::default()
        };
        self.tree.extensions.push(Extension {
            id: ExtensionId::new(directory).unwrap(),
            package: package.map(str::to_owned),
            composer_name: None,
            included: false,
            manifests: vec![manifest],
        });
        self
    }

    /// The last extension's manifest requires skins, too.
    fn requiring_skins(mut self, skins: &[&str]) -> Self {
        self.tree.extensions.last_mut().unwrap().manifests[0].skins = links(skins);
        self
    }

    fn directory(mut self, directory: &str, requires: &[&str], registered: &[&str]) -> Self {
        self.tree.root.parts.push(RootPart {
            file: format!("{directory}/composer.json"),
            owner: Some(ExtensionId::new(directory).unwrap()),
            require: links(requires),
            ..RootPart::default()
        });
        self.extension(directory, None, registered)
    }

    fn graph(mut self) -> (Tree, DependencyGraph) {
        self.tree.packages.sort_by(|a, b| a.name.cmp(&b.name));
        self.tree.extensions.sort_by(|a, b| a.id.cmp(&b.id));
        let graph = DependencyGraph::new(&self.tree);
        (self.tree, graph)
    }
}

fn links(targets: &[&str]) -> Vec<Link> {
    let link = |target: &&str| Link { target: (*target).to_owned(), constraint: "*".into(), dev: false };
    targets.iter().map(link).collect()
}

fn package(name: &str, requires: &[&str]) -> Package {
    Package {
        name: name.into(),
        pretty_name: name.into(),
        version: "1.0".into(),
        version_normalized: "1.0.0.0".into(),
        kind: "library".into(),
        reference: None,
        aliases: Vec::new(),
        dev: false,
        install_path: Some(format!("vendor/{name}")),
        target_dir: None,
        require: links(requires),
        replace: Vec::new(),
        provide: Vec::new(),
        conflict: Vec::new(),
        autoload: crate::build::package::AutoloadRules::default(),
        include_path: Vec::new(),
    }
}

/// C(S) and S* by name, for extensions by directory.
fn closure(tree: &Tree, graph: &DependencyGraph, extensions: &[&str]) -> (String, String) {
    let index = |id: &&str| tree.extensions.iter().position(|extension| extension.id.as_str() == *id).unwrap();
    let closure = graph.closure(&extensions.iter().map(index).collect::<Vec<_>>());
    let packages: Vec<&str> = closure.packages.iter().map(|&package| tree.packages[package].name.as_str()).collect();
    let extensions: Vec<&str> = closure.extensions.iter().map(|&e| tree.extensions[e].id.name()).collect();
    (packages.join(" "), extensions.join(" "))
}

fn order(tree: &Tree, graph: &DependencyGraph) -> String {
    graph.order().iter().map(|&extension| tree.extensions[extension].id.name()).collect::<Vec<_>>().join(" ")
}

#[test]
fn both_kinds_of_edges_count() {
    let (tree, graph) = Farm::new(&["l/base"])
        .package("l/base", &[])
        .package("l/lib", &["e/bootstrap"])
        .package("l/orphan", &[])
        .package("e/bootstrap", &["l/scss"])
        .package("l/scss", &[])
        .extension("extensions/Bootstrap", Some("e/bootstrap"), &[])
        .directory("extensions/Alone", &[], &["Zeta"])
        .directory("extensions/Zeta", &["l/lib"], &[])
        .graph();
    assert_eq!(closure(&tree, &graph, &[]), ("l/base l/orphan".into(), String::new()));
    assert_eq!(
        closure(&tree, &graph, &["extensions/Alone"]),
        ("e/bootstrap l/base l/lib l/orphan l/scss".into(), "Alone Bootstrap Zeta".into())
    );
    assert_eq!(order(&tree, &graph), "Bootstrap Zeta Alone");
    assert_eq!(graph.orphans().len(), 1);
}

#[test]
fn a_skin_and_an_extension_may_have_one_name() {
    let (tree, graph) = Farm::new(&[])
        .directory("extensions/Vector", &[], &[])
        .directory("skins/Vector", &[], &[])
        .directory("extensions/A", &[], &["Vector"])
        .directory("extensions/B", &[], &[])
        .requiring_skins(&["Vector"])
        .graph();
    let on = |id: &str| {
        let index = tree.extensions.iter().position(|extension| extension.id.as_str() == id).unwrap();
        let closure = graph.closure(&[index]).extensions;
        closure.iter().map(|&extension| tree.extensions[extension].id.as_str()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(on("extensions/A"), "extensions/A extensions/Vector");
    assert_eq!(on("extensions/B"), "extensions/B skins/Vector");
}

#[test]
fn the_root_does_not_turn_an_extension_on() {
    let (tree, graph) =
        Farm::new(&["e/one"]).package("e/one", &[]).extension("extensions/One", Some("e/one"), &[]).graph();
    assert_eq!(closure(&tree, &graph, &[]), (String::new(), String::new()));
    assert!(graph.orphans().is_empty());
}

#[test]
fn a_choice_takes_what_is_there_anyway() {
    let (tree, graph) = Farm::new(&[])
        .provider("l/a", "virtual/log")
        .provider("l/b", "virtual/log")
        .directory("extensions/Needs", &["virtual/log"], &[])
        .directory("extensions/WithA", &["l/a"], &[])
        .directory("extensions/WithB", &["l/b"], &[])
        .graph();
    assert_eq!(closure(&tree, &graph, &["extensions/Needs"]).0, "l/a");
    assert_eq!(closure(&tree, &graph, &["extensions/Needs", "extensions/WithB"]).0, "l/b");
}

#[test]
fn circles_are_one_component() {
    let (tree, graph) = Farm::new(&[])
        .directory("extensions/C", &[], &["A"])
        .directory("extensions/A", &[], &["B"])
        .directory("extensions/B", &[], &["C"])
        .directory("extensions/0User", &[], &["B"])
        .graph();
    assert_eq!(order(&tree, &graph), "A B C 0User");
    assert_eq!(graph.cycles().len(), 1);
    assert_eq!(closure(&tree, &graph, &["extensions/C"]).1, "A B C");
}

/// Chains, rings and dense graphs of hostile size, in a stack as small as threads have.
#[test]
fn depth_does_not_overflow() {
    let small = std::thread::Builder::new().stack_size(128 * 1024);
    let test = small.spawn(|| {
        let name = |index: usize| format!("l/p{index:05}");
        for ring in [false, true] {
            let mut farm = Farm::new(&["l/p00000"]);
            for index in 0..10_000 {
                let next = if ring { name((index + 1) % 10_000) } else { name(index + 1) };
                farm = farm.package(&name(index), &[&next]);
            }
            let (_, graph) = farm.directory("extensions/E", &["l/p00000"], &[]).graph();
            assert_eq!(graph.closure(&[0]).packages.len(), 10_000);
        }
        let mut farm = Farm::new(&["l/p00000"]);
        for layer in 0..150 {
            let next: Vec<String> = (0..3).map(|index| name(3 * (layer + 1) + index)).collect();
            let next: Vec<&str> = next.iter().map(String::as_str).collect();
            for index in 0..3 {
                farm = farm.package(&name(3 * layer + index), if layer < 149 { &next } else { &[] });
            }
        }
        let (tree, graph) = farm.graph();
        assert_eq!(graph.base().packages.len(), tree.packages.len());
    });
    test.unwrap().join().unwrap();
}
