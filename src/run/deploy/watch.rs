//! `watch`: what hears of pushes, and what follows them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{answer, empty, name, read, who, with_engine};
use crate::cli::deploy::{Gerrit, Hook, HookKind, Reconcile, Serve, Watch, WatchCommand, Worker};
use crate::deploy::attempt::{self, Request, What};
use crate::deploy::create::{self, Asked};
use crate::deploy::engine::{Engine, of_registry};
use crate::deploy::event::{self, Event, Kind, Source};
use crate::deploy::git::Repository;
use crate::deploy::name::Name;
use crate::deploy::options::{Live, Options};
use crate::deploy::queue::{self, Entry};
use crate::deploy::reconcile::Reconciled;
use crate::deploy::record::{State, Wiki};
use crate::deploy::release::Sha;
use crate::deploy::watch::gerrit::{Follow, PAUSES, SETTLED};
use crate::deploy::watch::worker::{self, Work};
use crate::deploy::watch::{self, Known, Outcome, Pushed, Reminders, Stop, hook, serve};
use crate::deploy::{config_repository, home, journal, reconcile, registry, repository, retire, status, tree, users};
use crate::report::{ExitCode, Output, Problem, Reporter, Verbosity, escaped};

/// `watch`
pub(in crate::run) fn watch(
    watch: &Watch,
    jobs: Option<NonZeroUsize>,
    reporter: &dyn Reporter,
) -> Result<Output, Vec<Problem>> {
    match &watch.command {
        WatchCommand::Gerrit(flags) => gerrit(flags, reporter),
        WatchCommand::Hook(flags) => hook(flags),
        WatchCommand::Serve(flags) => listen(flags, reporter),
        WatchCommand::Worker(flags) => work(flags, jobs, reporter),
        WatchCommand::Reconcile(flags) => mend(flags, reporter),
    }
}

fn mend(flags: &Reconcile, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let only = flags.name.as_deref().map(name).transpose().map_err(|problem| vec![problem])?;
    let found = with_engine(&flags.config, reporter, |engine| match flags {
        Reconcile { boot: true, .. } => reconcile::boot(engine),
        Reconcile { dry_run: true, .. } => differences(engine, only.as_ref()),
        _ => {
            let opened = open_queue(engine.options);
            let mut found = reconcile::reconcile(engine, only.as_ref())?;
            found.problems.extend(opened.err());
            // Also what others have left, who were killed.
            empty(engine);
            Ok(found)
        }
    })?;
    answer::reconciled(found, flags.format)
}

/// What reconciling would find, without mending it.
fn differences(engine: &Engine<'_>, only: Option<&Name>) -> Result<Reconciled, Problem> {
    let mut found = Reconciled::default();
    if let Some(only) = only {
        engine.wiki(only)?;
    }
    found.problems.extend(queue_group(engine.options).err());
    let (known, events) = compare(engine)?;
    for (name, Known { wiki, .. }) in known.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        let mut tell = |what: String| found.wikis.entry(name.clone()).or_default().push(what);
        match wiki.state {
            State::Provisioning => tell("is not finished".to_owned()),
            State::Deleting => tell("is not deleted wholly".to_owned()),
            State::Ready | State::Archived => {}
        }
        let path = engine.options.layout.journal(name);
        let entries = journal::read(&path).map_err(|error| {
            Problem::new(ExitCode::Failed, format!("cannot read `{}`", path.display())).cause(error.to_string())
        })?;
        let last = entries.iter().rev().find(|entry| entry.attempt > 0);
        if let Some(last) = last.filter(|last| !last.stage.is_final()) {
            tell(format!("attempt {} has not ended: it runs, or was interrupted", last.attempt));
        }
    }
    let (status, _) = status::status(engine)?;
    for line in status.wikis.iter().filter(|line| only.is_none_or(|only| *only == line.wiki.name)) {
        for outdated in &line.outdated {
            let what = format!("its release was made before a change of {}", outdated.words());
            found.wikis.entry(line.wiki.name.clone()).or_default().push(what);
        }
    }
    for event in events {
        let event::About::Wiki(name) = event.about(&engine.options.project) else { continue };
        let is_unfinished = known.get(&name).is_some_and(|known| known.wiki.state == State::Provisioning);
        if is_unfinished || only.is_some_and(|only| *only != name) {
            continue;
        }
        let served = event.old.as_ref().map_or("nothing", Sha::short);
        let what = match (event.kind, &event.new) {
            (Kind::Created, _) => {
                found.strangers.push(format!("the branch `{}` has no wiki", event.reference));
                continue;
            }
            (Kind::Config, _) => "its configuration has a commit that is not served".to_owned(),
            (_, Some(new)) => format!("its branch has {}, and {served} is served", new.short()),
            (_, None) => "its branch is gone".to_owned(),
        };
        found.wikis.entry(name).or_default().push(what);
    }
    Ok(found)
}

