//! Several programs at once in one vendor directory: builds, collections, readers.
//!
//! `MWFARM_ROUNDS` says how many rounds.

use std::env;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use mwfarm::build::published::{FIXED, MANIFEST};
use mwfarm::disk::STAGING;

use super::snapshot::Snapshot;
use super::sound::Sides;
use super::tree::{State, Tree, WIKIS};
use crate::meanwhile::End;

/// Builds at once.
const BUILDS: usize = 8;

#[test]
#[expect(clippy::print_stdout, reason = "with --nocapture a campaign tells what it tried")]
fn eight_builds_with_collections_and_readers_come_to_what_one_build_comes_to() {
    let rounds: usize =
        env::var("MWFARM_ROUNDS").map_or(20, |rounds| rounds.parse().expect("MWFARM_ROUNDS is a number"));
    let tree = Tree::new(5);
    tree.enter(State::Second);
    tree.list(State::First);
    tree.mwfarm(&["build"]).well();
    tree.list(State::Second);
    let begun = Sides::begin(&tree, "tree/vendor");
    tree.mwfarm(&["build"]).well();
    let sides = begun(&tree);
    let alone = tree.copy();
    let (reads, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        // However this ends, the reader does.
        let end = End(&over);
        let reader = scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                let wiki = WIKIS[reads.fetch_add(1, Ordering::SeqCst) % WIKIS.len()];
                sides.is_old_or_new(&tree, "tree/vendor", wiki)?;
            }
            Ok::<(), String>(())
        });
        let mut random = super::seed() as u64 + 1;
        for round in 0..rounds {
            let state = if round % 2 == 0 { State::First } else { State::Second };
            for tree in [&tree, &alone] {
                // No generation comes again.
                tree.list(state);
                tree.list_also(&format!("round{round}"));
            }
            thread::scope(|scope| {
                for build in 0..BUILDS {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let delay = Duration::from_millis((random >> 33) % 60);
                    let tree = &tree;
                    scope.spawn(move || {
                        thread::sleep(delay);
                        tree.mwfarm(&["build"]).well();
                        if build % 4 == 0 {
                            // What was served before stays: no reader reads for as long as ten rounds take.
                            tree.mwfarm(&["gc", "--grace", "0", "--keep", "10"]).well();
                        }
                    });
                }
            });
            alone.mwfarm(&["build"]).well();
            let (there, one) = (Snapshot::of(&tree.vendor()), Snapshot::of(&alone.vendor()));
            for file in FIXED {
                assert_eq!(there.file(file), one.file(file), "round {round}: {file}");
            }
            assert_eq!(published(&there), published(&one), "round {round}");
            assert!(!there.0.contains_key(STAGING), "round {round}");
            tree.mwfarm(&["build", "--locked"]).well();
            tree.mwfarm(&["verify"]).well();
            if reader.is_finished() {
                break;
            }
        }
        drop(end);
        reader.join().expect("a reader").expect("old or new");
    });
    let reads = reads.into_inner();
    println!("{rounds} rounds of {BUILDS} builds, {reads} reads");
    assert!(reads > WIKIS.len(), "{reads} reads");
}

/// The files of the generation that is published, with their digests.
fn published(vendor: &Snapshot) -> serde_json::Value {
    let manifest = vendor.file(MANIFEST).expect("a manifest");
    serde_json::from_slice::<serde_json::Value>(manifest).expect("JSON")["files"].take()
}
