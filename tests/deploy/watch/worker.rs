//! The worker: whatever the order, the repetitions and the losses, each wiki ends with what its branch has.

use super::*;
use std::sync::atomic::AtomicBool;

use mwfarm::deploy::event::{Kind, Source};
use mwfarm::deploy::lock;
use mwfarm::deploy::queue::{Entry, Queue};
use mwfarm::deploy::record::Held;
use mwfarm::deploy::watch::{Known, missed};
use mwfarm::report::{ExitCode, Silent};

use crate::mount::Mount;

#[test]
fn the_newest_push_stands_for_those_before() {
    let farm = Farm::new("");
    farm.wiki("alpha", |_| ());
    let engine = Engine::default();
    engine.push("alpha", 20);
    for number in 1..=20 {
        farm.add(&pushed("alpha", number - 1, number));
    }
    let counts = drain(&farm, &|name, pushed| engine.deploy(name, pushed), &Heard::default());
    assert_eq!((counts.deployed, engine.deploys_of("alpha")), (1, 1));
    let (_, told) = engine.deploys.lock().unwrap().remove(0);
    assert_eq!((told.code, told.superseded, told.source), (Some(sha(20)), 19, Source::Hook));
    assert_eq!(farm.queued(), (0, 0));
    let desired = farm.record(&name("alpha")).desired.unwrap();
    assert_eq!((desired.code, desired.event.as_str()), (sha(20), "hook"));
}

#[test]
fn order_repetitions_and_losses_do_not_matter() {
    let wikis = ["alpha", "beta", "gamma", "delta"];
    let all: Vec<Event> =
        wikis.iter().flat_map(|wiki| (1..=20).map(move |number| pushed(wiki, number - 1, number))).collect();
    // As told; each ten times; backwards; every third only, and the rest found by a look.
    let shapes: [Vec<Event>; 4] = [
        all.clone(),
        all.iter().flat_map(|event| std::iter::repeat_n(event.clone(), 10)).collect(),
        all.iter().rev().cloned().collect(),
        all.iter().step_by(3).take(10).cloned().collect(),
    ];
    for (number, events) in shapes.iter().enumerate() {
        let farm = Farm::new("");
        let engine = Engine { takes: Duration::from_millis(30), ..Engine::default() };
        for wiki in wikis {
            farm.wiki(wiki, |_| ());
            engine.push(wiki, 20);
        }
        let look = || {
            let served = engine.served.lock().unwrap();
            let known =
                |name: &Name| Known { wiki: farm.record(name), served: served.get(name).cloned(), configured: None };
            let wikis = wikis.iter().map(|wiki| (name(wiki), known(&name(wiki)))).collect();
            let remote = engine.remote.lock().unwrap();
            let remote = remote.iter().map(|(name, sha)| (Options::branch(name), sha.clone())).collect();
            Ok(missed("mediawiki/core", &remote, &wikis))
        };
        let (heard, stop) = (Heard::default(), Stop::default());
        let deploy = |name: &Name, pushed: &Pushed| engine.deploy(name, pushed);
        let work = Work { every: Duration::from_millis(500), ..service(&farm, &deploy, &look, &stop, &heard) };
        beside(&work, || {
            for event in events {
                farm.add(event);
            }
            until("all wikis are current", || engine.is_current() && farm.queued() == (0, 0));
        });
        assert!(engine.is_current(), "shape {number}");
        assert!(engine.deploys.lock().unwrap().len() <= events.len() + 40, "shape {number}");
        assert_eq!(farm.queued(), (0, 0), "shape {number}: {}", heard.all());
    }
}

#[test]
fn a_push_during_a_deploy_is_deployed_right_after() {
    let farm = Farm::new("");
    farm.wiki("alpha", |_| ());
    let (engine, told) = (Engine::default(), AtomicBool::new(false));
    let (heard, stop) = (Heard::default(), Stop::default());
    let deploy = |name: &Name, pushed: &Pushed| {
        let outcome = engine.deploy(name, pushed);
        until("all is told", || told.load(Ordering::SeqCst));
        outcome
    };
    beside(&service(&farm, &deploy, &nothing_missed, &stop, &heard), || {
        engine.push("alpha", 1);
        farm.add(&pushed("alpha", 0, 1));
        until("the first deploy runs", || engine.deploys_of("alpha") == 1);
        for number in 2..=5 {
            engine.push("alpha", number);
            farm.add(&pushed("alpha", number - 1, number));
        }
        told.store(true, Ordering::SeqCst);
        until("the last one is served", || engine.is_current());
    });
    assert!(engine.deploys_of("alpha") <= 3, "{:?}", engine.deploys);
    assert_eq!(engine.served.lock().unwrap()[&name("alpha")], sha(5));
}