fn gerrit(flags: &Gerrit, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let options = read(&flags.config)?;
    let stop = stop()?;
    let reconcile = || {
        queue::add(&options.layout, &Entry::of_all(Source::Gerrit)).map_err(|error| {
            Problem::new(ExitCode::Failed, "cannot ask for a look at all wikis").cause(error.to_string())
        })
    };
    let follow =
        Follow { options: &options, settled: SETTLED, pauses: PAUSES, reconcile: &reconcile, stop: &stop, reporter };
    let followed = if flags.stdin {
        let input = std::io::stdin().as_fd().try_clone_to_owned().map_err(|error| {
            vec![Problem::new(ExitCode::Failed, "cannot read the standard input").cause(error.to_string())]
        })?;
        follow.recorded(File::from(input))
    } else {
        let Some(command) = &options.gerrit else {
            let hint = "docs/deploy.md has an example; `--stdin` reads a recorded stream";
            return Err(vec![Problem::new(ExitCode::Farm, "mwfarm.yml names no command `deploy.gerrit`").hint(hint)]);
        };
        follow.command(command)
    };
    let followed = followed.map_err(|problem| vec![problem])?;
    let queued = match followed.queued {
        1 => "1 push was queued".to_owned(),
        pushes => format!("{pushes} pushes were queued"),
    };
    let elsewhere = match (followed.elsewhere, &options.project) {
        (0, _) => String::new(),
        (1, project) => format!("; 1 event of another project than `{project}` was passed over"),
        (events, project) => format!("; {events} events of other projects than `{project}` were passed over"),
    };
    Ok(answer::line(&format!("{queued}{elsewhere}")))
}

/// What git's hooks call. Only `pre-receive` ever fails: a push that is accepted must not look as if it were not.
fn hook(flags: &Hook) -> Result<Output, Vec<Problem>> {
    let mut input = Vec::new();
    if flags.hook != HookKind::PostCommit {
        let most = u64::try_from(hook::MAX_INPUT).unwrap_or(u64::MAX).saturating_add(1);
        std::io::stdin().take(most).read_to_end(&mut input).map_err(|error| {
            vec![Problem::new(ExitCode::Failed, "cannot read what git says").cause(error.to_string())]
        })?;
    }
    let options = match read(&flags.config) {
        Ok(options) => options,
        Err(problems) if flags.hook == HookKind::PreReceive => return Err(problems),
        Err(problems) => {
            let told = problems.first().map(crate::deploy::engine::told).unwrap_or_default();
            return Ok(answer::line(&format!("mwfarm: nobody could be told: {told}")));
        }
    };
    match flags.hook {
        HookKind::PreReceive => {
            let scan = |repository: &Repository, commit: &_| {
                tree::scan(repository, commit, &options.limits).map(drop).map_err(|error| match error {
                    tree::Error::Refused { refused, .. } => refused.iter().map(ToString::to_string).collect(),
                    tree::Error::Git(error) => vec![error.to_string()],
                })
            };
            hook::pre_receive(&options, &input, &Repository::receiving(Path::new(".")), &scan)?;
            Ok(Output::done(Vec::new()))
        }
        HookKind::PostReceive => {
            let lines = hook::post_receive(&options, &input, &who());
            Ok(Output::done(lines.iter().fold(String::new(), |text, line| text + &escaped(line) + "\n")))
        }
        HookKind::PostCommit => {
            let Some(name) = flags.name.as_deref().and_then(|text| Name::new(text).ok()) else {
                return Ok(answer::line("mwfarm: nobody could be told: no wiki was named"));
            };
            Ok(answer::line(&hook::post_commit(&options.layout, &name, &who())))
        }
    }
}

