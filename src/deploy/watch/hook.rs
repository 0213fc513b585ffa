//! What git's hooks run: `pre-receive` and `post-receive` of the repository that is pushed to, and `post-commit` of a
//! wiki's configuration.
//!
//! `pre-receive` refuses what could never be deployed, while the pusher is still there to read why. It is a courtesy: a
//! deploy checks all of it again, whatever way the commits came. It runs as the git user, before the pushed objects are
//! part of the repository.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::event::{self, About, Event, Kind};
use super::super::git::Repository;
use super::super::layout::Layout;
use super::super::name::Name;
use super::super::options::Options;
use super::super::queue::{self, Entry};
use super::super::release::Sha;
use super::notify;
use crate::process::Status;
use crate::report::{ExitCode, Problem};

/// How long a look at the history may take.
const TIME: Duration = Duration::from_secs(60);

/// The most that git writes to a hook, in bytes: refs by the ten thousands.
pub const MAX_INPUT: usize = 4 << 20;

/// Looks at a commit's tree; what is wrong with it are texts, of which the first ones are shown.
pub type Scan<'a> = &'a dyn Fn(&Repository, &Sha) -> Result<(), Vec<String>>;

/// How many findings of one tree are shown.
const MAX_FINDINGS: usize = 20;

/// Whether a push is accepted, given what git wrote to `pre-receive`: all of it or nothing.
///
/// # Errors
/// All that is wrong with it.
pub fn pre_receive(
    options: &Options,
    input: &[u8],
    repository: &Repository,
    scan: Scan<'_>,
) -> Result<(), Vec<Problem>> {
    let events = event::hook(input, &options.project, "git").map_err(|error| vec![refused(error.to_string())])?;
    let problems: Vec<Problem> =
        events.iter().flat_map(|event| check(options, event, repository, scan).err().unwrap_or_default()).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn check(options: &Options, event: &Event, repository: &Repository, scan: Scan<'_>) -> Result<(), Vec<Problem>> {
    let one = |problem: Problem| Err(vec![problem]);
    let name = match event::about(&event.reference) {
        About::Wiki(name) => name,
        About::Refused(why) => return one(refused(why)),
        About::Other => return looks_like_ours(&event.reference).map_or(Ok(()), |why| one(refused(why))),
    };
    let Some(new) = &event.new else {
        let hint = format!("`mwfarm wiki delete {name}` ends a wiki; branches stay");
        return one(refused(format!("the branch of `{name}` cannot be deleted")).hint(hint));
    };
    if let (Kind::Updated, Some(old), false) = (event.kind, &event.old, options.force_push) {
        match is_ancestor(repository, old, new) {
            Ok(true) => {}
            Ok(false) => {
                let what = format!("the push to `{name}` leaves out commits of its branch");
                return one(refused(what).hint("merge or rebase onto the branch, and push again"));
            }
            Err(problem) => return one(problem),
        }
    }
    scan(repository, new).map_err(|findings| {
        let more = findings.len().saturating_sub(MAX_FINDINGS);
        let causes = findings.into_iter().take(MAX_FINDINGS);
        let problem = refused(format!("the tree of `{}` cannot be the code of `{name}`", new.short())).causes(causes);
        vec![if more == 0 { problem } else { problem.cause(format!("and {more} more")) }]
    })
}

/// Why a ref that is no wiki's branch is refused all the same: it looks like one, and somebody or something would take it
/// for that; or it is where the farm keeps what it has deployed.
fn looks_like_ours(reference: &str) -> Option<String> {
    let lower = reference.to_ascii_lowercase();
    let shown = reference.escape_debug();
    if lower.starts_with("refs/deployed/") || lower == "refs/deployed" {
        return Some(format!("`{shown}` is kept by mwfarm for what it has deployed"));
    }
    let mut parts = lower.split('/').skip(1);
    let (first, second) = (parts.next(), parts.next());
    if first == Some("wiki") || second == Some("wiki") {
        return Some(format!("`{shown}` is not where wikis are: their branches are `refs/heads/wiki/<name>`"));
    }
    None
}

fn is_ancestor(repository: &Repository, old: &Sha, new: &Sha) -> Result<bool, Problem> {
    let program = repository.program(["merge-base", "--is-ancestor", "--end-of-options", old.as_str(), new.as_str()]);
    let failed = || Problem::new(ExitCode::Failed, format!("cannot compare `{}` with `{}`", old.short(), new.short()));
    let captured = program.capture(4096, TIME).map_err(|error| failed().cause(error.to_string()))?;
    match captured.status {
        Status::Exited(0) => Ok(true),
        Status::Exited(1) => Ok(false),
        _ => Err(failed().cause(String::from_utf8_lossy(&captured.messages).trim().to_owned())),
    }
}

fn refused(what: impl Into<String>) -> Problem {
    Problem::new(ExitCode::Usage, what)
}

/// Queues what was pushed, given what git wrote to `post-receive`, and returns at once. Gives the lines for the pusher,
/// one for each wiki. The push is done already: nothing that goes wrong here can be its failure, and the next look at
/// all wikis finds it.
#[must_use]
pub fn post_receive(options: &Options, input: &[u8], who: &str) -> Vec<String> {
    let events = match event::hook(input, &options.project, who) {
        Ok(events) => events,
        Err(error) => return vec![format!("mwfarm: nothing is queued: {error}")],
    };
    let mut lines = Vec::new();
    let mut seen = BTreeSet::new();
    for event in &events {
        match event.about(&options.project) {
            About::Other => {}
            About::Refused(why) => lines.push(format!("mwfarm: {why}")),
            About::Wiki(name) if event.kind == Kind::Deleted => {
                let added = queue::add(&options.layout, &Entry::of(event, &name));
                let lost = added.err().map(|error| format!(", and could not be told of: {error}")).unwrap_or_default();
                lines.push(format!("mwfarm: the branch of {name} is gone, the wiki stays{lost}"));
            }
            About::Wiki(name) => {
                if !seen.insert(name.clone()) {
                    continue;
                }
                lines.push(match queue::add(&options.layout, &Entry::of(event, &name)) {
                    Ok(()) => format!("mwfarm: {name} is queued to be deployed"),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                        format!("mwfarm: {name} is looked at later: no worker has run yet")
                    }
                    Err(error) => format!("mwfarm: {name} is looked at later: the queue does not take it: {error}"),
                });
            }
        }
    }
    lines
}

/// Says that a wiki's configuration has a new commit, given to `post-commit`. Gives the line for whoever committed; the
/// commit is done already, whatever happens here.
///
/// A wiki's user may only touch a file in a directory of the wiki's; who may write to the queue does that.
#[must_use]
pub fn post_commit(layout: &Layout, name: &Name, who: &str) -> String {
    let told = notify::tell(layout, name).or_else(|_| queue::add(layout, &Entry::of_config(name, who)));
    match told {
        Ok(()) => format!("mwfarm: the commit of {name} is queued to be deployed"),
        Err(error) => format!("mwfarm: the commit of {name} is looked at later: nobody could be told: {error}"),
    }
}
