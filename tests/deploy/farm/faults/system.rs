//! What the system refuses: descriptors, and writing.

use std::fs;
use std::process::Command;

use super::super::sound::sound;
use super::super::{Farm, Plan, Said, core};
use super::{chmod, git};
use crate::mount::Mount;

#[test]
fn a_file_system_that_is_read_only_is_told() {
    let farm = Farm::with_core(&Plan::plain(), &super::super::watching::small_core());
    farm.create("a");
    let name = farm.name("a");
    for place in ["srv", "var"] {
        let before = farm.release("a");
        farm.push_file("a", "file.txt", place);
        let mount = Mount::read_only(&farm.at(place)).expect("this test needs a machine that lets it mount");
        for words in [
            &["deploy", &name][..],
            &["wiki", "archive", &name],
            &["wiki", "hold", &name, "why"],
            &["wiki", "create", &farm.name(place)],
            &["wiki", "delete", &name, "--yes-i-mean", &name],
            &["watch", "reconcile"],
        ] {
            // What is written elsewhere may be done.
            let said = farm.mwfarm(words);
            let is_of_var = said.code == 0 && place == "srv" && words[1] != &name[..];
            let told = said.code == 1 && said.err.contains("Read-only file system");
            assert!(told || is_of_var, "{place}: {words:?}: {said:?}");
            if words[1] == "delete" && place == "srv" {
                continue;
            }
            assert_eq!(farm.release("a"), before);
        }
        // Asking works.
        let said = farm.mwfarm(["wiki", "list"]).well();
        assert!(said.contains(&name), "{said}");
        drop(mount);
        farm.mwfarm(["watch", "reconcile"]).well();
        if farm.release("a").is_none() {
            // It was to be deleted, and is.
            farm.create("a");
        }
        sound(&farm);
    }
}

#[test]
fn too_few_descriptors_are_told() {
    let farm = Farm::with_core(&Plan::plain(), &super::super::watching::small_core());
    farm.create("a");
    let (mut failed, mut done, mut version) = (0, 0, 1);
    for limit in (3..30).step_by(2) {
        version += 1;
        farm.push_file("a", "file.txt", &version.to_string());
        let before = farm.release("a");
        let program = farm.command(["deploy", &farm.name("a")]);
        let mut command = Command::new("prlimit");
        command.arg(format!("--nofile={limit}")).arg(program.get_program()).args(program.get_args());
        let said =
            Said::from(command.env("MWFARM_CACHE_DIR", "/dev/null").env("LOGNAME", "carol").output().expect("prlimit"));
        match said.code {
            // Its libraries could not be opened.
            127 => continue,
            0 => {
                done += 1;
                assert_ne!(farm.release("a"), before);
            }
            1 => {
                failed += 1;
                // Programs that it starts say it in their own words, or cannot.
                let told = ["Too many open files", "git", "php", "No file descriptors available"];
                assert!(told.iter().any(|told| said.err.contains(told)), "{limit}: {said:?}");
                assert_eq!(farm.release("a"), before);
            }
            _ => panic!("{limit}: {said:?}"),
        }
        farm.mwfarm(["watch", "reconcile"]).well();
        assert_eq!(farm.served("a"), farm.tip("a"));
        assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
        sound(&farm);
    }
    assert!(failed >= 3 && done >= 2, "{failed} failed, {done} done");
}

/// Neither who asks for it nor who is deployed is blocked by a core repository that is gone for a while.
#[test]
fn a_core_repository_that_is_gone_and_comes_back_loses_nothing() {
    let farm = Farm::with_core(&Plan::plain(), &super::super::watching::small_core());
    farm.create("a");
    let before = farm.release("a");
    let sha = farm.push_file("a", "file.txt", "2");
    let (core, away) = (farm.at("core.git"), farm.at("away.git"));
    fs::rename(&core, &away).expect("a rename");
    let entry = format!(
        r#"{{"schema":1,"wiki":"{}","source":"hook","kind":"updated","code":"{sha}","who":"carol","at":1}}"#,
        farm.name("a")
    );
    fs::create_dir_all(farm.at("var/lib/mwfarm/queue/new")).expect("a directory");
    chmod(&farm.at("var/lib/mwfarm/queue"), 0o700);
    fs::write(farm.at("var/lib/mwfarm/queue/new/1-1-1.json"), entry).expect("an entry");
    let said = farm.deploy("a");
    assert!(said.code == 1 && said.err.contains("core.git"), "{said:?}");
    farm.mwfarm(["watch", "worker", "--once"]);
    assert_eq!((farm.queued(), farm.release("a")), (1, before), "the push waits");
    farm.mwfarm(["watch", "reconcile"]).badly(1, "core.git");
    fs::rename(&away, &core).expect("a rename");
    farm.mwfarm(["watch", "worker", "--once"]).well();
    assert_eq!((farm.queued(), farm.served("a")), (0, sha));
    git(&core, ["fsck", "--strict"]);
    farm.push("a", &core::files("3"));
    farm.deploy("a").well();
    sound(&farm);
}