fn listen(flags: &Serve, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let options = read(&flags.config)?;
    let stop = stop()?;
    let listening = |address| reporter.note(Verbosity::Normal, &format!("listening on {address}"));
    let serve = serve::Serve {
        options: &options,
        listen: flags.listen,
        public: false,
        stop: &stop,
        reporter,
        listening: &listening,
    };
    serve::serve(&serve).map_err(|problem| vec![problem])?;
    Ok(Output::done(Vec::new()))
}

fn work(flags: &Worker, jobs: Option<NonZeroUsize>, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let stop = stop()?;
    let counts = with_engine(&flags.config, reporter, |engine| {
        let create = |name: &Name, _: &Pushed| make(engine, name);
        let told = Mutex::new(Reminders::default());
        open_queue(engine.options)?;
        let counts = worker::work(&Work {
            options: engine.options,
            jobs: jobs.unwrap_or_else(self::jobs).get(),
            once: flags.once,
            every: Duration::from_secs(if flags.reconcile == 0 { u64::MAX / 4 } else { flags.reconcile }),
            pauses: worker::PAUSES,
            deploy: &|name, pushed| follow(engine, name, pushed),
            create: if engine.options.create_from_branches { Some(&create) } else { None },
            reconcile: &|| look(engine, &mut told.lock().unwrap_or_else(PoisonError::into_inner)),
            clean: Some(&|| repository::clean_daily(engine.options)),
            stop: &stop,
            reporter,
        })?;
        if !stop.is_asked() {
            empty(engine);
        }
        Ok(counts)
    })?;
    Ok(answer::line(&format!("{} deployed, {} failed", counts.deployed, counts.failed)))
}

/// Makes the queue, and lets those add to it who receive pushes.
fn open_queue(options: &Options) -> Result<(), Problem> {
    queue::prepare(&options.layout, queue_group(options)?)
        .map_err(|error| Problem::new(ExitCode::Failed, "cannot make the queue").cause(error.to_string()))
}

/// The number of the group that may tell of pushes.
fn queue_group(options: &Options) -> Result<Option<u32>, Problem> {
    let Some(name) = &options.queue_group else { return Ok(None) };
    let missing = || {
        Problem::new(ExitCode::Farm, format!("`{}` is no group of this machine", name.escape_debug()))
            .cause("mwfarm.yml, field `deploy.queue-group`")
    };
    users::group_number(name)?.ok_or_else(missing).map(Some)
}

/// How many wikis are deployed at a time when nothing is said. Deploys wait most of their time, for disks and for other
/// programs.
pub(super) fn jobs() -> NonZeroUsize {
    let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    processors.saturating_mul(NonZeroUsize::MIN.saturating_add(1)).max(NonZeroUsize::MIN.saturating_add(3))
}

fn stop() -> Result<Stop, Vec<Problem>> {
    Stop::on_signals()
        .map_err(|error| vec![Problem::new(ExitCode::Failed, "cannot listen to signals").cause(error.to_string())])
}

/// Deploys what a push brought. When the remote repository does not answer, it is tried again later.
fn follow(engine: &Engine<'_>, name: &Name, pushed: &Pushed) -> Outcome {
    // What goes wrong after that is the commit's fault, as a rule, and would again; a look at all wikis repeats it.
    if let Err(problem) = repository::ensure(engine.options).and_then(|()| repository::ls_remote(engine.options)) {
        return Outcome::Later(problem);
    }
    match create::finish(engine, name) {
        Ok(None) => {}
        Ok(Some(release)) => return Outcome::Deployed(release.code),
        Err(problem) => return failed(problem),
    }
    let request = Request {
        what: What::Newest,
        why: why(pushed),
        event: pushed.source.word().to_owned(),
        asker: attempt::Asker::Push,
        wait: true,
    };
    match attempt::deploy(engine, name, &request) {
        Ok(attempt::Outcome::Deployed(release)) => Outcome::Deployed(release.code),
        Ok(attempt::Outcome::Unchanged(_)) => Outcome::Unchanged,
        Ok(attempt::Outcome::Skipped(why)) => Outcome::Left(format!("is left as it is: {why}")),
        Err(failure) => failed(failure.problem),
    }
}