#[test]
fn several_wikis_are_deployed_at_a_time() {
    let farm = Farm::new("");
    // A fifth would be seen as long as these take.
    let engine = Engine { takes: Duration::from_millis(300), meet: 4, ..Engine::default() };
    for number in 0..8 {
        let wiki = format!("w{number}");
        farm.wiki(&wiki, |_| ());
        engine.push(&wiki, 1);
        farm.add(&pushed(&wiki, 0, 1));
    }
    let counts = drain(&farm, &|name, pushed| engine.deploy(name, pushed), &Heard::default());
    assert_eq!(counts.deployed, 8);
    assert_eq!(engine.most_together.load(Ordering::SeqCst), 4, "as many as there are jobs");
}

#[test]
fn what_is_not_to_be_deployed_is_left_with_the_reason() {
    let farm = Farm::new("");
    farm.wiki("held", |wiki| {
        wiki.held = Some(Held { by: "bob".to_owned(), why: "a rollback".to_owned(), since: 0, by_deploy: true });
    });
    farm.wiki("archived", |wiki| wiki.state = State::Archived);
    farm.wiki("gone", |_| ());
    for wiki in ["held", "archived", "stray"] {
        farm.add(&pushed(wiki, 1, 2));
    }
    farm.add(&pushed("gone", 1, 0));
    let heard = Heard::default();
    let counts = drain(&farm, &|name, _| panic!("`{name}` is deployed"), &heard);
    assert_eq!((counts.left, counts.failed, farm.queued()), (3, 0, (0, 0)), "{}", heard.all());
    for text in [
        "`held` is held by bob: a rollback",
        "`archived` is archived",
        "`stray` has a branch, but nobody asked for the wiki",
        "warning: the branch of `gone` is gone (alice, told by hook): the wiki stays",
    ] {
        assert!(heard.all().lines().any(|line| line == text), "{text} is not in:\n{}", heard.all());
    }
    // What a held wiki is to have when it is resumed.
    assert_eq!(farm.record(&name("held")).desired.unwrap().code, sha(2));
    assert_eq!(farm.record(&name("archived")).desired, None);
    // A name of which nothing is known leaves nothing behind.
    assert!(!farm.options.layout.locks().join("stray.wiki").exists());
}

#[test]
fn the_look_waits_for_no_deploy() {
    let farm = Farm::new("");
    for wiki in ["slow", "unfinished"] {
        farm.wiki(wiki, |wiki| {
            wiki.state = if wiki.name.as_str() == "slow" { State::Ready } else { State::Provisioning };
        });
        farm.add(&pushed(wiki, 1, 2));
    }
    let (looks, stop, heard) = (AtomicUsize::new(0), Stop::default(), Heard::default());
    let deployed = AtomicUsize::new(0);
    // All jobs there are wait for what only a look can bring.
    let deploy = |_: &Name, _: &Pushed| {
        let (before, begun) = (looks.load(Ordering::SeqCst), std::time::Instant::now());
        while looks.load(Ordering::SeqCst) < before + 2 && begun.elapsed() < Duration::from_secs(120) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(looks.load(Ordering::SeqCst) >= before + 2, "nobody looks while a wiki is deployed");
        if deployed.fetch_add(1, Ordering::SeqCst) == 1 {
            stop.ask();
        }
        Outcome::Deployed(sha(2))
    };
    let look = || {
        looks.fetch_add(1, Ordering::SeqCst);
        Ok(Vec::new())
    };
    let every = Duration::from_millis(300);
    let counts = work(&Work { jobs: 1, once: false, every, ..service(&farm, &deploy, &look, &stop, &heard) }).unwrap();
    assert_eq!((counts.deployed, counts.failed), (2, 0), "{}", heard.all());
}

