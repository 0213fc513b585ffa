//! What all commands of a deployed farm work with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::health;
use super::journal::{self, Entry, Stage};
use super::maintenance;
use super::name::Name;
use super::options::Options;
use super::record::{Broken, State, Wiki};
use super::registry;
use super::release::ReleaseId;
use super::releases::unusable;
use super::web;
use crate::farm::Host;
use crate::process::User;
use crate::report::{ExitCode, Problem, Reporter, Verbosity};

/// What is built of a release: asked by `deploy`, answered by the verbs `config` and `build`.
#[derive(Debug)]
pub struct ToBuild<'t> {
    /// The release's tree, which is not at its place yet.
    pub tree: &'t Path,
    /// Where it will be.
    pub place: PathBuf,
    /// The wiki.
    pub wiki: &'t Wiki,
    /// Where it answers: its host, and the one at which releases are tried.
    pub hosts: Vec<Host>,
    /// The directory of the wiki's own configuration, as committed.
    pub config: PathBuf,
}

/// What was built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Built {
    /// What the build of the Composer sets published; `None` when the tree has no Composer packages.
    pub generation: Option<String>,
    /// The extensions and skins of the wiki, in load order.
    pub extensions: Vec<String>,
    /// The farm's settings compiled for this wiki, when the farm has some: PHP text.
    pub settings: Option<String>,
    /// The files of the farm's settings that were read, or looked for, by their names in its directory, with the keys of
    /// their contents: an empty one of a file that was not there.
    pub sources: BTreeMap<String, String>,
}

/// How a release is built.
pub type Build<'b> = dyn Fn(&ToBuild<'_>) -> Result<Built, Vec<Problem>> + Sync + 'b;

/// What all commands work with.
#[derive(Clone, Copy)]
pub struct Engine<'e> {
    /// How wikis are deployed.
    pub options: &'e Options,
    /// How releases are built.
    pub build: &'e Build<'e>,
    /// Who is told.
    pub reporter: &'e dyn Reporter,
    /// On whose behalf.
    pub who: &'e str,
}

impl std::fmt::Debug for Engine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("who", &self.who).finish_non_exhaustive()
    }
}

impl Engine<'_> {
    /// The record of a wiki.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn wiki(&self, name: &Name) -> Result<Wiki, Problem> {
        registry::find(&self.options.layout, name).map_err(|error| of_registry(&error))?.ok_or_else(|| unknown(name))
    }

    /// Puts a record.
    ///
    /// # Errors
    /// Those of the system.
    pub fn put(&self, wiki: &Wiki) -> Result<(), Problem> {
        registry::put(&self.options.layout, wiki).map_err(|error| of_registry(&error))
    }

    /// Whom a wiki's programs run as.
    #[must_use]
    pub fn user(&self, wiki: &Wiki) -> Option<User> {
        wiki.uid.map(|uid| User { uid, gid: uid })
    }

    /// A wiki's release, as scripts see it.
    #[must_use]
    pub fn site<'s>(&'s self, wiki: &'s Wiki, tree: PathBuf) -> maintenance::Site<'s> {
        maintenance::Site {
            php: &self.options.php,
            name: &wiki.name,
            tree,
            user: self.user(wiki),
            home: self.options.layout.home(&wiki.name),
        }
    }

    /// Adds a line to a wiki's journal.
    ///
    /// # Errors
    /// Those of the system.
    pub fn add(&self, name: &Name, entry: &Entry) -> Result<(), Problem> {
        if let Some(release) = &entry.release {
            self.reporter.progress(Verbosity::Verbose, &format!("{name}: {release}: {}", entry.stage.word()));
        }
        self.add_to(&self.options.layout.journal(name), entry)
    }

    fn add_to(&self, path: &Path, entry: &Entry) -> Result<(), Problem> {
        let directory = path.parent().unwrap_or(Path::new("/"));
        crate::disk::make_directories(&self.options.layout.state())
            .and_then(|()| crate::disk::make_directory(directory, 0o700, None))
            .and_then(|()| journal::add(path, entry))
            .map_err(|error| unusable(path, &error))
    }

    /// Notes that somebody is about to use a wiki's rights, which its owners do as often as they like.
    ///
    /// # Errors
    /// Those of the system.
    pub fn audit(&self, name: &Name, what: &str) -> Result<(), Problem> {
        self.add_to(&self.options.layout.audit(name), &self.entry(0, Stage::Noted, what))
    }

    /// Notes something that is no deploy.
    ///
    /// # Errors
    /// Those of the system.
    pub fn note(&self, name: &Name, what: &str) -> Result<(), Problem> {
        self.add(name, &self.entry(0, Stage::Noted, what))
    }

    /// A line for the journal.
    #[must_use]
    pub fn entry(&self, attempt: u64, stage: Stage, why: &str) -> Entry {
        Entry {
            at: crate::disk::now(),
            attempt,
            stage,
            who: self.who.to_owned(),
            why: why.to_owned(),
            code: None,
            config: None,
            release: None,
            error: None,
            uid: None,
        }
    }

    /// Asks a wiki, or a release at the host for trying, whether it answers as it should. What another program serves
    /// is not asked.
    ///
    /// # Errors
    /// Why it is not well.
    pub fn check(&self, wiki: &Wiki, host: &Host, release: &ReleaseId) -> Result<(), String> {
        let Some(backend) = self.options.backend(wiki) else { return Ok(()) };
        health::check(self.options, backend, host, release).map_err(|unwell| match unwell {
            health::Unwell::Silent { .. } => unwell.to_string(),
            _ => format!("{unwell} (PHP's messages are in `logs/php.log` of the wiki's home)"),
        })
    }

    /// The host at which releases of a wiki are tried.
    ///
    /// # Errors
    /// It would be too long.
    pub fn next_host(&self, name: &Name) -> Result<Host, Problem> {
        web::next_host(self.options, name).map_err(|error| Problem::from_error(ExitCode::Usage, &error))
    }

    /// Tells whoever wants to see each step that one begins.
    pub fn begins(&self, name: &Name, step: &str) {
        self.reporter.progress(Verbosity::VeryVerbose, &format!("{name}: {step}"));
    }

    /// A step of making or mending a wiki. When it fails, the record says so; when all went well later, nothing of it
    /// is left.
    ///
    /// # Errors
    /// Those of the step.
    pub fn step<T>(
        &self,
        wiki: &mut Wiki,
        step: &str,
        action: impl FnOnce(&Wiki) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        // Of a wiki that is there, there is little to make; and there may be thousands.
        if wiki.state == State::Provisioning {
            self.begins(&wiki.name, step);
        } else {
            self.reporter.note(Verbosity::VeryVerbose, &format!("{}: {step}", wiki.name));
        }
        action(wiki).map_err(|problem| {
            let hint = problem.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
            let error = told(&problem) + &hint;
            wiki.broken = Some(Broken { step: step.to_owned(), error, needs_operator: None });
            // The problem itself is more important than that it could not be noted.
            let _ = self.put(wiki);
            problem.cause(format!("step `{step}` of the wiki `{}`", wiki.name))
        })
    }
}