/// What comes of a deploy that failed: what another git keeps back, such as one whose parent was killed, it does not for
/// long.
fn failed(problem: Problem) -> Outcome {
    if repository::is_kept_back(&problem) { Outcome::Later(problem) } else { Outcome::Failed(problem) }
}

/// Why the history says that a push was followed; also for how many before it, which nobody looks at any more.
fn why(pushed: &Pushed) -> String {
    let why = format!("{} by {}", pushed.kind.word(), pushed.who);
    match pushed.superseded {
        0 => why,
        1 => why + ", in place of a push before it",
        more => format!("{why}, in place of {more} pushes before it"),
    }
}

/// Makes a wiki of a branch for which nobody asked, on farms that want that. The remote repository is asked first: a
/// message alone makes no branch.
fn make(engine: &Engine<'_>, name: &Name) -> Outcome {
    let branch = Options::branch(name);
    match repository::ensure(engine.options).and_then(|()| repository::ls_remote(engine.options)) {
        Err(problem) => return Outcome::Later(problem),
        Ok(remote) if !remote.refs.contains_key(&branch) => {
            return Outcome::Left("has no branch, and nobody asked for the wiki".to_owned());
        }
        Ok(_) => {}
    }
    match create::create(engine, &Asked::of(name)) {
        Ok(created) => Outcome::Deployed(created.release.code),
        Err(problem) => failed(problem),
    }
}

/// Mends what a crash left, archives wikis whose time is over, then compares all branches and configurations with what is
/// served.
fn look(engine: &Engine<'_>, told: &mut Reminders) -> Result<Vec<Event>, Problem> {
    let found = reconcile::mend_all(engine)?;
    for (name, done) in &found.wikis {
        for what in done {
            engine.reporter.warning(&format!("{name}: {what}"));
        }
    }
    let (expired, failed) = retire::expire(engine, false, false)?;
    for name in expired {
        engine.reporter.warning(&format!("{name}: archived, as its time is over"));
    }
    // Both tell of a record that cannot be read.
    let problems: BTreeSet<String> = found.problems.iter().chain(&failed).map(crate::deploy::engine::told).collect();
    for problem in problems {
        engine.reporter.warning(&problem);
    }
    repository::ensure(engine.options)?;
    let (known, events) = compare(engine)?;
    Ok(told.due(events, &known))
}

/// All wikis, and what of their branches and configurations is not what they serve.
fn compare(engine: &Engine<'_>) -> Result<(BTreeMap<Name, Known>, Vec<Event>), Problem> {
    let mut refs = repository::ls_remote(engine.options)?.refs;
    let mut known = BTreeMap::new();
    // One wiki must not keep the others back, nor be taken for one that is not there.
    let (wikis, damaged) = registry::readable(&engine.options.layout).map_err(|error| of_registry(&error))?;
    refs.retain(|reference, _| damaged.keys().all(|name| *reference != Options::branch(name)));
    for (name, wiki) in wikis {
        let served = match attempt::served(engine, &wiki) {
            Ok(served) => served,
            Err(problem) => {
                refs.remove(&wiki.branch);
                engine.reporter.warning(&format!("{name}: {}", crate::deploy::engine::told(&problem)));
                continue;
            }
        };
        let configured = configured(engine, &wiki)
            .filter(|newest| served.as_ref().is_some_and(|served| served.config.as_ref() != Some(newest)));
        known.insert(name, Known { wiki, served: served.map(|release| release.code), configured });
    }
    let events = watch::missed(&engine.options.project, &refs, &known);
    Ok((known, events))
}

/// The newest commit of a wiki's configuration. What its repository says instead is the wiki's affair: a deploy tells.
fn configured(engine: &Engine<'_>, wiki: &Wiki) -> Option<Sha> {
    if engine.options.config == Live::Seed || wiki.state != State::Ready {
        return None;
    }
    config_repository::head(wiki, &home::work_tree(engine.options, &wiki.name)).ok().flatten()
}
