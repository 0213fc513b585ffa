//! Takes what the queue has, and deploys: several wikis at a time, each by one at a time, the newest push only.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::engine::told;
use super::super::event::{About, Event, Kind, Source};
use super::super::layout::Layout;
use super::super::lock;
use super::super::name::Name;
use super::super::options::Options;
use super::super::queue::{self, Entry, Queue, Taken};
use super::super::record::{Desired, State, Wiki};
use super::super::registry;
use super::removal::Removal;
use super::{Outcome, Pushed, Stop, notify};
use crate::report::{ExitCode, Problem, Reporter, Verbosity};

pub use super::counts::Counts;

/// How often the queue is looked at. Reading an empty directory takes microseconds, and works on every file system;
/// a deploy takes seconds.
const TICK: Duration = Duration::from_millis(250);

/// How often the wikis' own directories are, of which there may be a thousand.
const NOTIFY: Duration = Duration::from_secs(2);

/// How long a wiki is let alone on which another command is at work.
const BUSY: Duration = Duration::from_secs(1);

/// [`Work::pauses`] for a network that fails now and then.
pub const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));

/// Brings a wiki to what its branch has.
pub type Deploy<'a> = &'a (dyn Fn(&Name, &Pushed) -> Outcome + Sync);

/// What a worker does, and how.
pub struct Work<'a> {
    /// The farm.
    pub options: &'a Options,
    /// How many wikis are deployed at a time, at least 1. The look at all wikis is not counted.
    pub jobs: usize,
    /// Whether it ends as soon as nothing waits. What has to be repeated later stays in the queue then.
    pub once: bool,
    /// How often all wikis are looked at, the first time at once; not at all with `once`.
    pub every: Duration,
    /// How long after [`Outcome::Later`] it is tried again: so long at first, each time twice that, and so long at most.
    pub pauses: (Duration, Duration),
    /// Deploys a wiki that the registry knows, or goes on with making it. The lock of the wiki is not held: it takes it,
    /// and looks at the record again.
    pub deploy: Deploy<'a>,
    /// Makes a wiki of a branch for which nobody asked, on farms that want that; without it, such branches are told of.
    pub create: Option<Deploy<'a>>,
    /// Looks at the remote repository: [`super::missed`].
    pub reconcile: &'a (dyn Fn() -> Result<Vec<Event>, Problem> + Sync),
    /// What is done beside that when a look has found nothing to deploy, and may take long. It decides itself whether it
    /// is time for it.
    pub clean: Option<&'a (dyn Fn() -> Result<(), Problem> + Sync)>,
    /// Ends it. Deploys that run are waited for; what waits stays in the queue.
    pub stop: &'a Stop,
    /// Who is told.
    pub reporter: &'a dyn Reporter,
}

/// Works until it is stopped, or nothing waits and `once` is set. Tells what came of how many deploys.
///
/// # Errors
/// Another worker is there, or the queue cannot be used.
pub fn work(work: &Work<'_>) -> Result<Counts, Problem> {
    let layout = &work.options.layout;
    let queue = Queue::open(layout)?;
    if let Err(error) = Counts::tidy(layout) {
        work.reporter.warning(&format!("cannot remove what a worker left in `{}`: {error}", layout.state().display()));
    }
    let worker = Worker {
        work,
        queue: &queue,
        jobs: Mutex::new(Jobs::default()),
        changed: Condvar::new(),
        counts: Mutex::new((Counts::default(), Counts::read(&work.options.layout))),
        removal: Removal::default(),
    };
    worker.removal.begin(layout);
    let left = queue.left(work.reporter)?;
    let worker = &worker;
    std::thread::scope(|scope| {
        for _ in 0..work.jobs.max(1) {
            scope.spawn(|| worker.run(Does::Deploys));
        }
        // Of their own: deploys that come to no end, as a wiki's update.php may, keep back no look, nor does cleaning.
        for does in [Does::Looks, Does::Cleans, Does::Removes] {
            scope.spawn(move || worker.run(does));
        }
        let followed = worker.admit(left).and_then(|()| worker.follow());
        worker.lock().ended = true;
        worker.changed.notify_all();
        followed
    })?;
    let counts = worker.counts.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(counts.0)
}

struct Worker<'a> {
    work: &'a Work<'a>,
    queue: &'a Queue,
    jobs: Mutex<Jobs>,
    changed: Condvar,
    /// Those of this run, and those of the file.
    counts: Mutex<(Counts, Counts)>,
    removal: Removal,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Job {
    /// Deploy a wiki.
    Deploy(Name),
    /// Look at all of them.
    Look,
    /// [`Work::clean`].
    Clean,
    /// Remove the files of releases that were taken away.
    Remove,
}