/// A problem in one line, for records and journals.
#[must_use]
pub fn told(problem: &Problem) -> String {
    let mut text = problem.what.clone();
    for cause in &problem.causes {
        text.push_str(": ");
        text.push_str(cause);
    }
    text
}

/// A problem of a command that goes on where it was when it is run again, which its hint says last.
#[must_use]
pub fn goes_on(mut problem: Problem, command: &str) -> Problem {
    let before = problem.hint.take().map_or_else(String::new, |hint| hint + "; then ");
    problem.hint(format!("{before}`{command}` goes on from there"))
}

/// A wiki that the registry does not have.
#[must_use]
pub fn unknown(name: &Name) -> Problem {
    Problem::new(ExitCode::Usage, format!("there is no wiki `{name}`"))
        .hint("`mwfarm wiki list` shows the wikis; `mwfarm wiki create` makes one")
}

/// A registry that cannot be used.
#[must_use]
pub fn of_registry(error: &registry::Error) -> Problem {
    match error {
        registry::Error::Locked(error) => of_lock(error),
        registry::Error::System { .. } => Problem::from_error(ExitCode::Failed, error),
        registry::Error::Damaged { .. } => Problem::from_error(ExitCode::Failed, error)
            .hint("mend it, or put that of a backup there; what it is about is left as it is until then"),
        registry::Error::Full(_) => Problem::from_error(ExitCode::Failed, error)
            .cause(format!("{}, field `deploy.users`", super::options::FILE))
            .hint("give it a larger range: numbers of wikis that were deleted are never given again"),
        registry::Error::Forgotten { highest, .. } => {
            let known = highest.map_or_else(String::new, |highest| format!("{highest} or "));
            Problem::from_error(ExitCode::Failed, error).hint(format!(
                "put that of a backup there, or `{{\"last\": NUMBER}}` with {known}whatever higher number a deleted wiki had"
            ))
        }
    }
}

impl From<registry::Error> for Problem {
    fn from(error: registry::Error) -> Self {
        of_registry(&error)
    }
}

/// A lock that was not had.
#[must_use]
pub fn of_lock(error: &super::lock::Error) -> Problem {
    let problem = Problem::from_error(ExitCode::Failed, error);
    match error {
        crate::disk::LockError::Held { .. } => problem.hint("wait for it, or say `--wait`"),
        crate::disk::LockError::Replaced(_) | crate::disk::LockError::System { .. } => problem,
    }
}
