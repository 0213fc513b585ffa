//! What a farm lives with: each fault is told as what it is, nothing is lost by it, and when its cause is gone,
//! everything works again.

mod clock;
mod daemons;
mod system;

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::sound::sound;
use super::{Farm, Plan, chmod, core, git};
use crate::mount::Mount;

#[test]
fn a_full_disk_is_told_and_nothing_of_the_release_stays() {
    let farm = Farm::start(&Plan::plain());
    // Where releases and repositories are.
    fs::create_dir(farm.at("srv")).expect("a directory");
    let _small = Mount::memory(&farm.at("srv"), "size=12m").expect("this test needs a machine that lets it mount");
    farm.create("a");
    let before = farm.release("a");
    // More than is left, in files that each would fit.
    let files = (0..24_u8).map(|number| (format!("large/{number}.txt"), noise(number)));
    farm.push("a", &files.collect());
    let said = farm.deploy("a").badly(1, "No space left");
    assert!(said.contains("error: "), "{said}");
    assert_eq!(farm.release("a"), before);
    sound(&farm);
    let staging = fs::read_dir(farm.at("srv/deployment/releases/.tmp")).expect("a directory").count();
    assert_eq!(staging, 0);
    // Somebody makes room, by a push that takes less of it.
    git(&farm.at("clone-a"), ["rm", "-r", "-q", "--cached", "large"]);
    farm.push("a", &core::files("2"));
    farm.deploy("a").well();
    assert_ne!(farm.release("a"), before);
    sound(&farm);
}

/// Half a megabyte that cannot be packed.
fn noise(seed: u8) -> String {
    let mut state = u64::from(seed) + 1;
    let mut digit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + u8::try_from(state >> 33 & 63).unwrap_or_default())
    };
    (0..512 * 1024).map(|_| digit()).collect()
}

#[test]
fn a_core_repository_that_does_not_answer_is_given_up() {
    let farm = Farm::start(&Plan::plain());
    farm.create("a");
    let before = farm.release("a");
    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address");
    let options = fs::read_to_string(farm.at("mwfarm.yml")).expect("options");
    let own = format!("core: {}", farm.at("core.git").display());
    assert!(options.contains(&own), "{options}");
    let silent_one = format!("core: git://{address}/core.git\n  remote-seconds: 2");
    fs::write(farm.at("mwfarm.yml"), options.replace(&own, &silent_one)).expect("options");
    let begun = Instant::now();
    // `reconcile` tells git of the new address; then there is nobody.
    let said = farm.mwfarm(["watch", "reconcile"]).badly(1, "was stopped after 2 s");
    assert!(begun.elapsed() < Duration::from_secs(300), "{said}");
    let said = farm.deploy("a").badly(1, "was stopped after 2 s");
    assert!(said.contains("deploy.core"), "{said}");
    assert_eq!(farm.release("a"), before);
    sound(&farm);
    // What needs nobody works.
    farm.mwfarm(["wiki", "archive", &farm.name("a")]).well();
    farm.mwfarm(["wiki", "restore", &farm.name("a")]).well();
    fs::write(farm.at("mwfarm.yml"), options).expect("options");
    farm.mwfarm(["watch", "reconcile"]).well();
    farm.push("a", &core::files("2"));
    farm.deploy("a").well();
    sound(&farm);
}

#[test]
fn a_script_of_a_wiki_that_comes_to_no_end_is_ended() {
    let farm = Farm::start(&Plan::plain());
    farm.create("a");
    farm.option("schema-seconds: 1");
    let before = farm.release("a");
    farm.push_file("a", "maintenance/update.php", "<?php sleep( 600 );\n");
    let begun = Instant::now();
    farm.deploy("a").badly(1, "update.php failed");
    assert!(begun.elapsed() < Duration::from_secs(300), "{:?}", begun.elapsed());
    assert_eq!(farm.release("a"), before);
    sound(&farm);
}
