//! Requirements of ten thousand packages, in chains, rings and layers, through a whole build in a small stack.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::thread;

use mwfarm::build::{self, Request, plan};
use mwfarm::config::wikis;
use mwfarm::report::Silent;

use super::yard::Yard;

/// The stack of a thread where threads have least: musl's, and older than that.
const STACK: usize = 128 << 10;

/// `installed.json` of metapackages, each with those that it requires.
fn installed(count: usize, requires: impl Fn(usize) -> Vec<usize>) -> String {
    let mut text = String::from("{\"packages\": [");
    for package in 0..count {
        let links: Vec<String> =
            requires(package).into_iter().map(|next| format!("\"l/p{next:05}\": \"^1.0 || ^2.0\"")).collect();
        let comma = if package == 0 { "" } else { "," };
        let _ = write!(
            text,
            "{comma}{{\"name\": \"l/p{package:05}\", \"version\": \"1.{}.0\", \"type\": \"metapackage\", \
             \"install-path\": null, \"require\": {{{}}}}}",
            package % 7,
            links.join(", "),
        );
    }
    text + "], \"dev\": false}"
}

/// Builds in a small stack; says how many packages the wiki loads.
fn built(tree: PathBuf) -> usize {
    let farm = wikis::read(&tree.join("wikis.yml")).expect("wikis");
    let small = thread::Builder::new().stack_size(STACK);
    let work = move || {
        let request = Request {
            farm,
            tree,
            output: None,
            strategy: plan::Strategy::QuickBold,
            optimize: true,
            authoritative: false,
            fast: false,
            absolute_paths: false,
            mediawikifarm: false,
            wait: true,
            cache: None,
        };
        let build = build::build(&request, &Silent).map_err(|error| format!("{error:?}")).expect("a build");
        let (_, bundle) = &build.plan.wikis[0];
        build.plan.bundles[*bundle].selection.packages.len()
    };
    small.spawn(work).expect("a thread").join().expect("no overflow")
}

/// A tree of these packages, and extensions that require each other in a ring or a chain.
fn tree(yard: &Yard, installed: &str, extensions: usize, ring: bool) -> PathBuf {
    yard.remove("tree/vendor");
    yard.remove("tree/extensions/Good");
    yard.write("tree/vendor/composer/installed.json", installed);
    yard.write("tree/composer.json", r#"{"name": "mediawiki/core", "require": {"l/p00000": "*"}}"#);
    for at in 0..extensions {
        let next = match at + 1 {
            end if end == extensions && !ring => String::new(),
            next => format!("\"E{}\": \"*\"", next % extensions),
        };
        let text = format!("{{\"name\": \"E{at}\", \"requires\": {{\"extensions\": {{{next}}}}}}}");
        yard.write(format!("tree/extensions/E{at}/extension.json"), text);
    }
    yard.write("tree/wikis.yml", "wikis: {one: {hosts: [one.example.org], extensions: [E0]}}\n");
    yard.path("tree")
}

#[test]
fn a_chain_of_ten_thousand() {
    let yard = Yard::new();
    let chain = installed(10_000, |package| if package + 1 < 10_000 { vec![package + 1] } else { Vec::new() });
    assert_eq!(built(tree(&yard, &chain, 50, false)), 10_000);
}

#[test]
fn a_ring_of_ten_thousand() {
    let yard = Yard::new();
    let ring = installed(10_000, |package| vec![(package + 1) % 10_000]);
    assert_eq!(built(tree(&yard, &ring, 50, true)), 10_000);
}

#[test]
fn a_hundred_and_fifty_dense_layers() {
    let yard = Yard::new();
    // Three packages a layer, each of which requires all of the next: 3¹⁴⁹ ways from top to bottom.
    let layers =
        installed(450, |package| (0..3).map(|at| 3 * (package / 3 + 1) + at).filter(|next| *next < 450).collect());
    let tree = tree(&yard, &layers, 3, true);
    assert_eq!(built(tree.clone()), 450);
    // What tells a way from top to bottom finds the end, too.
    let told = yard.mwfarm(&["why", "l/p00449"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert!(Path::new(&tree).join("vendor/autoload.php").exists());
}
