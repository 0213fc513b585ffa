//! The worker: whatever the order, the repetitions and the losses, each wiki ends with what its branch has.

use super::*;

use mwfarm::deploy::event::{Kind, Source};
use mwfarm::deploy::queue::Entry;
use mwfarm::deploy::record::Held;
use mwfarm::deploy::watch::{Known, missed, notify};
use mwfarm::deploy::{lock, watch};
use mwfarm::report::{ExitCode, Silent};

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
            let known = |name: &Name| Known { wiki: farm.record(name), served: served.get(name).cloned() };
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
    let engine = Engine { takes: Duration::from_millis(700), ..Engine::default() };
    let (heard, stop) = (Heard::default(), Stop::default());
    let deploy = |name: &Name, pushed: &Pushed| engine.deploy(name, pushed);
    beside(&service(&farm, &deploy, &nothing_missed, &stop, &heard), || {
        engine.push("alpha", 1);
        farm.add(&pushed("alpha", 0, 1));
        until("the first deploy runs", || engine.deploys_of("alpha") == 1);
        for number in 2..=5 {
            engine.push("alpha", number);
            farm.add(&pushed("alpha", number - 1, number));
        }
        until("the last one is served", || engine.is_current());
    });
    assert!(engine.deploys_of("alpha") <= 3, "{:?}", engine.deploys);
    assert_eq!(engine.served.lock().unwrap()[&name("alpha")], sha(5));
}