impl Job {
    /// What an entry of the queue asks for.
    fn of(entry: &Entry) -> Self {
        entry.wiki.clone().map_or(Self::Look, Self::Deploy)
    }

    fn does(&self) -> Does {
        match self {
            Self::Deploy(_) => Does::Deploys,
            Self::Look => Does::Looks,
            Self::Clean => Does::Cleans,
            Self::Remove => Does::Removes,
        }
    }

    /// It, as it is told.
    fn words(&self) -> String {
        match self {
            Self::Deploy(name) => format!("`{name}`"),
            Self::Look => "the look at all wikis".to_owned(),
            Self::Clean => "cleaning up".to_owned(),
            Self::Remove => "removing old releases".to_owned(),
        }
    }
}

/// Which jobs a thread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Deploys,
    Looks,
    Cleans,
    Removes,
}

#[derive(Default)]
struct Jobs {
    waiting: BTreeMap<Job, Waiting>,
    running: BTreeSet<Job>,
    /// The number of the next one to come.
    next: u64,
    ended: bool,
}

struct Waiting {
    /// Its entry in the queue, which stays there until the job has ended.
    file: Option<String>,
    pushed: Pushed,
    /// Its turn: a job that waits keeps it when newer pushes come.
    turn: u64,
    not_before: Instant,
    /// How often it had to be put off.
    put_off: u32,
}

impl Waiting {
    fn new(file: Option<String>, entry: Entry) -> Self {
        let Entry { source, kind, code, who, at, .. } = entry;
        let pushed = Pushed { code, kind, source, who, at, superseded: 0 };
        Self { file, pushed, turn: 0, not_before: Instant::now(), put_off: 0 }
    }
}

/// How a job ended.
enum Ended {
    With(Outcome),
    /// It did not begin: another command is at work on the wiki.
    Busy,
}

impl Jobs {
    /// Whether a job waits, or runs.
    fn has(&self, job: &Job) -> bool {
        self.waiting.contains_key(job) || self.running.contains(job)
    }

    /// Adds a job. It takes the place of one that waits for the same wiki, whose entry is given back: that one is done
    /// with.
    fn add(&mut self, job: Job, mut new: Waiting) -> Option<String> {
        let before = self.waiting.remove(&job);
        if let Some(before) = &before {
            new.turn = before.turn;
            // The same push is told of twice as a rule, and a commit of the configuration takes no push's place.
            let is_other =
                before.pushed.code.is_some() && new.pushed.code.is_some() && before.pushed.code != new.pushed.code;
            new.pushed.superseded += before.pushed.superseded + u64::from(is_other);
            new.pushed.code = new.pushed.code.or_else(|| before.pushed.code.clone());
        } else {
            new.turn = self.next;
            self.next += 1;
        }
        self.waiting.insert(job, new);
        before.and_then(|before| before.file)
    }

    /// The job whose turn it is; or how long it takes until one may begin.
    fn begin(&mut self, does: Does, now: Instant) -> Result<(Job, Waiting), Option<Duration>> {
        let free = || self.waiting.iter().filter(|(job, _)| job.does() == does && !self.running.contains(*job));
        let due = free().filter(|(_, waiting)| waiting.not_before <= now).min_by_key(|(_, waiting)| waiting.turn);
        let Some(job) = due.map(|(job, _)| job.clone()) else {
            let earliest = free().map(|(_, waiting)| waiting.not_before).min();
            return Err(earliest.map(|earliest| earliest.saturating_duration_since(now)));
        };
        let waiting = self.waiting.remove(&job).ok_or(None)?;
        self.running.insert(job.clone());
        Ok((job, waiting))
    }
}

