//! Pushes, from git's hooks to what is served.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use super::watching::{Clone, most_at_a_time, small_core};
use super::{Farm, Plan, git, wait};
use crate::deploy::git::packed::large_commit;
use crate::meanwhile::End;

const WIKIS: [&str; 4] = ["a", "b", "c", "d"];

/// A farm with four wikis.
fn farm() -> Farm {
    let farm = Farm::with_core(&Plan::plain(), &small_core());
    for wiki in WIKIS {
        farm.create(wiki);
    }
    farm
}

#[test]
fn eight_who_push_at_a_time_end_with_the_newest() {
    const PUSHERS: usize = 8;
    const PUSHES: usize = 20;
    let farm = farm();
    farm.hooks();
    let worker = farm.worker("4");
    std::thread::scope(|scope| {
        for pusher in 0..PUSHERS {
            let farm = &farm;
            scope.spawn(move || {
                let clone = Clone::of(farm, WIKIS[pusher % WIKIS.len()], &pusher.to_string());
                for number in 0..PUSHES {
                    clone.commit(&format!("{pusher}.txt"), &number.to_string());
                    clone.push();
                }
            });
        }
    });
    farm.settle(&WIKIS);
    let said = worker.stop();
    let mut deploys = 0;
    for wiki in WIKIS {
        let attempts = farm.attempts(wiki);
        assert!(attempts.iter().all(|(_, stages)| stages.last().is_some_and(|stage| stage == "done")), "{attempts:?}");
        deploys += attempts.len() - 1;
        let pushed = git(&farm.at("core.git"), ["rev-list", "--count", &format!("main..{}", farm.tip(wiki))]);
        assert_eq!(pushed.trim(), (PUSHERS / WIKIS.len() * PUSHES).to_string(), "no push is lost");
        for pusher in (0..PUSHERS).filter(|pusher| WIKIS[pusher % WIKIS.len()] == wiki) {
            let file = farm.at("srv/deployment/servicegroup").join(farm.name(wiki)).join(format!("{pusher}.txt"));
            assert_eq!(fs::read_to_string(file).unwrap(), (PUSHES - 1).to_string());
        }
        let why = farm.journal(wiki).last().unwrap()["why"].as_str().unwrap().to_owned();
        assert!(why.starts_with("pushed by carol"), "{why}");
    }
    assert!((WIKIS.len()..=PUSHERS * PUSHES).contains(&deploys), "{deploys}");
    assert!(most_at_a_time(&said) > 1, "{said}");
    assert!(said.contains(&format!("{deploys} deployed, 0 failed")), "{said}");
}

#[test]
fn several_wikis_are_deployed_at_a_time() {
    let farm = farm();
    farm.hooks();
    for wiki in WIKIS {
        let clone = Clone::of(&farm, wiki, "x");
        clone.commit("includes/New.php", "<?php\n");
        clone.push();
    }
    // What is new is parsed: none gets on before all are there.
    let (php, go) = (farm.at("slow-php"), farm.at("go"));
    let waits = format!("until [ -e '{}' ] || [ ! -e '{}' ]; do sleep 0.02; done", go.display(), php.display());
    fs::write(&php, format!("#!/bin/sh\n{waits}\nexec /usr/bin/php \"$@\"\n")).unwrap();
    super::chmod(&php, 0o755);
    let options = fs::read_to_string(farm.at("mwfarm.yml")).unwrap();
    fs::write(farm.at("mwfarm.yml"), options.replace("php: /usr/bin/php", &format!("php: {}", php.display()))).unwrap();
    let worker = farm.worker("4");
    wait("four are at work", || most_at_a_time(&worker.said()) == 4);
    fs::write(&go, "").unwrap();
    farm.settle(&WIKIS);
    let said = worker.stop();
    assert_eq!(most_at_a_time(&said), 4, "{said}");
    for wiki in WIKIS {
        assert_eq!(farm.attempts(wiki).len(), 2);
    }
}

