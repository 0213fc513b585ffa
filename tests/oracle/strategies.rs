//! The two strategies link the same bundles: bold all of them, quick bold those in use.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use crate::farm::generate::{self, Size};
use crate::farm::random::Random;
use crate::farm::world::World;

use super::theorem::try_build;

#[test]
fn bold_links_what_quick_bold_links_for_wikis_with_every_combination() {
    let farm = generate::farm_of_size(Random::new(19), Size { libraries: 10, extensions: 6 }, "the farm of six");
    let all: Vec<String> = farm.all().into_iter().collect();
    let world = World::new(farm).unwrap_or_else(|refusal| panic!("{}", refusal.text));

    let none = BTreeSet::new();
    try_build(&world, &[("none", &none)]).expect("a farm of one wiki");
    let output = Command::new(env!("CARGO_BIN_EXE_mwfarm"))
        .env("MWFARM_CACHE_DIR", "/dev/null")
        .args(["build", "--strategy", "bold", "--wikis"])
        .arg(world.directory().join("wikis.yml"))
        .arg("-d")
        .arg(world.tree())
        .output()
        .expect("mwfarm runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bold = bundles(&world);

    // Quick bold, into the same tree: everything that it needs is there already.
    let subsets: Vec<(String, BTreeSet<String>)> = (0..1u32 << all.len())
        .map(|bits| {
            let chosen = (0..all.len()).filter(|at| bits & (1 << at) != 0).map(|at| all[at].clone());
            (format!("w{bits}"), chosen.collect())
        })
        .collect();
    let wikis: Vec<_> = subsets.iter().map(|(id, wanted)| (id.as_str(), wanted)).collect();
    try_build(&world, &wikis).expect("a farm of all combinations");
    assert_eq!(bundles(&world), bold);
    let closed: BTreeSet<BTreeSet<String>> = subsets.iter().map(|(_, wanted)| world.farm.closure(wanted)).collect();
    assert_eq!(bold.keys().filter(|name| !name.contains("installed")).count(), closed.len());
    assert!(closed.len() > 8, "a farm whose extensions hardly require each other");
}

/// The bundles in vendor/, by file name.
fn bundles(world: &World) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(world.tree().join("vendor")).expect("vendor/ is there");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
    names
        .filter(|name| name.starts_with("bundle_"))
        .map(|name| {
            let text = fs::read(world.tree().join("vendor").join(&name)).expect("a bundle");
            (name, text)
        })
        .collect()
}
