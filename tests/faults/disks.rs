//! Real disks that are full, or read-only, and limits that are real, too.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use mwfarm::disk::STAGING;

use super::snapshot::Snapshot;
use super::sound::{Side, Sides};
use super::stopped::built;
use super::tree::{Said, State, Tree};
use crate::mount::Mount;

/// How many sizes are tried.
const SIZES: u64 = 20;

/// A tree that is to be built again, with what is before and after.
struct Known {
    tree: Tree,
    before: Snapshot,
    after: Snapshot,
    sides: Sides,
}

impl Known {
    fn new() -> Self {
        let tree = Tree::new(5);
        built(&tree);
        let before = Snapshot::of(&tree.vendor());
        let begun = Sides::begin(&tree, "tree/vendor");
        tree.mwfarm(&["build"]).well();
        let after = Snapshot::of(&tree.vendor());
        let sides = begun(&tree);
        before.restore(&tree.vendor());
        Self { tree, before, after, sides }
    }

    /// Old is served after a refusal, new after a success. Says which.
    #[track_caller]
    fn is_sound(&self, said: &Said, why: &str) -> Side {
        let there = Snapshot::of(&self.tree.vendor());
        assert!(!there.0.contains_key(STAGING), "{said:?}");
        self.serves(&there, said, why)
    }

    #[track_caller]
    fn serves(&self, there: &Snapshot, said: &Said, why: &str) -> Side {
        let side = self.sides.of(there).unwrap_or_else(|wrong| panic!("{wrong}: {said:?}"));
        match said.code {
            0 => assert_eq!((side, there.differences(&self.after)), (Side::New, Vec::new())),
            1 => {
                assert_eq!(side, Side::Old, "{said:?}");
                let place = self.tree.beside("");
                let place = place.to_str().expect("UTF-8").trim_end_matches('/');
                // What cannot be read of the tree is named from there.
                let is_named =
                    [place, "`vendor/", "`extensions/", "`skins/"].iter().any(|place| said.err.contains(place));
                assert!(said.err.contains(why) && is_named, "{said:?}");
            }
            _ => panic!("{said:?}"),
        }
        if self.sides.is_unseen(there) {
            self.sides.ask(&self.tree, "tree/vendor", side).expect("sound");
        }
        side
    }

    /// Tries file systems of several sizes for the vendor directory, from one that has no room left.
    fn on_small_disks(&self, options: impl Fn(u64) -> String, why: &str) {
        let (mut old, mut new) = (0, 0);
        for step in 0..SIZES {
            let mount = Mount::memory(&self.tree.vendor(), &options(step));
            let _mount = mount.expect("this test needs root, and a machine that lets it mount");
            self.before.restore(&self.tree.vendor());
            match self.is_sound(&self.tree.mwfarm(&["build"]), why) {
                Side::Old => old += 1,
                Side::New => new += 1,
            }
        }
        assert!(old >= 5 && new >= 2, "{old} and {new} times");
        // There is room again.
        self.is_sound(&self.tree.mwfarm(&["build"]).well(), why);
        self.before.restore(&self.tree.vendor());
    }
}

/// What a snapshot takes in a file system in memory: pages, and names.
fn room(snapshot: &Snapshot) -> (u64, u64) {
    let pages = snapshot.0.keys().map(|path| snapshot.file(path).map_or(0, |file| file.len().div_ceil(4096) as u64));
    (pages.sum(), snapshot.0.len() as u64)
}

#[test]
fn a_full_disk_is_told_and_the_old_generation_stays() {
    let known = Known::new();
    let ((before, names_before), (after, names_after)) = (room(&known.before), room(&known.after));
    let step = |least: u64, most: u64| (most - least).div_ceil(SIZES - 4);
    let size = |at: u64| format!("size={}k", 4 * (before + 1 + at * step(before, after)));
    known.on_small_disks(size, "No space left on device");
    let inodes = |at: u64| format!("nr_inodes={}", names_before + 2 + at * step(names_before, names_after));
    known.on_small_disks(inodes, "No space left on device");
}

#[test]
fn a_disk_that_is_read_only_is_told() {
    let known = Known::new();
    let mount = Mount::read_only(&known.tree.root()).expect("this test needs root, and a machine that lets it mount");
    assert_eq!(known.is_sound(&known.tree.mwfarm(&["build"]), "Read-only file system"), Side::Old);
    drop(mount);
    assert_eq!(known.is_sound(&known.tree.mwfarm(&["build"]), ""), Side::New);
}

#[test]
fn a_directory_that_may_not_be_written_is_told() {
    let known = Known::new();
    fs::set_permissions(known.tree.beside(""), fs::Permissions::from_mode(0o755)).expect("a mode");
    let program = known.tree.command(&["build"]);
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program.get_program());
    command.args(program.get_args()).env("MWFARM_CACHE_DIR", known.tree.beside("nowhere/cache"));
    let said = Said::of(command.output().expect("setpriv"));
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(known.is_sound(&said, "Permission denied"), Side::Old);
}

#[test]
fn too_few_descriptors_are_told() {
    let known = Known::new();
    let (mut old, mut new) = (0, 0);
    for limit in 3..=30 {
        let program = known.tree.command(&["build", "-j", "4"]);
        let mut command = Command::new("prlimit");
        command.arg(format!("--nofile={limit}")).arg(program.get_program()).args(program.get_args());
        command.env("MWFARM_CACHE_DIR", known.tree.beside("cache"));
        let said = Said::of(command.output().expect("prlimit"));
        if said.code == 127 {
            // Its libraries could not be opened.
            continue;
        }
        // What cannot be opened cannot be removed, either.
        let there = Snapshot::of(&known.tree.vendor()).without(STAGING);
        match known.serves(&there, &said, "Too many open files") {
            Side::Old => old += 1,
            Side::New => new += 1,
        }
        known.is_sound(&known.tree.mwfarm(&["build"]).well(), "");
        known.before.restore(&known.tree.vendor());
    }
    assert!(old >= 2 && new >= 3, "{old} and {new} times");
    known.tree.enter(State::Second);
}