#[test]
fn looks_and_deploys_wait_for_no_cleaning() {
    let farm = Farm::new("");
    farm.wiki("alpha", |_| ());
    let (looks, cleans, stop, heard) = (AtomicUsize::new(0), AtomicUsize::new(0), Stop::default(), Heard::default());
    let deploy = |_: &Name, _: &Pushed| Outcome::Deployed(sha(2));
    let look = || {
        looks.fetch_add(1, Ordering::SeqCst);
        Ok(Vec::new())
    };
    let ended = AtomicBool::new(false);
    let clean = || {
        cleans.fetch_add(1, Ordering::SeqCst);
        until("what goes on meanwhile has ended", || ended.load(Ordering::SeqCst));
        Err(Problem::new(ExitCode::Failed, "the disk is full"))
    };
    let every = Duration::from_millis(100);
    let work = Work { every, clean: Some(&clean), ..service(&farm, &deploy, &look, &stop, &heard) };
    let counts = beside(&work, || {
        until("it is cleaned", || cleans.load(Ordering::SeqCst) == 1);
        let before = looks.load(Ordering::SeqCst);
        farm.add(&pushed("alpha", 1, 2));
        until("a push is followed, and all are looked at", || {
            farm.queued() == (0, 0) && looks.load(Ordering::SeqCst) > before + 2
        });
        assert_eq!(cleans.load(Ordering::SeqCst), 1, "one at a time");
        ended.store(true, Ordering::SeqCst);
        until("it is told", || heard.all().contains("warning: cleaning up: the disk is full"));
    });
    assert_eq!((counts.deployed, counts.failed), (1, 0), "{}", heard.all());
}

/// What cannot be removed is not tried, nor told of, all the time, and keeps nothing else from being removed.
#[test]
fn what_cannot_be_removed_is_tried_again_later() {
    let farm = Farm::new("");
    let old = |name: &str| farm.options.layout.staging().join(name);
    for name in ["alpha.1.removed", "beta.2.removed"] {
        fs::create_dir_all(old(name)).unwrap();
    }
    let mount =
        Mount::memory(&old("alpha.1.removed"), "size=1m").expect("this test needs a machine that lets it mount");
    let (stop, heard) = (Stop::default(), Heard::default());
    let deploy = |_: &Name, _: &Pushed| panic!("nothing was pushed");
    let told = || heard.all().matches("warning: removing old releases: cannot use").count();
    let pauses = (Duration::from_secs(3600), Duration::from_secs(3600));
    let work = Work { pauses, ..service(&farm, &deploy, &nothing_missed, &stop, &heard) };
    beside(&work, || {
        until("it is told", || told() == 1);
        assert!(!old("beta.2.removed").exists());
        // It is there all the time, and looked at several times.
        fs::create_dir(old("gamma.3.removed")).unwrap();
        std::thread::sleep(Duration::from_millis(4500));
    });
    assert_eq!(told(), 1, "{}", heard.all());
    drop(mount);
    // It ends at once when it is asked to, and the next worker goes on.
    let stop = Stop::default();
    beside(&service(&farm, &deploy, &nothing_missed, &stop, &heard), || {
        until("all are removed", || !old("alpha.1.removed").exists() && !old("gamma.3.removed").exists());
    });
}

#[test]
fn nothing_is_cleaned_while_there_is_something_to_deploy() {
    let farm = Farm::new("");
    farm.wiki("alpha", |wiki| wiki.state = State::Archived);
    let (looks, cleans, stop, heard) = (AtomicUsize::new(0), AtomicUsize::new(0), Stop::default(), Heard::default());
    let deploy = |_: &Name, _: &Pushed| Outcome::Unchanged;
    let look = || {
        looks.fetch_add(1, Ordering::SeqCst);
        Ok(vec![pushed("alpha", 1, 2)])
    };
    let clean = || {
        cleans.fetch_add(1, Ordering::SeqCst);
        Ok(())
    };
    let every = Duration::from_millis(50);
    let work = Work { every, clean: Some(&clean), ..service(&farm, &deploy, &look, &stop, &heard) };
    beside(&work, || until("it has looked", || looks.load(Ordering::SeqCst) > 3));
    assert_eq!(cleans.load(Ordering::SeqCst), 0);
}

