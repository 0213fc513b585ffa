//! Builds that were killed, and what was changed behind a build's back.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::demo::Demo;

/// The names of builds in the vendor directory.
fn made(demo: &Demo) -> Vec<String> {
    let names = fs::read_dir(demo.vendor()).expect("a directory").map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.into_string().expect("UTF-8"));
    names.filter(|name| name.starts_with("bundle_") || name.starts_with("composer") && name.len() > 20).collect()
}

/// Whatever a killed build had made, the next one and `eject` know it, also when the next one makes something else.
#[test]
fn a_killed_build_leaves_nothing_that_eject_does_not_know() {
    let demo = Demo::new();
    let before = demo.content("tree");
    demo.write_wikis("one.yml", "Cite");
    for _ in 0..8 {
        let mut build = demo.command("build -q -j 1").stdout(Stdio::null()).spawn().expect("mwfarm runs");
        let started = Instant::now();
        while made(&demo).is_empty() && started.elapsed() < Duration::from_secs(120) {
            std::hint::spin_loop();
        }
        build.kill().expect("killed");
        build.wait().expect("ended");
        assert!(!made(&demo).is_empty(), "the build made nothing in time");

        demo.run("build --wikis one.yml").done();
        demo.run("verify").done();
        demo.run("eject").done();
        assert_eq!(demo.content("tree"), before);
    }
}

/// A build killed before it replaced the dispatcher has not switched; the next one does.
#[test]
fn the_dispatcher_of_another_generation_is_out_of_date() {
    let demo = Demo::new();
    demo.write_wikis("one.yml", "Cite");
    demo.write_wikis("two.yml", "Cite, Scribunto");
    let dispatcher = demo.vendor().join("autoload.php");
    demo.run("build --wikis one.yml").done();
    let old = fs::read(&dispatcher).expect("a dispatcher");
    demo.run("build --wikis two.yml").done();
    let new = fs::read(&dispatcher).expect("a dispatcher");
    assert_ne!(old, new);

    fs::write(&dispatcher, &old).expect("written");
    let locked = demo.run("build --locked --wikis two.yml");
    assert_eq!(locked.code, Some(6));
    assert!(locked.err.contains("error: what is published is out of date\ncaused by: generation "), "{}", locked.err);
    demo.run("build --wikis two.yml").done();
    assert_eq!(fs::read(&dispatcher).expect("a dispatcher"), new);
    demo.run("verify").done();
}

#[test]
fn what_a_killed_build_staged_is_taken_out_too() {
    let demo = Demo::new();
    let before = demo.content("tree");
    fs::create_dir(demo.vendor().join(".mwfarm_staging")).expect("a directory");
    fs::write(demo.vendor().join(".mwfarm_staging/half"), "<?").expect("written");
    demo.run("eject").fails(1, "error: mwfarm has not built in `tree/vendor`");
    assert_eq!(demo.content("tree"), before);
}

/// A set that lost a file is not taken for published: it is put back.
#[test]
fn a_set_that_lost_a_file_is_noticed() {
    let demo = Demo::new();
    demo.run("build").done();
    let set = made(&demo).into_iter().find(|name| name.starts_with("composer")).expect("a set");
    fs::remove_file(demo.vendor().join(&set).join("autoload_static.php")).expect("removed");
    assert_eq!(demo.run("build --locked").code, Some(6));
    demo.run("build").done();
    demo.run("verify").done();
}

/// `verify` names what it cannot read, and goes on; it does not wait for a pipe's writer.
#[test]
fn verify_reports_what_is_no_file() {
    let demo = Demo::new();
    demo.run("build").done();
    let sets: Vec<String> = made(&demo).into_iter().filter(|name| name.starts_with("composer")).collect();
    let [one, two] = [&sets[0], &sets[1]].map(|set| demo.vendor().join(set).join("set.json"));
    fs::remove_file(&one).expect("removed");
    fs::create_dir(&one).expect("a directory");
    fs::remove_file(&two).expect("removed");
    assert!(Command::new("mkfifo").arg(&two).status().expect("mkfifo runs").success());

    let verified = demo.run("verify");
    assert_eq!(verified.code, Some(1), "{}", verified.err);
    for set in [&sets[0], &sets[1]] {
        assert!(verified.out.contains(&format!("{set}/set.json cannot be read: ")), "{}", verified.out);
    }
}

/// Neither `build` nor `eject` touches what a link leads to.
#[test]
fn nothing_is_written_or_removed_through_links() {
    let demo = Demo::new();
    demo.run("build").done();
    for (name, aside) in [("tree/vendor", "elsewhere"), ("tree/vendor/composer", "elsewhere")] {
        fs::rename(demo.path(name), demo.path(aside)).expect("moved");
        symlink(demo.path(aside), demo.path(name)).expect("a link");
        let before = demo.content(aside);
        let message = format!("error: `{name}` is a symbolic link, and mwfarm never writes through one");
        demo.run("eject").fails(1, &message);
        demo.run("build").fails(1, &message);
        assert_eq!(demo.content(aside), before);
        fs::remove_file(demo.path(name)).expect("removed");
        fs::rename(demo.path(aside), demo.path(name)).expect("moved");
    }
    demo.run("verify").done();
}

