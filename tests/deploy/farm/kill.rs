//! The program killed, or refused by the system, at every step of every verb: what is served is old or new, `watch
//! reconcile` finishes or takes back what was begun, and nothing is left over.
//!
//! A run without a fault tells how many moments there are. `MWFARM_KILLS` says how many of each verb are tried, `all` for
//! all; `MWFARM_SEED` which.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use super::sound::{Listing, TORN, listing, sound};
use super::trace::{self, OLDER};
use super::{Farm, Plan, core, wait};
use crate::strace::Moment;

/// A verb, from a farm that is ready for it.
struct Verb {
    /// Its words, in which `@` is the wiki.
    words: &'static [&'static str],
    plan: Plan,
    prepare: fn(&Farm),
    /// What has to be so after a kill and the first `reconcile`.
    after: fn(&Farm, &Before),
}

/// What a farm served before.
struct Before {
    release: Option<String>,
}

#[test]
fn create() {
    run(&Verb {
        words: &["wiki", "create", "@"],
        plan: plan("sqlite"),
        prepare: |_| {},
        after: |farm, _| {
            // Killed before it was entered, there is nothing; else it is finished.
            assert_eq!(state(farm).is_some(), farm.release("a").is_some());
            assert!(state(farm).is_none_or(|state| state == "ready"));
        },
    });
}

#[test]
fn deploy_of_code() {
    run(&Verb {
        words: &["deploy", "@"],
        plan: plan("none"),
        prepare: |farm| {
            releases(farm, 3);
            farm.push("a", &small("4"));
        },
        after: is_new,
    });
}

#[test]
fn deploy_of_configuration() {
    run(&Verb {
        words: &["deploy", "@"],
        plan: plan("none"),
        prepare: |farm| {
            releases(farm, 2);
            farm.configure_wiki("a", "<?php\n$wgSitename = 'Configured';");
        },
        after: |farm, before| {
            is_new(farm, before);
            let release = farm.at("srv/deployment/servicegroup").join(farm.name("a"));
            let text = fs::read_to_string(release.join(".mwfarm/config/LocalSettings.php")).expect("settings");
            assert!(text.contains("Configured"));
        },
    });
}

#[test]
fn deploy_that_changes_the_schema() {
    run(&Verb {
        words: &["deploy", "@"],
        plan: plan("sqlite"),
        prepare: |farm| {
            releases(farm, 1);
            let mut files = small("2");
            files.insert("schema.sql".to_owned(), "CREATE TABLE IF NOT EXISTS revision (id INTEGER)".to_owned());
            files.insert("includes/Defines.php".to_owned(), "<?php\ndefine( 'MW_VERSION', '1.1' );\n".to_owned());
            farm.push("a", &files);
        },
        after: is_new,
    });
}

#[test]
fn revert() {
    run(&Verb {
        words: &["deploy", "@", "--revert"],
        plan: plan("none"),
        prepare: |farm| releases(farm, 3),
        after: |farm, before| {
            let shown = farm.show("a");
            let held = !shown["wiki"]["held"].is_null();
            let bad = shown["wiki"]["bad"].as_array().expect("a list").len();
            let reverted = farm.release("a") != before.release;
            assert_eq!((held, bad), (reverted, usize::from(reverted)), "{shown:#}");
            assert!(shown["wiki"]["broken"].is_null(), "{shown:#}");
        },
    });
}

/// An older commit that is chosen by hand holds the wiki if it is served, and else not.
#[test]
fn deploy_of_a_revision() {
    run(&Verb {
        words: &["deploy", "@", "--rev", OLDER],
        plan: plan("none"),
        prepare: |farm| releases(farm, 3),
        after: |farm, before| {
            let shown = farm.show("a");
            let chosen = farm.release("a") != before.release;
            let held = shown["wiki"]["held"]["why"].as_str().map(|why| why.ends_with(" was deployed by hand"));
            assert_eq!(held, chosen.then_some(true), "{shown:#}");
            assert!(shown["wiki"]["broken"].is_null(), "{shown:#}");
        },
    });
}

#[test]
fn deploy_again() {
    run(&Verb {
        words: &["deploy", "@", "--again"],
        plan: plan("none"),
        prepare: |farm| releases(farm, 3),
        after: |farm, _| {
            assert_eq!(farm.served("a"), farm.tip("a"));
            let shown = farm.show("a");
            assert!(shown["wiki"]["broken"].is_null() && shown["wiki"]["held"].is_null(), "{shown:#}");
        },
    });
}

#[test]
fn archive() {
    run(&Verb {
        words: &["wiki", "archive", "@"],
        plan: plan("none"),
        prepare: |farm| releases(farm, 1),
        after: |farm, before| assert_eq!(farm.release("a"), before.release),
    });
}

