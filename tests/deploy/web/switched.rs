//! Switches and reloads under load.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use mwfarm::deploy::web::{Site, apply};

use super::daemons::{World, ask, page};
use crate::meanwhile::End;

#[test]
fn a_switch_is_seen_at_once_and_no_answer_is_mixed_with_fpm() {
    switches(&World::serving("fpm"));
}

#[test]
fn a_switch_is_seen_at_once_and_no_answer_is_mixed_with_itk() {
    switches(&World::serving("itk"));
}

fn switches(world: &World) {
    let wiki = &world.wikis[0];
    for seq in 2..=4 {
        world.release(wiki, seq);
    }
    let seen = under_load(world, &[wiki], "/index.php/Title?slow=300", || {
        for round in 0..60_u64 {
            let seq = 1 + round % 4;
            world.switch(wiki, seq);
            assert_eq!(world.get(wiki.host.as_str(), "/").body, page(seq), "a switch is seen at once");
            assert_eq!(world.get(wiki.host.as_str(), "/resources/src/a.js").body, format!("script {seq}"));
        }
    });
    assert_eq!(seen, (1..=4).map(page).collect::<BTreeSet<_>>());
}

#[test]
fn a_new_wiki_and_one_that_goes_disturb_nobody_with_fpm() {
    reloads(&World::serving("fpm"));
}

#[test]
fn a_new_wiki_and_one_that_goes_disturb_nobody_with_itk() {
    reloads(&World::serving("itk"));
}

fn reloads(world: &World) {
    let [alpha, beta, gamma] = [&world.wikis[0], &world.wikis[1], &world.wikis[2]];
    let seen = under_load(world, &[alpha, beta], "/index.php?slow=20000", || {
        // One that takes longer than the reloads.
        let (proxy, host) = (&world.options.services.proxy, alpha.host.as_str());
        thread::scope(|scope| {
            let slow = scope.spawn(|| ask(proxy, host, "/index.php?slow=1500000", "").expect("an answer"));
            thread::sleep(Duration::from_millis(100));
            for _ in 0..2 {
                assert_eq!(apply::remove_site(&world.options, &gamma.name), Ok(true));
                assert_ne!(world.get_behind(gamma.host.as_str(), "/").status, 200, "it is gone at once");
                assert_eq!(apply::ensure_site(&world.options, gamma), Ok(true));
                assert_eq!(world.get_behind(gamma.host.as_str(), "/").body, page(1), "it is there at once");
            }
            let reply = slow.join().expect("the slow one");
            assert_eq!((reply.status, reply.body), (200, page(1)));
        });
    });
    assert_eq!(seen, BTreeSet::from([page(1)]));
}

/// Does something while wikis are asked all the time, each answer being 200, and tells which different answers came.
fn under_load(world: &World, wikis: &[&Site], path: &str, work: impl FnOnce()) -> BTreeSet<String> {
    let (done, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let seen = Mutex::new(BTreeSet::new());
    thread::scope(|scope| {
        for number in 0..3 {
            let host = wikis[number % wikis.len()].host.as_str();
            let (done, asked, seen) = (&done, &asked, &seen);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let reply = ask(&world.options.services.proxy, host, path, "").expect("an answer");
                    // Checked by the one who waits for this thread.
                    let text = if reply.status == 200 { reply.body } else { format!("{reply:?}") };
                    seen.lock().expect("nobody panics with it").insert(text);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // However the work ends, the threads do.
        let _end = End(&done);
        while asked.load(Ordering::Relaxed) < 3 {
            thread::yield_now();
        }
        work();
    });
    assert!(asked.into_inner() > 20);
    seen.into_inner().expect("nobody panics with it")
}
