//! Gerrit's stream: recorded, from a program, and over ssh from a server that cuts the line.

use std::io::{Seek, Write};

use mwfarm::deploy::event::Source;
use mwfarm::deploy::queue::{Entry, Queue};
use mwfarm::deploy::watch::gerrit::{Follow, Followed};
use mwfarm::report::{ExitCode, Silent};

use super::sshd::Sshd;
use super::*;

fn ref_updated(wiki: &str, number: u64) -> String {
    format!(
        r#"{{"submitter":{{"username":"alice"}},"refUpdate":{{"oldRev":"{:040x}","newRev":"{number:040x}","refName":"refs/heads/wiki/{wiki}","project":"mediawiki/core"}},"type":"ref-updated","eventCreatedOn":1700000000}}"#,
        number - 1
    )
}

fn merged(wiki: &str, number: u64) -> String {
    format!(
        r#"{{"change":{{"project":"mediawiki/core","branch":"wiki/{wiki}"}},"newRev":"{number:040x}","type":"change-merged"}}"#
    )
}

fn follow<'a>(
    farm: &'a Farm,
    reconcile: &'a dyn Fn() -> Result<(), Problem>,
    stop: &'a Stop,
    heard: &'a Heard,
) -> Follow<'a> {
    let pauses = (Duration::from_millis(100), Duration::from_millis(400));
    Follow { options: &farm.options, settled: Duration::from_millis(500), pauses, reconcile, stop, reporter: heard }
}

/// The wikis and commits that were queued, in order.
fn queued(farm: &Farm) -> Vec<(String, Option<Sha>)> {
    let taken = Queue::open(&farm.options.layout).unwrap().take(&Silent).unwrap();
    taken.into_iter().filter_map(|taken| Some((taken.entry.wiki?.to_string(), taken.entry.code))).collect()
}

#[test]
fn a_recorded_stream_is_queued() {
    let farm = Farm::new("");
    let mut file = tempfile::tempfile().unwrap();
    let lines = [
        ref_updated("alpha", 2),
        merged("alpha", 2),
        String::new(),
        r#"{"type":"comment-added"}"#.to_owned(),
        ref_updated("beta", 3).replace("mediawiki/core", "mediawiki/other"),
        ref_updated("No_Name", 3),
        "no JSON".to_owned(),
        format!("\"{}\"", "x".repeat(2 << 20)),
        r#"{"type":"dropped-output"}"#.to_owned(),
        merged("beta", 5),
    ];
    file.write_all(lines.join("\n").as_bytes()).unwrap();
    file.rewind().unwrap();
    let (heard, stop, looks) = (Heard::default(), Stop::default(), AtomicUsize::new(0));
    let reconcile = || {
        looks.fetch_add(1, Ordering::SeqCst);
        Ok(())
    };
    let followed = follow(&farm, &reconcile, &stop, &heard).recorded(file).unwrap();
    assert_eq!(followed, Followed { connections: 0, queued: 3, unreadable: 2, elsewhere: 1 });
    assert_eq!(looks.load(Ordering::SeqCst), 1);
    let expected = [("alpha", 2), ("alpha", 2), ("beta", 5)].map(|(wiki, number)| (wiki.to_owned(), Some(sha(number))));
    assert_eq!(queued(&farm), expected);
    for text in ["`refs/heads/wiki/No_Name` is the branch of no wiki", "an event cannot be followed", "passed over"] {
        assert!(heard.all().contains(text), "{text} is not in:\n{}", heard.all());
    }
}

#[test]
fn a_command_that_does_not_start_is_told_at_once() {
    let farm = Farm::new("");
    let (heard, stop) = (Heard::default(), Stop::default());
    let reconcile = || Ok(());
    let follow = follow(&farm, &reconcile, &stop, &heard);
    assert!(follow.command(&["/nonexistent/ssh".to_owned()]).unwrap_err().what.contains("cannot start"));
    assert_eq!(follow.command(&[]).unwrap_err().exit, ExitCode::Farm);
}

