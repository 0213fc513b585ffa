//! Workers that die while pushes come and are deployed: the next one finds all that is left to do.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use super::sound::sound;
use super::watching::{Clone, small_core};
use super::{Farm, Plan, wait};

const WIKIS: [&str; 3] = ["a", "b", "c"];

#[test]
fn pushes_are_served_however_often_the_worker_dies() {
    const PUSHES: usize = 8;
    let farm = Farm::with_core(&Plan::plain(), &small_core());
    for wiki in WIKIS {
        farm.create(wiki);
    }
    farm.hooks();
    farm.mwfarm(["watch", "worker", "--once"]).well();
    let pushing = AtomicBool::new(true);
    let died = thread::scope(|scope| {
        let workers = scope.spawn(|| {
            let mut died = 0_u64;
            while pushing.load(Ordering::Relaxed) {
                let worker = farm.worker("3");
                thread::sleep(Duration::from_millis(150 + died * 211 % 900));
                // It is killed; what it has started is at work when the next one comes.
                drop(worker);
                died += 1;
            }
            died
        });
        let pushers = WIKIS.map(|wiki| {
            let farm = &farm;
            scope.spawn(move || {
                let clone = Clone::of(farm, wiki, "x");
                for number in 0..PUSHES {
                    clone.commit("file.txt", &number.to_string());
                    clone.push();
                    thread::sleep(Duration::from_millis(300));
                }
            })
        });
        let pushed = pushers.map(thread::ScopedJoinHandle::join);
        pushing.store(false, Ordering::Relaxed);
        assert!(pushed.iter().all(Result::is_ok), "not all was pushed");
        workers.join().expect("workers")
    });
    let worker = farm.service(&["watch", "worker", "-v", "-j", "3", "--reconcile", "1"]);
    wait("all is served", || {
        // Two deaths within update.php, for the same commits, let pushes wait for a person.
        for wiki in WIKIS {
            if !farm.show(wiki)["wiki"]["held"].is_null() {
                farm.mwfarm(["wiki", "resume", &farm.name(wiki)]).well();
            }
        }
        farm.queued() == 0 && WIKIS.iter().all(|wiki| farm.served(wiki) == farm.tip(wiki))
    });
    worker.stop();
    assert!(died >= 4, "{died} workers died");
    for wiki in WIKIS {
        // One ends before another begins: those that were cut off were given an end.
        let attempts = farm.attempts(wiki);
        assert_eq!(
            attempts.last().and_then(|(_, stages)| stages.last()).map(String::as_str),
            Some("done"),
            "{attempts:?}"
        );
    }
    // Of an entry that is not finished nobody knows whether its writer is dead, as no lock is held for it: it goes when it
    // is an hour old.
    let new = farm.at("var/lib/mwfarm/queue/new");
    let files = || fs::read_dir(&new).expect("a spool").map(|entry| entry.expect("an entry").path());
    for file in files() {
        let old = SystemTime::now() - Duration::from_secs(2 * 3600);
        fs::File::open(file).expect("a file").set_modified(old).expect("a time");
    }
    farm.mwfarm(["watch", "worker", "--once"]).well();
    assert_eq!(files().count(), 0);
    let said = farm.mwfarm(["watch", "reconcile"]).well();
    assert_eq!(said, "nothing differs\n");
    sound(&farm);
}
