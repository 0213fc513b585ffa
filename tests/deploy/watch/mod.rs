//! Hearing of pushes, and working on them one after another: with a farm of records only, whose deploys are counted
//! rather than done.

mod child;
mod gerrit;
mod hook;
mod serve;
pub(in crate::deploy) mod sshd;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mwfarm::deploy::event::Event;
use mwfarm::deploy::name::Name;
use mwfarm::deploy::options::{self, Options};
use mwfarm::deploy::record::{State, Wiki};
use mwfarm::deploy::release::Sha;
use mwfarm::deploy::watch::worker::{Counts, Deploy, Work, work};
use mwfarm::deploy::watch::{Outcome, Pushed, Stop};
use mwfarm::deploy::{queue, registry};
use mwfarm::farm::Host;
use mwfarm::report::{Problem, Reporter, Verbosity};

/// How long anything may take before a test gives it up.
const PATIENCE: Duration = Duration::from_secs(300);

/// A farm's options and state in a temporary directory.
struct Farm {
    root: tempfile::TempDir,
    options: Options,
}

impl Farm {
    fn new(more: &str) -> Self {
        let root = tempfile::Builder::new().prefix("mwfarm-watch").tempdir().unwrap();
        fs::create_dir(root.path().join("root")).unwrap();
        let mut yaml = "deploy:\n  root: root\n  zone: wiki.test\n  core: /nowhere\n  users: none\n  web: none\n  \
                        project: mediawiki/core\n"
            .to_owned();
        for line in more.lines() {
            let _ = writeln!(yaml, "  {}", line.trim());
        }
        fs::write(root.path().join("mwfarm.yml"), yaml).unwrap();
        let options = options::read(root.path()).unwrap();
        queue::prepare(&options.layout, None).unwrap();
        Self { root, options }
    }

    fn path(&self) -> &Path {
        self.root.path()
    }

    /// A wiki that is served, as far as the registry knows.
    fn wiki(&self, wiki: &str, change: impl FnOnce(&mut Wiki)) -> Name {
        let name = name(wiki);
        let mut record = Wiki {
            state: State::Ready,
            ..Wiki::new(name.clone(), Host::new(&format!("{wiki}.wiki.test")).unwrap(), "refs/heads/master", None)
        };
        change(&mut record);
        registry::put(&self.options.layout, &record).unwrap();
        name
    }

    fn record(&self, name: &Name) -> Wiki {
        registry::find(&self.options.layout, name).unwrap().unwrap()
    }

    /// How many entries wait, and how many were taken and are not done.
    fn queued(&self) -> (usize, usize) {
        queue::lengths(&self.options.layout).unwrap()
    }

    fn add(&self, event: &Event) {
        let mwfarm::deploy::event::About::Wiki(name) = event.about("mediawiki/core") else { panic!("{event:?}") };
        queue::add(&self.options.layout, &queue::Entry::of(event, &name)).unwrap();
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn sha(number: u64) -> Sha {
    Sha::new(&format!("{number:040x}")).unwrap()
}

/// A push that a hook tells of.
fn pushed(wiki: &str, old: u64, new: u64) -> Event {
    let line = format!("{old:040x} {new:040x} refs/heads/wiki/{wiki}\n");
    mwfarm::deploy::event::hook(line.as_bytes(), "mediawiki/core", "alice").unwrap().remove(0)
}

/// What was said.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn all(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

impl Reporter for Heard {
    fn begin(&self, _: mwfarm::report::Phase, _: usize) {}
    fn step(&self) {}
    fn end(&self) {}
    fn warning(&self, text: &str) {
        self.0.lock().unwrap().push(format!("warning: {text}"));
    }
    fn note(&self, _: Verbosity, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

/// Deploys by noting it: the branches of a remote repository that is a table, and what is served.
#[derive(Default)]
struct Engine {
    remote: Mutex<BTreeMap<Name, Sha>>,
    served: Mutex<BTreeMap<Name, Sha>>,
    deploys: Mutex<Vec<(Name, Pushed)>>,
    running: Mutex<BTreeSet<Name>>,
    together: AtomicUsize,
    most_together: AtomicUsize,
    takes: Duration,
    /// How many have to have been at work together before the first one ends.
    meet: usize,
}

impl Engine {
    fn push(&self, wiki: &str, to: u64) {
        self.remote.lock().unwrap().insert(name(wiki), sha(to));
    }

    fn deploy(&self, name: &Name, pushed: &Pushed) -> Outcome {
        assert!(self.running.lock().unwrap().insert(name.clone()), "`{name}` is deployed twice at a time");
        let together = self.together.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_together.fetch_max(together, Ordering::SeqCst);
        self.deploys.lock().unwrap().push((name.clone(), pushed.clone()));
        let newest = self.remote.lock().unwrap()[name].clone();
        until("as many as are to meet are at work", || self.most_together.load(Ordering::SeqCst) >= self.meet);
        std::thread::sleep(self.takes);
        let before = self.served.lock().unwrap().insert(name.clone(), newest.clone());
        self.together.fetch_sub(1, Ordering::SeqCst);
        self.running.lock().unwrap().remove(name);
        if before.as_ref() == Some(&newest) { Outcome::Unchanged } else { Outcome::Deployed(newest) }
    }

    fn is_current(&self) -> bool {
        *self.remote.lock().unwrap() == *self.served.lock().unwrap()
    }

    fn deploys_of(&self, wiki: &str) -> usize {
        self.deploys.lock().unwrap().iter().filter(|(name, _)| name.as_str() == wiki).count()
    }
}

/// Nothing was missed.
#[expect(clippy::unnecessary_wraps, reason = "a look can fail")]
fn nothing_missed() -> Result<Vec<Event>, Problem> {
    Ok(Vec::new())
}

/// Does what waits.
fn drain(farm: &Farm, deploy: Deploy<'_>, heard: &Heard) -> Counts {
    let stop = Stop::default();
    work(&Work { once: true, ..service(farm, deploy, &nothing_missed, &stop, heard) }).unwrap()
}

fn service<'a>(
    farm: &'a Farm,
    deploy: Deploy<'a>,
    reconcile: &'a (dyn Fn() -> Result<Vec<Event>, Problem> + Sync),
    stop: &'a Stop,
    heard: &'a Heard,
) -> Work<'a> {
    Work {
        options: &farm.options,
        jobs: 4,
        once: false,
        every: Duration::from_secs(3600),
        pauses: (Duration::from_millis(50), Duration::from_millis(200)),
        deploy,
        create: None,
        reconcile,
        clean: None,
        stop,
        reporter: heard,
    }
}

/// Runs a worker as long as the test goes on, and tells what it counted. A failing test stops it, too.
fn beside(service: &Work<'_>, test: impl FnOnce()) -> Counts {
    struct Asking<'a>(&'a Stop);
    impl Drop for Asking<'_> {
        fn drop(&mut self) {
            self.0.ask();
        }
    }
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| work(service).unwrap());
        let asking = Asking(service.stop);
        test();
        drop(asking);
        worker.join().unwrap()
    })
}

#[track_caller]
fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
