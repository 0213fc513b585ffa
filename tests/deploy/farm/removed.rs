//! Releases that are no longer needed: they are taken away by one rename, and their files are removed later.

use std::fs;

use mwfarm::deploy::layout::Layout;
use mwfarm::deploy::{lock, releases};

use super::sound::sound;
use super::{Farm, Plan, trace, wait};

fn farm() -> (Farm, Layout) {
    let farm = Farm::start(&Plan::plain().with("keep: 2"));
    let layout = Layout::new(farm.base.clone());
    for name in ["a", "b"] {
        farm.create(name);
    }
    (farm, layout)
}

/// Pushes and deploys until releases have been taken away.
fn deploy(farm: &Farm, name: &str, times: u32) {
    for number in 0..times {
        farm.push_file(name, "includes/Page.php", &format!("<?php\necho \"{name} {number}\\n\";\n"));
        farm.deploy(name).well();
    }
}

/// How many releases of a wiki have files that are still to be removed.
fn left(farm: &Farm, layout: &Layout, name: &str) -> usize {
    let prefix = format!("{}.", farm.name(name));
    let removed = releases::removed(layout).expect("a directory");
    removed
        .iter()
        .filter(|path| path.file_name().expect("a name").to_str().expect("UTF-8").starts_with(&prefix))
        .count()
}

#[test]
fn one_command_removes_what_others_have_left() {
    let (farm, layout) = farm();
    deploy(&farm, "a", 4);
    assert_eq!(left(&farm, &layout, "a"), 0, "without a worker, a deploy removes them itself");
    {
        // As a worker does, as long as it runs.
        let _removing = lock::removing(&layout).expect("nobody else");
        deploy(&farm, "a", 2);
        assert_eq!(left(&farm, &layout, "a"), 1, "more of one wiki would fill the disk");
        // What is unfinished is ended without a look at them.
        farm.mwfarm(["watch", "reconcile"]).well();
        assert_eq!(left(&farm, &layout, "a"), 1);
        // They are none to go back to.
        assert_eq!(farm.mwfarm(["deploy", &farm.name("a"), "--revert"]).well().lines().count(), 1);
        farm.mwfarm(["deploy", &farm.name("a"), "--revert"]).badly(4, "there is no release of");
        farm.mwfarm(["wiki", "resume", &farm.name("a")]).well();
    }
    for question in [
        &["status"][..],
        &["watch", "reconcile", "--dry-run"],
        &["watch", "reconcile", "--boot"],
        &["deploy", "--all", "--dry-run"],
        &["wiki", "expire", "--dry-run"],
    ] {
        farm.mwfarm(question).well();
        assert_eq!(left(&farm, &layout, "a"), 1, "{question:?}");
    }
    farm.mwfarm(["deploy", &farm.name("none")]).badly(4, "there is no wiki");
    assert_eq!(left(&farm, &layout, "a"), 1, "what is refused removes nothing");
    deploy(&farm, "b", 2);
    assert_eq!(left(&farm, &layout, "a"), 0, "another wiki's deploy has removed them");
    sound(&farm);
}

/// Several wikis at a time, where nobody else removes.
#[test]
fn all_wikis_at_once_remove_what_they_leave() {
    let (farm, layout) = farm();
    for _ in 0..3 {
        farm.mwfarm(["deploy", "--all", "--again"]).well();
    }
    assert_eq!((left(&farm, &layout, "a"), left(&farm, &layout, "b")), (0, 0));
    {
        let _removing = lock::removing(&layout).expect("nobody else");
        farm.mwfarm(["deploy", "--all", "--again"]).well();
        assert_eq!((left(&farm, &layout, "a"), left(&farm, &layout, "b")), (1, 1));
    }
    // As after the death of who had left them.
    farm.mwfarm(["watch", "reconcile"]).well();
    sound(&farm);
}

#[test]
fn of_a_wiki_that_is_deleted_nothing_is_left() {
    let (farm, layout) = farm();
    let _removing = lock::removing(&layout).expect("nobody else");
    deploy(&farm, "a", 4);
    deploy(&farm, "b", 3);
    let of_b = left(&farm, &layout, "b");
    assert!(left(&farm, &layout, "a") > 0 && of_b > 0);
    farm.delete("a");
    assert_eq!((left(&farm, &layout, "a"), left(&farm, &layout, "b")), (0, of_b));
    // Another one of that name begins with the same numbers.
    farm.create("a");
    deploy(&farm, "a", 4);
    farm.delete("a");
    assert_eq!(left(&farm, &layout, "a"), 0);
}

#[test]
fn a_worker_removes_them() {
    let (farm, layout) = farm();
    {
        let _removing = lock::removing(&layout).expect("nobody else");
        deploy(&farm, "a", 4);
    }
    assert!(left(&farm, &layout, "a") > 0);
    let worker = farm.worker("1");
    wait("the worker removes what was there", || left(&farm, &layout, "a") == 0);
    assert!(lock::removing(&layout).is_err(), "the worker does it for all");
    deploy(&farm, "b", 4);
    wait("the worker removes what comes", || left(&farm, &layout, "b") == 0);
    worker.stop();
    sound(&farm);
}

/// A release whose files are half removed is as good as one whose files are there.
#[test]
fn a_death_meanwhile_is_made_good() {
    let (farm, layout) = farm();
    deploy(&farm, "a", 2);
    for number in [1, 3, 8] {
        farm.push_file("a", "includes/Page.php", &format!("<?php\necho {number};\n"));
        let said = trace::killed_at("unlinkat", number, &farm, &["deploy", &farm.name("a")]);
        assert_eq!((said.code, left(&farm, &layout, "a")), (-9, 1), "{said:?}");
        farm.mwfarm(["watch", "reconcile"]).well();
        assert_eq!(left(&farm, &layout, "a"), 0);
        sound(&farm);
    }
}

/// A worker and a command may be at the same release.
#[test]
fn several_remove_the_same_files() {
    let root = tempfile::tempdir().expect("a directory");
    let release = root.path().join("release");
    for _ in 0..10 {
        for number in 0..400 {
            let below = release.join(format!("{}/{}/{number}", number % 7, number % 5));
            fs::create_dir_all(&below).expect("directories");
            fs::write(below.join("file"), "").expect("a file");
        }
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(|| mwfarm::disk::clear(&release))).collect();
            for one in all {
                one.join().expect("an end").expect("it is removed");
            }
        });
        assert!(!release.exists());
    }
}