#[test]
fn restore() {
    run(&Verb {
        words: &["wiki", "restore", "@"],
        plan: plan("none"),
        prepare: |farm| {
            releases(farm, 1);
            farm.mwfarm(["wiki", "archive", &farm.name("a")]).well();
        },
        after: |farm, before| assert_eq!(farm.release("a"), before.release),
    });
}

#[test]
fn delete() {
    run(&Verb {
        words: &["wiki", "delete", "@", "--yes-i-mean", "@"],
        plan: plan("sqlite"),
        prepare: |farm| {
            releases(farm, 2);
            farm.create("b");
        },
        after: |farm, before| match state(farm) {
            None => assert_eq!(farm.release("a"), None),
            Some(state) => assert_eq!((state.as_str(), farm.release("a")), ("ready", before.release.clone())),
        },
    });
}

/// A disk that is full from some moment on, for everything or for the rest of what is written there.
#[test]
fn a_full_disk() {
    let verb = Verb {
        words: &["deploy", "@"],
        plan: plan("none"),
        prepare: |farm| {
            releases(farm, 3);
            farm.push("a", &small("4"));
        },
        after: is_new,
    };
    refuse(&verb, "ENOSPC");
    refuse(
        &Verb { words: &["wiki", "create", "@"], plan: plan("sqlite"), prepare: |_| {}, after: |_, _| {} },
        "ENOSPC",
    );
}

#[test]
fn a_disk_that_fails() {
    let prepare = |farm: &Farm| releases(farm, 2);
    refuse(&Verb { words: &["deploy", "@", "--revert"], plan: plan("none"), prepare, after: |_, _| {} }, "EIO");
    let words = &["wiki", "delete", "@", "--yes-i-mean", "@"];
    refuse(&Verb { words, plan: plan("none"), prepare, after: |_, _| {} }, "EIO");
    let prepare = |farm: &Farm| {
        releases(farm, 2);
        farm.push("a", &small("3"));
    };
    refuse(&Verb { words: &["deploy", "@"], plan: plan("none"), prepare, after: is_new }, "EIO");
}

/// The link was renamed, and the disk does not say that this will last: the release is served, and so it is no failure.
#[test]
fn an_error_after_the_switch_takes_nothing_back() {
    let farm = Farm::with_core(&plan("none"), &small("1"));
    releases(&farm, 2);
    farm.push("a", &small("3"));
    let words = ["deploy".to_owned(), farm.name("a")];
    let before = Before { release: farm.release("a") };
    let saved = Saved::of(&farm);
    let moments = trace::moments(&farm, &words);
    saved.restore(&farm);
    let link = format!("servicegroup/{}\"", farm.name("a"));
    let switch = moments.iter().rposition(|moment| moment.is_of("rename") && moment.text.contains(&link));
    let after = &moments[switch.expect("a switch")..];
    let sync = after.iter().find(|moment| moment.is_of("fsync")).expect("it is made durable");
    let said = trace::refuse_once(sync, &farm, &words, "EIO");
    assert_eq!(said.code, 1, "{said:?}");
    for told in ["is served, and nobody has asked whether it answers", "`mwfarm watch reconcile` finishes the deploy"] {
        assert!(said.err.contains(told), "{said:?}");
    }
    assert_ne!(farm.release("a"), before.release);
    assert_eq!(farm.journal("a").pop().expect("a line")["stage"], "switching");
    let mended = farm.mwfarm(["watch", "reconcile"]).well();
    assert!(mended.contains("was switched and answers as it should"), "{mended}");
    assert_eq!(farm.journal("a").pop().expect("a line")["stage"], "done");
    is_new(&farm, &before);
    sound(&farm);
}