#[test]
fn repeated_shuffled_and_lost_events_lead_to_the_same() {
    let farm = farm();
    // Nobody tells of these pushes; what would have been told is put down.
    let mut lines = Vec::new();
    for wiki in WIKIS {
        let clone = Clone::of(&farm, wiki, "x");
        for number in 0..5 {
            let old = farm.tip(wiki);
            clone.commit("file.txt", &number.to_string());
            lines.push((wiki, told(&farm, wiki, &old, &clone.push())));
        }
    }
    // Of the last wiki's pushes all are lost, of the others' some.
    let mut stream: Vec<String> = (0..10)
        .flat_map(|_| lines.iter().filter(|(wiki, _)| *wiki != "d").flat_map(|(_, events)| events.clone()))
        .collect();
    shuffle(&mut stream);
    stream.truncate(stream.len() * 2 / 3);
    let junk = [
        "no JSON".to_owned(),
        String::new(),
        format!("{{\"type\":\"ref-updated\",\"x\":\"{}\"}}", "x".repeat(2 << 20)),
        "{\"type\":\"dropped-output\"}".to_owned(),
        "[".repeat(100_000),
        "{\"type\":\"ref-updated\",\"refUpdate\":{\"refName\":7}}".to_owned(),
    ];
    for (place, line) in junk.into_iter().enumerate() {
        stream.insert(place * 7, line);
    }
    let mut text = stream.join("\n");
    let whole = &lines[0].1[0];
    let _ = write!(text, "\n{}", &whole[..whole.len() / 2]);
    let recorded = farm.at("recorded");
    fs::write(&recorded, text).unwrap();
    let followed = || {
        let mut command = farm.command(["watch", "gerrit", "--stdin"]);
        let output = command.stdin(fs::File::open(&recorded).unwrap()).output().unwrap();
        super::Said::from(output)
    };
    // Who asks is told, and nothing is done.
    let said = farm.mwfarm(["watch", "reconcile", "--dry-run"]).well();
    for wiki in WIKIS {
        let line = format!("{}: its branch has {}, and ", farm.name(wiki), &farm.tip(wiki)[..12]);
        assert!(said.contains(&line), "{said}");
        assert_eq!(farm.attempts(wiki).len(), 1);
    }
    let worker = farm.worker("4");
    worker.until_it_says(": done");
    let said = followed();
    for text in ["is passed over", "no JSON that can be followed", "field `refUpdate.project` is missing"] {
        assert!(said.err.contains(text), "{text}: {}", said.err);
    }
    said.well();
    // The same by files of the spool, among which are some that are none.
    spoil(&farm);
    farm.settle(&WIKIS);
    followed().well();
    farm.settle(&WIKIS);
    let said = worker.stop();
    assert!(said.contains("is no entry of the queue"), "{said}");
    for wiki in WIKIS {
        // What was told after the deploy of the newest commit led to no other one.
        let attempts = farm.attempts(wiki);
        assert_eq!(attempts.len(), 2, "{wiki}: {attempts:?}\n{said}");
    }
}

/// Events of pushes that are under way, each told ten times, in any order, many late and many never: what is deployed
/// only goes on to newer commits, and ends with the newest.
#[test]
fn events_that_come_late_and_often_take_nothing_back() {
    const ROUNDS: usize = 6;
    let farm = farm();
    let clones = WIKIS.map(|wiki| Clone::of(&farm, wiki, "x"));
    let worker = farm.worker("4");
    worker.until_it_says("the look at all wikis: nothing to do");
    let (mut events, mut commits) = (Vec::new(), vec![Vec::new(); WIKIS.len()]);
    let recorded = farm.at("recorded");
    for round in 0..ROUNDS {
        for (place, wiki) in WIKIS.into_iter().enumerate() {
            let old = farm.tip(wiki);
            clones[place].commit("file.txt", &round.to_string());
            let new = clones[place].push();
            // Of the last wiki nothing is told, nor of what was pushed last to the one before.
            if wiki != "d" && (wiki != "c" || round + 1 < ROUNDS) {
                events.extend(told(&farm, wiki, &old, &new));
            }
            commits[place].push(new);
        }
        let mut stream: Vec<String> = (0..10).flat_map(|_| events.clone()).collect();
        shuffle(&mut stream);
        stream.truncate(stream.len() * 2 / 3);
        fs::write(&recorded, stream.join("\n") + "\n").unwrap();
        let mut command = farm.command(["watch", "gerrit", "--stdin"]);
        super::Said::from(command.stdin(fs::File::open(&recorded).unwrap()).output().unwrap()).well();
    }
    farm.settle(&["a", "b"]);
    assert_ne!(farm.served("d"), farm.tip("d"), "nobody told of it");
    // A look finds what nobody told.
    farm.mwfarm(["watch", "reconcile"]).well();
    farm.settle(&WIKIS);
    let said = worker.stop();
    for (wiki, commits) in WIKIS.into_iter().zip(&commits) {
        let attempts = farm.attempts(wiki);
        assert!((2..=ROUNDS + 1).contains(&attempts.len()), "{wiki}: {attempts:?}\n{said}");
        let begun = farm.journal(wiki).into_iter().filter(|entry| entry["stage"] == "queued");
        let order: Vec<_> = begun.map(|entry| commits.iter().position(|commit| entry["code"] == **commit)).collect();
        assert!(order.is_sorted_by(|one, other| one < other), "{wiki}: {order:?}\n{said}");
    }
}

