//! Programs that are killed again and again, each time a little further, and `watch reconcile` itself among them: the
//! one that is not killed any more finishes everything.

use std::collections::BTreeMap;
use std::fs;

use super::super::{Farm, chmod, core, trace, wait};
use super::{Matrix, verbs, whole};

/// At which of its calls of each kind a program is killed, one time after another.
const AT: [(&str, usize); 9] = [
    ("rename", 1),
    ("clone3", 2),
    ("openat", 60),
    ("fsync", 4),
    ("rename", 5),
    ("clone3", 12),
    ("write", 12),
    ("unlink", 6),
    ("fsync", 25),
];

/// Runs a command until it is not killed any more, then whole. Gives how often it was killed.
fn again(farm: &Farm, words: &[&str]) -> usize {
    let mut killed = 0;
    for (call, number) in AT {
        let said = trace::killed_at(call, number, farm, words);
        match said.code {
            -9 => killed += 1,
            0 => {}
            _ => panic!("`{}` after {killed} kills: {said:?}", words.join(" ")),
        }
    }
    killed
}

#[test]
#[expect(clippy::print_stdout, reason = "with --nocapture a campaign tells what it tried")]
fn what_is_killed_again_and_again_comes_to_its_end() {
    let matrix = Matrix::new("fpm");
    let farm = &matrix.farm;
    let [a, b, c] = ["a", "b", "c"].map(|wiki| farm.name(wiki));
    let made = again(farm, &["wiki", "create", &a]);
    farm.create("a");
    assert_eq!(whole(farm, "a"), 1);
    // What deaths of others have left, too.
    for left in [".mwfarm-wikis.yml-Ab3d5f", "var/lib/mwfarm/.mwfarm-watch.json-Ab3d5f"] {
        fs::write(farm.at(left), "{").expect("a file");
    }
    matrix.reconciled(&verbs::create(), &[]);
    farm.push("a", &core::with_stores("2"));
    let deployed = again(farm, &["deploy", &a]);
    farm.mwfarm(["deploy", &a]).well();
    assert_eq!(whole(farm, "a"), 2);
    matrix.reconciled(&verbs::deploy(), &[]);

    // Of several things that were cut off, nothing is mended at one go.
    farm.create("b");
    farm.create("d");
    farm.push("a", &core::with_stores("3"));
    farm.push(
        "d",
        &BTreeMap::from([("schema.sql".to_owned(), "CREATE TABLE IF NOT EXISTS more (id INTEGER)".to_owned())]),
    );
    assert_eq!(trace::killed_at("write", 8, farm, &["wiki", "delete", &b, "--yes-i-mean", &b]).code, -9);
    assert_eq!(trace::killed_at("clone3", 9, farm, &["wiki", "create", &c]).code, -9);
    assert_eq!(trace::killed_at("rename", 4, farm, &["deploy", &a]).code, -9);
    let mended = again(farm, &["watch", "reconcile"]);
    matrix.reconciled(&verbs::deploy(), &[]);
    assert_eq!(whole(farm, "a"), 3);
    for wiki in ["b", "c"] {
        // Killed before it was entered, or marked, it is what it was.
        let state = verbs::state(farm, wiki);
        assert!(matches!(state.as_deref(), None | Some("ready")), "{wiki} is {state:?}");
    }
    farm.create("c");
    let deleted = again(farm, &["watch", "reconcile"]);
    let words = ["wiki", "delete", &c, "--yes-i-mean", &c];
    let mut ended = 0;
    for (call, number) in AT {
        let said = trace::killed_at(call, number, farm, &words);
        // The last of these may have found nothing to delete.
        assert!([-9, 0, 4].contains(&said.code), "{said:?}");
        ended += usize::from(said.code == -9);
    }
    matrix.reconciled(&verbs::delete(), &[]);
    if verbs::state(farm, "c").is_some() {
        farm.delete("c");
    }
    assert_eq!(farm.left_of("c"), Vec::<String>::new());
    matrix.reconciled(&verbs::delete(), &[]);
    println!(
        "killed again and again: create {made} times, deploy {deployed}, reconcile {mended} and {deleted}, delete {ended}"
    );
    assert!(made >= 3 && deployed >= 3 && mended >= 4 && ended >= 2, "{made}, {deployed}, {mended}, {ended}");
}

/// A program that is killed leaves behind what it has started, such as git or useradd, at work. Nobody waits for that.
#[test]
#[expect(clippy::print_stdout, reason = "with --nocapture a campaign tells what it tried")]
fn what_a_killed_program_has_started_may_still_be_at_work() {
    let matrix = Matrix::new("fpm");
    let farm = &matrix.farm;
    let (mut version, mut killed, mut at_work) = (1, 0, 0);
    farm.create("a");
    let name = farm.name("a");
    // So slow that they are at work when the program is gone; then they are until they may go on.
    let (slow, go) = (farm.at("slow"), farm.at("slow/go"));
    fs::create_dir(&slow).expect("a directory");
    for program in ["git", "mariadb", "redis-cli"] {
        let path = slow.join(program);
        let script = format!(
            "#!/bin/sh\nsleep 0.5\n[ -d /proc/$PPID ] || until [ -e '{}' ] || [ ! -e '{}' ]; do sleep 0.02; done\n\
             exec /usr/bin/{program} \"$@\"\n",
            go.display(),
            slow.display()
        );
        fs::write(&path, script).expect("a program");
        chmod(&path, 0o755);
    }
    for number in (1..=40).step_by(if trace::is_campaign() { 1 } else { 9 }) {
        version += 1;
        farm.push("a", &core::with_stores(&version.to_string()));
        let new = format!("n{number}");
        for words in [&["deploy", &name][..], &["wiki", "create", &farm.name(&new)]] {
            // It has just started a program.
            let (said, session) = trace::killed_at_work(number, &slow, farm, words);
            at_work += usize::from(trace::lives(session));
            let said = (said, farm.mwfarm(["watch", "reconcile"]));
            killed += usize::from(said.0.code == -9);
            assert!(said.1.code == 0, "{number}: {said:?}");
            fs::write(&go, "").expect("a file");
            wait("what a killed program has left", || !trace::lives(session));
            fs::remove_file(&go).expect("a file");
        }
        matrix.reconciled(&verbs::deploy(), &[]);
        assert_eq!(whole(farm, "a"), version);
        farm.create(&new);
        assert_eq!(whole(farm, &new), 1);
        farm.delete(&new);
    }
    println!("killed {killed} times, {at_work} times with a program at work");
    assert!(at_work * 3 > killed && killed > 4, "{at_work} of {killed}");
}
