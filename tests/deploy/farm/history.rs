//! Going back and forth: what is marked, what is held, what is kept, and what the history says of it.

use std::fs;

use serde_json::{Value, json};

use super::sound::sound;
use super::{Farm, Plan, git};

/// The releases on disk, by their numbers.
fn releases(farm: &Farm) -> Vec<u64> {
    let show = farm.show("a");
    let releases = show["releases"].as_array().expect("releases").iter();
    releases.map(|release| number(release.as_str().expect("a name"))).collect()
}

fn number(release: &str) -> u64 {
    release.split('-').next().and_then(|number| number.parse().ok()).expect("a number")
}

fn served(farm: &Farm) -> u64 {
    number(&farm.release("a").expect("a release"))
}

/// The commits that are marked as bad, as the releases were numbered that were made of them.
fn bad(farm: &Farm) -> Vec<Value> {
    farm.show("a")["wiki"]["bad"].as_array().expect("marks").iter().map(|bad| bad["why"].clone()).collect()
}

#[test]
fn reverts_go_back_one_by_one_as_far_as_releases_are_kept() {
    let farm = Farm::start(&Plan::plain().with("keep: 4"));
    farm.create("a");
    let name = farm.name("a");
    let mut codes = vec![farm.tip("a")];
    for round in 2..=6 {
        codes.push(farm.push_file("a", "resources/style.css", &format!("/* {round} */\n")));
        farm.deploy("a").well();
    }
    assert_eq!(releases(&farm), [3, 4, 5, 6]);
    for (to, marks) in [(5, 1), (4, 2), (3, 3)] {
        farm.mwfarm(["deploy", &name, "--revert", &format!("back to {to}")]).well();
        assert_eq!((served(&farm), bad(&farm).len()), (to, marks));
        sound(&farm);
    }
    assert_eq!(bad(&farm), [json!("back to 5"), json!("back to 4"), json!("back to 3")]);
    // What was pruned is not there to go back to.
    let said = farm.mwfarm(["deploy", &name, "--revert"]).badly(4, "there is no release of");
    assert!(said.contains("--rev COMMIT"), "{said}");
    assert_eq!((served(&farm), bad(&farm).len()), (3, 3));
    // It is built again of its commit, which is older than what is served, and held.
    farm.mwfarm(["deploy", &name, "--rev", &codes[1][..12], "the one before"]).well();
    let show = farm.show("a");
    assert_eq!(show["release"]["code"], codes[1].as_str());
    assert_eq!(show["wiki"]["held"]["by_deploy"], true);
    sound(&farm);

    // Pushes wait, all that are told of them and looks at all wikis; a person has to say so.
    let newest = farm.push_file("a", "resources/style.css", "/* newest */\n");
    farm.mwfarm(["watch", "reconcile"]).well();
    assert_eq!(farm.show("a")["release"]["code"], codes[1].as_str());
    farm.deploy("a").badly(4, "is held by carol");
    farm.mwfarm(["wiki", "resume", &name]).well();
    farm.mwfarm(["watch", "reconcile"]).well();
    assert_eq!(farm.show("a")["release"]["code"], newest.as_str());
    // What was marked stays so, until somebody asks for it.
    assert_eq!(bad(&farm).len(), 3);
    farm.mwfarm(["deploy", &name, "--rev", &codes[5]]).well();
    assert_eq!(bad(&farm).len(), 2);
    sound(&farm);
}

#[test]
fn a_release_that_is_marked_is_passed_over() {
    let farm = Farm::start(&Plan::plain());
    farm.create("a");
    let name = farm.name("a");
    for round in 2..=3 {
        farm.push_file("a", "resources/style.css", &format!("/* {round} */\n"));
        farm.deploy("a").well();
    }
    farm.mwfarm(["deploy", &name, "--revert", "3 is bad"]).well();
    farm.mwfarm(["wiki", "resume", &name]).well();
    // The newest commit is the bad one: it is not deployed by itself, nor by name of the branch.
    farm.mwfarm(["watch", "reconcile"]).well();
    assert_eq!(served(&farm), 2);
    farm.deploy("a").badly(4, "is marked as bad: 3 is bad");
    farm.push_file("a", "resources/style.css", "/* 4 */\n");
    farm.deploy("a").well();
    let fourth = served(&farm);
    // Back from it is to the one before the bad one.
    let told = farm.mwfarm(["deploy", &name, "--revert", "--dry-run"]).well();
    assert!(told.contains("try release 2-"), "{told}");
    farm.mwfarm(["deploy", &name, "--revert", "--format", "json"]).well();
    assert_eq!(served(&farm), 2);
    assert!(releases(&farm).contains(&3) && releases(&farm).contains(&fourth));
    sound(&farm);
}