/// A worker, people, and looks at all wikis work on the same wiki, each in a process of its own.
#[test]
fn however_many_deploy_a_wiki_one_does_at_a_time() {
    const PUSHES: usize = 12;
    let farm = Farm::with_core(&Plan::plain(), &small_core());
    farm.create("a");
    farm.hooks();
    let worker = farm.worker("4");
    let name = farm.name("a");
    let commands = [
        &["deploy", &name, "--wait"][..],
        &["deploy", &name, "--again", "--wait"],
        &["watch", "reconcile"],
        &["deploy", &name],
    ];
    let pushed = AtomicBool::new(false);
    let begun = || {
        let journal = fs::read_to_string(farm.at("var/lib/mwfarm/journal").join(format!("{name}.jsonl")));
        journal.unwrap_or_default().matches("\"queued\"").count()
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // However this ends, all others do.
            let _end = End(&pushed);
            let clone = Clone::of(&farm, "a", "x");
            let mut number = 0;
            // Until there was enough that could have met.
            while number < PUSHES || begun() <= PUSHES / 2 {
                assert!(number < 100 * PUSHES, "hardly anything is deployed");
                clone.commit("file.txt", &number.to_string());
                clone.push();
                number += 1;
            }
        });
        for words in commands {
            let (farm, pushed) = (&farm, &pushed);
            scope.spawn(move || {
                while !pushed.load(Ordering::Relaxed) {
                    let said = farm.mwfarm(words);
                    // Who does not want to wait is told who is at work.
                    let is_busy = said.code == 1 && said.err.contains("is at work in");
                    assert!(said.code == 0 || is_busy && words.len() == 2, "{words:?}: {said:?}");
                }
            });
        }
    });
    farm.mwfarm(["deploy", &name, "--wait"]).well();
    farm.settle(&["a"]);
    worker.stop();
    // One ends before another begins, or this fails.
    let attempts = farm.attempts("a");
    assert!(attempts.len() > PUSHES / 2, "{attempts:?}");
    assert!(attempts.iter().all(|(_, stages)| stages.last().is_some_and(|stage| stage == "done")), "{attempts:?}");
    // A worker that stops leaves files of old releases to whoever comes next.
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
    super::sound::sound(&farm);
}

/// What Gerrit tells of a change that was submitted.
fn told(farm: &Farm, wiki: &str, old: &str, new: &str) -> [String; 2] {
    let (project, branch) = (farm.at("core").display().to_string(), format!("wiki/{}", farm.name(wiki)));
    let project = project.trim_start_matches('/');
    [
        format!(
            r#"{{"submitter":{{"username":"carol"}},"refUpdate":{{"oldRev":"{old}","newRev":"{new}","refName":"refs/heads/{branch}","project":"{project}"}},"type":"ref-updated","eventCreatedOn":1700000000}}"#
        ),
        format!(
            r#"{{"change":{{"project":"{project}","branch":"{branch}","id":"I1","number":7}},"patchSet":{{"number":2,"revision":"{old}"}},"submitter":{{"username":"carol"}},"newRev":"{new}","type":"change-merged"}}"#
        ),
    ]
}

/// Puts into the spool what is no entry of it, and entries ten times.
fn spoil(farm: &Farm) {
    let new = farm.at("var/lib/mwfarm/queue/new");
    for (name, text) in [("1-1-1.json", "{"), ("2-1-1.json", "{\"schema\":9}"), ("no name", "x"), ("3-1-1.json", "")] {
        fs::write(new.join(name), text).unwrap();
    }
    symlink("/etc/passwd", new.join("4-1-1.json")).unwrap();
    fs::create_dir(new.join("5-1-1.json")).unwrap();
    assert!(Command::new("mkfifo").arg(new.join("6-1-1.json")).stdin(Stdio::null()).status().unwrap().success());
    for (number, wiki) in (0..10).flat_map(|number| WIKIS.map(|wiki| (number, wiki))) {
        let (name, code) = (farm.name(wiki), "0".repeat(39) + "1");
        let entry = format!(
            r#"{{"schema":1,"wiki":"{name}","source":"hook","kind":"updated","code":"{code}","who":"carol","at":1}}"#
        );
        let hidden = new.join(format!(".{number}"));
        fs::write(&hidden, entry).unwrap();
        fs::rename(hidden, new.join(format!("9-{number}-{wiki}.json"))).unwrap();
    }
}

