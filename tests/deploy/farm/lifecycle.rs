//! From the request for a wiki to its end.

use std::collections::BTreeMap;

use super::{Farm, Plan, core, git};

#[test]
fn a_wiki_lives_with_fpm() {
    lifecycle("fpm");
}

#[test]
fn a_wiki_lives_with_itk() {
    lifecycle("itk");
}

fn lifecycle(web: &'static str) {
    let farm = Farm::start(&Plan::of(web));
    farm.create("a");
    farm.create("b");
    let says = |name: &str, text: &str| {
        let page = farm.page(name);
        assert!(page.starts_with(text), "{page}");
    };
    says("a", "index 1 page 1 site a-");

    // Again: nothing changes.
    let said = farm.mwfarm(["wiki", "create", &farm.name("a")]).well();
    assert!(said.contains("is there already"), "{said}");
    assert_eq!(farm.release("a").unwrap().split('-').next(), Some("1"));

    // Pushed to, and configured.
    let second = farm.push("a", &core::files("2"));
    farm.deploy("a").well();
    says("a", "index 2 page 2 site a-");
    farm.configure_wiki("a", "<?php\n$wgSitename = 'Configured';");
    farm.deploy("a").well();
    says("a", "index 2 page 2 site Configured ");
    let said = farm.deploy("a").well();
    assert!(said.contains("already"), "{said}");

    // Broken: what does not parse, and what does not answer.
    farm.push_file("a", "includes/Page.php", "<?php\necho 'never'\nclass {");
    farm.deploy("a").badly(1, "includes/Page.php:3: ");
    says("a", "index 2 page 2 site Configured ");
    let status = farm.mwfarm(["status"]).well();
    assert!(status.contains("includes/Page.php:3: "), "{status}");
    farm.push(
        "a",
        &BTreeMap::from([
            ("includes/Page.php".to_owned(), core::page("3")),
            ("includes/Health.php".to_owned(), "<?php\nthrow new Exception('unwell');\n".to_owned()),
        ]),
    );
    farm.deploy("a").badly(1, "nothing was switched");
    says("a", "index 2 page 2 site Configured ");
    farm.configure_wiki("a", "<?php\n$wgSitename = ;");
    farm.push("a", &BTreeMap::from([("includes/Health.php".to_owned(), "<?php\n".to_owned())]));
    // The code is good, and goes with the configuration that is.
    farm.deploy("a").well();
    says("a", "index 2 page 3 site Configured ");
    farm.deploy("a").badly(1, "LocalSettings.php:2: ");
    let status = farm.mwfarm(["status"]).well();
    assert!(status.contains("configuration failed: ") && status.contains("LocalSettings.php:2: "), "{status}");
    farm.configure_wiki("a", "<?php\n$wgSitename = 'Again';");
    farm.deploy("a").well();
    says("a", "index 2 page 3 site Again ");

    // Back, and forth.
    farm.mwfarm(["deploy", &farm.name("a"), "--revert", "the name is wrong"]).well();
    says("a", "index 2 page 3 site Configured ");
    farm.deploy("a").badly(4, "is held by carol: reverted: the name is wrong");
    farm.mwfarm(["wiki", "resume", &farm.name("a")]).well();
    farm.deploy("a").badly(4, "is marked as bad: the name is wrong");
    farm.mwfarm(["deploy", &farm.name("a"), "--rev", &second[..12]]).well();
    says("a", "index 2 page 2 site Again ");
    // A push does not undo what was chosen by hand.
    farm.deploy("a").badly(4, "is held by carol: ");
    let said = farm.mwfarm(["watch", "reconcile"]).well();
    assert_eq!(said, "nothing differs\n");
    farm.mwfarm(["deploy", &farm.name("a"), "--rev", &second[..12]]).well();
    let show = farm.show("a");
    let stages: Vec<&str> =
        show["journal"].as_array().unwrap().iter().filter_map(|entry| entry["stage"].as_str()).collect();
    assert_eq!(stages.last(), Some(&"done"), "{stages:?}");

    // Scripts run as the wiki, with its settings.
    let said = farm.mwfarm(["run", "show", "--wiki", &farm.name("a"), "--", "--flag", "a b"]).well();
    let uid = show["wiki"]["uid"].as_u64().unwrap();
    assert!(said.starts_with(&format!("[\"Again\",{uid},[\"--flag\",\"a b\"],")), "{said}");
    farm.mwfarm(["run", "../index", "--wiki", &farm.name("a")]).badly(4, "there is no script `../index`");
    farm.mwfarm(["run", "absent", "--wiki", &farm.name("a")]).badly(4, "there is no script `absent`");

    // Off the web, and on it again.
    farm.mwfarm(["wiki", "archive", &farm.name("a")]).well();
    assert_eq!(farm.get("a", "/index.php").status, 404);
    says("b", "index 1 page 1 site b-");
    farm.deploy("a").badly(4, "is archived");
    farm.mwfarm(["wiki", "restore", &farm.name("a")]).well();
    says("a", "index 2 page 2 site Again ");

    // Gone, but for branch and journal.
    let name = farm.name("a");
    farm.mwfarm(["wiki", "delete", &name, "--yes-i-mean", "b"]).badly(4, "nothing was deleted");
    farm.mwfarm(["wiki", "delete", &name, "--yes-i-mean", &name]).well();
    assert_eq!(farm.get("a", "/index.php").status, 404);
    assert_eq!(farm.left_of("a"), Vec::<String>::new());
    says("b", "index 1 page 1 site b-");
    assert!(git(&farm.at("core.git"), ["branch", "--list", &format!("wiki/{name}")]).contains(&name));
    assert!(farm.at(&format!("var/lib/mwfarm/journal/{name}.jsonl")).exists());
    farm.mwfarm(["wiki", "show", &name]).badly(4, "there is no wiki");

    // Its name can be taken again, its number not.
    farm.create("a");
    says("a", "index 2 page 3 site a-");
    assert!(farm.show("a")["wiki"]["uid"].as_u64().unwrap() > uid);
    let nothing = farm.mwfarm(["watch", "reconcile"]).well();
    assert_eq!(nothing, "nothing differs\n");
}
