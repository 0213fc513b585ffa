//! Branches that were forced to another history: what is served is served on, and somebody has to decide.

use std::fs;

use super::sound::{Listing, listing, sound};
use super::watching::{Clone, small_core};
use super::{Farm, Plan, git};

/// A wiki whose branch has another history than what it serves. Gives that, and what can force it further.
fn forced(farm: &Farm) -> (String, Clone) {
    farm.create("a");
    let clone = Clone::of(farm, "a", "x");
    clone.commit("file.txt", "1");
    clone.push();
    farm.deploy("a").well();
    let served = farm.served("a");
    force(farm, &clone, "another");
    (served, clone)
}

fn force(farm: &Farm, clone: &Clone, message: &str) {
    git(&clone.directory, ["commit", "-q", "--amend", "-m", message]);
    assert!(clone.try_push(&["--force"], &format!("refs/heads/wiki/{}", farm.name("a"))).0);
}

#[test]
fn it_is_told_each_time_and_noted_once() {
    let farm = Farm::with_core(&Plan::plain(), &small_core());
    let (served, clone) = forced(&farm);
    let noted = || {
        farm.journal("a").iter().filter(|line| line["why"].as_str().is_some_and(|why| why.contains("forced"))).count()
    };
    let told = |there: &str| {
        let said = farm.mwfarm(["watch", "reconcile"]).well();
        assert!(
            said.contains(&format!(
                "{} of `{}` leaves out {}, which is served",
                &farm.tip("a")[..12],
                farm.name("a"),
                &served[..12]
            )),
            "{there}: {said}"
        );
    };
    told("the first time");
    assert_eq!(noted(), 1);
    let there = listing(&farm);
    told("the second time");
    assert_eq!(Listing::changes(&there, &listing(&farm)), Vec::<String>::new());
    farm.mwfarm(["watch", "worker", "--once"]).well();
    assert_eq!(noted(), 1);
    force(&farm, &clone, "a third");
    told("another commit");
    assert_eq!(noted(), 2);
    // What a person holds is no difference, and what was chosen is none any more.
    farm.mwfarm(["wiki", "hold", &farm.name("a"), "a demo"]).well();
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
    farm.mwfarm(["wiki", "resume", &farm.name("a")]).well();
    farm.mwfarm(["deploy", &farm.name("a"), "--rev", &farm.tip("a")]).well();
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
    sound(&farm);
}

#[test]
fn a_commit_that_is_marked_is_told_each_time() {
    let farm = Farm::with_core(&Plan::plain(), &small_core());
    farm.create("a");
    farm.push_file("a", "file.txt", "1");
    farm.deploy("a").well();
    farm.mwfarm(["deploy", &farm.name("a"), "--revert", "it is bad"]).well();
    farm.mwfarm(["wiki", "resume", &farm.name("a")]).well();
    farm.mwfarm(["watch", "reconcile"]).well();
    let there = listing(&farm);
    let said = farm.mwfarm(["watch", "reconcile"]).well();
    assert!(said.contains("is marked as bad: it is bad"), "{said}");
    assert_eq!(Listing::changes(&there, &listing(&farm)), Vec::<String>::new());
}

#[test]
fn the_configuration_goes_on_with_the_code_that_is_served() {
    let farm = Farm::with_core(&Plan { users: true, ..Plan::plain() }, &small_core());
    let (served, _) = forced(&farm);
    let settings = |text: &str| {
        let file = farm.at("srv/deployment/servicegroup").join(farm.name("a")).join(".mwfarm/config/LocalSettings.php");
        fs::read_to_string(file).is_ok_and(|settings| settings.contains(text)) && farm.served("a") == served
    };
    farm.configure_wiki("a", "<?php\n$wgSitename = 'First';");
    let worker = farm.worker("2");
    super::wait("the commit is served", || settings("'First'"));
    worker.stop();
    farm.configure_wiki("a", "<?php\n$wgSitename = 'Second';");
    farm.mwfarm(["watch", "reconcile"]).well();
    assert!(settings("'Second'"));
    // A person is told, and nothing else is done.
    farm.configure_wiki("a", "<?php\n$wgSitename = 'Third';");
    farm.deploy("a").badly(4, "all the same");
    assert!(settings("'Second'"));
    farm.mwfarm(["deploy", "--all"]).well();
    assert!(settings("'Third'"));
    sound(&farm);
}
