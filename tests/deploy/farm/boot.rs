//! A start of the machine.

use std::fs;

use super::sound::sound;
use super::watching::small_core;
use super::{Farm, Plan};

#[test]
fn a_farm_comes_back_when_the_machine_starts() {
    let mut farm = Farm::with_core(&Plan::of("fpm"), &small_core());
    farm.create("a");
    farm.create("b");
    let before = farm.page("a");
    for daemon in ["nginx", "fpm"] {
        farm.stop(daemon);
        // A machine that starts has no processes of before.
        let _ = fs::remove_file(farm.at(&format!("pid/{daemon}.pid")));
    }
    fs::remove_dir_all(farm.at("run")).expect("what is in memory");
    // Before the network, and before any daemon.
    let core = farm.at("core.git");
    fs::rename(&core, farm.at("away.git")).expect("a rename");
    let said = farm.mwfarm(["watch", "reconcile", "--boot"]).well();
    assert!(said.contains("made the file of its secrets"), "{said}");
    assert_eq!(farm.mwfarm(["watch", "reconcile", "--boot"]).well().trim(), "nothing differs");
    for daemon in ["fpm", "nginx"] {
        farm.daemon(daemon);
    }
    assert_eq!(farm.page("a"), before);
    assert!(farm.page("b").starts_with("index 1 page 1 "));
    fs::rename(farm.at("away.git"), core).expect("a rename");
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well().trim(), "nothing differs");
    sound(&farm);
}