/// A worker is killed while it deploys: the entry of the queue is still there, and the next worker does what it says.
#[test]
fn a_worker() {
    let farm = Farm::with_core(&plan("none"), &small("1"));
    releases(&farm, 2);
    farm.mwfarm(["watch", "worker", "--once"]).well();
    let sha = farm.push("a", &small("3"));
    let entry = format!(
        r#"{{"schema":1,"wiki":"{}","source":"hook","kind":"updated","code":"{sha}","who":"carol","at":1}}"#,
        farm.name("a")
    );
    fs::write(farm.at("var/lib/mwfarm/queue/new/1-1-1.json"), entry).expect("an entry");
    let before = Before { release: farm.release("a") };
    let saved = Saved::of(&farm);
    let work = || {
        let program = farm.command(["watch", "worker", "--once"]);
        let mut command = Command::new("setsid");
        command.arg(program.get_program()).args(program.get_args());
        command
    };
    let begun = Instant::now();
    trace::ended(&mut work()).well();
    let mut whole = begun.elapsed();
    let waiting = || {
        let entries =
            ["new", "cur"].map(|place| fs::read_dir(farm.at("var/lib/mwfarm/queue").join(place)).expect("a spool"));
        entries.into_iter().flatten().count()
    };
    assert_eq!((waiting(), farm.release("a").is_some_and(|release| release.ends_with(&sha[..12]))), (0, true));
    let (times, mut left) = (trace::count(10), 0);
    for time in 0..u32::try_from(times).expect("a number") {
        saved.restore(&farm);
        let mut running = work().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a worker");
        thread::sleep(whole * time / u32::try_from(times).expect("a number"));
        running.kill().and_then(|()| running.wait()).expect("an end");
        wait("what a killed worker has left", || !trace::lives(running.id()));
        is_old_or_new(&farm, &before);
        if waiting() == 1 {
            left += 1;
        } else {
            assert_ne!(farm.release("a"), before.release, "the entry is gone, and nothing came of it");
            // It took less time than the first one.
            whole = whole * 9 / 10;
        }
        farm.mwfarm(["watch", "worker", "--once"]).well();
        assert_eq!(waiting(), 0);
        is_new(&farm, &before);
        holds(&farm, &Before { release: None }, |farm, _| is_new(farm, &Before { release: None }));
    }
    // A part of its time it waits for more to come.
    assert!(left * 3 > times, "it was killed at work: {left} of {times}");
}

/// What a loss of power leaves of files that were being written.
#[test]
fn a_loss_of_power() {
    let farm = Farm::with_core(&plan("none"), &small("1"));
    releases(&farm, 2);
    farm.push("a", &small("3"));
    let before = Before { release: farm.release("a") };
    let name = farm.name("a");
    let journal = farm.at("var/lib/mwfarm/journal").join(format!("{name}.jsonl"));
    let mut text = fs::read_to_string(&journal).expect("a journal");
    text.push_str(TORN);
    fs::write(&journal, text).expect("a journal");
    for left in [
        format!("var/lib/mwfarm/wikis/.mwfarm-{name}.json-Ab3d5f"),
        "var/lib/mwfarm/.mwfarm-ids.json-Ab3d5f".to_owned(),
    ] {
        fs::write(farm.at(&left), "{\"schema\":1,\"na").expect("a file");
    }
    // What is below `run` is in memory.
    fs::remove_dir_all(farm.at("run")).expect("removed");
    fs::create_dir(farm.at("run")).expect("a directory");
    holds(&farm, &before, is_new);
}

/// Tries a verb at all its moments, or some of them.
fn run(verb: &Verb) {
    try_at(verb, "is killed", |_| true, |farm, words, moment| trace::kill(moment, farm, words));
}

/// The same with a system that refuses from the moment on, as a full disk does: what cannot be done is said, and done
/// when there is room again.
fn refuse(verb: &Verb, error: &str) {
    let reason = if error == "ENOSPC" { "No space left" } else { "error" };
    try_at(verb, error, Moment::is_change, |farm, words, moment| {
        let said = trace::refuse(moment, farm, words, error);
        assert!((0..=1).contains(&said.code), "{said:?}");
        // Nothing can be said where nothing can be written.
        let silent = moment.is_of("write") || said.code == 0;
        assert!(silent || said.err.contains(reason), "{said:?}");
        true
    });
}

#[expect(clippy::print_stdout, reason = "with --nocapture a campaign tells what it tried")]
fn try_at(verb: &Verb, how: &str, fits: fn(&Moment) -> bool, mut fault: impl FnMut(&Farm, &[String], &Moment) -> bool) {
    let farm = Farm::with_core(&verb.plan, &small("1"));
    (verb.prepare)(&farm);
    let before = Before { release: farm.release("a") };
    let saved = Saved::of(&farm);
    let words: Vec<String> = trace::words(&farm, "a", verb.words);
    let mut moments = trace::moments(&farm, &words);
    moments.retain(fits);
    saved.restore(&farm);
    let chosen = trace::chosen(&moments);
    let (mut struck, begun, mut failed) = (0, Instant::now(), Vec::new());
    for moment in &chosen {
        let tried = catch_unwind(AssertUnwindSafe(|| {
            if fault(&farm, &words, moment) {
                struck += 1;
                holds(&farm, &before, verb.after);
            }
        }));
        // One that fails says something about the others, too.
        if tried.is_err() {
            println!("== `{}` {how} at {moment:?}", verb.words.join(" "));
            failed.push(moment);
        }
        saved.restore(&farm);
    }
    let (words, all, took) = (verb.words.join(" "), moments.len(), begun.elapsed());
    println!("`{words}` {how}: {struck} times at {} moments of {all} in {took:?}", chosen.len());
    assert!(failed.is_empty(), "`{words}` does not bear that {}: {failed:?}", failed.len());
    // Some moments come and go with what the machine does besides.
    assert!(struck * 10 >= chosen.len() * 8, "{struck} of {}", chosen.len());
}