/// Composer writes its own loader when it runs: then every wiki loads everything, until the next build.
#[test]
fn a_plan_tells_that_wikis_are_not_served() {
    let demo = Demo::new();
    let state = |arguments: &str| -> Vec<String> {
        let json: serde_json::Value = serde_json::from_str(&demo.run(arguments).done().out).expect("JSON");
        let wikis = json["wikis"].as_array().expect("wikis").iter();
        wikis.map(|wiki| wiki["state"].as_str().expect("a state").to_owned()).collect()
    };
    assert_eq!(state("build --format json"), ["created"; 6]);
    assert_eq!(state("plan --format json"), ["kept"; 6]);
    fs::write(demo.vendor().join("autoload.php"), "<?php\n\n// autoload.php @generated by Composer\n")
        .expect("written");
    assert_eq!(state("plan --format json"), ["changed"; 6]);
    assert_eq!(state("build --format json"), ["changed"; 6]);
    assert_eq!(state("plan --format json"), ["kept"; 6]);
}

/// An `eject` that was killed leaves no half of a set: another finishes it, and a build makes everything again.
#[test]
fn a_killed_eject_leaves_nothing_half_removed() {
    let demo = Demo::new();
    let before = demo.content("tree");
    for again in ["eject", "build"].repeat(4) {
        demo.run("build").done();
        let all = made(&demo).len();
        let mut eject = demo.command("eject -q").stdout(Stdio::null()).spawn().expect("mwfarm runs");
        let started = Instant::now();
        while made(&demo).len() == all && started.elapsed() < Duration::from_secs(120) {
            std::hint::spin_loop();
        }
        eject.kill().expect("killed");
        eject.wait().expect("ended");
        if again == "build" {
            demo.run("build").done();
            demo.run("verify").done();
        }
        // Nothing is left to do when the kill came too late.
        let ejected = demo.run("eject");
        assert!(ejected.code == Some(0) || ejected.err.contains("has not built in"), "{}", ejected.err);
        assert_eq!(demo.content("tree"), before);
    }
}

/// Half a tree is not published: a package that a wiki loads is not where it was installed.
#[test]
fn a_missing_package_is_an_error_where_a_wiki_loads_it() {
    let demo = Demo::new();
    demo.run("build").done();
    let before = demo.content("tree/vendor");
    let package = demo.vendor().join("data-values/geo");
    fs::rename(&package, demo.path("aside")).expect("moved");
    demo.run("build").fails(
        1,
        "error: package `data-values/geo` is not at `vendor/data-values/geo`\ncaused by: vendor/composer/installed.json, \
         field `packages[data-values/geo].install-path`; wiki `",
    );
    // Nobody loads it: somebody may be at work on it.
    demo.write_wikis("none.yml", "Cite");
    let built = demo.run("build --wikis none.yml --dry-run");
    assert!(built.done().err.contains("package `data-values/geo` is not at"), "{}", built.err);
    fs::rename(demo.path("aside"), &package).expect("moved back");
    assert_eq!(demo.content("tree/vendor"), before);
}

/// Texts of fixed names change from one version of mwfarm to the next; they are known by their first line.
#[test]
fn files_of_another_version_are_ours() {
    let demo = Demo::new();
    let before = demo.content("tree");
    demo.run("build").done();
    for name in ["autoload.php", "composer/installed.php", "MediaWikiExtensions.php", "mwfarm_extensions.php"] {
        let file = demo.vendor().join(name);
        let text = fs::read_to_string(&file).expect("a file");
        fs::write(&file, format!("{text}\n// as another version wrote it\n")).expect("written");
    }
    // Nor does it mind what a newer one has told.
    let manifest = demo.vendor().join("mwfarm.json");
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&manifest).expect("read")).expect("JSON");
    json["schema"] = "1.99.0".into();
    json["news"] = true.into();
    fs::write(&manifest, json.to_string()).expect("written");
    let verified = demo.run("verify");
    assert_eq!(verified.code, Some(1));
    assert!(verified.err.ends_with("hint: run `mwfarm build`\n"), "{}", verified.err);
    demo.run("build").done();
    demo.run("verify").done();
    demo.run("eject").done();
    assert_eq!(demo.content("tree"), before);
}

/// When Composer has put its loader back, files that ask the dispatcher do not run it: one of its files may end PHP.
#[test]
fn composers_loader_is_not_asked() {
    let demo = Demo::new();
    demo.run("build").done();
    fs::write(demo.vendor().join("autoload.php"), "<?php // Composer's\nexit(3);\n").expect("written");
    let asked = "return [require 'MediaWikiExtensions.php', count((require 'composer/installed.php')['versions']) > 20, \
                 require 'mwfarm_preload.php'];";
    assert_eq!(super::demo::php(&demo, asked), serde_json::json!([[], true, 1]));
}
