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

/// A reload of PHP-FPM passes its sockets on, also those whose files are gone.
#[test]
fn sockets_that_vanish_while_php_runs_are_told_once_and_at_once() {
    let mut farm = Farm::with_core(&Plan::of("fpm"), &small_core());
    farm.create("a");
    farm.create("b");
    fs::remove_dir_all(farm.at("run/mwfarm/fpm")).expect("the sockets");
    // Whoever waits for the sockets waits for 45 seconds each time.
    let in_time = |words: &[&str]| {
        let begun = std::time::Instant::now();
        let said = farm.mwfarm(words);
        assert!(begun.elapsed().as_secs() < 40, "{words:?}: {:?}", begun.elapsed());
        said
    };
    let said = in_time(&["watch", "reconcile"]).badly(1, "restart PHP-FPM");
    assert_eq!(said.matches("error:").count(), 1, "{said}");
    in_time(&["deploy", &farm.name("a")]).well();
    in_time(&["deploy", &farm.name("a"), "--again"]).badly(1, "restart PHP-FPM");
    farm.stop("fpm");
    farm.daemon("fpm");
    farm.mwfarm(["watch", "reconcile"]).well();
    assert!(farm.page("a").starts_with("index 1 page 1 ") && farm.page("b").starts_with("index 1 page 1 "));
    sound(&farm);
}