/// What has to hold after a kill.
fn holds(farm: &Farm, before: &Before, after: fn(&Farm, &Before)) {
    is_old_or_new(farm, before);
    let said = farm.mwfarm(["watch", "reconcile"]).well();
    sound(farm);
    is_old_or_new(farm, before);
    after(farm, before);
    let there = listing(farm);
    let again = farm.mwfarm(["watch", "reconcile"]).well();
    let stranger = |line: &&str| line.starts_with("the branch ") && state(farm).is_none();
    let told: Vec<&str> = again.lines().filter(|line| !stranger(line) && *line != "nothing differs").collect();
    assert!(told.is_empty(), "{again}\nthe first said\n{said}");
    assert_eq!(Listing::changes(&there, &listing(farm)), Vec::<String>::new(), "the first said\n{said}");
    usual(farm);
}

/// A deploy as on any other day, whatever the wiki is now.
fn usual(farm: &Farm) {
    let name = farm.name("a");
    match state(farm).as_deref() {
        None => farm.create("a"),
        Some("archived") => drop(farm.mwfarm(["wiki", "restore", &name]).well()),
        Some(_) => {}
    }
    farm.mwfarm(["wiki", "resume", &name]).well();
    let sha = farm.push("a", &BTreeMap::from([("usual.txt".to_owned(), "usual\n".to_owned())]));
    farm.deploy("a").well();
    let release = farm.release("a").expect("a release");
    assert!(release.ends_with(&sha[..12]), "{release} is not of {sha}");
    sound(farm);
}

/// The link, the revision and the code are those of one release: the one before or another whole one.
fn is_old_or_new(farm: &Farm, before: &Before) {
    let Some(release) = farm.release("a") else {
        assert!(before.release.is_none() || state(farm).is_none_or(|state| state == "deleting"), "nothing is served");
        return;
    };
    let tree = farm.at("srv/deployment/servicegroup").join(farm.name("a"));
    let read = |file: &str| fs::read_to_string(tree.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let (revision, index) = (read("REVISION"), read("index.php"));
    assert_eq!(release.split_once('-').map(|(_, short)| short), revision.get(..12));
    let committed = super::git(&farm.at("core.git"), ["show", &format!("{}:index.php", revision.trim_end())]);
    assert_eq!(index, committed);
    let json: serde_json::Value = serde_json::from_str(&read(".mwfarm/release.json")).expect("JSON");
    assert_eq!((json["release"].as_str(), json["code"].as_str()), (Some(release.as_str()), Some(revision.trim_end())));
}

fn is_new(farm: &Farm, before: &Before) {
    assert_ne!(farm.release("a"), before.release);
    let shown = farm.show("a");
    assert!(shown["wiki"]["broken"].is_null() && shown["wiki"]["held"].is_null(), "{shown:#}");
}

/// The state of the wiki, if there is one.
fn state(farm: &Farm) -> Option<String> {
    let record = farm.at("var/lib/mwfarm/wikis").join(format!("{}.json", farm.name("a")));
    let record: serde_json::Value = serde_json::from_slice(&fs::read(record).ok()?).expect("JSON");
    Some(record["state"].as_str().expect("a state").to_owned())
}

fn plan(database: &str) -> Plan {
    Plan { options: format!("  database: {database}\n  keep: 2\n"), ..Plan::plain() }
}

/// A core of a few files, so that each kill costs little.
fn small(version: &str) -> BTreeMap<String, String> {
    let mut files = core::files(version);
    files.retain(|path, _| !path.starts_with("includes/part/"));
    files
}

/// A wiki of so many releases.
fn releases(farm: &Farm, count: u32) {
    farm.create("a");
    for version in 2..=count {
        farm.push("a", &small(&version.to_string()));
        farm.deploy("a").well();
    }
}

/// A farm's files as they were.
struct Saved(tempfile::TempDir);

impl Saved {
    fn of(farm: &Farm) -> Self {
        let saved = tempfile::Builder::new().prefix("mwk").tempdir().expect("a temporary directory");
        copy(&farm.base, saved.path());
        Self(saved)
    }

    fn restore(&self, farm: &Farm) {
        for entry in fs::read_dir(&farm.base).expect("the root") {
            let path = entry.expect("an entry").path();
            let removed =
                if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.expect("removed");
        }
        copy(self.0.path(), &farm.base);
    }
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-aT").arg(from).arg(to).status().expect("cp");
    assert!(status.success());
}