/// An order that is no order, and always the same.
fn shuffle(lines: &mut [String]) {
    let mut random = 42_u64;
    for last in (1..lines.len()).rev() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        lines.swap(last, usize::try_from(random >> 33).unwrap() % (last + 1));
    }
}

#[test]
fn a_branch_that_was_forced_elsewhere_waits() {
    let farm = Farm::with_core(&Plan::plain(), &small_core());
    farm.create("a");
    farm.hooks();
    let clone = Clone::of(&farm, "a", "x");
    clone.commit("file.txt", "1");
    clone.push();
    let worker = farm.worker("2");
    farm.settle(&["a"]);
    let served = farm.served("a");
    git(&clone.directory, ["commit", "-q", "--amend", "-m", "another"]);
    let branch = format!("refs/heads/wiki/{}", farm.name("a"));
    let (taken, said) = clone.try_push(&["--force"], &branch);
    assert!(!taken && said.contains("leaves out commits of its branch"), "{said}");
    // By a server without our hooks, such as Gerrit.
    fs::remove_file(farm.at("core.git/hooks/pre-receive")).unwrap();
    assert!(clone.try_push(&["--force"], &branch).0);
    worker.until_it_says("which is served");
    let said = worker.stop();
    assert_eq!(farm.served("a"), served, "{said}");
    let last = farm.journal("a").pop().unwrap();
    assert!(last["error"].as_str().unwrap().contains("leaves out"), "{last}");
    assert_eq!(last["code"].as_str().unwrap(), farm.tip("a"));
    farm.deploy("a").badly(4, "all the same");
    farm.mwfarm(["deploy", &farm.name("a"), "--rev", &farm.tip("a")]).well();
    assert_eq!(farm.served("a"), farm.tip("a"));
    // Where the farm says so, it is followed, and noted.
    farm.option("force-push: true");
    git(&clone.directory, ["commit", "-q", "--amend", "-m", "a third"]);
    assert!(clone.try_push(&["--force"], &branch).0);
    farm.deploy("a").well();
    assert_eq!(farm.served("a"), farm.tip("a"));
    let noted = farm.journal("a");
    assert!(noted.iter().any(|entry| entry["stage"] == "noted" && entry["why"].as_str().unwrap().contains("forced")));
}

#[test]
fn the_history_tells_which_pushes_were_passed_over() {
    let farm = Farm::with_core(&Plan::plain(), &small_core());
    farm.create("a");
    farm.mwfarm(["watch", "worker", "--once"]).well();
    for number in 1..=3 {
        let code = farm.push_file("a", "file.txt", &number.to_string());
        let entry = format!(
            r#"{{"schema":1,"wiki":"{}","source":"hook","kind":"updated","code":"{code}","who":"carol","at":{number}}}"#,
            farm.name("a")
        );
        fs::write(farm.at(&format!("var/lib/mwfarm/queue/new/{number}-1-1.json")), entry).unwrap();
    }
    farm.mwfarm(["watch", "worker", "--once"]).well();
    assert_eq!(farm.served("a"), farm.tip("a"));
    let last = farm.journal("a").pop().unwrap();
    assert_eq!((&last["stage"], &last["attempt"]), (&"done".into(), &2.into()), "{last}");
    assert_eq!(last["why"], "pushed by carol, in place of 2 pushes before it");
}

#[test]
fn a_commit_of_the_configuration_is_deployed_without_a_command() {
    let plan = Plan { users: true, ..Plan::plain() };
    let farm = Farm::with_core(&plan, &small_core());
    farm.create("a");
    let release = farm.release("a");
    let settings = |text: &str| {
        let file = farm.at("srv/deployment/servicegroup").join(farm.name("a")).join(".mwfarm/config/LocalSettings.php");
        fs::read_to_string(file).is_ok_and(|settings| settings.contains(text))
    };
    let worker = farm.worker("2");
    worker.until_it_says("the look at all wikis: nothing to do");
    farm.configure_wiki("a", "<?php\n$wgSitename = 'First';");
    wait("the commit is served", || settings("'First'") && farm.queued() == 0);
    assert_ne!(farm.release("a"), release);
    let last = farm.journal("a").pop().unwrap();
    assert!(last["why"].as_str().unwrap().starts_with("configured by uid "), "{last}");
    // One that does not parse is refused, once.
    farm.configure_wiki("a", "<?php\n$wgSitename = ;");
    worker.until_it_says("LocalSettings.php:2: ");
    assert!(settings("'First'"));
    // Told while nobody listens, and not told at all.
    worker.stop();
    farm.configure_wiki("a", "<?php\n$wgSitename = 'Second';");
    let notification = farm.at("data/project").join(farm.name("a")).join("config.committed");
    assert!(notification.exists());
    let worker = farm.worker("2");
    wait("the commit is served", || settings("'Second'") && farm.queued() == 0);
    wait("it is told once", || !notification.exists());
    worker.stop();
    farm.configure_wiki("a", "<?php\n$wgSitename = 'Third';");
    fs::remove_file(&notification).unwrap();
    let worker = farm.worker("2");
    wait("the commit is served", || settings("'Third'") && farm.queued() == 0);
    let said = worker.stop();
    assert!(said.contains("told by reconcile"), "{said}");
    // Without a branch its code stays, and its configuration goes on.
    git(&farm.at("core.git"), ["branch", "-D", &format!("wiki/{}", farm.name("a"))]);
    let worker = farm.worker("2");
    worker.until_it_says("is gone (mwfarm, told by reconcile): the wiki stays");
    farm.configure_wiki("a", "<?php\n$wgSitename = 'Fourth';");
    wait("the commit is served", || settings("'Fourth'") && farm.queued() == 0);
    worker.stop();
}