#[test]
fn a_server_that_refuses_is_asked_again_less_and_less_often_and_no_wiki_is_looked_at() {
    let farm = Farm::new("");
    let (heard, stop, looks) = (Heard::default(), Stop::default(), AtomicUsize::new(0));
    let reconcile = || {
        looks.fetch_add(1, Ordering::SeqCst);
        Ok(())
    };
    let command = ["/bin/sh", "-c", "echo Permission denied >&2; exit 255"].map(str::to_owned);
    let followed = std::thread::scope(|scope| {
        scope.spawn(|| {
            until("it was tried four times", || heard.all().matches("is cut").count() >= 4);
            stop.ask();
        });
        // However long it takes to refuse.
        let patient = Follow { settled: Duration::from_secs(3600), ..follow(&farm, &reconcile, &stop, &heard) };
        patient.command(&command).unwrap()
    });
    assert_eq!((followed.connections, looks.load(Ordering::SeqCst)), (0, 0));
    for text in ["exit code 255: Permission denied", "again in 0.1 s", "again in 0.2 s", "again in 0.4 s"] {
        assert!(heard.all().contains(text), "{text} is not in:\n{}", heard.all());
    }
    assert!(!heard.all().contains("again in 0.8 s"));
}

#[test]
fn a_server_that_cuts_the_line_is_followed_on() {
    let farm = Farm::new("");
    farm.wiki("alpha", |_| ());
    farm.wiki("beta", |_| ());
    // The first connection is cut within the line that tells of beta, the second one goes on with alpha's next push and
    // stays.
    let streams = farm.path().join("streams");
    fs::create_dir(&streams).unwrap();
    let cut = ref_updated("beta", 7);
    fs::write(streams.join("1"), format!("{}\n{}", ref_updated("alpha", 2), &cut[..cut.len() / 2])).unwrap();
    let next = streams.join("2");
    let streams = streams.display();
    let program = format!(
        "#!/bin/sh\necho \"$SSH_ORIGINAL_COMMAND\" >> {streams}/asked\n\
         if [ -e {streams}/1 ]; then cat {streams}/1; rm {streams}/1; exit 0; fi\n\
         while [ ! -e {streams}/2 ]; do sleep 0.1; done; cat {streams}/2; while echo; do sleep 1; done\n"
    );
    let sshd = Sshd::start(farm.path(), &program);
    let engine = Engine::default();
    engine.push("alpha", 2);
    engine.push("beta", 7);
    let (heard, stop, end) = (Heard::default(), Stop::default(), Stop::default());
    let layout = &farm.options.layout;
    let asked = AtomicUsize::new(0);
    let ask = || {
        asked.fetch_add(1, Ordering::SeqCst);
        queue::add(layout, &Entry::of_all(Source::Gerrit)).map_err(|error| panic!("{error}"))
    };
    // What the look after the second connection finds: the push to beta, of which half a line told. Those before it,
    // such as the worker's first one, shall not find it.
    let look = || {
        if asked.load(Ordering::SeqCst) < 2 {
            return Ok(Vec::new());
        }
        let served = engine.served.lock().unwrap();
        let known = |name: &Name| mwfarm::deploy::watch::Known {
            wiki: farm.record(name),
            served: served.get(name).cloned(),
            configured: None,
        };
        let wikis = ["alpha", "beta"].map(|wiki| (name(wiki), known(&name(wiki)))).into();
        let remote = engine.remote.lock().unwrap();
        let remote = remote.iter().map(|(name, sha)| (Options::branch(name), sha.clone())).collect();
        Ok(mwfarm::deploy::watch::missed("mediawiki/core", &remote, &wikis))
    };
    let deploy = |name: &Name, pushed: &Pushed| engine.deploy(name, pushed);
    let followed = std::thread::scope(|scope| {
        let follower = scope.spawn(|| follow(&farm, &ask, &stop, &heard).command(&sshd.command()).unwrap());
        beside(&service(&farm, &deploy, &look, &end, &heard), || {
            until("both connections were there", || heard.all().matches("connected to Gerrit").count() == 2);
            engine.push("alpha", 3);
            fs::write(next.with_extension("new"), format!("{}\n", ref_updated("alpha", 3))).unwrap();
            fs::rename(next.with_extension("new"), &next).unwrap();
            until("all is served", || engine.is_current());
            stop.ask();
        });
        follower.join().unwrap()
    });
    assert_eq!(followed, Followed { connections: 2, queued: 2, unreadable: 0, elsewhere: 0 }, "{}", heard.all());
    assert!(heard.all().contains("the stream of events is cut"), "{}", heard.all());
    assert_eq!(engine.served.lock().unwrap()[&name("beta")], sha(7));
    let asked = fs::read_to_string(farm.path().join("streams/asked")).unwrap();
    assert_eq!(asked, "gerrit stream-events -s ref-updated\n".repeat(2));
    drop(sshd);
}
