//! The only place that prints: results to stdout, everything else to stderr.
//!
//! The rest of the crate returns values: an [`Output`] or [`Problem`]s, and on the way it tells a [`Reporter`] how
//! far it is. All text that may come from outside passes [`escaped`] here, so that no caller can forget it; but for
//! [`relay`], which passes on what the user runs.

pub mod diagnosis;
mod escape;
pub mod generations;
mod problem;
pub mod relay;
pub mod summary;
pub mod table;
mod terminal;
pub mod verification;
pub mod why;

pub use escape::{escaped, escaped_json};
pub use problem::Problem;
pub use terminal::{Terminal, catch_bugs, usage};

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitCode {
    /// Done.
    Done,
    /// Failed: a bad input file, or reading or writing failed.
    Failed,
    /// The extensions cannot be installed together: the locked versions do not satisfy everybody.
    Unmet,
    /// The command line is wrong, or names what does not exist.
    Usage,
    /// The farm's own files are wrong.
    Farm,
    /// What is published is out of date, and `--locked` forbids to renew it.
    OutOfDate,
    /// A bug in mwfarm.
    Bug,
    /// The code of a program that was run for the user.
    Script(u8),
}

impl ExitCode {
    /// The code as a number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Unmet => 2,
            Self::Usage => 4,
            Self::Farm => 5,
            Self::OutOfDate => 6,
            Self::Bug => 70,
            Self::Script(code) => code,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

/// What a command gives back when it did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The result, for stdout, as it is: whoever makes it has escaped what needs it.
    pub stdout: Vec<u8>,
    /// What the process ends with.
    pub exit: ExitCode,
    /// What went wrong all the same, for stderr.
    pub problems: Vec<Problem>,
}

impl Output {
    /// A result of a command that is done.
    #[must_use]
    pub fn done(stdout: impl Into<Vec<u8>>) -> Self {
        Self { stdout: stdout.into(), exit: ExitCode::Done, problems: Vec::new() }
    }

    /// The same result of a command that is done but for some problems; the first one decides the exit code.
    #[must_use]
    pub fn but(mut self, problems: Vec<Problem>) -> Self {
        self.exit = problems.first().map_or(self.exit, |problem| problem.exit);
        self.problems = problems;
        self
    }

    /// The same result with another exit code, such as that of a `verify` which found differences.
    #[must_use]
    pub fn exit(mut self, exit: ExitCode) -> Self {
        self.exit = exit;
        self
    }
}

/// How the user wants to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How much is said.
    pub verbosity: Verbosity,
    /// With or without colours; `None` leaves it to the terminal and the environment.
    pub colours: Option<bool>,
    /// Whether there may be progress bars.
    pub progress: bool,
}

/// How much is said on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verbosity {
    /// Errors only (`-q`).
    Quiet,
    /// Warnings and what everybody wants to know.
    Normal,
    /// `-v`: the time of each phase.
    Verbose,
    /// `-vv`: each set and bundle.
    VeryVerbose,
    /// `-vvv`: what names are made of.
    Debug,
}

/// A part of a command that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Reading manifests.
    Read,
    /// Checking that the locked versions satisfy everybody.
    Check,
    /// Scanning PHP files for classes.
    Scan,
    /// Making sets and linking bundles.
    Link,
    /// Writing and publishing files.
    Write,
    /// Comparing what is published with its manifest.
    Verify,
}

impl Phase {
    /// What the phase is doing, for a progress bar.
    #[must_use]
    pub fn doing(self) -> &'static str {
        match self {
            Self::Read => "reading",
            Self::Check => "checking",
            Self::Scan => "scanning",
            Self::Link => "linking",
            Self::Write => "writing",
            Self::Verify => "verifying",
        }
    }

    /// What the phase did, and to what: `scanned`, `autoload paths`.
    #[must_use]
    pub fn did(self) -> (&'static str, &'static str) {
        match self {
            Self::Read => ("read", "tree"),
            Self::Check => ("checked", "packages"),
            Self::Scan => ("scanned", "autoload paths"),
            Self::Link => ("linked", "sets and bundles"),
            Self::Write => ("wrote", "sets, bundles and tables"),
            Self::Verify => ("verified", "vendor directory"),
        }
    }
}

/// Watches a command at work. Phases come one after another, never one inside another; [`Reporter::step`] may be
/// called by many threads.
pub trait Reporter: Sync {
    /// A phase begins that takes `total` steps.
    fn begin(&self, phase: Phase, total: usize);
    /// One step of the phase is done.
    fn step(&self);
    /// The phase is over.
    fn end(&self);
    /// Something is odd, but the command goes on.
    fn warning(&self, text: &str);
    /// Something worth knowing, said when the user wants at least that much.
    fn note(&self, at: Verbosity, text: &str);
    /// How far a command is that takes minutes: also said to whoever waits for it at a terminal.
    fn progress(&self, at: Verbosity, text: &str) {
        self.note(at, text);
    }
}

/// Says nothing: for tests, benches and other programs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn begin(&self, _: Phase, _: usize) {}
    fn step(&self) {}
    fn end(&self) {}
    fn warning(&self, _: &str) {}
    fn note(&self, _: Verbosity, _: &str) {}
}