#[test]
fn a_branch_makes_a_wiki_where_that_is_wanted() {
    let farm = Farm::new("");
    farm.add(&pushed("stray", 0, 2));
    let (heard, stop) = (Heard::default(), Stop::default());
    let create = |name: &Name, pushed: &Pushed| {
        assert_eq!((name.as_str(), pushed.kind), ("stray", Kind::Created));
        Outcome::Deployed(sha(2))
    };
    let deploy = |_: &Name, _: &Pushed| panic!("there is no such wiki");
    let only = Work { once: true, create: Some(&create), ..service(&farm, &deploy, &nothing_missed, &stop, &heard) };
    assert_eq!(work(&only).unwrap().deployed, 1);
}

#[test]
fn what_could_not_be_tried_is_tried_again() {
    let farm = Farm::new("");
    farm.wiki("alpha", |_| ());
    farm.add(&pushed("alpha", 1, 2));
    let tries = AtomicUsize::new(0);
    let deploy = |_: &Name, _: &Pushed| match tries.fetch_add(1, Ordering::SeqCst) {
        0..3 => Outcome::Later(Problem::new(ExitCode::Failed, "no network")),
        _ => Outcome::Deployed(sha(2)),
    };
    // An only run leaves it for the next one.
    let heard = Heard::default();
    assert_eq!(drain(&farm, &deploy, &heard).later, 1);
    assert_eq!(farm.queued(), (0, 1));
    let stop = Stop::default();
    let counts = beside(&service(&farm, &deploy, &nothing_missed, &stop, &heard), || {
        until("it is deployed", || farm.queued() == (0, 0));
    });
    assert_eq!((counts.later, counts.deployed, tries.load(Ordering::SeqCst)), (2, 1, 4));
    assert!(heard.all().contains("warning: `alpha`: no network"), "{}", heard.all());
}

#[test]
fn failures_are_not_repeated_and_do_not_stop_the_others() {
    let farm = Farm::new("");
    for wiki in ["bad", "panics", "good"] {
        farm.wiki(wiki, |_| ());
        farm.add(&pushed(wiki, 1, 2));
    }
    farm.wiki("damaged", |_| ());
    fs::write(farm.options.layout.record(&name("damaged")), "{}").unwrap();
    farm.add(&pushed("damaged", 1, 2));
    let heard = Heard::default();
    let deploy = |name: &Name, _: &Pushed| match name.as_str() {
        "bad" => Outcome::Failed(Problem::new(ExitCode::Failed, "no health").cause("status 500")),
        "panics" => panic!("on purpose"),
        _ => Outcome::Deployed(sha(2)),
    };
    let counts = drain(&farm, &deploy, &heard);
    assert_eq!((counts.deployed, counts.failed, farm.queued()), (1, 3, (0, 0)), "{}", heard.all());
    for text in ["`bad`: no health: status 500", "`panics`: came to no end", "`damaged`: `"] {
        assert!(heard.all().contains(text), "{text} is not in:\n{}", heard.all());
    }
}

#[test]
fn a_wiki_on_which_a_command_is_at_work_waits() {
    let farm = Farm::new("");
    let alpha = farm.wiki("alpha", |_| ());
    farm.add(&pushed("alpha", 1, 2));
    let held = Mutex::new(Some(lock::wiki(&farm.options.layout, &alpha, true).unwrap()));
    let (heard, stop) = (Heard::default(), Stop::default());
    let deploy = |_: &Name, _: &Pushed| {
        assert!(held.lock().unwrap().is_none(), "deployed while somebody holds the wiki");
        Outcome::Deployed(sha(2))
    };
    let counts = beside(&service(&farm, &deploy, &nothing_missed, &stop, &heard), || {
        until("it is taken", || farm.queued() == (0, 1));
        std::thread::sleep(Duration::from_millis(700));
        *held.lock().unwrap() = None;
        until("it is deployed", || farm.queued() == (0, 0));
    });
    assert_eq!((counts.deployed, counts.later), (1, 0), "{}", heard.all());
}