#[test]
fn only_commits_of_the_branch_are_deployed() {
    let farm = Farm::start(&Plan::plain());
    for wiki in ["a", "b"] {
        farm.create(wiki);
    }
    let name = farm.name("a");
    let own = farm.push_file("a", "resources/style.css", "/* own */\n");
    let other = farm.push_file("b", "resources/style.css", "/* other */\n");
    for wiki in ["a", "b"] {
        farm.deploy(wiki).well();
    }
    let before = (farm.release("a"), farm.show("a")["wiki"].clone());
    let tree = git(&farm.at("core.git"), ["rev-parse", &format!("{own}^{{tree}}")]);
    for revision in [&other, &other[..12], tree.trim(), "0123456789abcdef0123456789abcdef01234567", "HEAD", "main"] {
        let said = farm.mwfarm(["deploy", &name, "--rev", revision]);
        assert_eq!(said.code, 4, "{revision}: {said:?}");
        farm.mwfarm(["deploy", &name, "--rev", revision, "--dry-run"]).badly(4, "");
    }
    assert_eq!((farm.release("a"), farm.show("a")["wiki"].clone()), before);
    sound(&farm);
}

#[test]
fn the_history_says_who_what_and_why() {
    let farm = Farm::start(&Plan::plain());
    farm.create("a");
    let name = farm.name("a");
    let code = farm.push_file("a", "resources/style.css", "/* 2 */\n");
    let mut command = farm.command(["deploy", &name, "try", "the\u{1b}[31m", "parser"]);
    command.env("SUDO_USER", "dora");
    super::Said::from(command.output().expect("mwfarm")).well();
    farm.push_file("a", "includes/Page.php", "<?php\nclass {");
    farm.mwfarm(["deploy", &name, "a slip"]).badly(1, "does not parse");
    farm.mwfarm(["deploy", &name, "--revert", "the parser is slow"]).well();
    let path = farm.at(&format!("var/lib/mwfarm/journal/{name}.jsonl"));
    let journal: Vec<Value> = fs::read_to_string(path)
        .expect("a journal")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let stages = |attempt: u64| -> Vec<&str> {
        let of = journal.iter().filter(|entry| entry["attempt"] == attempt);
        of.filter_map(|entry| entry["stage"].as_str()).collect()
    };
    let whole = ["queued", "fetched", "built", "schema-begun", "schema-same", "checked", "switching", "switched"];
    assert_eq!(stages(2), [&whole[..], &["verified", "done"]].concat());
    assert_eq!(stages(3), ["queued", "fetched", "failed"]);
    assert_eq!(stages(4), ["queued", "switching", "switched", "done"]);
    for entry in journal.iter().filter(|entry| entry["attempt"] == 2) {
        assert_eq!((entry["who"].as_str(), entry["code"].as_str()), (Some("dora"), Some(code.as_str())), "{entry}");
        assert_eq!(entry["why"], "try the\u{1b}[31m parser");
    }
    let failed = journal.iter().find(|entry| entry["stage"] == "failed").expect("a failure");
    assert!(failed["error"].as_str().is_some_and(|error| error.contains("includes/Page.php:2")), "{failed}");
    // For people, without what a terminal would obey.
    let shown = farm.mwfarm(["wiki", "show", &name]).well();
    assert!(shown.contains("dora done 2-") && shown.contains("(the parser is slow)"), "{shown}");
    assert!(!shown.contains('\u{1b}'));
}

/// Text and JSON of what would be done, as a whole.
#[test]
fn a_plan_is_told_for_people_and_for_programs() {
    let farm = Farm::start(&Plan::plain());
    farm.create("a");
    let name = farm.name("a");
    let code = farm.push_file("a", "resources/style.css", "/* 2 */\n");
    let config = farm.show("a")["release"]["config"].as_str().expect("a commit").to_owned();
    let first = farm.release("a").expect("a release");
    let files = git(&farm.at("core.git"), ["ls-tree", "-r", "--name-only", &code]).lines().count();
    let sizes = git(&farm.at("core.git"), ["ls-tree", "-r", "--format=%(objectsize)", &code]);
    let bytes: u64 = sizes.lines().map(|size| size.trim().parse::<u64>().expect("a size")).sum();
    let steps = [
        format!("export {files} files, {bytes} bytes"),
        "build the Composer sets".to_owned(),
        "update the database".to_owned(),
        "try".to_owned(),
        "switch".to_owned(),
        "check".to_owned(),
    ];
    let branch = format!("refs/heads/wiki/{name}");
    let told = farm.mwfarm(["deploy", &name, "--dry-run"]).well();
    let expected = format!(
        "`{name}` would serve {} of {branch} with configuration {}, instead of release {first}\n  {}\n",
        &code[..12],
        &config[..12],
        steps.join("\n  ")
    );
    assert_eq!(told, expected);
    let told = farm.mwfarm(["deploy", &name, "--dry-run", "--format", "json"]).well();
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let expected = json!({
        "schema": "1.0.0", "wiki": name, "code": code, "config": config, "current": first, "branch": branch,
        "steps": steps,
    });
    assert_eq!(told, expected);
    assert_eq!(farm.release("a"), Some(first));
}

