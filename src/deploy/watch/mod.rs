//! `watch`: hears of pushes, and deploys what was pushed.
//!
//! ```text
//! Gerrit's stream ─ gerrit ─┐
//! git's hooks ───── hook ───┼→ event → queue/new/ ─ worker ─→ deploy one wiki
//! webhooks ──────── serve ──┤                         ↑
//! a tenant's commit ─ notify┘        what was missed ─┘
//! ```
//!
//! Each of them is a process of its own, with the rights that it needs: hooks run as the git user, `serve` as a user
//! that may write to the queue, only the worker as root. None of them is believed: an event says that a branch is to be
//! looked at, and the branch itself says what is deployed.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::event::{About, Event, Kind, Source, about};
use super::name::Name;
use super::options::Options;
use super::record::{State, Wiki};
use super::release::Sha;
use crate::report::Problem;

pub mod gerrit;
pub mod hook;
pub mod notify;
pub mod serve;
pub mod worker;

mod counts;
mod metrics;
mod removal;

/// Why a wiki is deployed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Where the branch was when that was told. Only a hint: what is deployed is what the branch has.
    pub code: Option<Sha>,
    /// What happened.
    pub kind: Kind,
    /// Who told.
    pub source: Source,
    /// Who did it, as far as that was told.
    pub who: String,
    /// When it was told, in seconds since 1970.
    pub at: u64,
    /// How many pushes before it were told of and never looked at, because this one came.
    pub superseded: u64,
}

/// What came of a deploy. Whoever deploys has recorded it where that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// This commit is served now.
    Deployed(Sha),
    /// What the branch has is served already.
    Unchanged,
    /// Nothing was done, on purpose, and nothing will be until somebody says so: the rest of a sentence about the wiki,
    /// such as `is held`.
    Left(String),
    /// It failed, and would fail again.
    Failed(Problem),
    /// It could not be tried: the network, the disk. It is done again after a while.
    Later(Problem),
}

/// Tells long-running commands to come to an end.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// One that is asked by SIGTERM and SIGINT. The second signal ends the process at once.
    ///
    /// # Errors
    /// Those of the system.
    pub fn on_signals() -> io::Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let stop = Self::default();
        for signal in [SIGTERM, SIGINT] {
            // In this order: the first signal finds the flag as it was.
            signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop.0))?;
            signal_hook::flag::register(signal, Arc::clone(&stop.0))?;
        }
        Ok(stop)
    }

    /// Asks.
    pub fn ask(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits so long, or until it is asked; says which it was.
    #[must_use]
    pub fn wait(&self, time: Duration) -> bool {
        /// How late a signal may be noticed: it does not wake a thread that sleeps.
        const STEP: Duration = Duration::from_millis(100);
        let deadline = Instant::now() + time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.is_asked() || left.is_zero() {
                return self.is_asked();
            }
            std::thread::sleep(left.min(STEP));
        }
    }
}

/// A wiki as reconciling sees it.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its record.
    pub wiki: Wiki,
    /// The commit of the code that is served.
    pub served: Option<Sha>,
    /// The newest commit of its configuration, if that is not what is served.
    pub configured: Option<Sha>,
}

/// What the remote repository's branches tell that no event did, or none that was followed: wikis whose branch, or whose
/// configuration, is not what is served; branches of wikis that there are not (created, by whoever may); wikis without a
/// branch (deleted); wikis that are not finished, which may have no branch yet.
///
/// What is served is compared, not what is desired: a deploy that was killed is found, too. Wikis that are held
/// or gone are left out; a commit that was found to be bad is the deploy's to refuse, which knows the
/// configuration, too.
#[must_use]
pub fn missed(project: &str, remote: &BTreeMap<String, Sha>, wikis: &BTreeMap<Name, Known>) -> Vec<Event> {
    let event = |reference: &str, old: Option<&Sha>, new: Option<&Sha>, kind| Event {
        project: project.to_owned(),
        reference: reference.to_owned(),
        old: old.cloned(),
        new: new.cloned(),
        who: "mwfarm".to_owned(),
        kind,
        source: Source::Reconcile,
    };
    let mut events = Vec::new();
    for (reference, new) in remote {
        let About::Wiki(name) = about(reference) else { continue };
        let Some(Known { wiki, served, .. }) = wikis.get(&name) else {
            events.push(event(reference, None, Some(new), Kind::Created));
            continue;
        };
        if wiki.state == State::Ready && wiki.held.is_none() && served.as_ref() != Some(new) {
            events.push(event(reference, served.as_ref(), Some(new), Kind::Missed));
        }
    }
    for (name, Known { wiki, served, configured }) in wikis {
        let branch = Options::branch(name);
        match wiki.state {
            State::Ready => {}
            State::Provisioning if wiki.held.is_none() => {
                events.push(event(&branch, None, remote.get(&branch), Kind::Missed));
                continue;
            }
            _ => continue,
        }
        if !remote.contains_key(&branch) {
            events.push(event(&branch, served.as_ref(), None, Kind::Deleted));
        }
        if configured.is_some() && wiki.held.is_none() {
            events.push(event(&branch, None, None, Kind::Config));
        }
    }
    events
}

/// What looks have told before. What cannot be deployed differs from what is served for as long as nobody pushes a better
/// one: it is told again less and less often, since the disk may have been full, and not at each look.
#[derive(Debug, Default)]
pub struct Reminders(BTreeMap<(Name, Kind), Again>);

#[derive(Debug)]
struct Again {
    commits: [Option<Sha>; 2],
    looks: u32,
}

impl Reminders {
    /// How many looks it takes at most until a thing is told again.
    const MOST: u32 = 64;

    /// Of what a look found, what is to be told now.
    #[must_use]
    pub fn due(&mut self, found: Vec<Event>, wikis: &BTreeMap<Name, Known>) -> Vec<Event> {
        let mut before = std::mem::take(&mut self.0);
        let mut due = Vec::new();
        for event in found {
            let About::Wiki(name) = about(&event.reference) else { continue };
            let configured = wikis.get(&name).and_then(|known| known.configured.clone());
            let commits = [event.new.clone(), configured];
            let key = (name, event.kind);
            let looks = match before.remove(&key) {
                Some(again) if again.commits == commits => again.looks.saturating_add(1),
                _ => 0,
            };
            if looks == 0 || looks.is_power_of_two() && looks < Self::MOST || looks % Self::MOST == 0 {
                due.push(event);
            }
            self.0.insert(key, Again { commits, looks });
        }
        due
    }
}

#[cfg(test)]
mod tests;