#[test]
fn an_only_run_waits_for_a_wiki_on_which_a_command_is_at_work() {
    let farm = Farm::new("");
    let alpha = farm.wiki("alpha", |_| ());
    farm.add(&pushed("alpha", 1, 2));
    let held = lock::wiki(&farm.options.layout, &alpha, true).unwrap();
    let counts = std::thread::scope(|scope| {
        let only = scope.spawn(|| drain(&farm, &|_, _| Outcome::Deployed(sha(2)), &Heard::default()));
        std::thread::sleep(Duration::from_millis(700));
        assert!(!only.is_finished());
        drop(held);
        only.join().unwrap()
    });
    assert_eq!((counts.deployed, farm.queued()), (1, (0, 0)));
}

#[test]
fn a_look_at_all_wikis_is_repeated_until_it_succeeds() {
    let farm = Farm::new("");
    farm.wiki("alpha", |_| ());
    queue::add(&farm.options.layout, &Entry::of_all(Source::Gerrit)).unwrap();
    let looks = AtomicUsize::new(0);
    let look = || match looks.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => Err(Problem::new(ExitCode::Failed, "no network")),
        2 => Ok(vec![pushed("alpha", 1, 2), pushed("No_Name", 1, 2)]),
        _ => Ok(Vec::new()),
    };
    let engine = Engine::default();
    engine.push("alpha", 2);
    let (heard, stop) = (Heard::default(), Stop::default());
    let deploy = |name: &Name, pushed: &Pushed| engine.deploy(name, pushed);
    beside(&service(&farm, &deploy, &look, &stop, &heard), || {
        until("what was missed is deployed", || engine.is_current() && farm.queued() == (0, 0));
    });
    assert!(heard.all().contains("the look at all wikis: no network"), "{}", heard.all());
}

#[test]
fn the_death_of_a_worker_loses_nothing() {
    let farm = Farm::new("");
    for wiki in ["alpha", "beta", "gamma"] {
        farm.wiki(wiki, |_| ());
        farm.add(&pushed(wiki, 1, 2));
    }
    let log = || fs::read_to_string(farm.path().join("log")).unwrap_or_default();
    let mut worker = child::Running(child::command("worker", &farm).spawn().unwrap());
    until("two of them are being deployed", || log().lines().count() == 2 && farm.queued() == (0, 3));
    worker.0.kill().unwrap();
    worker.0.wait().unwrap();
    farm.add(&pushed("alpha", 2, 3));
    assert_eq!(farm.queued(), (1, 3));
    let engine = Engine::default();
    engine.push("alpha", 3);
    engine.push("beta", 2);
    engine.push("gamma", 2);
    let counts = drain(&farm, &|name, pushed| engine.deploy(name, pushed), &Heard::default());
    assert!(engine.is_current() && counts.deployed == 3, "{counts:?}");
    assert_eq!(farm.queued(), (0, 0));
    assert_eq!(farm.record(&name("alpha")).desired.unwrap().code, sha(3));
}

#[test]
fn a_worker_that_is_asked_to_stop_finishes_what_runs() {
    let farm = Farm::new("");
    for wiki in ["alpha", "beta", "gamma"] {
        farm.wiki(wiki, |_| ());
        farm.add(&pushed(wiki, 1, 2));
    }
    let log = || fs::read_to_string(farm.path().join("log")).unwrap_or_default();
    let mut worker = child::Running(child::command("worker", &farm).spawn().unwrap());
    until("two of them are being deployed", || log().lines().count() == 2);
    // Nobody else can work on the queue meanwhile.
    assert!(Queue::open(&farm.options.layout).is_err());
    let pid = rustix::process::Pid::from_child(&worker.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(worker.0.try_wait().unwrap().is_none(), "it waits for what runs");
    fs::write(farm.path().join("go"), "").unwrap();
    assert_eq!(worker.0.wait().unwrap().code(), Some(0));
    let log = log();
    let count = |word: &str| log.lines().filter(|line| line.starts_with(word)).count();
    assert_eq!((count("begin"), count("end")), (2, 2), "{log}");
    assert_eq!(farm.queued(), (0, 1), "the third one waits for the next worker");
    assert_eq!(Queue::open(&farm.options.layout).unwrap().left(&Silent).unwrap().len(), 1);
}