#[test]
fn who_waits_comes_after_who_is_at_work() {
    let farm = Farm::start(&Plan::plain());
    farm.create("a");
    let name = farm.name("a");
    let [begun, go] = ["begun", "go"].map(|file| farm.at(file));
    let made = std::process::Command::new("mkfifo").arg(&go).status().expect("mkfifo");
    assert!(made.success());
    let php = format!(
        "<?php\nif (!file_exists('{0}')) {{ touch('{0}'); file_get_contents('{1}'); }}\n",
        begun.display(),
        go.display()
    );
    farm.push_file("a", "maintenance/update.php", &php);
    let first = farm.command(["deploy", &name, "first"]).stdout(std::process::Stdio::null()).spawn().expect("mwfarm");
    super::wait("the first one is at work", || begun.exists());
    let said = farm.mwfarm(["deploy", &name, "second"]).badly(1, "is at work");
    assert!(said.contains("mwfarm)") && said.contains("or say `--wait`"), "{said}");
    let newest = farm.push_file("a", "resources/style.css", "/* newest */\n");
    let third = farm
        .command(["deploy", &name, "--wait", "third"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("mwfarm");
    super::wait("the third one waits", || super::waits(&third));
    fs::OpenOptions::new().write(true).open(&go).expect("the pipe");
    let mut first = first;
    assert!(first.wait().expect("its end").success());
    super::Said::from(third.wait_with_output().expect("its end")).well();
    assert_eq!(farm.show("a")["release"]["code"], newest.as_str());
    assert_eq!(served(&farm), 3);
    sound(&farm);
}

/// What owners and pushers can do as often as they like pushes nothing out of the history, and lets nothing grow.
#[test]
fn histories_are_bounded_and_owners_push_nothing_out_of_them() {
    let farm = Farm::start(&Plan { users: true, ..Plan::plain() });
    farm.create("a");
    let name = farm.name("a");
    let before = farm.show("a")["journal"].clone();
    for _ in 0..25 {
        farm.mwfarm(["wiki", "become", &name, "--", "true"]).well();
    }
    let show = farm.show("a");
    assert_eq!(show["journal"], before);
    assert_eq!(show["audit"].as_array().expect("lines").len(), 20);
    let text = farm.mwfarm(["wiki", "show", &name]).well();
    assert!(
        text.lines().filter(|line| line.starts_with("used ") && line.ends_with(" became it")).count() == 20,
        "{text}"
    );

    // As after years of refused commits.
    let journal = farm.at("var/lib/mwfarm/journal").join(format!("{name}.jsonl"));
    let mut lines = fs::read_to_string(&journal).expect("a journal");
    let uid = farm.show("a")["wiki"]["uid"].clone();
    for at in 0..4000 {
        let refused = json!({"at": at, "attempt": 0, "stage": "failed", "who": "carol", "why": "x".repeat(300)});
        lines.extend([refused.to_string(), "\n".to_owned()]);
    }
    fs::write(&journal, &lines).expect("a journal");
    farm.push_file("a", "resources/style.css", "/* 2 */\n");
    farm.deploy("a").well();
    assert!(fs::metadata(&journal).expect("a journal").len() < 100_000);
    assert_eq!(fs::read_to_string(journal.with_extension("jsonl.1")).expect("the one before"), lines);
    assert_eq!(served(&farm), 2);
    let ended: Vec<Value> = farm.journal("a").iter().filter(|line| line["stage"] == "done").cloned().collect();
    assert_eq!(ended.iter().map(|line| line["attempt"].clone()).collect::<Vec<_>>(), [1, 2]);
    sound(&farm);

    // Nobody gets its number, also when only its journal tells.
    farm.delete("a");
    fs::remove_file(farm.at("var/lib/mwfarm/ids.json")).expect("the numbers");
    farm.create("b");
    assert!(farm.show("b")["wiki"]["uid"].as_u64() > uid.as_u64());
}