impl Worker<'_> {
    /// Takes what comes, until the end.
    fn follow(&self) -> Result<(), Problem> {
        let Work { once, every, stop, reporter, .. } = *self.work;
        let layout = &self.work.options.layout;
        let mut deaf = BTreeMap::new();
        let (mut look, mut listen) = (Some(Instant::now()), Instant::now());
        while !stop.is_asked() {
            let now = Instant::now();
            if !once && look.is_some_and(|look| now >= look) {
                // None: it would be after all times that there are.
                look = now.checked_add(every);
                self.add(Job::Look)?;
            }
            if now >= listen {
                listen = now + NOTIFY;
                notify::listen(layout, &mut deaf, reporter);
                // Once: it may have failed, and is tried again later then.
                if Removal::is_due(layout) && !self.lock().has(&Job::Remove) {
                    self.add(Job::Remove)?;
                }
            }
            // In this order: what a job that has just ended has added is seen.
            let idle = self.is_idle();
            let taken = self.queue.take(reporter)?;
            if once && idle && taken.is_empty() {
                break;
            }
            self.admit(taken)?;
            // The answer is asked for above.
            let _ = stop.wait(TICK);
        }
        Ok(())
    }

    /// Adds a job for which nothing in the queue asks.
    fn add(&self, job: Job) -> Result<(), Problem> {
        let superseded = self.lock().add(job, Waiting::new(None, Entry::of_all(Source::Reconcile)));
        self.changed.notify_all();
        superseded.map_or(Ok(()), |file| self.queue.done(&file))
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_idle(&self) -> bool {
        let jobs = self.lock();
        jobs.waiting.is_empty() && jobs.running.is_empty()
    }

    /// Adds what was taken, all at once: nobody begins with a push that another one of them supersedes.
    fn admit(&self, taken: Vec<Taken>) -> Result<(), Problem> {
        let mut finished = Vec::new();
        let mut jobs = self.lock();
        for Taken { file, entry } in taken {
            match &entry.wiki {
                Some(wiki) if entry.kind == Kind::Deleted => {
                    self.tell_of_deletion(wiki, &entry);
                    finished.push(file);
                }
                _ => finished.extend(jobs.add(Job::of(&entry), Waiting::new(Some(file), entry))),
            }
        }
        drop(jobs);
        self.changed.notify_all();
        finished.iter().try_for_each(|file| self.queue.done(file))
    }

    fn tell_of_deletion(&self, wiki: &Name, entry: &Entry) {
        let (who, source) = (entry.who.escape_debug(), entry.source.word());
        self.work
            .reporter
            .warning(&format!("the branch of `{wiki}` is gone ({who}, told by {source}): the wiki stays"));
    }

    /// Does one job after another, until the end.
    fn run(&self, does: Does) {
        loop {
            let mut jobs = self.lock();
            let (job, waiting) = loop {
                if jobs.ended || self.work.stop.is_asked() {
                    return;
                }
                match jobs.begin(does, Instant::now()) {
                    Ok(begun) => break begun,
                    // A signal wakes nobody who waits: one looks up now and then.
                    Err(pause) => {
                        let pause = pause.unwrap_or(TICK).min(TICK);
                        jobs = self.changed.wait_timeout(jobs, pause).unwrap_or_else(PoisonError::into_inner).0;
                    }
                }
            };
            drop(jobs);
            let run = || match &job {
                Job::Deploy(name) => self.deploy(name, &waiting.pushed),
                Job::Look => Ended::With(self.look()),
                Job::Clean => Ended::With(self.clean()),
                Job::Remove => Ended::With(self.removal.run(&self.work.options.layout, self.work.stop)),
            };
            let ended = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
                let what = "came to no end: this is a bug of mwfarm";
                Ended::With(Outcome::Failed(Problem::new(ExitCode::Failed, what)))
            });
            if let Err(problem) = self.end(job, waiting, &ended) {
                self.work.reporter.warning(&format!("the queue: {}", told(&problem)));
            }
        }
    }

    /// Looks at all wikis, and adds what was missed to the queue.
    fn look(&self) -> Outcome {
        let events = match (self.work.reconcile)() {
            Ok(events) => events,
            Err(problem) => return Outcome::Later(problem),
        };
        if events.is_empty()
            && self.work.clean.is_some()
            && let Err(problem) = self.add(Job::Clean)
        {
            return Outcome::Later(problem);
        }
        for event in events {
            let About::Wiki(name) = event.about(&self.work.options.project) else { continue };
            if let Err(error) = queue::add(&self.work.options.layout, &Entry::of(&event, &name)) {
                let what = format!("cannot queue what was missed of `{name}`");
                return Outcome::Later(Problem::new(ExitCode::Failed, what).cause(error.to_string()));
            }
        }
        Outcome::Unchanged
    }

    fn clean(&self) -> Outcome {
        match self.work.clean.map_or(Ok(()), |clean| clean()) {
            Ok(()) => Outcome::Unchanged,
            Err(problem) => Outcome::Failed(problem),
        }
    }

    fn deploy(&self, name: &Name, pushed: &Pushed) -> Ended {
        let layout = &self.work.options.layout;
        let failed = |error: &dyn std::error::Error| Problem::from_error(ExitCode::Failed, error);
        // Without its lock, so that names of which nothing is known leave nothing behind.
        match registry::find(layout, name) {
            Err(error) => return Ended::With(unread(&error)),
            Ok(Some(_)) => {}
            Ok(None) => {
                return Ended::With(match self.work.create {
                    Some(create) => create(name, pushed),
                    None => Outcome::Left("has a branch, but nobody asked for the wiki".to_owned()),
                });
            }
        }
        let held = match lock::wiki(layout, name, false) {
            Ok(held) => held,
            Err(lock::Error::Held { .. }) => return Ended::Busy,
            Err(error) => return Ended::With(Outcome::Later(failed(&error))),
        };
        match registry::find(layout, name) {
            Err(error) => Ended::With(unread(&error)),
            // It was deleted just now.
            Ok(None) => Ended::With(Outcome::Left("is gone".to_owned())),
            Ok(Some(wiki)) => match note_desired(layout, wiki, pushed) {
                Err(error) => Ended::With(Outcome::Later(failed(&error))),
                Ok(Some(why)) => Ended::With(Outcome::Left(why)),
                Ok(None) => {
                    drop(held);
                    Ended::With((self.work.deploy)(name, pushed))
                }
            },
        }
    }

    fn end(&self, job: Job, mut waiting: Waiting, ended: &Ended) -> Result<(), Problem> {
        let pause = match ended {
            Ended::Busy => Some(BUSY),
            Ended::With(Outcome::Later(_)) => {
                let (first, most) = self.work.pauses;
                waiting.put_off = waiting.put_off.saturating_add(1);
                Some(first.saturating_mul(1 << (waiting.put_off - 1).min(16)).min(most))
            }
            Ended::With(_) => None,
        };
        if let Ended::With(outcome) = ended {
            self.tell(&job, &waiting.pushed, outcome, pause);
        }
        let file = waiting.file.take();
        let mut jobs = self.lock();
        jobs.running.remove(&job);
        // A push that came while this one ran: that one has its own entry.
        let newer = jobs.waiting.contains_key(&job);
        let finished = match pause {
            Some(pause) if !newer => {
                waiting.file = file;
                waiting.not_before = Instant::now() + pause;
                // At the end of an only run, its entry stays for the next one.
                if !self.work.once || matches!(ended, Ended::Busy) {
                    jobs.add(job, waiting);
                }
                None
            }
            _ => file,
        };
        drop(jobs);
        self.changed.notify_all();
        finished.map_or(Ok(()), |file| self.queue.done(&file))
    }

    fn tell(&self, job: &Job, pushed: &Pushed, outcome: &Outcome, pause: Option<Duration>) {
        let reporter = self.work.reporter;
        let what = job.words();
        match outcome {
            Outcome::Deployed(code) => {
                let by = format!("{}, told by {}", pushed.who.escape_debug(), pushed.source.word());
                reporter.note(Verbosity::Normal, &format!("{what}: deployed {} ({by})", code.short()));
            }
            Outcome::Unchanged => reporter.note(Verbosity::Verbose, &format!("{what}: nothing to do")),
            Outcome::Left(why) => reporter.note(Verbosity::Normal, &format!("{what} {why}")),
            Outcome::Failed(problem) => reporter.warning(&format!("{what}: {}", told(problem))),
            Outcome::Later(problem) => {
                reporter.warning(&format!("{what}: {}", told(problem)));
                let pause = pause.unwrap_or_default().as_secs_f32();
                reporter.note(Verbosity::Normal, &format!("{what}: tried again in {pause} s"));
            }
        }
        if job.does() == Does::Deploys {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            counts.0.add(outcome);
            counts.1.add(outcome);
            if let Err(error) = counts.1.write(&self.work.options.layout) {
                reporter.note(Verbosity::Verbose, &format!("cannot write the counts for `/metrics`: {error}"));
            }
        }
    }
}

/// What comes of a record that cannot be read: one that is damaged stays so.
fn unread(error: &registry::Error) -> Outcome {
    let problem = Problem::from_error(ExitCode::Failed, error);
    if matches!(error, registry::Error::Damaged { .. }) { Outcome::Failed(problem) } else { Outcome::Later(problem) }
}

/// Notes in the record what is desired; says why the wiki is not deployed now, if it is not.
fn note_desired(layout: &Layout, mut wiki: Wiki, pushed: &Pushed) -> Result<Option<String>, registry::Error> {
    match wiki.state {
        // What is not finished is gone on with.
        State::Ready | State::Provisioning => {}
        State::Archived => return Ok(Some("is archived".to_owned())),
        State::Deleting => return Ok(Some("is being deleted".to_owned())),
    }
    if let Some(code) = &pushed.code {
        let desired = Desired { code: code.clone(), event: pushed.source.word().to_owned() };
        if wiki.desired.as_ref() != Some(&desired) {
            wiki.desired = Some(desired);
            registry::put(layout, &wiki)?;
        }
    }
    Ok(wiki.held.map(|held| format!("is held by {}: {}", held.by.escape_debug(), held.why.escape_debug())))
}