/// What cannot be taken is refused as what cannot be used: it is not tried again at each word of the wiki.
#[test]
fn a_configuration_that_cannot_be_unpacked_keeps_no_push_back() {
    let plan = Plan { users: true, ..Plan::plain() };
    let farm = Farm::with_core(&plan, &small_core());
    farm.create("a");
    let core = farm.at("core.git");
    let large = large_commit(&core);
    let work = farm.at("data/project").join(farm.name("a")).join("config.git-work");
    let script = format!("cp -r {}/objects/. {}/.git/objects/", core.display(), work.display());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    farm.mwfarm(["wiki", "become", &farm.name("a"), "--", "git", "update-ref", "HEAD", &large]).well();
    let notification = work.with_file_name("config.committed");
    let refused = || {
        fs::write(&notification, "").unwrap();
        let said = farm.mwfarm(["watch", "worker", "--once"]);
        assert!(said.err.contains("needs more than 512 MiB of memory, or 60 s, to be unpacked"), "{said:?}");
        let noted = farm.journal("a").into_iter().filter(|entry| entry["config"] == large.as_str()).count();
        (farm.show("a")["wiki"]["refused"].clone(), noted)
    };
    let first = refused();
    assert_eq!((first.0["config"].as_str(), first.1), (Some(large.as_str()), 1));
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(refused(), first, "it was tried again");
    let release = farm.release("a");
    farm.push("a", &[("new.php".to_owned(), "<?php\n".to_owned())].into());
    farm.deploy("a").well();
    assert_ne!(farm.release("a"), release);
}

#[test]
fn a_refused_configuration_is_looked_at_once_and_old_ones_are_let_go() {
    let plan = Plan { users: true, ..Plan::plain() }.with("keep: 2");
    let farm = Farm::with_core(&plan, &small_core());
    farm.create("a");
    let served = farm.release("a");
    let refused = || {
        let is_refused = |entry: &&serde_json::Value| entry["why"] == "a commit of the configuration is refused";
        farm.journal("a").iter().filter(is_refused).count()
    };
    farm.configure_wiki("a", "<?php\n$wgSitename = ;");
    let notification = farm.at("data/project").join(farm.name("a")).join("config.committed");
    for _ in 0..3 {
        fs::write(&notification, "").unwrap();
        let said = farm.mwfarm(["watch", "worker", "--once"]);
        assert!(said.err.contains("LocalSettings.php:2: "), "{said:?}");
        assert_eq!(refused(), 1);
    }
    // Somebody who asks is answered, and so is another commit.
    farm.deploy("a").badly(1, "LocalSettings.php:2: ");
    assert_eq!((refused(), farm.release("a")), (2, served));
    farm.configure_wiki("a", "<?php\n\n$wgSitename = ;");
    farm.mwfarm(["watch", "worker", "--once"]);
    assert_eq!(refused(), 3);
    for number in 0..4 {
        farm.configure_wiki("a", &format!("<?php\n$wgSitename = '{number}';"));
        farm.deploy("a").well();
    }
    let copy = farm.at(&format!("srv/deployment/mediawiki/config/{}.git", farm.name("a")));
    let pins = git(&copy, ["for-each-ref", "--format=%(refname)", "refs/deployed/"]);
    assert_eq!(pins.lines().count(), 2, "{pins}");
    let head = git(&copy, ["rev-parse", pins.lines().next().unwrap()]);
    assert!(pins.contains(head.trim()));
}
